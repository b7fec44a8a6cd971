//! `lambda`: invokes a function with the result as its event, without waiting for it (RULES-481).

use super::aws::{AwsCall, AwsError, Service};
use super::url;
use super::{Context, Field, Members, Prepare, Prepared, Unready, Work};
use crate::RulesError;

/// The action's members.
#[derive(Debug)]
pub(crate) struct Lambda {
    function: Field,
}

impl Lambda {
    pub(crate) fn compile(members: &Members<'_>) -> Result<Self, RulesError> {
        Ok(Self { function: members.field("functionArn")? })
    }
}

impl Prepare for Lambda {
    fn prepare(&self, context: &Context<'_>) -> Result<Prepared, Unready> {
        let function = context.fill_required("functionArn", &self.function)?;
        context.check_json()?;
        let call = invoke(&function, context.payload().clone(), "Event");
        Ok(Prepared {
            resources: vec![("Function", function.clone())],
            resource: function,
            explain,
            work: Work::Aws(vec![call]),
        })
    }

    /// Each function may be a plain one somewhere else.
    fn has_fixed_host(&self) -> bool {
        self.function.is_plain()
    }
}

/// An invocation of `Event` or `RequestResponse` type.
pub(crate) fn invoke(function: &str, event: bytes::Bytes, kind: &str) -> AwsCall {
    let path = format!("/2015-03-31/functions/{}/invocations", url::encode(function));
    AwsCall::rest(&LAMBDA, "Invoke", "POST", path, event)
        .header("content-type", "application/json")
        .header("x-amz-invocation-type", kind)
        .invoking(function)
}

/// As AWS words it (RULES-486).
fn explain(error: &AwsError) -> String {
    match error {
        AwsError::Refused { status, message, .. } => format!(
            "Failed to invoke lambda function. Received Server error from Lambda. The error code is {status}. {message}"
        ),
        AwsError::NotSent(reason) => format!("Failed to invoke lambda function: {reason}"),
    }
}

static LAMBDA: Service = Service { id: "LAMBDA", signing: "lambda", host: "lambda" };
