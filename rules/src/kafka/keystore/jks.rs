//! JKS, the format of Java before version 9.

use aws_lc_rs::digest;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};

use super::der::{Der, OCTETS, SEQUENCE};
use super::{Identity, KeyStore};
use crate::kafka::wire::{Malformed, Reader};

pub(super) fn is_jks(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0xfe, 0xed, 0xfe, 0xed])
}

pub(super) fn read(bytes: &[u8], password: &str, key_password: &str) -> Result<KeyStore, String> {
    let (content, mark) =
        bytes.split_at_checked(bytes.len().saturating_sub(SHA1_LENGTH)).ok_or("is cut off")?;
    let expected = sha1(&[&utf16(password), b"Mighty Aphrodite", content]);
    if expected != mark {
        return Err("has another password, or is damaged".to_owned());
    }
    read_entries(content, key_password).map_err(|why| format!("cannot be read: {why}"))?
}

fn read_entries(content: &[u8], key_password: &str) -> Result<Result<KeyStore, String>, Malformed> {
    let mut reader = Reader::new(content);
    reader.i32()?; // the magic number
    let version = reader.i32()?;
    let mut store = KeyStore::default();
    for _ in 0..reader.i32()? {
        let tag = reader.i32()?;
        reader.string()?; // the alias
        reader.i64()?; // the date
        match tag {
            1 => {
                let protected = reader.bytes()?;
                let chain = reader.list(|reader| certificate(reader, version))?;
                store.certificates.extend(chain.iter().cloned());
                if store.identity.is_none() {
                    let Some(key) = unprotect(protected, key_password) else {
                        return Ok(Err("holds a private key with another password".to_owned()));
                    };
                    store.identity = Some(Identity { key: PrivatePkcs8KeyDer::from(key).into(), chain });
                }
            }
            2 => store.certificates.push(certificate(&mut reader, version)?),
            _ => return Err(Malformed("an entry is neither key nor certificate")),
        }
    }
    Ok(Ok(store))
}

fn certificate(reader: &mut Reader<'_>, version: i32) -> Result<CertificateDer<'static>, Malformed> {
    if version == 2 {
        reader.string()?; // X.509
    }
    Ok(CertificateDer::from(reader.bytes()?.to_vec()))
}

/// Undoes the stream of SHA-1 sums that hides a key; `None` with another password.
fn unprotect(protected: &[u8], password: &str) -> Option<Vec<u8>> {
    let mut info = Der::new(protected).enter(SEQUENCE)?;
    info.enter(SEQUENCE)?;
    let hidden = info.take(OCTETS)?;
    let (salt, rest) = hidden.split_at_checked(SHA1_LENGTH)?;
    let (hidden, check) = rest.split_at_checked(rest.len().checked_sub(SHA1_LENGTH)?)?;
    let password = utf16(password);
    let mut block = salt.to_vec();
    let mut key = Vec::with_capacity(hidden.len());
    for part in hidden.chunks(SHA1_LENGTH) {
        block = sha1(&[&password, &block]);
        key.extend(part.iter().zip(&block).map(|(a, b)| a ^ b));
    }
    (sha1(&[&password, &key]) == check).then_some(key)
}

fn utf16(password: &str) -> Vec<u8> {
    password.encode_utf16().flat_map(u16::to_be_bytes).collect()
}

fn sha1(parts: &[&[u8]]) -> Vec<u8> {
    let mut context = digest::Context::new(&digest::SHA1_FOR_LEGACY_USE_ONLY);
    parts.iter().for_each(|part| context.update(part));
    context.finish().as_ref().to_vec()
}

const SHA1_LENGTH: usize = 20;
