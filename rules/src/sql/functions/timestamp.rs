//! `timestamp`: the time of the message (RULES-275, RULES-276).

use super::{Body, Function, example};
use crate::sql::ast::Call;
use crate::sql::evaluate::Evaluator;
use crate::sql::value::Value;

pub(super) static FUNCTION: Function = Function::new(
    "timestamp",
    "timestamp()",
    "The time at which the engine took the message, in milliseconds since 1970; the same for every call in one run.",
    Body::Context(timestamp),
).examples(&[
    example(r#"timestamp()"#, r#"1700000000123"#),
]);

fn timestamp(evaluator: &mut Evaluator<'_>, _: &Call, arguments: &[Value]) -> Value {
    match arguments {
        [] => Value::Int(i128::from(evaluator.input.timestamp_ms)),
        _ => Value::Undefined,
    }
}
