//! What a handshake needs to know of a client's certificate. Registration has read all of it; three times in every handshake
//! only these two fields are wanted, and the names and extensions around them are nine tenths of the work.

use x509_parser::asn1_rs::{Any, Class, FromDer};
use x509_parser::prelude::Validity;
use x509_parser::time::ASN1Time;

/// Two fields of a certificate of any version.
pub(crate) struct Leaf<'a> {
    /// The end of its validity.
    pub(crate) not_after: ASN1Time,
    /// The SubjectPublicKeyInfo, as DER.
    pub(crate) public_key: &'a [u8],
}

impl<'a> Leaf<'a> {
    /// `None` where the fields are not where a certificate has them (RFC 5280, section 4.1).
    pub(crate) fn of(der: &'a [u8]) -> Option<Self> {
        let (_, certificate) = Any::from_der(der).ok()?;
        let (_, content) = Any::from_der(certificate.data).ok()?;
        let (behind_first, first) = Any::from_der(content.data).ok()?;
        // Version 1 does not say so: the serial number comes first.
        let rest = match first.class() {
            Class::ContextSpecific => skip(behind_first)?,
            _ => behind_first,
        };
        let validity = skip(skip(rest)?)?;
        let (subject, validity) = Validity::from_der(validity).ok()?;
        let public_key = skip(subject)?;
        let behind = skip(public_key)?;
        let public_key = public_key.get(..public_key.len() - behind.len())?;
        Some(Self { not_after: validity.not_after, public_key })
    }
}

/// What is behind the next value.
fn skip(der: &[u8]) -> Option<&[u8]> {
    Any::from_der(der).ok().map(|(rest, _)| rest)
}

#[cfg(test)]
mod tests {
    use x509_parser::prelude::X509Certificate;

    use super::*;

    #[test]
    fn the_two_fields_are_what_a_whole_parser_finds() {
        // AUTH-033
        let key = rcgen::KeyPair::generate().expect("a key");
        let mut parameters = rcgen::CertificateParams::new(vec!["a.example".to_owned()]).expect("names");
        for year in [2030, 2049, 2050, 9999] {
            parameters.not_after = rcgen::date_time_ymd(year, 2, 3);
            let certificate = parameters.self_signed(&key).expect("a certificate");
            let leaf = Leaf::of(certificate.der()).expect("a leaf");
            let (_, whole) = X509Certificate::from_der(certificate.der()).expect("a certificate");
            assert_eq!(leaf.not_after, whole.validity().not_after);
            assert_eq!(leaf.public_key, whole.public_key().raw);
            for end in 0..certificate.der().len() {
                let _ = Leaf::of(&certificate.der()[..end]);
            }
        }
        assert!(Leaf::of(b"").is_none() && Leaf::of(b"\x30\x03\x02\x01\x01").is_none());
    }
}
