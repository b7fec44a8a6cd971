//! What service logs say of operations of the data plane (MQTT-254, MQTT-258).

use serde_json::{Map, Value};
use thingstead_core::Event;

use crate::model::Operation;
use crate::{ApiError, Reply};

/// The members of a request that are logged.
#[derive(Default)]
pub(super) struct Logged {
    client: Option<String>,
    topic: Option<String>,
    members: Map<String, Value>,
}

/// Whether an operation has an entry of its own.
pub(super) fn is_logged(operation: &Operation) -> bool {
    LOGGED.contains(&operation.name.as_str())
}

impl Logged {
    /// What was asked; nothing for operations that are not logged.
    pub(super) fn asked(operation: &Operation, members: &Map<String, Value>) -> Self {
        if !is_logged(operation) {
            return Self::default();
        }
        let text = |name: &str| members.get(name).and_then(Value::as_str).map(str::to_owned);
        let copied = ["maxResults", "confirmation", "timeout"];
        let copied = copied.iter().filter_map(|name| Some(((*name).to_owned(), members.get(*name)?.clone())));
        Self { client: text("clientId"), topic: text("topic"), members: copied.collect() }
    }

    /// Whether the caller wants to know that a client has acknowledged a direct message.
    pub(super) fn awaits_confirmation(&self) -> bool {
        self.members.get("confirmation") == Some(&Value::Bool(true))
    }

    /// Adds to an event what is logged of its operation and of the answer.
    pub(super) fn tell(
        &self,
        event: Event,
        operation: &Operation,
        answer: &Result<Reply, ApiError>,
    ) -> Event {
        let mut event = event.client(self.client.as_deref().map(Into::into));
        if let Some(topic) = &self.topic {
            event = event.topic(topic.as_str());
        }
        for (name, value) in &self.members {
            event = event.with(name, value.clone());
        }
        match answer {
            Err(error) => event.with("reason", reason(operation, error)),
            Ok(Reply::Members(Value::Object(answered))) if operation.name == "GetRetainedMessage" => {
                for (from, to) in [("qos", "qos"), ("lastModifiedTime", "lastModifiedDate")] {
                    if let Some(value) = answered.get(from) {
                        event = event.with(to, value.clone());
                    }
                }
                event
            }
            Ok(_) => event,
        }
    }
}

/// The reason of a failure in the words of the log.
fn reason(operation: &Operation, error: &ApiError) -> &'static str {
    if let Some(reason) = error.log_reason() {
        return reason;
    }
    let direct = operation.name == "SendDirectMessage";
    // Members are named the way validation and reading name them.
    let of = |member: &str| {
        let message = error.message();
        message.contains(&format!("'{member}'")) || message.contains(&format!("`{member}`"))
    };
    match error.name() {
        "ForbiddenException" => "AUTHORIZATION_FAILURE",
        "InternalFailureException" => "INTERNAL_SERVER_ERROR",
        "ThrottlingException" if direct => "SEND_DIRECT_MESSAGE_THROTTLED",
        "ThrottlingException" => "THROTTLED",
        "InvalidRequestException" if direct && of("confirmation") => "INVALID_CONFIRMATION_PARAMETER",
        "InvalidRequestException" if direct && of("timeout") => "INVALID_TIMEOUT_PARAMETER",
        "InvalidRequestException" if of("clientId") => "MALFORMED_CLIENTID",
        "InvalidRequestException" if direct && of("topic") => "INVALID_TOPIC",
        "ResourceNotFoundException" if !direct && operation.name != "GetRetainedMessage" => {
            "TARGET_CLIENT_ID_NOT_FOUND"
        }
        "ResourceNotFoundException" => "RESOURCE_NOT_FOUND",
        _ => "CLIENT_ERROR",
    }
}

const LOGGED: &[&str] = &[
    "DeleteConnection",
    "GetConnection",
    "ListSubscriptions",
    "SendDirectMessage",
    "GetRetainedMessage",
    "ListRetainedMessages",
];
