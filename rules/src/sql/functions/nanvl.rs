//! `nanvl`: the default when the value is Undefined or Null, else the value, whatever its type (RULES-202).

use super::{Body, Function, example};
use crate::sql::value::Value;

pub(super) static FUNCTION: Function = Function::new(
    "nanvl",
    "nanvl(value, default)",
    "The default when the value is Undefined or Null, else the value, whatever its type.",
    Body::Pure(nanvl),
)
.examples(&[
    example(r#"nanvl(8, 3)"#, r#"8"#),
    example(r#"nanvl(missing, 3)"#, r#"3"#),
    example(r#"nanvl('x', 3)"#, r#""x""#),
]);

fn nanvl(arguments: &[Value]) -> Value {
    match arguments {
        [Value::Undefined | Value::Null, default] => default.clone(),
        [value, _] => value.clone(),
        _ => Value::Undefined,
    }
}
