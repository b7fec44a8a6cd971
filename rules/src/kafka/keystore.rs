//! Keystores of Java programs: JKS, and PKCS #12 as keytool and openssl write it today.

mod der;
mod jks;
mod pkcs12;

use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// What a keystore file holds.
#[derive(Debug, Default)]
pub(super) struct KeyStore {
    /// Every certificate that stands for itself or in a chain.
    pub(super) certificates: Vec<CertificateDer<'static>>,
    /// The first private key and its chain, the leaf first.
    pub(super) identity: Option<Identity>,
}

/// A private key and the certificates that prove it.
#[derive(Debug)]
pub(super) struct Identity {
    pub(super) key: PrivateKeyDer<'static>,
    pub(super) chain: Vec<CertificateDer<'static>>,
}

impl KeyStore {
    /// Reads a file; an error is the end of a sentence that begins with the property's name.
    pub(super) fn read(bytes: &[u8], password: &str, key_password: &str) -> Result<Self, String> {
        if jks::is_jks(bytes) {
            return jks::read(bytes, password, key_password);
        }
        pkcs12::read(bytes, password)
    }
}

#[cfg(test)]
mod tests;
