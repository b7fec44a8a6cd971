//! The server's own certificate authority: one RSA-2048 root that stays the same for a data directory. It signs device
//! certificates and the server's certificates.

mod files;
mod server;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, KeyPair, KeyUsagePurpose,
    PKCS_RSA_SHA256, PublicKeyData, RsaKeySize, SerialNumber,
};
use thingstead_core::{Ids, Timestamp};

pub use server::{ServerCertificate, ServerCertificates, ServerNames};

use crate::x509::{DeviceSubject, Parsed, ParsedRequest, issue_device, pem, pkcs1_pem};

/// The certificate authority. Making keys takes tens to hundreds of milliseconds: call it from a thread that may block.
#[derive(Debug)]
pub struct ServerCa {
    /// Where its files are; `None` keeps it in memory.
    directory: Option<PathBuf>,
    root: Mutex<Option<Arc<Root>>>,
}

/// The root's key and certificate.
#[derive(Debug)]
struct Root {
    key: KeyPair,
    pem: String,
}

/// A new certificate with its new key, as `CreateKeysAndCertificate` answers (API-127).
pub(crate) struct IssuedWithKey {
    pub(crate) der: Vec<u8>,
    /// `BEGIN PUBLIC KEY`.
    pub(crate) public_key: String,
    /// `BEGIN RSA PRIVATE KEY`.
    pub(crate) private_key: String,
}

impl ServerCa {
    /// Loads `ca.pem` and `ca.key` from a directory, or makes them (the key with mode 0600).
    ///
    /// # Errors
    /// A file is missing where the other one is there, or cannot be read, written or understood. An existing root is never
    /// replaced, since devices trust it.
    pub fn open(directory: &Path, now: Timestamp) -> Result<Self, CaError> {
        let ca = Self { directory: Some(directory.to_owned()), root: Mutex::new(None) };
        ca.root(now)?;
        Ok(ca)
    }

    /// An authority that makes its root when it is first needed and forgets it with the process.
    pub fn in_memory() -> Self {
        Self { directory: None, root: Mutex::new(None) }
    }

    /// The root certificate as PEM: what clients must trust.
    ///
    /// # Errors
    /// The root cannot be loaded or made.
    pub fn root_pem(&self, now: Timestamp) -> Result<String, CaError> {
        Ok(self.root(now)?.pem.clone())
    }

    /// A key of RSA-2048 and its certificate.
    pub(crate) fn issue_with_key(&self, now: Timestamp, ids: &Ids) -> Result<IssuedWithKey, CaError> {
        let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048)?;
        let info = key.subject_public_key_info();
        let der = issue_device(&self.root(now)?.key, &DeviceSubject::Service, &info, now, &serial(ids))?;
        let private_key = pkcs1_pem(key.serialized_der()).ok_or(CaError::KeyForm)?;
        Ok(IssuedWithKey { der, public_key: key.public_key_pem(), private_key })
    }

    /// A certificate for a request's key and subject.
    pub(crate) fn issue_for_request(
        &self,
        request: &ParsedRequest,
        now: Timestamp,
        ids: &Ids,
    ) -> Result<Vec<u8>, CaError> {
        let subject = DeviceSubject::Of(&request.subject);
        Ok(issue_device(&self.root(now)?.key, &subject, &request.public_key, now, &serial(ids))?)
    }

    fn root(&self, now: Timestamp) -> Result<Arc<Root>, CaError> {
        let mut root = self.root.lock();
        if let Some(root) = &*root {
            return Ok(Arc::clone(root));
        }
        let loaded = match &self.directory {
            Some(directory) => Root::load(directory)?,
            None => None,
        };
        let found = Arc::new(match loaded {
            Some(loaded) => loaded,
            None => Root::make(self.directory.as_deref(), now)?,
        });
        *root = Some(Arc::clone(&found));
        Ok(found)
    }
}

impl Root {
    fn load(directory: &Path) -> Result<Option<Self>, CaError> {
        let (certificate, key) = (directory.join(ROOT_FILE), directory.join(ROOT_KEY_FILE));
        match (files::read(&certificate)?, files::read(&key)?) {
            (None, None) => Ok(None),
            (Some(_), None) => Err(CaError::Missing { file: shown(&key), other: shown(&certificate) }),
            (None, Some(_)) => Err(CaError::Missing { file: shown(&certificate), other: shown(&key) }),
            (Some(text), Some(key_text)) => {
                let parsed = Parsed::from_pem(&text);
                // Told the algorithm it does not try others, each of which would check the numbers of the RSA key again.
                let loaded =
                    KeyPair::from_pem_and_sign_algo(&key_text, &PKCS_RSA_SHA256).map_err(|error| {
                        let cause = match KeyPair::from_pem(&key_text) {
                            Ok(_) => "it is no RSA key".to_owned(),
                            Err(_) => error.to_string(),
                        };
                        CaError::Unreadable { file: shown(&key), cause }
                    })?;
                let fits = parsed.is_some_and(|parsed| parsed.public_key == loaded.subject_public_key_info());
                if !fits {
                    return Err(CaError::Unreadable {
                        file: shown(&certificate),
                        cause: format!("it is no certificate of the key in `{}`", shown(&key)),
                    });
                }
                Ok(Some(Self { key: loaded, pem: text }))
            }
        }
    }

    fn make(directory: Option<&Path>, now: Timestamp) -> Result<Self, CaError> {
        let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048)?;
        let mut params = CertificateParams::default();
        params.distinguished_name = root_name();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages =
            vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
        server::set_validity(&mut params, server::day_before(now), END_OF_ROOT);
        params.serial_number = Some(SerialNumber::from(1));
        let certificate = params.self_signed(&key)?;
        let text = pem("CERTIFICATE", certificate.der());
        if let Some(directory) = directory {
            // The key first: a root without its key could not be used, nor replaced.
            files::write_secret(&directory.join(ROOT_KEY_FILE), &key.serialize_pem())?;
            files::write(&directory.join(ROOT_FILE), &text)?;
        }
        Ok(Self { key, pem: text })
    }
}

/// Why the certificate authority cannot work.
#[derive(Debug, thiserror::Error)]
pub enum CaError {
    /// One of a pair of files is missing.
    #[error("`{file}` is missing although `{other}` is there; restore it, or remove both to get a new root")]
    Missing {
        /// The file that is missing.
        file: String,
        /// The file that is there.
        other: String,
    },
    /// A file is not what it should be.
    #[error("`{file}` cannot be used: {cause}")]
    Unreadable {
        /// The file.
        file: String,
        /// What is wrong with it.
        cause: String,
    },
    /// The operating system refused.
    #[error("`{file}` cannot be read or written: {cause}")]
    Io {
        /// The file.
        file: String,
        /// What it said.
        cause: std::io::Error,
    },
    /// A name cannot stand in a certificate.
    #[error("`{0}` cannot be named in a certificate; expected a host name or an IP address")]
    Name(String),
    /// A key came out in a form that was not asked for.
    #[error("the key generator made a key in an unknown form")]
    KeyForm,
    /// The cryptographic library refused.
    #[error("a key or certificate cannot be made: {0}")]
    Crypto(#[from] rcgen::Error),
}

fn root_name() -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::OrganizationName, "Thingstead");
    name.push(DnType::CommonName, "Thingstead Root CA");
    name
}

/// 159 random bits, positive.
fn serial(ids: &Ids) -> [u8; 20] {
    let mut serial = [0u8; 20];
    ids.fill(&mut serial);
    let [first, ..] = &mut serial;
    *first = (*first & 0x7f) | 0x40;
    serial
}

fn shown(file: &Path) -> String {
    file.display().to_string()
}

/// 2049-12-31T23:59:59Z, when the device certificates end as well.
const END_OF_ROOT: Timestamp = Timestamp::from_millis(2_524_607_999_000);
const ROOT_FILE: &str = "ca.pem";
const ROOT_KEY_FILE: &str = "ca.key";

#[cfg(test)]
mod tests;
