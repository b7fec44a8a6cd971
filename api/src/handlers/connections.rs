//! Connections and direct messages (section 18 of the MQTT specification).

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thingstead_broker::{ConnectionInfo, DirectError, DirectMessage};
use thingstead_core::message::Sender;
use thingstead_core::{Message, ThingName};

use super::lists::{Empty, after, token};
use super::publish::{Mqtt5Members, check_payload};
use crate::{ApiError, Call};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GetConnectionRequest {
    client_id: String,
    #[serde(default)]
    include_socket_information: bool,
}

/// Times are epoch milliseconds here (API-032).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GetConnectionResponse {
    client_id: String,
    connected: bool,
    thing_name: Option<ThingName>,
    clean_session: bool,
    keep_alive_duration: u16,
    session_expiry: u32,
    connected_since: Option<i64>,
    disconnected_since: Option<i64>,
    disconnect_reason: Option<&'static str>,
    source_ip: Option<String>,
    source_port: Option<u16>,
    target_ip: Option<String>,
    target_port: Option<u16>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeleteConnectionRequest {
    client_id: String,
    #[serde(default)]
    clean_session: bool,
    #[serde(default)]
    prevent_will_message: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListSubscriptionsRequest {
    client_id: String,
    max_results: Option<usize>,
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListSubscriptionsResponse {
    subscriptions: Vec<SubscriptionSummary>,
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SubscriptionSummary {
    topic_filter: Arc<str>,
    qos: u8,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SendDirectMessageRequest {
    client_id: String,
    topic: String,
    #[serde(default)]
    confirmation: bool,
    timeout: Option<u64>,
    #[serde(flatten)]
    properties: Mqtt5Members,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SendDirectMessageResponse {
    message: &'static str,
    trace_id: Arc<str>,
}

/// `GetConnection` (API-277).
pub(crate) async fn get_connection(
    call: Call,
    input: GetConnectionRequest,
) -> Result<GetConnectionResponse, ApiError> {
    let found = call.deps.broker.connection(&call.scope, &input.client_id).await;
    let ConnectionInfo {
        connected,
        clean_session,
        keep_alive,
        session_expiry,
        connected_since,
        disconnected_since,
        disconnect_reason,
        thing,
        socket,
    } = found.ok_or_else(|| unknown(&input.client_id))?;
    let socket = socket.filter(|_| input.include_socket_information);
    Ok(GetConnectionResponse {
        client_id: input.client_id,
        connected,
        thing_name: thing,
        clean_session,
        keep_alive_duration: keep_alive,
        session_expiry,
        connected_since: connected_since.map(|at| at.as_millis()),
        disconnected_since: disconnected_since.map(|at| at.as_millis()),
        disconnect_reason: disconnect_reason.map(|reason| reason.name()),
        source_ip: socket.map(|socket| socket.source.ip().to_string()),
        source_port: socket.map(|socket| socket.source.port()),
        target_ip: socket.map(|socket| socket.target.ip().to_string()),
        target_port: socket.map(|socket| socket.target.port()),
    })
}

/// `DeleteConnection` (API-278).
pub(crate) async fn delete_connection(call: Call, input: DeleteConnectionRequest) -> Result<Empty, ApiError> {
    let DeleteConnectionRequest { client_id, clean_session, prevent_will_message } = input;
    let broker = &call.deps.broker;
    if broker.delete_connection(&call.scope, &client_id, clean_session, prevent_will_message).await {
        Ok(Empty {})
    } else {
        Err(unknown(&client_id))
    }
}

/// `ListSubscriptions`, in the order of filters (API-279).
pub(crate) async fn list_subscriptions(
    call: Call,
    input: ListSubscriptionsRequest,
) -> Result<ListSubscriptionsResponse, ApiError> {
    let behind = after("subscriptions", input.next_token.as_deref())?;
    let found = call.deps.broker.subscriptions(&call.scope, &input.client_id).await;
    let found = found.ok_or_else(|| unknown(&input.client_id))?;
    let limit = input.max_results.unwrap_or(DEFAULT_ROWS);
    let mut rest =
        found.into_iter().filter(|held| behind.as_deref().is_none_or(|behind| &*held.filter > behind));
    let subscriptions: Vec<SubscriptionSummary> = rest
        .by_ref()
        .take(limit)
        .map(|held| SubscriptionSummary { topic_filter: held.filter, qos: held.qos.as_u8() })
        .collect();
    let more = rest.next().is_some();
    let next_token =
        subscriptions.last().filter(|_| more).map(|last| token("subscriptions", &last.topic_filter));
    Ok(ListSubscriptionsResponse { subscriptions, next_token })
}

/// `SendDirectMessage` (API-280).
pub(crate) async fn send_direct_message(
    call: Call,
    input: SendDirectMessageRequest,
) -> Result<SendDirectMessageResponse, ApiError> {
    let limited = call.deps.settings.limits.are_aws();
    check_payload(&call.payload, limited)?;
    let message = Message {
        properties: input.properties.decoded(limited)?.map(Arc::new),
        ..Message::new(input.topic, call.payload.clone())
    };
    let seconds = input.timeout.unwrap_or(DEFAULT_TIMEOUT);
    if !(1..=MAX_TIMEOUT).contains(&seconds) {
        let message = format!("`timeout` is {seconds}; expected 1 to {MAX_TIMEOUT} seconds");
        return Err(ApiError::invalid_request(message));
    }
    let sender = Sender {
        client: None,
        principal: call.principal.clone(),
        thing: None,
        address: call.remote,
        session: Arc::clone(&call.request_id),
    };
    let direct = DirectMessage {
        message,
        confirmation: input.confirmation.then(|| Duration::from_secs(seconds)),
        sender: Arc::new(sender),
    };
    let client = &input.client_id;
    call.deps.broker.send_direct_message(&call.scope, client, direct).await.map_err(|error| match error {
        // POLICY-467
        DirectError::ReceiveDenied => {
            let message = format!("the receiver `{client}` is not allowed to receive on this topic");
            ApiError::new("ForbiddenException", message).logged_as(error.log_reason())
        }
        other => other.into(),
    })?;
    Ok(SendDirectMessageResponse { message: "OK", trace_id: call.request_id })
}

/// MQTT-247, MQTT-248.
impl From<DirectError> for ApiError {
    fn from(error: DirectError) -> Self {
        let name = match error {
            DirectError::InvalidTopic(_) => "InvalidRequestException",
            DirectError::NotFound | DirectError::NotConnected => "ResourceNotFoundException",
            DirectError::ReceiveDenied => "ForbiddenException",
            DirectError::TooLarge(..) => "RequestEntityTooLargeException",
            DirectError::WindowFull | DirectError::Throttled(_) => "ThrottlingException",
            DirectError::NotWritable(_) | DirectError::Stopping => "InternalFailureException",
            DirectError::Timeout => "GatewayTimeoutException",
        };
        Self::new(name, error.to_string()).logged_as(error.log_reason())
    }
}

fn unknown(client: &str) -> ApiError {
    ApiError::not_found(format!("the client `{client}` is neither connected nor has a persistent session"))
}

/// Rows of a page where the caller names no number (API-054).
const DEFAULT_ROWS: usize = 20;
/// Seconds to wait for a confirmation (MQTT-245).
const DEFAULT_TIMEOUT: u64 = 5;
/// Seconds at most.
const MAX_TIMEOUT: u64 = 15;
