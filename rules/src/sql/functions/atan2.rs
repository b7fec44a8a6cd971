//! `atan2`: the angle in radians between the x axis and the point (x, y) (RULES-187).

use super::{Body, Function, example};
use crate::sql::convert::to_double;
use crate::sql::value::Value;

pub(super) static FUNCTION: Function = Function::new(
    "atan2",
    "atan2(y, x)",
    "The angle in radians between the x axis and the point (x, y).",
    Body::Pure(atan2),
)
.double()
.examples(&[example(r#"atan2(1, 0)"#, r#"1.5707963267948966"#)]);

fn atan2(arguments: &[Value]) -> Value {
    let [y, x] = arguments else { return Value::Undefined };
    match (to_double(y), to_double(x)) {
        (Some(y), Some(x)) => Value::double(y.atan2(x)),
        _ => Value::Undefined,
    }
}
