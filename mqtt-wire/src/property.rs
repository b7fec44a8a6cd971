//! Properties of MQTT 5 (2.2.2): which packet may carry which, once or often, with which values.

use crate::error::Section;
use crate::reader::Reader;
use crate::writer::Body;
use crate::{DecodeError, EncodeError, ReasonCode, Role};

/// One property, its value checked, its text borrowed from the frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Property<'a> {
    PayloadFormatIndicator(u8),
    MessageExpiryInterval(u32),
    ContentType(&'a str),
    ResponseTopic(&'a str),
    CorrelationData(&'a [u8]),
    SubscriptionIdentifier(u32),
    SessionExpiryInterval(u32),
    AssignedClientIdentifier(&'a str),
    ServerKeepAlive(u16),
    AuthenticationMethod(&'a str),
    AuthenticationData(&'a [u8]),
    RequestProblemInformation(bool),
    WillDelayInterval(u32),
    RequestResponseInformation(bool),
    ResponseInformation(&'a str),
    ServerReference(&'a str),
    ReasonString(&'a str),
    ReceiveMaximum(u16),
    TopicAliasMaximum(u16),
    TopicAlias(u16),
    MaximumQoS(u8),
    RetainAvailable(bool),
    User(&'a str, &'a str),
    MaximumPacketSize(u32),
    WildcardSubscriptionAvailable(bool),
    SubscriptionIdentifierAvailable(bool),
    SharedSubscriptionAvailable(bool),
}

/// A struct of properties that one kind of packet carries.
pub(crate) trait Properties: Default {
    /// Who carries them.
    const CARRIER: Carrier;

    /// Stores one; the reader hands over only what [`Carrier`] may carry.
    fn set(&mut self, property: Property<'_>);

    /// Hands over each present property in the order of the standard.
    fn visit(&self, put: &mut dyn FnMut(Property<'_>));
}

/// What carries properties.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Carrier {
    Connect,
    Will,
    ConnAck,
    Publish,
    /// PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK, UNSUBACK.
    Ack,
    Subscribe,
    Unsubscribe,
    Disconnect,
    Auth,
}

/// Reads a property length and the properties behind it. `None` when the length is 0.
pub(crate) fn read<P: Properties>(reader: &mut Reader<'_>, role: Role) -> Result<Option<P>, DecodeError> {
    let mut list = PropertyList::open(reader, P::CARRIER, role)?;
    let mut properties = None;
    while let Some(property) = list.next()? {
        properties.get_or_insert_with(P::default).set(property);
    }
    Ok(properties)
}

/// Reads a property length and the properties behind it, and keeps none.
pub(crate) fn check(reader: &mut Reader<'_>, carrier: Carrier, role: Role) -> Result<(), DecodeError> {
    let mut list = PropertyList::open(reader, carrier, role)?;
    while list.next()?.is_some() {}
    Ok(())
}

struct PropertyList<'a> {
    reader: Reader<'a>,
    carrier: Carrier,
    role: Role,
    /// One bit for each identifier seen.
    seen: u64,
}

impl<'a> PropertyList<'a> {
    fn open(reader: &mut Reader<'a>, carrier: Carrier, role: Role) -> Result<Self, DecodeError> {
        let length = reader.variable("property length")?;
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let list = reader.take(length, "properties")?;
        Ok(Self { reader: Reader::new(list), carrier, role, seen: 0 })
    }

    fn next(&mut self) -> Result<Option<Property<'a>>, DecodeError> {
        if self.reader.is_empty() {
            return self.finish().map(|()| None);
        }
        let id = self.reader.variable("property identifier")?;
        let Some(name) = name(id) else {
            let detail = format!("property identifier is {id}, which the standard does not define");
            return Err(DecodeError::malformed(Section::PROPERTIES, detail));
        };
        self.admit(id, name)?;
        self.value(id, name).map(Some)
    }

    /// Whether this carrier may have this property, again.
    fn admit(&mut self, id: u32, name: &'static str) -> Result<(), DecodeError> {
        let from_client = self.role == Role::Server;
        let allowed = match id {
            SUBSCRIPTION_IDENTIFIER => match self.carrier {
                Carrier::Publish if from_client => {
                    let detail = "a client may not send a subscription identifier in PUBLISH";
                    return Err(DecodeError::protocol(Section::both("3.3.2.3.8"), detail));
                }
                carrier => matches!(carrier, Carrier::Publish | Carrier::Subscribe),
            },
            SESSION_EXPIRY_INTERVAL if self.carrier == Carrier::Disconnect => from_client,
            SERVER_REFERENCE if self.carrier == Carrier::Disconnect => !from_client,
            _ => carries(self.carrier, id),
        };
        if !allowed {
            let detail = format!("{name} is not a property of this packet");
            return Err(DecodeError::malformed(Section::PROPERTIES, detail));
        }
        let repeatable =
            id == USER_PROPERTY || id == SUBSCRIPTION_IDENTIFIER && self.carrier == Carrier::Publish;
        let bit = 1_u64 << id;
        if self.seen & bit != 0 && !repeatable {
            let detail = format!("{name} appears more than once");
            return Err(DecodeError::protocol(Section::PROPERTIES, detail));
        }
        self.seen |= bit;
        Ok(())
    }

    fn value(&mut self, id: u32, name: &'static str) -> Result<Property<'a>, DecodeError> {
        let reader = &mut self.reader;
        Ok(match id {
            1 => Property::PayloadFormatIndicator(small(reader, name)?),
            2 => Property::MessageExpiryInterval(reader.u32(name)?),
            3 => Property::ContentType(reader.string(name)?),
            8 => Property::ResponseTopic(reader.string(name)?),
            9 => Property::CorrelationData(reader.binary(name)?),
            SUBSCRIPTION_IDENTIFIER => match reader.variable(name)? {
                0 => return Err(zero(name, "1 to 268435455")),
                id => Property::SubscriptionIdentifier(id),
            },
            SESSION_EXPIRY_INTERVAL => Property::SessionExpiryInterval(reader.u32(name)?),
            18 => Property::AssignedClientIdentifier(reader.string(name)?),
            19 => Property::ServerKeepAlive(reader.u16(name)?),
            AUTHENTICATION_METHOD => Property::AuthenticationMethod(reader.string(name)?),
            AUTHENTICATION_DATA => Property::AuthenticationData(reader.binary(name)?),
            23 => Property::RequestProblemInformation(small(reader, name)? == 1),
            24 => Property::WillDelayInterval(reader.u32(name)?),
            25 => Property::RequestResponseInformation(small(reader, name)? == 1),
            26 => Property::ResponseInformation(reader.string(name)?),
            SERVER_REFERENCE => Property::ServerReference(reader.string(name)?),
            31 => Property::ReasonString(reader.string(name)?),
            33 => match reader.u16(name)? {
                0 => return Err(zero(name, "1 to 65535")),
                maximum => Property::ReceiveMaximum(maximum),
            },
            34 => Property::TopicAliasMaximum(reader.u16(name)?),
            35 => match reader.u16(name)? {
                0 => {
                    let detail = "topic alias is 0; it must be 1 to 65535";
                    let section = Section::both("3.3.2.3.4");
                    return Err(DecodeError::new(ReasonCode::TopicAliasInvalid, section, detail));
                }
                alias => Property::TopicAlias(alias),
            },
            36 => Property::MaximumQoS(small(reader, name)?),
            37 => Property::RetainAvailable(small(reader, name)? == 1),
            39 => match reader.u32(name)? {
                0 => return Err(zero(name, "1 to 4294967295")),
                size => Property::MaximumPacketSize(size),
            },
            40 => Property::WildcardSubscriptionAvailable(small(reader, name)? == 1),
            41 => Property::SubscriptionIdentifierAvailable(small(reader, name)? == 1),
            42 => Property::SharedSubscriptionAvailable(small(reader, name)? == 1),
            // USER_PROPERTY: every other identifier has no name and was refused.
            _ => Property::User(reader.string("user property name")?, reader.string("user property value")?),
        })
    }

    fn finish(&self) -> Result<(), DecodeError> {
        let has = |id: u32| self.seen & (1 << id) != 0;
        if has(AUTHENTICATION_DATA) && !has(AUTHENTICATION_METHOD) {
            let detail = "authentication data without authentication method";
            return Err(DecodeError::protocol(Section::both("4.12"), detail));
        }
        Ok(())
    }
}

/// A byte that must be 0 or 1.
fn small(reader: &mut Reader<'_>, name: &'static str) -> Result<u8, DecodeError> {
    match reader.u8(name)? {
        value @ (0 | 1) => Ok(value),
        value => {
            let detail = format!("{name} is {value}; it must be 0 or 1");
            Err(DecodeError::protocol(Section::PROPERTIES, detail))
        }
    }
}

fn zero(name: &'static str, allowed: &str) -> DecodeError {
    DecodeError::protocol(Section::PROPERTIES, format!("{name} is 0; it must be {allowed}"))
}

const SUBSCRIPTION_IDENTIFIER: u32 = 11;
const SESSION_EXPIRY_INTERVAL: u32 = 17;
const AUTHENTICATION_METHOD: u32 = 21;
const AUTHENTICATION_DATA: u32 = 22;
const SERVER_REFERENCE: u32 = 28;
const USER_PROPERTY: u32 = 38;

/// Table 2-4 of the standard.
const fn carries(carrier: Carrier, id: u32) -> bool {
    match carrier {
        Carrier::Connect => matches!(id, 17 | 21 | 22 | 23 | 25 | 33 | 34 | 38 | 39),
        Carrier::Will => matches!(id, 1 | 2 | 3 | 8 | 9 | 24 | 38),
        Carrier::ConnAck => {
            matches!(id, 17 | 18 | 19 | 21 | 22 | 26 | 28 | 31 | 33 | 34 | 36 | 37 | 38 | 39 | 40 | 41 | 42)
        }
        Carrier::Publish => matches!(id, 1 | 2 | 3 | 8 | 9 | 11 | 35 | 38),
        Carrier::Ack => matches!(id, 31 | 38),
        Carrier::Subscribe => matches!(id, 11 | 38),
        Carrier::Unsubscribe => matches!(id, 38),
        Carrier::Disconnect => matches!(id, 17 | 28 | 31 | 38),
        Carrier::Auth => matches!(id, 21 | 22 | 31 | 38),
    }
}

const fn name(id: u32) -> Option<&'static str> {
    Some(match id {
        1 => "payload format indicator",
        2 => "message expiry interval",
        3 => "content type",
        8 => "response topic",
        9 => "correlation data",
        11 => "subscription identifier",
        17 => "session expiry interval",
        18 => "assigned client identifier",
        19 => "server keep alive",
        21 => "authentication method",
        22 => "authentication data",
        23 => "request problem information",
        24 => "will delay interval",
        25 => "request response information",
        26 => "response information",
        28 => "server reference",
        31 => "reason string",
        33 => "receive maximum",
        34 => "topic alias maximum",
        35 => "topic alias",
        36 => "maximum QoS",
        37 => "retain available",
        38 => "user property",
        39 => "maximum packet size",
        40 => "wildcard subscription available",
        41 => "subscription identifier available",
        42 => "shared subscription available",
        _ => return None,
    })
}

impl Property<'_> {
    const fn id(self) -> u8 {
        match self {
            Self::PayloadFormatIndicator(_) => 1,
            Self::MessageExpiryInterval(_) => 2,
            Self::ContentType(_) => 3,
            Self::ResponseTopic(_) => 8,
            Self::CorrelationData(_) => 9,
            Self::SubscriptionIdentifier(_) => 11,
            Self::SessionExpiryInterval(_) => 17,
            Self::AssignedClientIdentifier(_) => 18,
            Self::ServerKeepAlive(_) => 19,
            Self::AuthenticationMethod(_) => 21,
            Self::AuthenticationData(_) => 22,
            Self::RequestProblemInformation(_) => 23,
            Self::WillDelayInterval(_) => 24,
            Self::RequestResponseInformation(_) => 25,
            Self::ResponseInformation(_) => 26,
            Self::ServerReference(_) => 28,
            Self::ReasonString(_) => 31,
            Self::ReceiveMaximum(_) => 33,
            Self::TopicAliasMaximum(_) => 34,
            Self::TopicAlias(_) => 35,
            Self::MaximumQoS(_) => 36,
            Self::RetainAvailable(_) => 37,
            Self::User(..) => 38,
            Self::MaximumPacketSize(_) => 39,
            Self::WildcardSubscriptionAvailable(_) => 40,
            Self::SubscriptionIdentifierAvailable(_) => 41,
            Self::SharedSubscriptionAvailable(_) => 42,
        }
    }

    /// Appends identifier and value.
    pub(crate) fn write(self, out: &mut Body) -> Result<(), EncodeError> {
        let id = self.id();
        let field = name(u32::from(id)).unwrap_or("property");
        out.u8(id);
        match self {
            Self::PayloadFormatIndicator(value) | Self::MaximumQoS(value) => out.u8(value),
            Self::RequestProblemInformation(value)
            | Self::RequestResponseInformation(value)
            | Self::RetainAvailable(value)
            | Self::WildcardSubscriptionAvailable(value)
            | Self::SubscriptionIdentifierAvailable(value)
            | Self::SharedSubscriptionAvailable(value) => out.u8(u8::from(value)),
            Self::ServerKeepAlive(value)
            | Self::ReceiveMaximum(value)
            | Self::TopicAliasMaximum(value)
            | Self::TopicAlias(value) => out.u16(value),
            Self::MessageExpiryInterval(value)
            | Self::SessionExpiryInterval(value)
            | Self::WillDelayInterval(value)
            | Self::MaximumPacketSize(value) => out.u32(value),
            Self::SubscriptionIdentifier(value) => out.variable(field, value)?,
            Self::ContentType(text)
            | Self::ResponseTopic(text)
            | Self::AssignedClientIdentifier(text)
            | Self::AuthenticationMethod(text)
            | Self::ResponseInformation(text)
            | Self::ServerReference(text)
            | Self::ReasonString(text) => out.string(field, text)?,
            Self::CorrelationData(bytes) | Self::AuthenticationData(bytes) => out.binary(field, bytes)?,
            Self::User(name, value) => {
                out.string("user property name", name)?;
                out.string("user property value", value)?;
            }
        }
        Ok(())
    }
}
