//! `iotAnalytics`: puts the result, or each element of it, into a channel (RULES-545, RULES-546).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::aws::{AwsCall, AwsError, Service};
use super::iot_events::batch_of;
use super::{Context, Field, Members, Prepare, Prepared, Unready, Work};
use crate::RulesError;

/// The action's members.
#[derive(Debug)]
pub(crate) struct IotAnalytics {
    channel: Field,
    batch: bool,
}

impl IotAnalytics {
    pub(crate) fn compile(members: &Members<'_>) -> Result<Self, RulesError> {
        members.optional_role()?;
        members.optional_plain("channelArn")?;
        Ok(Self { channel: members.field("channelName")?, batch: members.boolean("batchMode")? })
    }
}

impl Prepare for IotAnalytics {
    fn prepare(&self, context: &Context<'_>) -> Result<Prepared, Unready> {
        let channel = context.fill_required("channelName", &self.channel)?;
        let message =
            |payload: &[u8]| json!({"messageId": context.uuid(), "payload": STANDARD.encode(payload)});
        let messages: Vec<Value> = match batch_of(context, self.batch, MAX_BATCH)? {
            Some(elements) => {
                elements.iter().map(|element| message(element.to_string().as_bytes())).collect()
            }
            None => vec![message(context.payload())],
        };
        let body = json!({"channelName": channel, "messages": messages});
        let call = AwsCall::rest(
            &IOT_ANALYTICS,
            "BatchPutMessage",
            "POST",
            "/messages/batch".to_owned(),
            body.to_string().into(),
        )
        .header("content-type", "application/json")
        .refused_in("/batchPutMessageErrorEntries");
        Ok(Prepared {
            resources: vec![("ChannelName", channel.clone())],
            resource: channel,
            explain,
            work: Work::Aws(if messages.is_empty() { Vec::new() } else { vec![call] }),
        })
    }
}

fn explain(error: &AwsError) -> String {
    format!("Failed to send message to IoT Analytics. The error received was {error}")
}

const MAX_BATCH: usize = 100;

static IOT_ANALYTICS: Service =
    Service { id: "IOTANALYTICS", signing: "iotanalytics", host: "data.iotanalytics" };
