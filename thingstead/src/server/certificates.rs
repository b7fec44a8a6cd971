//! The registry's certificates, as the broker's doors ask for them.

use thingstead_broker::{ClientCertificates, Standing};
use thingstead_core::CertificateId;
use thingstead_registry::{CertificateStatus, Registry};

/// Client certificates are looked up in the registry's memory.
pub(super) struct Registered(pub(super) Registry);

impl ClientCertificates for Registered {
    fn standing(&self, id: &CertificateId) -> Option<Standing> {
        let mut fingerprint = [0u8; 32];
        hex::decode_to_slice(id.as_str(), &mut fingerprint).ok()?;
        let known = self.0.lookup(&fingerprint)?;
        Some(Standing {
            active: known.status == CertificateStatus::Active,
            status: known.status.name(),
            scope: known.scope,
        })
    }

    fn refused(&self, id: &CertificateId, leaf: &[u8]) {
        let mut fingerprint = [0u8; 32];
        if hex::decode_to_slice(id.as_str(), &mut fingerprint).is_ok() {
            self.0.presented(&fingerprint, leaf);
        }
    }
}
