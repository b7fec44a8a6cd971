//! Messages for one client, and why they do not reach it (MQTT-244 to MQTT-248, MQTT-258).

use std::sync::Arc;
use std::time::Duration;

use thingstead_core::Message;
use thingstead_core::message::Sender;

/// A message for one client (MQTT-244).
#[derive(Clone, Debug)]
pub struct DirectMessage {
    /// Topic, payload and properties; the quality of service follows from `confirmation`.
    pub message: Message,
    /// Wait for the client's PUBACK for this long (MQTT-245).
    pub confirmation: Option<Duration>,
    /// Who sends it.
    pub sender: Arc<Sender>,
}

/// Why a direct message was not delivered; the log reasons of MQTT-258.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DirectError {
    /// A topic that starts with `$`, has wildcards or is too long (MQTT-247).
    #[error("the topic {0}")]
    InvalidTopic(String),
    /// Neither connected nor a session (`TARGET_CLIENT_ID_NOT_FOUND`).
    #[error("no client has this id")]
    NotFound,
    /// An offline persistent session (`TARGET_CLIENT_NOT_CONNECTED`).
    #[error("the client has a persistent session but is not connected")]
    NotConnected,
    /// `RECEIVE_AUTHORIZATION_FAILURE` (POLICY-467).
    #[error("the receiving client is not allowed to receive on this topic")]
    ReceiveDenied,
    /// The payload is over the limit.
    #[error("the payload is {0} bytes long; at most {1} are allowed")]
    TooLarge(usize, usize),
    /// `RECEIVER_MAX_UNACKED_QOS1_EXCEEDED`.
    #[error("the client has as many unacknowledged messages as it may")]
    WindowFull,
    /// A rate of the receiver or of its account (`RECEIVE_SESSION_THROTTLED`).
    #[error("{0}")]
    Throttled(String),
    /// The client reads too slowly (`CLIENT_ENDPOINT_NOT_WRITABLE`).
    #[error("{0}")]
    NotWritable(String),
    /// `DELIVERY_CONFIRMATION_TIMEOUT`.
    #[error("the client did not acknowledge the message in time")]
    Timeout,
    /// `INTERNAL_SERVER_ERROR`.
    #[error("the server is stopping")]
    Stopping,
}

impl DirectError {
    /// The reason in service logs (MQTT-258).
    pub const fn log_reason(&self) -> &'static str {
        match self {
            Self::InvalidTopic(_) => "INVALID_TOPIC",
            Self::NotFound => "TARGET_CLIENT_ID_NOT_FOUND",
            Self::NotConnected => "TARGET_CLIENT_NOT_CONNECTED",
            Self::ReceiveDenied => "RECEIVE_AUTHORIZATION_FAILURE",
            Self::TooLarge(..) => "CLIENT_ERROR",
            Self::WindowFull => "RECEIVER_MAX_UNACKED_QOS1_EXCEEDED",
            Self::Throttled(_) => "RECEIVE_SESSION_THROTTLED",
            Self::NotWritable(_) => "CLIENT_ENDPOINT_NOT_WRITABLE",
            Self::Timeout => "DELIVERY_CONFIRMATION_TIMEOUT",
            Self::Stopping => "INTERNAL_SERVER_ERROR",
        }
    }
}
