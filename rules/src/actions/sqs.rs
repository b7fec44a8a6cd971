//! `sqs`: sends the result to a standard queue (RULES-494, RULES-495).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::aws::{AwsCall, AwsError, JsonVersion, Service};
use super::url;
use super::{Context, Field, Members, Prepare, Prepared, Unready, Work};
use crate::RulesError;

/// The action's members.
#[derive(Debug)]
pub(crate) struct Sqs {
    queue: Field,
    use_base64: bool,
}

impl Sqs {
    pub(crate) fn compile(members: &Members<'_>) -> Result<Self, RulesError> {
        members.role()?;
        let queue = members.field("queueUrl")?;
        if queue.text().ends_with(".fifo") {
            return Err(RulesError::invalid(format!(
                "`{}` is `{}`; FIFO queues are not supported",
                members.at("queueUrl"),
                queue.text()
            )));
        }
        Ok(Self { queue, use_base64: members.boolean("useBase64")? })
    }
}

impl Prepare for Sqs {
    fn prepare(&self, context: &Context<'_>) -> Result<Prepared, Unready> {
        let queue = context.fill_required("queueUrl", &self.queue)?;
        let body = if self.use_base64 {
            STANDARD.encode(context.payload())
        } else {
            std::str::from_utf8(context.payload())
                .map_err(|_| Unready::Failed("the result is no text; set `useBase64`".to_owned()))?
                .to_owned()
        };
        let call = AwsCall::json(
            &SQS,
            "AmazonSQS.SendMessage",
            JsonVersion::V1_0,
            &json!({"QueueUrl": queue, "MessageBody": body}),
        );
        // A queue outside AWS is its own endpoint.
        let (authority, _, _) = url::split(&queue);
        let scheme = if queue.starts_with("http://") { "http" } else { "https" };
        let call = call.at(format!("{scheme}://{authority}"));
        Ok(Prepared {
            resources: vec![("Queue", queue.clone())],
            resource: queue,
            explain,
            work: Work::Aws(vec![call]),
        })
    }
}

fn explain(error: &AwsError) -> String {
    format!("Failed to send message to SQS queue. The error received was {error}")
}

static SQS: Service = Service { id: "SQS", signing: "sqs", host: "sqs" };
