//! A PUBLISH encoded once and sent to many: per receiver only packet identifier and time left change.

use bytes::{BufMut, Bytes};
use smallvec::SmallVec;
use thingstead_core::Message;

use crate::property::{Properties, Property};
use crate::writer::{Body, VariableBytes};
use crate::{
    EncodeError, MAX_REMAINING_LENGTH, PacketId, PacketType, Publish, PublishProperties, QoS, Version,
};

/// An outgoing PUBLISH for one protocol version, QoS, retain flag and set of properties.
///
/// Everything before the payload is encoded; the payload stays shared until [`PublishFrame::put`] copies it into an output buffer.
#[derive(Debug, Clone)]
pub struct PublishFrame {
    /// Fixed header, topic, packet identifier, properties.
    head: SmallVec<[u8; 128]>,
    /// Where in `head` the packet identifier is; `None` at QoS 0.
    packet_id_at: Option<usize>,
    /// Where in `head` the value of the message expiry interval is.
    expiry_at: Option<usize>,
    payload: Bytes,
}

impl PublishFrame {
    /// From a packet of this crate, DUP, alias and subscription identifiers included.
    pub fn new(version: Version, publish: &Publish) -> Result<Self, EncodeError> {
        let flags = u8::from(publish.dup) << 3 | publish.qos.as_u8() << 1 | u8::from(publish.retain);
        let none = PublishProperties::default();
        let properties = publish.properties.as_deref().unwrap_or(&none);
        Self::build(version, flags, &publish.topic, &publish.payload, |put| properties.visit(put))
    }

    /// From a routed message: DUP is never set (MQTT-088), and towards MQTT 3.1.1 the properties stay behind (MQTT-107).
    ///
    /// `expiry_left` is what is left of the message's life in seconds now (MQTT-179), for messages that expire.
    pub fn of(
        version: Version,
        message: &Message,
        qos: impl Into<QoS>,
        retain: bool,
        expiry_left: Option<u32>,
    ) -> Result<Self, EncodeError> {
        let flags = qos.into().as_u8() << 1 | u8::from(retain);
        Self::build(version, flags, &message.topic, &message.payload, |put| {
            let Some(properties) = &message.properties else { return };
            if let Some(value) = properties.payload_format {
                put(Property::PayloadFormatIndicator(value));
            }
            if let Some(left) = expiry_left {
                put(Property::MessageExpiryInterval(left));
            }
            if let Some(text) = &properties.response_topic {
                put(Property::ResponseTopic(text));
            }
            if let Some(bytes) = &properties.correlation_data {
                put(Property::CorrelationData(bytes));
            }
            for (name, value) in &properties.user {
                put(Property::User(name, value));
            }
            if let Some(text) = &properties.content_type {
                put(Property::ContentType(text));
            }
        })
    }

    /// The length of the frame in bytes, for the receiver's Maximum Packet Size (MQTT-174).
    #[expect(clippy::len_without_is_empty, reason = "a frame is never empty")]
    pub fn len(&self) -> usize {
        self.head.len() + self.payload.len()
    }

    /// The payload, shared.
    pub const fn payload(&self) -> &Bytes {
        &self.payload
    }

    /// Appends the frame for one receiver. `packet_id` is needed above QoS 0 and ignored at QoS 0; `expiry_left` replaces the
    /// message expiry interval where the frame has one.
    pub fn put(
        &self,
        packet_id: Option<PacketId>,
        expiry_left: Option<u32>,
        out: &mut impl BufMut,
    ) -> Result<(), EncodeError> {
        let mut rest: &[u8] = &self.head;
        if let Some(at) = self.packet_id_at {
            let id = packet_id.ok_or(EncodeError::MissingPacketId)?;
            rest = patch(rest, at, &id.get().to_be_bytes(), out);
        }
        if let (Some(at), Some(left)) = (self.expiry_at, expiry_left) {
            let at = at - (self.head.len() - rest.len());
            rest = patch(rest, at, &left.to_be_bytes(), out);
        }
        out.put_slice(rest);
        out.put_slice(&self.payload);
        Ok(())
    }

    fn build(
        version: Version,
        flags: u8,
        topic: &str,
        payload: &Bytes,
        visit: impl FnOnce(&mut dyn FnMut(Property<'_>)),
    ) -> Result<Self, EncodeError> {
        let bytes = topic.len();
        let Ok(topic_length) = u16::try_from(bytes) else {
            return Err(EncodeError::FieldTooLong { field: "topic name", bytes });
        };
        if topic.as_bytes().contains(&0) {
            return Err(EncodeError::Nul { field: "topic name" });
        }
        let above_qos_0 = flags & 0b0110 != 0;
        let properties = match version {
            Version::V311 => None,
            Version::V5 => Some(PropertyList::encode(visit)?),
        };
        let remaining = 2
            + bytes
            + if above_qos_0 { 2 } else { 0 }
            + properties.as_ref().map_or(0, PropertyList::len)
            + payload.len();
        if remaining > MAX_REMAINING_LENGTH {
            return Err(EncodeError::PacketTooLong { bytes: remaining });
        }
        let mut head = SmallVec::with_capacity(5 + remaining - payload.len());
        head.push(PacketType::Publish.first_byte() | flags);
        head.extend(VariableBytes::of(remaining));
        head.extend_from_slice(&topic_length.to_be_bytes());
        head.extend_from_slice(topic.as_bytes());
        let packet_id_at = above_qos_0.then_some(head.len());
        if above_qos_0 {
            head.extend_from_slice(&[0, 0]);
        }
        let mut expiry_at = None;
        if let Some(properties) = properties {
            head.extend(VariableBytes::of(properties.bytes.len()));
            expiry_at = properties.expiry_at.map(|at| head.len() + at);
            head.extend_from_slice(properties.bytes.as_slice());
        }
        Ok(Self { head, packet_id_at, expiry_at, payload: payload.clone() })
    }
}

/// Encoded properties without their length.
struct PropertyList {
    bytes: Body,
    /// Where the value of the message expiry interval is.
    expiry_at: Option<usize>,
}

impl PropertyList {
    fn encode(visit: impl FnOnce(&mut dyn FnMut(Property<'_>))) -> Result<Self, EncodeError> {
        let mut list = Self { bytes: Body::default(), expiry_at: None };
        let mut outcome = Ok(());
        visit(&mut |property| {
            if outcome.is_err() {
                return;
            }
            if matches!(property, Property::MessageExpiryInterval(_)) {
                list.expiry_at = Some(list.bytes.len() + 1);
            }
            outcome = property.write(&mut list.bytes);
        });
        outcome?;
        match list.bytes.len() {
            bytes if bytes > MAX_REMAINING_LENGTH => Err(EncodeError::PacketTooLong { bytes }),
            _ => Ok(list),
        }
    }

    /// With their length.
    fn len(&self) -> usize {
        VariableBytes::of(self.bytes.len()).count() + self.bytes.len()
    }
}

/// Appends `head` up to `at`, then `value` in place of as many bytes; what follows is returned.
fn patch<'a>(head: &'a [u8], at: usize, value: &[u8], out: &mut impl BufMut) -> &'a [u8] {
    let (before, rest) = head.split_at_checked(at).unwrap_or((head, &[]));
    out.put_slice(before);
    out.put_slice(value);
    rest.split_at_checked(value.len()).map_or(&[], |(_, after)| after)
}
