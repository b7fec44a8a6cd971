//! `cloudwatchLogs`: log events in a stream of the engine's own (RULES-540 ff.).

use serde_json::{Value, json};

use super::aws::{AwsCall, AwsError, JsonVersion, Service};
use super::{Context, Field, Members, Prepare, Prepared, Unready, Work};
use crate::RulesError;

/// The action's members.
#[derive(Debug)]
pub(crate) struct CloudwatchLogs {
    group: Field,
    batch: bool,
}

impl CloudwatchLogs {
    pub(crate) fn compile(members: &Members<'_>) -> Result<Self, RulesError> {
        members.role()?;
        Ok(Self { group: members.field("logGroupName")?, batch: members.boolean("batchMode")? })
    }

    fn events(&self, context: &Context<'_>) -> Result<Value, Unready> {
        if !self.batch {
            let message = String::from_utf8_lossy(context.payload());
            return Ok(json!([{"timestamp": context.now().as_millis(), "message": message}]));
        }
        let refuse = || {
            Unready::Failed(
                "with `batchMode` the result must be a list of objects with `timestamp` in milliseconds and `message`"
                    .to_owned(),
            )
        };
        let Value::Array(elements) = context.json()? else { return Err(refuse()) };
        let mut events = Vec::new();
        for element in elements {
            let (Some(timestamp), Some(message)) =
                (element.get("timestamp").and_then(Value::as_i64), element.get("message"))
            else {
                return Err(refuse());
            };
            let message = message.as_str().map_or_else(|| message.to_string(), str::to_owned);
            events.push((timestamp, message));
        }
        // PutLogEvents wants them in the order of time.
        events.sort_by_key(|(timestamp, _)| *timestamp);
        let events: Vec<Value> = events
            .into_iter()
            .map(|(timestamp, message)| json!({"timestamp": timestamp, "message": message}))
            .collect();
        Ok(Value::Array(events))
    }
}

impl Prepare for CloudwatchLogs {
    fn prepare(&self, context: &Context<'_>) -> Result<Prepared, Unready> {
        let group = context.fill_required("logGroupName", &self.group)?;
        let events = self.events(context)?;
        // One stream per rule: it need not be created anew for each message, only found existing.
        let stream = format!("{}_{}", context.run.rule.name, context.scope().account());
        let create = AwsCall::json(
            &LOGS,
            "Logs_20140328.CreateLogStream",
            JsonVersion::V1_1,
            &json!({"logGroupName": group, "logStreamName": stream}),
        )
        .tolerating(&["ResourceAlreadyExistsException"]);
        let put = AwsCall::json(
            &LOGS,
            "Logs_20140328.PutLogEvents",
            JsonVersion::V1_1,
            &json!({"logGroupName": group, "logStreamName": stream, "logEvents": events}),
        );
        Ok(Prepared {
            resources: vec![("LogGroupName", group.clone())],
            resource: group,
            explain,
            work: Work::Aws(vec![create, put]),
        })
    }
}

fn explain(error: &AwsError) -> String {
    format!("Failed to put CloudWatch log events. The error received was {error}")
}

static LOGS: Service = Service { id: "CLOUDWATCH_LOGS", signing: "logs", host: "logs" };
