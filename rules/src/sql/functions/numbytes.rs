//! `numbytes`: how many bytes the text has in UTF-8 (RULES-214).

use super::{Body, Function, example};
use crate::sql::convert::to_text;
use crate::sql::value::Value;

pub(super) static FUNCTION: Function = Function::new(
    "numbytes",
    "numbytes(text)",
    "How many bytes the text has in UTF-8.",
    Body::Pure(numbytes),
)
.since_2016()
.examples(&[example(r#"numbytes('hi')"#, r#"2"#), example(r#"numbytes('€')"#, r#"3"#)]);

fn numbytes(arguments: &[Value]) -> Value {
    let [text] = arguments else { return Value::Undefined };
    to_text(text).map_or(Value::Undefined, |text| Value::Int(text.len() as i128))
}
