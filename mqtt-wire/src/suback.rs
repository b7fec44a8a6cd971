//! SUBACK (3.9) and UNSUBACK (3.11).

use bytes::BufMut;

use crate::ack::read_reason;
use crate::error::Section;
use crate::property::{self, Carrier};
use crate::reader::Reader;
use crate::writer::Body;
use crate::{AckProperties, DecodeError, EncodeError, PacketId, PacketType, ReasonCode, Role, Version};

/// SUBACK: one reason for each filter, in the order of the SUBSCRIBE (MQTT-113).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubAck {
    /// Of the SUBSCRIBE.
    pub packet_id: PacketId,
    /// Granted QoS or why not; MQTT 3.1.1 writes every error as 0x80.
    pub reasons: Vec<ReasonCode>,
    /// `None` when there are none, always so in MQTT 3.1.1.
    pub properties: Option<Box<AckProperties>>,
}

/// UNSUBACK: in MQTT 5 one reason for each filter, in MQTT 3.1.1 nothing but the identifier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnsubAck {
    /// Of the UNSUBSCRIBE.
    pub packet_id: PacketId,
    /// Empty in MQTT 3.1.1, where they are not written.
    pub reasons: Vec<ReasonCode>,
    /// `None` when there are none, always so in MQTT 3.1.1.
    pub properties: Option<Box<AckProperties>>,
}

impl SubAck {
    /// Without properties.
    pub const fn new(packet_id: PacketId, reasons: Vec<ReasonCode>) -> Self {
        Self { packet_id, reasons, properties: None }
    }

    /// Appends the frame.
    pub fn encode(&self, version: Version, out: &mut impl BufMut) -> Result<(), EncodeError> {
        let packet = PacketType::SubAck;
        if self.reasons.is_empty() {
            return Err(EncodeError::Empty { packet });
        }
        let mut body = Body::default();
        body.packet_id(self.packet_id);
        write_properties(&mut body, version, self.properties.as_deref())?;
        for reason in &self.reasons {
            if !reason.may_be_in(packet, Role::Client) {
                return Err(EncodeError::reason(packet, version, *reason));
            }
            body.u8(if version == Version::V311 && reason.is_error() { 0x80 } else { reason.as_u8() });
        }
        body.frame(packet.first_byte(), out)
    }
}

impl UnsubAck {
    /// Without properties.
    pub const fn new(packet_id: PacketId, reasons: Vec<ReasonCode>) -> Self {
        Self { packet_id, reasons, properties: None }
    }

    /// Appends the frame.
    pub fn encode(&self, version: Version, out: &mut impl BufMut) -> Result<(), EncodeError> {
        let packet = PacketType::UnsubAck;
        let mut body = Body::default();
        body.packet_id(self.packet_id);
        if version.is_v5() {
            if self.reasons.is_empty() {
                return Err(EncodeError::Empty { packet });
            }
            write_properties(&mut body, version, self.properties.as_deref())?;
            for reason in &self.reasons {
                if !reason.may_be_in(packet, Role::Client) {
                    return Err(EncodeError::reason(packet, version, *reason));
                }
                body.u8(reason.as_u8());
            }
        }
        body.frame(packet.first_byte(), out)
    }
}

/// Checks the body of either; the values are taken by the foreign parser.
pub(crate) fn check(
    packet: PacketType,
    body: &[u8],
    version: Version,
    role: Role,
) -> Result<(), DecodeError> {
    let section = Section::both(if packet == PacketType::SubAck { "3.9.3" } else { "3.11.3" });
    let mut reader = Reader::new(body);
    reader.packet_id()?;
    match version {
        Version::V311 if packet == PacketType::UnsubAck => return reader.end(section),
        Version::V311 => {}
        Version::V5 => property::check(&mut reader, Carrier::Ack, role)?,
    }
    if reader.is_empty() {
        return Err(DecodeError::protocol(section, "there is no reason code"));
    }
    while !reader.is_empty() {
        let reason = read_reason(&mut reader, packet, role)?;
        if version == Version::V311 && reason.as_u8() > 0x80 {
            let detail = format!("return code is 0x{:02X}; it must be 0, 1, 2 or 0x80", reason.as_u8());
            return Err(DecodeError::malformed(section, detail));
        }
    }
    Ok(())
}

fn write_properties(
    body: &mut Body,
    version: Version,
    properties: Option<&AckProperties>,
) -> Result<(), EncodeError> {
    match (version, properties) {
        (Version::V311, _) => Ok(()),
        (Version::V5, Some(properties)) => body.properties(properties),
        (Version::V5, None) => body.properties(&AckProperties::default()),
    }
}
