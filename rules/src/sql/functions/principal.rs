//! `principal`: the certificate id of the publisher, or the unique id of an IAM caller (RULES-278).

use super::{Body, Function, example};
use crate::sql::ast::Call;
use crate::sql::evaluate::Evaluator;
use crate::sql::value::Value;

pub(super) static FUNCTION: Function = Function::new(
    "principal",
    "principal()",
    "The certificate id of the publisher, or the unique id of an IAM caller.",
    Body::Context(principal),
)
.examples(&[example(r#"length(principal())"#, r#"64"#)]);

fn principal(evaluator: &mut Evaluator<'_>, _: &Call, arguments: &[Value]) -> Value {
    match (arguments, evaluator.input.principal) {
        ([], Some(principal)) => principal.into(),
        _ => Value::Undefined,
    }
}
