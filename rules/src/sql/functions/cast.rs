//! `cast(value AS type)` (RULES-240 to RULES-246). The parser knows its form; this is what it does.

use super::{Body, Function, example};
use crate::sql::ast::CastType;
use crate::sql::convert::{to_bool, to_decimal, to_int, to_text};
use crate::sql::decimal::Decimal;
use crate::sql::value::Value;

pub(super) static FUNCTION: Function = Function::new(
    "cast",
    "cast(value AS type)",
    "Converts to String (also Nvarchar, Text, Ntext, Varchar), Int (Integer), Double, and since 2016-03-23 Decimal and Boolean (Bool).",
    Body::Pure(|_| Value::Undefined),
)
.examples(&[
    example("cast(true AS Int)", "1"),
    example("cast(-1.5 AS Int)", "-2"),
    example("cast('1.5' AS Decimal)", "1.5"),
    example("cast(3 AS Boolean)", "true"),
    example("cast([1] AS String)", r#""[1]""#),
    example("cast(null AS String)", "undefined"),
]);

/// The value as that type; Undefined when it has no such form.
pub(in crate::sql) fn cast(value: &Value, to: CastType) -> Value {
    match (to, value) {
        (CastType::String, value) => to_text(value).map_or(Value::Undefined, |text| Value::text(&*text)),
        (CastType::Int, Value::Bool(bool)) => Value::Int(i128::from(*bool)),
        (CastType::Int, value) => to_int(value).map_or(Value::Undefined, Value::int),
        (CastType::Decimal | CastType::Double, Value::Bool(bool)) => {
            Value::decimal(Decimal::parse(if *bool { "1.0" } else { "0.0" }).map(|parsed| parsed.value))
        }
        (CastType::Decimal, value) => Value::decimal(to_decimal(value)),
        (CastType::Double, value) => {
            to_decimal(value).map_or(Value::Undefined, |number| Value::double(number.to_f64()))
        }
        (CastType::Boolean, Value::Str(_) | Value::Bool(_)) => {
            to_bool(value).map_or(Value::Undefined, Value::Bool)
        }
        (CastType::Boolean, value) => {
            to_decimal(value).map_or(Value::Undefined, |number| Value::Bool(!number.is_zero()))
        }
    }
}
