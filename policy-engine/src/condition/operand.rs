//! The values a policy compares with, read once when the document is parsed.

use std::net::IpAddr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ipnet::IpNet;

use super::operator::Kind;
use crate::context::Context;
use crate::decimal::Decimal;
use crate::document::Language;
use crate::instant;
use crate::template::{Template, Wildcards};

/// A value of a condition, read as its operator's type.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Operand {
    /// As written.
    pub(crate) text: Arc<str>,
    pub(crate) read: Read,
}

/// What a value means to its operator.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Read {
    Text(Template),
    /// Six fields (POLICY-298).
    Arn(Vec<Template>),
    Number(Decimal),
    Instant(i128),
    Bool(bool),
    Bytes(Vec<u8>),
    Range(IpNet),
    /// Not of the operator's type: it never matches (POLICY-308).
    Unreadable,
}

impl Operand {
    pub(crate) fn read(text: &str, kind: Kind, language: Language) -> Self {
        let read = match kind {
            Kind::StringEquals | Kind::StringEqualsIgnoreCase => {
                Some(Read::Text(Template::compile(text, language, Wildcards::Ordinary)))
            }
            Kind::StringLike => Some(Read::Text(Template::compile(text, language, Wildcards::Match))),
            Kind::Arn => Template::compile_arn(text, language).map(Read::Arn),
            Kind::Numeric(_) => Decimal::parse(text).map(Read::Number),
            Kind::Date(_) => instant::parse(text).map(Read::Instant),
            Kind::Bool | Kind::Null => boolean(text).map(Read::Bool),
            Kind::Binary => STANDARD.decode(text).ok().map(Read::Bytes),
            Kind::IpAddress => range(text).map(Read::Range),
        };
        Self { text: Arc::from(text), read: read.unwrap_or(Read::Unreadable) }
    }

    /// Whether a value of the request passes, negation aside.
    pub(crate) fn matches(&self, kind: Kind, value: &str, context: &Context, action: &str) -> bool {
        match (&self.read, kind) {
            (Read::Text(template), Kind::StringEqualsIgnoreCase) => template
                .rendered(context, action)
                .is_ok_and(|expected| expected.to_lowercase() == value.to_lowercase()),
            (Read::Text(template), _) => template.covers(value, context, action),
            (Read::Arn(fields), _) => {
                let mut parts = value.splitn(6, ':');
                fields
                    .iter()
                    .all(|field| parts.next().is_some_and(|part| field.covers(part, context, action)))
            }
            (Read::Number(expected), Kind::Numeric(compare)) => {
                Decimal::parse(value).is_some_and(|value| compare.holds(value.cmp(expected)))
            }
            (Read::Instant(expected), Kind::Date(compare)) => {
                instant::parse(value).is_some_and(|value| compare.holds(value.cmp(expected)))
            }
            // A value is there, which is what `"false"` asks for.
            (Read::Bool(expected), Kind::Null) => !expected,
            (Read::Bool(expected), _) => boolean(value) == Some(*expected),
            (Read::Bytes(expected), _) => value.as_bytes() == expected.as_slice(),
            (Read::Range(range), _) => {
                value.parse::<IpAddr>().is_ok_and(|address| range.contains(&address.to_canonical()))
            }
            (Read::Unreadable | Read::Number(_) | Read::Instant(_), _) => false,
        }
    }

    /// Whether this is the `"true"` of a `Null` test.
    pub(crate) fn expects_absence(&self) -> bool {
        self.read == Read::Bool(true)
    }

    pub(crate) fn is_unreadable(&self) -> bool {
        self.read == Read::Unreadable
    }

    /// The templates of the operand, for their variables.
    pub(crate) fn templates(&self) -> &[Template] {
        match &self.read {
            Read::Text(template) => std::slice::from_ref(template),
            Read::Arn(fields) => fields,
            _ => &[],
        }
    }
}

fn boolean(text: &str) -> Option<bool> {
    if text.eq_ignore_ascii_case("true") {
        return Some(true);
    }
    text.eq_ignore_ascii_case("false").then_some(false)
}

/// A range in CIDR notation, or an address, which is a range of one (POLICY-297).
fn range(text: &str) -> Option<IpNet> {
    match text.parse::<IpNet>() {
        Ok(range) => Some(range),
        Err(_) => text.parse::<IpAddr>().ok().map(IpNet::from),
    }
}
