//! Making and registering certificates.

use std::sync::Arc;

use thingstead_core::{Scope, Timestamp};

use super::{Certificate, CertificateMode, CertificateStatus, put, record};
use crate::ca::CaError;
use crate::change::Change;
use crate::state::State;
use crate::x509::{Parsed, ParsedRequest, pem, unusable};
use crate::{Registry, RegistryError, Result};

/// What `CreateKeysAndCertificate` answers. The private key is nowhere else (API-127).
#[derive(Clone, PartialEq, Eq)]
pub struct CreatedKeysAndCertificate {
    /// The certificate.
    pub certificate: Arc<Certificate>,
    /// `BEGIN PUBLIC KEY`.
    pub public_key: String,
    /// `BEGIN RSA PRIVATE KEY`.
    pub private_key: String,
}

impl std::fmt::Debug for CreatedKeysAndCertificate {
    /// Without the private key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CreatedKeysAndCertificate")
            .field("certificate", &self.certificate)
            .finish_non_exhaustive()
    }
}

/// `RegisterCertificate`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RegisterCertificate {
    /// The certificate.
    pub certificate_pem: String,
    /// The CA that signed it, needed only where several registered CAs have the same subject and key.
    pub ca_certificate_pem: Option<String>,
    /// ACTIVE, INACTIVE (also when absent) or REVOKED (PROV-030).
    pub status: Option<CertificateStatus>,
}

impl Registry {
    /// Makes an RSA-2048 key and a certificate for it (API-127, PROV-023, PROV-024).
    ///
    /// # Errors
    /// `InternalFailure` when the key cannot be made.
    pub async fn create_keys_and_certificate(
        &self,
        scope: &Scope,
        active: bool,
    ) -> Result<CreatedKeysAndCertificate> {
        let issued =
            self.issue(|registry, now| registry.0.settings.ca.issue_with_key(now, &registry.0.ids)).await?;
        let certificate = self.store_issued(scope, &issued.der, active).await?;
        Ok(CreatedKeysAndCertificate {
            certificate,
            public_key: issued.public_key,
            private_key: issued.private_key,
        })
    }

    /// Issues a certificate for a certificate request (API-128, PROV-026 to PROV-028).
    ///
    /// # Errors
    /// `InvalidRequest` for an unusable request.
    pub async fn create_certificate_from_csr(
        &self,
        scope: &Scope,
        csr_pem: &str,
        active: bool,
    ) -> Result<Arc<Certificate>> {
        let request = ParsedRequest::from_pem(csr_pem).map_err(|reason| {
            RegistryError::invalid(format!("The certificate signing request cannot be used: {reason}"))
        })?;
        let der = self
            .issue(move |registry, now| {
                registry.0.settings.ca.issue_for_request(&request, now, &registry.0.ids)
            })
            .await?;
        self.store_issued(scope, &der, active).await
    }

    /// Registers a certificate that a registered, active CA signed (API-132 to API-136, PROV-029 to PROV-035).
    ///
    /// # Errors
    /// `CertificateValidation`, `CertificateConflict`, `ResourceAlreadyExists`, `InvalidRequest`.
    pub async fn register_certificate(
        &self,
        scope: &Scope,
        request: RegisterCertificate,
    ) -> Result<Arc<Certificate>> {
        let parsed = client_certificate(&request.certificate_pem)?;
        let ca =
            request.ca_certificate_pem.as_deref().map(|pem| parse(pem, "caCertificatePem")).transpose()?;
        self.change(scope, |state, change| {
            let status = registered_status(request.status)?;
            refuse_known(state, scope, &parsed)?;
            let signer = crate::ca_certificates::signer_of(state, &parsed, ca.as_ref())?;
            let (mode, signer) = (signer.mode, Some(signer.id.clone()));
            let record = record(change, &parsed, &request.certificate_pem, status, mode, signer);
            Ok(put(state, change, record))
        })
        .await
    }

    /// Registers any certificate without a CA; its clients must send SNI (API-133, PROV-034).
    ///
    /// # Errors
    /// `CertificateValidation`, `ResourceAlreadyExists`, `InvalidRequest`.
    pub async fn register_certificate_without_ca(
        &self,
        scope: &Scope,
        certificate_pem: &str,
        status: Option<CertificateStatus>,
    ) -> Result<Arc<Certificate>> {
        let parsed = client_certificate(certificate_pem)?;
        self.change(scope, |state, change| {
            let status = registered_status(status)?;
            refuse_known(state, scope, &parsed)?;
            let record = record(change, &parsed, certificate_pem, status, CertificateMode::SniOnly, None);
            Ok(put(state, change, record))
        })
        .await
    }

    /// Runs the certificate authority where it may block.
    async fn issue<T: Send + 'static>(
        &self,
        make: impl FnOnce(&Self, Timestamp) -> Result<T, CaError> + Send + 'static,
    ) -> Result<T> {
        let (registry, now) = (self.clone(), self.0.clock.now());
        let made = tokio::task::spawn_blocking(move || make(&registry, now)).await;
        match made {
            Ok(Ok(made)) => Ok(made),
            Ok(Err(error)) => Err(RegistryError::InternalFailure(error.to_string())),
            Err(error) => {
                Err(RegistryError::InternalFailure(format!("issuing a certificate stopped: {error}")))
            }
        }
    }

    async fn store_issued(&self, scope: &Scope, der: &[u8], active: bool) -> Result<Arc<Certificate>> {
        let Some(parsed) = Parsed::from_der(der) else {
            return Err(RegistryError::InternalFailure("the issued certificate cannot be read".to_owned()));
        };
        let text = pem("CERTIFICATE", der);
        let status = if active { CertificateStatus::Active } else { CertificateStatus::Inactive };
        self.change(scope, |state, change: &mut Change<'_>| {
            let record = record(change, &parsed, &text, status, CertificateMode::Default, None);
            Ok(put(state, change, record))
        })
        .await
    }
}

fn parse(pem: &str, member: &str) -> Result<Parsed> {
    Parsed::from_pem(pem).ok_or_else(|| {
        RegistryError::CertificateValidation(format!("{member} is no PEM text with an X.509 certificate"))
    })
}

/// A certificate that a client may use (AUTH-044, AUTH-045).
fn client_certificate(pem: &str) -> Result<Parsed> {
    let parsed = parse(pem, "certificatePem")?;
    match unusable(&parsed.der) {
        None => Ok(parsed),
        Some(why) => {
            Err(RegistryError::CertificateValidation(format!("The certificate in certificatePem {why}")))
        }
    }
}

fn registered_status(status: Option<CertificateStatus>) -> Result<CertificateStatus> {
    match status.unwrap_or(CertificateStatus::Inactive) {
        status @ (CertificateStatus::Active | CertificateStatus::Inactive | CertificateStatus::Revoked) => {
            Ok(status)
        }
        other => Err(RegistryError::invalid(format!(
            "A certificate cannot be registered with status {other}; expected ACTIVE, INACTIVE or REVOKED"
        ))),
    }
}

fn refuse_known(state: &State, scope: &Scope, parsed: &Parsed) -> Result<()> {
    match state.certificates.get(&parsed.id) {
        None => Ok(()),
        Some(known) => Err(RegistryError::exists(
            "The certificate is already provisioned or registered",
            &known.id,
            known.arn(scope).to_string(),
        )),
    }
}
