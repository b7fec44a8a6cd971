//! Retained messages over HTTPS (MQTT-233, MQTT-234).

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use thingstead_core::Message;

use super::lists::{after, token};
use crate::{ApiError, Call};

#[derive(Deserialize)]
pub(crate) struct GetRetainedMessageRequest {
    topic: String,
}

/// Times are epoch milliseconds here (API-032).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GetRetainedMessageResponse {
    topic: Arc<str>,
    payload: String,
    qos: u8,
    last_modified_time: i64,
    user_properties: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListRetainedMessagesRequest {
    max_results: Option<usize>,
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListRetainedMessagesResponse {
    retained_topics: Vec<RetainedMessageSummary>,
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RetainedMessageSummary {
    topic: Arc<str>,
    payload_size: usize,
    qos: u8,
    last_modified_time: i64,
}

/// `GetRetainedMessage` (API-272).
pub(crate) async fn get_retained_message(
    call: Call,
    input: GetRetainedMessageRequest,
) -> Result<GetRetainedMessageResponse, ApiError> {
    let found = call.deps.broker.retained_message(&call.scope, &input.topic);
    let found = found.ok_or_else(|| {
        ApiError::not_found(format!("No retained message exists with topic: '{}'", input.topic))
    })?;
    Ok(GetRetainedMessageResponse {
        payload: STANDARD.encode(&found.message.payload),
        qos: found.message.qos.as_u8(),
        last_modified_time: found.stored_at.as_millis(),
        user_properties: user_properties(&found.message),
        topic: found.message.topic,
    })
}

/// `ListRetainedMessages`, in the order of topics, without payloads (API-273).
pub(crate) async fn list_retained_messages(
    call: Call,
    input: ListRetainedMessagesRequest,
) -> Result<ListRetainedMessagesResponse, ApiError> {
    let limit = input.max_results.unwrap_or(MAX_ROWS);
    let behind = after("retained", input.next_token.as_deref())?;
    // One more than wanted says whether there is a next page.
    let mut found =
        call.deps.broker.retained_messages(&call.scope, behind.as_deref(), limit.saturating_add(1));
    let more = found.len() > limit;
    found.truncate(limit);
    let next_token = found.last().filter(|_| more).map(|last| token("retained", &last.message.topic));
    let row = |found: thingstead_broker::Retained| RetainedMessageSummary {
        payload_size: found.message.payload.len(),
        qos: found.message.qos.as_u8(),
        last_modified_time: found.stored_at.as_millis(),
        topic: found.message.topic,
    };
    Ok(ListRetainedMessagesResponse { retained_topics: found.into_iter().map(row).collect(), next_token })
}

/// Base64 of a JSON array of one-pair objects; `None` when there are no user properties.
fn user_properties(message: &Message) -> Option<String> {
    let pairs = message.user_properties().iter();
    let pairs: Vec<Value> = pairs
        .map(|(name, value)| Value::Object(Map::from_iter([(name.to_string(), Value::from(&**value))])))
        .collect();
    (!pairs.is_empty()).then(|| STANDARD.encode(Value::Array(pairs).to_string()))
}

/// Rows of a page, and the most that can be asked for.
const MAX_ROWS: usize = 200;
