//! Which client certificates get in: the registered ones that are active, whoever signed them.

use std::fmt;
use std::sync::Arc;

use ::aws_lc_rs::signature::{
    RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RsaParameters,
    UnparsedPublicKey,
};
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{self, WebPkiSupportedAlgorithms, aws_lc_rs};
use rustls::pki_types::{CertificateDer, SubjectPublicKeyInfoDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, SignatureScheme,
};
use x509_parser::prelude::{FromDer, SubjectPublicKeyInfo};

use super::leaf::Leaf;
use crate::identity::{Endpoint, Gate};

/// Asks the [`Gate`] about the leaf and nobody about the chain: registration is what counts (AUTH-033). Handshake signatures
/// are checked with the leaf's bare key, so that X.509 version 1 certificates work.
pub(crate) struct Verifier {
    gate: Arc<Gate>,
    endpoint: Endpoint,
    mandatory: bool,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Verifier {
    /// `mandatory`: a client without certificate is refused with alert 116 (MQTT-032).
    pub(crate) fn new(gate: Arc<Gate>, endpoint: Endpoint, mandatory: bool) -> Self {
        let algorithms = aws_lc_rs::default_provider().signature_verification_algorithms;
        Self { gate, endpoint, mandatory, algorithms }
    }

    fn verify(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
        tls13: bool,
    ) -> Result<HandshakeSignatureValid, Error> {
        let key = Leaf::of(certificate).ok_or(CertificateError::BadEncoding)?.public_key;
        if let Some((_, algorithm)) = PSS_KEYS.iter().find(|(scheme, _)| *scheme == signed.scheme) {
            let (_, key) = SubjectPublicKeyInfo::from_der(key).map_err(|_| CertificateError::BadEncoding)?;
            let fits = tls13 && key.algorithm.algorithm.to_id_string() == RSASSA_PSS;
            let key = UnparsedPublicKey::new(*algorithm, &key.subject_public_key.data);
            return if fits && key.verify(message, signed.signature()).is_ok() {
                Ok(HandshakeSignatureValid::assertion())
            } else {
                Err(CertificateError::BadSignature.into())
            };
        }
        if tls13 {
            let key = SubjectPublicKeyInfoDer::from(key);
            return crypto::verify_tls13_signature_with_raw_key(message, &key, signed, &self.algorithms);
        }
        let (_, key) = SubjectPublicKeyInfo::from_der(key).map_err(|_| CertificateError::BadEncoding)?;
        let key = &key.subject_public_key.data;
        let verifies = self
            .algorithms
            .mapping
            .iter()
            .filter(|(scheme, _)| *scheme == signed.scheme)
            .flat_map(|(_, candidates)| candidates.iter())
            .any(|algorithm| algorithm.verify_signature(key, message, signed.signature()).is_ok());
        if verifies {
            Ok(HandshakeSignatureValid::assertion())
        } else {
            Err(CertificateError::BadSignature.into())
        }
    }
}

impl ClientCertVerifier for Verifier {
    fn client_auth_mandatory(&self) -> bool {
        self.mandatory
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    /// `Err` is sent as alert 46, `certificate_unknown`.
    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        match self.gate.admit(end_entity, &self.endpoint) {
            Ok(_) => Ok(ClientCertVerified::assertion()),
            Err(refusal) => Err(CertificateError::Other(OtherError(Arc::new(refusal))).into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verify(message, certificate, signed, false)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verify(message, certificate, signed, true)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let schemes = self.algorithms.supported_schemes().into_iter();
        let schemes = schemes.filter(|scheme| *scheme != SignatureScheme::ED25519);
        schemes.chain(PSS_KEYS.iter().map(|(scheme, _)| *scheme)).collect()
    }
}

/// `rsa_pss_pss_…`: signatures of keys that are for RSA-PSS alone, in TLS 1.3 (AUTH-045). The TLS library has no names for them.
static PSS_KEYS: [(SignatureScheme, &RsaParameters); 3] = [
    (SignatureScheme::Unknown(0x0809), &RSA_PSS_2048_8192_SHA256),
    (SignatureScheme::Unknown(0x080a), &RSA_PSS_2048_8192_SHA384),
    (SignatureScheme::Unknown(0x080b), &RSA_PSS_2048_8192_SHA512),
];
const RSASSA_PSS: &str = "1.2.840.113549.1.1.10";

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Verifier(mandatory: {})", self.mandatory)
    }
}
