//! `rpad`: puts `count` spaces, from 0 to 1000, behind the text (RULES-216 to RULES-218).

use super::lpad::MAX_SPACES;
use super::text::bounded;
use super::{Body, Function, example};
use crate::sql::convert::{to_int, to_text};
use crate::sql::value::Value;

pub(super) static FUNCTION: Function = Function::new(
    "rpad",
    "rpad(text, count)",
    "Puts `count` spaces, from 0 to 1000, behind the text.",
    Body::Pure(rpad),
)
.examples(&[example(r#"rpad(1, 3)"#, r#""1   ""#), example(r#"rpad('a', -1)"#, r#""a""#)]);

fn rpad(arguments: &[Value]) -> Value {
    let [text, count] = arguments else { return Value::Undefined };
    match (to_text(text), to_int(count)) {
        (Some(text), Some(count)) => {
            let count = usize::try_from(count.clamp(0, MAX_SPACES)).unwrap_or_default();
            let spaces = " ".repeat(count);
            bounded([&*text, &*spaces])
        }
        _ => Value::Undefined,
    }
}
