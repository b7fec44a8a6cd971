//! What the fleet index knows of shadows and connections.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;
use serde_json::Value;
use thingstead_broker::Departed;
use thingstead_core::journal::Record;
use thingstead_core::wiring::{Reload, RuleSink};
use thingstead_core::{Publication, Scope, ShadowName, ThingName, Timestamp};
use thingstead_registry::{Connectivity, FleetSource, Registry};
use thingstead_shadow::{ShadowId, ShadowService};

/// Shadows are read where they are; connections are remembered from their presence events, which come by on the way to the
/// rules. Clients that are named like no thing are remembered while they are connected, since such a thing may be created
/// meanwhile (API-256).
pub(super) struct Fleet {
    pub(super) shadow: ShadowService,
    pub(super) registry: Registry,
    pub(super) rules: Arc<dyn RuleSink>,
    pub(super) last: RwLock<HashMap<(Scope, Arc<str>), LastSeen>>,
}

/// The newest presence event of a client.
pub(super) struct LastSeen {
    /// Counts the client's connections, so that the end of an older one is not taken for the end of this one.
    version: u64,
    connectivity: Connectivity,
}

/// What counts of a presence event.
#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Presence {
    #[serde(default)]
    version_number: u64,
    timestamp: Option<i64>,
    disconnect_reason: Option<String>,
}

impl Fleet {
    /// Remembers how the clients of things went before the server was started.
    pub(super) fn recall(&self, departed: Vec<Departed>) {
        let mut last = self.last.write();
        for Departed { scope, client, at, reason } in departed {
            if self.registry.thing(&scope, &client).is_none() {
                continue;
            }
            let connectivity = Connectivity {
                connected: false,
                at,
                disconnect_reason: Some(reason.name().to_owned()),
                ..Connectivity::default()
            };
            // Whatever comes next is newer.
            last.insert((scope, Arc::from(&*client)), LastSeen { version: 0, connectivity });
        }
    }

    fn heed_presence(&self, publication: &Publication) {
        if let Some(presence) = publication.message.topic.strip_prefix("$aws/events/presence/") {
            match presence.split_once('/') {
                Some(("connected", client)) => self.heed(publication, client, true),
                Some(("disconnected", client)) => self.heed(publication, client, false),
                _ => {}
            }
        }
    }

    fn heed(&self, publication: &Publication, client: &str, connected: bool) {
        let Ok(event) = serde_json::from_slice::<Presence>(&publication.message.payload) else { return };
        let version = event.version_number;
        let at = event.timestamp.map_or(publication.at, Timestamp::from_millis);
        let connectivity = Connectivity {
            connected,
            at,
            disconnect_reason: event.disconnect_reason,
            ..Connectivity::default()
        };
        let mut last = self.last.write();
        let key = (publication.scope.clone(), Arc::from(client));
        // Versions begin anew after an hour, with a connect.
        let older = !connected && last.get(&key).is_some_and(|seen| version < seen.version);
        if older {
            return;
        }
        // Under the lock: a thing that is created from now on finds here what is written now.
        let is_thing = self.registry.thing(&publication.scope, client).is_some();
        if connected || is_thing {
            last.insert(key, LastSeen { version, connectivity });
        } else {
            last.remove(&key);
        }
        drop(last);
        if is_thing {
            self.registry.connectivity_changed(&publication.scope, &ThingName::from(client));
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
        let seen = last.get(&(scope.clone(), Arc::from(client_id)))?;
        Some(Connectivity { client_id: Some(client_id.to_owned()), ..seen.connectivity.clone() })
    }
}

impl RuleSink for Fleet {
    fn offer(&self, publication: &Publication) {
        self.heed_presence(publication);
        self.rules.offer(publication);
    }

    fn basic_ingest(&self, rule: &str, publication: &Publication) -> bool {
        self.rules.basic_ingest(rule, publication)
    }

    fn offer_and_tell(&self, publication: &Arc<Publication>, told: &mut Vec<Record>) {
        self.heed_presence(publication);
        self.rules.offer_and_tell(publication, told);
    }

    fn ingest_and_tell(&self, rule: &str, publication: &Arc<Publication>, told: &mut Vec<Record>) -> bool {
        self.rules.ingest_and_tell(rule, publication, told)
    }
}

impl Reload for Fleet {
    fn reload(&self) -> Result<(), String> {
        self.last.write().clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use thingstead_core::wiring::Bus;
    use thingstead_core::{Clock, Ids, Journal, Message, Origin};
    use thingstead_registry::{RegistrySettings, TABLES};
    use thingstead_shadow::ShadowSettings;
    use thingstead_store::Store;

    use super::*;

    struct Nobody;

    impl Bus for Nobody {
        fn publish(&self, _publication: Publication) {}

        fn send_to(&self, _client: &str, _publication: Publication) -> bool {
            false
        }
    }

    impl RuleSink for Nobody {
        fn offer(&self, _publication: &Publication) {}

        fn basic_ingest(&self, _rule: &str, _publication: &Publication) -> bool {
            false
        }
    }

    fn fleet(scope: &Scope) -> Fleet {
        let tables: Vec<_> = [TABLES, thingstead_shadow::TABLES].concat();
        let store = Store::ephemeral(&tables).expect("store");
        let (clock, journal) = (Clock::frozen_at(Timestamp::from_millis(1_000)), Journal::default());
        let settings = RegistrySettings::default();
        let registry =
            Registry::open(store.clone(), clock.clone(), Ids::seeded(1), journal.clone(), settings)
                .expect("registry");
        let lamp = thingstead_registry::CreateThing { name: "lamp".to_owned(), ..Default::default() };
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("runtime");
        runtime.block_on(registry.create_thing(scope, lamp)).expect("thing");
        let shadow = ShadowService::open(store, Arc::new(Nobody), clock, journal, ShadowSettings::default());
        Fleet { shadow: shadow.expect("shadow"), registry, rules: Arc::new(Nobody), last: RwLock::default() }
    }

    fn presence(scope: &Scope, what: &str, client: &str, version: u64, at: i64) -> Publication {
        let payload = serde_json::json!({
            "clientId": client, "timestamp": at, "eventType": what, "versionNumber": version,
            "disconnectReason": (what == "disconnected").then_some("CONNECTION_LOST")
        });
        Publication {
            scope: scope.clone(),
            message: Message::new(format!("$aws/events/presence/{what}/{client}"), payload.to_string()),
            origin: Origin::Service("events"),
            at: Timestamp::from_millis(at),
        }
    }

    #[test]
    fn the_last_presence_event_of_a_thing_counts() {
        // API-256
        let scope = Scope::new("1", "r");
        let fleet = fleet(&scope);
        let now = || fleet.connectivity(&scope, "lamp").map(|c| (c.connected, c.at.as_millis()));
        assert_eq!(now(), None);
        fleet.offer(&presence(&scope, "connected", "lamp", 0, 10));
        assert_eq!(now(), Some((true, 10)));
        // The client came again before the end of its first connection was told.
        fleet.offer(&presence(&scope, "connected", "lamp", 1, 20));
        fleet.offer(&presence(&scope, "disconnected", "lamp", 0, 21));
        assert_eq!(now(), Some((true, 20)));
        fleet.offer(&presence(&scope, "disconnected", "lamp", 1, 30));
        assert_eq!(now(), Some((false, 30)));
        let seen = fleet.connectivity(&scope, "lamp").expect("seen");
        assert_eq!(seen.disconnect_reason.as_deref(), Some("CONNECTION_LOST"));
        // Versions begin anew; clients that are no things are forgotten when they leave.
        fleet.offer(&presence(&scope, "connected", "lamp", 0, 40));
        assert_eq!(now(), Some((true, 40)));
        fleet.offer(&presence(&scope, "connected", "stranger", 0, 40));
        assert!(fleet.connectivity(&scope, "stranger").is_some_and(|c| c.connected));
        fleet.offer(&presence(&scope, "disconnected", "stranger", 0, 50));
        assert_eq!(fleet.connectivity(&scope, "stranger"), None);
        fleet.reload().expect("reload");
        assert_eq!(now(), None);
    }
}
