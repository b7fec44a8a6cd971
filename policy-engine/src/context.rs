//! What a request knows about itself: the facts behind variables and condition keys.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use smallvec::SmallVec;
use thingstead_core::Timestamp;

use crate::certificate::{CertificateFacts, NotInserted};
use crate::key::{Key, Pick};

/// The facts of one request. A fact that is `None` or empty has no value (POLICY-207, POLICY-283).
#[derive(Debug, Clone, PartialEq)]
pub struct Context {
    /// By which door the request came in; some keys exist for MQTT only.
    pub protocol: Protocol,
    /// The client identifier of the MQTT session (POLICY-220); ignored on HTTPS (POLICY-222).
    pub client_id: Option<Arc<str>>,
    /// The thing the connection belongs to.
    pub thing: ThingContext,
    /// The client certificate that authenticated the request (POLICY-264).
    pub certificate: Option<Arc<CertificateFacts>>,
    /// The peer's address (POLICY-224); without effect when one of the VPC facts is there (POLICY-226).
    pub source_ip: Option<IpAddr>,
    /// The VPC of a connection through a VPC endpoint.
    pub source_vpc: Option<Arc<str>>,
    /// The VPC endpoint of the connection.
    pub source_vpce: Option<Arc<str>>,
    /// The peer's address inside the VPC.
    pub vpc_source_ip: Option<IpAddr>,
    /// The host name the client connected to, its SNI (POLICY-225).
    pub domain_name: Option<Arc<str>>,
    /// Whether the listener speaks TLS (POLICY-328).
    pub secure_transport: bool,
    /// `PersistentConnect`, `LastWill`, of a CONNECT (POLICY-320).
    pub connect_attributes: Vec<Arc<str>>,
    /// The ARN of a CONNECT's will topic (POLICY-323).
    pub last_will_topic: Option<Arc<str>>,
    /// The bare topic of a direct message (POLICY-325).
    pub topic: Option<Arc<str>>,
    /// The parameter of `GetConnection`; `None` is `false` (POLICY-326).
    pub include_socket_information: Option<bool>,
    /// The time of the request.
    pub now: Option<Timestamp>,
    /// Any further keys; see [`Context::insert`].
    pub keys: ExtraKeys,
}

/// Keys the engine does not know by itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExtraKeys(BTreeMap<Box<str>, ExtraKey>);

/// How the request came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Protocol {
    /// MQTT, with or without WebSocket.
    #[default]
    Mqtt,
    /// The HTTPS doors.
    Https,
}

/// The thing a request belongs to (POLICY-230, POLICY-231).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ThingContext {
    /// Thing variables do not exist for this request, `IsAttached` included: HTTPS (POLICY-240).
    Unavailable,
    /// No thing is associated; the sentence says why, for a person.
    NotAssociated(Arc<str>),
    /// This one.
    Associated(Arc<ThingFacts>),
}

/// What policies may know about a thing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ThingFacts {
    /// The thing's name.
    pub name: Arc<str>,
    /// Its type, if it has one.
    pub type_name: Option<Arc<str>>,
    /// Its attributes.
    pub attributes: BTreeMap<Arc<str>, Arc<str>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum ExtraKey {
    One(Arc<str>),
    Many(Vec<Arc<str>>),
}

impl Default for Context {
    fn default() -> Self {
        Self {
            protocol: Protocol::Mqtt,
            client_id: None,
            thing: ThingContext::NotAssociated(Arc::from("no thing is associated with this request")),
            certificate: None,
            source_ip: None,
            source_vpc: None,
            source_vpce: None,
            vpc_source_ip: None,
            domain_name: None,
            secure_transport: true,
            connect_attributes: Vec::new(),
            last_will_topic: None,
            topic: None,
            include_socket_information: None,
            now: None,
            keys: ExtraKeys::default(),
        }
    }
}

impl Context {
    /// Adds any further key with one value, such as `cognito-identity.amazonaws.com:sub`. A name this engine knows by
    /// itself is not overridden.
    pub fn insert(&mut self, name: &str, value: &str) {
        self.keys.0.insert(name.to_ascii_lowercase().into(), ExtraKey::One(value.into()));
    }

    /// Adds any further key with several values; it cannot be used as a variable (POLICY-212). Without values it is absent.
    pub fn insert_list<'v>(&mut self, name: &str, values: impl IntoIterator<Item = &'v str>) {
        let values = values.into_iter().map(Arc::from).collect();
        self.keys.0.insert(name.to_ascii_lowercase().into(), ExtraKey::Many(values));
    }

    /// The value of a key for a request with this action.
    pub(crate) fn value(&self, key: &Key, action: &str) -> Value<'_> {
        match key {
            Key::ClientId if self.protocol == Protocol::Https => Value::Absent(Absent::NoClientIdOnHttps),
            Key::ClientId => text(&self.client_id, Absent::NoClientId),
            Key::DomainName => text(&self.domain_name, Absent::NoDomainName),
            Key::SourceIp if self.through_vpc() => Value::Absent(Absent::ThroughVpc),
            Key::SourceIp => address(self.source_ip, Absent::NotGiven),
            Key::SourceVpc => text(&self.source_vpc, Absent::NotThroughVpc),
            Key::SourceVpce => text(&self.source_vpce, Absent::NotThroughVpc),
            Key::VpcSourceIp => address(self.vpc_source_ip, Absent::NotThroughVpc),
            Key::CurrentTime => computed(self.now.map(iso_8601)),
            Key::EpochTime => computed(self.now.map(|now| now.as_secs().to_string())),
            Key::SecureTransport => flag(self.secure_transport),
            Key::ConnectAttributes => match only_for("iot:Connect", action) {
                Some(absent) => Value::Absent(absent),
                None => many(self.connect_attributes.iter().map(Arc::as_ref), Absent::NoConnectAttributes),
            },
            Key::LastWillTopic => match only_for("iot:Connect", action) {
                Some(absent) => Value::Absent(absent),
                None => text(&self.last_will_topic, Absent::NoWill),
            },
            Key::Topic => match only_for("iot:SendDirectMessage", action) {
                Some(absent) => Value::Absent(absent),
                None => text(&self.topic, Absent::NotGiven),
            },
            Key::IncludeSocketInformation => match only_for("iot:GetConnection", action) {
                Some(absent) => Value::Absent(absent),
                None => flag(self.include_socket_information.unwrap_or(false)),
            },
            Key::ThingName | Key::ThingTypeName | Key::ThingIsAttached | Key::ThingAttribute(_) => {
                self.thing_value(key)
            }
            Key::CertificateId
            | Key::CertificateSerialNumber
            | Key::CertificateAvailableKeys
            | Key::Certificate(..) => self.certificate_value(key),
            Key::Other(name) => match self.keys.0.get(name) {
                Some(ExtraKey::One(value)) => Value::One(Cow::Borrowed(value)),
                Some(ExtraKey::Many(values)) => many(values.iter().map(Arc::as_ref), Absent::NoValues),
                None => Value::Absent(self.unknown(name)),
            },
            Key::Unclosed => Value::Absent(Absent::Unclosed),
        }
    }

    /// The text to insert for a variable (section 4.1).
    pub(crate) fn inserted(&self, key: &Key, action: &str) -> Result<Cow<'_, str>, Absent> {
        if let (Key::Certificate(part, field, pick), Some(certificate)) = (key, &self.certificate)
            && let Some(not_inserted) = certificate.value(*part, *field, *pick).and_then(|v| v.not_inserted)
        {
            return Err(Absent::NotInserted(not_inserted));
        }
        match self.value(key, action) {
            Value::One(value) => Ok(value),
            Value::Many(_) => Err(Absent::SeveralValues),
            Value::Absent(absent) => Err(absent),
        }
    }

    fn thing_value(&self, key: &Key) -> Value<'_> {
        let thing = match &self.thing {
            ThingContext::Unavailable => return Value::Absent(Absent::NoThingOnHttps),
            ThingContext::NotAssociated(why) => match key {
                Key::ThingIsAttached => return flag(false),
                _ => return Value::Absent(Absent::NoThing(Arc::clone(why))),
            },
            ThingContext::Associated(thing) => thing,
        };
        match key {
            Key::ThingName => Value::One(Cow::Borrowed(&thing.name)),
            Key::ThingTypeName => text(&thing.type_name, Absent::Untyped(Arc::clone(&thing.name))),
            Key::ThingAttribute(name) => match thing.attributes.get(name.as_ref()) {
                Some(value) => Value::One(Cow::Borrowed(value)),
                None => Value::Absent(Absent::NoAttribute {
                    thing: Arc::clone(&thing.name),
                    attribute: name.clone(),
                    other_case: thing.attributes.keys().find(|k| k.eq_ignore_ascii_case(name)).cloned(),
                }),
            },
            _ => flag(true),
        }
    }

    fn certificate_value(&self, key: &Key) -> Value<'_> {
        let Some(certificate) = &self.certificate else { return Value::Absent(Absent::NoCertificate) };
        match key {
            Key::CertificateId => borrowed(certificate.id(), Absent::NotGiven),
            Key::CertificateSerialNumber => borrowed(certificate.serial(), Absent::NotGiven),
            Key::Certificate(part, field, pick) => {
                let values = certificate.values(*part, *field);
                match pick {
                    _ if values.is_empty() => Value::Absent(Absent::NoCertificateField),
                    Pick::List => {
                        many(values.iter().map(|value| value.text.as_ref()), Absent::NoCertificateField)
                    }
                    Pick::Nth(n) => match values.get(*n) {
                        Some(value) => Value::One(Cow::Borrowed(&value.text)),
                        None => Value::Absent(Absent::CertificateValues(values.len())),
                    },
                }
            }
            _ => many(certificate.available_keys().iter().map(Arc::as_ref), Absent::NoCertificateField),
        }
    }

    /// Why a key that the context was not given has no value.
    fn unknown(&self, name: &str) -> Absent {
        let is_session = || self.keys.0.contains_key("credentials-iot:awscertificateid");
        match name {
            "credentials-iot:thingname" if is_session() => Absent::NoThingHeader,
            "credentials-iot:thingtypename" if is_session() => Absent::NoThingTypeOfSession,
            _ if name.starts_with("credentials-iot:") => Absent::NoSession,
            "aws:username" if self.keys.0.contains_key("aws:userid") => Absent::NoUser,
            "aws:username" | "aws:userid" | "aws:tokenissuetime" | "aws:multifactorauthpresent" => {
                Absent::NotIam
            }
            _ if name.starts_with("aws:principal") => Absent::NotIam,
            _ => unknown(name),
        }
    }

    const fn through_vpc(&self) -> bool {
        self.source_vpc.is_some() || self.source_vpce.is_some() || self.vpc_source_ip.is_some()
    }
}

/// The value of a key in one request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value<'a> {
    Absent(Absent),
    One(Cow<'a, str>),
    /// Never empty.
    Many(SmallVec<[Cow<'a, str>; 4]>),
}

impl<'a> Value<'a> {
    pub(crate) fn all(&self) -> &[Cow<'a, str>] {
        match self {
            Self::Absent(_) => &[],
            Self::One(value) => std::slice::from_ref(value),
            Self::Many(values) => values,
        }
    }
}

/// Why a variable or condition key has no value. `Display` is a sentence for a person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Absent {
    /// The request came over HTTPS (POLICY-222).
    #[error("an HTTPS request carries no client identifier")]
    NoClientIdOnHttps,
    /// No client identifier is known, as in a test without one (POLICY-511).
    #[error("no client identifier was given")]
    NoClientId,
    /// Thing variables exist for MQTT only (POLICY-240).
    #[error("thing variables exist for MQTT only, this request came over HTTPS")]
    NoThingOnHttps,
    /// No thing is associated (POLICY-239).
    #[error("{0}")]
    NoThing(Arc<str>),
    /// The thing has no type (POLICY-235).
    #[error("thing `{0}` has no thing type")]
    Untyped(Arc<str>),
    /// The thing has no such attribute (POLICY-237).
    #[error("thing `{thing}` has no attribute `{attribute}`{}", differs_in_case(.other_case))]
    NoAttribute {
        /// The associated thing.
        thing: Arc<str>,
        /// The name asked for.
        attribute: Box<str>,
        /// An attribute that differs from it in case only (POLICY-236).
        other_case: Option<Arc<str>>,
    },
    /// No client certificate took part.
    #[error("no client certificate authenticated this request")]
    NoCertificate,
    /// The certificate lacks the field (POLICY-251).
    #[error("the certificate carries no such field")]
    NoCertificateField,
    /// The index lies beyond the last value (POLICY-254).
    #[error("the certificate has {0} value(s) of this field, and `.1` is the second")]
    CertificateValues(usize),
    /// The value may not be inserted (POLICY-259, POLICY-261).
    #[error("{}", not_inserted(*.0))]
    NotInserted(NotInserted),
    /// A key with several values is no variable (POLICY-212).
    #[error("the key holds several values and cannot be used as a variable")]
    SeveralValues,
    /// A key with an empty list of values.
    #[error("the key holds no values in this request")]
    NoValues,
    /// A clean connect without will has no connect attributes (POLICY-320).
    #[error("a clean connect without a will has no connect attributes")]
    NoConnectAttributes,
    /// The CONNECT has no will (POLICY-323).
    #[error("the client connects without a will")]
    NoWill,
    /// The key exists for one action only.
    #[error("the key exists for `{0}` only")]
    OnlyFor(&'static str),
    /// The client sent no SNI (POLICY-225).
    #[error("the client named no host when it connected (no SNI)")]
    NoDomainName,
    /// The connection comes through a VPC endpoint (POLICY-226).
    #[error("the connection comes through a VPC endpoint, which has `aws:VpcSourceIp` instead")]
    ThroughVpc,
    /// The connection does not come through a VPC endpoint (POLICY-226).
    #[error("the connection does not come through a VPC endpoint")]
    NotThroughVpc,
    /// The key belongs to callers that sign with AWS credentials; IoT policies never read it.
    #[error(
        "only the IAM policies of callers that sign with AWS credentials know it, and not for every caller"
    )]
    NotIam,
    /// A role or the account itself has no user name.
    #[error("only IAM users have a name, and the caller is none; every caller has `aws:userid`")]
    NoUser,
    /// The key belongs to credentials of a role alias (AUTH-241).
    #[error("only credentials of a role alias carry it, and only IAM policies know it")]
    NoSession,
    /// The credentials were asked for without naming a thing (AUTH-241).
    #[error("the credentials were asked for without the header `x-amzn-iot-thingname`")]
    NoThingHeader,
    /// The credentials stand for no thing, or for one without a type (AUTH-241).
    #[error(
        "the credentials were asked for without the header `x-amzn-iot-thingname`, or the thing had no type then"
    )]
    NoThingTypeOfSession,
    /// The request does not have this fact.
    #[error("the request does not have it")]
    NotGiven,
    /// No such key on the data plane (POLICY-022, POLICY-213, POLICY-329); the hint is empty or begins with `; `.
    #[error("no request of a device has a key of this name{0}")]
    Unknown(&'static str),
    /// `${` without `}`.
    #[error("the variable is not closed with `}}`")]
    Unclosed,
}

fn unknown(name: &str) -> Absent {
    Absent::Unknown(match name {
        "iot:thing.thingname" | "iot:connection.thing" | "iot:thingname" => {
            "; the thing's name is `iot:Connection.Thing.ThingName`"
        }
        _ if name.contains(['\'', ' ']) => "; default values inside a variable are not supported",
        _ if name.starts_with("iot:thing.attributes") => {
            "; attributes are `iot:Connection.Thing.Attributes[NAME]`"
        }
        _ if name.starts_with("iot:connection.thing.attributes") => {
            "; attributes are written `iot:Connection.Thing.Attributes[NAME]`"
        }
        _ => "",
    })
}

fn differs_in_case(other: &Option<Arc<str>>) -> String {
    match other {
        Some(name) => format!("; it has `{name}`, and attribute names are case-sensitive"),
        None => String::new(),
    }
}

fn not_inserted(reason: NotInserted) -> String {
    match reason {
        NotInserted::Special(c) => {
            format!("the certificate's value contains `{c}`, and such values are never inserted")
        }
        NotInserted::TooLong => {
            "the certificate's value is longer than 1,024 characters, and such values are never inserted"
                .to_owned()
        }
    }
}

fn only_for(owner: &'static str, action: &str) -> Option<Absent> {
    (!action.eq_ignore_ascii_case(owner)).then_some(Absent::OnlyFor(owner))
}

fn text(value: &Option<Arc<str>>, absent: Absent) -> Value<'_> {
    borrowed(value.as_deref(), absent)
}

fn borrowed(value: Option<&str>, absent: Absent) -> Value<'_> {
    value.map_or(Value::Absent(absent), |value| Value::One(Cow::Borrowed(value)))
}

fn address<'a>(value: Option<IpAddr>, absent: Absent) -> Value<'a> {
    // A dual-stack listener sees IPv4 peers as ::ffff:a.b.c.d.
    value.map_or(Value::Absent(absent), |ip| Value::One(Cow::Owned(ip.to_canonical().to_string())))
}

fn computed<'a>(value: Option<String>) -> Value<'a> {
    value.map_or(Value::Absent(Absent::NotGiven), |value| Value::One(Cow::Owned(value)))
}

const fn flag<'a>(value: bool) -> Value<'a> {
    Value::One(Cow::Borrowed(if value { "true" } else { "false" }))
}

fn many<'a>(values: impl Iterator<Item = &'a str>, absent: Absent) -> Value<'a> {
    let values: SmallVec<[Cow<'a, str>; 4]> = values.map(Cow::Borrowed).collect();
    if values.is_empty() { Value::Absent(absent) } else { Value::Many(values) }
}

fn iso_8601(now: Timestamp) -> String {
    match jiff::Timestamp::from_millisecond(now.as_millis()) {
        Ok(time) => time.to_string(),
        Err(_) => now.to_string(),
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mqtt => "MQTT",
            Self::Https => "HTTPS",
        })
    }
}
