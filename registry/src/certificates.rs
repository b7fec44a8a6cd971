//! Device certificates (api.md 4.4, provisioning.md 1 and 2).

mod lifecycle;
mod register;
mod transfer;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use thingstead_core::{Arn, CertificateId, Scope, Timestamp};
use thingstead_store::Table;

pub use register::{CreatedKeysAndCertificate, RegisterCertificate};

use crate::change::Change;
use crate::collection::Resource;
use crate::page::{DEFAULT_MARKED, Page, PageRequest};
use crate::state::State;
use crate::x509::Parsed;
use crate::{Registry, RegistryError, Result};

/// Whether a certificate may connect (PROV-004).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CertificateStatus {
    /// It may.
    Active,
    /// Not now.
    Inactive,
    /// Never again.
    Revoked,
    /// Offered to another account.
    PendingTransfer,
    /// Registered by its first connection, waiting to be activated.
    PendingActivation,
    /// As [`CertificateStatus::Inactive`]; no longer given by AWS.
    RegisterInactive,
}

impl CertificateStatus {
    /// The name in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Inactive => "INACTIVE",
            Self::Revoked => "REVOKED",
            Self::PendingTransfer => "PENDING_TRANSFER",
            Self::PendingActivation => "PENDING_ACTIVATION",
            Self::RegisterInactive => "REGISTER_INACTIVE",
        }
    }
}

impl fmt::Display for CertificateStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for CertificateStatus {
    type Err = RegistryError;

    fn from_str(text: &str) -> Result<Self> {
        let all = [
            Self::Active,
            Self::Inactive,
            Self::Revoked,
            Self::PendingTransfer,
            Self::PendingActivation,
            Self::RegisterInactive,
        ];
        all.into_iter().find(|status| status.name() == text).ok_or_else(|| {
            RegistryError::invalid(format!(
                "`{text}` is no certificate status; expected ACTIVE, INACTIVE, REVOKED, PENDING_TRANSFER or PENDING_ACTIVATION"
            ))
        })
    }
}

/// Whether a client must name the endpoint by SNI (PROV-016, PROV-017).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CertificateMode {
    /// Issued by the service or signed by a CA in this mode.
    Default,
    /// Registered without CA or signed by a CA in this mode.
    SniOnly,
}

impl CertificateMode {
    /// The name in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Default => "DEFAULT",
            Self::SniOnly => "SNI_ONLY",
        }
    }
}

/// A transfer to another account (PROV-022).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TransferData {
    /// The account it is offered to; not part of the API's `transferData`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_account: Option<String>,
    /// What the giver says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transfer_message: Option<String>,
    /// What the receiver says who refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reject_reason: Option<String>,
    /// When it was offered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transfer_date: Option<Timestamp>,
    /// When it was accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accept_date: Option<Timestamp>,
    /// When it was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reject_date: Option<Timestamp>,
}

/// A registered device certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Certificate {
    /// The SHA-256 of the DER form, 64 lower-case hex digits (PROV-001).
    #[serde(rename = "certificateId")]
    pub id: CertificateId,
    /// Whether it may connect.
    pub status: CertificateStatus,
    /// Whether its clients must send SNI.
    #[serde(rename = "certificateMode")]
    pub mode: CertificateMode,
    /// As it was given or issued.
    #[serde(rename = "certificatePem")]
    pub pem: Arc<str>,
    /// The registered CA that signed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_certificate_id: Option<CertificateId>,
    /// The account.
    pub owned_by: String,
    /// The account before the transfer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_owned_by: Option<String>,
    /// When it was registered.
    #[serde(rename = "creationDate")]
    pub created_at: Timestamp,
    /// When it was last changed.
    #[serde(rename = "lastModifiedDate")]
    pub modified_at: Timestamp,
    /// 1 (API-137).
    pub customer_version: i64,
    /// A UUID of this version.
    pub generation_id: String,
    /// Begin of its validity.
    pub not_before: Timestamp,
    /// End of its validity.
    pub not_after: Timestamp,
    /// Its last transfer.
    #[serde(default)]
    pub transfer_data: TransferData,
}

impl Certificate {
    /// Its ARN.
    pub fn arn(&self, scope: &Scope) -> Arn {
        certificate_arn(scope, &self.id)
    }

    /// The DER form, without what else stood in the PEM text.
    pub fn der(&self) -> Option<CertificateDer<'static>> {
        CertificateDer::from_pem_slice(self.pem.as_bytes()).ok()
    }
}

impl Resource for Certificate {
    const TABLE: Table = Table::new("certificates");

    fn key(&self) -> &str {
        &self.id
    }
}

/// The ARN of a device certificate (PROV-003).
pub fn certificate_arn(scope: &Scope, id: &str) -> Arn {
    Arn::iot(scope, format!("cert/{id}"))
}

/// What the TLS verifier must know of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownCertificate {
    /// Who owns it.
    pub scope: Scope,
    /// Its id.
    pub id: CertificateId,
    /// Only [`CertificateStatus::Active`] may connect (AUTH-030, AUTH-031).
    pub status: CertificateStatus,
    /// Whether its clients must send SNI.
    pub mode: CertificateMode,
    /// End of its validity (AUTH-030).
    pub not_after: Timestamp,
}

impl KnownCertificate {
    /// Whether it may connect at that time: active and not expired (AUTH-030).
    pub fn may_connect(&self, now: Timestamp) -> bool {
        self.status == CertificateStatus::Active && now <= self.not_after
    }
}

impl Registry {
    /// The certificate of a SHA-256 fingerprint, whoever owns it: one read of a concurrent map, for the TLS verifier. Of several
    /// scopes that registered the same certificate (AUTH-040) the first where it is active; see [`Registry::lookup_all`].
    pub fn lookup(&self, fingerprint: &[u8; 32]) -> Option<KnownCertificate> {
        let known = self.0.known.get(fingerprint)?;
        let active = known.iter().find(|certificate| certificate.status == CertificateStatus::Active);
        active.or_else(|| known.first()).cloned()
    }

    /// The certificate of a fingerprint in every scope that registered it.
    pub fn lookup_all(&self, fingerprint: &[u8; 32]) -> SmallVec<[KnownCertificate; 1]> {
        self.0.known.get(fingerprint).map(|known| known.clone()).unwrap_or_default()
    }

    /// A certificate.
    ///
    /// # Errors
    /// `ResourceNotFound` (PROV-014).
    pub fn describe_certificate(&self, scope: &Scope, id: &str) -> Result<Arc<Certificate>> {
        self.read(scope, |state| certificate(state, id).cloned())
    }

    /// Certificates, newest first unless `ascending` (API-142).
    ///
    /// # Errors
    /// `InvalidRequest` for an unknown marker.
    pub fn list_certificates(
        &self,
        scope: &Scope,
        page: &PageRequest,
        ascending: bool,
    ) -> Result<Page<Arc<Certificate>>> {
        self.read(scope, |state| {
            state.certificates.page("certificates", page, DEFAULT_MARKED, !ascending, |_| true)
        })
    }

    /// Certificates that a CA signed, newest first unless `ascending`; none for an unknown CA (API-142).
    ///
    /// # Errors
    /// `InvalidRequest` for an unknown marker.
    pub fn list_certificates_by_ca(
        &self,
        scope: &Scope,
        ca: &str,
        page: &PageRequest,
        ascending: bool,
    ) -> Result<Page<Arc<Certificate>>> {
        self.read(scope, |state| {
            state.certificates.page("certificates-by-ca", page, DEFAULT_MARKED, !ascending, |certificate| {
                certificate.ca_certificate_id.as_deref() == Some(ca)
            })
        })
    }

    /// Makes a certificate known to the TLS verifier.
    pub(crate) fn remember(&self, scope: &Scope, certificate: &Certificate) {
        remember(&self.0, scope, certificate);
    }
}

/// Stores a new or changed certificate and tells the TLS verifier and the connections.
pub(crate) fn put(state: &mut State, change: &mut Change<'_>, certificate: Certificate) -> Arc<Certificate> {
    let was_active =
        state.certificates.get(&certificate.id).is_some_and(|old| old.status == CertificateStatus::Active);
    if was_active && certificate.status != CertificateStatus::Active {
        change.left_active.push(certificate.id.clone());
    }
    change.decisions = true;
    let certificate = change.put(&mut state.certificates, certificate);
    remember(change.registry, change.scope, &certificate);
    certificate
}

/// Removes a certificate from memory, store and the TLS verifier's map.
pub(crate) fn forget(state: &mut State, change: &mut Change<'_>, id: &CertificateId) {
    let Some(removed) = change.remove(&mut state.certificates, id) else { return };
    if removed.status == CertificateStatus::Active {
        change.left_active.push(id.clone());
    }
    change.decisions = true;
    if let Some(fingerprint) = fingerprint_of(id) {
        if let Some(mut known) = change.registry.known.get_mut(&fingerprint) {
            known.retain(|certificate| certificate.scope != *change.scope);
        }
        change.registry.known.remove_if(&fingerprint, |_, known| known.is_empty());
    }
}

pub(crate) fn certificate<'a>(state: &'a State, id: &str) -> Result<&'a Arc<Certificate>> {
    state
        .certificates
        .get(id)
        .ok_or_else(|| RegistryError::not_found(format!("Certificate {id} does not exist")))
}

/// A new certificate's record.
pub(crate) fn record(
    change: &Change<'_>,
    parsed: &Parsed,
    pem: &str,
    status: CertificateStatus,
    mode: CertificateMode,
    ca: Option<CertificateId>,
) -> Certificate {
    Certificate {
        id: parsed.id.clone(),
        status,
        mode,
        pem: Arc::from(pem),
        ca_certificate_id: ca,
        owned_by: change.scope.account().to_owned(),
        previous_owned_by: None,
        created_at: change.now,
        modified_at: change.now,
        customer_version: 1,
        generation_id: change.uuid(),
        not_before: parsed.not_before,
        not_after: parsed.not_after,
        transfer_data: TransferData::default(),
    }
}

fn remember(registry: &crate::registry::Inner, scope: &Scope, certificate: &Certificate) {
    let Some(fingerprint) = fingerprint_of(&certificate.id) else { return };
    let record = KnownCertificate {
        scope: scope.clone(),
        id: certificate.id.clone(),
        status: certificate.status,
        mode: certificate.mode,
        not_after: certificate.not_after,
    };
    let mut known = registry.known.entry(fingerprint).or_default();
    match known.iter_mut().find(|old| old.scope == *scope) {
        Some(old) => *old = record,
        None => known.push(record),
    }
}

fn fingerprint_of(id: &str) -> Option<[u8; 32]> {
    hex::decode(id).ok()?.try_into().ok()
}
