//! Which endpoint a host name means: what TLS asks about the SNI.

use std::sync::Arc;

use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use thingstead_core::Scope;

use super::DomainConfiguration;
use crate::{CaError, Registry};

/// What a host name says about the endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Named {
    /// A domain configuration, enabled or not.
    Configuration {
        /// Whose.
        scope: Scope,
        /// Which.
        configuration: Arc<DomainConfiguration>,
    },
    /// The default endpoint of one account: the first label is its id, alone or before `-ats` (AUTH-040).
    Account {
        /// Which account.
        account: String,
        /// Which Region, where the name has one.
        region: Option<String>,
    },
    /// The default endpoint, of whichever account the credentials belong to.
    Default,
    /// No name of this server that it knows of.
    Unknown,
}

impl Named {
    /// Whether resources of that scope are meant.
    pub fn selects(&self, scope: &Scope) -> bool {
        match self {
            Self::Configuration { scope: owner, .. } => owner == scope,
            Self::Account { account, region } => {
                scope.account() == account && region.as_deref().is_none_or(|region| scope.region() == region)
            }
            Self::Default | Self::Unknown => true,
        }
    }
}

impl Registry {
    /// A certificate chain of the server's own authority for a host name and a key.
    ///
    /// # Errors
    /// The name cannot stand in a certificate; the key cannot be read.
    pub fn certify_host(
        &self,
        host: &str,
        key: &PrivateKeyDer<'_>,
    ) -> std::result::Result<Vec<CertificateDer<'static>>, CaError> {
        self.0.settings.ca.certify(host, key, self.0.clock.now(), &self.0.ids)
    }

    /// What a host name, as a client sends it, says about the endpoint. Answers from memory.
    pub fn endpoint_named(&self, host: &str) -> Named {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        if let Some(found) = self.0.domains.get(&host) {
            let (scope, configuration) = found.value().clone();
            return Named::Configuration { scope, configuration };
        }
        let known = self.0.settings.host_names.covers(&host);
        let (first, rest) = host.split_once('.').unwrap_or((&host, ""));
        let account = first.strip_suffix("-ats").unwrap_or(first);
        if Scope::is_account_id(account) && (known || self.0.settings.host_names.covers(rest)) {
            return Named::Account {
                account: account.to_owned(),
                region: region_of(rest).map(str::to_owned),
            };
        }
        if known { Named::Default } else { Named::Unknown }
    }
}

/// The Region of `iot.REGION.amazonaws.com` and its siblings.
fn region_of(rest: &str) -> Option<&str> {
    let rest = rest.strip_suffix(".amazonaws.com")?;
    let rest = ["credentials.", "jobs."].iter().find_map(|kind| rest.strip_prefix(kind)).unwrap_or(rest);
    rest.strip_prefix("iot.").filter(|region| !region.is_empty() && !region.contains('.'))
}
