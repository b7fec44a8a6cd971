//! What the broker needs to know about permissions.

mod authority;

use std::net::SocketAddr;
use std::sync::Arc;

pub use authority::Policies;
use thingstead_core::{ClientId, Decision, Principal, Scope, ThingName};
use thingstead_policy_engine::Applicable;
use thingstead_registry::{Propagated, RoleSession};

/// An action that MQTT packets need (POLICY-400 to POLICY-456).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// `iot:Connect`, on a client id.
    Connect,
    /// `iot:Publish`, on a topic.
    Publish,
    /// `iot:RetainPublish`, on a topic.
    RetainPublish,
    /// `iot:Subscribe`, on a filter taken literally (MQTT-117).
    Subscribe,
    /// `iot:Receive`, on a topic.
    Receive,
}

/// A CONNECT, as policies see it.
#[derive(Clone, Debug)]
pub struct Asking {
    /// Whose account and Region.
    pub scope: Scope,
    /// Who authenticated.
    pub principal: Principal,
    /// The session of a role whose temporary credentials signed (AUTH-241).
    pub session: Option<Arc<RoleSession>>,
    /// As which client; generated where the client sent none (MQTT-048).
    pub client: ClientId,
    /// The session outlives the connection (MQTT-053).
    pub persistent: bool,
    /// The Will's topic (MQTT-053).
    pub will_topic: Option<Arc<str>>,
    /// From where.
    pub address: Option<SocketAddr>,
    /// Over TLS.
    pub secure: bool,
    /// The host name the client asked for.
    pub server_name: Option<Arc<str>>,
    /// What a custom authorizer answered (POLICY-367).
    pub documents: Vec<Applicable>,
}

/// Opens the permissions of connections.
pub trait AccessControl: Send + Sync + 'static {
    /// The permissions of a connection that is about to be judged.
    fn open(&self, asking: &Asking) -> Box<dyn Access>;
}

/// The permissions of one connection. They follow changes of policies at once (MQTT-052).
pub trait Access: Send {
    /// Whether `action` on `name` (a client id, topic or filter, not an ARN) is allowed. Called for every packet and delivery.
    fn permits(&mut self, action: Action, name: &str) -> bool;

    /// The same with reasons.
    fn decide(&mut self, action: Action, name: &str) -> Arc<Decision>;

    /// Whether a message on `topic` may be delivered to this client; `share` is the name of the shared subscription through
    /// which it comes, for which either form of the topic suffices (MQTT-134).
    fn permits_delivery(&mut self, topic: &str, share: Option<&str>) -> bool;

    /// The same with reasons.
    fn decide_delivery(&mut self, topic: &str, share: Option<&str>) -> Arc<Decision>;

    /// The thing that belongs to the connection (POLICY-230, POLICY-231).
    fn thing(&mut self) -> Option<ThingName>;

    /// User properties that are added to everything the client publishes (MQTT-108). Called for every publish.
    fn propagated(&mut self) -> Propagated {
        Propagated::default()
    }

    /// The thing, only when the principal is attached to it exclusively (MQTT-205).
    fn exclusive_thing(&self) -> Option<ThingName>;
}

/// Everything is allowed: the anonymous principal of the plain listener, when no policy is named.
pub struct Everything;

impl Access for Everything {
    fn permits(&mut self, _action: Action, _name: &str) -> bool {
        true
    }

    fn decide(&mut self, action: Action, name: &str) -> Arc<Decision> {
        use thingstead_core::decision::{Asked, Outcome};
        Arc::new(Decision {
            asked: Asked { action: action.name().into(), resource: name.into() },
            outcome: Outcome::Allowed,
            because: Vec::new(),
            near_misses: Vec::new(),
            variables: Vec::new(),
            why: "the listener without TLS allows everything".to_owned(),
            fix: None,
        })
    }

    fn permits_delivery(&mut self, _topic: &str, _share: Option<&str>) -> bool {
        true
    }

    fn decide_delivery(&mut self, topic: &str, _share: Option<&str>) -> Arc<Decision> {
        self.decide(Action::Receive, topic)
    }

    fn thing(&mut self) -> Option<ThingName> {
        None
    }

    fn exclusive_thing(&self) -> Option<ThingName> {
        None
    }
}

impl Action {
    /// As policies write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connect => "iot:Connect",
            Self::Publish => "iot:Publish",
            Self::RetainPublish => "iot:RetainPublish",
            Self::Subscribe => "iot:Subscribe",
            Self::Receive => "iot:Receive",
        }
    }
}
