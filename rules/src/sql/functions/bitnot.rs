//! `bitnot`: two's complement (RULES-191), and what counts as an Int for bits (RULES-189, RULES-190).

use super::{Body, Function, example};
use crate::sql::convert::to_decimal;
use crate::sql::decimal::Toward;
use crate::sql::value::Value;

pub(super) static FUNCTION: Function = Function::new(
    "bitnot",
    "bitnot(number)",
    "The complement of an Int in two's complement, so `-number - 1`.",
    Body::Pure(bitnot),
)
.examples(&[example(r#"bitnot(13)"#, r#"-14"#), example(r#"bitnot('x')"#, r#"undefined"#)]);

fn bitnot(arguments: &[Value]) -> Value {
    let [number] = arguments else { return Value::Undefined };
    to_bits(number).map_or(Value::Undefined, |bits| Value::int(!bits))
}

/// Numbers and numeric Strings, rounded down; `None` for anything else and beyond 34 digits.
pub(super) fn to_bits(value: &Value) -> Option<i128> {
    to_decimal(value)?.to_places(0, Toward::Down).to_int()
}
