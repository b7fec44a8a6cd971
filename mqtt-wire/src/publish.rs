//! PUBLISH (3.3).

use std::sync::Arc;

use bytes::{BufMut, Bytes};
use thingstead_core::topic;

use crate::error::Section;
use crate::property::{self, Carrier, Properties, Property, Variable};
use crate::reader::{self, Reader};
use crate::{
    Answer, DecodeError, EncodeError, PacketId, PublishFrame, QoS, ReasonCode, Role, UserProperty, Version,
};

/// A PUBLISH packet. Cloning shares topic, payload and texts.
#[derive(Debug, Clone, PartialEq)]
pub struct Publish {
    /// Sent again; the server ignores it (MQTT-088).
    pub dup: bool,
    /// Any of the three.
    pub qos: QoS,
    /// RETAIN.
    pub retain: bool,
    /// Well formed, without wildcards; of any length. Empty only with a topic alias.
    pub topic: Arc<str>,
    /// Present exactly above QoS 0.
    pub packet_id: Option<PacketId>,
    /// `None` when there are none, always so in MQTT 3.1.1.
    pub properties: Option<Box<PublishProperties>>,
    /// A slice of the buffer it was read from.
    pub payload: Bytes,
}

/// The properties of PUBLISH (3.3.2.3).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PublishProperties {
    /// 0 bytes, 1 UTF-8 text.
    pub payload_format_indicator: Option<u8>,
    /// Seconds.
    pub message_expiry_interval: Option<u32>,
    /// At least 1.
    pub topic_alias: Option<u16>,
    /// Without wildcards.
    pub response_topic: Option<Arc<str>>,
    /// Any bytes.
    pub correlation_data: Option<Bytes>,
    /// In the sender's order.
    pub user_properties: Vec<UserProperty>,
    /// 1 to 268,435,455; only from a server, which may send several.
    pub subscription_identifiers: Vec<u32>,
    /// The application's word for the payload's type.
    pub content_type: Option<Arc<str>>,
}

impl Publish {
    /// A QoS 0 PUBLISH without properties.
    pub fn new(topic: impl Into<Arc<str>>, payload: impl Into<Bytes>) -> Self {
        Self {
            dup: false,
            qos: QoS::AtMostOnce,
            retain: false,
            topic: topic.into(),
            packet_id: None,
            properties: None,
            payload: payload.into(),
        }
    }

    /// Appends the frame. Whoever sends one message to many receivers uses [`PublishFrame`].
    pub fn encode(&self, version: Version, out: &mut impl BufMut) -> Result<(), EncodeError> {
        PublishFrame::new(version, self)?.put(self.packet_id, None, out)
    }
}

impl Properties for PublishProperties {
    const CARRIER: Carrier = Carrier::Publish;

    fn set(&mut self, property: Property<'_>) {
        match property {
            Property::PayloadFormatIndicator(value) => self.payload_format_indicator = Some(value),
            Property::MessageExpiryInterval(value) => self.message_expiry_interval = Some(value),
            Property::TopicAlias(value) => self.topic_alias = Some(value),
            Property::ResponseTopic(text) => self.response_topic = Some(text.into()),
            Property::CorrelationData(bytes) => self.correlation_data = Some(Bytes::copy_from_slice(bytes)),
            Property::User(name, value) => self.user_properties.push((name.into(), value.into())),
            Property::SubscriptionIdentifier(Variable(id)) => self.subscription_identifiers.push(id),
            Property::ContentType(text) => self.content_type = Some(text.into()),
            _ => {}
        }
    }

    fn visit(&self, put: &mut dyn FnMut(Property<'_>)) {
        if let Some(value) = self.payload_format_indicator {
            put(Property::PayloadFormatIndicator(value));
        }
        if let Some(value) = self.message_expiry_interval {
            put(Property::MessageExpiryInterval(value));
        }
        if let Some(value) = self.topic_alias {
            put(Property::TopicAlias(value));
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
        for id in &self.subscription_identifiers {
            put(Property::SubscriptionIdentifier(Variable(*id)));
        }
        if let Some(text) = &self.content_type {
            put(Property::ContentType(text));
        }
    }
}

/// Reads everything but the payload, which is what the returned number of bytes at the end of `body` are.
///
/// `known` is the topic of the connection's last PUBLISH: clients repeat themselves, and a repeated topic costs one comparison.
pub(crate) fn read(
    flags: u8,
    body: &[u8],
    version: Version,
    role: Role,
    known: &mut Option<Arc<str>>,
) -> Result<(Publish, usize), DecodeError> {
    let (dup, qos, retain) = read_flags(flags)?;
    let mut reader = Reader::new(body);
    let topic = reader.binary("topic name")?;
    let packet_id = match qos {
        QoS::AtMostOnce => None,
        _ => Some(reader.packet_id()?),
    };
    let properties: Option<Box<PublishProperties>> = match version {
        Version::V311 => None,
        Version::V5 => property::read(&mut reader, role)?.map(Box::new),
    };
    let alias = properties.as_ref().is_some_and(|properties| properties.topic_alias.is_some());
    let topic = match known {
        Some(known) if known.as_bytes() == topic => Arc::clone(known),
        _ if topic.is_empty() && alias => Arc::default(),
        _ if topic.is_empty() && version.is_v5() => {
            let detail = "topic name is empty, and there is no topic alias";
            return Err(DecodeError::protocol(Section::both("3.3.2.1"), detail));
        }
        _ => {
            let topic: Arc<str> = topic_name(topic, "topic name")?.into();
            *known = Some(Arc::clone(&topic));
            topic
        }
    };
    if let Some(response) = properties.as_ref().and_then(|properties| properties.response_topic.as_deref())
        && let Err(error) = topic_name(response.as_bytes(), "response topic")
    {
        return Err(match packet_id {
            Some(id) => {
                let reason = error.reason;
                error.answered(Answer::PubAck(id, reason))
            }
            None => error,
        });
    }
    let publish = Publish { dup, qos, retain, topic, packet_id, properties, payload: Bytes::new() };
    Ok((publish, reader.len()))
}

fn read_flags(flags: u8) -> Result<(bool, QoS, bool), DecodeError> {
    let dup = flags & 0b1000 != 0;
    let qos = QoS::from_u8(flags >> 1 & 0b11)
        .ok_or_else(|| DecodeError::malformed(Section::both("3.3.1.2"), "QoS is 3; it must be 0, 1 or 2"))?;
    if dup && qos == QoS::AtMostOnce {
        let detail = "DUP is set on a QoS 0 message";
        return Err(DecodeError::malformed(Section::both("3.3.1.1"), detail));
    }
    Ok((dup, qos, flags & 1 != 0))
}

/// A topic name that can be published to (MQTT-098): UTF-8, not empty, no wildcard.
pub(crate) fn topic_name<'a>(bytes: &'a [u8], field: &'static str) -> Result<&'a str, DecodeError> {
    let name = reader::text(bytes, field)?;
    topic::check_name(name).map_err(|error| {
        let detail = format!("{field} {} {error}", topic::Quoted(name));
        DecodeError::new(ReasonCode::TopicNameInvalid, Section::TOPIC, detail)
    })?;
    Ok(name)
}
