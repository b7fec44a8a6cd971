//! Just-in-time registration: a certificate registers itself by connecting (provisioning.md 4).

use serde_json::json;
use thingstead_core::{CertificateId, Scope};

use crate::ca_certificates::signers;
use crate::certificates::{CertificateStatus, KnownCertificate, put, record};
use crate::x509::{Parsed, pem, unusable};
use crate::{Named, Registry, RegistryError};

impl Registry {
    /// A certificate was presented in a TLS handshake: as [`Registry::lookup`], and what follows from being presented.
    ///
    /// An unknown certificate that an active CA with auto registration signed is registered as PENDING_ACTIVATION; that, and
    /// every later contact while it is pending, is told on `$aws/events/certificates/registered/CA` (PROV-052 to PROV-062,
    /// API-155, AUTH-034 to AUTH-038). Either way only an active certificate may connect. Never waits: callable from the
    /// TLS verifier.
    pub fn presented(&self, fingerprint: &[u8; 32], der: &[u8]) -> Option<KnownCertificate> {
        self.presented_at(fingerprint, der, &Named::Default)
    }

    /// The same at an endpoint, which may choose the account (AUTH-040). Where it does not, and the CAs of several accounts have
    /// signed the certificate, it is registered in none.
    pub fn presented_at(
        &self,
        fingerprint: &[u8; 32],
        der: &[u8],
        endpoint: &Named,
    ) -> Option<KnownCertificate> {
        let known = match self.lookup_at(fingerprint, endpoint) {
            Some(known) => known,
            None => self.register_by_contact(fingerprint, der, endpoint)?,
        };
        if known.status == CertificateStatus::PendingActivation {
            self.tell_pending(&known);
        }
        Some(known)
    }

    /// As [`Registry::lookup`] among the scopes that an endpoint chooses.
    fn lookup_at(&self, fingerprint: &[u8; 32], endpoint: &Named) -> Option<KnownCertificate> {
        let known = self.lookup_all(fingerprint);
        let mut meant = known.into_iter().filter(|certificate| endpoint.selects(&certificate.scope));
        let first = meant.next()?;
        let active = |certificate: &KnownCertificate| certificate.status == CertificateStatus::Active;
        if active(&first) { Some(first) } else { meant.find(active).or(Some(first)) }
    }

    fn register_by_contact(
        &self,
        fingerprint: &[u8; 32],
        der: &[u8],
        endpoint: &Named,
    ) -> Option<KnownCertificate> {
        let scopes: Vec<Scope> =
            self.scopes_where(|state| state.ca_certificates.iter().any(|ca| ca.auto_registration));
        if scopes.is_empty() {
            return None;
        }
        let parsed = Parsed::from_der(der).filter(|parsed| unusable(&parsed.der).is_none())?;
        let signed_in = |scope: &Scope| {
            self.read(scope, |state| signers(state, &parsed, None).iter().any(|ca| ca.auto_registration))
        };
        let mut scopes: Vec<Scope> =
            scopes.into_iter().filter(|scope| endpoint.selects(scope)).filter(signed_in).collect();
        if scopes.len() > 1 {
            scopes.sort();
            let accounts: Vec<&str> = scopes.iter().map(Scope::account).collect();
            tracing::info!(certificate = %parsed.id, ?accounts, "several accounts have the CA of an unknown certificate, and the host name chooses none of them");
            return None;
        }
        let text = pem("CERTIFICATE", der);
        for scope in scopes {
            // Not waited for: should the row be lost, the next contact registers it again.
            let registered = self.change_at_once(&scope, |state, change| {
                let signer = signers(state, &parsed, None).into_iter().find(|ca| ca.auto_registration);
                let Some((id, mode)) = signer.map(|ca| (ca.id.clone(), ca.mode)) else {
                    return Err(RegistryError::not_found(
                        "no CA with auto registration signed the certificate",
                    ));
                };
                if state.certificates.contains(&parsed.id) {
                    // Somebody registered it since it was looked up.
                    return Ok(());
                }
                let status = CertificateStatus::PendingActivation;
                let record = record(change, &parsed, &text, status, mode, Some(id));
                put(state, change, record);
                Ok(())
            });
            if let Ok(registered) = registered {
                self.let_go(registered);
                return self.lookup_at(fingerprint, endpoint);
            }
        }
        None
    }

    /// PROV-055 to PROV-057, PROV-059, AUTH-036.
    fn tell_pending(&self, known: &KnownCertificate) {
        let certificate = self.read(&known.scope, |state| state.certificates.get(&known.id).cloned());
        let Some((certificate, ca)) =
            certificate.and_then(|c| Some((c.clone(), c.ca_certificate_id.clone()?)))
        else {
            return;
        };
        let payload = json!({
            "certificateId": certificate.id,
            "caCertificateId": ca,
            "timestamp": self.0.clock.now().as_millis(),
            "certificateStatus": certificate.status.name(),
            "awsAccountId": known.scope.account(),
            "certificateRegistrationTimestamp": certificate.created_at.as_millis().to_string(),
        });
        self.publish(&known.scope, vec![(registered_topic(&ca), payload)]);
    }
}

fn registered_topic(ca: &CertificateId) -> String {
    format!("$aws/events/certificates/registered/{ca}")
}
