//! What the fleet index knows of shadows and connections.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;
use serde_json::Value;
use thingstead_core::wiring::{Reload, RuleSink};
use thingstead_core::{Publication, Scope, ShadowName, ThingName, Timestamp};
use thingstead_registry::{Connectivity, FleetSource, Registry};
use thingstead_shadow::{ShadowId, ShadowService};

/// Shadows are read where they are; connections are remembered from their presence events, which come by on the way to the
/// rules. Only clients named like a thing are remembered (API-256).
pub(super) struct Fleet {
    pub(super) shadow: ShadowService,
    pub(super) registry: Registry,
    pub(super) rules: Arc<dyn RuleSink>,
    pub(super) last: RwLock<HashMap<(Scope, String), LastSeen>>,
}

/// The newest presence event of a client.
pub(super) struct LastSeen {
    /// Counts the client's connections, so that the end of an older one is not taken for the end of this one.
    version: u64,
    connectivity: Connectivity,
}

impl Fleet {
    fn heed(&self, publication: &Publication, connected: bool) {
        let Ok(event) = serde_json::from_slice::<Value>(&publication.message.payload) else { return };
        let Some(client) = event.get("clientId").and_then(Value::as_str) else { return };
        if self.registry.thing(&publication.scope, client).is_none() {
            return;
        }
        let number = |name: &str| event.get(name).and_then(Value::as_i64);
        let text = |name: &str| event.get(name).and_then(Value::as_str).map(str::to_owned);
        let version = number("versionNumber").and_then(|version| u64::try_from(version).ok()).unwrap_or(0);
        let at = number("timestamp").map_or(publication.at, Timestamp::from_millis);
        let connectivity = Connectivity {
            connected,
            at,
            disconnect_reason: text("disconnectReason"),
            client_id: Some(client.to_owned()),
            ..Connectivity::default()
        };
        let mut last = self.last.write();
        let key = (publication.scope.clone(), client.to_owned());
        // Versions begin anew after an hour, with a connect.
        let older = !connected && last.get(&key).is_some_and(|seen| version < seen.version);
        if !older {
            last.insert(key, LastSeen { version, connectivity });
        }
    }
}

impl FleetSource for Fleet {
    fn shadow(&self, scope: &Scope, thing: &ThingName, name: Option<&str>) -> Option<Value> {
        let id = ShadowId { scope: scope.clone(), thing: thing.clone(), shadow: name.map(ShadowName::from) };
        serde_json::from_slice(&self.shadow.read(&id)?).ok()
    }

    fn connectivity(&self, scope: &Scope, client_id: &str) -> Option<Connectivity> {
        let last = self.last.read();
        last.get(&(scope.clone(), client_id.to_owned())).map(|seen| seen.connectivity.clone())
    }
}

impl RuleSink for Fleet {
    fn offer(&self, publication: &Publication) {
        if let Some(presence) = publication.message.topic.strip_prefix("$aws/events/presence/") {
            match presence.split_once('/') {
                Some(("connected", _)) => self.heed(publication, true),
                Some(("disconnected", _)) => self.heed(publication, false),
                _ => {}
            }
        }
        self.rules.offer(publication);
    }

    fn basic_ingest(&self, rule: &str, publication: &Publication) -> bool {
        self.rules.basic_ingest(rule, publication)
    }
}

impl Reload for Fleet {
    fn reload(&self) -> Result<(), String> {
        self.last.write().clear();
        Ok(())
    }
}
