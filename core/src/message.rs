//! Messages as they travel between sessions, services and rules: decoded, judged, protocol versions forgotten.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;

use crate::{ClientId, Principal, RuleName, Scope, ThingName, Timestamp};

/// Quality of service; AWS serves no QoS 2 (MQTT-083).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum QoS {
    /// Fire and forget.
    #[default]
    AtMostOnce = 0,
    /// Acknowledged.
    AtLeastOnce = 1,
}

impl QoS {
    /// 0 or 1; `None` for anything else.
    pub const fn from_u8(level: u8) -> Option<Self> {
        match level {
            0 => Some(Self::AtMostOnce),
            1 => Some(Self::AtLeastOnce),
            _ => None,
        }
    }

    /// 0 or 1.
    pub const fn as_u8(self) -> u8 {
        self as u8
    }
}

/// One application message.
///
/// Cloning shares topic, payload and properties. `payload` may be a slice of a larger network buffer: whoever keeps a
/// message for long (retained, offline queue, journal) copies it with [`Message::detached`].
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// A topic name without wildcards; without `$aws/rules/NAME/` it is what subscribers see.
    pub topic: Arc<str>,
    /// The application's bytes, at most 128 KiB (MQTT-097).
    pub payload: Bytes,
    /// As published.
    pub qos: QoS,
    /// The RETAIN flag as published.
    pub retain: bool,
    /// MQTT 5 properties; `None` when there are none.
    pub properties: Option<Arc<Properties>>,
}

/// The MQTT 5 properties that travel with a message (MQTT-171 ff.).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Properties {
    /// 1 for UTF-8 text, not checked (MQTT-183).
    pub payload_format: Option<u8>,
    /// When the message expires, already clamped (MQTT-178); the interval left is computed on delivery (MQTT-179).
    pub expires_at: Option<Timestamp>,
    /// At most 256 bytes.
    pub content_type: Option<Arc<str>>,
    /// No wildcards.
    pub response_topic: Option<Arc<str>>,
    /// At most 8 KiB.
    pub correlation_data: Option<Bytes>,
    /// In the publisher's order; 8 KiB in total.
    pub user: Vec<(Arc<str>, Arc<str>)>,
}

impl Properties {
    /// About how many bytes they keep in memory.
    pub fn weight(&self) -> usize {
        let text = |text: &Option<Arc<str>>| text.as_ref().map_or(0, |text| text.len());
        text(&self.content_type)
            + text(&self.response_topic)
            + self.correlation_data.as_ref().map_or(0, Bytes::len)
            + self.user.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>()
    }
}

impl Message {
    /// A QoS 0 message without properties.
    pub fn new(topic: impl Into<Arc<str>>, payload: impl Into<Bytes>) -> Self {
        Self {
            topic: topic.into(),
            payload: payload.into(),
            qos: QoS::AtMostOnce,
            retain: false,
            properties: None,
        }
    }

    /// The same message at another quality of service.
    pub fn with_qos(self, qos: QoS) -> Self {
        Self { qos, ..self }
    }

    /// A copy whose payload does not pin the network buffer it was read into.
    pub fn detached(&self) -> Self {
        Self { payload: Bytes::copy_from_slice(&self.payload), ..self.clone() }
    }

    /// When the message expires, if ever.
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.properties.as_ref()?.expires_at
    }

    /// The user properties, empty for MQTT 3.1.1 publishers.
    pub fn user_properties(&self) -> &[(Arc<str>, Arc<str>)] {
        self.properties.as_ref().map_or(&[], |properties| &properties.user)
    }
}

/// Who sent a message into the router.
#[derive(Clone, Debug)]
pub enum Origin {
    /// An MQTT client, its Will included.
    Client(Arc<Sender>),
    /// An HTTPS or API publish.
    Http(Arc<Sender>),
    /// A service of this server, by name: `shadow`, `jobs`, `events`.
    Service(&'static str),
    /// A rule's republish action; `depth` counts republishes on the way here, so that loops end (RULES, republish).
    Rule {
        /// The rule that republished.
        rule: RuleName,
        /// 1 for the first republish.
        depth: u32,
        /// Who sent the message that started it, if known.
        first: Option<Arc<Sender>>,
    },
}

/// A connection or request as rules and the journal see it.
#[derive(Clone, Debug)]
pub struct Sender {
    /// The MQTT client id; `None` over HTTP.
    pub client: Option<ClientId>,
    /// Who authenticated.
    pub principal: Principal,
    /// The associated thing (POLICY-230, POLICY-231).
    pub thing: Option<ThingName>,
    /// The peer's address.
    pub address: Option<SocketAddr>,
    /// The session identifier of the connection or the request id.
    pub session: Arc<str>,
}

impl Origin {
    /// The client or request at the start of the chain.
    pub fn sender(&self) -> Option<&Arc<Sender>> {
        match self {
            Self::Client(sender) | Self::Http(sender) => Some(sender),
            Self::Rule { first, .. } => first.as_ref(),
            Self::Service(_) => None,
        }
    }

    /// The MQTT client id at the start of the chain.
    pub fn client(&self) -> Option<&ClientId> {
        self.sender()?.client.as_ref()
    }
}

/// A message on its way through the router: permitted, accepted, not yet delivered.
#[derive(Clone, Debug)]
pub struct Publication {
    /// Where it was published.
    pub scope: Scope,
    /// What was published.
    pub message: Message,
    /// By whom.
    pub origin: Origin,
    /// When the server accepted it.
    pub at: Timestamp,
}
