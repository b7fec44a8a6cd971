//! `bitxor`: bitwise exclusive OR of two Ints; fractions are rounded down first (RULES-189, RULES-190).

use super::bitnot::to_bits;
use super::{Body, Function, example};
use crate::sql::value::Value;

pub(super) static FUNCTION: Function = Function::new(
    "bitxor",
    "bitxor(a, b)",
    "Bitwise exclusive OR of two Ints; fractions are rounded down first.",
    Body::Pure(bitxor),
)
.examples(&[example(r#"bitxor(13, 5)"#, r#"8"#), example(r#"bitxor(true, 1)"#, r#"undefined"#)]);

fn bitxor(arguments: &[Value]) -> Value {
    let [a, b] = arguments else { return Value::Undefined };
    match (to_bits(a), to_bits(b)) {
        (Some(a), Some(b)) => Value::int(a ^ b),
        _ => Value::Undefined,
    }
}
