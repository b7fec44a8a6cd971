//! Properties of MQTT 5 (2.2.2): which packet may carry which, once or often, with which values.

use crate::error::Section;
use crate::reader::Reader;
use crate::writer::Body;
use crate::{DecodeError, EncodeError, ReasonCode, Role};

/// Everything that is known of each property: identifier, value, which values are allowed, name, and who carries it (table 2-4).
/// Reading and writing follow from it.
macro_rules! properties {
    ($($id:literal $variant:ident($value:ty) $check:ident $name:literal of $($carrier:ident)|+;)*) => {
        /// One property, its value checked, its text borrowed from the frame.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Property<'a> {
            $($variant($value),)*
            /// The only pair, and everybody may carry it.
            User(&'a str, &'a str),
        }

        const fn name(id: u32) -> Option<&'static str> {
            match id {
                $($id => Some($name),)*
                USER_PROPERTY => Some("user property"),
                _ => None,
            }
        }

        const fn carries(carrier: Carrier, id: u32) -> bool {
            match id {
                $($id => matches!(carrier, $(Carrier::$carrier)|+),)*
                id => id == USER_PROPERTY,
            }
        }

        /// Reads the value of a property that has a name.
        fn value<'a>(reader: &mut Reader<'a>, id: u32) -> Result<Property<'a>, DecodeError> {
            match id {
                $($id => Ok(Property::$variant($check(Value::read(reader, $name)?, $name)?)),)*
                _ => Ok(Property::User(
                    reader.string("user property name")?,
                    reader.string("user property value")?,
                )),
            }
        }

        impl Property<'_> {
            /// Appends identifier and value.
            pub(crate) fn write(self, out: &mut Body) -> Result<(), EncodeError> {
                match self {
                    $(Self::$variant(value) => {
                        out.u8($id);
                        value.write($name, out)
                    })*
                    Self::User(name, value) => {
                        out.u8(USER_PROPERTY as u8);
                        out.string("user property name", name)?;
                        out.string("user property value", value)
                    }
                }
            }
        }
    };
}

properties! {
    1 PayloadFormatIndicator(u8) any "payload format indicator" of Will | Publish;
    2 MessageExpiryInterval(u32) any "message expiry interval" of Will | Publish;
    3 ContentType(&'a str) any "content type" of Will | Publish;
    8 ResponseTopic(&'a str) any "response topic" of Will | Publish;
    9 CorrelationData(&'a [u8]) any "correlation data" of Will | Publish;
    11 SubscriptionIdentifier(Variable) nonzero "subscription identifier" of Publish | Subscribe;
    17 SessionExpiryInterval(u32) any "session expiry interval" of Connect | ConnAck | Disconnect;
    18 AssignedClientIdentifier(&'a str) any "assigned client identifier" of ConnAck;
    19 ServerKeepAlive(u16) any "server keep alive" of ConnAck;
    21 AuthenticationMethod(&'a str) any "authentication method" of Connect | ConnAck | Auth;
    22 AuthenticationData(&'a [u8]) any "authentication data" of Connect | ConnAck | Auth;
    23 RequestProblemInformation(bool) any "request problem information" of Connect;
    24 WillDelayInterval(u32) any "will delay interval" of Will;
    25 RequestResponseInformation(bool) any "request response information" of Connect;
    26 ResponseInformation(&'a str) any "response information" of ConnAck;
    28 ServerReference(&'a str) any "server reference" of ConnAck | Disconnect;
    31 ReasonString(&'a str) any "reason string" of ConnAck | Ack | Disconnect | Auth;
    33 ReceiveMaximum(u16) nonzero "receive maximum" of Connect | ConnAck;
    34 TopicAliasMaximum(u16) any "topic alias maximum" of Connect | ConnAck;
    35 TopicAlias(u16) alias "topic alias" of Publish;
    36 MaximumQoS(u8) any "maximum QoS" of ConnAck;
    37 RetainAvailable(bool) any "retain available" of ConnAck;
    39 MaximumPacketSize(u32) nonzero "maximum packet size" of Connect | ConnAck;
    40 WildcardSubscriptionAvailable(bool) any "wildcard subscription available" of ConnAck;
    41 SubscriptionIdentifierAvailable(bool) any "subscription identifier available" of ConnAck;
    42 SharedSubscriptionAvailable(bool) any "shared subscription available" of ConnAck;
}

/// A number of one to four bytes: 0 to 268,435,455.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Variable(pub(crate) u32);

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
        value(&mut self.reader, id).map(Some)
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

    fn finish(&self) -> Result<(), DecodeError> {
        let has = |id: u32| self.seen & (1 << id) != 0;
        if has(AUTHENTICATION_DATA) && !has(AUTHENTICATION_METHOD) {
            let detail = "authentication data without authentication method";
            return Err(DecodeError::protocol(Section::both("4.12"), detail));
        }
        Ok(())
    }
}

/// A value as it stands in a frame.
trait Value<'a>: Sized {
    fn read(reader: &mut Reader<'a>, name: &'static str) -> Result<Self, DecodeError>;

    fn write(self, name: &'static str, out: &mut Body) -> Result<(), EncodeError>;
}

/// Every property of one byte is 0 or 1.
impl Value<'_> for u8 {
    fn read(reader: &mut Reader<'_>, name: &'static str) -> Result<Self, DecodeError> {
        match reader.u8(name)? {
            value @ (0 | 1) => Ok(value),
            value => {
                let detail = format!("{name} is {value}; it must be 0 or 1");
                Err(DecodeError::protocol(Section::PROPERTIES, detail))
            }
        }
    }

    fn write(self, _name: &'static str, out: &mut Body) -> Result<(), EncodeError> {
        out.u8(self);
        Ok(())
    }
}

impl Value<'_> for bool {
    fn read(reader: &mut Reader<'_>, name: &'static str) -> Result<Self, DecodeError> {
        Ok(<u8 as Value<'_>>::read(reader, name)? == 1)
    }

    fn write(self, name: &'static str, out: &mut Body) -> Result<(), EncodeError> {
        u8::from(self).write(name, out)
    }
}

impl Value<'_> for u16 {
    fn read(reader: &mut Reader<'_>, name: &'static str) -> Result<Self, DecodeError> {
        reader.u16(name)
    }

    fn write(self, _name: &'static str, out: &mut Body) -> Result<(), EncodeError> {
        out.u16(self);
        Ok(())
    }
}

impl Value<'_> for u32 {
    fn read(reader: &mut Reader<'_>, name: &'static str) -> Result<Self, DecodeError> {
        reader.u32(name)
    }

    fn write(self, _name: &'static str, out: &mut Body) -> Result<(), EncodeError> {
        out.u32(self);
        Ok(())
    }
}

impl Value<'_> for Variable {
    fn read(reader: &mut Reader<'_>, name: &'static str) -> Result<Self, DecodeError> {
        reader.variable(name).map(Self)
    }

    fn write(self, name: &'static str, out: &mut Body) -> Result<(), EncodeError> {
        out.variable(name, self.0)
    }
}

impl<'a> Value<'a> for &'a str {
    fn read(reader: &mut Reader<'a>, name: &'static str) -> Result<Self, DecodeError> {
        reader.string(name)
    }

    fn write(self, name: &'static str, out: &mut Body) -> Result<(), EncodeError> {
        out.string(name, self)
    }
}

impl<'a> Value<'a> for &'a [u8] {
    fn read(reader: &mut Reader<'a>, name: &'static str) -> Result<Self, DecodeError> {
        reader.binary(name)
    }

    fn write(self, name: &'static str, out: &mut Body) -> Result<(), EncodeError> {
        out.binary(name, self)
    }
}

/// A number that may not be 0.
trait Number: Copy {
    const MOST: u32;

    fn is_zero(self) -> bool;
}

impl Number for u16 {
    const MOST: u32 = u16::MAX as u32;

    fn is_zero(self) -> bool {
        self == 0
    }
}

impl Number for u32 {
    const MOST: u32 = u32::MAX;

    fn is_zero(self) -> bool {
        self == 0
    }
}

impl Number for Variable {
    const MOST: u32 = 268_435_455;

    fn is_zero(self) -> bool {
        self.0 == 0
    }
}

#[expect(clippy::unnecessary_wraps, reason = "the table calls it like the checks that refuse something")]
fn any<T>(value: T, _name: &'static str) -> Result<T, DecodeError> {
    Ok(value)
}

fn nonzero<T: Number>(value: T, name: &'static str) -> Result<T, DecodeError> {
    if value.is_zero() {
        let detail = format!("{name} is 0; it must be 1 to {}", T::MOST);
        return Err(DecodeError::protocol(Section::PROPERTIES, detail));
    }
    Ok(value)
}

/// A topic alias has a reason code of its own.
fn alias(value: u16, name: &'static str) -> Result<u16, DecodeError> {
    if value == 0 {
        let detail = format!("{name} is 0; it must be 1 to 65535");
        return Err(DecodeError::new(ReasonCode::TopicAliasInvalid, Section::both("3.3.2.3.4"), detail));
    }
    Ok(value)
}

// Properties that more than the table is known of.
const SUBSCRIPTION_IDENTIFIER: u32 = 11;
const SESSION_EXPIRY_INTERVAL: u32 = 17;
const AUTHENTICATION_METHOD: u32 = 21;
const AUTHENTICATION_DATA: u32 = 22;
const SERVER_REFERENCE: u32 = 28;
const USER_PROPERTY: u32 = 38;
