//! `ceil`: the nearest Int towards plus infinity (RULES-192).

use super::{Body, Function, example};
use crate::sql::convert::to_decimal;
use crate::sql::decimal::Toward;
use crate::sql::value::Value;

pub(super) static FUNCTION: Function =
    Function::new("ceil", "ceil(number)", "The nearest Int towards plus infinity.", Body::Pure(ceil))
        .examples(&[example(r#"ceil(1.2)"#, r#"2"#), example(r#"ceil(-1.2)"#, r#"-1"#)]);

fn ceil(arguments: &[Value]) -> Value {
    match arguments {
        [Value::Int(int)] => Value::Int(*int),
        [number] => to_decimal(number)
            .and_then(|number| number.to_places(0, Toward::Up).to_int())
            .map_or(Value::Undefined, Value::Int),
        _ => Value::Undefined,
    }
}
