//! PKCS #12 with the encryption that keytool and openssl choose today: PBES2 with AES in CBC mode.

use std::num::NonZeroU32;

use aws_lc_rs::cipher::{
    AES_128, AES_192, AES_256, DecryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey,
};
use aws_lc_rs::pbkdf2;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};

use super::der::{Der, INTEGER, OBJECT_ID, OCTETS, SEQUENCE, TAGGED, TAGGED_OCTETS};
use super::{Identity, KeyStore};

pub(super) fn read(bytes: &[u8], password: &str) -> Result<KeyStore, String> {
    let authenticated = authenticated(bytes).ok_or("is neither PKCS #12 nor JKS")?;
    let mut contents = Der::new(authenticated).enter(SEQUENCE).ok_or(DAMAGED)?;
    let mut found = Found::default();
    while !contents.is_empty() {
        let mut content = contents.enter(SEQUENCE).ok_or(DAMAGED)?;
        let kind = content.take(OBJECT_ID).ok_or(DAMAGED)?;
        let mut inside = content.enter(TAGGED).ok_or(DAMAGED)?;
        match kind {
            DATA => found.bags(inside.take(OCTETS).ok_or(DAMAGED)?, password)?,
            ENCRYPTED_DATA => {
                let bags = decrypt_content(inside, password)?;
                found.bags(&bags, password)?;
            }
            _ => return Err("is protected by a key, not by a password".to_owned()),
        }
    }
    Ok(found.store())
}

/// The content that the password protects.
fn authenticated(bytes: &[u8]) -> Option<&[u8]> {
    let mut file = Der::new(bytes).enter(SEQUENCE)?;
    if file.number()? != 3 {
        return None;
    }
    let mut info = file.enter(SEQUENCE)?;
    if info.take(OBJECT_ID)? != DATA {
        return None;
    }
    info.enter(TAGGED)?.take(OCTETS)
}

#[derive(Default)]
struct Found {
    key: Option<Vec<u8>>,
    certificates: Vec<CertificateDer<'static>>,
}

impl Found {
    fn bags(&mut self, bytes: &[u8], password: &str) -> Result<(), String> {
        let mut bags = Der::new(bytes).enter(SEQUENCE).ok_or(OTHER_PASSWORD)?;
        while !bags.is_empty() {
            let mut bag = bags.enter(SEQUENCE).ok_or(DAMAGED)?;
            let kind = bag.take(OBJECT_ID).ok_or(DAMAGED)?;
            let inside = bag.take(TAGGED).ok_or(DAMAGED)?;
            match kind {
                KEY_BAG if self.key.is_none() => self.key = Some(inside.to_vec()),
                SHROUDED_KEY_BAG if self.key.is_none() => {
                    let mut info = Der::new(inside).enter(SEQUENCE).ok_or(DAMAGED)?;
                    let algorithm = info.enter(SEQUENCE).ok_or(DAMAGED)?;
                    self.key = Some(decrypt(algorithm, info.take(OCTETS).ok_or(DAMAGED)?, password)?);
                }
                CERTIFICATE_BAG => {
                    let mut certificate = Der::new(inside).enter(SEQUENCE).ok_or(DAMAGED)?;
                    certificate.take(OBJECT_ID).ok_or(DAMAGED)?;
                    let der = certificate.enter(TAGGED).and_then(|mut value| value.take(OCTETS));
                    self.certificates.push(CertificateDer::from(der.ok_or(DAMAGED)?.to_vec()));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Keytool and openssl write the chain's leaf first.
    fn store(self) -> KeyStore {
        let chain = self.certificates.clone();
        let identity = self.key.map(|key| Identity { key: PrivatePkcs8KeyDer::from(key).into(), chain });
        KeyStore { certificates: self.certificates, identity }
    }
}

fn decrypt_content(mut inside: Der<'_>, password: &str) -> Result<Vec<u8>, String> {
    let mut data = inside.enter(SEQUENCE).ok_or(DAMAGED)?;
    data.number().ok_or(DAMAGED)?;
    let mut content = data.enter(SEQUENCE).ok_or(DAMAGED)?;
    content.take(OBJECT_ID).ok_or(DAMAGED)?;
    let algorithm = content.enter(SEQUENCE).ok_or(DAMAGED)?;
    decrypt(algorithm, content.take(TAGGED_OCTETS).ok_or(DAMAGED)?, password)
}

/// PBES2: a key from the password by PBKDF2, then AES in CBC mode.
fn decrypt(mut algorithm: Der<'_>, hidden: &[u8], password: &str) -> Result<Vec<u8>, String> {
    if algorithm.take(OBJECT_ID) != Some(PBES2) {
        return Err(
            "is encrypted in an outdated way; write it anew with keytool of Java 9 or openssl 3".to_owned()
        );
    }
    let mut parameters = algorithm.enter(SEQUENCE).ok_or(DAMAGED)?;
    let mut derivation = parameters.enter(SEQUENCE).ok_or(DAMAGED)?;
    let mut encryption = parameters.enter(SEQUENCE).ok_or(DAMAGED)?;
    if derivation.take(OBJECT_ID) != Some(PBKDF2) {
        return Err("derives its key by another function than PBKDF2".to_owned());
    }
    let mut derivation = derivation.enter(SEQUENCE).ok_or(DAMAGED)?;
    let salt = derivation.take(OCTETS).ok_or(DAMAGED)?;
    let iterations = derivation.number().and_then(NonZeroU32::new).ok_or(DAMAGED)?;
    if iterations.get() > MAX_ITERATIONS {
        return Err(format!("asks for {iterations} iterations; at most {MAX_ITERATIONS} are made"));
    }
    if derivation.peek() == Some(INTEGER) {
        derivation.number();
    }
    let function = match derivation.enter(SEQUENCE).map(|mut function| function.take(OBJECT_ID)) {
        None | Some(Some(HMAC_SHA1)) => pbkdf2::PBKDF2_HMAC_SHA1,
        Some(Some(HMAC_SHA256)) => pbkdf2::PBKDF2_HMAC_SHA256,
        Some(Some(HMAC_SHA384)) => pbkdf2::PBKDF2_HMAC_SHA384,
        Some(Some(HMAC_SHA512)) => pbkdf2::PBKDF2_HMAC_SHA512,
        Some(_) => return Err("derives its key by an unknown hash".to_owned()),
    };
    let (cipher, length) = match encryption.take(OBJECT_ID) {
        Some(AES_128_CBC) => (&AES_128, 16),
        Some(AES_192_CBC) => (&AES_192, 24),
        Some(AES_256_CBC) => (&AES_256, 32),
        _ => return Err("is encrypted by another cipher than AES".to_owned()),
    };
    let vector: [u8; 16] =
        encryption.take(OCTETS).and_then(|vector| vector.try_into().ok()).ok_or(DAMAGED)?;
    let mut key = vec![0; length];
    pbkdf2::derive(function, iterations, salt, password.as_bytes(), &mut key);
    let mut text = hidden.to_vec();
    let opened =
        UnboundCipherKey::new(cipher, &key).and_then(PaddedBlockDecryptingKey::cbc_pkcs7).and_then(|key| {
            key.decrypt(&mut text, DecryptionContext::Iv128(vector.into())).map(|text| text.to_vec())
        });
    opened.map_err(|_| OTHER_PASSWORD.to_owned())
}

const DAMAGED: &str = "is damaged";
const OTHER_PASSWORD: &str = "has another password, or is damaged";
/// A hostile file must not keep us busy.
const MAX_ITERATIONS: u32 = 5_000_000;

/// 1.2.840.113549.1.7.1
const DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 1];
/// 1.2.840.113549.1.7.6
const ENCRYPTED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 6];
/// 1.2.840.113549.1.12.10.1.1
const KEY_BAG: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 12, 10, 1, 1];
/// 1.2.840.113549.1.12.10.1.2
const SHROUDED_KEY_BAG: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 12, 10, 1, 2];
/// 1.2.840.113549.1.12.10.1.3
const CERTIFICATE_BAG: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 12, 10, 1, 3];
/// 1.2.840.113549.1.5.13
const PBES2: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 5, 13];
/// 1.2.840.113549.1.5.12
const PBKDF2: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 5, 12];
/// 1.2.840.113549.2.7
const HMAC_SHA1: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 2, 7];
/// 1.2.840.113549.2.9
const HMAC_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 2, 9];
/// 1.2.840.113549.2.10
const HMAC_SHA384: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 2, 10];
/// 1.2.840.113549.2.11
const HMAC_SHA512: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 2, 11];
/// 2.16.840.1.101.3.4.1.2
const AES_128_CBC: &[u8] = &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 1, 2];
/// 2.16.840.1.101.3.4.1.22
const AES_192_CBC: &[u8] = &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 1, 22];
/// 2.16.840.1.101.3.4.1.42
const AES_256_CBC: &[u8] = &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 1, 42];
