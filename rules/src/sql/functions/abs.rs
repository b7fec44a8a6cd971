//! `abs`: the value without its sign; an Int stays one (RULES-185).

use super::{Body, Function, example};
use crate::sql::convert::to_decimal;
use crate::sql::decimal::Decimal;
use crate::sql::value::Value;

pub(super) static FUNCTION: Function =
    Function::new("abs", "abs(number)", "The value without its sign; an Int stays one.", Body::Pure(abs))
        .examples(&[
            example(r#"abs(-5)"#, r#"5"#),
            example(r#"abs('-5.123')"#, r#"5.123"#),
            example(r#"abs(null)"#, r#"undefined"#),
        ]);

fn abs(arguments: &[Value]) -> Value {
    match arguments {
        [Value::Int(int)] => Value::Int(int.abs()),
        [number] => Value::decimal(to_decimal(number).map(Decimal::abs)),
        _ => Value::Undefined,
    }
}
