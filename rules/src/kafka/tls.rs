//! The TLS side of a client's properties: whom it trusts and who it is.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;

use super::KafkaError;
use super::keystore::{Identity, KeyStore};

/// What `ssl.*` holds, keystores as the bytes of their files.
#[derive(Debug, Default)]
pub(crate) struct TlsMaterial<'a> {
    pub(crate) keystore: Option<&'a [u8]>,
    pub(crate) keystore_password: &'a str,
    pub(crate) key_password: &'a str,
    pub(crate) truststore: Option<&'a [u8]>,
    pub(crate) truststore_password: &'a str,
}

impl TlsMaterial<'_> {
    /// A configuration that trusts the truststore, or without one the public CAs and `extra`.
    pub(crate) fn config(
        &self,
        extra: &[CertificateDer<'static>],
    ) -> Result<Arc<rustls::ClientConfig>, KafkaError> {
        let bad = |name: &str, why: String| KafkaError::BadKeystore(format!("`{name}` {why}"));
        let mut roots = rustls::RootCertStore::empty();
        match self.truststore {
            Some(bytes) => {
                let store = KeyStore::read(bytes, self.truststore_password, self.truststore_password);
                let store = store.map_err(|why| bad("ssl.truststore", why))?;
                let (added, _) = roots.add_parsable_certificates(store.certificates);
                if added == 0 {
                    return Err(bad("ssl.truststore", "holds no certificate".to_owned()));
                }
            }
            None => {
                roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
                roots.add_parsable_certificates(extra.iter().cloned());
            }
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| bad("security.protocol", error.to_string()))?
            .with_root_certificates(roots);
        let Some(bytes) = self.keystore else { return Ok(Arc::new(builder.with_no_client_auth())) };
        let key_password =
            if self.key_password.is_empty() { self.keystore_password } else { self.key_password };
        let store = KeyStore::read(bytes, self.keystore_password, key_password);
        let store = store.map_err(|why| bad("ssl.keystore", why))?;
        let Some(Identity { key, chain }) = store.identity else {
            return Err(bad("ssl.keystore", "holds no private key".to_owned()));
        };
        let config = builder.with_client_auth_cert(chain, key);
        config.map(Arc::new).map_err(|error| bad("ssl.keystore", error.to_string()))
    }
}

/// The host of `host:port`, without the brackets of IPv6.
pub(super) fn host(server: &str) -> &str {
    let host = server.rsplit_once(':').map_or(server, |(host, _)| host);
    host.trim_start_matches('[').trim_end_matches(']')
}
