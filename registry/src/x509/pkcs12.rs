//! PKCS#12 (RFC 7292): a device's key and certificates in one file under a password, for Java, .NET and OpenSSL.
//!
//! Key and certificates are encrypted with AES-256-CBC under PBKDF2-HMAC-SHA-256 (RFC 8018), the whole is authenticated with
//! HMAC-SHA-256: what current versions of those three write and read themselves.

use std::num::NonZeroU32;

use aws_lc_rs::cipher::{AES_256, EncryptionContext, PaddedBlockEncryptingKey, UnboundCipherKey};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::{hmac, pbkdf2};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest, Sha256};
use thingstead_core::Ids;

use super::der::{integer, octets, sequence, tlv};

/// What goes into the file, as PEM texts.
#[derive(Clone, Copy)]
pub struct Pkcs12<'a> {
    /// The name that the key and its certificate are found by.
    pub alias: &'a str,
    /// The certificate.
    pub certificate: &'a str,
    /// Its key: PKCS#1 (RSA) or PKCS#8.
    pub private_key: &'a str,
    /// A root that Java may trust, found by `root-ca`.
    pub root_ca: &'a str,
}

/// Why there is no file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Pkcs12Error {
    /// A text is not what it should be.
    #[error("`{0}` cannot be read; expected PEM")]
    Unreadable(&'static str),
    /// The cryptographic library refused.
    #[error("the file cannot be encrypted")]
    Encryption,
}

impl From<Unspecified> for Pkcs12Error {
    fn from(_: Unspecified) -> Self {
        Self::Encryption
    }
}

impl Pkcs12<'_> {
    /// The file.
    ///
    /// # Errors
    /// A text is no PEM; the cryptographic library refuses.
    pub fn encode(&self, password: &str, ids: &Ids) -> Result<Vec<u8>, Pkcs12Error> {
        let certificate = certificate(self.certificate, "certificate")?;
        let root = certificate_der(self.root_ca, "root_ca")?;
        let key = PrivateKeyDer::from_pem_slice(self.private_key.as_bytes())
            .map_err(|_| Pkcs12Error::Unreadable("private_key"))?;
        let key_id = tlv(SET, &octets(&Sha256::digest(&certificate.0)));
        let key_id = sequence(&[LOCAL_KEY_ID, &key_id]);
        let certificates = [
            bag(CERTIFICATE_BAG, &certificate.1, &[friendly_name(self.alias), key_id.clone()]),
            bag(CERTIFICATE_BAG, &certificate_bag(&root), &[friendly_name("root-ca"), trusted()]),
        ]
        .concat();
        let (algorithm, sealed) = seal(&sequence(&[&certificates]), password, ids)?;
        let content = sequence(&[DATA, &algorithm, &tlv(0x80, &sealed)]);
        let encrypted = sequence(&[ENCRYPTED_DATA, &tlv(0xa0, &sequence(&[&integer(&[0]), &content]))]);

        let (algorithm, sealed) = seal(&pkcs8(&key), password, ids)?;
        let shrouded = sequence(&[&algorithm, &octets(&sealed)]);
        let keys = sequence(&[&bag(KEY_BAG, &shrouded, &[friendly_name(self.alias), key_id])]);
        let plain = sequence(&[DATA, &tlv(0xa0, &octets(&keys))]);

        let safe = sequence(&[&encrypted, &plain]);
        let mac = authenticator(&safe, password, ids);
        let contents = sequence(&[DATA, &tlv(0xa0, &octets(&safe))]);
        Ok(sequence(&[&integer(&[3]), &contents, &mac]))
    }
}

fn certificate_der(text: &str, member: &'static str) -> Result<Vec<u8>, Pkcs12Error> {
    let der = CertificateDer::from_pem_slice(text.as_bytes()).map_err(|_| Pkcs12Error::Unreadable(member))?;
    Ok(der.to_vec())
}

/// A certificate and its bag's value.
fn certificate(text: &str, member: &'static str) -> Result<(Vec<u8>, Vec<u8>), Pkcs12Error> {
    let der = certificate_der(text, member)?;
    let bag = certificate_bag(&der);
    Ok((der, bag))
}

fn certificate_bag(der: &[u8]) -> Vec<u8> {
    sequence(&[X509_CERTIFICATE, &tlv(0xa0, &octets(der))])
}

/// A SafeBag.
fn bag(kind: &[u8], value: &[u8], attributes: &[Vec<u8>]) -> Vec<u8> {
    sequence(&[kind, &tlv(0xa0, value), &tlv(SET, &attributes.concat())])
}

fn friendly_name(name: &str) -> Vec<u8> {
    let text: Vec<u8> = name.encode_utf16().flat_map(u16::to_be_bytes).collect();
    sequence(&[FRIENDLY_NAME, &tlv(SET, &tlv(BMP_STRING, &text))])
}

/// What makes Java trust a certificate of a key store: any use is fine.
fn trusted() -> Vec<u8> {
    sequence(&[TRUSTED_KEY_USAGE, &tlv(SET, ANY_EXTENDED_KEY_USAGE)])
}

/// The key in the form of PKCS#8.
fn pkcs8(key: &PrivateKeyDer<'_>) -> Vec<u8> {
    match key {
        PrivateKeyDer::Pkcs1(key) => {
            let algorithm = sequence(&[RSA_ENCRYPTION, NULL]);
            sequence(&[&integer(&[0]), &algorithm, &octets(key.secret_pkcs1_der())])
        }
        key => key.secret_der().to_vec(),
    }
}

/// Encrypts; the algorithm's identifier and the ciphertext.
fn seal(plain: &[u8], password: &str, ids: &Ids) -> Result<(Vec<u8>, Vec<u8>), Pkcs12Error> {
    let (mut salt, mut iv, mut key) = ([0; 16], [0; 16], [0; 32]);
    ids.fill(&mut salt);
    ids.fill(&mut iv);
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, ITERATIONS, &salt, password.as_bytes(), &mut key);
    let mut sealed = plain.to_vec();
    let cipher = PaddedBlockEncryptingKey::cbc_pkcs7(UnboundCipherKey::new(&AES_256, &key)?)?;
    cipher.less_safe_encrypt(&mut sealed, EncryptionContext::Iv128(FixedLength::from(iv)))?;
    let prf = sequence(&[HMAC_WITH_SHA256, NULL]);
    let rounds = integer(&ITERATIONS.get().to_be_bytes());
    let derivation = sequence(&[PBKDF2, &sequence(&[&octets(&salt), &rounds, &prf])]);
    let scheme = sequence(&[AES256_CBC, &octets(&iv)]);
    Ok((sequence(&[PBES2, &sequence(&[&derivation, &scheme])]), sealed))
}

/// MacData.
fn authenticator(safe: &[u8], password: &str, ids: &Ids) -> Vec<u8> {
    let mut salt = [0; 16];
    ids.fill(&mut salt);
    let key = hmac::Key::new(hmac::HMAC_SHA256, &mac_key(password, &salt));
    let digest = sequence(&[&sequence(&[SHA256, NULL]), &octets(hmac::sign(&key, safe).as_ref())]);
    sequence(&[&digest, &octets(&salt), &integer(&ITERATIONS.get().to_be_bytes())])
}

/// RFC 7292, appendix B.2, for a key of one SHA-256.
fn mac_key(password: &str, salt: &[u8]) -> Vec<u8> {
    let password: Vec<u8> = password.encode_utf16().chain([0]).flat_map(u16::to_be_bytes).collect();
    let filled = |bytes: &[u8]| {
        let length = bytes.len().div_ceil(BLOCK) * BLOCK;
        bytes.iter().copied().cycle().take(length).collect::<Vec<u8>>()
    };
    let input = [vec![MAC_PURPOSE; BLOCK], filled(salt), filled(&password)].concat();
    let mut key = Sha256::digest(input).to_vec();
    for _ in 1..ITERATIONS.get() {
        key = Sha256::digest(&key).to_vec();
    }
    key
}

const SET: u8 = 0x31;
const BMP_STRING: u8 = 0x1e;
const NULL: &[u8] = &[0x05, 0x00];
/// What OpenSSL writes is 2,048; Java's 10,000 takes no noticeable time either.
const ITERATIONS: NonZeroU32 = NonZeroU32::MIN.saturating_add(9_999);
/// Of SHA-256.
const BLOCK: usize = 64;
const MAC_PURPOSE: u8 = 3;

// Object identifiers, tag and length included.
const DATA: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01";
const ENCRYPTED_DATA: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x06";
const KEY_BAG: &[u8] = b"\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x0a\x01\x02";
const CERTIFICATE_BAG: &[u8] = b"\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x0a\x01\x03";
const FRIENDLY_NAME: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x09\x14";
const LOCAL_KEY_ID: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x09\x15";
const X509_CERTIFICATE: &[u8] = b"\x06\x0a\x2a\x86\x48\x86\xf7\x0d\x01\x09\x16\x01";
const TRUSTED_KEY_USAGE: &[u8] = b"\x06\x0c\x60\x86\x48\x01\x86\xf9\x66\xad\xca\x7b\x01\x01";
const ANY_EXTENDED_KEY_USAGE: &[u8] = b"\x06\x04\x55\x1d\x25\x00";
const RSA_ENCRYPTION: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01";
const PBES2: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0d";
const PBKDF2: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0c";
const HMAC_WITH_SHA256: &[u8] = b"\x06\x08\x2a\x86\x48\x86\xf7\x0d\x02\x09";
const AES256_CBC: &[u8] = b"\x06\x09\x60\x86\x48\x01\x65\x03\x04\x01\x2a";
const SHA256: &[u8] = b"\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01";
