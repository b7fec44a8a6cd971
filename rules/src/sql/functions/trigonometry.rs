//! The trigonometric functions of one number, in double precision (RULES-186, RULES-188).

use super::{Body, Function, example};
use crate::sql::convert::to_double;
use crate::sql::value::Value;

pub(super) static ACOS: Function = Function::new(
    "acos",
    "acos(number)",
    "The angle in radians whose cosine is the number; Undefined outside -1 to 1.",
    Body::Pure(|arguments| of(f64::acos, arguments)),
)
.double()
.examples(&[example(r#"acos(0)"#, r#"1.5707963267948966"#)]);

pub(super) static ASIN: Function = Function::new(
    "asin",
    "asin(number)",
    "The angle in radians whose sine is the number; Undefined outside -1 to 1.",
    Body::Pure(|arguments| of(f64::asin, arguments)),
)
.double()
.examples(&[example(r#"asin(2)"#, r#"undefined"#)]);

pub(super) static ATAN: Function = Function::new(
    "atan",
    "atan(number)",
    "The angle in radians whose tangent is the number.",
    Body::Pure(|arguments| of(f64::atan, arguments)),
)
.double()
.examples(&[example(r#"atan(0)"#, r#"0"#)]);

pub(super) static COS: Function = Function::new(
    "cos",
    "cos(number)",
    "The cosine of an angle in radians.",
    Body::Pure(|arguments| of(f64::cos, arguments)),
)
.double()
.examples(&[example(r#"cos(0)"#, r#"1"#)]);

pub(super) static COSH: Function = Function::new(
    "cosh",
    "cosh(number)",
    "The hyperbolic cosine.",
    Body::Pure(|arguments| of(f64::cosh, arguments)),
)
.double()
.examples(&[example(r#"cosh(2.3)"#, r#"5.037220649268761"#)]);

pub(super) static SIN: Function = Function::new(
    "sin",
    "sin(number)",
    "The sine of an angle in radians.",
    Body::Pure(|arguments| of(f64::sin, arguments)),
)
.double()
.examples(&[example(r#"sin(0)"#, r#"0"#)]);

pub(super) static SINH: Function = Function::new(
    "sinh",
    "sinh(number)",
    "The hyperbolic sine.",
    Body::Pure(|arguments| of(f64::sinh, arguments)),
)
.double()
.examples(&[example(r#"sinh(2.3)"#, r#"4.936961805545957"#)]);

pub(super) static TAN: Function = Function::new(
    "tan",
    "tan(number)",
    "The tangent of an angle in radians.",
    Body::Pure(|arguments| of(f64::tan, arguments)),
)
.double()
.examples(&[example(r#"tan(3)"#, r#"-0.1425465430742778"#)]);

pub(super) static TANH: Function = Function::new(
    "tanh",
    "tanh(number)",
    "The hyperbolic tangent.",
    Body::Pure(|arguments| of(f64::tanh, arguments)),
)
.double()
.examples(&[example(r#"tanh(2.3)"#, r#"0.9800963962661914"#)]);

fn of(function: fn(f64) -> f64, arguments: &[Value]) -> Value {
    let [number] = arguments else { return Value::Undefined };
    to_double(number).map_or(Value::Undefined, |number| Value::double(function(number)))
}
