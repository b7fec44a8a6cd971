//! What a policy may know about a client certificate (section 4.4 of the specification).

use std::sync::Arc;

use crate::key::Pick;

/// The facts of one certificate, ready for lookups. Made once a connection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CertificateFacts {
    id: Option<Arc<str>>,
    serial: Option<Arc<str>>,
    fields: Vec<FieldValues>,
    available: Vec<Arc<str>>,
}

/// Where in the certificate a field stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CertificatePart {
    /// The subject's distinguished name.
    Subject,
    /// The issuer's distinguished name.
    Issuer,
    /// The extension `subjectAltName`.
    SubjectAlternativeName,
    /// The extension `issuerAltName`.
    IssuerAlternativeName,
}

/// A field that has a variable (POLICY-250, POLICY-256); all others have none (POLICY-267).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CertificateField {
    /// `dnQualifier`.
    DistinguishedNameQualifier,
    /// `C`.
    Country,
    /// `O`.
    Organization,
    /// `OU`.
    OrganizationalUnit,
    /// `ST`.
    State,
    /// `CN`.
    CommonName,
    /// The name's serial number, not the certificate's.
    SerialNumber,
    /// `title`.
    Title,
    /// `SN`.
    Surname,
    /// `GN`.
    GivenName,
    /// `initials`.
    Initials,
    /// `pseudonym`.
    Pseudonym,
    /// `generationQualifier`.
    GenerationQualifier,
    /// An e-mail address of an alternative name.
    Rfc822Name,
    /// A host name of an alternative name.
    DnsName,
    /// A distinguished name of an alternative name.
    DirectoryName,
    /// A URI of an alternative name.
    UniformResourceIdentifier,
    /// An address of an alternative name.
    IpAddress,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct FieldValues {
    part: CertificatePart,
    field: CertificateField,
    values: Vec<FieldValue>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FieldValue {
    /// With the escapes of POLICY-262.
    pub(crate) text: Arc<str>,
    pub(crate) not_inserted: Option<NotInserted>,
}

/// Why a value is never inserted for its variable, although it may be tested in a condition (POLICY-266).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotInserted {
    /// It contains one of `*`, `$`, `+`, `?`, `#` (POLICY-259).
    Special(char),
    /// It is longer than 1,024 characters (POLICY-261).
    TooLong,
}

impl CertificateFacts {
    /// Facts about a certificate; `id` is the 64 hex digits (POLICY-263), `serial` the number in decimal (POLICY-257).
    pub fn new(id: Option<&str>, serial: Option<&str>) -> Self {
        let mut facts = Self { id: id.map(Arc::from), serial: serial.map(Arc::from), ..Self::default() };
        if facts.serial.is_some() {
            facts.available.push(Arc::from("iot:Certificate.SerialNumber"));
        }
        facts
    }

    /// Adds a value to a field, in certificate order. Values after the fifth are ignored (POLICY-260).
    pub fn push(&mut self, part: CertificatePart, field: CertificateField, value: &str) {
        let place = self.fields.iter().position(|f| f.part == part && f.field == field);
        let place = place.unwrap_or_else(|| {
            self.fields.push(FieldValues { part, field, values: Vec::new() });
            self.fields.len() - 1
        });
        let Some(known) = self.fields.get_mut(place) else { return };
        let name = format!("iot:Certificate.{}.{}", part.name(), field.name());
        match known.values.len() {
            MAX_VALUES.. => return,
            0 => self.available.extend([Arc::from(name.as_str()), Arc::from(format!("{name}.List"))]),
            n => self.available.push(Arc::from(format!("{name}.{n}"))),
        }
        known.values.push(FieldValue { text: escaped(value).into(), not_inserted: not_inserted(value) });
    }

    /// The certificate id.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// The serial number in decimal.
    pub fn serial(&self) -> Option<&str> {
        self.serial.as_deref()
    }

    /// Names of all certificate variables that have a value (POLICY-258).
    pub fn available_keys(&self) -> &[Arc<str>] {
        &self.available
    }

    pub(crate) fn values(&self, part: CertificatePart, field: CertificateField) -> &[FieldValue] {
        let found = self.fields.iter().find(|f| f.part == part && f.field == field);
        found.map_or(&[], |f| f.values.as_slice())
    }

    pub(crate) fn value(
        &self,
        part: CertificatePart,
        field: CertificateField,
        pick: Pick,
    ) -> Option<&FieldValue> {
        match pick {
            Pick::Nth(n) => self.values(part, field).get(n),
            Pick::List => None,
        }
    }
}

impl CertificatePart {
    /// As in variable names: `Subject`, `Subject.AlternativeName` ….
    pub const fn name(self) -> &'static str {
        match self {
            Self::Subject => "Subject",
            Self::Issuer => "Issuer",
            Self::SubjectAlternativeName => "Subject.AlternativeName",
            Self::IssuerAlternativeName => "Issuer.AlternativeName",
        }
    }

    /// The part at the front of a lower-case name, and what follows it.
    pub(crate) fn split(lower: &str) -> Option<(Self, &str)> {
        // The longer names first: each begins with a shorter one.
        [Self::SubjectAlternativeName, Self::IssuerAlternativeName, Self::Subject, Self::Issuer]
            .into_iter()
            .find_map(|part| {
                let name = part.name().to_ascii_lowercase();
                Some((part, lower.strip_prefix(name.as_str())?.strip_prefix('.')?))
            })
    }

    const fn is_alternative(self) -> bool {
        matches!(self, Self::SubjectAlternativeName | Self::IssuerAlternativeName)
    }
}

impl CertificateField {
    /// As in variable names, such as `CommonName`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::DistinguishedNameQualifier => "DistinguishedNameQualifier",
            Self::Country => "Country",
            Self::Organization => "Organization",
            Self::OrganizationalUnit => "OrganizationalUnit",
            Self::State => "State",
            Self::CommonName => "CommonName",
            Self::SerialNumber => "SerialNumber",
            Self::Title => "Title",
            Self::Surname => "Surname",
            Self::GivenName => "GivenName",
            Self::Initials => "Initials",
            Self::Pseudonym => "Pseudonym",
            Self::GenerationQualifier => "GenerationQualifier",
            Self::Rfc822Name => "RFC822Name",
            Self::DnsName => "DNSName",
            Self::DirectoryName => "DirectoryName",
            Self::UniformResourceIdentifier => "UniformResourceIdentifier",
            Self::IpAddress => "IPAddress",
        }
    }

    /// The field of that name (any case), if the part has it.
    pub fn of(part: CertificatePart, name: &str) -> Option<Self> {
        let fields = if part.is_alternative() { ALTERNATIVE_FIELDS } else { NAME_FIELDS };
        fields.iter().copied().find(|field| field.name().eq_ignore_ascii_case(name))
    }
}

fn escaped(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for c in value.chars() {
        if matches!(c, ',' | '"' | '\\' | '=' | '<' | '>' | ';') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

fn not_inserted(value: &str) -> Option<NotInserted> {
    if let Some(special) = value.chars().find(|c| matches!(c, '*' | '$' | '+' | '?' | '#')) {
        return Some(NotInserted::Special(special));
    }
    (value.chars().count() > MAX_INSERTED).then_some(NotInserted::TooLong)
}

/// POLICY-260.
const MAX_VALUES: usize = 5;
/// POLICY-261, in characters.
const MAX_INSERTED: usize = 1024;

const NAME_FIELDS: &[CertificateField] = &[
    CertificateField::DistinguishedNameQualifier,
    CertificateField::Country,
    CertificateField::Organization,
    CertificateField::OrganizationalUnit,
    CertificateField::State,
    CertificateField::CommonName,
    CertificateField::SerialNumber,
    CertificateField::Title,
    CertificateField::Surname,
    CertificateField::GivenName,
    CertificateField::Initials,
    CertificateField::Pseudonym,
    CertificateField::GenerationQualifier,
];

const ALTERNATIVE_FIELDS: &[CertificateField] = &[
    CertificateField::Rfc822Name,
    CertificateField::DnsName,
    CertificateField::DirectoryName,
    CertificateField::UniformResourceIdentifier,
    CertificateField::IpAddress,
];
