//! `indexof`: the position of the first character of the part in the text, counted from 0; -1 when it is not there (RULES-211, RULES-212).

use super::{Body, Function, example};
use crate::sql::convert::to_text;
use crate::sql::value::Value;

pub(super) static FUNCTION: Function = Function::new(
    "indexof",
    "indexof(text, part)",
    "The position of the first character of the part in the text, counted from 0; -1 when it is not there.",
    Body::Pure(indexof),
)
.since_2016()
.examples(&[
    example(r#"indexof('abcd', 'bc')"#, r#"1"#),
    example(r#"indexof('abcd', 'x')"#, r#"-1"#),
    example(r#"indexof(1234, 3)"#, r#"2"#),
]);

fn indexof(arguments: &[Value]) -> Value {
    let [text, part] = arguments else { return Value::Undefined };
    match (to_text(text), to_text(part)) {
        (Some(text), Some(part)) => Value::Int(match text.split_once(&*part) {
            Some((before, _)) => before.chars().count() as i128,
            None => -1,
        }),
        _ => Value::Undefined,
    }
}
