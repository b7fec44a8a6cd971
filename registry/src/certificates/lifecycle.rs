//! From status to status, and deletion.

use thingstead_core::Scope;

use super::{Certificate, CertificateStatus, certificate, forget, put};
use crate::attachments::ATTACHMENTS;
use crate::{Registry, RegistryError, Result, Target};

impl Registry {
    /// Changes a certificate's status; connections of a certificate that leaves ACTIVE are closed at once (API-138, API-139,
    /// PROV-006 to PROV-010, AUTH-046, AUTH-047).
    ///
    /// # Errors
    /// `ResourceNotFound`; `InvalidRequest` for a status that cannot be set; `CertificateState` for a revoked certificate or
    /// one that is being transferred.
    pub async fn update_certificate(&self, scope: &Scope, id: &str, status: CertificateStatus) -> Result<()> {
        self.change(scope, |state, change| {
            let current = certificate(state, id)?;
            match status {
                CertificateStatus::Active | CertificateStatus::Inactive | CertificateStatus::Revoked => {}
                other => {
                    return Err(RegistryError::invalid(format!(
                        "The certificate status {other} cannot be set; expected ACTIVE, INACTIVE or REVOKED"
                    )));
                }
            }
            if current.status == status {
                return Ok(());
            }
            if matches!(current.status, CertificateStatus::Revoked | CertificateStatus::PendingTransfer) {
                return Err(RegistryError::CertificateState(format!(
                    "Certificate cannot be set to {status} while it is {}. Id: {id}",
                    current.status
                )));
            }
            let changed = Certificate { status, modified_at: change.now, ..Certificate::clone(current) };
            put(state, change, changed);
            Ok(())
        })
        .await
    }

    /// Deletes a certificate that is not active and not attached; `force` detaches policies first (API-140, API-141,
    /// PROV-011 to PROV-014, POLICY-076).
    ///
    /// # Errors
    /// `ResourceNotFound`, `CertificateState`, `DeleteConflict`.
    pub async fn delete_certificate(&self, scope: &Scope, id: &str, force: bool) -> Result<()> {
        self.change(scope, |state, change| {
            let current = certificate(state, id)?;
            let arn = current.arn(scope);
            match current.status {
                CertificateStatus::Active => {
                    return Err(RegistryError::CertificateState(format!(
                        "Certificate must be deactivated (not ACTIVE) before deletion. Id: {id}"
                    )));
                }
                CertificateStatus::PendingTransfer => {
                    return Err(RegistryError::CertificateState(format!(
                        "Certificate is pending transfer and cannot be deleted. Id: {id}"
                    )));
                }
                _ => {}
            }
            let certificate_id = current.id.clone();
            let key = Target::Certificate(certificate_id.clone()).key();
            if state.principals.count_lefts(&key) > 0 {
                return Err(RegistryError::DeleteConflict(format!(
                    "Things must be detached before deletion (arn: {arn})"
                )));
            }
            let policies: Vec<_> = state.attachments.lefts_of(&key).cloned().collect();
            if !policies.is_empty() && !force {
                return Err(RegistryError::DeleteConflict(format!(
                    "Certificate policies must be detached before deletion (arn: {arn})"
                )));
            }
            for policy in policies {
                change.part(ATTACHMENTS, &mut state.attachments, &policy, &key);
            }
            forget(state, change, &certificate_id);
            Ok(())
        })
        .await
    }
}
