//! TLS of the API port, which asks for no client certificate, and the certificates that rule actions trust.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use thingstead_registry::ServerCertificate;

use super::StartError;

/// The configuration of the API port.
pub(super) fn api_config(certificate: &ServerCertificate) -> Result<Arc<ServerConfig>, StartError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| {
            builder
                .with_no_client_auth()
                .with_single_cert(certificate.chain.clone(), certificate.key.clone_key())
        })
        .map_err(|error| StartError::part("TLS on the API port", error))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// The roots of the setting `trust_ca`.
pub(super) fn extra_roots(files: &[PathBuf]) -> Result<Vec<CertificateDer<'static>>, StartError> {
    let mut roots = Vec::new();
    for file in files {
        let refuse = |reason: String| StartError::File { key: "trust_ca", file: file.clone(), reason };
        let pem = std::fs::read(file).map_err(|error| refuse(error.to_string()))?;
        let before = roots.len();
        for root in CertificateDer::pem_slice_iter(&pem) {
            roots.push(root.map_err(|error| refuse(format!("is not PEM: {error}")))?);
        }
        if roots.len() == before {
            return Err(refuse("holds no certificate; expected PEM".to_owned()));
        }
    }
    Ok(roots)
}
