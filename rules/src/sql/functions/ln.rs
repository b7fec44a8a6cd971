//! `ln`: the natural logarithm; Undefined of nought and below (RULES-196, RULES-197).

use super::{Body, Function, example};
use crate::sql::convert::to_double;
use crate::sql::value::Value;

pub(super) static FUNCTION: Function = Function::new(
    "ln",
    "ln(number)",
    "The natural logarithm; Undefined of nought and below.",
    Body::Pure(ln),
)
.double()
.examples(&[example(r#"ln(1)"#, r#"0"#), example(r#"ln(-1)"#, r#"undefined"#)]);

fn ln(arguments: &[Value]) -> Value {
    let [number] = arguments else { return Value::Undefined };
    to_double(number).map_or(Value::Undefined, |number| Value::double(f64::ln(number)))
}
