//! CA certificates and the registration code (api.md 4.5, provisioning.md 3).

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thingstead_core::{Arn, CertificateId, Scope, Timestamp};
use thingstead_store::Table;

use crate::certificates::{CertificateMode, CertificateStatus};
use crate::collection::Resource;
use crate::page::{DEFAULT_MARKED, Page, PageRequest};
use crate::state::State;
use crate::x509::{Parsed, is_signed_by};
use crate::{Registry, RegistryError, Result, tags};

/// A registered CA certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CaCertificate {
    /// The SHA-256 of the DER form (PROV-043).
    #[serde(rename = "certificateId")]
    pub id: CertificateId,
    /// ACTIVE or INACTIVE.
    pub status: CertificateStatus,
    /// Whether its owner proved to have the key.
    #[serde(rename = "certificateMode")]
    pub mode: CertificateMode,
    /// As it was given.
    #[serde(rename = "certificatePem")]
    pub pem: Arc<str>,
    /// The account.
    pub owned_by: String,
    /// When it was registered.
    #[serde(rename = "creationDate")]
    pub created_at: Timestamp,
    /// When it was last changed.
    #[serde(rename = "lastModifiedDate")]
    pub modified_at: Timestamp,
    /// Counted up from 1.
    pub customer_version: i64,
    /// A UUID of this version.
    pub generation_id: String,
    /// Begin of its validity.
    pub not_before: Timestamp,
    /// End of its validity.
    pub not_after: Timestamp,
    /// Whether unknown certificates it signed are registered by their first connection (PROV-052).
    pub auto_registration: bool,
    /// The template of just-in-time provisioning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registration_config: Option<RegistrationConfig>,
}

/// `registrationConfig` (PROV-048).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RegistrationConfig {
    /// A template in place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template_body: Option<String>,
    /// The role that provisions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_arn: Option<String>,
    /// A named template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template_name: Option<String>,
}

impl CaCertificate {
    /// Its ARN (API-059).
    pub fn arn(&self, scope: &Scope) -> Arn {
        Arn::iot(scope, format!("cacert/{}", self.id))
    }
}

impl Resource for CaCertificate {
    const TABLE: Table = Table::new("ca_certificates");

    fn key(&self) -> &str {
        &self.id
    }
}

/// `RegisterCACertificate`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RegisterCaCertificate {
    /// The CA.
    pub ca_certificate: String,
    /// Signed by the CA, with the registration code as common name.
    pub verification_certificate: Option<String>,
    /// ACTIVE from the beginning.
    pub active: bool,
    /// Registers what it signed by the first connection.
    pub auto_registration: bool,
    /// For just-in-time provisioning.
    pub registration_config: Option<RegistrationConfig>,
    /// Tags to begin with.
    pub tags: Vec<(String, String)>,
    /// Registers without verification.
    pub sni_only: bool,
}

/// `UpdateCACertificate`; `None` leaves a member.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UpdateCaCertificate {
    /// ACTIVE or INACTIVE.
    pub status: Option<CertificateStatus>,
    /// ENABLE or DISABLE.
    pub auto_registration: Option<bool>,
    /// The new configuration.
    pub registration_config: Option<RegistrationConfig>,
    /// Drops the configuration.
    pub remove_auto_registration: bool,
}

impl Registry {
    /// The registration code: 64 hex digits, the same until it is deleted (API-144, PROV-036).
    ///
    /// # Errors
    /// `InternalFailure`.
    pub async fn get_registration_code(&self, scope: &Scope) -> Result<String> {
        self.change(scope, |state, change| {
            if let Some(code) = &state.registration_code {
                return Ok(code.clone());
            }
            let code = change.registry.ids.hex(32);
            change.batch.put(REGISTRATION_CODE, scope, CODE_KEY, code.clone());
            state.registration_code = Some(code.clone());
            Ok(code)
        })
        .await
    }

    /// Deletes the registration code (API-145).
    ///
    /// # Errors
    /// `ResourceNotFound` when there is none.
    pub async fn delete_registration_code(&self, scope: &Scope) -> Result<()> {
        self.change(scope, |state, change| {
            if state.registration_code.take().is_none() {
                return Err(RegistryError::not_found("There is no registration code"));
            }
            change.batch.delete(REGISTRATION_CODE, scope, CODE_KEY);
            Ok(())
        })
        .await
    }

    /// Registers a CA certificate (API-146 to API-150, PROV-037 to PROV-045).
    ///
    /// # Errors
    /// `RegistrationCodeValidation`, `CertificateValidation`, `InvalidRequest`, `ResourceAlreadyExists`, `LimitExceeded`.
    pub async fn register_ca_certificate(
        &self,
        scope: &Scope,
        request: RegisterCaCertificate,
    ) -> Result<Arc<CaCertificate>> {
        let parsed = Parsed::from_pem(&request.ca_certificate).ok_or_else(|| {
            RegistryError::CertificateValidation(
                "caCertificate is no PEM text with an X.509 certificate".to_owned(),
            )
        })?;
        self.change(scope, move |state, change| {
            verify(state, &parsed, &request)?;
            check_config(request.registration_config.as_ref())?;
            if let Some(found) = state.ca_certificates.get(&parsed.id) {
                return Err(RegistryError::exists(
                    "The CA certificate is already registered",
                    &found.id,
                    found.arn(scope).to_string(),
                ));
            }
            let same_subject =
                state.ca_certificates.iter().filter(|ca| subject_of(ca) == parsed.subject).count();
            if change.limited() && same_subject >= MOST_WITH_SUBJECT {
                return Err(RegistryError::LimitExceeded(format!(
                    "At most {MOST_WITH_SUBJECT} CA certificates with the same subject can be registered"
                )));
            }
            let mode = if request.sni_only { CertificateMode::SniOnly } else { CertificateMode::Default };
            let status = if request.active { CertificateStatus::Active } else { CertificateStatus::Inactive };
            let ca = CaCertificate {
                id: parsed.id.clone(),
                status,
                mode,
                pem: Arc::from(request.ca_certificate.as_str()),
                owned_by: scope.account().to_owned(),
                created_at: change.now,
                modified_at: change.now,
                customer_version: 1,
                generation_id: change.uuid(),
                not_before: parsed.not_before,
                not_after: parsed.not_after,
                auto_registration: request.auto_registration,
                registration_config: request.registration_config.clone(),
            };
            tags::add(state, change, &ca.arn(scope).to_string(), &request.tags)?;
            Ok(change.put(&mut state.ca_certificates, ca))
        })
        .await
    }

    /// A CA certificate.
    ///
    /// # Errors
    /// `ResourceNotFound` (API-151).
    pub fn describe_ca_certificate(&self, scope: &Scope, id: &str) -> Result<Arc<CaCertificate>> {
        self.read(scope, |state| ca_certificate(state, id).cloned())
    }

    /// CA certificates, newest first unless `ascending`, those of a template if one is named (API-154).
    ///
    /// # Errors
    /// `InvalidRequest` for an unknown marker.
    pub fn list_ca_certificates(
        &self,
        scope: &Scope,
        template: Option<&str>,
        page: &PageRequest,
        ascending: bool,
    ) -> Result<Page<Arc<CaCertificate>>> {
        self.read(scope, |state| {
            state.ca_certificates.page("ca-certificates", page, DEFAULT_MARKED, !ascending, |ca| {
                let named =
                    ca.registration_config.as_ref().and_then(|config| config.template_name.as_deref());
                template.is_none_or(|template| named == Some(template))
            })
        })
    }

    /// Changes a CA certificate (API-152, PROV-047).
    ///
    /// # Errors
    /// `ResourceNotFound`, `InvalidRequest`.
    pub async fn update_ca_certificate(
        &self,
        scope: &Scope,
        id: &str,
        request: UpdateCaCertificate,
    ) -> Result<()> {
        self.change(scope, |state, change| {
            let current = ca_certificate(state, id)?;
            let status = match request.status {
                None => current.status,
                Some(status @ (CertificateStatus::Active | CertificateStatus::Inactive)) => status,
                Some(other) => {
                    return Err(RegistryError::invalid(format!(
                        "The CA certificate status {other} cannot be set; expected ACTIVE or INACTIVE"
                    )));
                }
            };
            // Terraform repeats what is set already.
            let enables = request.auto_registration == Some(true) && !current.auto_registration;
            if enables && status != CertificateStatus::Active {
                return Err(RegistryError::invalid(
                    "Auto registration can only be enabled for an ACTIVE CA certificate",
                ));
            }
            check_config(request.registration_config.as_ref())?;
            let registration_config = if request.remove_auto_registration {
                None
            } else {
                request.registration_config.or_else(|| current.registration_config.clone())
            };
            let changed = CaCertificate {
                status,
                auto_registration: request.auto_registration.unwrap_or(current.auto_registration),
                registration_config,
                modified_at: change.now,
                customer_version: current.customer_version + 1,
                generation_id: change.uuid(),
                ..CaCertificate::clone(current)
            };
            change.put(&mut state.ca_certificates, changed);
            Ok(())
        })
        .await
    }

    /// Deletes a CA certificate that is not active; what it signed stays (API-153, PROV-049).
    ///
    /// # Errors
    /// `ResourceNotFound`, `CertificateState`.
    pub async fn delete_ca_certificate(&self, scope: &Scope, id: &str) -> Result<()> {
        self.change(scope, |state, change| {
            let current = ca_certificate(state, id)?;
            if current.status == CertificateStatus::Active {
                return Err(RegistryError::CertificateState(format!(
                    "CA certificate must be deactivated (not ACTIVE) before deletion. Id: {id}"
                )));
            }
            let arn = current.arn(scope).to_string();
            tags::forget(state, change, &arn);
            change.remove(&mut state.ca_certificates, id);
            Ok(())
        })
        .await
    }
}

/// The active CA that signed a certificate (API-132, PROV-029 to PROV-032, PROV-046).
pub(crate) fn signer_of<'a>(
    state: &'a State,
    certificate: &Parsed,
    named: Option<&Parsed>,
) -> Result<&'a Arc<CaCertificate>> {
    let candidates = signers(state, certificate, named);
    match candidates.as_slice() {
        [] => Err(RegistryError::CertificateValidation(
            "The certificate was not signed by a registered, active CA certificate".to_owned(),
        )),
        [one] => Ok(one),
        _ => Err(RegistryError::CertificateConflict(
            "Several registered CA certificates have signed the certificate: give caCertificatePem"
                .to_owned(),
        )),
    }
}

/// The active CAs whose subject and key fit.
pub(crate) fn signers<'a>(
    state: &'a State,
    certificate: &Parsed,
    named: Option<&Parsed>,
) -> Vec<&'a Arc<CaCertificate>> {
    let active = state.ca_certificates.iter().filter(|ca| ca.status == CertificateStatus::Active);
    let wanted = active.filter(|ca| named.is_none_or(|named| named.id == ca.id));
    wanted
        .filter(|ca| {
            Parsed::from_pem(&ca.pem).is_some_and(|ca| {
                ca.subject == certificate.issuer && is_signed_by(&certificate.der, &ca.public_key)
            })
        })
        .collect()
}

fn verify(state: &State, ca: &Parsed, request: &RegisterCaCertificate) -> Result<()> {
    let verification = match (&request.verification_certificate, request.sni_only) {
        (None, true) => return Ok(()),
        (Some(_), true) => {
            return Err(RegistryError::invalid(
                "A verification certificate cannot be given for certificateMode SNI_ONLY",
            ));
        }
        (None, false) => {
            return Err(RegistryError::invalid(
                "verificationCertificate is required for certificateMode DEFAULT",
            ));
        }
        (Some(pem), false) => Parsed::from_pem(pem).ok_or_else(|| {
            RegistryError::CertificateValidation(
                "verificationCertificate is no PEM text with an X.509 certificate".to_owned(),
            )
        })?,
    };
    if verification.issuer != ca.subject || !is_signed_by(&verification.der, &ca.public_key) {
        return Err(RegistryError::CertificateValidation(
            "The verification certificate was not signed by the CA certificate".to_owned(),
        ));
    }
    let proven = state.registration_code.is_some() && verification.common_name == state.registration_code;
    if !proven {
        return Err(RegistryError::RegistrationCodeValidation(
            "The common name of the verification certificate is not the registration code".to_owned(),
        ));
    }
    Ok(())
}

/// Either a body with its role, or a name (PROV-048).
fn check_config(config: Option<&RegistrationConfig>) -> Result<()> {
    let Some(config) = config else { return Ok(()) };
    match (&config.template_body, &config.template_name) {
        (Some(_), Some(_)) => {
            Err(RegistryError::invalid("registrationConfig can have templateBody or templateName, not both"))
        }
        (Some(_), None) if config.role_arn.is_none() => {
            Err(RegistryError::invalid("registrationConfig with templateBody needs roleArn"))
        }
        (None, Some(name)) => {
            Err(RegistryError::not_found(format!("Provisioning template {name} does not exist")))
        }
        _ => Ok(()),
    }
}

fn ca_certificate<'a>(state: &'a State, id: &str) -> Result<&'a Arc<CaCertificate>> {
    state
        .ca_certificates
        .get(id)
        .ok_or_else(|| RegistryError::not_found(format!("CA certificate {id} does not exist")))
}

fn subject_of(ca: &CaCertificate) -> Vec<u8> {
    Parsed::from_pem(&ca.pem).map(|parsed| parsed.subject).unwrap_or_default()
}

const MOST_WITH_SUBJECT: usize = 10;
/// One row a scope.
pub(crate) const REGISTRATION_CODE: Table = Table::new("registration_codes");
const CODE_KEY: &str = "code";
