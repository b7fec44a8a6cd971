//! Who signed what.

use aws_lc_rs::signature::{self, UnparsedPublicKey, VerificationAlgorithm};
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::public_key::PublicKey;
use x509_parser::x509::{AlgorithmIdentifier, SubjectPublicKeyInfo};

/// Whether the certificate's signature was made by the key, a DER SubjectPublicKeyInfo.
pub(crate) fn is_signed_by(certificate_der: &[u8], key: &[u8]) -> bool {
    let Ok((_, certificate)) = X509Certificate::from_der(certificate_der) else { return false };
    let Ok((_, key)) = SubjectPublicKeyInfo::from_der(key) else { return false };
    verify(
        &key,
        &certificate.signature_algorithm,
        &certificate.signature_value.data,
        certificate.tbs_certificate.as_ref(),
    )
}

/// The algorithms of AUTH-044 and PROV-021 but DSA, which no current library verifies; SHA-1 is refused.
pub(super) fn verify(
    key: &SubjectPublicKeyInfo<'_>,
    algorithm: &AlgorithmIdentifier<'_>,
    signature: &[u8],
    message: &[u8],
) -> bool {
    let curve = curve_of(key);
    let oid = algorithm.algorithm.to_id_string();
    let verifier: &dyn VerificationAlgorithm = match (oid.as_str(), curve) {
        ("1.2.840.113549.1.1.11", None) => &signature::RSA_PKCS1_2048_8192_SHA256,
        ("1.2.840.113549.1.1.12", None) => &signature::RSA_PKCS1_2048_8192_SHA384,
        ("1.2.840.113549.1.1.13", None) => &signature::RSA_PKCS1_2048_8192_SHA512,
        ("1.2.840.113549.1.1.10", None) => match pss_hash(algorithm).as_deref() {
            Some("2.16.840.1.101.3.4.2.1") => &signature::RSA_PSS_2048_8192_SHA256,
            Some("2.16.840.1.101.3.4.2.2") => &signature::RSA_PSS_2048_8192_SHA384,
            Some("2.16.840.1.101.3.4.2.3") => &signature::RSA_PSS_2048_8192_SHA512,
            _ => return false,
        },
        (ECDSA_SHA256, Some(Curve::P256)) => &signature::ECDSA_P256_SHA256_ASN1,
        (ECDSA_SHA384, Some(Curve::P256)) => &signature::ECDSA_P256_SHA384_ASN1,
        (ECDSA_SHA512, Some(Curve::P256)) => &signature::ECDSA_P256_SHA512_ASN1,
        (ECDSA_SHA256, Some(Curve::P384)) => &signature::ECDSA_P384_SHA256_ASN1,
        (ECDSA_SHA384, Some(Curve::P384)) => &signature::ECDSA_P384_SHA384_ASN1,
        (ECDSA_SHA512, Some(Curve::P384)) => &signature::ECDSA_P384_SHA512_ASN1,
        (ECDSA_SHA256, Some(Curve::P521)) => &signature::ECDSA_P521_SHA256_ASN1,
        (ECDSA_SHA384, Some(Curve::P521)) => &signature::ECDSA_P521_SHA384_ASN1,
        (ECDSA_SHA512, Some(Curve::P521)) => &signature::ECDSA_P521_SHA512_ASN1,
        _ => return false,
    };
    UnparsedPublicKey::new(verifier, &key.subject_public_key.data).verify(message, signature).is_ok()
}

/// RSA of at least 2048 bits, or one of the three NIST curves (API-128, AUTH-045).
pub(super) fn is_usable_key(key: &SubjectPublicKeyInfo<'_>) -> bool {
    match key.parsed() {
        Ok(PublicKey::RSA(rsa)) => rsa.key_size() >= 2048,
        Ok(PublicKey::EC(_)) => curve_of(key).is_some(),
        _ => false,
    }
}

#[derive(Clone, Copy)]
enum Curve {
    P256,
    P384,
    P521,
}

fn curve_of(key: &SubjectPublicKeyInfo<'_>) -> Option<Curve> {
    match key.algorithm.parameters.as_ref()?.as_oid().ok()?.to_id_string().as_str() {
        "1.2.840.10045.3.1.7" => Some(Curve::P256),
        "1.3.132.0.34" => Some(Curve::P384),
        "1.3.132.0.35" => Some(Curve::P521),
        _ => None,
    }
}

fn pss_hash(algorithm: &AlgorithmIdentifier<'_>) -> Option<String> {
    let parameters = algorithm.parameters.as_ref()?;
    let parameters = x509_parser::signature_algorithm::RsaSsaPssParams::try_from(parameters).ok()?;
    Some(parameters.hash_algorithm_oid().to_id_string())
}

const ECDSA_SHA256: &str = "1.2.840.10045.4.3.2";
const ECDSA_SHA384: &str = "1.2.840.10045.4.3.3";
const ECDSA_SHA512: &str = "1.2.840.10045.4.3.4";
