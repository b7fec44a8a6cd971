//! `lpad`: puts `count` spaces, from 0 to 1000, in front of the text (RULES-216 to RULES-218).

use super::text::bounded;
use super::{Body, Function, example};
use crate::sql::convert::{to_int, to_text};
use crate::sql::value::Value;

pub(super) static FUNCTION: Function = Function::new(
    "lpad",
    "lpad(text, count)",
    "Puts `count` spaces, from 0 to 1000, in front of the text.",
    Body::Pure(lpad),
)
.examples(&[example(r#"lpad('hello', 2)"#, r#""  hello""#), example(r#"lpad('a', 'x')"#, r#"undefined"#)]);

fn lpad(arguments: &[Value]) -> Value {
    let [text, count] = arguments else { return Value::Undefined };
    match (to_text(text), to_int(count)) {
        (Some(text), Some(count)) => {
            let count = usize::try_from(count.clamp(0, MAX_SPACES)).unwrap_or_default();
            let spaces = " ".repeat(count);
            bounded([&*spaces, &*text])
        }
        _ => Value::Undefined,
    }
}

/// RULES-217.
pub(super) const MAX_SPACES: i128 = 1000;
