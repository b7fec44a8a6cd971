//! `round`: the nearest Int; halves go away from nought (RULES-193).

use super::{Body, Function, example};
use crate::sql::convert::to_decimal;
use crate::sql::decimal::Toward;
use crate::sql::value::Value;

pub(super) static FUNCTION: Function = Function::new(
    "round",
    "round(number)",
    "The nearest Int; halves go away from nought.",
    Body::Pure(round),
)
.examples(&[
    example(r#"round(1.5)"#, r#"2"#),
    example(r#"round(-1.5)"#, r#"-2"#),
    example(r#"round(-1.1)"#, r#"-1"#),
]);

fn round(arguments: &[Value]) -> Value {
    match arguments {
        [Value::Int(int)] => Value::Int(*int),
        [number] => to_decimal(number)
            .and_then(|number| number.to_places(0, Toward::NearestAwayFromZero).to_int())
            .map_or(Value::Undefined, Value::Int),
        _ => Value::Undefined,
    }
}
