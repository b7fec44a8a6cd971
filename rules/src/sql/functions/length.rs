//! `length`: how many characters the text has (RULES-213).

use super::{Body, Function, example};
use crate::sql::convert::to_text;
use crate::sql::value::Value;

pub(super) static FUNCTION: Function =
    Function::new("length", "length(text)", "How many characters the text has.", Body::Pure(length))
        .since_2016()
        .examples(&[
            example(r#"length('hi')"#, r#"2"#),
            example(r#"length(false)"#, r#"5"#),
            example(r#"length(null)"#, r#"undefined"#),
        ]);

fn length(arguments: &[Value]) -> Value {
    let [text] = arguments else { return Value::Undefined };
    to_text(text).map_or(Value::Undefined, |text| Value::Int(text.chars().count() as i128))
}
