//! PUBACK (3.4) and its QoS 2 relatives PUBREC (3.5), PUBREL (3.6), PUBCOMP (3.7).

use std::sync::Arc;

use bytes::BufMut;

use crate::error::Section;
use crate::property::{self, Carrier, Properties, Property};
use crate::reader::Reader;
use crate::writer::Body;
use crate::{DecodeError, EncodeError, PacketId, PacketType, ReasonCode, Role, UserProperty, Version};

/// The properties of every acknowledgement.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AckProperties {
    /// For a person's eyes.
    pub reason_string: Option<Arc<str>>,
    /// In the sender's order.
    pub user_properties: Vec<UserProperty>,
}

impl AckProperties {
    /// Only a reason string.
    pub fn with_reason_string(text: impl Into<Arc<str>>) -> Self {
        Self { reason_string: Some(text.into()), user_properties: Vec::new() }
    }

    /// Boxed, or `None` when there is nothing in it.
    pub(crate) fn boxed(self) -> Option<Box<Self>> {
        (self != Self::default()).then(|| Box::new(self))
    }
}

impl Properties for AckProperties {
    const CARRIER: Carrier = Carrier::Ack;

    fn set(&mut self, property: Property<'_>) {
        match property {
            Property::ReasonString(text) => self.reason_string = Some(text.into()),
            Property::User(name, value) => self.user_properties.push((name.into(), value.into())),
            _ => {}
        }
    }

    fn visit(&self, put: &mut dyn FnMut(Property<'_>)) {
        if let Some(text) = &self.reason_string {
            put(Property::ReasonString(text));
        }
        for (name, value) in &self.user_properties {
            put(Property::User(name, value));
        }
    }
}

macro_rules! acknowledgements {
    ($($(#[$meta:meta])* $name:ident)*) => {$(
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name {
            /// Of the PUBLISH.
            pub packet_id: PacketId,
            /// Always success in MQTT 3.1.1.
            pub reason: ReasonCode,
            /// `None` when there are none, always so in MQTT 3.1.1.
            pub properties: Option<Box<AckProperties>>,
        }

        impl $name {
            /// Success.
            pub const fn new(packet_id: PacketId) -> Self {
                Self { packet_id, reason: ReasonCode::Success, properties: None }
            }

            /// With a reason, which only MQTT 5 can carry.
            pub const fn with_reason(packet_id: PacketId, reason: ReasonCode) -> Self {
                Self { packet_id, reason, properties: None }
            }

            /// Appends the frame. In MQTT 3.1.1 a reason other than success is an error, properties stay behind.
            pub fn encode(&self, version: Version, out: &mut impl BufMut) -> Result<(), EncodeError> {
                encode(PacketType::$name, self.packet_id, self.reason, self.properties.as_deref(), version, out)
            }
        }
    )*};
}

acknowledgements! {
    /// PUBACK: a QoS 1 PUBLISH has arrived, or why it was refused.
    PubAck
    /// PUBREC: first answer to a QoS 2 PUBLISH.
    PubRec
    /// PUBREL: second step of QoS 2.
    PubRel
    /// PUBCOMP: last step of QoS 2.
    PubComp
}

/// Reads and checks the body of any of the four.
pub(crate) fn read(
    packet: PacketType,
    body: &[u8],
    version: Version,
    role: Role,
) -> Result<(PacketId, ReasonCode, Option<Box<AckProperties>>), DecodeError> {
    let mut reader = Reader::new(body);
    let packet_id = reader.packet_id()?;
    if version == Version::V311 || reader.is_empty() {
        reader.end(section(packet))?;
        return Ok((packet_id, ReasonCode::Success, None));
    }
    let reason = read_reason(&mut reader, packet, role)?;
    if reader.is_empty() {
        return Ok((packet_id, reason, None));
    }
    let properties = property::read(&mut reader, role)?.map(Box::new);
    reader.end(section(packet))?;
    Ok((packet_id, reason, properties))
}

/// Reads a reason code that `packet` may carry.
pub(crate) fn read_reason(
    reader: &mut Reader<'_>,
    packet: PacketType,
    role: Role,
) -> Result<ReasonCode, DecodeError> {
    let code = reader.u8("reason code")?;
    ReasonCode::from_u8(code).filter(|reason| reason.may_be_in(packet, role)).ok_or_else(|| {
        let detail = format!("reason code is 0x{code:02X}, which {packet} cannot carry");
        DecodeError::malformed(Section::new("2.2", "2.4"), detail)
    })
}

fn encode(
    packet: PacketType,
    packet_id: PacketId,
    reason: ReasonCode,
    properties: Option<&AckProperties>,
    version: Version,
    out: &mut impl BufMut,
) -> Result<(), EncodeError> {
    let plain = reason == ReasonCode::Success && properties.is_none();
    if plain || version == Version::V311 {
        if reason != ReasonCode::Success {
            return Err(EncodeError::reason(packet, version, reason));
        }
        let [high, low] = packet_id.get().to_be_bytes();
        out.put_slice(&[packet.first_byte(), 2, high, low]);
        return Ok(());
    }
    if !reason.may_be_in(packet, Role::Client) {
        return Err(EncodeError::reason(packet, version, reason));
    }
    let mut body = Body::default();
    body.packet_id(packet_id);
    body.u8(reason.as_u8());
    if let Some(properties) = properties {
        body.properties(properties)?;
    }
    body.frame(packet.first_byte(), out)
}

const fn section(packet: PacketType) -> Section {
    Section::both(match packet {
        PacketType::PubAck => "3.4.2",
        PacketType::PubRec => "3.5.2",
        PacketType::PubRel => "3.6.2",
        _ => "3.7.2",
    })
}
