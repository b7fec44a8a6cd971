//! Lifecycle events, and what is remembered of clients (MQTT-198 to MQTT-214, MQTT-239 to MQTT-242).

use std::sync::Arc;

use serde_json::{Map, Value, json};
use thingstead_core::{Message, Origin, Publication, QoS, Scope, ThingName, Timestamp};

use crate::access::Asking;
use crate::bounds::{REMEMBER, VERSION_MEMORY};
use crate::connection::Live;
use crate::ending::{Ending, Reason};
use crate::hub::SessionName;
use crate::router::route::Journey;
use crate::rows::CLIENTS;
use crate::shard::Shard;
use crate::shard::timers::Timer;
use crate::slots::Key;

/// What is remembered of a client that is or was connected.
#[derive(Clone, Debug)]
pub(crate) struct Remembered {
    /// The version number of its next connection.
    pub(crate) next_version: u64,
    /// Of the last connection that ended.
    pub(crate) left: Option<Left>,
    /// Whether that is yet to be written down.
    pub(crate) unsaved: bool,
}

/// A connection that ended.
#[derive(Clone, Debug)]
pub(crate) struct Left {
    pub(crate) at: Timestamp,
    pub(crate) reason: Reason,
    pub(crate) clean: bool,
    pub(crate) keep_alive: u16,
    pub(crate) session_expiry: u32,
    pub(crate) thing: Option<ThingName>,
}

impl Shard {
    /// The version number of a new connection: rising per client, from 0 after an hour without one (MQTT-209).
    pub(crate) fn next_version(&mut self, name: &SessionName) -> u64 {
        let now = self.now;
        let new = Remembered { next_version: 0, left: None, unsaved: false };
        let remembered = self.remembered.entry(name.clone()).or_insert(new);
        if let Some(left) = remembered.left.take() {
            let memory = VERSION_MEMORY.max(std::time::Duration::from_secs(u64::from(left.session_expiry)));
            if now.since(left.at) >= memory {
                remembered.next_version = 0;
            }
        }
        let version = remembered.next_version;
        remembered.next_version += 1;
        version
    }

    /// Keeps what the API may be asked about a client that went away.
    pub(crate) fn remember_leaving(&mut self, live: &Live, ending: &Ending) {
        let left = Left {
            at: self.now,
            reason: ending.reason,
            clean: live.clean,
            keep_alive: live.keep_alive_asked,
            session_expiry: live.session_expiry,
            thing: live.sender.thing.clone(),
        };
        if let Some(remembered) = self.remembered.get_mut(&live.name) {
            remembered.left = Some(left);
            self.save_later(&live.name);
        }
        if self.remembered.len() == 1 {
            self.timers.add(self.now.plus(REMEMBER), Timer::Forget);
        }
    }

    /// Forgets clients that have been away for longer than anybody may ask about.
    pub(crate) fn forget_clients(&mut self) {
        let now = self.now;
        let mut forgotten = Vec::new();
        self.remembered.retain(|name, remembered| {
            let known = remembered.left.as_ref().is_none_or(|left| {
                let memory =
                    VERSION_MEMORY.max(std::time::Duration::from_secs(u64::from(left.session_expiry)));
                now.since(left.at) < memory
            });
            if !known {
                forgotten.push(name.clone());
            }
            known
        });
        for SessionName { scope, client } in forgotten {
            self.store(|batch| batch.delete(CLIENTS, &scope, client.to_string()));
        }
        if !self.remembered.is_empty() {
            self.timers.add(now.plus(REMEMBER), Timer::Forget);
        }
    }

    /// MQTT-199.
    pub(crate) fn announce_connected(&mut self, key: Key) {
        let Some(connection) = self.connections.get(key) else { return };
        let Some(live) = &connection.live else { return };
        let mut event = self.lifecycle(live, "connected");
        event.insert("ipAddress".to_owned(), json!(connection.peer.address.ip().to_string()));
        self.number(&mut event, live.version_number);
        let (scope, client) = (live.name.scope.clone(), live.name.client.to_string());
        self.announce(&scope, "presence/connected", &client, event);
    }

    /// MQTT-200.
    pub(crate) fn announce_disconnected(&mut self, live: &Live, ending: &Ending) {
        let mut event = self.lifecycle(live, "disconnected");
        let by_client = ending.reason == Reason::ClientInitiated;
        event.insert("clientInitiatedDisconnect".to_owned(), json!(by_client));
        event.insert("disconnectReason".to_owned(), json!(ending.reason.name()));
        self.number(&mut event, live.version_number);
        self.announce(&live.name.scope, "presence/disconnected", &live.name.client, event);
    }

    /// MQTT-202, POLICY-407, POLICY-408.
    pub(crate) fn connect_failed(&mut self, asking: &Asking, thing: Option<&ThingName>, session: &str) {
        let mut event = Map::new();
        event.insert("clientId".to_owned(), json!(&*asking.client));
        if let Some(thing) = thing {
            event.insert("thingName".to_owned(), json!(&**thing));
        }
        event.insert("timestamp".to_owned(), json!(self.now.as_millis()));
        event.insert("eventType".to_owned(), json!("connect_failed"));
        event.insert("connectFailureReason".to_owned(), json!("AUTHORIZATION_FAILED"));
        event.insert("principalIdentifier".to_owned(), json!(asking.principal.to_string()));
        event.insert("sessionIdentifier".to_owned(), json!(session));
        if let Some(address) = asking.address {
            event.insert("ipAddress".to_owned(), json!(address.ip().to_string()));
        }
        self.announce(&asking.scope, "presence/connect_failed", &asking.client, event);
    }

    /// MQTT-203, MQTT-204.
    pub(crate) fn announce_subscriptions(&mut self, key: Key, what: &'static str, filters: &[Arc<str>]) {
        if filters.is_empty() {
            return;
        }
        let Some(live) = self.connections.get(key).and_then(|connection| connection.live.as_ref()) else {
            return;
        };
        let mut event = self.lifecycle(live, what);
        event.insert("topics".to_owned(), json!(filters));
        let (scope, client) = (live.name.scope.clone(), live.name.client.to_string());
        self.announce(&scope, &format!("subscriptions/{what}"), &client, event);
    }

    fn lifecycle(&self, live: &Live, what: &str) -> Map<String, Value> {
        let mut event = Map::new();
        event.insert("clientId".to_owned(), json!(&*live.name.client));
        // MQTT-205
        if let Some(thing) = live.access.exclusive_thing() {
            event.insert("thingName".to_owned(), json!(&*thing));
        }
        event.insert("timestamp".to_owned(), json!(self.now.as_millis()));
        event.insert("eventType".to_owned(), json!(what));
        event.insert("sessionIdentifier".to_owned(), json!(&*live.sender.session));
        event.insert("principalIdentifier".to_owned(), json!(live.sender.principal.to_string()));
        event
    }

    fn number(&self, event: &mut Map<String, Value>, number: u64) {
        // MQTT-211
        if self.hub.settings.version_numbers {
            event.insert("versionNumber".to_owned(), json!(number));
        }
    }

    fn announce(&mut self, scope: &Scope, kind: &str, client: &str, event: Map<String, Value>) {
        // MQTT-212, POLICY-409
        if client.contains(['+', '#']) {
            return;
        }
        let payload = Value::Object(event).to_string();
        let message =
            Message::new(format!("$aws/events/{kind}/{client}"), payload).with_qos(QoS::AtLeastOnce);
        let publication =
            Publication { scope: scope.clone(), message, origin: Origin::Service("events"), at: self.now };
        if !self.hub.settings.disordered_events {
            self.route(publication, Journey::default());
            return;
        }
        // MQTT-210: a third comes late, a third twice.
        let fate = self.hub.ids.below(3);
        if fate != 0 {
            self.route(publication.clone(), Journey::default());
        }
        if fate != 2 {
            self.late_events.push(publication);
            self.timers.add(self.now.plus(LATE), Timer::LateEvents);
        }
    }

    /// Publishes the lifecycle events that were held back, the newest first.
    pub(crate) fn announce_late(&mut self) {
        for publication in std::mem::take(&mut self.late_events).into_iter().rev() {
            self.route(publication, Journey::default());
        }
    }
}

/// How late a lifecycle event is that is late.
const LATE: std::time::Duration = std::time::Duration::from_secs(2);
