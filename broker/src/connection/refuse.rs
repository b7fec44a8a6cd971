//! Refusing a CONNECT.

use std::borrow::Cow;
use std::sync::Arc;

use thingstead_core::Decision;
use thingstead_core::journal::{Cause, Kind};
use thingstead_mqtt_wire::{ConnAck, Connect, Packet, ReasonCode};

use super::wording::Wording;
use crate::ending::{Ending, Reason};
use crate::shard::Shard;
use crate::slots::Key;
use crate::throttle::Exceeded;

/// Why a CONNECT is refused.
pub(crate) struct Refusal {
    /// What a v5 client is told; a v3 client just sees the close (MQTT-050).
    pub(crate) reason: ReasonCode,
    /// For a person.
    pub(crate) why: Cow<'static, str>,
    /// The decision, where a policy is behind it.
    pub(crate) decision: Option<Arc<Decision>>,
    /// Whose fault it is.
    cause: Cause,
}

impl Refusal {
    /// A refusal that no policy has to do with.
    pub(crate) fn new(reason: ReasonCode, why: impl Into<Cow<'static, str>>) -> Self {
        Self { reason, why: why.into(), decision: None, cause: Cause::Client }
    }

    /// A refusal for which somebody else is to blame than the client.
    pub(crate) fn because(reason: ReasonCode, why: impl Into<Cow<'static, str>>, cause: Cause) -> Self {
        Self { cause, ..Self::new(reason, why) }
    }

    /// A refusal because of this side.
    pub(crate) fn failed(reason: ReasonCode, why: impl Into<Cow<'static, str>>) -> Self {
        Self { cause: Cause::Server, ..Self::new(reason, why) }
    }

    /// A refusal because of a rate.
    pub(crate) fn throttled(reason: ReasonCode, exceeded: Exceeded) -> Self {
        Self { reason, why: exceeded.why.into(), decision: None, cause: exceeded.cause }
    }

    /// A refusal by policy (MQTT-051, POLICY-405).
    pub(crate) fn denied(decision: Arc<Decision>) -> Self {
        let why = decision.why.clone().into();
        let (reason, cause) = (ReasonCode::NotAuthorized, Cause::Authorization);
        Self { reason, why, decision: Some(decision), cause }
    }
}

impl Shard {
    /// Answers CONNACK where the version has one for it, and closes.
    pub(crate) fn refuse(&mut self, key: Key, connect: &Connect, client: &str, refusal: Refusal) {
        let Some(connection) = self.connections.get(key) else { return };
        let peer = connection.peer.clone();
        let event = self
            .event(&peer.identity.scope, Kind::ConnectRefused)
            .client(Some(client.into()))
            .principal(peer.identity.principal.to_string())
            .why(refusal.why.clone())
            .source(Some(peer.address))
            .with("reason_code", refusal.reason.as_u8())
            .caused_by(refusal.cause);
        let event = match &refusal.decision {
            Some(decision) => event.decision(Arc::clone(decision)),
            None => event,
        };
        self.record(event);
        // MQTT-050, MQTT-044, MQTT-055: v3 clients see nothing but the close.
        if connect.version.is_v5() {
            let mut answer = ConnAck::refused(refusal.reason);
            answer.properties.reason_string = Wording::of(connect).say(&refusal.why);
            self.put_as(key, connect.version, &Packet::ConnAck(Box::new(answer)));
        }
        let reason = match refusal.cause {
            Cause::Authorization => Reason::AuthError,
            Cause::Server => Reason::ServerError,
            Cause::Throttle | Cause::ClientIdThrottle => Reason::Throttled,
            _ => Reason::ClientError,
        };
        self.end(key, Ending::new(reason, refusal.why));
    }
}
