//! `sourceip`: the IPv4 or IPv6 address the publisher connected from (RULES-281).

use super::{Body, Function, example};
use crate::sql::ast::Call;
use crate::sql::evaluate::Evaluator;
use crate::sql::value::Value;

pub(super) static FUNCTION: Function = Function::new(
    "sourceip",
    "sourceip()",
    "The IPv4 or IPv6 address the publisher connected from.",
    Body::Context(sourceip),
)
.since_2016()
.examples(&[example(r#"sourceip()"#, r#""192.0.2.7""#)]);

fn sourceip(evaluator: &mut Evaluator<'_>, _: &Call, arguments: &[Value]) -> Value {
    let input = evaluator.input;
    match (arguments, input.source_ip, input.address) {
        ([], Some(source_ip), _) => source_ip.into(),
        ([], None, Some(address)) => address.to_string().as_str().into(),
        _ => Value::Undefined,
    }
}
