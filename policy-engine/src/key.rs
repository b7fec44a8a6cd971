//! Names of policy variables and condition keys, recognised once when a document is parsed.

use crate::certificate::{CertificateField, CertificatePart};

/// A variable or condition key. Names are compared case-insensitively (POLICY-200, POLICY-285), but for the name of a
/// thing attribute (POLICY-236).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Key {
    ClientId,
    DomainName,
    SourceIp,
    SourceVpc,
    SourceVpce,
    VpcSourceIp,
    CurrentTime,
    EpochTime,
    SecureTransport,
    ConnectAttributes,
    LastWillTopic,
    Topic,
    IncludeSocketInformation,
    ThingName,
    ThingTypeName,
    ThingIsAttached,
    ThingAttribute(Box<str>),
    CertificateId,
    CertificateSerialNumber,
    CertificateAvailableKeys,
    Certificate(CertificatePart, CertificateField, Pick),
    /// Any other name, in lower case: unknown, or one of the context's extra keys.
    Other(Box<str>),
    /// `${` without `}`.
    Unclosed,
}

/// Which of a certificate field's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Pick {
    /// Counted from 0; the plain name is 0 (POLICY-252), `.1` the second value (POLICY-253).
    Nth(usize),
    /// `.List` (POLICY-255).
    List,
}

impl Key {
    pub(crate) fn named(name: &str) -> Self {
        let lower = name.to_ascii_lowercase();
        match lower.as_str() {
            "iot:clientid" => Self::ClientId,
            "iot:domainname" => Self::DomainName,
            "aws:sourceip" => Self::SourceIp,
            "aws:sourcevpc" => Self::SourceVpc,
            "aws:sourcevpce" => Self::SourceVpce,
            "aws:vpcsourceip" => Self::VpcSourceIp,
            "aws:currenttime" => Self::CurrentTime,
            "aws:epochtime" => Self::EpochTime,
            "aws:securetransport" => Self::SecureTransport,
            "iot:connectattributes" => Self::ConnectAttributes,
            "iot:lastwilltopic" => Self::LastWillTopic,
            "iot:topic" => Self::Topic,
            "iot:includesocketinformation" => Self::IncludeSocketInformation,
            "iot:connection.thing.thingname" => Self::ThingName,
            "iot:connection.thing.thingtypename" => Self::ThingTypeName,
            "iot:connection.thing.isattached" => Self::ThingIsAttached,
            "iot:certificateid" => Self::CertificateId,
            "iot:certificate.serialnumber" => Self::CertificateSerialNumber,
            "iot:certificate.availablekeys" => Self::CertificateAvailableKeys,
            _ => attribute(name, &lower)
                .or_else(|| certificate(&lower))
                .unwrap_or_else(|| Self::Other(lower.into())),
        }
    }
}

fn attribute(name: &str, lower: &str) -> Option<Key> {
    const PREFIX: &str = "iot:connection.thing.attributes[";
    lower.strip_prefix(PREFIX)?;
    let inner = name.get(PREFIX.len()..)?.strip_suffix(']')?;
    Some(Key::ThingAttribute(inner.into()))
}

fn certificate(lower: &str) -> Option<Key> {
    let rest = lower.strip_prefix("iot:certificate.")?;
    let (part, rest) = CertificatePart::split(rest)?;
    let (field, pick) = match rest.split_once('.') {
        None => (rest, Pick::Nth(0)),
        Some((field, "list")) => (field, Pick::List),
        Some((field, index)) if is_index(index) => (field, Pick::Nth(index.parse().ok()?)),
        Some(_) => return None,
    };
    Some(Key::Certificate(part, CertificateField::of(part, field)?, pick))
}

/// `0` or digits without a leading zero, so that every value has one name.
fn is_index(text: &str) -> bool {
    text == "0" || !text.starts_with('0') && !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}
