//! `isNull`: whether the value is Null (RULES-235).

use super::{Body, Function, example};
use crate::sql::value::Value;

pub(super) static FUNCTION: Function =
    Function::new("isNull", "isNull(value)", "Whether the value is Null.", Body::Pure(isnull))
        .examples(&[example(r#"isNull(null)"#, r#"true"#), example(r#"isNull(missing)"#, r#"false"#)]);

fn isnull(arguments: &[Value]) -> Value {
    match arguments {
        [value] => matches!(value, Value::Null).into(),
        _ => Value::Undefined,
    }
}
