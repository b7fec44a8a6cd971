//! How and why a connection ends, whoever brings it about.

use std::borrow::Cow;

use thingstead_mqtt_wire::ReasonCode;

/// `disconnectReason` of lifecycle events (MQTT-201).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Authentication or authorization failed.
    AuthError,
    /// MQTT DISCONNECT, or a WebSocket Close frame.
    ClientInitiated,
    /// Protocol misuse.
    ClientError,
    /// The transport broke.
    ConnectionLost,
    /// Another client took the client id.
    DuplicateClientId,
    /// Silence for one and a half keep alives.
    KeepAliveTimeout,
    /// Something unexpected on this side.
    ServerError,
    /// The server stops.
    ServerInitiated,
    /// `DeleteConnection`.
    ApiInitiated,
    /// A rate was exceeded.
    Throttled,
    /// The WebSocket lived for a day.
    WebSocketTtl,
    /// A custom authorizer admitted the client for so long only.
    CustomAuthTtl,
}

impl Reason {
    const ALL: [Self; 12] = [
        Self::AuthError,
        Self::ClientInitiated,
        Self::ClientError,
        Self::ConnectionLost,
        Self::DuplicateClientId,
        Self::KeepAliveTimeout,
        Self::ServerError,
        Self::ServerInitiated,
        Self::ApiInitiated,
        Self::Throttled,
        Self::WebSocketTtl,
        Self::CustomAuthTtl,
    ];

    /// The reason of that name.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.name() == name)
    }

    /// The name in events.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AuthError => "AUTH_ERROR",
            Self::ClientInitiated => "CLIENT_INITIATED_DISCONNECT",
            Self::ClientError => "CLIENT_ERROR",
            Self::ConnectionLost => "CONNECTION_LOST",
            Self::DuplicateClientId => "DUPLICATE_CLIENTID",
            Self::KeepAliveTimeout => "MQTT_KEEP_ALIVE_TIMEOUT",
            Self::ServerError => "SERVER_ERROR",
            Self::ServerInitiated => "SERVER_INITIATED_DISCONNECT",
            Self::ApiInitiated => "API_INITIATED_DISCONNECT",
            Self::Throttled => "THROTTLED",
            Self::WebSocketTtl => "WEBSOCKET_TTL_EXPIRATION",
            Self::CustomAuthTtl => "CUSTOMAUTH_TTL_EXPIRATION",
        }
    }

    /// What would have kept the connection, where the reason alone tells.
    pub(crate) const fn fix(self) -> Option<&'static str> {
        match self {
            Self::DuplicateClientId => {
                Some("give every client a client id of its own; of two with the same id the newer one stays")
            }
            Self::KeepAliveTimeout => Some(
                "send a packet, PINGREQ if nothing else, within the keep alive interval, or ask for a longer one",
            ),
            Self::CustomAuthTtl => Some(
                "connect again; the custom authorizer's `disconnectAfterInSeconds` says how long a connection may last",
            ),
            _ => None,
        }
    }
}

/// How a connection ends.
#[derive(Clone, Debug)]
pub(crate) struct Ending {
    /// For events.
    pub(crate) reason: Reason,
    /// What a v5 client is told; v3 clients just see the close (MQTT-078).
    pub(crate) tell: Option<ReasonCode>,
    /// For the journal, and for a v5 client that is told anything.
    pub(crate) why: Cow<'static, str>,
    /// What a v5 client is told in words instead (MQTT-079).
    pub(crate) reason_string: Option<&'static str>,
    /// Whether the Will is published (MQTT-060).
    pub(crate) will: bool,
    /// The session ends, too, whatever its expiry says.
    pub(crate) forget: bool,
    /// What waits to be written is written before the socket is closed.
    pub(crate) farewell: bool,
}

impl Ending {
    /// An end for a reason; the Will is published unless the client meant to go.
    pub(crate) fn new(reason: Reason, why: impl Into<Cow<'static, str>>) -> Self {
        let will = reason != Reason::ClientInitiated;
        let farewell = reason != Reason::ConnectionLost;
        Self { reason, tell: None, why: why.into(), reason_string: None, will, forget: false, farewell }
    }

    /// The transport broke (MQTT-077).
    pub(crate) fn lost(why: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Reason::ConnectionLost, why)
    }

    /// The client closed its end, at least for sending, without a goodbye (MQTT-077). It gets what it was to be sent.
    pub(crate) fn hung_up() -> Self {
        Self { farewell: true, ..Self::lost("the client closed the socket without DISCONNECT") }
    }

    /// The client meant to go (MQTT-076, MQTT-017).
    pub(crate) fn said_goodbye(why: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Reason::ClientInitiated, why)
    }

    /// The client broke the protocol.
    pub(crate) fn error(tell: ReasonCode, why: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Reason::ClientError, why).telling(tell)
    }

    /// The client lacks a permission.
    pub(crate) fn not_authorized(why: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Reason::AuthError, why).telling(ReasonCode::NotAuthorized)
    }

    /// A v5 client gets a DISCONNECT with this reason.
    pub(crate) fn telling(self, reason: ReasonCode) -> Self {
        Self { tell: Some(reason), ..self }
    }

    /// With other words for the client than for the journal.
    pub(crate) fn saying(self, text: &'static str) -> Self {
        Self { reason_string: Some(text), ..self }
    }

    /// Without a DISCONNECT, such as behind a CONNACK that says it all.
    pub(crate) fn silent(self) -> Self {
        Self { tell: None, ..self }
    }
}
