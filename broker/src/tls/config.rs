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

/// A server certificate that can sign. Reading an RSA key means checking it, a third of a millisecond, so it is done once for all doors.
#[derive(Debug)]
pub(crate) struct Credential {
    /// As it was given, for certificates of other names with the same key.
    pub(crate) key: PrivateKeyDer<'static>,
    /// What handshakes use.
    pub(crate) certified: Arc<CertifiedKey>,
}

/// One way to shake hands.
pub(crate) struct Manner<'a> {
    /// The first that the client can check is shown.
    pub(crate) certificates: Vec<Arc<CertifiedKey>>,
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
    let builder = rustls::ServerConfig::builder_with_provider(Arc::new(provider()))
        .with_protocol_versions(manner.versions)
        .map_err(TlsError::Config)?;
    let builder = match manner.verifier {
        Some(verifier) => builder.with_client_cert_verifier(verifier),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_cert_resolver(Arc::new(FirstUsable(manner.certificates)));
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

impl Credential {
    /// Reads the keys.
    ///
    /// # Errors
    /// There is none, or one that the provider does not take.
    pub(crate) fn read(certificates: &[ServerCertificate]) -> Result<Arc<[Self]>, TlsError> {
        if certificates.is_empty() {
            return Err(TlsError::NoCertificate);
        }
        let keys = aws_lc_rs::default_provider().key_provider;
        let read = |(index, certificate): (usize, &ServerCertificate)| {
            let key = keys
                .load_private_key(certificate.key.clone_key())
                .map_err(|reason| TlsError::BadKey { index, reason })?;
            let certified = Arc::new(CertifiedKey::new(certificate.chain.clone(), key));
            Ok(Self { key: certificate.key.clone_key(), certified })
        };
        certificates.iter().enumerate().map(read).collect()
    }

    /// Another certificate for the same key.
    pub(crate) fn with_chain(&self, chain: Vec<CertificateDer<'static>>) -> Arc<CertifiedKey> {
        Arc::new(CertifiedKey::new(chain, Arc::clone(&self.certified.key)))
    }
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
