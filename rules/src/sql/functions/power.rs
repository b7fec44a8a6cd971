//! `power`: the base to the power of the exponent, in double precision (RULES-199).

use super::{Body, Function, example};
use crate::sql::convert::to_double;
use crate::sql::value::Value;

pub(super) static FUNCTION: Function = Function::new(
    "power",
    "power(base, exponent)",
    "The base to the power of the exponent, in double precision.",
    Body::Pure(power),
)
.double()
.examples(&[example(r#"power(2, 5)"#, r#"32"#), example(r#"power('4', 0.5)"#, r#"2"#)]);

fn power(arguments: &[Value]) -> Value {
    let [base, exponent] = arguments else { return Value::Undefined };
    match (to_double(base), to_double(exponent)) {
        (Some(base), Some(exponent)) => Value::double(base.powf(exponent)),
        _ => Value::Undefined,
    }
}
