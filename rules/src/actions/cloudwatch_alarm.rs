//! `cloudwatchAlarm`: sets the state of an alarm (RULES-537).

use super::aws::{AwsCall, AwsError, Service};
use super::{Context, Field, Members, Prepare, Prepared, Unready, Work};
use crate::RulesError;

/// The action's members.
#[derive(Debug)]
pub(crate) struct CloudwatchAlarm {
    name: Field,
    reason: Field,
    value: Field,
}

impl CloudwatchAlarm {
    pub(crate) fn compile(members: &Members<'_>) -> Result<Self, RulesError> {
        members.role()?;
        let value = members.field("stateValue")?;
        if let Some(plain) = value.plain() {
            check_state(plain)
                .map_err(|why| RulesError::invalid(format!("`{}`: {why}", members.at("stateValue"))))?;
        }
        Ok(Self { name: members.field("alarmName")?, reason: members.field("stateReason")?, value })
    }
}

impl Prepare for CloudwatchAlarm {
    fn prepare(&self, context: &Context<'_>) -> Result<Prepared, Unready> {
        let name = context.fill_required("alarmName", &self.name)?;
        let reason = context.fill(&self.reason)?;
        let value = context.fill_required("stateValue", &self.value)?;
        check_state(&value).map_err(Unready::Failed)?;
        let call = AwsCall::query(
            &CLOUDWATCH,
            "SetAlarmState",
            "2010-08-01",
            &[("AlarmName", name.as_str()), ("StateReason", &reason), ("StateValue", &value)],
        );
        Ok(Prepared {
            resources: vec![("AlarmName", name.clone()), ("StateValue", value)],
            resource: name,
            explain,
            work: Work::Aws(vec![call]),
        })
    }
}

fn check_state(value: &str) -> Result<(), String> {
    if matches!(value, "OK" | "ALARM" | "INSUFFICIENT_DATA") {
        return Ok(());
    }
    Err(format!("the state is `{value}`; allowed are `OK`, `ALARM`, `INSUFFICIENT_DATA`"))
}

fn explain(error: &AwsError) -> String {
    format!("Failed to set CloudWatch alarm state. The error received was {error}")
}

pub(super) static CLOUDWATCH: Service =
    Service { id: "CLOUDWATCH", signing: "monitoring", host: "monitoring" };
