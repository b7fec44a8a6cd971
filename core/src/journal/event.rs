//! One journal event.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Map, Value, json};

use crate::{Decision, Scope, Timestamp};

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// What kind of thing happened. The names are part of the admin API.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Kind { $($(#[$doc])* $variant,)* }

        impl Kind {
            /// Every kind, in the order of a connection's life.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name in the admin API.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The kind of that name.
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

kinds! {
    /// The TLS handshake or the credentials were refused.
    AuthenticationRefused = "authentication_refused",
    /// CONNECT was accepted.
    Connected = "connected",
    /// CONNECT was refused.
    ConnectRefused = "connect_refused",
    /// A connection ended.
    Disconnected = "disconnected",
    /// Bytes that are no MQTT packet, or a packet that breaks the protocol.
    Malformed = "malformed",
    /// A message was accepted by the router.
    Published = "published",
    /// A message was refused.
    PublishRefused = "publish_refused",
    /// A filter was granted.
    Subscribed = "subscribed",
    /// A filter was refused.
    SubscribeRefused = "subscribe_refused",
    /// A filter was given up.
    Unsubscribed = "unsubscribed",
    /// An UNSUBSCRIBE was ignored or refused.
    UnsubscribeRefused = "unsubscribe_refused",
    /// A client asked whether the server is there. Always counted; written down only while service logs want it.
    Pinged = "pinged",
    /// A message was written to a subscriber.
    Delivered = "delivered",
    /// A message was withheld from a subscriber.
    DeliveryRefused = "delivery_refused",
    /// A message was stored for an offline session.
    Queued = "queued",
    /// A message was dropped: expired, queue full, too large, a slow reader.
    Dropped = "dropped",
    /// A retained message was stored.
    Retained = "retained",
    /// A retained message was removed.
    RetainedCleared = "retained_cleared",
    /// A session ended with everything it stored.
    SessionEnded = "session_ended",
    /// A shadow request was accepted.
    ShadowAccepted = "shadow_accepted",
    /// A shadow request was rejected.
    ShadowRejected = "shadow_rejected",
    /// A rule's WHERE held and its actions were started.
    RuleMatched = "rule_matched",
    /// A rule's filter matched, its WHERE did not hold.
    RuleNotMatched = "rule_not_matched",
    /// A rule's SQL failed.
    RuleFailed = "rule_failed",
    /// A function of a rule's SQL asked another service; `why` says why it failed, if it did.
    FunctionCalled = "function_called",
    /// A Basic Ingest publish named a rule that does not exist or is disabled.
    RuleNotFound = "rule_not_found",
    /// An action reached its target.
    ActionSucceeded = "action_succeeded",
    /// An action gave up.
    ActionFailed = "action_failed",
    /// An operation of an AWS API changed or was refused something.
    ApiCall = "api_call",
    /// A data-plane request over HTTP was refused by policy.
    RequestRefused = "request_refused",
    /// A fault was made on purpose: a message lost, late, repeated or refused, a connection broken.
    FaultInjected = "fault_injected",
    /// The admin API did something: reset, clock, faults.
    Admin = "admin",
}

/// What an event of a kind carries beyond the common fields.
#[derive(Clone, Debug, Default)]
pub enum Detail {
    /// Nothing.
    #[default]
    None,
    /// The decision behind it.
    Decision(Arc<Decision>),
    /// Members that are merged into the event's JSON.
    Members(Box<Map<String, Value>>),
    /// A decision and members.
    Both(Arc<Decision>, Box<Map<String, Value>>),
}

impl Detail {
    /// The decision, if there is one.
    pub fn decision(&self) -> Option<&Arc<Decision>> {
        match self {
            Self::Decision(decision) | Self::Both(decision, _) => Some(decision),
            Self::None | Self::Members(_) => None,
        }
    }

    /// The further members, if there are any.
    pub fn members(&self) -> Option<&Map<String, Value>> {
        match self {
            Self::Members(members) | Self::Both(_, members) => Some(members),
            Self::None | Self::Decision(_) => None,
        }
    }
}

/// One thing that happened.
///
/// Its builder methods are inlined into other crates: a busy broker makes two events a message, and without it each call
/// moves the whole event.
#[derive(Clone, Debug)]
pub struct Event {
    /// Set by the journal, rising by one.
    pub seq: u64,
    /// When, on the injected clock.
    pub at: Timestamp,
    /// Whose account and Region.
    pub scope: Scope,
    /// What.
    pub kind: Kind,
    /// The MQTT client it happened to.
    pub client: Option<Arc<str>>,
    /// The thing it concerns.
    pub thing: Option<Arc<str>>,
    /// The topic or filter.
    pub topic: Option<Arc<str>>,
    /// The message's payload.
    pub payload: Option<Bytes>,
    /// The certificate id or other principal.
    pub principal: Option<Arc<str>>,
    /// The client's address.
    pub source: Option<SocketAddr>,
    /// One sentence for a person; for refusals never empty.
    pub why: std::borrow::Cow<'static, str>,
    /// The rest.
    pub detail: Detail,
}

impl Event {
    /// An event with nothing but the common fields.
    #[inline]
    pub fn new(scope: &Scope, at: Timestamp, kind: Kind) -> Self {
        Self {
            seq: 0,
            at,
            scope: scope.clone(),
            kind,
            client: None,
            thing: None,
            topic: None,
            payload: None,
            principal: None,
            source: None,
            why: std::borrow::Cow::Borrowed(""),
            detail: Detail::None,
        }
    }

    /// Names the client.
    #[inline]
    pub fn client(mut self, client: Option<Arc<str>>) -> Self {
        self.client = client;
        self
    }

    /// Names the thing.
    #[inline]
    pub fn thing(mut self, thing: Option<Arc<str>>) -> Self {
        self.thing = thing;
        self
    }

    /// Names the topic.
    #[inline]
    pub fn topic(mut self, topic: impl Into<Arc<str>>) -> Self {
        self.topic = Some(topic.into());
        self
    }

    /// Names the principal.
    #[inline]
    pub fn principal(mut self, principal: impl Into<Arc<str>>) -> Self {
        self.principal = Some(principal.into());
        self
    }

    /// Names the client's address.
    #[inline]
    pub fn source(mut self, source: Option<SocketAddr>) -> Self {
        self.source = source;
        self
    }

    /// Carries the payload. It is kept as long as the event: detach it from network buffers first.
    #[inline]
    pub fn payload(mut self, payload: Bytes) -> Self {
        self.payload = Some(payload);
        self
    }

    /// Says why.
    #[inline]
    pub fn why(mut self, why: impl Into<std::borrow::Cow<'static, str>>) -> Self {
        self.why = why.into();
        self
    }

    /// Carries the decision, and its sentence unless there is one already.
    #[inline]
    pub fn decision(mut self, decision: Arc<Decision>) -> Self {
        if self.why.is_empty() {
            self.why = decision.why.clone().into();
        }
        self.detail = match self.detail {
            Detail::Members(members) | Detail::Both(_, members) => Detail::Both(decision, members),
            Detail::None | Detail::Decision(_) => Detail::Decision(decision),
        };
        self
    }

    /// Carries one more member.
    #[inline]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        let mut members = Box::default();
        self.detail = match std::mem::take(&mut self.detail) {
            Detail::Members(found) => {
                members = found;
                members_insert(&mut members, name, value.into());
                Detail::Members(members)
            }
            Detail::Both(decision, found) => {
                members = found;
                members_insert(&mut members, name, value.into());
                Detail::Both(decision, members)
            }
            Detail::None => {
                members_insert(&mut members, name, value.into());
                Detail::Members(members)
            }
            Detail::Decision(decision) => {
                members_insert(&mut members, name, value.into());
                Detail::Both(decision, members)
            }
        };
        self
    }

    /// The admin API's form: snake_case members, RFC 3339 times with a `_ms` twin, the payload as JSON where it is
    /// JSON, as text where it is UTF-8, else as `payload_base64`-like hex digits under `payload_hex`.
    pub fn to_json(&self) -> Value {
        let mut out = Map::new();
        out.insert("seq".to_owned(), json!(self.seq));
        out.insert("at".to_owned(), json!(self.at.to_string()));
        out.insert("at_ms".to_owned(), json!(self.at.as_millis()));
        out.insert("kind".to_owned(), json!(self.kind.name()));
        out.insert("account".to_owned(), json!(self.scope.account()));
        out.insert("region".to_owned(), json!(self.scope.region()));
        out.insert("client".to_owned(), json!(self.client));
        out.insert("thing".to_owned(), json!(self.thing));
        out.insert("topic".to_owned(), json!(self.topic));
        if let Some(principal) = &self.principal {
            out.insert("principal".to_owned(), json!(principal));
        }
        if let Some(source) = &self.source {
            out.insert("address".to_owned(), json!(source.to_string()));
        }
        match &self.payload {
            None => {
                out.insert("payload".to_owned(), Value::Null);
            }
            Some(payload) => match (serde_json::from_slice::<Value>(payload), std::str::from_utf8(payload)) {
                (Ok(value), _) => {
                    out.insert("payload".to_owned(), value);
                }
                (Err(_), Ok(text)) => {
                    out.insert("payload".to_owned(), json!(text));
                }
                (Err(_), Err(_)) => {
                    out.insert("payload".to_owned(), Value::Null);
                    out.insert("payload_hex".to_owned(), json!(hex::encode(payload)));
                }
            },
        }
        out.insert("why".to_owned(), json!(self.why));
        if let Some(decision) = self.detail.decision() {
            out.insert("decision".to_owned(), serde_json::to_value(&**decision).unwrap_or(Value::Null));
        }
        for (name, value) in self.detail.members().into_iter().flatten() {
            out.insert(name.clone(), value.clone());
        }
        Value::Object(out)
    }
}

fn members_insert(members: &mut Map<String, Value>, name: &str, value: Value) {
    members.insert(name.to_owned(), value);
}
