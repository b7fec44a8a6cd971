//! A broker on port 0 with a clock that only tests move, and permissions that tests write.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use thingstead_broker::{
    Access, AccessControl, Action, Asking, Bound, Broker, ClientCertificates, Deps, Doors, Policies,
    Settings, Standing, TABLES,
};
use thingstead_core::decision::{Asked, Decision, Outcome};
use thingstead_core::journal::{Event, Query};
use thingstead_core::wiring::{Handled, ReservedService, RuleSink};
use thingstead_core::{
    CertificateId, Clock, Ids, Journal, Kind, Publication, Scope, ThingName, Timestamp, topic,
};
use thingstead_registry::{Registry, RegistrySettings};
use thingstead_store::{Durability, Store};

/// A running broker.
pub(crate) struct House {
    pub(crate) broker: Arc<Broker>,
    pub(crate) bound: Bound,
    pub(crate) clock: Clock,
    pub(crate) journal: Journal,
    pub(crate) rules: Arc<Rules>,
    pub(crate) certificates: Arc<Certificates>,
    pub(crate) seen: Arc<Seen>,
}

/// What is denied; everything else is allowed. Subjects are MQTT filters; `#` denies everything.
#[derive(Default)]
pub(crate) struct Rules {
    pub(crate) denied: Mutex<Vec<(Action, String)>>,
    pub(crate) thing: Mutex<Option<ThingName>>,
}

impl Rules {
    pub(crate) fn deny(&self, action: Action, subject: &str) {
        self.denied.lock().push((action, subject.to_owned()));
    }

    fn permits(&self, action: Action, name: &str) -> bool {
        !self
            .denied
            .lock()
            .iter()
            .any(|(denied, filter)| *denied == action && (filter == name || topic::matches(filter, name)))
    }
}

struct Judge(Arc<Rules>);

impl AccessControl for Judges {
    fn open(&self, _asking: &Asking) -> Box<dyn Access> {
        Box::new(Judge(Arc::clone(&self.0)))
    }
}

struct Judges(Arc<Rules>);

impl Access for Judge {
    fn permits(&mut self, action: Action, name: &str) -> bool {
        self.0.permits(action, name)
    }

    fn decide(&mut self, action: Action, name: &str) -> Arc<Decision> {
        let allowed = self.0.permits(action, name);
        Arc::new(Decision {
            asked: Asked { action: action.name().into(), resource: name.into() },
            outcome: if allowed { Outcome::Allowed } else { Outcome::ImplicitDeny },
            because: Vec::new(),
            near_misses: Vec::new(),
            variables: Vec::new(),
            why: format!("the test says {allowed}"),
            fix: None,
        })
    }

    fn permits_delivery(&mut self, topic: &str, share: Option<&str>) -> bool {
        self.0.permits(Action::Receive, topic)
            || share.is_some_and(|share| self.0.permits(Action::Receive, &format!("$share/{share}/{topic}")))
    }

    fn decide_delivery(&mut self, topic: &str, _share: Option<&str>) -> Arc<Decision> {
        self.decide(Action::Receive, topic)
    }

    fn thing(&mut self) -> Option<ThingName> {
        self.0.thing.lock().clone()
    }

    fn exclusive_thing(&self) -> Option<ThingName> {
        self.0.thing.lock().clone()
    }
}

/// Registered certificates by id.
#[derive(Default)]
pub(crate) struct Certificates(pub(crate) Mutex<std::collections::HashMap<CertificateId, Standing>>);

impl ClientCertificates for Certificates {
    fn standing(&self, id: &CertificateId) -> Option<Standing> {
        self.0.lock().get(id).cloned()
    }
}

/// Stands for the services behind reserved topics and for the rules engine.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) requests: Mutex<Vec<String>>,
    /// The requests it was told of before, each time.
    pub(crate) told: Mutex<Vec<Vec<String>>>,
    pub(crate) offered: Mutex<Vec<String>>,
    pub(crate) ingested: Mutex<Vec<(String, String)>>,
}

impl ReservedService for Seen {
    fn claims(&self, topic: &str) -> bool {
        topic.contains("/shadow/") && topic.ends_with("/update")
    }

    fn approach(&self, requests: &mut dyn Iterator<Item = &Publication>) {
        self.told.lock().push(requests.map(|request| request.message.topic.to_string()).collect());
    }

    fn handle(&self, request: &Arc<Publication>) -> Handled {
        assert_ne!(request.message.payload, "panic", "on purpose");
        self.requests.lock().push(request.message.topic.to_string());
        Handled::Done
    }
}

impl RuleSink for Seen {
    fn offer(&self, publication: &Publication) {
        self.offered.lock().push(publication.message.topic.to_string());
    }

    fn basic_ingest(&self, rule: &str, publication: &Publication) -> bool {
        self.ingested.lock().push((rule.to_owned(), publication.message.topic.to_string()));
        rule == "known"
    }
}

fn new_year() -> Clock {
    Clock::frozen_at(Timestamp::from_millis(1_767_225_600_000))
}

pub(crate) fn scope() -> Scope {
    Scope::new("000000000000", "us-east-1")
}

impl House {
    /// A broker as AWS has it.
    pub(crate) async fn new() -> Self {
        Self::with(Settings::default()).await
    }

    pub(crate) async fn with(settings: Settings) -> Self {
        Self::build(settings, Store::ephemeral(TABLES).expect("a store"), Doors::default()).await
    }

    pub(crate) async fn on_disk(directory: &Path, clock: Clock) -> Self {
        // A broker before this one lets go of the files when its threads have ended.
        let mut store = Store::open(directory, TABLES, Durability::default());
        for _ in 0..100 {
            if store.is_ok() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
            store = Store::open(directory, TABLES, Durability::default());
        }
        let store = store.expect("a store");
        Self::build_at(Settings::default(), store, Doors::default(), clock).await
    }

    pub(crate) async fn build(settings: Settings, store: Store, doors: Doors) -> Self {
        Self::build_at(settings, store, doors, new_year()).await
    }

    pub(crate) async fn build_at(settings: Settings, store: Store, doors: Doors, clock: Clock) -> Self {
        Self::found(settings, store, doors, clock, Journal::default(), None).await
    }

    /// A broker whose certificates and permissions are a real registry's.
    pub(crate) async fn registered(
        settings: Settings,
        doors: Doors,
        about: RegistrySettings,
    ) -> (Self, Registry) {
        let tables = [TABLES, thingstead_registry::TABLES].concat();
        let store = Store::ephemeral(&tables).expect("a store");
        let (clock, journal) = (new_year(), Journal::default());
        let registry = Registry::open(store.clone(), clock.clone(), Ids::seeded(8), journal.clone(), about);
        let registry = registry.expect("a registry");
        let house = Self::found(settings, store, doors, clock, journal, Some(registry.clone())).await;
        registry.follow_connections(house.broker.clone());
        registry.publish_events_to(house.broker.clone());
        house.broker.authenticate_with(registry.clone());
        (house, registry)
    }

    async fn found(
        settings: Settings,
        store: Store,
        doors: Doors,
        clock: Clock,
        journal: Journal,
        registry: Option<Registry>,
    ) -> Self {
        let open = registry.is_some();
        let settings = Settings { shards: 2, anonymous_is_open: open, ..settings };
        let (rules, certificates) = (Arc::new(Rules::default()), Arc::new(Certificates::default()));
        let access: Arc<dyn AccessControl> = match &registry {
            Some(registry) => Arc::new(Policies::new(Arc::new(registry.clone()))),
            None => Arc::new(Judges(Arc::clone(&rules))),
        };
        let known: Arc<dyn ClientCertificates> = match registry {
            Some(registry) => Arc::new(registry),
            None => Arc::clone(&certificates) as _,
        };
        let deps = Deps {
            clock: clock.clone(),
            ids: Ids::seeded(7),
            journal: journal.clone(),
            store,
            access,
            certificates: known,
        };
        let broker = Broker::new(settings, deps).expect("a broker");
        let seen = Arc::new(Seen::default());
        let local = SocketAddr::from(([127, 0, 0, 1], 0));
        let doors = Doors { mqtt: vec![local], ..doors };
        let http = axum::Router::new().route(
            "/who",
            axum::routing::get(|peer: axum::Extension<thingstead_core::PeerIdentity>| async move {
                format!("{:?} {:?}", peer.certificate, peer.server_name)
            }),
        );
        let services: Vec<Arc<dyn ReservedService>> = vec![Arc::clone(&seen) as _];
        let bound = broker.serve(&doors, services, Some(Arc::clone(&seen) as _), http).await.expect("doors");
        Self { broker, bound, clock, journal, rules, certificates, seen }
    }

    /// The plain door.
    pub(crate) fn plain(&self) -> SocketAddr {
        self.bound.mqtt[0]
    }

    /// Moves the clock.
    pub(crate) fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// The events of a kind, oldest first.
    pub(crate) fn events(&self, kind: Kind) -> Vec<Event> {
        self.journal.find(&Query { kind: Some(kind), ..Query::default() })
    }

    /// Waits until an event of a kind is there.
    pub(crate) async fn event(&self, kind: Kind, accept: impl Fn(&Event) -> bool) -> Event {
        for _ in 0..500 {
            if let Some(event) = self.events(kind).into_iter().find(&accept) {
                return event;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("no such {} among {:?}", kind.name(), self.events(kind));
    }
}
