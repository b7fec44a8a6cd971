//! `accountid`: the account of the rule, 12 digits (RULES-279).

use super::{Body, Function, example};
use crate::sql::ast::Call;
use crate::sql::evaluate::Evaluator;
use crate::sql::value::Value;

pub(super) static FUNCTION: Function = Function::new(
    "accountid",
    "accountid()",
    "The account of the rule, 12 digits.",
    Body::Context(accountid),
)
.examples(&[example(r#"accountid()"#, r#""123456789012""#)]);

fn accountid(evaluator: &mut Evaluator<'_>, _: &Call, arguments: &[Value]) -> Value {
    match (arguments, evaluator.input.account_id) {
        ([], Some(account_id)) => account_id.into(),
        _ => Value::Undefined,
    }
}
