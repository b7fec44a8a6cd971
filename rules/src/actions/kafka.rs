//! `kafka`: sends the result as one record to the brokers that `clientProperties` name (RULES-515 to RULES-521).

use std::collections::BTreeMap;

use thingstead_core::topic::Quoted;

use super::kafka_properties::{ClientProperties, Properties};
use super::{AwsError, Context, Field, Members, Prepare, Prepared, Unready, Work, explain_plainly};
use crate::RulesError;
use crate::deliveries::SentRequest;
use crate::kafka::Record;

/// The action's members.
#[derive(Debug)]
pub(crate) struct Kafka {
    destination: String,
    topic: Field,
    key: Option<Field>,
    partition: Option<Field>,
    headers: Vec<(Field, Field)>,
    properties: Properties,
}

/// A record and where it goes.
#[derive(Debug)]
pub(crate) struct KafkaCall {
    /// The VPC destination that must be ENABLED (RULES-521).
    pub(crate) destination: String,
    pub(crate) record: Record,
    pub(crate) client: ClientProperties,
}

impl KafkaCall {
    /// The record as the deliveries log shows it; secrets are not among it.
    pub(crate) fn shown(&self) -> SentRequest {
        let mut headers = Vec::new();
        if let Some(partition) = self.record.partition {
            headers.push(("partition".to_owned(), partition.to_string()));
        }
        if let Some(key) = &self.record.key {
            headers.push(("key".to_owned(), key.clone()));
        }
        let own = self.record.headers.iter();
        headers.extend(own.map(|(name, value)| (format!("header {name}"), value.clone())));
        SentRequest {
            operation: "KAFKA.Produce".to_owned(),
            method: "PRODUCE".to_owned(),
            url: format!("kafka://{}/{}", self.client.servers.join(","), self.record.topic),
            headers,
            body: bytes::Bytes::copy_from_slice(&self.record.value),
        }
    }
}

impl Kafka {
    pub(crate) fn compile(members: &Members<'_>) -> Result<Self, RulesError> {
        let destination = members.plain("destinationArn")?.to_owned();
        if !(destination.starts_with("arn:") && destination.contains(":ruledestination/vpc/")) {
            return Err(RulesError::invalid(format!(
                "`{}` is {}, which is not the ARN of a VPC destination",
                members.at("destinationArn"),
                Quoted(&destination)
            )));
        }
        let partition = members.optional_field("partition")?;
        if let Some(plain) = partition.as_ref().and_then(Field::plain) {
            partition_of(plain)
                .map_err(|why| RulesError::invalid(format!("`{}` {why}", members.at("partition"))))?;
        }
        let mut headers = Vec::new();
        for header in members.list("headers", 1..=MAX_HEADERS)?.unwrap_or_default() {
            headers
                .push((header.limited_field("key", MAX_HEADER)?, header.limited_field("value", MAX_HEADER)?));
        }
        let topic = members.field("topic")?;
        if let Some(plain) = topic.plain() {
            check_topic(plain)
                .map_err(|why| RulesError::invalid(format!("`{}` {why}", members.at("topic"))))?;
        }
        Ok(Self {
            destination,
            topic,
            key: members.optional_field("key")?,
            partition,
            headers,
            properties: Properties::compile(&members.required_object("clientProperties")?)?,
        })
    }
}

impl Prepare for Kafka {
    fn prepare(&self, context: &Context<'_>) -> Result<Prepared, Unready> {
        let topic = context.fill_required("topic", &self.topic)?;
        check_topic(&topic).map_err(|why| Unready::Failed(format!("the topic {why}")))?;
        let partition = match context.fill_optional(&self.partition)? {
            Some(text) => {
                Some(partition_of(&text).map_err(|why| Unready::Failed(format!("the partition {why}")))?)
            }
            None => None,
        };
        let mut headers = Vec::new();
        for (key, value) in &self.headers {
            headers.push((context.fill(key)?.into_owned(), context.fill(value)?.into_owned()));
        }
        let client = self.properties.fill(context)?;
        let record = Record {
            topic: topic.clone(),
            partition,
            key: context.fill_optional(&self.key)?,
            value: context.payload().clone(),
            headers,
            timestamp: context.now().as_millis(),
        };
        Ok(Prepared {
            resources: vec![("Destination", self.destination.clone()), ("Topic", topic.clone())],
            resource: topic,
            explain: explain_plainly as fn(&AwsError) -> String,
            work: Work::Kafka(Box::new(KafkaCall { destination: self.destination.clone(), record, client })),
        })
    }
}

/// Kafka's own rule for topic names.
fn check_topic(topic: &str) -> Result<(), String> {
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '-');
    if topic.is_empty()
        || topic.len() > MAX_TOPIC
        || topic == "."
        || topic == ".."
        || !topic.chars().all(allowed)
    {
        return Err(format!(
            "is {}; allowed are 1 to {MAX_TOPIC} letters, digits, `.`, `_` and `-`",
            Quoted(topic)
        ));
    }
    Ok(())
}

fn partition_of(text: &str) -> Result<i32, String> {
    let number = text.parse::<i32>().ok().filter(|number| *number >= 0);
    number.ok_or_else(|| format!("is {}, which is no whole number from 0", Quoted(text)))
}

/// The members of an object as fields, by name.
pub(super) type Fields = BTreeMap<String, Field>;

/// RULES-520.
const MAX_HEADERS: usize = 100;
/// RULES-520.
const MAX_HEADER: usize = 16_384;
/// Characters of a topic's name.
const MAX_TOPIC: usize = 249;
