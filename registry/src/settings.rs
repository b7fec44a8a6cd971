//! What the registry is told at start.

use std::sync::Arc;
use std::time::Duration;

use thingstead_core::Limits;

use crate::ServerCa;
use crate::authority::Identities;

/// How the registry behaves.
#[derive(Clone, Debug)]
pub struct RegistrySettings {
    /// Whether AWS's sizes and counts are in force.
    pub limits: Limits,
    /// Issues device certificates.
    pub ca: Arc<ServerCa>,
    /// What `DescribeEndpoint` answers: a host, with the port where it shall be shown; see [`crate::Endpoints`].
    pub endpoints: crate::Endpoints,
    /// The host names of the default endpoints: what the server certificate names.
    pub host_names: crate::ServerNames,
    /// How long after its deprecation a thing type can be deleted; five minutes on AWS (API-102).
    pub thing_type_deletion_wait: Duration,
    /// Policies of IAM and Cognito identities and of unauthenticated clients.
    pub identities: Arc<Identities>,
}

impl Default for RegistrySettings {
    /// AWS's limits, a certificate authority in memory, `localhost` as endpoint, no wait, and every IAM identity an
    /// administrator.
    fn default() -> Self {
        Self {
            limits: Limits::Aws,
            ca: Arc::new(ServerCa::in_memory()),
            endpoints: crate::Endpoints::default(),
            host_names: crate::ServerNames::new(&["us-east-1"], &[]),
            thing_type_deletion_wait: Duration::ZERO,
            identities: Arc::default(),
        }
    }
}
