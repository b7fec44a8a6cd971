//! Connections that a custom authorizer admits (MQTT-018 to MQTT-027, AUTH-215 to AUTH-221).
//!
//! The authorizer is asked elsewhere, never on a shard's thread; meanwhile the connection is not read, and everybody else goes on.
//! Its answer comes back as a letter.

use std::sync::Arc;
use std::time::Duration;

use thingstead_core::Timestamp;
use thingstead_mqtt_wire::{ConnAck, Connect, Packet, ReasonCode};
use thingstead_registry::Registry;
use thingstead_registry::custom_auth::{Admission, Attempt, CustomDoor, HttpContext, MqttContext, Refusal};
use tokio::runtime::Handle;

use super::Connection;
use super::wording::Wording;
use crate::access::Asking;
use crate::ending::{Ending, Reason};
use crate::shard::Shard;
use crate::shard::mail::{Mail, Peer};
use crate::shard::timers::Timer;
use crate::slots::Key;

/// Whom to ask, and where that happens.
pub(crate) struct Authenticator {
    pub(crate) registry: Registry,
    pub(crate) runtime: Handle,
}

/// What the door knows of a connection that an authorizer is to admit, and the admission once there is one.
#[derive(Clone, Debug)]
pub(crate) struct Custom {
    /// Whose authorizers, and which of them.
    pub(crate) door: CustomDoor,
    /// The WebSocket's upgrade request.
    pub(crate) http: Option<Arc<HttpContext>>,
    /// Present from the authorizer's answer on.
    pub(crate) admitted: Option<Admitted>,
}

/// A question and its answer.
#[derive(Clone, Debug)]
pub(crate) struct Admitted {
    pub(crate) attempt: Attempt,
    pub(crate) admission: Admission,
}

/// How long an admission holds.
pub(crate) struct Lease {
    /// Asked again, the same (AUTH-215).
    attempt: Attempt,
    /// Judged by other documents afterwards.
    asking: Asking,
    /// When the authorizer is asked again.
    refresh_at: Option<Timestamp>,
}

impl Custom {
    /// A connection whose CONNECT will say who it is.
    pub(crate) fn at_connect(door: CustomDoor, http: Option<Arc<HttpContext>>) -> Self {
        Self { door, http, admitted: None }
    }

    /// The question about a connection; `mqtt` is empty where its client has not said CONNECT yet.
    pub(crate) fn attempt(
        &self,
        registry: &Registry,
        server_name: Option<&Arc<str>>,
        mqtt: MqttContext,
    ) -> Attempt {
        self.door.attempt(registry.connection_id(), server_name.cloned(), self.http.clone(), Some(mqtt))
    }
}

impl Connection {
    /// Whether the authorizer must be asked again before the next packet is judged (AUTH-216).
    pub(crate) fn refresh_is_due(&self, now: Timestamp) -> bool {
        let lease = self.live.as_ref().and_then(|live| live.lease.as_ref());
        lease.and_then(|lease| lease.refresh_at).is_some_and(|at| at <= now) && !self.asking
    }
}

impl Shard {
    /// Whether the connection's CONNECT has to wait for an authorizer.
    pub(crate) fn needs_authorizer(&self, key: Key) -> bool {
        let custom = self.connections.get(key).and_then(|connection| connection.peer.custom.as_ref());
        custom.is_some_and(|custom| custom.admitted.is_none())
    }

    /// Asks the authorizer about a CONNECT, which goes on when there is an answer.
    pub(crate) fn ask_authorizer(&mut self, key: Key, connect: Connect) {
        let (hub, id) = (Arc::clone(&self.hub), usize::from(self.id));
        let Some(connection) = self.connections.get_mut(key) else { return };
        let (Some(custom), Some(authenticator)) = (&connection.peer.custom, hub.authenticator.get()) else {
            let why = "custom authorizers are not served here";
            return self.end(key, Ending::new(Reason::AuthError, why));
        };
        let mqtt = MqttContext {
            user_name: connect.user_name.clone(),
            password: connect.password.clone(),
            client: Some(Arc::clone(&connect.client_id)).filter(|client| !client.is_empty()),
        };
        let server_name = connection.peer.server_name.as_ref();
        let attempt = custom.attempt(&authenticator.registry, server_name, mqtt);
        connection.asking = true;
        let (registry, hub) = (authenticator.registry.clone(), Arc::clone(&hub));
        authenticator.runtime.spawn(async move {
            let answer = registry.authenticate(&attempt).await;
            if let Some(mailbox) = hub.mailboxes.get(id) {
                mailbox.push(Mail::Ask(Box::new(move |shard| {
                    shard.authorizer_answered(key, connect, attempt, answer);
                })));
            }
        });
    }

    fn authorizer_answered(
        &mut self,
        key: Key,
        connect: Connect,
        attempt: Attempt,
        answer: Result<Admission, Refusal>,
    ) {
        let Some(peer) = self.go_on(key) else { return };
        match answer {
            Ok(admission) => {
                peer.identity.principal = admission.principal.clone();
                if let Some(custom) = &peer.custom {
                    let admitted = Some(Admitted { attempt, admission });
                    peer.custom = Some(Arc::new(Custom { admitted, ..Custom::clone(custom) }));
                }
                self.connect_now(key, connect);
            }
            Err(refusal) => self.not_admitted(key, &connect, &attempt, &refusal),
        }
    }

    /// AUTH-221, MQTT-027: what a v5 client is told; v3 clients see the close.
    fn not_admitted(&mut self, key: Key, connect: &Connect, attempt: &Attempt, refusal: &Refusal) {
        let Some(connection) = self.connections.get(key) else { return };
        let event = refusal.event(attempt, self.now).source(Some(connection.peer.address));
        self.record(event);
        let named = connect.user_name.is_some() || connect.password.is_some();
        let reason = match refusal {
            Refusal::NotAuthenticated { .. } if named => ReasonCode::BadUserNameOrPassword,
            _ => ReasonCode::NotAuthorized,
        };
        if connect.version.is_v5() {
            let mut answer = ConnAck::refused(reason);
            answer.properties.reason_string = Wording::of(connect).say(&refusal.to_string());
            self.put_as(key, connect.version, &Packet::ConnAck(Box::new(answer)));
        }
        self.end(key, Ending::new(Reason::AuthError, refusal.to_string()));
    }

    /// Lets a connection be read again; `None` when it is gone.
    pub(crate) fn go_on(&mut self, key: Key) -> Option<&mut Peer> {
        let connection = self.connections.get_mut(key)?;
        connection.asking = false;
        if let Some(waker) = &connection.waker {
            waker.wake_by_ref();
        }
        (!connection.leaving).then_some(&mut connection.peer)
    }

    /// Sets the clocks of an accepted connection that an authorizer admitted (AUTH-204, AUTH-205).
    pub(crate) fn begin_lease(&mut self, key: Key, asking: Asking) {
        let now = self.now;
        let Some(connection) = self.connections.get_mut(key) else { return };
        let Some(Admitted { attempt, admission }) =
            connection.peer.custom.as_ref().and_then(|custom| custom.admitted.clone())
        else {
            return;
        };
        let Some(live) = &mut connection.live else { return };
        let refresh_at = admission.refresh_after.map(|after| now.plus(after));
        live.lease = Some(Box::new(Lease { attempt, asking, refresh_at }));
        self.timers.add(now.plus(admission.disconnect_after), Timer::Lease(key, admission.disconnect_after));
        if let Some(at) = refresh_at {
            self.timers.add(at, Timer::Refresh(key));
        }
    }

    /// The first answer's `disconnectAfterInSeconds` has passed (AUTH-218, MQTT-023).
    pub(crate) fn lease_ends(&mut self, key: Key, after: Duration) {
        let why = format!("the custom authorizer admitted the client for {} s", after.as_secs());
        self.end(key, Ending::new(Reason::CustomAuthTtl, why));
    }

    /// `refreshAfterInSeconds` has passed: asks again, with the same credentials (AUTH-215, MQTT-024). Packets that come from now
    /// on are judged by what it answers.
    pub(crate) fn refresh(&mut self, key: Key) {
        let (hub, id, now) = (Arc::clone(&self.hub), usize::from(self.id), self.now);
        let Some(connection) = self.connections.get_mut(key) else { return };
        if !connection.refresh_is_due(now) {
            return;
        }
        let lease = connection.live.as_mut().and_then(|live| live.lease.as_mut());
        let (Some(lease), Some(authenticator)) = (lease, hub.authenticator.get()) else { return };
        lease.refresh_at = None;
        let attempt = lease.attempt.clone();
        connection.asking = true;
        let (registry, hub) = (authenticator.registry.clone(), Arc::clone(&hub));
        authenticator.runtime.spawn(async move {
            let answer = registry.authenticate(&attempt).await;
            if let Some(mailbox) = hub.mailboxes.get(id) {
                mailbox.push(Mail::Ask(Box::new(move |shard| shard.refreshed(key, &attempt, answer))));
            }
        });
    }

    fn refreshed(&mut self, key: Key, attempt: &Attempt, answer: Result<Admission, Refusal>) {
        let now = self.now;
        let Some(peer) = self.go_on(key) else { return };
        let address = peer.address;
        let admission = match answer {
            Ok(admission) => admission,
            Err(refusal) => {
                // AUTH-217
                self.record(refusal.event(attempt, now).source(Some(address)));
                let why = format!("the custom authorizer was asked again, and refused: {refusal}");
                return self.end(key, Ending::not_authorized(why));
            }
        };
        let hub = Arc::clone(&self.hub);
        let Some(live) = self.connections.get_mut(key).and_then(|connection| connection.live.as_mut()) else {
            return;
        };
        let Some(lease) = &mut live.lease else { return };
        lease.asking.documents = admission.documents;
        live.access = hub.access.open(&lease.asking);
        lease.refresh_at = admission.refresh_after.map(|after| now.plus(after));
        if let Some(at) = lease.refresh_at {
            self.timers.add(at, Timer::Refresh(key));
        }
    }
}
