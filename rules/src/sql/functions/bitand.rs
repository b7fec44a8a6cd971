//! `bitand`: bitwise AND of two Ints; fractions are rounded down first (RULES-189, RULES-190).

use super::bitnot::to_bits;
use super::{Body, Function, example};
use crate::sql::value::Value;

pub(super) static FUNCTION: Function = Function::new(
    "bitand",
    "bitand(a, b)",
    "Bitwise AND of two Ints; fractions are rounded down first.",
    Body::Pure(bitand),
)
.examples(&[example(r#"bitand(13, 5)"#, r#"5"#), example(r#"bitand('13', 5.9)"#, r#"5"#)]);

fn bitand(arguments: &[Value]) -> Value {
    let [a, b] = arguments else { return Value::Undefined };
    match (to_bits(a), to_bits(b)) {
        (Some(a), Some(b)) => Value::int(a & b),
        _ => Value::Undefined,
    }
}
