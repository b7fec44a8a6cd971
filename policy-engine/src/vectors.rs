//! Policy test vectors: cases as data, and what differs when one fails.
//!
//! A vector file is a JSON array of objects:
//!
//! | member | meaning |
//! | --- | --- |
//! | `id` | unique string |
//! | `spec` | the statement it exercises (optional) |
//! | `policies` | documents that all apply, each an object or a string that holds one |
//! | `context` | the request's facts, all optional |
//! | `action`, `resource` | what is asked; `resource` is a full ARN or `*` |
//! | `expect` | `ALLOWED`, `EXPLICIT_DENY` or `IMPLICIT_DENY` |
//! | `confidence` | ignored |
//!
//! `context` may hold `clientId`, `protocol` (`MQTT` or `HTTPS`), `thingName`, `attachedThing`, `exclusiveThing`,
//! `thingType`, `attributes`, `certificate` (`id`, `serial`, `subject`, `issuer`, `subjectAltName`, `issuerAltName`),
//! `sourceIp`, `sourceVpc`, `sourceVpce`, `vpcSourceIp`, `domainName`, `connectAttributes`, `lastWillTopic`, `topic`,
//! `includeSocketInformation`, `now` (ISO 8601) and `keys` (any further keys, a string or an array of strings each).

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;
use thingstead_core::{Decision, Outcome, Timestamp};

use crate::certificate::{CertificateFacts, CertificateField, CertificatePart};
use crate::context::{Context, Protocol, ThingContext, ThingFacts};
use crate::document::{Applicable, Document};
use crate::evaluate::{Request, permits};
use crate::explain::evaluate;

/// One case.
#[derive(Debug, Clone)]
pub struct Vector {
    /// Its id.
    pub id: String,
    /// The documents that apply.
    pub policies: Vec<Applicable>,
    /// The facts.
    pub context: Context,
    /// What is asked.
    pub action: String,
    /// On what.
    pub resource: String,
    /// What should be decided.
    pub expect: Outcome,
}

/// Why a file is no vector file.
#[derive(Debug, thiserror::Error)]
pub enum VectorError {
    /// Not a JSON array of vectors.
    #[error("not a vector file: {0}")]
    Format(#[from] serde_json::Error),
    /// A policy of a vector is malformed.
    #[error("vector `{id}`, policy {number}: {error}")]
    Policy {
        /// The vector.
        id: String,
        /// Counted from 1.
        number: usize,
        /// The flaw.
        error: crate::PolicyError,
    },
    /// A fact cannot be read.
    #[error("vector `{id}`: `{member}` `{value}` is not {expected}")]
    Fact {
        /// The vector.
        id: String,
        /// The member of `context`.
        member: &'static str,
        /// What it holds.
        value: String,
        /// What it should hold.
        expected: &'static str,
    },
}

/// A vector that was decided otherwise than it expects.
#[derive(Debug, Clone)]
pub struct Difference {
    /// The vector.
    pub id: String,
    /// What it expects.
    pub expected: Outcome,
    /// What was decided, and why.
    pub decision: Decision,
}

/// The result of a run.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// How many vectors were decided as they expect.
    pub passed: usize,
    /// The others.
    pub differences: Vec<Difference>,
}

/// Reads a vector file.
///
/// # Errors
/// The first thing that cannot be read.
pub fn parse(text: &str) -> Result<Vec<Vector>, VectorError> {
    let written: Vec<Written> = serde_json::from_str(text)?;
    written.into_iter().map(Written::read).collect()
}

/// Decides every vector.
pub fn run(vectors: &[Vector]) -> Report {
    let mut report = Report::default();
    for vector in vectors {
        let decision = vector.decide();
        if decision.outcome == vector.expect {
            report.passed += 1;
        } else {
            report.differences.push(Difference { id: vector.id.clone(), expected: vector.expect, decision });
        }
    }
    report
}

impl Vector {
    /// The decision with its reasons.
    pub fn decide(&self) -> Decision {
        evaluate(&self.policies, &self.request())
    }

    /// The outcome by the quick path.
    pub fn permits(&self) -> Outcome {
        permits(&self.policies, &self.request())
    }

    /// What it asks.
    pub fn request(&self) -> Request<'_> {
        Request { action: &self.action, resource: &self.resource, context: &self.context }
    }
}

impl Report {
    /// Adds the result of another file.
    pub fn merge(&mut self, other: Self) {
        self.passed += other.passed;
        self.differences.extend(other.differences);
    }
}

/// Each difference on two lines, then the sum: `443 passed, 0 failed`.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for difference in &self.differences {
            writeln!(f, "{difference}")?;
        }
        write!(f, "{} passed, {} failed", self.passed, self.differences.len())
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, expected, decision } = self;
        writeln!(f, "{id}: expected {}, decided {}", name(*expected), name(decision.outcome))?;
        write!(f, "    {} on {}: {}", decision.asked.action, decision.asked.resource, decision.why)
    }
}

#[derive(Deserialize)]
struct Written {
    id: String,
    policies: Vec<Box<RawValue>>,
    #[serde(default)]
    context: WrittenContext,
    action: String,
    resource: String,
    expect: Outcome,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct WrittenContext {
    client_id: Option<String>,
    protocol: Option<String>,
    thing_name: Option<String>,
    attached_thing: bool,
    exclusive_thing: bool,
    thing_type: Option<String>,
    attributes: BTreeMap<Arc<str>, Arc<str>>,
    certificate: Option<WrittenCertificate>,
    source_ip: Option<String>,
    source_vpc: Option<String>,
    source_vpce: Option<String>,
    vpc_source_ip: Option<String>,
    domain_name: Option<String>,
    connect_attributes: Vec<String>,
    last_will_topic: Option<String>,
    topic: Option<String>,
    include_socket_information: Option<bool>,
    now: Option<String>,
    keys: BTreeMap<String, OneOrMany>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct WrittenCertificate {
    id: Option<String>,
    serial: Option<String>,
    subject: BTreeMap<String, OneOrMany>,
    issuer: BTreeMap<String, OneOrMany>,
    subject_alt_name: BTreeMap<String, OneOrMany>,
    issuer_alt_name: BTreeMap<String, OneOrMany>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl Written {
    fn read(self) -> Result<Vector, VectorError> {
        let Self { id, policies, context, action, resource, expect } = self;
        let mut applicable = Vec::with_capacity(policies.len());
        for (index, policy) in policies.iter().enumerate() {
            let number = index + 1;
            let text = match serde_json::from_str::<String>(policy.get()) {
                Ok(text) => text,
                Err(_) => policy.get().to_owned(),
            };
            let document = Document::parse(&text).map_err(|error| VectorError::Policy {
                id: id.clone(),
                number,
                error,
            })?;
            applicable.push(Applicable {
                name: format!("policy-{number}").into(),
                version: None,
                document: Arc::new(document),
            });
        }
        let context = context.read(&id)?;
        Ok(Vector { id, policies: applicable, context, action, resource, expect })
    }
}

impl WrittenContext {
    fn read(self, id: &str) -> Result<Context, VectorError> {
        let wrong = |member, value: &str, expected| VectorError::Fact {
            id: id.to_owned(),
            member,
            value: value.to_owned(),
            expected,
        };
        let address = |member, value: &Option<String>| match value {
            None => Ok(None),
            Some(text) => match text.parse::<IpAddr>() {
                Ok(address) => Ok(Some(address)),
                Err(_) => Err(wrong(member, text, "an IP address")),
            },
        };
        let protocol = match self.protocol.as_deref() {
            None | Some("MQTT") => Protocol::Mqtt,
            Some("HTTPS") => Protocol::Https,
            Some(other) => return Err(wrong("protocol", other, "`MQTT` or `HTTPS`")),
        };
        let now = match &self.now {
            None => None,
            Some(text) => match text.parse::<jiff::Timestamp>() {
                Ok(now) => Some(Timestamp::from_millis(now.as_millisecond())),
                Err(_) => return Err(wrong("now", text, "an ISO 8601 instant")),
            },
        };
        let shared = |value: &Option<String>| value.as_deref().map(Arc::from);
        let mut context = Context {
            protocol,
            client_id: shared(&self.client_id),
            thing: self.thing(protocol),
            certificate: self.certificate.map(|written| Arc::new(written.read())),
            source_ip: address("sourceIp", &self.source_ip)?,
            source_vpc: shared(&self.source_vpc),
            source_vpce: shared(&self.source_vpce),
            vpc_source_ip: address("vpcSourceIp", &self.vpc_source_ip)?,
            domain_name: shared(&self.domain_name),
            connect_attributes: self.connect_attributes.iter().map(|text| Arc::from(text.as_str())).collect(),
            last_will_topic: shared(&self.last_will_topic),
            topic: shared(&self.topic),
            include_socket_information: self.include_socket_information,
            now,
            ..Context::default()
        };
        for (name, value) in &self.keys {
            match value {
                OneOrMany::One(value) => context.insert(name, value),
                OneOrMany::Many(values) => context.insert_list(name, values.iter().map(String::as_str)),
            }
        }
        Ok(context)
    }

    /// The association of POLICY-230 and POLICY-231.
    fn thing(&self, protocol: Protocol) -> ThingContext {
        if protocol == Protocol::Https {
            return ThingContext::Unavailable;
        }
        let Some(name) = &self.thing_name else {
            return ThingContext::NotAssociated(Arc::from("no thing is named"));
        };
        if !self.attached_thing {
            return ThingContext::NotAssociated(
                format!("the principal is not attached to thing `{name}`").into(),
            );
        }
        if !self.exclusive_thing && self.client_id.as_ref() != Some(name) {
            return ThingContext::NotAssociated(
                format!(
                    "the principal is attached to thing `{name}`, but the client identifier is not its name"
                )
                .into(),
            );
        }
        ThingContext::Associated(Arc::new(ThingFacts {
            name: Arc::from(name.as_str()),
            type_name: self.thing_type.as_deref().map(Arc::from),
            attributes: self.attributes.clone(),
        }))
    }
}

impl WrittenCertificate {
    fn read(self) -> CertificateFacts {
        let mut facts = CertificateFacts::new(self.id.as_deref(), self.serial.as_deref());
        for (part, fields) in [
            (CertificatePart::Subject, self.subject),
            (CertificatePart::Issuer, self.issuer),
            (CertificatePart::SubjectAlternativeName, self.subject_alt_name),
            (CertificatePart::IssuerAlternativeName, self.issuer_alt_name),
        ] {
            for (name, values) in fields {
                // Other fields exist in certificates, but not as variables (POLICY-267).
                let Some(field) = CertificateField::of(part, &name) else { continue };
                match values {
                    OneOrMany::One(value) => facts.push(part, field, &value),
                    OneOrMany::Many(values) => values.iter().for_each(|value| facts.push(part, field, value)),
                }
            }
        }
        facts
    }
}

fn name(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Allowed => "ALLOWED",
        Outcome::ExplicitDeny => "EXPLICIT_DENY",
        Outcome::ImplicitDeny => "IMPLICIT_DENY",
    }
}
