//! `clientid`: who published (RULES-277).

use super::{Body, Function, example};
use crate::sql::ast::Call;
use crate::sql::evaluate::Evaluator;
use crate::sql::value::Value;

pub(super) static FUNCTION: Function = Function::new(
    "clientid",
    "clientid()",
    "The MQTT client id of the publisher, or the text n/a when the message did not come over MQTT.",
    Body::Context(clientid),
)
.examples(&[example(r#"clientid()"#, r#""lamp-1""#)]);

fn clientid(evaluator: &mut Evaluator<'_>, _: &Call, arguments: &[Value]) -> Value {
    match arguments {
        [] => evaluator.input.client_id.unwrap_or("n/a").into(),
        _ => Value::Undefined,
    }
}
