//! `aws_lambda`: a synchronous call of a function (RULES-290, RULES-291).

use super::outside::{document, text};
use super::{Body, Function};
use crate::sql::external::Call;
use crate::sql::json;
use crate::sql::limits::MAX_MADE;
use crate::sql::value::Value;

pub(super) static FUNCTION: Function = Function::new(
    "aws_lambda",
    "aws_lambda(functionArn, inputJson)",
    "Invokes a Lambda function, waits at most two seconds, and returns its JSON answer. `*` passes the payload.",
    Body::External { ask, read: document },
);

fn ask(arguments: &[Value]) -> Option<Call> {
    let [arn, payload] = arguments else { return None };
    if payload.is_undefined() {
        return None;
    }
    Some(Call::InvokeLambda { function_arn: text(arn)?, payload: json::bounded_text(payload, MAX_MADE)? })
}
