//! Handing a certificate to another account of the Region (API-143, PROV-022).

use std::sync::Arc;

use thingstead_core::Scope;

use super::{Certificate, CertificateStatus, TransferData, certificate, forget, put};
use crate::change::Change;
use crate::page::{DEFAULT_MARKED, Page, PageRequest};
use crate::thing_principals::THING_PRINCIPALS;
use crate::{Registry, RegistryError, Result, Target};

impl Registry {
    /// Offers an inactive certificate without policies to another account.
    ///
    /// # Errors
    /// `ResourceNotFound`, `CertificateState` unless it is inactive, `TransferConflict` while policies are attached,
    /// `InvalidRequest` for an account that is none or one's own.
    pub async fn transfer_certificate(
        &self,
        scope: &Scope,
        id: &str,
        target_account: &str,
        message: Option<String>,
    ) -> Result<Arc<Certificate>> {
        self.change(scope, |state, change| {
            let current = certificate(state, id)?;
            if !Scope::is_account_id(target_account) || target_account == scope.account() {
                return Err(RegistryError::invalid(format!(
                    "`{target_account}` cannot be given a certificate; expected the 12 digits of another account"
                )));
            }
            if current.status != CertificateStatus::Inactive {
                return Err(RegistryError::CertificateState(format!(
                    "Certificate must be INACTIVE to be transferred, it is {}. Id: {id}",
                    current.status
                )));
            }
            if state.attachments.count_lefts(&Target::Certificate(current.id.clone()).key()) > 0 {
                return Err(RegistryError::TransferConflict(format!(
                    "Certificate policies must be detached before transfer (arn: {})",
                    current.arn(scope)
                )));
            }
            let offered = Certificate {
                status: CertificateStatus::PendingTransfer,
                modified_at: change.now,
                transfer_data: TransferData {
                    target_account: Some(target_account.to_owned()),
                    transfer_message: message,
                    transfer_date: Some(change.now),
                    ..TransferData::default()
                },
                ..Certificate::clone(current)
            };
            Ok(put(state, change, offered))
        })
        .await
    }

    /// Takes a certificate that was offered to this account.
    ///
    /// # Errors
    /// `ResourceNotFound` when nothing is offered, `TransferAlreadyCompleted` when it is this account's already.
    pub async fn accept_certificate_transfer(&self, scope: &Scope, id: &str, active: bool) -> Result<()> {
        let giver = self.giver(scope, id)?;
        let offered = self.describe_certificate(&giver, id)?;
        // First into the new account, then out of the old one: a crash in between loses nothing.
        self.change(scope, |state, change| {
            if state.certificates.contains(id) {
                return Err(already_completed(id));
            }
            let status = if active { CertificateStatus::Active } else { CertificateStatus::Inactive };
            let accepted = Certificate {
                status,
                owned_by: scope.account().to_owned(),
                previous_owned_by: Some(giver.account().to_owned()),
                ca_certificate_id: None,
                created_at: change.now,
                modified_at: change.now,
                transfer_data: TransferData {
                    accept_date: Some(change.now),
                    target_account: None,
                    ..offered.transfer_data.clone()
                },
                ..Certificate::clone(&offered)
            };
            put(state, change, accepted);
            Ok(())
        })
        .await?;
        self.change(&giver, |state, change| {
            let key = Target::Certificate(offered.id.clone()).key();
            let things: Vec<Arc<str>> = state.principals.lefts_of(&key).cloned().collect();
            for thing in things {
                change.part(THING_PRINCIPALS, &mut state.principals, &thing, &key);
            }
            forget(state, change, &offered.id);
            Ok(())
        })
        .await
    }

    /// Refuses a certificate that was offered to this account; it becomes inactive where it is.
    ///
    /// # Errors
    /// `ResourceNotFound` when nothing is offered, `TransferAlreadyCompleted` when it was accepted.
    pub async fn reject_certificate_transfer(
        &self,
        scope: &Scope,
        id: &str,
        reason: Option<String>,
    ) -> Result<()> {
        let giver = self.giver(scope, id)?;
        self.change(&giver, |state, change| {
            let current = certificate(state, id)?;
            let transfer_data = TransferData {
                reject_reason: reason,
                reject_date: Some(change.now),
                target_account: None,
                ..current.transfer_data.clone()
            };
            let back = back(current, transfer_data, change);
            put(state, change, back);
            Ok(())
        })
        .await
    }

    /// Takes an offer back; the certificate is inactive again.
    ///
    /// # Errors
    /// `ResourceNotFound`; `TransferAlreadyCompleted` when it is not being transferred.
    pub async fn cancel_certificate_transfer(&self, scope: &Scope, id: &str) -> Result<()> {
        self.change(scope, |state, change| {
            let current = certificate(state, id)?;
            if current.status != CertificateStatus::PendingTransfer {
                return Err(already_completed(id));
            }
            let back = back(current, TransferData::default(), change);
            put(state, change, back);
            Ok(())
        })
        .await
    }

    /// The certificates that are offered to other accounts, newest first unless `ascending`.
    ///
    /// # Errors
    /// `InvalidRequest` for an unknown marker.
    pub fn list_outgoing_certificates(
        &self,
        scope: &Scope,
        page: &PageRequest,
        ascending: bool,
    ) -> Result<Page<Arc<Certificate>>> {
        self.read(scope, |state| {
            state.certificates.page(
                "outgoing-certificates",
                page,
                DEFAULT_MARKED,
                !ascending,
                |certificate| certificate.status == CertificateStatus::PendingTransfer,
            )
        })
    }

    /// Who offers the certificate to this account.
    fn giver(&self, scope: &Scope, id: &str) -> Result<Scope> {
        let offers = self.scopes_where(|state| {
            state.certificates.get(id).is_some_and(|certificate| {
                certificate.status == CertificateStatus::PendingTransfer
                    && certificate.transfer_data.target_account.as_deref() == Some(scope.account())
            })
        });
        match offers.into_iter().find(|giver| giver.region() == scope.region()) {
            Some(giver) => Ok(giver),
            None if self.read(scope, |state| state.certificates.contains(id)) => Err(already_completed(id)),
            None => Err(RegistryError::not_found(format!("No transfer of certificate {id} is pending"))),
        }
    }
}

fn back(current: &Certificate, transfer_data: TransferData, change: &Change<'_>) -> Certificate {
    let status = CertificateStatus::Inactive;
    Certificate { status, modified_at: change.now, transfer_data, ..current.clone() }
}

fn already_completed(id: &str) -> RegistryError {
    RegistryError::TransferAlreadyCompleted(format!(
        "The certificate is not being transferred: the transfer was completed, cancelled or refused. Id: {id}"
    ))
}
