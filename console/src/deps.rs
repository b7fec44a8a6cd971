//! What the admin API needs from the wiring.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use parking_lot::RwLock;
use serde_json::{Value, json};
use thingstead_core::wiring::FaultControl;
use thingstead_core::{Clock, Journal, Scope};

/// What the admin API asks the rest of the server.
#[derive(Clone)]
pub struct AdminDeps {
    /// The account of what happened.
    pub journal: Journal,
    /// Injected time, which `/clock` moves.
    pub clock: Clock,
    /// The addresses bound.
    pub endpoints: Arc<RwLock<Endpoints>>,
    /// The root certificate as PEM.
    pub ca_pem: Arc<str>,
    /// Whole-server operations.
    pub operations: Arc<dyn Operations>,
    /// Who makes faults on purpose.
    pub faults: Arc<dyn FaultControl>,
}

/// The addresses actually bound; the first of each list is the main one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Endpoints {
    /// MQTT over mutual TLS.
    pub mqtts: Vec<SocketAddr>,
    /// The shared TLS port.
    pub https: Vec<SocketAddr>,
    /// AWS APIs, console, admin API.
    pub api: Vec<SocketAddr>,
    /// Plain MQTT.
    pub mqtt: Vec<SocketAddr>,
}

impl Endpoints {
    /// The text of `GET endpoints` and of `endpoints.json`.
    pub fn to_json(&self) -> Value {
        let first = |addresses: &[SocketAddr]| addresses.first().map(SocketAddr::to_string);
        let all = |addresses: &[SocketAddr]| addresses.iter().map(SocketAddr::to_string).collect::<Vec<_>>();
        json!({
            "mqtts": first(&self.mqtts),
            "https": first(&self.https),
            "api": first(&self.api),
            "mqtt": first(&self.mqtt),
            "all": {
                "mqtts": all(&self.mqtts),
                "https": all(&self.https),
                "api": all(&self.api),
                "mqtt": all(&self.mqtt),
            },
        })
    }
}

/// Why an operation was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such thing; 404.
    #[error("{0}")]
    NotFound(String),
    /// The request is wrong; 400.
    #[error("{0}")]
    Invalid(String),
    /// It failed; 500.
    #[error("{0}")]
    Failed(String),
}

/// Which shadow is meant, and how many of its versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShadowQuestion {
    /// The server's own when absent.
    pub account: Option<String>,
    /// The server's own when absent.
    pub region: Option<String>,
    /// Whose.
    pub thing: String,
    /// `None` for the classic shadow.
    pub name: Option<String>,
    /// At most this many versions.
    pub limit: usize,
}

/// Which entries of the service log are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogQuestion {
    /// Of this `clientId`.
    pub client: Option<String>,
    /// Of this `eventType`.
    pub event_type: Option<String>,
    /// `ERROR`, `WARN`, `INFO` or `DEBUG`: of this level or a graver one.
    pub level: Option<String>,
    /// Of this `accountId`.
    pub account: Option<String>,
    /// The newest so many.
    pub limit: Option<usize>,
}

/// A counter for `/metrics`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counter {
    /// Its name without `_total`.
    pub name: String,
    /// What it counts.
    pub help: String,
    /// Labels and their values.
    pub labels: Vec<(&'static str, String)>,
    /// The count since the start.
    pub value: u64,
}

/// A future of a whole-server operation.
pub type Operation<'a, T> = Pin<Box<dyn Future<Output = Result<T, Refusal>> + Send + 'a>>;

/// What concerns the whole server; the wiring implements it.
pub trait Operations: Send + Sync + 'static {
    /// Whether every listener is open.
    fn is_ready(&self) -> bool;

    /// Why the server cannot do its work any more, such as a database that failed.
    fn failure(&self) -> Option<String> {
        None
    }

    /// Back to the seeded state, connections closed, CA kept.
    fn reset(&self) -> Operation<'_, ()>;

    /// The names of the saved snapshots.
    fn snapshots(&self) -> Operation<'_, Vec<String>>;

    /// Saves the whole state under a name.
    fn save_snapshot(&self, name: &str) -> Operation<'_, ()>;

    /// Restores the whole state; connections are closed.
    fn restore_snapshot(&self, name: &str) -> Operation<'_, ()>;

    /// Forgets a snapshot.
    fn delete_snapshot(&self, name: &str) -> Operation<'_, ()>;

    /// The recorded deliveries of rule actions, oldest first, as the admin API shows them.
    fn deliveries(&self, rule: Option<&str>) -> Vec<Value>;

    /// The shadows that exist and whose account and thing are accepted, in alphabetical order, as the admin API shows them.
    fn shadows(&self, accepts: &dyn Fn(&str, &str) -> bool, limit: usize) -> Vec<Value>;

    /// A shadow with its last versions; `None` when it is unknown.
    fn shadow(&self, question: &ShadowQuestion) -> Option<Value>;

    /// The last versions of all shadows of a thing, newest first.
    fn shadow_changes(&self, scope: &Scope, thing: &str) -> Vec<Value>;

    /// Entries of the service log, oldest first.
    fn service_log(&self, question: &LogQuestion) -> Vec<Value>;

    /// Counters for `/metrics`; those of one name follow each other.
    fn counters(&self) -> Vec<Counter>;

    /// Figures of the moment for `/metrics`: name, help, value.
    fn gauges(&self) -> Vec<(&'static str, &'static str, f64)>;
}
