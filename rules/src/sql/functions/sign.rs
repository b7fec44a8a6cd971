//! `sign`: -1, 0 or 1 as the number is negative, nought or positive (RULES-201).

use super::{Body, Function, example};
use crate::sql::convert::to_decimal;
use crate::sql::value::Value;

pub(super) static FUNCTION: Function = Function::new(
    "sign",
    "sign(number)",
    "-1, 0 or 1 as the number is negative, nought or positive.",
    Body::Pure(sign),
)
.examples(&[
    example(r#"sign(-7)"#, r#"-1"#),
    example(r#"sign(0)"#, r#"0"#),
    example(r#"sign('13.5')"#, r#"1"#),
]);

fn sign(arguments: &[Value]) -> Value {
    let [number] = arguments else { return Value::Undefined };
    to_decimal(number).map_or(Value::Undefined, |number| {
        Value::Int(if number.is_zero() {
            0
        } else if number.is_negative() {
            -1
        } else {
            1
        })
    })
}
