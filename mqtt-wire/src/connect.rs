//! CONNECT (3.1).

use std::sync::Arc;

use bytes::{BufMut, Bytes};

use crate::error::Section;
use crate::property::{self, Carrier, Properties, Property};
use crate::publish::topic_name;
use crate::reader::Reader;
use crate::writer::Body;
use crate::{Answer, DecodeError, EncodeError, PacketType, QoS, ReasonCode, Role, UserProperty, Version};

/// A CONNECT packet.
#[derive(Debug, Clone, PartialEq)]
pub struct Connect {
    /// By protocol level.
    pub version: Version,
    /// Clean Session of MQTT 3.1.1, Clean Start of MQTT 5.
    pub clean_start: bool,
    /// Seconds; 0 asks for none.
    pub keep_alive: u16,
    /// As sent: may be empty, of any length.
    pub client_id: Arc<str>,
    /// The message to publish when the connection is lost.
    pub will: Option<Will>,
    /// `Some("")` when present and empty.
    pub user_name: Option<Arc<str>>,
    /// Any bytes; `Some` and empty when present and empty.
    pub password: Option<Bytes>,
    /// Only in MQTT 5.
    pub properties: ConnectProperties,
}

/// The properties of CONNECT (3.1.2.11).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ConnectProperties {
    /// Seconds; 0xFFFFFFFF for ever.
    pub session_expiry_interval: Option<u32>,
    /// At least 1.
    pub receive_maximum: Option<u16>,
    /// At least 1.
    pub maximum_packet_size: Option<u32>,
    /// How many aliases the client takes.
    pub topic_alias_maximum: Option<u16>,
    /// Whether the client wants response information.
    pub request_response_information: Option<bool>,
    /// Whether the client wants reason strings and user properties on failures (MQTT-079).
    pub request_problem_information: Option<bool>,
    /// In the client's order.
    pub user_properties: Vec<UserProperty>,
    /// Not supported by the service (MQTT-059).
    pub authentication_method: Option<Arc<str>>,
    /// Only with a method.
    pub authentication_data: Option<Bytes>,
}

/// The Will of a CONNECT.
#[derive(Debug, Clone, PartialEq)]
pub struct Will {
    /// Well formed, without wildcards; of any length.
    pub topic: Arc<str>,
    /// Any bytes.
    pub payload: Bytes,
    /// Any of the three.
    pub qos: QoS,
    /// RETAIN of the message.
    pub retain: bool,
    /// Only in MQTT 5.
    pub properties: WillProperties,
}

/// The properties of a Will (3.1.3.2).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct WillProperties {
    /// Seconds.
    pub will_delay_interval: Option<u32>,
    /// 0 bytes, 1 UTF-8 text.
    pub payload_format_indicator: Option<u8>,
    /// Seconds.
    pub message_expiry_interval: Option<u32>,
    /// The application's word for the payload's type.
    pub content_type: Option<Arc<str>>,
    /// Without wildcards.
    pub response_topic: Option<Arc<str>>,
    /// Any bytes.
    pub correlation_data: Option<Bytes>,
    /// In the client's order.
    pub user_properties: Vec<UserProperty>,
}

impl Connect {
    /// A clean start without Will, credentials or properties.
    pub fn new(version: Version, client_id: impl Into<Arc<str>>, keep_alive: u16) -> Self {
        Self {
            version,
            clean_start: true,
            keep_alive,
            client_id: client_id.into(),
            will: None,
            user_name: None,
            password: None,
            properties: ConnectProperties::default(),
        }
    }

    /// Appends the frame in the encoding of [`Connect::version`].
    pub fn encode(&self, out: &mut impl BufMut) -> Result<(), EncodeError> {
        let (packet, version) = (PacketType::Connect, self.version);
        if version == Version::V311 && self.password.is_some() && self.user_name.is_none() {
            let what = "a password without a user name".into();
            return Err(EncodeError::Unsupported { packet, version, what });
        }
        let mut body = Body::default();
        body.string("protocol name", "MQTT")?;
        body.u8(version.level());
        body.u8(self.flags());
        body.u16(self.keep_alive);
        if version.is_v5() {
            body.properties(&self.properties)?;
        }
        body.string("client identifier", &self.client_id)?;
        if let Some(will) = &self.will {
            if version.is_v5() {
                body.properties(&will.properties)?;
            }
            body.string("will topic", &will.topic)?;
            body.binary("will payload", &will.payload)?;
        }
        if let Some(name) = &self.user_name {
            body.string("user name", name)?;
        }
        if let Some(password) = &self.password {
            body.binary("password", password)?;
        }
        body.frame(packet.first_byte(), out)
    }

    fn flags(&self) -> u8 {
        let will = self.will.as_ref().map_or(0, |will| {
            FLAG_WILL | will.qos.as_u8() << WILL_QOS_SHIFT | if will.retain { FLAG_WILL_RETAIN } else { 0 }
        });
        will | if self.clean_start { FLAG_CLEAN_START } else { 0 }
            | if self.user_name.is_some() { FLAG_USER_NAME } else { 0 }
            | if self.password.is_some() { FLAG_PASSWORD } else { 0 }
    }
}

const FLAG_RESERVED: u8 = 0b0000_0001;
const FLAG_CLEAN_START: u8 = 0b0000_0010;
const FLAG_WILL: u8 = 0b0000_0100;
const WILL_QOS_SHIFT: u8 = 3;
const FLAG_WILL_RETAIN: u8 = 0b0010_0000;
const FLAG_PASSWORD: u8 = 0b0100_0000;
const FLAG_USER_NAME: u8 = 0b1000_0000;

/// Reads and checks the body. Errors carry the version as far as it was understood, and the answer that goes with it.
pub(crate) fn read(body: &[u8]) -> Result<Connect, DecodeError> {
    let mut reader = Reader::new(body);
    let version = read_version(&mut reader)?;
    read_rest(&mut reader, version).map_err(|error| {
        let answer = match version {
            Version::V311 => Answer::Close,
            Version::V5 => Answer::ConnAck(version, error.reason),
        };
        DecodeError { version: Some(version), ..error }.answered(answer)
    })
}

/// Protocol name and level (MQTT-043).
fn read_version(reader: &mut Reader<'_>) -> Result<Version, DecodeError> {
    let name = reader.binary("protocol name")?;
    let unsupported = |section: &'static str, detail: String| {
        DecodeError::new(ReasonCode::UnsupportedProtocolVersion, Section::both(section), detail)
    };
    if name != b"MQTT" && name != b"MQIsdp" {
        let name = String::from_utf8_lossy(name);
        let detail = format!("protocol name is {}; it must be `MQTT`", thingstead_core::topic::Quoted(&name));
        return Err(unsupported("3.1.2.1", detail));
    }
    let level = reader.u8("protocol level")?;
    match level {
        4 if name == b"MQTT" => Ok(Version::V311),
        5 if name == b"MQTT" => Ok(Version::V5),
        _ => {
            let detail = format!("protocol level is {level}; 4 (MQTT 3.1.1) and 5 (MQTT 5) are served");
            let error = unsupported("3.1.2.2", detail);
            Err(match level {
                0..=3 => {
                    error.answered(Answer::ConnAck(Version::V311, ReasonCode::UnsupportedProtocolVersion))
                }
                _ => error,
            })
        }
    }
}

fn read_rest(reader: &mut Reader<'_>, version: Version) -> Result<Connect, DecodeError> {
    let flags = reader.u8("connect flags")?;
    check_flags(flags, version)?;
    let keep_alive = reader.u16("keep alive")?;
    let properties = read_properties(reader, version)?;
    let client_id = reader.string("client identifier")?.into();
    let will = match flags & FLAG_WILL {
        0 => None,
        _ => Some(read_will(reader, flags, version)?),
    };
    let user_name = match flags & FLAG_USER_NAME {
        0 => None,
        _ => Some(reader.string("user name")?.into()),
    };
    let password = match flags & FLAG_PASSWORD {
        0 => None,
        _ => Some(Bytes::copy_from_slice(reader.binary("password")?)),
    };
    reader.end(Section::both("3.1.3"))?;
    let clean_start = flags & FLAG_CLEAN_START != 0;
    Ok(Connect { version, clean_start, keep_alive, client_id, will, user_name, password, properties })
}

fn check_flags(flags: u8, version: Version) -> Result<(), DecodeError> {
    let refuse = |section, detail| Err(DecodeError::malformed(Section::both(section), detail));
    if flags & FLAG_RESERVED != 0 {
        return refuse("3.1.2.3", "the reserved bit of the connect flags is set");
    }
    let will_qos = flags >> WILL_QOS_SHIFT & 0b11;
    if flags & FLAG_WILL == 0 {
        if will_qos != 0 {
            return refuse("3.1.2.6", "will QoS is not 0 although there is no Will");
        }
        if flags & FLAG_WILL_RETAIN != 0 {
            return refuse("3.1.2.7", "will retain is set although there is no Will");
        }
    }
    if will_qos == 3 {
        return refuse("3.1.2.6", "will QoS is 3; it must be 0, 1 or 2");
    }
    if version == Version::V311 && flags & (FLAG_USER_NAME | FLAG_PASSWORD) == FLAG_PASSWORD {
        return refuse("3.1.2.9", "there is a password but no user name");
    }
    Ok(())
}

fn read_will(reader: &mut Reader<'_>, flags: u8, version: Version) -> Result<Will, DecodeError> {
    let properties: WillProperties = read_properties(reader, version)?;
    if let Some(topic) = &properties.response_topic {
        topic_name(topic.as_bytes(), "response topic")?;
    }
    let topic = topic_name(reader.binary("will topic")?, "will topic")?.into();
    let payload = Bytes::copy_from_slice(reader.binary("will payload")?);
    let qos = QoS::from_u8(flags >> WILL_QOS_SHIFT & 0b11).unwrap_or_default();
    Ok(Will { topic, payload, qos, retain: flags & FLAG_WILL_RETAIN != 0, properties })
}

fn read_properties<P: Properties>(reader: &mut Reader<'_>, version: Version) -> Result<P, DecodeError> {
    match version {
        Version::V311 => Ok(P::default()),
        Version::V5 => Ok(property::read(reader, Role::Server)?.unwrap_or_default()),
    }
}

impl Properties for ConnectProperties {
    const CARRIER: Carrier = Carrier::Connect;

    fn set(&mut self, property: Property<'_>) {
        match property {
            Property::SessionExpiryInterval(value) => self.session_expiry_interval = Some(value),
            Property::ReceiveMaximum(value) => self.receive_maximum = Some(value),
            Property::MaximumPacketSize(value) => self.maximum_packet_size = Some(value),
            Property::TopicAliasMaximum(value) => self.topic_alias_maximum = Some(value),
            Property::RequestResponseInformation(value) => self.request_response_information = Some(value),
            Property::RequestProblemInformation(value) => self.request_problem_information = Some(value),
            Property::User(name, value) => self.user_properties.push((name.into(), value.into())),
            Property::AuthenticationMethod(text) => self.authentication_method = Some(text.into()),
            Property::AuthenticationData(bytes) => {
                self.authentication_data = Some(Bytes::copy_from_slice(bytes))
            }
            _ => {}
        }
    }

    fn visit(&self, put: &mut dyn FnMut(Property<'_>)) {
        if let Some(value) = self.session_expiry_interval {
            put(Property::SessionExpiryInterval(value));
        }
        if let Some(value) = self.receive_maximum {
            put(Property::ReceiveMaximum(value));
        }
        if let Some(value) = self.maximum_packet_size {
            put(Property::MaximumPacketSize(value));
        }
        if let Some(value) = self.topic_alias_maximum {
            put(Property::TopicAliasMaximum(value));
        }
        if let Some(value) = self.request_response_information {
            put(Property::RequestResponseInformation(value));
        }
        if let Some(value) = self.request_problem_information {
            put(Property::RequestProblemInformation(value));
        }
        for (name, value) in &self.user_properties {
            put(Property::User(name, value));
        }
        if let Some(text) = &self.authentication_method {
            put(Property::AuthenticationMethod(text));
        }
        if let Some(bytes) = &self.authentication_data {
            put(Property::AuthenticationData(bytes));
        }
    }
}

impl Properties for WillProperties {
    const CARRIER: Carrier = Carrier::Will;

    fn set(&mut self, property: Property<'_>) {
        match property {
            Property::WillDelayInterval(value) => self.will_delay_interval = Some(value),
            Property::PayloadFormatIndicator(value) => self.payload_format_indicator = Some(value),
            Property::MessageExpiryInterval(value) => self.message_expiry_interval = Some(value),
            Property::ContentType(text) => self.content_type = Some(text.into()),
            Property::ResponseTopic(text) => self.response_topic = Some(text.into()),
            Property::CorrelationData(bytes) => self.correlation_data = Some(Bytes::copy_from_slice(bytes)),
            Property::User(name, value) => self.user_properties.push((name.into(), value.into())),
            _ => {}
        }
    }

    fn visit(&self, put: &mut dyn FnMut(Property<'_>)) {
        if let Some(value) = self.will_delay_interval {
            put(Property::WillDelayInterval(value));
        }
        if let Some(value) = self.payload_format_indicator {
            put(Property::PayloadFormatIndicator(value));
        }
        if let Some(value) = self.message_expiry_interval {
            put(Property::MessageExpiryInterval(value));
        }
        if let Some(text) = &self.content_type {
            put(Property::ContentType(text));
        }
        if let Some(text) = &self.response_topic {
            put(Property::ResponseTopic(text));
        }
        if let Some(bytes) = &self.correlation_data {
            put(Property::CorrelationData(bytes));
        }
        for (name, value) in &self.user_properties {
            put(Property::User(name, value));
        }
    }
}
