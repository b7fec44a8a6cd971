//! Issuing device certificates. Written in DER by hand, since subject and key of a request must come out byte for byte:
//! repeated name parts count (POLICY-252), and a key on P-384 may well have signed with SHA-256.

use rcgen::{KeyPair, PublicKeyData, SigningKey};
use sha2::{Digest, Sha256};
use thingstead_core::Timestamp;

use super::der::{bits, integer, octets, sequence, take, tlv};
use super::pem;

/// Whose certificate it becomes.
pub(crate) enum DeviceSubject<'a> {
    /// `CN=AWS IoT Certificate` (API-131).
    Service,
    /// The DER of a request's subject.
    Of(&'a [u8]),
}

/// Issues a certificate for a DER SubjectPublicKeyInfo, from now until the end of 2049 (API-131, PROV-025), signed with an RSA
/// key; the certificate's DER.
pub(crate) fn issue_device(
    issuer: &KeyPair,
    subject: &DeviceSubject<'_>,
    public_key: &[u8],
    now: Timestamp,
    serial: &[u8],
) -> Result<Vec<u8>, rcgen::Error> {
    let algorithm = sequence(&[SHA256_WITH_RSA, &[0x05, 0x00]]);
    let issuer_name = name(&[
        (OU, "Amazon Web Services"),
        (O, "Amazon.com Inc."),
        (L, "Seattle"),
        (ST, "Washington"),
        (C, "US"),
    ]);
    let subject = match subject {
        DeviceSubject::Service => name(&[(CN, "AWS IoT Certificate")]),
        DeviceSubject::Of(der) => der.to_vec(),
    };
    // RFC 5280: UTCTime through 2049; a clock beyond that gets a certificate that begins with its last second.
    let begins = tlv(0x17, utc_time(now).as_bytes());
    let validity = sequence(&[&begins, &tlv(0x17, LAST_SECOND.as_bytes())]);
    let extensions = sequence(&[
        &extension(
            AUTHORITY_KEY_ID,
            false,
            &sequence(&[&tlv(0x80, &key_id(&issuer.subject_public_key_info()))]),
        ),
        &extension(SUBJECT_KEY_ID, false, &octets(&key_id(public_key))),
        &extension(BASIC_CONSTRAINTS, true, &sequence(&[])),
        // digitalSignature: one bit of eight, seven unused.
        &extension(KEY_USAGE, true, &[0x03, 0x02, 0x07, 0x80]),
    ]);
    let to_sign = sequence(&[
        &tlv(0xa0, &integer(&[2])),
        &integer(serial),
        &algorithm,
        &issuer_name,
        &validity,
        &subject,
        public_key,
        &tlv(0xa3, &extensions),
    ]);
    let signature = issuer.sign(&to_sign)?;
    Ok(sequence(&[&to_sign, &algorithm, &bits(&signature)]))
}

/// An RSA private key in the form AWS hands out, `BEGIN RSA PRIVATE KEY` (API-127), out of its PKCS#8 form.
pub(crate) fn pkcs1_pem(pkcs8: &[u8]) -> Option<String> {
    let (info, _) = take(pkcs8)?;
    let (_version, rest) = take(info)?;
    let (_algorithm, rest) = take(rest)?;
    let (key, _) = take(rest)?;
    Some(pem("RSA PRIVATE KEY", key))
}

fn name(parts: &[(&[u8], &str)]) -> Vec<u8> {
    let parts: Vec<Vec<u8>> = parts
        .iter()
        .map(|(oid, value)| {
            // Countries are PrintableStrings by their definition, the rest may be UTF-8.
            let tag = if *oid == C { 0x13 } else { 0x0c };
            tlv(0x31, &sequence(&[oid, &tlv(tag, value.as_bytes())]))
        })
        .collect();
    tlv(0x30, &parts.concat())
}

fn extension(oid: &[u8], critical: bool, contents: &[u8]) -> Vec<u8> {
    let critical: &[u8] = if critical { &[0x01, 0x01, 0xff] } else { &[] };
    sequence(&[oid, critical, &octets(contents)])
}

/// The first 20 bytes of a key's SHA-256 (RFC 7093, method 1).
fn key_id(public_key_info: &[u8]) -> Vec<u8> {
    Sha256::digest(public_key_info).into_iter().take(20).collect()
}

fn utc_time(at: Timestamp) -> String {
    let Ok(time) = jiff::Timestamp::from_second(at.as_secs()) else { return LAST_SECOND.to_owned() };
    let time = time.to_zoned(jiff::tz::TimeZone::UTC);
    match time.year() {
        ..1950 => "500101000000Z".to_owned(),
        1950..2050 => time.strftime("%y%m%d%H%M%SZ").to_string(),
        2050.. => LAST_SECOND.to_owned(),
    }
}

const LAST_SECOND: &str = "491231235959Z";
const SHA256_WITH_RSA: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b];
const CN: &[u8] = &[0x06, 0x03, 0x55, 0x04, 0x03];
const C: &[u8] = &[0x06, 0x03, 0x55, 0x04, 0x06];
const L: &[u8] = &[0x06, 0x03, 0x55, 0x04, 0x07];
const ST: &[u8] = &[0x06, 0x03, 0x55, 0x04, 0x08];
const O: &[u8] = &[0x06, 0x03, 0x55, 0x04, 0x0a];
const OU: &[u8] = &[0x06, 0x03, 0x55, 0x04, 0x0b];
const SUBJECT_KEY_ID: &[u8] = &[0x06, 0x03, 0x55, 0x1d, 0x0e];
const KEY_USAGE: &[u8] = &[0x06, 0x03, 0x55, 0x1d, 0x0f];
const BASIC_CONSTRAINTS: &[u8] = &[0x06, 0x03, 0x55, 0x1d, 0x13];
const AUTHORITY_KEY_ID: &[u8] = &[0x06, 0x03, 0x55, 0x1d, 0x23];
