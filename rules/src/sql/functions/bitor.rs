//! `bitor`: bitwise OR of two Ints; fractions are rounded down first (RULES-189, RULES-190).

use super::bitnot::to_bits;
use super::{Body, Function, example};
use crate::sql::value::Value;

pub(super) static FUNCTION: Function = Function::new(
    "bitor",
    "bitor(a, b)",
    "Bitwise OR of two Ints; fractions are rounded down first.",
    Body::Pure(bitor),
)
.examples(&[example(r#"bitor(8, 5)"#, r#"13"#)]);

fn bitor(arguments: &[Value]) -> Value {
    let [a, b] = arguments else { return Value::Undefined };
    match (to_bits(a), to_bits(b)) {
        (Some(a), Some(b)) => Value::int(a | b),
        _ => Value::Undefined,
    }
}
