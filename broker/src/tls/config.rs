//! What the server shows to TLS clients: its certificates, versions and application protocols.

use std::sync::Arc;

use rustls::SupportedProtocolVersion;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{ClientHello, ResolvesServerCert, StoresServerSessions};
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

/// One way to shake hands.
pub(crate) struct Manner<'a> {
    /// The first that the client can check is shown.
    pub(crate) certificates: &'a [ServerCertificate],
    /// Which versions are spoken (MQTT-028, AUTH-012, AUTH-274).
    pub(crate) versions: &'a [&'static SupportedProtocolVersion],
    /// Who is asked about client certificates; `None` asks for no certificate.
    pub(crate) verifier: Option<Arc<dyn ClientCertVerifier>>,
    /// The application protocols.
    pub(crate) protocols: &'a [&'a [u8]],
    /// The sessions that may be resumed.
    pub(crate) sessions: Arc<dyn StoresServerSessions>,
}

/// Builds the configuration. A resumed handshake skips the verifier: whoever uses the connection has to judge its certificate.
pub(crate) fn server_config(manner: Manner<'_>) -> Result<Arc<rustls::ServerConfig>, TlsError> {
    let provider = Arc::new(provider());
    let keys = certified_keys(manner.certificates, &provider)?;
    let builder = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(manner.versions)
        .map_err(TlsError::Config)?;
    let builder = match manner.verifier {
        Some(verifier) => builder.with_client_cert_verifier(verifier),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_cert_resolver(Arc::new(FirstUsable(keys)));
    config.alpn_protocols = manner.protocols.iter().map(|protocol| protocol.to_vec()).collect();
    config.session_storage = manner.sessions;
    // One pre-shared key for each handshake with TLS 1.3; there is no ticketer, so it names a session kept here.
    config.send_tls13_tickets = 1;
    config.max_early_data_size = 0;
    config.ignore_client_order = true;
    Ok(Arc::new(config))
}

/// Suites with AES-128 and SHA-256 come first: hashing with SHA-384 alone would be a tenth of a handshake, because few
/// processors have instructions for it.
fn provider() -> CryptoProvider {
    use rustls::CipherSuite::{
        TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        TLS13_AES_128_GCM_SHA256,
    };
    let mut provider = aws_lc_rs::default_provider();
    provider.cipher_suites.sort_by_key(|suite| {
        !matches!(
            suite.suite(),
            TLS13_AES_128_GCM_SHA256
                | TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
                | TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
        )
    });
    provider
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
