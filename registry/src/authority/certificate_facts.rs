//! What policies may know about a certificate (section 4.4 of the policy specification), read from its DER.

use std::net::IpAddr;

use thingstead_policy_engine::{CertificateFacts, CertificateField, CertificatePart};
use x509_parser::asn1_rs::{Any, Tag};
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::x509::X509Name;

/// The facts of a certificate. What cannot be read has no variable.
pub fn certificate_facts(id: &str, der: &[u8]) -> CertificateFacts {
    let Ok((_, certificate)) = X509Certificate::from_der(der) else {
        return CertificateFacts::new(Some(id), None);
    };
    let serial = certificate.tbs_certificate.serial.to_string();
    let mut facts = CertificateFacts::new(Some(id), Some(&serial));
    name(&mut facts, CertificatePart::Subject, certificate.subject());
    name(&mut facts, CertificatePart::Issuer, certificate.issuer());
    for extension in certificate.extensions() {
        let (part, names) = match extension.parsed_extension() {
            ParsedExtension::SubjectAlternativeName(names) => {
                (CertificatePart::SubjectAlternativeName, &names.general_names)
            }
            ParsedExtension::IssuerAlternativeName(names) => {
                (CertificatePart::IssuerAlternativeName, &names.general_names)
            }
            _ => continue,
        };
        for general in names {
            if let Some((field, value)) = alternative(general) {
                facts.push(part, field, &value);
            }
        }
    }
    facts
}

fn name(facts: &mut CertificateFacts, part: CertificatePart, name: &X509Name<'_>) {
    for attribute in name.iter_attributes() {
        let Some(field) = field(&attribute.attr_type().to_id_string()) else { continue };
        let value = match attribute.as_str() {
            Ok(value) => Some(value.to_owned()),
            Err(_) => text(attribute.attr_value()),
        };
        if let Some(value) = value {
            facts.push(part, field, &value);
        }
    }
}

/// The field of an attribute type; the other name parts have no variable (POLICY-250, POLICY-267).
fn field(oid: &str) -> Option<CertificateField> {
    Some(match oid {
        "2.5.4.46" => CertificateField::DistinguishedNameQualifier,
        "2.5.4.6" => CertificateField::Country,
        "2.5.4.10" => CertificateField::Organization,
        "2.5.4.11" => CertificateField::OrganizationalUnit,
        "2.5.4.8" => CertificateField::State,
        "2.5.4.3" => CertificateField::CommonName,
        "2.5.4.5" => CertificateField::SerialNumber,
        "2.5.4.12" => CertificateField::Title,
        "2.5.4.4" => CertificateField::Surname,
        "2.5.4.42" => CertificateField::GivenName,
        "2.5.4.43" => CertificateField::Initials,
        "2.5.4.65" => CertificateField::Pseudonym,
        "2.5.4.44" => CertificateField::GenerationQualifier,
        _ => return None,
    })
}

/// The older string types that are not read as they are.
fn text(value: &Any<'_>) -> Option<String> {
    match value.tag() {
        Tag::BmpString => {
            let units = value.data.chunks_exact(2).map(|pair| match pair {
                [high, low] => u16::from_be_bytes([*high, *low]),
                _ => 0,
            });
            char::decode_utf16(units).collect::<Result<_, _>>().ok()
        }
        Tag::UniversalString => value
            .data
            .chunks_exact(4)
            .map(|four| {
                <[u8; 4]>::try_from(four).ok().and_then(|four| char::from_u32(u32::from_be_bytes(four)))
            })
            .collect(),
        Tag::T61String => Some(value.data.iter().copied().map(char::from).collect()),
        _ => None,
    }
}

/// POLICY-256.
fn alternative(name: &GeneralName<'_>) -> Option<(CertificateField, String)> {
    Some(match name {
        GeneralName::RFC822Name(text) => (CertificateField::Rfc822Name, (*text).to_owned()),
        GeneralName::DNSName(text) => (CertificateField::DnsName, (*text).to_owned()),
        GeneralName::DirectoryName(name) => (CertificateField::DirectoryName, name.to_string()),
        GeneralName::URI(text) => (CertificateField::UniformResourceIdentifier, (*text).to_owned()),
        GeneralName::IPAddress(bytes) => (CertificateField::IpAddress, address(bytes)?.to_string()),
        _ => return None,
    })
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    match <[u8; 4]>::try_from(bytes) {
        Ok(four) => Some(IpAddr::from(four)),
        Err(_) => <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from),
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{
        CertificateParams, CustomExtension, DistinguishedName, DnType, KeyPair, SanType, SerialNumber,
    };
    use std::sync::Arc;
    use thingstead_policy_engine::{Applicable, Context, Document, Request, permits};

    use super::*;

    /// The texts that `${iot:Certificate.KEY}` stands for, asked of the evaluator itself.
    fn inserted(facts: &CertificateFacts, key: &str, value: &str) -> bool {
        let text = format!(
            r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":"*","Resource":"arn:${{iot:Certificate.{key}}}"}}}}"#
        );
        let document = Arc::new(Document::parse(&text).expect("a policy"));
        let policies = [Applicable { name: "p".into(), version: None, document }];
        let context = Context { certificate: Some(Arc::new(facts.clone())), ..Context::default() };
        let resource = format!("arn:{value}");
        permits(&policies, &Request { action: "iot:Publish", resource: &resource, context: &context })
            .is_allowed()
    }

    #[test]
    fn names_serial_and_alternative_names_become_facts() {
        // POLICY-250, POLICY-252, POLICY-253, POLICY-254, POLICY-256, POLICY-257, POLICY-264, POLICY-267
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "edge-1");
        params.distinguished_name.push(DnType::LocalityName, "Seattle");
        params.distinguished_name.push(DnType::CustomDnType(vec![2, 5, 4, 5]), "SN-7");
        params.distinguished_name.push(DnType::CustomDnType(vec![2, 5, 4, 42]), "Grace");
        params.serial_number = Some(SerialNumber::from_slice(&[0x12, 0x67]));
        params.subject_alt_names = vec![
            SanType::DnsName("e1.example.org".try_into().expect("a name")),
            SanType::DnsName("e1.local".try_into().expect("a name")),
            SanType::IpAddress("192.0.2.7".parse().expect("an address")),
            SanType::Rfc822Name("a@example.org".try_into().expect("a name")),
            SanType::URI("urn:x".try_into().expect("a name")),
        ];
        // issuerAltName with one DNS name, `ca.example`.
        let mut issuer_alt = vec![0x30, 12, 0x82, 10];
        issuer_alt.extend_from_slice(b"ca.example");
        params.custom_extensions = vec![CustomExtension::from_oid_content(&[2, 5, 29, 18], issuer_alt)];
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate");
        let facts = certificate_facts("ab", certificate.der());
        for (key, value) in [
            ("Subject.CommonName", "edge-1"),
            ("Issuer.CommonName", "edge-1"),
            ("Subject.SerialNumber", "SN-7"),
            ("Subject.GivenName", "Grace"),
            ("SerialNumber", "4711"),
            ("Subject.AlternativeName.DNSName", "e1.example.org"),
            ("Subject.AlternativeName.DNSName.1", "e1.local"),
            ("Subject.AlternativeName.IPAddress", "192.0.2.7"),
            ("Subject.AlternativeName.RFC822Name", "a@example.org"),
            ("Subject.AlternativeName.UniformResourceIdentifier", "urn:x"),
            ("Issuer.AlternativeName.DNSName", "ca.example"),
        ] {
            assert!(inserted(&facts, key, value), "{key}");
            assert!(!inserted(&facts, key, "other"), "{key}");
        }
        for key in ["Subject.Locality", "Subject.AlternativeName.DNSName.2", "Subject.Country"] {
            assert!(!inserted(&facts, key, "Seattle") && !inserted(&facts, key, ""), "{key}");
        }
    }

    #[test]
    fn what_is_no_certificate_has_an_id_only() {
        let facts = certificate_facts("ab", b"no DER");
        assert_eq!((facts.id(), facts.serial()), (Some("ab"), None));
    }

    #[test]
    fn old_string_types_are_read() {
        let any = |tag, data| Any::from_tag_and_data(tag, data);
        assert_eq!(text(&any(Tag::BmpString, &[0, b'a', 0x20, 0xac])), Some("a€".into()));
        assert_eq!(text(&any(Tag::T61String, b"caf\xe9")), Some("café".into()));
        assert_eq!(text(&any(Tag::UniversalString, &[0, 0, 0, b'a'])), Some("a".into()));
        assert_eq!(text(&any(Tag::OctetString, b"a")), None);
    }
}
