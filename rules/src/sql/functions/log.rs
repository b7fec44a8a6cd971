//! `log`: the logarithm to base 10; Undefined of nought and below (RULES-196, RULES-197).

use super::{Body, Function, example};
use crate::sql::convert::to_double;
use crate::sql::value::Value;

pub(super) static FUNCTION: Function = Function::new(
    "log",
    "log(number)",
    "The logarithm to base 10; Undefined of nought and below.",
    Body::Pure(log),
)
.double()
.examples(&[example(r#"log(100)"#, r#"2"#), example(r#"log(0)"#, r#"undefined"#)]);

fn log(arguments: &[Value]) -> Value {
    let [number] = arguments else { return Value::Undefined };
    to_double(number).map_or(Value::Undefined, |number| Value::double(f64::log10(number)))
}
