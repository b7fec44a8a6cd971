//! Refusing a CONNECT.

use std::borrow::Cow;
use std::sync::Arc;

use thingstead_core::Decision;
use thingstead_core::journal::Kind;
use thingstead_mqtt_wire::{ConnAck, Packet, ReasonCode, Version};

use super::disconnect::{Ending, Reason};
use crate::shard::Shard;
use crate::shard::slots::Key;

/// Why a CONNECT is refused.
pub(crate) struct Refusal {
    /// What a v5 client is told; a v3 client just sees the close (MQTT-050).
    pub(crate) reason: ReasonCode,
    /// For a person.
    pub(crate) why: Cow<'static, str>,
    /// The decision, where a policy is behind it.
    pub(crate) decision: Option<Arc<Decision>>,
}

impl Refusal {
    /// A refusal that no policy has to do with.
    pub(crate) fn new(reason: ReasonCode, why: impl Into<Cow<'static, str>>) -> Self {
        Self { reason, why: why.into(), decision: None }
    }

    /// A refusal by policy (MQTT-051, POLICY-405).
    pub(crate) fn denied(decision: Arc<Decision>) -> Self {
        Self { reason: ReasonCode::NotAuthorized, why: decision.why.clone().into(), decision: Some(decision) }
    }
}

impl Shard {
    /// Answers CONNACK where the version has one for it, and closes.
    pub(crate) fn refuse(&mut self, key: Key, version: Version, client: &str, refusal: Refusal) {
        let Some(connection) = self.connections.get(key) else { return };
        let peer = connection.peer.clone();
        let event = self
            .event(&peer.identity.scope, Kind::ConnectRefused)
            .client(Some(client.into()))
            .principal(peer.identity.principal.to_string())
            .why(refusal.why.clone())
            .source(Some(peer.address))
            .with("reason_code", refusal.reason.as_u8());
        let event = match &refusal.decision {
            Some(decision) => event.decision(Arc::clone(decision)),
            None => event,
        };
        self.record(event);
        // MQTT-050, MQTT-044, MQTT-055: v3 clients see nothing but the close.
        if version.is_v5() {
            self.put_as(key, version, &Packet::ConnAck(Box::new(ConnAck::refused(refusal.reason))));
        }
        let reason = if refusal.decision.is_some() { Reason::AuthError } else { Reason::ClientError };
        self.end(key, Ending::new(reason, refusal.why));
    }
}
