//! What the APIs need from the rest of the house.

use std::collections::HashMap;
use std::sync::Arc;

use thingstead_broker::Broker;
use thingstead_core::sigv4::Secret;
use thingstead_core::wiring::{Bus, Roles};
use thingstead_core::{Clock, Ids, Journal, Limits};
use thingstead_registry::Registry;
use thingstead_registry::authority::Source;
use thingstead_rules::RuleEngine;
use thingstead_shadow::ShadowService;

/// Everything the handlers reach. The binary fills it.
#[derive(Clone)]
pub struct ApiDeps {
    /// Settings.
    pub settings: Arc<ApiSettings>,
    /// Time.
    pub clock: Clock,
    /// Request ids.
    pub ids: Ids,
    /// Where calls are written down.
    pub journal: Journal,
    /// Where published messages go.
    pub bus: Arc<dyn Bus>,
    /// Things, certificates, policies and what hangs together with them.
    pub registry: Registry,
    /// What the callers of the data plane are judged by; mostly the registry itself.
    pub authority: Arc<dyn Source>,
    /// Connections, subscriptions, retained messages.
    pub broker: Arc<Broker>,
    /// Topic rules.
    pub rules: RuleEngine,
    /// Shadows.
    pub shadow: ShadowService,
    /// Who assumes the roles of role aliases.
    pub roles: Arc<dyn Roles>,
}

/// The settings that the APIs read.
#[derive(Clone, Debug)]
pub struct ApiSettings {
    /// The account of callers whose access key id is no account id (API-046).
    pub account: String,
    /// The Region of callers who do not sign.
    pub region: String,
    /// Whether signatures are checked; keys come from `keys` then.
    pub verify_signatures: bool,
    /// Access keys by their id; used only when signatures are checked.
    pub keys: HashMap<String, AccessKey>,
    /// What `DescribeEndpoint` answers; `*` echoes the caller's `Host` header (API-189).
    pub advertised_host: String,
    /// Ports to append to it; `None` leaves them out.
    pub advertised_ports: Option<AdvertisedPorts>,
    /// Whether AWS's sizes and counts are in force.
    pub limits: Limits,
}

/// An access key of the configuration.
#[derive(Clone, Debug)]
pub struct AccessKey {
    /// The secret access key.
    pub secret: Secret,
    /// The account it belongs to; `None` for the default account, or the one the key id names.
    pub account: Option<String>,
}

/// The ports that `DescribeEndpoint` appends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdvertisedPorts {
    /// The TLS port of the data plane: for `iot:Data*`, `iot:CredentialProvider`.
    pub https: u16,
    /// The API port: for `iot:Jobs`.
    pub api: u16,
}

impl Default for ApiSettings {
    /// As without any configuration.
    fn default() -> Self {
        Self {
            account: "000000000000".to_owned(),
            region: "us-east-1".to_owned(),
            verify_signatures: false,
            keys: HashMap::new(),
            advertised_host: "localhost".to_owned(),
            advertised_ports: None,
            limits: Limits::Aws,
        }
    }
}
