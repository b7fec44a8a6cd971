//! What rules do with their results: one file per action.
//!
//! An action is compiled once, when its rule is created, and prepared for each message: its templates are filled and the
//! result is a description of what to send. Sending, trying again, logging and failing are the engine's.

pub(crate) mod aws;
pub(crate) mod send;

pub(crate) mod attributes;
mod field;
mod kind;
mod members;

mod cloudwatch_alarm;
mod cloudwatch_logs;
mod cloudwatch_metric;
mod dynamodb;
mod dynamodb_v2;
mod firehose;
pub(crate) mod http;
pub(crate) mod influxdb;
mod iot_analytics;
mod iot_events;
mod iot_sitewise;
pub(crate) mod kafka;
pub(crate) mod kafka_properties;
mod kinesis;
mod lambda;
mod location;
mod open_search;
mod republish;
pub(crate) mod role;
mod s3;
mod salesforce;
mod sns;
mod sqs;
mod step_functions;
mod timestream;
pub(crate) mod url;

use std::borrow::Cow;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use serde::de::IgnoredAny;
use serde_json::Value;
use thingstead_core::{Message, Scope, Timestamp};

use crate::RulesError;
use crate::deliveries::SentRequest;
use crate::engine::{Lane, LaneFull, ResultPayload, Run};
use crate::settings::Settings;
use crate::sql::{self, Call, Input};
pub(crate) use aws::{AwsCall, AwsError};
pub(crate) use field::Field;
pub use kind::ActionKind;
pub(crate) use lambda::invoke as invoke_function;
pub(crate) use members::{Compiling, Members};
pub(crate) use s3::get_object as read_object;

/// An action of a rule, ready to be prepared.
#[derive(Debug)]
pub(crate) struct Action {
    pub(crate) kind: ActionKind,
    prepare: Box<dyn Prepare>,
    /// The queue it last had to do with, if every message's delivery waits there.
    lane: OnceLock<Arc<Lane>>,
    /// For which number of changes of rules and destinations that is known.
    known_at: AtomicU64,
    /// What `failedResource` says when the action fails before its target is known.
    unfilled: String,
}

/// Fills an action's templates for one message.
pub(crate) trait Prepare: fmt::Debug + Send + Sync {
    /// What to send for one result.
    fn prepare(&self, context: &Context<'_>) -> Result<Prepared, Unready>;

    /// The confirmation URL of the destination that the action needs, where no template hides it (RULES-460).
    fn confirmation_url(&self) -> Option<&str> {
        None
    }

    /// Whether what it sends goes to the same host for every message.
    fn has_fixed_host(&self) -> bool {
        true
    }
}

/// What an action is going to do for one message.
#[derive(Debug)]
pub(crate) struct Prepared {
    /// `failedResource` of the error action: the table, bucket, queue, topic.
    pub(crate) resource: String,
    /// `resources` of the log entry (RULES-426), and the end of error messages (RULES-398).
    pub(crate) resources: Vec<(&'static str, String)>,
    /// Turns the service's error into the action's message.
    pub(crate) explain: fn(&AwsError) -> String,
    pub(crate) work: Work,
}

/// What has to be sent.
#[derive(Debug)]
pub(crate) enum Work {
    /// A message for the broker.
    Publish(Message),
    /// Calls of an AWS service, one after the other.
    Aws(Vec<AwsCall>),
    /// A request to a URL of the rule's own.
    Http(Box<http::HttpCall>),
    /// A record for Kafka.
    Kafka(Box<kafka::KafkaCall>),
}

/// Why an action cannot be prepared.
#[derive(Debug)]
pub(crate) enum Unready {
    /// Templates look outward: the engine makes these calls and prepares again.
    Needs(Vec<Call>),
    /// The templates' values cannot be used.
    Failed(String),
    /// The URL cannot be called (metric `HttpInvalidUrl`): why, and the URL.
    InvalidUrl(String, String),
}

impl Action {
    /// Compiles one entry of `actions`, or `errorAction`; `path` names it in errors.
    pub(crate) fn compile(value: &Value, path: &str, compiling: Compiling<'_>) -> Result<Self, RulesError> {
        let entry = Members::of(value, path.to_owned(), compiling)?;
        let mut entries = entry.entries();
        let (Some((name, _)), None) = (entries.next(), entries.next()) else {
            let found: Vec<&str> = entry.entries().map(|(name, _)| name).collect();
            return Err(RulesError::invalid(format!(
                "`{path}` must set exactly one action; it sets {}",
                if found.is_empty() { "none".to_owned() } else { found.join(", ") }
            )));
        };
        let Some(kind) = ActionKind::from_name(name) else {
            return Err(RulesError::invalid(format!("`{path}.{name}` is no action")));
        };
        let members = entry.required_object(name)?;
        let prepare: Box<dyn Prepare> = match kind {
            ActionKind::Republish => Box::new(republish::Republish::compile(&members)?),
            ActionKind::Http => Box::new(http::Http::compile(&members)?),
            ActionKind::Lambda => Box::new(lambda::Lambda::compile(&members)?),
            ActionKind::Sqs => Box::new(sqs::Sqs::compile(&members)?),
            ActionKind::Sns => Box::new(sns::Sns::compile(&members)?),
            ActionKind::Kinesis => Box::new(kinesis::Kinesis::compile(&members)?),
            ActionKind::Firehose => Box::new(firehose::Firehose::compile(&members)?),
            ActionKind::DynamoDb => Box::new(dynamodb::DynamoDb::compile(&members)?),
            ActionKind::DynamoDbV2 => Box::new(dynamodb_v2::DynamoDbV2::compile(&members)?),
            ActionKind::S3 => Box::new(s3::S3::compile(&members)?),
            ActionKind::CloudwatchMetric => Box::new(cloudwatch_metric::CloudwatchMetric::compile(&members)?),
            ActionKind::CloudwatchAlarm => Box::new(cloudwatch_alarm::CloudwatchAlarm::compile(&members)?),
            ActionKind::CloudwatchLogs => Box::new(cloudwatch_logs::CloudwatchLogs::compile(&members)?),
            ActionKind::StepFunctions => Box::new(step_functions::StepFunctions::compile(&members)?),
            ActionKind::IotEvents => Box::new(iot_events::IotEvents::compile(&members)?),
            ActionKind::IotAnalytics => Box::new(iot_analytics::IotAnalytics::compile(&members)?),
            ActionKind::IotSiteWise => Box::new(iot_sitewise::IotSiteWise::compile(&members)?),
            ActionKind::Timestream => Box::new(timestream::Timestream::compile(&members)?),
            ActionKind::Elasticsearch => Box::new(open_search::OpenSearch::compile(&members, true)?),
            ActionKind::OpenSearch => Box::new(open_search::OpenSearch::compile(&members, false)?),
            ActionKind::Location => Box::new(location::Location::compile(&members)?),
            ActionKind::Salesforce => Box::new(salesforce::Salesforce::compile(&members)?),
            ActionKind::InfluxDb => Box::new(influxdb::InfluxDb::compile(&members)?),
            ActionKind::Kafka => Box::new(kafka::Kafka::compile(&members)?),
        };
        let (lane, known_at) = (OnceLock::new(), AtomicU64::new(u64::MAX));
        Ok(Self { kind, prepare, lane, known_at, unfilled: unfilled(&members) })
    }

    /// What to send for one message.
    pub(crate) fn prepare(&self, context: &Context<'_>) -> Result<Prepared, Unready> {
        self.prepare.prepare(context)
    }

    /// The confirmation URL of the destination that the action needs.
    pub(crate) fn confirmation_url(&self) -> Option<&str> {
        self.prepare.confirmation_url()
    }

    /// Remembers the queue that a delivery is about to enter, when all is well with its destination; `changes` was asked
    /// before that was found out.
    pub(crate) fn will_enter(&self, lane: &Arc<Lane>, changes: u64) {
        if self.prepare.has_fixed_host() {
            let known = self.lane.get_or_init(|| Arc::clone(lane));
            if Arc::ptr_eq(known, lane) {
                self.known_at.store(changes, Ordering::Release);
            }
        }
    }

    /// Whether the queue of its destination is full, if that is known without preparing anything. Takes no lock.
    pub(crate) fn refuses(&self, bytes: usize, changes: u64) -> Option<LaneFull> {
        if self.known_at.load(Ordering::Acquire) != changes {
            return None;
        }
        self.lane.get()?.refuses(bytes)
    }

    /// What `failedResource` says when the target is not known.
    pub(crate) fn unfilled_resource(&self) -> &str {
        &self.unfilled
    }
}

/// One message on its way through one action.
pub(crate) struct Context<'a> {
    pub(crate) run: &'a Run,
    pub(crate) result: &'a ResultPayload,
    pub(crate) input: &'a Input<'a>,
}

impl Context<'_> {
    /// The text of a field with its templates filled.
    pub(crate) fn fill<'f>(&self, field: &'f Field) -> Result<Cow<'f, str>, Unready> {
        field.fill(self)
    }

    /// The text of an optional field; an empty text counts as absent (RULES-382).
    pub(crate) fn fill_optional(&self, field: &Option<Field>) -> Result<Option<String>, Unready> {
        match field {
            Some(field) => self.fill(field).map(|text| (!text.is_empty()).then(|| text.into_owned())),
            None => Ok(None),
        }
    }

    /// The text of a field that the target cannot do without.
    pub(crate) fn fill_required(&self, name: &str, field: &Field) -> Result<String, Unready> {
        let text = self.fill(field)?;
        if text.is_empty() {
            return Err(Unready::Failed(format!(
                "`{name}` is empty: `{}` has no value for this message",
                field.text()
            )));
        }
        Ok(text.into_owned())
    }

    /// The result as the action sends it.
    pub(crate) fn payload(&self) -> &Bytes {
        &self.result.bytes
    }

    /// The result as JSON, or why the action cannot use it (RULES-320).
    pub(crate) fn json(&self) -> Result<Value, Unready> {
        serde_json::from_slice(&self.result.bytes).map_err(not_json)
    }

    /// The result as a value of the dialect, which keeps every digit; `None` when it is no JSON.
    pub(crate) fn value(&self) -> Option<sql::Value> {
        sql::json::parse(&self.result.bytes, false).ok()
    }

    /// Checks that the result is JSON, without reading it into values.
    pub(crate) fn check_json(&self) -> Result<(), Unready> {
        serde_json::from_slice::<IgnoredAny>(&self.result.bytes).map(drop).map_err(not_json)
    }

    pub(crate) fn scope(&self) -> &Scope {
        &self.run.publication.scope
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.run.at
    }

    pub(crate) fn uuid(&self) -> String {
        self.run.ids.uuid().to_string()
    }
}

fn not_json(_: serde_json::Error) -> Unready {
    Unready::Failed("the result is no JSON; `encode(*, 'base64') AS data` makes it so".to_owned())
}

/// The first request that an action would send; none for a message, which the engine tells itself.
pub(crate) fn unsent_request(work: &Work, settings: &Settings, region: &str) -> Option<SentRequest> {
    match work {
        Work::Publish(_) => None,
        Work::Aws(calls) => {
            let call = calls.first()?;
            Some(call.shown(call.target(&settings.aws, region).url))
        }
        Work::Http(call) => Some(call.shown()),
        Work::Kafka(call) => Some(call.shown()),
    }
}

/// The error as it is.
pub(crate) fn explain_plainly(error: &AwsError) -> String {
    error.to_string()
}

/// The first member that names a target, templates and all.
fn unfilled(members: &Members<'_>) -> String {
    const TARGETS: &[&str] = &[
        "topic",
        "functionArn",
        "queueUrl",
        "targetArn",
        "streamName",
        "deliveryStreamName",
        "tableName",
        "bucketName",
        "metricName",
        "alarmName",
        "logGroupName",
        "stateMachineName",
        "inputName",
        "channelName",
        "trackerName",
        "url",
        "endpoint",
        "destinationArn",
    ];
    let found = TARGETS.iter().find_map(|name| members.member(name)?.as_str());
    let nested = || members.member("putItem")?.get("tableName")?.as_str();
    found.or_else(nested).unwrap_or("").to_owned()
}
