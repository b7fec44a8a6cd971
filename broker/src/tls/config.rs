//! What the server shows to TLS clients: its certificates, versions and application protocols.

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;

/// A server certificate with its key.
#[derive(Debug)]
pub struct ServerCertificate {
    /// The leaf first, then what leads to the root.
    pub chain: Vec<CertificateDer<'static>>,
    /// The leaf's private key: P-256 or RSA.
    pub key: PrivateKeyDer<'static>,
}

impl Clone for ServerCertificate {
    fn clone(&self) -> Self {
        Self { chain: self.chain.clone(), key: self.key.clone_key() }
    }
}

/// Why TLS cannot be offered.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A listener for TLS and no certificate to show.
    #[error("a TLS listener needs at least one server certificate")]
    NoCertificate,
    /// A key the provider does not take.
    #[error("server certificate {index} has a private key that cannot be used: {reason}")]
    BadKey {
        /// Which one, counted from 0.
        index: usize,
        /// The provider's words.
        reason: rustls::Error,
    },
    /// The versions or the provider do not fit together.
    #[error("TLS cannot be configured: {0}")]
    Config(rustls::Error),
}

/// Builds the configuration of a listener: TLS 1.2 and 1.3 (MQTT-028), no resumption (MQTT-029), the first of
/// `certificates` that the client can check.
///
/// Not offering resumption also means that no handshake skips `verifier`.
pub(crate) fn server_config(
    certificates: &[ServerCertificate],
    verifier: Arc<dyn ClientCertVerifier>,
    protocols: &[&[u8]],
) -> Result<Arc<rustls::ServerConfig>, TlsError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let keys = certified_keys(certificates, &provider)?;
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(TlsError::Config)?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(Arc::new(FirstUsable(keys)));
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}

fn certified_keys(
    certificates: &[ServerCertificate],
    provider: &CryptoProvider,
) -> Result<Vec<Arc<CertifiedKey>>, TlsError> {
    if certificates.is_empty() {
        return Err(TlsError::NoCertificate);
    }
    let mut keys = Vec::with_capacity(certificates.len());
    for (index, certificate) in certificates.iter().enumerate() {
        let key = provider
            .key_provider
            .load_private_key(certificate.key.clone_key())
            .map_err(|reason| TlsError::BadKey { index, reason })?;
        keys.push(Arc::new(CertifiedKey::new(certificate.chain.clone(), key)));
    }
    Ok(keys)
}

/// The first certificate whose signature the client understands; else the first, so that the handshake fails with the
/// protocol's own alert.
#[derive(Debug)]
struct FirstUsable(Vec<Arc<CertifiedKey>>);

impl ResolvesServerCert for FirstUsable {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let understood = hello.signature_schemes();
        self.0
            .iter()
            .find(|certified| certified.key.choose_scheme(understood).is_some())
            .or_else(|| self.0.first())
            .cloned()
    }
}
