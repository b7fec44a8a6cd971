//! `firehose`: puts the result, or each element of it, as records (RULES-511 ff.).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::aws::{AwsCall, AwsError, JsonVersion, Service};
use super::{Context, Field, Members, Prepare, Prepared, Unready, Work};
use crate::RulesError;

/// The action's members.
#[derive(Debug)]
pub(crate) struct Firehose {
    stream: Field,
    separator: &'static str,
    batch: bool,
}

impl Firehose {
    pub(crate) fn compile(members: &Members<'_>) -> Result<Self, RulesError> {
        members.role()?;
        Ok(Self {
            stream: members.field("deliveryStreamName")?,
            separator: members.one_of("separator", &["\n", "\t", "\r\n", ","])?.unwrap_or(""),
            batch: members.boolean("batchMode")?,
        })
    }

    fn record(&self, data: &[u8]) -> Value {
        json!({"Data": STANDARD.encode([data, self.separator.as_bytes()].concat())})
    }

    fn batch_of(&self, context: &Context<'_>) -> Result<Option<Vec<Value>>, Unready> {
        if !self.batch {
            return Ok(None);
        }
        let Ok(Value::Array(elements)) = context.json() else { return Ok(None) };
        if elements.len() > MAX_BATCH {
            return Err(Unready::Failed(format!(
                "the result has {} elements; a batch has at most {MAX_BATCH}",
                elements.len()
            )));
        }
        let records = elements.iter().map(|element| self.record(element.to_string().as_bytes())).collect();
        Ok(Some(records))
    }
}

impl Prepare for Firehose {
    fn prepare(&self, context: &Context<'_>) -> Result<Prepared, Unready> {
        let stream = context.fill_required("deliveryStreamName", &self.stream)?;
        let call = match self.batch_of(context)? {
            Some(records) if records.is_empty() => None,
            Some(records) => Some(
                AwsCall::json(
                    &FIREHOSE,
                    "Firehose_20150804.PutRecordBatch",
                    JsonVersion::V1_1,
                    &json!({"DeliveryStreamName": stream, "Records": records}),
                )
                .refused_in("/FailedPutCount"),
            ),
            None => Some(AwsCall::json(
                &FIREHOSE,
                "Firehose_20150804.PutRecord",
                JsonVersion::V1_1,
                &json!({"DeliveryStreamName": stream, "Record": self.record(context.payload())}),
            )),
        };
        Ok(Prepared {
            resources: vec![("DeliveryStreamName", stream.clone())],
            resource: stream,
            explain,
            work: Work::Aws(call.into_iter().collect()),
        })
    }
}

fn explain(error: &AwsError) -> String {
    format!("Failed to put record in Firehose delivery stream. The error received was {error}")
}

/// Records of one batch (RULES-512, RULES-514).
const MAX_BATCH: usize = 500;

static FIREHOSE: Service = Service { id: "FIREHOSE", signing: "firehose", host: "firehose" };
