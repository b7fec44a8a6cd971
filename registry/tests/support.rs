//! A registry over a database in memory, and certificates to put into it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, PKCS_ECDSA_P256_SHA256};
use serde_json::Value;
use thingstead_core::journal::Capacity;
use thingstead_core::wiring::{Bus, ConnectionControl};
use thingstead_core::{Clock, Ids, Journal, Publication, Scope, ThingName, Timestamp};
use thingstead_registry::{Connectivity, FleetSource, Registry, RegistryError, RegistrySettings, TABLES};
use thingstead_store::Store;

pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_763_700_000_000);

pub(crate) struct World {
    pub(crate) registry: Registry,
    pub(crate) clock: Clock,
    pub(crate) store: Store,
    pub(crate) scope: Scope,
}

pub(crate) fn world() -> World {
    world_with(RegistrySettings::default())
}

pub(crate) fn world_with(settings: RegistrySettings) -> World {
    let store = Store::ephemeral(TABLES).expect("store");
    let clock = Clock::frozen_at(NOW);
    let registry = open(&store, &clock, settings);
    World { registry, clock, store, scope: Scope::new("123456789012", "eu-west-1") }
}

pub(crate) fn open(store: &Store, clock: &Clock, settings: RegistrySettings) -> Registry {
    let journal = Journal::new(Capacity::default());
    Registry::open(store.clone(), clock.clone(), Ids::seeded(1), journal, settings).expect("registry")
}

/// Runs a future to its end.
pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().expect("runtime").block_on(future)
}

pub(crate) fn attributes(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

pub(crate) fn invalid(message: &str) -> RegistryError {
    RegistryError::InvalidRequest(message.to_owned())
}

/// Who was told that a certificate left ACTIVE.
#[derive(Default)]
pub(crate) struct Closed(pub(crate) Mutex<Vec<String>>);

impl ConnectionControl for Closed {
    fn certificate_left_active(&self, _scope: &Scope, certificate: &str) {
        self.0.lock().push(certificate.to_owned());
    }

    fn reset(&self) {}
}

/// What was published.
#[derive(Default)]
pub(crate) struct Heard(Mutex<Vec<(String, Value)>>);

impl Heard {
    /// Listens to a registry.
    pub(crate) fn from(world: &World) -> Arc<Self> {
        let heard = Arc::new(Self::default());
        world.registry.publish_events_to(Arc::<Self>::clone(&heard));
        heard
    }

    /// What was published since the last call.
    pub(crate) fn take(&self) -> Vec<(String, Value)> {
        std::mem::take(&mut self.0.lock())
    }

    /// The topics published since the last call, without `$aws/events/`.
    pub(crate) fn topics(&self) -> Vec<String> {
        self.take().into_iter().map(|(topic, _)| topic.replacen("$aws/events/", "", 1)).collect()
    }
}

impl Bus for Heard {
    fn publish(&self, publication: Publication) {
        let payload = serde_json::from_slice(&publication.message.payload).expect("json");
        self.0.lock().push((publication.message.topic.to_string(), payload));
    }

    fn send_to(&self, _client: &str, _publication: Publication) -> bool {
        false
    }
}

/// Shadows by `THING` or `THING~NAME`, connections by client.
#[derive(Default)]
pub(crate) struct Fleet {
    pub(crate) shadows: RwLock<HashMap<String, Value>>,
    pub(crate) connections: RwLock<HashMap<String, Connectivity>>,
}

impl FleetSource for Fleet {
    fn shadow(&self, _scope: &Scope, thing: &ThingName, name: Option<&str>) -> Option<Value> {
        let key = name.map_or_else(|| thing.to_string(), |name| format!("{thing}~{name}"));
        self.shadows.read().get(&key).cloned()
    }

    fn connectivity(&self, _scope: &Scope, client_id: &str) -> Option<Connectivity> {
        self.connections.read().get(client_id).cloned()
    }
}

/// A CA of one's own.
pub(crate) struct Ca {
    params: CertificateParams,
    key: KeyPair,
    pub(crate) pem: String,
}

impl Ca {
    pub(crate) fn new(name: &str) -> Self {
        let key = key();
        let mut params = named(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).expect("sign").pem();
        Self { params, key, pem }
    }

    /// The same subject and key, another certificate.
    pub(crate) fn again(&self) -> Self {
        let key = KeyPair::from_pem(&self.key.serialize_pem()).expect("key");
        let mut params = self.params.clone();
        params.serial_number = Some(rcgen::SerialNumber::from(4711));
        let pem = params.self_signed(&key).expect("sign").pem();
        Self { params, key, pem }
    }

    /// A certificate with that common name.
    pub(crate) fn signs(&self, name: &str) -> String {
        let issuer = Issuer::from_params(&self.params, &self.key);
        named(name).signed_by(&key(), &issuer).expect("sign").pem()
    }
}

pub(crate) fn self_signed(name: &str) -> String {
    named(name).self_signed(&key()).expect("sign").pem()
}

pub(crate) fn named(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

pub(crate) fn key() -> KeyPair {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("key")
}

pub(crate) fn shared(closed: &Arc<Closed>) -> Arc<dyn ConnectionControl> {
    Arc::<Closed>::clone(closed)
}
