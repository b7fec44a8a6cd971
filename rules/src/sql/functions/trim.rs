//! `trim`: the text without spaces and tabs at both ends (RULES-219).

use super::{Body, Function, example};
use crate::sql::convert::to_text;
use crate::sql::value::Value;

pub(super) static FUNCTION: Function =
    Function::new("trim", "trim(text)", "The text without spaces and tabs at both ends.", Body::Pure(trim))
        .examples(&[example(r#"trim('  h i ')"#, r#""h i""#)]);

fn trim(arguments: &[Value]) -> Value {
    let [text] = arguments else { return Value::Undefined };
    to_text(text).map_or(Value::Undefined, |text| text.trim_matches([' ', '\t']).into())
}
