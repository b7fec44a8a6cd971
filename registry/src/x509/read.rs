//! Reading certificates and certificate requests.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, CertificateSigningRequestDer};
use sha2::{Digest, Sha256};
use thingstead_core::{CertificateId, Timestamp};
use x509_parser::prelude::{FromDer, X509Certificate, X509CertificationRequest};

/// A certificate, with what the registry asks of it.
#[derive(Clone, Debug)]
pub(crate) struct Parsed {
    pub(crate) der: Vec<u8>,
    /// The SHA-256 of the DER form in lower-case hex digits (PROV-001).
    pub(crate) id: CertificateId,
    pub(crate) not_before: Timestamp,
    pub(crate) not_after: Timestamp,
    /// DER of the subject.
    pub(crate) subject: Vec<u8>,
    /// DER of the issuer.
    pub(crate) issuer: Vec<u8>,
    /// DER of the SubjectPublicKeyInfo.
    pub(crate) public_key: Vec<u8>,
    pub(crate) common_name: Option<String>,
}

impl Parsed {
    /// The first certificate of a PEM text; `None` when there is none that can be read. Line breaks and further certificates
    /// make no difference (PROV-002).
    pub(crate) fn from_pem(text: &str) -> Option<Self> {
        let der = CertificateDer::from_pem_slice(text.as_bytes()).ok()?;
        Self::from_der(&der)
    }

    pub(crate) fn from_der(der: &[u8]) -> Option<Self> {
        let (rest, certificate) = X509Certificate::from_der(der).ok()?;
        if !rest.is_empty() {
            return None;
        }
        let validity = certificate.validity();
        let common_name = certificate.subject().iter_common_name().next();
        Some(Self {
            der: der.to_vec(),
            id: CertificateId::from(hex::encode(Sha256::digest(der))),
            not_before: Timestamp::from_millis(validity.not_before.timestamp().saturating_mul(1000)),
            not_after: Timestamp::from_millis(validity.not_after.timestamp().saturating_mul(1000)),
            subject: certificate.subject().as_raw().to_vec(),
            issuer: certificate.issuer().as_raw().to_vec(),
            public_key: certificate.public_key().raw.to_vec(),
            common_name: common_name.and_then(|name| name.as_str().ok()).map(str::to_owned),
        })
    }
}

/// A certificate request whose signature holds.
#[derive(Clone, Debug)]
pub(crate) struct ParsedRequest {
    /// DER of the subject.
    pub(crate) subject: Vec<u8>,
    /// DER of the SubjectPublicKeyInfo.
    pub(crate) public_key: Vec<u8>,
}

impl ParsedRequest {
    /// A request of a PEM text, signed by its own key; the reason as a sentence when it is unusable (PROV-026, PROV-028).
    pub(crate) fn from_pem(text: &str) -> Result<Self, &'static str> {
        let der = CertificateSigningRequestDer::from_pem_slice(text.as_bytes())
            .map_err(|_| "it is no PEM block `CERTIFICATE REQUEST`")?;
        let (_, request) =
            X509CertificationRequest::from_der(&der).map_err(|_| "its contents are no PKCS#10 request")?;
        let info = &request.certification_request_info;
        if !super::signature::is_usable_key(&info.subject_pki) {
            return Err("its key is neither RSA of at least 2048 bits nor on P-256, P-384 or P-521");
        }
        let signed = super::signature::verify(
            &info.subject_pki,
            &request.signature_algorithm,
            &request.signature_value.data,
            info.raw,
        );
        if !signed {
            return Err("its signature is not that of its key");
        }
        Ok(Self { subject: info.subject.as_raw().to_vec(), public_key: info.subject_pki.raw.to_vec() })
    }
}

/// A PEM block, 64 characters a line.
pub(crate) fn pem(label: &str, der: &[u8]) -> String {
    let encoded = STANDARD.encode(der);
    let mut out = format!("-----BEGIN {label}-----\n");
    for (at, c) in encoded.chars().enumerate() {
        if at > 0 && at % 64 == 0 {
            out.push('\n');
        }
        out.push(c);
    }
    out.push_str(&format!("\n-----END {label}-----\n"));
    out
}
