//! `upper`: the text in upper case (RULES-215).

use super::{Body, Function, example};
use crate::sql::convert::to_text;
use crate::sql::value::Value;

pub(super) static FUNCTION: Function =
    Function::new("upper", "upper(text)", "The text in upper case.", Body::Pure(upper))
        .examples(&[example(r#"upper('hello')"#, r#""HELLO""#), example(r#"upper(true)"#, r#""TRUE""#)]);

fn upper(arguments: &[Value]) -> Value {
    let [text] = arguments else { return Value::Undefined };
    to_text(text).map_or(Value::Undefined, |text| text.to_uppercase().into())
}
