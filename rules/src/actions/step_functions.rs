//! `stepFunctions`: starts an execution with the result as its input (RULES-551, RULES-552).

use serde_json::json;
use thingstead_core::Arn;

use super::aws::{AwsCall, AwsError, JsonVersion, Service};
use super::{Context, Field, Members, Prepare, Prepared, Unready, Work};
use crate::RulesError;

/// The action's members.
#[derive(Debug)]
pub(crate) struct StepFunctions {
    machine: Field,
    name_prefix: Option<Field>,
}

impl StepFunctions {
    pub(crate) fn compile(members: &Members<'_>) -> Result<Self, RulesError> {
        members.role()?;
        Ok(Self {
            machine: members.field("stateMachineName")?,
            name_prefix: members.optional_field("executionNamePrefix")?,
        })
    }
}

impl Prepare for StepFunctions {
    fn prepare(&self, context: &Context<'_>) -> Result<Prepared, Unready> {
        let machine = context.fill_required("stateMachineName", &self.machine)?;
        let scope = context.scope();
        let arn = Arn {
            partition: "aws".to_owned(),
            service: "states".to_owned(),
            region: scope.region().to_owned(),
            account: scope.account().to_owned(),
            resource: format!("stateMachine:{machine}"),
        };
        let input = String::from_utf8_lossy(context.payload());
        let mut body = json!({"stateMachineArn": arn.to_string(), "input": input});
        if let Some(prefix) = context.fill_optional(&self.name_prefix)?
            && let Some(members) = body.as_object_mut()
        {
            members.insert("name".to_owned(), json!(format!("{prefix}{}", context.uuid())));
        }
        let call = AwsCall::json(&SFN, "AWSStepFunctions.StartExecution", JsonVersion::V1_0, &body);
        Ok(Prepared {
            resources: vec![("StateMachineName", machine.clone())],
            resource: machine,
            explain,
            work: Work::Aws(vec![call]),
        })
    }
}

fn explain(error: &AwsError) -> String {
    format!("Failed to start execution of the state machine. The error received was {error}")
}

static SFN: Service = Service { id: "SFN", signing: "states", host: "states" };
