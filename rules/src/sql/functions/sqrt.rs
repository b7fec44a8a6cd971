//! `sqrt`: the square root; Undefined of negative numbers (RULES-198).

use super::{Body, Function, example};
use crate::sql::convert::to_double;
use crate::sql::value::Value;

pub(super) static FUNCTION: Function = Function::new(
    "sqrt",
    "sqrt(number)",
    "The square root; Undefined of negative numbers.",
    Body::Pure(sqrt),
)
.double()
.examples(&[example(r#"sqrt(9)"#, r#"3"#), example(r#"sqrt(-1)"#, r#"undefined"#)]);

fn sqrt(arguments: &[Value]) -> Value {
    let [number] = arguments else { return Value::Undefined };
    to_double(number).map_or(Value::Undefined, |number| Value::double(f64::sqrt(number)))
}
