//! `Publish`: a message over HTTPS (MQTT-224 – MQTT-232).

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use thingstead_core::wiring::ReservedService;
use thingstead_core::{Message, Properties, Publication, QoS, topic};

use crate::{ApiError, Call};

/// The members that travel outside the body.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PublishRequest {
    topic: String,
    #[serde(default)]
    qos: u8,
    #[serde(default)]
    retain: bool,
    message_expiry: Option<i64>,
    #[serde(flatten)]
    properties: Mqtt5Members,
}

/// What MQTT 5 receivers see beside the payload (API-017, MQTT-225, MQTT-226).
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Mqtt5Members {
    content_type: Option<String>,
    response_topic: Option<String>,
    user_properties: Option<String>,
    payload_format_indicator: Option<String>,
    correlation_data: Option<String>,
}

/// What AWS answers though the model knows no output (MQTT-227).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Published {
    message: &'static str,
    trace_id: Arc<str>,
}

/// Publishes the body (API-268 – API-271).
pub(crate) async fn publish(call: Call, input: PublishRequest) -> Result<Published, ApiError> {
    let limited = call.deps.settings.limits.are_aws();
    check_topic(&call, &input.topic, limited)?;
    check_payload(&call.payload, limited)?;
    let qos = QoS::from_u8(input.qos)
        .ok_or_else(|| ApiError::invalid_request(format!("`qos` is `{}`; expected 0 or 1", input.qos)))?;
    let now = call.deps.clock.now();
    let mut properties = input.properties.decoded(limited)?;
    if let Some(seconds) = input.message_expiry.filter(|seconds| *seconds >= 0) {
        // MQTT-178
        let seconds = u64::try_from(seconds).unwrap_or(MAX_EXPIRY).clamp(1, MAX_EXPIRY);
        properties.get_or_insert_default().expires_at = Some(now.plus(Duration::from_secs(seconds)));
    }
    let retain = input.retain;
    let message = Message {
        topic: input.topic.into(),
        payload: call.payload.clone(),
        qos,
        retain,
        properties: properties.map(Arc::new),
    };
    if let Some(damage) = call.deps.broker.damage() {
        return Err(ApiError::internal(format!("the server cannot store anything: {damage}")));
    }
    // MQTT-149, MQTT-150
    let admitted = call.deps.broker.admit_publish(&call.scope, &message);
    admitted.map_err(|why| ApiError::new("ThrottlingException", why))?;
    call.deps.bus.publish(Publication { scope: call.scope.clone(), message, origin: call.origin(), at: now });
    if retain {
        // What is read next must see it (API-065).
        call.deps.broker.settled().await;
    }
    Ok(Published { message: "OK", trace_id: call.request_id })
}

/// A topic that may be published to over HTTPS: 400 for a malformed one, 403 for a reserved one (API-269, API-270).
fn check_topic(call: &Call, name: &str, limited: bool) -> Result<(), ApiError> {
    let invalid = |reason: topic::TopicError| {
        ApiError::invalid_request(format!("the topic {} {reason}", topic::Quoted(name)))
    };
    topic::check_name(name).map_err(invalid)?;
    let ingest = topic::basic_ingest(name);
    if limited {
        topic::check_limits(ingest.map_or(name, |ingest| ingest.rest)).map_err(invalid)?;
    }
    if topic::is_reserved(name) && ingest.is_none() && !call.deps.shadow.claims(name) {
        let message = format!("the topic {} is reserved and takes no messages", topic::Quoted(name));
        return Err(ApiError::new("ForbiddenException", message));
    }
    Ok(())
}

/// 413 above 128 KB (MQTT-232).
pub(crate) fn check_payload(payload: &[u8], limited: bool) -> Result<(), ApiError> {
    if limited && payload.len() > MAX_PAYLOAD {
        let message = format!("the payload has {} bytes; allowed are {MAX_PAYLOAD}", payload.len());
        return Err(ApiError::new("RequestEntityTooLargeException", message));
    }
    Ok(())
}

impl Mqtt5Members {
    /// The properties of a message; `None` when none are given.
    ///
    /// # Errors
    /// A member is not what MQTT-225 and MQTT-226 say, or too large (MQTT-184).
    pub(crate) fn decoded(self, limited: bool) -> Result<Option<Properties>, ApiError> {
        let mut properties = Properties::default();
        let too_large = |member: &str, size: usize, max: usize| {
            Err(ApiError::invalid_request(format!("`{member}` has {size} bytes; allowed are {max}")))
        };
        if let Some(text) = self.content_type {
            if limited && text.len() > MAX_CONTENT_TYPE {
                return too_large("contentType", text.len(), MAX_CONTENT_TYPE);
            }
            properties.content_type = Some(text.into());
        }
        if let Some(name) = self.response_topic {
            topic::check_name(&name).map_err(|reason| {
                ApiError::invalid_request(format!("the response topic {} {reason}", topic::Quoted(&name)))
            })?;
            properties.response_topic = Some(name.into());
        }
        properties.payload_format = self.payload_format_indicator.map(|name| u8::from(name == "UTF8_DATA"));
        if let Some(text) = self.correlation_data {
            let bytes = base64("correlationData", &text)?;
            if limited && bytes.len() > MAX_PROPERTIES {
                return too_large("correlationData", bytes.len(), MAX_PROPERTIES);
            }
            properties.correlation_data = Some(Bytes::from(bytes));
        }
        if let Some(text) = self.user_properties.filter(|text| !text.is_empty()) {
            properties.user = user_properties(&text)?;
            let size = properties.user.iter().map(|(name, value)| name.len() + value.len()).sum();
            if limited && size > MAX_PROPERTIES {
                return too_large("userProperties", size, MAX_PROPERTIES);
            }
        }
        Ok((properties != Properties::default()).then_some(properties))
    }
}

/// Names and values in the publisher's order.
type UserProperties = Vec<(Arc<str>, Arc<str>)>;

/// Base64 of a JSON array of one-pair objects, or of a JSON text that holds such an array (API-018).
fn user_properties(text: &str) -> Result<UserProperties, ApiError> {
    let wrong = || {
        let expected =
            "expected base64 of a JSON array of objects with one pair each, such as `[{\"unit\":\"C\"}]`";
        ApiError::invalid_request(format!("`userProperties` is {}; {expected}", topic::Quoted(text)))
    };
    let mut value: Value = serde_json::from_slice(&base64("userProperties", text)?).map_err(|_| wrong())?;
    if let Value::String(inner) = &value {
        value = serde_json::from_str(inner).map_err(|_| wrong())?;
    }
    let Value::Array(items) = value else { return Err(wrong()) };
    let mut pairs = Vec::with_capacity(items.len());
    for item in items {
        let Value::Object(members) = item else { return Err(wrong()) };
        for (name, value) in members {
            let value = match value {
                Value::String(text) => text,
                Value::Number(_) | Value::Bool(_) => value.to_string(),
                Value::Null | Value::Array(_) | Value::Object(_) => return Err(wrong()),
            };
            pairs.push((Arc::from(name), Arc::from(value)));
        }
    }
    Ok(pairs)
}

fn base64(member: &str, text: &str) -> Result<Vec<u8>, ApiError> {
    STANDARD.decode(text.trim()).map_err(|_| {
        ApiError::invalid_request(format!("`{member}` is {}, which is no base64", topic::Quoted(text)))
    })
}

/// A payload's bytes at most (MQTT-173).
const MAX_PAYLOAD: usize = 128 * 1024;
/// Bytes of all user properties together, and of the correlation data (MQTT-184).
const MAX_PROPERTIES: usize = 8 * 1024;
/// Bytes of the content type (MQTT-184).
const MAX_CONTENT_TYPE: usize = 256;
/// Seconds: a week (MQTT-178).
const MAX_EXPIRY: u64 = 604_800;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_properties_come_in_one_level_or_two() {
        // API-018, MQTT-226
        let once = STANDARD.encode(r#"[{"unit":"C"},{"unit":"F"},{"n":1}]"#);
        let twice = STANDARD.encode(r#""[{\"unit\":\"C\"},{\"unit\":\"F\"},{\"n\":1}]""#);
        for text in [once, twice] {
            let pairs = user_properties(&text).expect("pairs");
            let pairs: Vec<_> = pairs.iter().map(|(name, value)| (&**name, &**value)).collect();
            assert_eq!(pairs, [("unit", "C"), ("unit", "F"), ("n", "1")]);
        }
        for wrong in ["%", "e30=", "WzFd", "bnVsbA==", "W3siYSI6W119XQ=="] {
            let error = user_properties(wrong).expect_err(wrong);
            assert_eq!(error.name(), "InvalidRequestException", "{wrong}");
        }
    }
}
