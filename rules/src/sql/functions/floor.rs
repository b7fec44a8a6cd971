//! `floor`: the nearest Int towards minus infinity (RULES-192).

use super::{Body, Function, example};
use crate::sql::convert::to_decimal;
use crate::sql::decimal::Toward;
use crate::sql::value::Value;

pub(super) static FUNCTION: Function =
    Function::new("floor", "floor(number)", "The nearest Int towards minus infinity.", Body::Pure(floor))
        .examples(&[example(r#"floor(1.2)"#, r#"1"#), example(r#"floor(-1.2)"#, r#"-2"#)]);

fn floor(arguments: &[Value]) -> Value {
    match arguments {
        [Value::Int(int)] => Value::Int(*int),
        [number] => to_decimal(number)
            .and_then(|number| number.to_places(0, Toward::Down).to_int())
            .map_or(Value::Undefined, Value::Int),
        _ => Value::Undefined,
    }
}
