//! `trunc`: cuts off all but `places` digits behind the point, from 0 to 34, and trailing zeros (RULES-194, RULES-195).

use super::{Body, Function, example};
use crate::sql::convert::{to_decimal, to_int};
use crate::sql::decimal::{DIGITS, Toward};
use crate::sql::value::Value;

pub(super) static FUNCTION: Function = Function::new(
    "trunc",
    "trunc(number, places)",
    "Cuts off all but `places` digits behind the point, from 0 to 34, and trailing zeros.",
    Body::Pure(trunc),
)
.examples(&[
    example(r#"trunc(2.3123, 2)"#, r#"2.31"#),
    example(r#"trunc(-2.888, 2)"#, r#"-2.88"#),
    example(r#"trunc(2.00, 5)"#, r#"2"#),
    example(r#"trunc(2.79, -3)"#, r#"2"#),
]);

fn trunc(arguments: &[Value]) -> Value {
    let [number, places] = arguments else { return Value::Undefined };
    let places = to_int(places).map(|places| places.clamp(0, i128::from(DIGITS)));
    match (to_decimal(number), places.and_then(|places| u32::try_from(places).ok())) {
        (Some(number), Some(places)) => Value::Decimal(number.to_places(places, Toward::Zero).trimmed()),
        _ => Value::Undefined,
    }
}
