//! `iotEvents`: puts the result, or each element of it, as messages of an input (RULES-543, RULES-544).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::aws::{AwsCall, AwsError, Service};
use super::{Context, Field, Members, Prepare, Prepared, Unready, Work};
use crate::RulesError;

/// The action's members.
#[derive(Debug)]
pub(crate) struct IotEvents {
    input: Field,
    message_id: Option<Field>,
    batch: bool,
}

impl IotEvents {
    pub(crate) fn compile(members: &Members<'_>) -> Result<Self, RulesError> {
        members.role()?;
        let (message_id, batch) = (members.optional_field("messageId")?, members.boolean("batchMode")?);
        if batch && message_id.is_some() {
            return Err(RulesError::invalid(format!(
                "`{}` must not be given with `batchMode`",
                members.at("messageId")
            )));
        }
        Ok(Self { input: members.field("inputName")?, message_id, batch })
    }
}

impl Prepare for IotEvents {
    fn prepare(&self, context: &Context<'_>) -> Result<Prepared, Unready> {
        let input = context.fill_required("inputName", &self.input)?;
        let message = |id: String, payload: &[u8]| json!({"messageId": id, "inputName": input, "payload": STANDARD.encode(payload)});
        let messages = match batch_of(context, self.batch, MAX_BATCH)? {
            Some(elements) => elements
                .iter()
                .map(|element| message(context.uuid(), element.to_string().as_bytes()))
                .collect(),
            None => {
                let id = context.fill_optional(&self.message_id)?.unwrap_or_else(|| context.uuid());
                vec![message(id, context.payload())]
            }
        };
        let body = json!({"messages": messages});
        let call = AwsCall::rest(
            &IOT_EVENTS,
            "BatchPutMessage",
            "POST",
            "/inputs/messages".to_owned(),
            body.to_string().into(),
        )
        .header("content-type", "application/json")
        .refused_in("/BatchPutMessageErrorEntries");
        Ok(Prepared {
            resources: vec![("InputName", input.clone())],
            resource: input,
            explain,
            work: Work::Aws(if messages.is_empty() { Vec::new() } else { vec![call] }),
        })
    }
}

/// The elements of a JSON result in batch mode; `None` when the result is one message. The result must be JSON.
pub(super) fn batch_of(
    context: &Context<'_>,
    batch: bool,
    max: usize,
) -> Result<Option<Vec<Value>>, Unready> {
    match context.json()? {
        Value::Array(elements) if batch && elements.len() > max => Err(Unready::Failed(format!(
            "the result has {} elements; a batch has at most {max}",
            elements.len()
        ))),
        Value::Array(elements) if batch => Ok(Some(elements)),
        _ => Ok(None),
    }
}

fn explain(error: &AwsError) -> String {
    format!("Failed to send message to IoT Events. The error received was {error}")
}

const MAX_BATCH: usize = 10;

static IOT_EVENTS: Service =
    Service { id: "IOT_EVENTS_DATA", signing: "ioteventsdata", host: "data.iotevents" };
