//! `traceid`: the trace id of the message; Undefined when it did not come over MQTT (RULES-280).

use super::newuuid::uuid_text;
use super::{Body, Function, example};
use crate::sql::ast::Call;
use crate::sql::evaluate::Evaluator;
use crate::sql::value::Value;

pub(super) static FUNCTION: Function = Function::new(
    "traceid",
    "traceid()",
    "The trace id of the message; Undefined when it did not come over MQTT.",
    Body::Context(traceid),
)
.examples(&[example(r#"traceid()"#, r#""0d4f1b2c-8d3e-4f5a-9b6c-7d8e9f0a1b2c""#)]);

fn traceid(evaluator: &mut Evaluator<'_>, _: &Call, arguments: &[Value]) -> Value {
    let input = evaluator.input;
    match (arguments, input.trace_id, input.trace) {
        ([], Some(trace_id), _) => trace_id.into(),
        ([], None, Some(trace)) => uuid_text(trace).into(),
        _ => Value::Undefined,
    }
}
