//! The endpoint that a host name means, seen from a connection.

use std::sync::Arc;

use thingstead_core::Scope;
use thingstead_registry::{ApplicationProtocol, AuthenticationType, DomainConfiguration, Named, ServiceType};

/// Where a client wants to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// It did not say: no SNI.
    Unnamed,
    /// The default endpoint, of whichever account its credentials belong to.
    Default,
    /// The default endpoint of one account.
    Account {
        /// Which account.
        account: String,
        /// Which Region, where the name has one.
        region: Option<String>,
    },
    /// A domain configuration.
    Configuration {
        /// Whose.
        scope: Scope,
        /// Which.
        configuration: Arc<DomainConfiguration>,
    },
}

impl Endpoint {
    /// Whether resources of that scope are meant.
    pub(crate) fn selects(&self, scope: &Scope) -> bool {
        match self {
            Self::Unnamed | Self::Default => true,
            Self::Account { account, region } => {
                scope.account() == account && region.as_deref().is_none_or(|region| scope.region() == region)
            }
            Self::Configuration { scope: owner, .. } => owner == scope,
        }
    }

    /// Its domain configuration, if it has one.
    pub(crate) fn configuration(&self) -> Option<&DomainConfiguration> {
        match self {
            Self::Configuration { configuration, .. } => Some(configuration),
            _ => None,
        }
    }

    /// How its clients authenticate and what they speak, where that does not follow from port and ALPN (AUTH-010).
    pub(crate) fn fixed(&self) -> Option<(AuthenticationType, ApplicationProtocol)> {
        let configuration = self.configuration().filter(|it| !it.follows_port_and_alpn())?;
        Some((configuration.authentication_type, configuration.application_protocol))
    }

    /// Whether MQTT is spoken there at all.
    pub(crate) fn serves_data(&self) -> bool {
        self.configuration().is_none_or(|it| it.service_type == ServiceType::Data)
    }

    /// Its owner, where it has one.
    pub(crate) fn scope(&self) -> Option<&Scope> {
        match self {
            Self::Configuration { scope, .. } => Some(scope),
            _ => None,
        }
    }

    /// As the registry calls it.
    pub(crate) fn named(&self) -> Named {
        match self.clone() {
            Self::Unnamed | Self::Default => Named::Default,
            Self::Account { account, region } => Named::Account { account, region },
            Self::Configuration { scope, configuration } => Named::Configuration { scope, configuration },
        }
    }
}
