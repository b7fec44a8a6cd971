//! `kinesis`: puts the result as one record (RULES-509).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::aws::{AwsCall, AwsError, JsonVersion, Service};
use super::{Context, Field, Members, Prepare, Prepared, Unready, Work};
use crate::RulesError;

/// The action's members.
#[derive(Debug)]
pub(crate) struct Kinesis {
    stream: Field,
    partition_key: Option<Field>,
}

impl Kinesis {
    pub(crate) fn compile(members: &Members<'_>) -> Result<Self, RulesError> {
        members.role()?;
        Ok(Self {
            stream: members.field("streamName")?,
            partition_key: members.optional_field("partitionKey")?,
        })
    }
}

impl Prepare for Kinesis {
    fn prepare(&self, context: &Context<'_>) -> Result<Prepared, Unready> {
        let stream = context.fill_required("streamName", &self.stream)?;
        // RULES-510
        let key = match context.fill_optional(&self.partition_key)? {
            Some(key) => key,
            None => context.uuid(),
        };
        let call = AwsCall::json(
            &KINESIS,
            "Kinesis_20131202.PutRecord",
            JsonVersion::V1_1,
            &json!({
                "StreamName": stream,
                "Data": STANDARD.encode(context.payload()),
                "PartitionKey": key,
            }),
        );
        Ok(Prepared {
            resources: vec![("StreamName", stream.clone()), ("PartitionKey", key)],
            resource: stream,
            explain,
            work: Work::Aws(vec![call]),
        })
    }
}

fn explain(error: &AwsError) -> String {
    format!("Failed to put record in Kinesis stream. The error received was {error}")
}

static KINESIS: Service = Service { id: "KINESIS", signing: "kinesis", host: "kinesis" };
