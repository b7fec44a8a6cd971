//! Who signed what.

use aws_lc_rs::signature::{self, UnparsedPublicKey, VerificationAlgorithm};
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::public_key::{PublicKey, RSAPublicKey};
use x509_parser::signature_algorithm::RsaSsaPssParams;
use x509_parser::x509::{AlgorithmIdentifier, SubjectPublicKeyInfo};

use super::pss::{self, Hash};

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
        (RSASSA_PSS, None) => match pss_parameters(algorithm) {
            Some((Hash::Sha256, 32)) => &signature::RSA_PSS_2048_8192_SHA256,
            Some((Hash::Sha384, 48)) => &signature::RSA_PSS_2048_8192_SHA384,
            Some((Hash::Sha512, 64)) => &signature::RSA_PSS_2048_8192_SHA512,
            Some((hash, salt)) => {
                return rsa_of(key).is_some_and(|key| pss::verify(&key, hash, salt, signature, message));
            }
            None => return false,
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

/// RSA of at least 2048 bits, also for PSS alone, or one of the three NIST curves (API-128, AUTH-045).
pub(super) fn is_usable_key(key: &SubjectPublicKeyInfo<'_>) -> bool {
    match key.parsed() {
        Ok(PublicKey::EC(_)) => curve_of(key).is_some(),
        _ => rsa_of(key).is_some_and(|rsa| rsa.key_size() >= 2048),
    }
}

/// Why no client may use the certificate, as the end of a sentence that begins with its name; `None` when one may (AUTH-044, AUTH-045).
pub(crate) fn unusable(certificate_der: &[u8]) -> Option<&'static str> {
    let Ok((_, certificate)) = X509Certificate::from_der(certificate_der) else {
        return Some("cannot be read");
    };
    if !is_usable_key(certificate.public_key()) {
        return Some("has a key that is neither RSA of at least 2048 bits nor on P-256, P-384 or P-521");
    }
    let algorithm = &certificate.signature_algorithm;
    let known = match algorithm.algorithm.to_id_string().as_str() {
        RSASSA_PSS => pss_parameters(algorithm).is_some(),
        oid => SIGNATURES.contains(&oid),
    };
    (!known).then_some("is not signed by RSA, RSA-PSS or ECDSA with SHA-256, SHA-384 or SHA-512")
}

/// The RSA key, whether it says that it is for PSS alone or not.
fn rsa_of<'a>(key: &'a SubjectPublicKeyInfo<'_>) -> Option<RSAPublicKey<'a>> {
    if !matches!(key.algorithm.algorithm.to_id_string().as_str(), RSA | RSASSA_PSS) {
        return None;
    }
    RSAPublicKey::from_der(&key.subject_public_key.data).ok().map(|(_, key)| key)
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

/// The hash and the length of the salt; `None` for hashes that are not accepted.
fn pss_parameters(algorithm: &AlgorithmIdentifier<'_>) -> Option<(Hash, usize)> {
    let parameters = algorithm.parameters.as_ref()?;
    let parameters = RsaSsaPssParams::try_from(parameters).ok()?;
    let hash = Hash::of(&parameters.hash_algorithm_oid().to_id_string())?;
    let mask = parameters.mask_gen_algorithm().ok()?;
    let same = Hash::of(&mask.hash.to_id_string()) == Some(hash) && parameters.trailer_field() == 1;
    Some((hash, usize::try_from(parameters.salt_length()).ok()?)).filter(|_| same)
}

const RSA: &str = "1.2.840.113549.1.1.1";
const RSASSA_PSS: &str = "1.2.840.113549.1.1.10";
/// But PSS, which has parameters.
const SIGNATURES: [&str; 6] = [
    "1.2.840.113549.1.1.11",
    "1.2.840.113549.1.1.12",
    "1.2.840.113549.1.1.13",
    ECDSA_SHA256,
    ECDSA_SHA384,
    ECDSA_SHA512,
];
const ECDSA_SHA256: &str = "1.2.840.10045.4.3.2";
const ECDSA_SHA384: &str = "1.2.840.10045.4.3.3";
const ECDSA_SHA512: &str = "1.2.840.10045.4.3.4";
