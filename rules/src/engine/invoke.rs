//! Calls Lambda functions, or the plain HTTP functions that stand for them, for whoever needs their answer.

use thingstead_core::Arn;
use thingstead_core::wiring::{FunctionError, Functions, Invocation, Invoked};

use super::RuleEngine;
use crate::actions::invoke_function;

impl Functions for RuleEngine {
    fn invoke(&self, invocation: Invocation) -> Invoked {
        let aws = self.inner.aws.clone();
        Box::pin(async move {
            let Invocation { scope, function, event, limit } = invocation;
            let call = invoke_function(&function, event, "RequestResponse");
            let region = Arn::parse(&function).map(|arn| arn.region).filter(|region| !region.is_empty());
            let region = region.unwrap_or_else(|| scope.region().to_owned());
            // Whoever waits for the answer tries again by itself; the function shall see each attempt once.
            let end = tokio::time::timeout(limit, aws.call_at_most(1, &call, &region)).await;
            match end.map_err(|_| FunctionError::TimedOut(limit))?.result {
                Ok(Some(answer)) => Ok(answer),
                Ok(None) => Err(FunctionError::NotConfigured(function)),
                Err(error) => {
                    Err(FunctionError::Failed(format!("the function `{function}` failed: {error}")))
                }
            }
        })
    }
}
