//! `lower`: the text in lower case (RULES-215).

use super::{Body, Function, example};
use crate::sql::convert::to_text;
use crate::sql::value::Value;

pub(super) static FUNCTION: Function =
    Function::new("lower", "lower(text)", "The text in lower case.", Body::Pure(lower)).examples(&[
        example(r#"lower('HELLO')"#, r#""hello""#),
        example(r#"lower(['HELLO'])"#, r#""[\"hello\"]""#),
    ]);

fn lower(arguments: &[Value]) -> Value {
    let [text] = arguments else { return Value::Undefined };
    to_text(text).map_or(Value::Undefined, |text| text.to_lowercase().into())
}
