//! `republish`: sends the result to another topic.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use thingstead_core::topic::{self, Quoted};
use thingstead_core::{Limits, Message, Properties, QoS};

use super::{Context, Field, Members, Prepare, Prepared, Unready, Work};
use crate::RulesError;

/// The action's members (RULES-467 ff.).
#[derive(Debug)]
pub(crate) struct Republish {
    topic: Field,
    qos: QoS,
    headers: Option<Headers>,
    limits: Limits,
}

/// MQTT 5 properties of the message (RULES-474). Those of the incoming message are not carried over (RULES-478).
#[derive(Debug)]
struct Headers {
    payload_format: Option<Field>,
    content_type: Option<Field>,
    response_topic: Option<Field>,
    correlation_data: Option<Field>,
    expiry: Option<Field>,
    user: Vec<(Field, Field)>,
}

impl Republish {
    pub(crate) fn compile(members: &Members<'_>) -> Result<Self, RulesError> {
        members.role()?;
        let topic = members.field("topic")?;
        let text = topic.text();
        let refuse = |why: &str| {
            Err(RulesError::invalid(format!("`{}` is {}, which {why}", members.at("topic"), Quoted(text))))
        };
        if text.starts_with('$') && !text.starts_with("$$") && !text.starts_with("${") {
            return refuse("starts with a single `$`; write `$$` for a reserved topic");
        }
        if topic.is_plain()
            && let Err(why) = check_target(text, members.compiling.settings.limits)
        {
            return refuse(&why);
        }
        let qos = members.integer("qos", 0..=1)?.unwrap_or(0);
        Ok(Self {
            topic,
            qos: if qos == 1 { QoS::AtLeastOnce } else { QoS::AtMostOnce },
            headers: members.object("headers")?.map(|headers| Headers::compile(&headers)).transpose()?,
            limits: members.compiling.settings.limits,
        })
    }
}

impl Prepare for Republish {
    fn prepare(&self, context: &Context<'_>) -> Result<Prepared, Unready> {
        let topic = context.fill(&self.topic)?;
        let topic = check_target(&topic, self.limits)
            .map_err(|why| Unready::Failed(format!("the topic {} {why}", Quoted(&topic))))?;
        let properties = match &self.headers {
            Some(headers) => headers.fill(context)?.map(Arc::new),
            None => None,
        };
        if context.payload().len() > MAX_PAYLOAD && self.limits.are_aws() {
            return Err(Unready::Failed(format!(
                "the result has {} bytes; a message has at most {MAX_PAYLOAD}",
                context.payload().len()
            )));
        }
        let message = Message {
            topic: Arc::from(topic),
            payload: context.payload().clone(),
            qos: self.qos,
            retain: false,
            properties,
        };
        Ok(Prepared {
            // The message names its topic.
            resource: String::new(),
            resources: Vec::new(),
            explain: super::explain_plainly,
            work: Work::Publish(message),
        })
    }
}

impl Headers {
    fn compile(members: &Members<'_>) -> Result<Self, RulesError> {
        let text = |name| members.optional_limited_field(name, MAX_HEADER);
        let invalid =
            |name: &str, why: String| Err(RulesError::invalid(format!("`{}` {why}", members.at(name))));
        let payload_format = text("payloadFormatIndicator")?;
        if let Some(plain) = payload_format.as_ref().and_then(Field::plain)
            && payload_format_of(plain).is_none()
        {
            return invalid(
                "payloadFormatIndicator",
                format!("is {}; allowed are `UNSPECIFIED_BYTES`, `UTF8_DATA`", Quoted(plain)),
            );
        }
        let response_topic = text("responseTopic")?;
        if let Some(plain) = response_topic.as_ref().and_then(Field::plain)
            && let Err(why) = topic::check_name(plain)
        {
            return invalid("responseTopic", format!("is {}, which {why}", Quoted(plain)));
        }
        let mut user = Vec::new();
        for pair in members.list("userProperties", 1..=MAX_USER_PROPERTIES)?.unwrap_or_default() {
            user.push((pair.limited_field("key", MAX_HEADER)?, pair.limited_field("value", MAX_HEADER)?));
        }
        Ok(Self {
            payload_format,
            content_type: text("contentType")?,
            response_topic,
            correlation_data: text("correlationData")?,
            expiry: text("messageExpiry")?,
            user,
        })
    }

    /// An empty text sets no property.
    fn fill(&self, context: &Context<'_>) -> Result<Option<Properties>, Unready> {
        let fill = |field: &Option<Field>| match field {
            Some(field) => context.fill(field).map(|text| (!text.is_empty()).then(|| text.into_owned())),
            None => Ok(None),
        };
        let failed = |name: &str, text: &str, why: &str| {
            Unready::Failed(format!("the header `{name}` is {}, {why}", Quoted(text)))
        };
        let mut properties = Properties::default();
        if let Some(text) = fill(&self.payload_format)? {
            let format = payload_format_of(&text).ok_or_else(|| {
                failed("payloadFormatIndicator", &text, "allowed are `UNSPECIFIED_BYTES`, `UTF8_DATA`")
            })?;
            properties.payload_format = Some(format);
        }
        properties.content_type = fill(&self.content_type)?.map(Arc::from);
        if let Some(text) = fill(&self.response_topic)? {
            topic::check_name(&text)
                .map_err(|why| failed("responseTopic", &text, &format!("which {why}")))?;
            properties.response_topic = Some(Arc::from(text));
        }
        if let Some(text) = fill(&self.correlation_data)? {
            let data = STANDARD
                .decode(&text)
                .map_err(|_| failed("correlationData", &text, "which is not base64"))?;
            properties.correlation_data = Some(data.into());
        }
        if let Some(text) = fill(&self.expiry)? {
            let seconds: u32 = text
                .parse()
                .map_err(|_| failed("messageExpiry", &text, "which is no whole number of seconds"))?;
            properties.expires_at = Some(context.now().plus(Duration::from_secs(u64::from(seconds))));
        }
        for (key, value) in &self.user {
            properties.user.push((Arc::from(&*context.fill(key)?), Arc::from(&*context.fill(value)?)));
        }
        Ok((properties != Properties::default()).then_some(properties))
    }
}

/// The topic that is meant, `$$` read as `$`, or why it cannot be a target.
fn check_target(topic: &str, limits: Limits) -> Result<&str, String> {
    let meant = match topic.strip_prefix("$$") {
        Some(_) => topic.strip_prefix('$').unwrap_or(topic),
        None if topic.starts_with('$') => {
            return Err("starts with a single `$`; write `$$` for a reserved topic".to_owned());
        }
        None => topic,
    };
    topic::check_name(meant).map_err(|why| why.to_string())?;
    if limits.are_aws() {
        // The prefix of a Basic Ingest topic does not count (RULES-371).
        let counted = topic::basic_ingest(meant).map_or(meant, |ingest| ingest.rest);
        topic::check_limits(counted).map_err(|why| why.to_string())?;
    }
    if let Some(thing) = meant.strip_prefix("$aws/things/")
        && let Some(service) = thing.split('/').nth(1)
        && matches!(service, "jobs" | "defender")
    {
        return Err(format!("belongs to the service `{service}`, to which rules do not republish"));
    }
    Ok(meant)
}

fn payload_format_of(text: &str) -> Option<u8> {
    match text {
        "UNSPECIFIED_BYTES" => Some(0),
        "UTF8_DATA" => Some(1),
        _ => None,
    }
}

/// Characters of one header text (RULES-345).
const MAX_HEADER: usize = 1_024;
/// User properties of one message (RULES-477).
const MAX_USER_PROPERTIES: usize = 100;
/// Bytes of a message (RULES-441).
const MAX_PAYLOAD: usize = 128 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_checked_and_two_dollars_stand_for_one() {
        // RULES-467, RULES-468, RULES-469, RULES-479
        let check = |topic| check_target(topic, Limits::Aws);
        assert_eq!(check("$$aws/things/t/shadow/update"), Ok("$aws/things/t/shadow/update"));
        assert_eq!(check("a/b"), Ok("a/b"));
        for topic in [
            "",
            "a/+",
            "a/#",
            "$aws/things/t/shadow/update",
            "$$aws/things/t/jobs/get",
            "$$aws/things/t/defender/metrics/json",
            "a/a/a/a/a/a/a/a/a",
        ] {
            assert!(check(topic).is_err(), "{topic}");
        }
        assert!(check_target("a/a/a/a/a/a/a/a/a", Limits::Relaxed).is_ok());
        assert!(check("$$aws/rules/other/a/a/a/a/a/a/a/a").is_ok());
    }
}
