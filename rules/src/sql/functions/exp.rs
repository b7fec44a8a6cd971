//! `exp`: e to the power of the number (RULES-196).

use super::{Body, Function, example};
use crate::sql::convert::to_double;
use crate::sql::value::Value;

pub(super) static FUNCTION: Function =
    Function::new("exp", "exp(number)", "e to the power of the number.", Body::Pure(exp))
        .double()
        .examples(&[example(r#"exp(0)"#, r#"1"#), example(r#"exp(1)"#, r#"2.718281828459045"#)]);

fn exp(arguments: &[Value]) -> Value {
    let [number] = arguments else { return Value::Undefined };
    to_double(number).map_or(Value::Undefined, |number| Value::double(f64::exp(number)))
}
