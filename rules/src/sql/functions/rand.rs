//! `rand`: a random double from 0 up to but not including 1 (RULES-203).

use super::newuuid::draw;
use super::{Body, Function, example};
use crate::sql::ast::Call;
use crate::sql::evaluate::Evaluator;
use crate::sql::value::Value;

pub(super) static FUNCTION: Function =
    Function::new("rand", "rand()", "A random double from 0 up to but not including 1.", Body::Context(rand))
        .examples(&[example(r#"rand() < 1"#, r#"true"#), example(r#"rand() >= 0"#, r#"true"#)]);

fn rand(evaluator: &mut Evaluator<'_>, call: &Call, arguments: &[Value]) -> Value {
    if !arguments.is_empty() {
        return Value::Undefined;
    }
    let bits = u128::from_be_bytes(draw(evaluator, call)) >> (128 - f64::MANTISSA_DIGITS);
    Value::double(bits as f64 / (1_u64 << f64::MANTISSA_DIGITS) as f64)
}
