//! Who is at the other end, and whether it gets in at all.

use std::sync::Arc;

use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest, Sha256};
use thingstead_core::{CertificateId, Clock, Principal, Scope};
use thingstead_registry::{
    CertificateMode, CertificateStatus, DomainConfigurationStatus, KnownCertificate, Named, Registry,
    RoleSession,
};

pub(crate) use crate::endpoint::Endpoint;
pub(crate) use crate::refusal::Refusal;
use crate::settings::Sni;
use crate::tls::leaf::Leaf;

/// Where client certificates are registered and host names belong. Asked during the handshake, so it answers from memory.
pub trait ClientCertificates: Send + Sync + 'static {
    /// What is known of the certificate with this id; `None` when it is not registered anywhere.
    fn standing(&self, id: &CertificateId) -> Option<Standing>;

    /// The same in every scope that registered it (AUTH-040).
    fn standings(&self, id: &CertificateId) -> Vec<Standing> {
        self.standing(id).into_iter().collect()
    }

    /// Told about a certificate that was not let in, with the endpoint it wanted; the place for just-in-time registration
    /// (MQTT-037). The connection is refused whatever happens here.
    fn refused(&self, _id: &CertificateId, _leaf: &[u8], _endpoint: &Named) {}

    /// What a host name says about the endpoint.
    fn endpoint_named(&self, _host: &str) -> Named {
        Named::Default
    }

    /// The session that temporary credentials belong to, by access key (AUTH-244).
    fn role_session(&self, _access_key: &str) -> Option<Arc<RoleSession>> {
        None
    }

    /// Who signs with an access key that is no session's (AUTH-134).
    fn principal_of_access_key(&self, account: &str, access_key: &str) -> Principal {
        Principal::of_access_key(account, access_key)
    }

    /// A certificate chain for a host name and a key; `None` where nobody can issue one.
    fn certify(&self, _host: &str, _key: &PrivateKeyDer<'_>) -> Option<Vec<CertificateDer<'static>>> {
        None
    }
}

/// A registered certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Who owns it: this decides the connection's account.
    pub scope: Scope,
    /// Whether it may connect: only `ACTIVE` may (MQTT-033).
    pub active: bool,
    /// The status in the API's words, for the refusal.
    pub status: &'static str,
    /// Whether its clients must send SNI (AUTH-042).
    pub sni_only: bool,
}

/// An authenticated client, before it said CONNECT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Whose account and Region.
    pub scope: Scope,
    /// Who.
    pub principal: Principal,
    /// The session of a role whose temporary credentials signed (AUTH-241).
    pub session: Option<Arc<RoleSession>>,
}

impl Identity {
    /// Somebody without temporary credentials.
    pub fn new(scope: Scope, principal: Principal) -> Self {
        Self { scope, principal, session: None }
    }

    /// Somebody who has not said yet who they are.
    pub(crate) fn unknown(scope: &Scope) -> Self {
        Self::new(scope.clone(), Principal::Anonymous)
    }
}

/// The door: lets active, unexpired, registered certificates in, at the endpoints they belong to.
pub(crate) struct Gate {
    certificates: Arc<dyn ClientCertificates>,
    clock: Clock,
    sni: Sni,
}

impl Gate {
    /// A door that looks certificates and host names up in `certificates`.
    pub(crate) fn new(certificates: Arc<dyn ClientCertificates>, clock: Clock, sni: Sni) -> Self {
        Self { certificates, clock, sni }
    }

    /// The endpoint of a host name, as the client sent it.
    pub(crate) fn endpoint(&self, host: Option<&str>) -> Result<Endpoint, Refusal> {
        let Some(host) = host else {
            return if self.sni == Sni::Required { Err(Refusal::NoName) } else { Ok(Endpoint::Unnamed) };
        };
        match self.certificates.endpoint_named(host) {
            Named::Configuration { scope, configuration } => match configuration.status {
                DomainConfigurationStatus::Enabled => Ok(Endpoint::Configuration { scope, configuration }),
                DomainConfigurationStatus::Disabled => {
                    Err(Refusal::Disabled { scope, name: configuration.name.clone() })
                }
            },
            Named::Account { account, region } => Ok(Endpoint::Account { account, region }),
            Named::Default => Ok(Endpoint::Default),
            Named::Unknown if self.sni == Sni::Required => Err(Refusal::UnknownName(host.to_owned())),
            // The names of containers and hosts are without number; what they lead to is this server.
            Named::Unknown => Ok(Endpoint::Default),
        }
    }

    /// The session that temporary credentials belong to.
    pub(crate) fn role_session(&self, access_key: &str) -> Option<Arc<RoleSession>> {
        self.certificates.role_session(access_key)
    }

    /// Who signs with an access key that is no session's.
    pub(crate) fn principal_of_access_key(&self, account: &str, access_key: &str) -> Principal {
        self.certificates.principal_of_access_key(account, access_key)
    }

    /// A certificate chain for a host name and one of the server's keys.
    pub(crate) fn certify(
        &self,
        host: &str,
        key: &PrivateKeyDer<'_>,
    ) -> Option<Vec<CertificateDer<'static>>> {
        self.certificates.certify(host, key)
    }

    /// Who the owner of this certificate is at that endpoint. Asked during the handshake and again after it.
    pub(crate) fn admit(&self, leaf: &CertificateDer<'_>, endpoint: &Endpoint) -> Result<Identity, Refusal> {
        let id = CertificateId::from(hex::encode(Sha256::digest(leaf)));
        self.judge(&id, leaf, endpoint).inspect_err(|refusal| {
            // Just-in-time registration needs SNI (AUTH-037).
            let named = *endpoint != Endpoint::Unnamed || self.sni == Sni::Optional;
            let new = matches!(
                refusal,
                Refusal::NotRegistered(_) | Refusal::NotActive { .. } | Refusal::OtherAccount { .. }
            );
            if named && new {
                self.certificates.refused(&id, leaf, &endpoint.named());
            }
        })
    }

    fn judge(
        &self,
        id: &CertificateId,
        leaf: &CertificateDer<'_>,
        endpoint: &Endpoint,
    ) -> Result<Identity, Refusal> {
        let standings = self.certificates.standings(id);
        let Some(first) = standings.first() else { return Err(Refusal::NotRegistered(id.clone())) };
        let meant: Vec<&Standing> = standings.iter().filter(|it| endpoint.selects(&it.scope)).collect();
        let active: Vec<&Standing> = meant.iter().copied().filter(|it| it.active).collect();
        let Some(chosen) = active.first().or(meant.first()).copied() else {
            return Err(Refusal::OtherAccount { id: id.clone(), scope: first.scope.clone() });
        };
        let Standing { scope, active: is_active, status, sni_only } = chosen;
        if !is_active {
            return Err(Refusal::NotActive { id: id.clone(), scope: scope.clone(), status });
        }
        if self.sni != Sni::Optional {
            if active.len() > 1 {
                let accounts: Vec<&str> = active.iter().map(|it| it.scope.account()).collect();
                let accounts = accounts.join(", ");
                return Err(Refusal::SeveralAccounts { id: id.clone(), scope: scope.clone(), accounts });
            }
            if *sni_only && *endpoint == Endpoint::Unnamed {
                return Err(Refusal::NeedsName { id: id.clone(), scope: scope.clone() });
            }
        }
        let end = Leaf::of(leaf).ok_or(Refusal::Unreadable)?.not_after;
        if end.timestamp() < self.clock.now().as_secs() {
            let expired = end.to_string();
            return Err(Refusal::Expired { id: id.clone(), scope: scope.clone(), expired });
        }
        Ok(Identity::new(scope.clone(), Principal::Certificate(id.clone())))
    }
}

impl ClientCertificates for Registry {
    fn standing(&self, id: &CertificateId) -> Option<Standing> {
        Some(Standing::from(self.lookup(&fingerprint(id)?)?))
    }

    fn standings(&self, id: &CertificateId) -> Vec<Standing> {
        let known = fingerprint(id).map(|fingerprint| self.lookup_all(&fingerprint)).unwrap_or_default();
        known.into_iter().map(Standing::from).collect()
    }

    fn refused(&self, id: &CertificateId, leaf: &[u8], endpoint: &Named) {
        if let Some(fingerprint) = fingerprint(id) {
            // Whatever it is now, this connection is refused.
            let _ = self.presented_at(&fingerprint, leaf, endpoint);
        }
    }

    fn endpoint_named(&self, host: &str) -> Named {
        Self::endpoint_named(self, host)
    }

    fn role_session(&self, access_key: &str) -> Option<Arc<RoleSession>> {
        Self::role_session(self, access_key)
    }

    fn principal_of_access_key(&self, account: &str, access_key: &str) -> Principal {
        Self::principal_of_access_key(self, account, access_key)
    }

    fn certify(&self, host: &str, key: &PrivateKeyDer<'_>) -> Option<Vec<CertificateDer<'static>>> {
        match self.certify_host(host, key) {
            Ok(chain) => Some(chain),
            Err(error) => {
                tracing::warn!(host, %error, "no server certificate can be issued for a host name");
                None
            }
        }
    }
}

impl From<KnownCertificate> for Standing {
    fn from(known: KnownCertificate) -> Self {
        Self {
            active: known.status == CertificateStatus::Active,
            status: known.status.name(),
            sni_only: known.mode == CertificateMode::SniOnly,
            scope: known.scope,
        }
    }
}

fn fingerprint(id: &CertificateId) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(id.as_str(), &mut bytes).ok()?;
    Some(bytes)
}
