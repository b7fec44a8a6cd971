//! `ltrim`: the text without spaces and tabs at the start (RULES-219).

use super::{Body, Function, example};
use crate::sql::convert::to_text;
use crate::sql::value::Value;

pub(super) static FUNCTION: Function = Function::new(
    "ltrim",
    "ltrim(text)",
    "The text without spaces and tabs at the start.",
    Body::Pure(ltrim),
)
.examples(&[example(r#"ltrim(' h i ')"#, r#""h i ""#)]);

fn ltrim(arguments: &[Value]) -> Value {
    let [text] = arguments else { return Value::Undefined };
    to_text(text).map_or(Value::Undefined, |text| text.trim_start_matches([' ', '\t']).into())
}
