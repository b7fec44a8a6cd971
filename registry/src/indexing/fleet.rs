//! What the index knows beyond the registry.

use serde_json::Value;
use thingstead_core::{Scope, ThingName, Timestamp};

/// Shadows and connections, seen from the index. The binary joins it with the services that know.
pub trait FleetSource: Send + Sync + 'static {
    /// A shadow as `GetThingShadow` answers it (`state` with `desired`, `reported`, `delta`; `metadata`; `version`); the
    /// classic one when no name is given.
    fn shadow(&self, scope: &Scope, thing: &ThingName, name: Option<&str>) -> Option<Value>;

    /// The last connect or disconnect of a client; `None` when it never connected (API-256).
    fn connectivity(&self, scope: &Scope, client_id: &str) -> Option<Connectivity>;
}

/// Whether a client is connected, and since when (API-239, API-256, API-257).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Connectivity {
    /// Whether it is connected now.
    pub connected: bool,
    /// When it connected or disconnected last.
    pub at: Timestamp,
    /// Why it disconnected; one of the words of API-257.
    pub disconnect_reason: Option<String>,
    /// In seconds.
    pub keep_alive_duration: Option<u32>,
    /// Whether the session began anew.
    pub clean_session: Option<bool>,
    /// In seconds.
    pub session_expiry: Option<u64>,
    /// The client.
    pub client_id: Option<String>,
}
