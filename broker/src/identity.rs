//! Who is at the other end, and whether it gets in at all.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use sha2::{Digest, Sha256};
use thingstead_core::{CertificateId, Clock, Principal, Scope};
use thingstead_registry::{CertificateStatus, Registry};
use x509_parser::prelude::{FromDer, X509Certificate};

/// Where client certificates are registered. Asked during the handshake, so it answers from memory.
pub trait ClientCertificates: Send + Sync + 'static {
    /// What is known of the certificate with this id; `None` when it is not registered anywhere.
    fn standing(&self, id: &CertificateId) -> Option<Standing>;

    /// Told about a certificate that was not let in, with the chain the client sent; the place for just-in-time registration
    /// (MQTT-037). The connection is refused whatever happens here.
    fn refused(&self, _id: &CertificateId, _leaf: &[u8]) {}
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
}

/// An authenticated client, before it said CONNECT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Whose account and Region.
    pub scope: Scope,
    /// Who.
    pub principal: Principal,
}

/// Why a certificate was not let in; the names of `Connection.AuthNError` (MQTT-257).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// Nobody registered it.
    #[error("certificate `{0}` is not registered")]
    NotRegistered(CertificateId),
    /// It is registered but not active.
    #[error("certificate `{id}` is {status}; only an ACTIVE certificate may connect")]
    NotActive {
        /// Which.
        id: CertificateId,
        /// Whose.
        scope: Scope,
        /// Its status.
        status: &'static str,
    },
    /// It is past its expiry (AUTH-030).
    #[error("certificate `{id}` expired at {expired}")]
    Expired {
        /// Which.
        id: CertificateId,
        /// Whose.
        scope: Scope,
        /// Its end, as the certificate says it.
        expired: String,
    },
    /// It is no X.509 certificate.
    #[error("the client's certificate cannot be read")]
    Unreadable,
}

impl Refusal {
    /// The reason in service logs.
    pub(crate) const fn log_reason(&self) -> &'static str {
        match self {
            Self::NotRegistered(_) | Self::Unreadable => "DEVICE_CERTIFICATE_NOT_REGISTERED",
            Self::NotActive { status, .. } if matches!(status.as_bytes(), b"REVOKED") => {
                "DEVICE_CERTIFICATE_REVOKED"
            }
            Self::NotActive { .. } | Self::Expired { .. } => "DEVICE_CERTIFICATE_INACTIVE",
        }
    }

    /// What would let the client in.
    pub(crate) fn fix(&self) -> String {
        match self {
            Self::NotRegistered(_) => "register the certificate (`aws iot register-certificate-without-ca \
                                       --certificate-pem file://certificate.pem --status ACTIVE`), or use one that \
                                       `aws iot create-keys-and-certificate --set-as-active` made"
                .to_owned(),
            Self::NotActive { id, status: "INACTIVE" | "PENDING_ACTIVATION" | "REGISTER_INACTIVE", .. } => format!(
                "activate it: `aws iot update-certificate --certificate-id {id} --new-status ACTIVE`"
            ),
            Self::NotActive { status, .. } => {
                format!("use another certificate: one that is {status} does not become ACTIVE from here")
            }
            Self::Expired { .. } => "use a certificate that is valid today".to_owned(),
            Self::Unreadable => "send an X.509 certificate in DER".to_owned(),
        }
    }

    /// The certificate's id, where there is one.
    pub(crate) fn certificate(&self) -> Option<&CertificateId> {
        match self {
            Self::NotRegistered(id) | Self::NotActive { id, .. } | Self::Expired { id, .. } => Some(id),
            Self::Unreadable => None,
        }
    }

    /// The account it belongs to, where it is registered.
    pub(crate) fn scope(&self) -> Option<&Scope> {
        match self {
            Self::NotActive { scope, .. } | Self::Expired { scope, .. } => Some(scope),
            Self::NotRegistered(_) | Self::Unreadable => None,
        }
    }
}

/// The door: lets active, unexpired, registered certificates in.
pub(crate) struct Gate {
    certificates: Arc<dyn ClientCertificates>,
    clock: Clock,
}

impl Gate {
    /// A door that looks certificates up in `certificates`.
    pub(crate) fn new(certificates: Arc<dyn ClientCertificates>, clock: Clock) -> Self {
        Self { certificates, clock }
    }

    /// Who the owner of this certificate is. Asked during the handshake and again after it.
    pub(crate) fn admit(&self, leaf: &CertificateDer<'_>) -> Result<Identity, Refusal> {
        let id = CertificateId::from(hex::encode(Sha256::digest(leaf)));
        self.judge(&id, leaf).inspect_err(|_| self.certificates.refused(&id, leaf))
    }

    fn judge(&self, id: &CertificateId, leaf: &CertificateDer<'_>) -> Result<Identity, Refusal> {
        let standing = self.certificates.standing(id).ok_or_else(|| Refusal::NotRegistered(id.clone()))?;
        let Standing { scope, active, status } = standing;
        if !active {
            return Err(Refusal::NotActive { id: id.clone(), scope, status });
        }
        let (_, certificate) = X509Certificate::from_der(leaf).map_err(|_| Refusal::Unreadable)?;
        let end = certificate.validity().not_after;
        if end.timestamp() < self.clock.now().as_secs() {
            return Err(Refusal::Expired { id: id.clone(), scope, expired: end.to_string() });
        }
        Ok(Identity { scope, principal: Principal::Certificate(id.clone()) })
    }
}

impl ClientCertificates for Registry {
    fn standing(&self, id: &CertificateId) -> Option<Standing> {
        let known = self.lookup(&fingerprint(id)?)?;
        let active = known.status == CertificateStatus::Active;
        Some(Standing { scope: known.scope, active, status: known.status.name() })
    }

    fn refused(&self, id: &CertificateId, leaf: &[u8]) {
        if let Some(fingerprint) = fingerprint(id) {
            // Whatever it is now, this connection is refused.
            let _ = self.presented(&fingerprint, leaf);
        }
    }
}

fn fingerprint(id: &CertificateId) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(id.as_str(), &mut bytes).ok()?;
    Some(bytes)
}
