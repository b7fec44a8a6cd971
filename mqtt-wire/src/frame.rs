//! The fixed header: type, flags, remaining length. Everything a frame's first five bytes can get wrong.

use std::fmt;

use crate::error::Section;
use crate::{DecodeError, ReasonCode, Version};

/// The largest remaining length four bytes can say.
pub const MAX_REMAINING_LENGTH: usize = 268_435_455;
/// The largest frame of the protocol, fixed header included.
pub const MAX_PACKET_SIZE: usize = MAX_REMAINING_LENGTH + 5;

/// The type of a control packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
#[expect(missing_docs, reason = "the names are the standard's")]
pub enum PacketType {
    Connect = 1,
    ConnAck = 2,
    Publish = 3,
    PubAck = 4,
    PubRec = 5,
    PubRel = 6,
    PubComp = 7,
    Subscribe = 8,
    SubAck = 9,
    Unsubscribe = 10,
    UnsubAck = 11,
    PingReq = 12,
    PingResp = 13,
    Disconnect = 14,
    Auth = 15,
}

impl PacketType {
    pub(crate) const fn from_u8(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::Connect,
            2 => Self::ConnAck,
            3 => Self::Publish,
            4 => Self::PubAck,
            5 => Self::PubRec,
            6 => Self::PubRel,
            7 => Self::PubComp,
            8 => Self::Subscribe,
            9 => Self::SubAck,
            10 => Self::Unsubscribe,
            11 => Self::UnsubAck,
            12 => Self::PingReq,
            13 => Self::PingResp,
            14 => Self::Disconnect,
            15 => Self::Auth,
            _ => return None,
        })
    }

    /// The first byte of a frame of this type; PUBLISH adds its flags.
    pub(crate) const fn first_byte(self) -> u8 {
        let flags = match self {
            Self::PubRel | Self::Subscribe | Self::Unsubscribe => 0b0010,
            _ => 0,
        };
        (self as u8) << 4 | flags
    }
}

impl fmt::Display for PacketType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "CONNECT",
            Self::ConnAck => "CONNACK",
            Self::Publish => "PUBLISH",
            Self::PubAck => "PUBACK",
            Self::PubRec => "PUBREC",
            Self::PubRel => "PUBREL",
            Self::PubComp => "PUBCOMP",
            Self::Subscribe => "SUBSCRIBE",
            Self::SubAck => "SUBACK",
            Self::Unsubscribe => "UNSUBSCRIBE",
            Self::UnsubAck => "UNSUBACK",
            Self::PingReq => "PINGREQ",
            Self::PingResp => "PINGRESP",
            Self::Disconnect => "DISCONNECT",
            Self::Auth => "AUTH",
        })
    }
}

/// A fixed header, read and checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FixedHeader {
    /// The flag bits of PUBLISH; for all other types they are right.
    pub(crate) flags: u8,
    /// Bytes of the header itself: 2 to 5.
    pub(crate) length: usize,
    /// Bytes behind it.
    pub(crate) remaining: usize,
}

/// The type in the first byte, its flags checked. `version` is `None` before CONNECT.
pub(crate) fn packet_type(first: u8, version: Option<Version>) -> Result<PacketType, DecodeError> {
    let reserved = |number: u8| {
        DecodeError::malformed(Section::PACKET_TYPE, format!("packet type is {number}, which is reserved"))
    };
    let number = first >> 4;
    let packet = PacketType::from_u8(number).ok_or_else(|| reserved(number))?;
    if packet == PacketType::Auth && version == Some(Version::V311) {
        return Err(reserved(number));
    }
    let flags = first & 0x0F;
    let expected = packet.first_byte() & 0x0F;
    if packet != PacketType::Publish && flags != expected {
        let detail = format!("fixed header flags are {flags:04b}; they must be {expected:04b}");
        return Err(DecodeError { packet: Some(packet), ..DecodeError::malformed(Section::FLAGS, detail) });
    }
    Ok(packet)
}

/// The fixed header at the start of `bytes`; `None` when its last byte has not arrived. A frame over `max_packet_size` is
/// refused here, before any of it is waited for.
pub(crate) fn fixed_header(bytes: &[u8], max_packet_size: usize) -> Result<Option<FixedHeader>, DecodeError> {
    let Some((&first, rest)) = bytes.split_first() else { return Ok(None) };
    let mut remaining = 0;
    for (index, &byte) in rest.iter().take(4).enumerate() {
        remaining |= usize::from(byte & 0x7F) << (7 * index);
        if byte & 0x80 != 0 {
            continue;
        }
        if byte == 0 && index > 0 {
            let detail = "remaining length is not encoded in as few bytes as possible";
            return Err(DecodeError::malformed(Section::REMAINING_LENGTH, detail));
        }
        let length = index + 2;
        if length + remaining > max_packet_size {
            let detail =
                format!("packet is {} bytes long; at most {max_packet_size} are allowed", length + remaining);
            return Err(DecodeError::new(ReasonCode::PacketTooLarge, Section::REMAINING_LENGTH, detail));
        }
        return Ok(Some(FixedHeader { flags: first & 0x0F, length, remaining }));
    }
    if rest.len() >= 4 {
        let detail = "remaining length has more than 4 bytes";
        return Err(DecodeError::malformed(Section::REMAINING_LENGTH, detail));
    }
    Ok(None)
}
