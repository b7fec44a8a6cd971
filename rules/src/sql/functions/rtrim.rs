//! `rtrim`: the text without spaces and tabs at the end (RULES-219).

use super::{Body, Function, example};
use crate::sql::convert::to_text;
use crate::sql::value::Value;

pub(super) static FUNCTION: Function =
    Function::new("rtrim", "rtrim(text)", "The text without spaces and tabs at the end.", Body::Pure(rtrim))
        .examples(&[example(r#"rtrim(' h i ')"#, r#"" h i""#)]);

fn rtrim(arguments: &[Value]) -> Value {
    let [text] = arguments else { return Value::Undefined };
    to_text(text).map_or(Value::Undefined, |text| text.trim_end_matches([' ', '\t']).into())
}
