//! A CA, a server certificate and one device certificate, the same device for both brokers.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use crate::Outcome;

/// PEM texts; all keys are P-256.
pub(crate) struct Certificates {
    pub(crate) ca: String,
    pub(crate) server: String,
    pub(crate) server_key: String,
    pub(crate) device: String,
    pub(crate) device_key: String,
}

impl Certificates {
    pub(crate) fn generate() -> Outcome<Self> {
        let mut authority = CertificateParams::new(Vec::new())?;
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;

        let server_key = KeyPair::generate()?;
        let mut server = CertificateParams::new(vec!["localhost".to_owned()])?;
        server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let server = server.signed_by(&server_key, &authority)?;

        let device_key = KeyPair::generate()?;
        let mut device = CertificateParams::new(Vec::new())?;
        device.distinguished_name.push(rcgen::DnType::CommonName, "device");
        device.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let device = device.signed_by(&device_key, &authority)?;

        Ok(Self {
            ca: authority.pem(),
            server: server.pem(),
            server_key: server_key.serialize_pem(),
            device: device.pem(),
            device_key: device_key.serialize_pem(),
        })
    }

    /// TLS 1.3 as the device, without resumption: every handshake is a full one.
    pub(crate) fn client_config(&self, server_root: &str) -> Outcome<Arc<ClientConfig>> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(server_root.as_bytes())?)?;
        let chain = vec![CertificateDer::from_pem_slice(self.device.as_bytes())?];
        let key = PrivateKeyDer::from_pem_slice(self.device_key.as_bytes())?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_root_certificates(roots)
            .with_client_auth_cert(chain, key)?;
        config.resumption = Resumption::disabled();
        Ok(Arc::new(config))
    }
}
