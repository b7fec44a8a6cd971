//! `isUndefined`: whether the value is Undefined (RULES-236).

use super::{Body, Function, example};
use crate::sql::value::Value;

pub(super) static FUNCTION: Function = Function::new(
    "isUndefined",
    "isUndefined(value)",
    "Whether the value is Undefined.",
    Body::Pure(isundefined),
)
.since_2016()
.examples(&[example(r#"isUndefined(missing)"#, r#"true"#), example(r#"isUndefined(null)"#, r#"false"#)]);

fn isundefined(arguments: &[Value]) -> Value {
    match arguments {
        [value] => matches!(value, Value::Undefined).into(),
        _ => Value::Undefined,
    }
}
