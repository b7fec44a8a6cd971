//! Why bytes are not a packet, why a packet cannot become bytes, and what to answer.

use std::borrow::Cow;
use std::fmt;

use crate::{PacketId, PacketType, ReasonCode, Version};

/// Why the bytes are not an acceptable packet.
///
/// Unless [`DecodeError::answer`] is [`Answer::PubAck`], nothing further can be decoded from the connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodeError {
    pub(crate) reason: ReasonCode,
    pub(crate) section: Section,
    pub(crate) detail: Cow<'static, str>,
    pub(crate) packet: Option<PacketType>,
    pub(crate) version: Option<Version>,
    pub(crate) answer: Answer,
}

/// What a server owes the client after a [`DecodeError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Close the connection without a packet: 3.1.1 has no DISCONNECT from the server (MQTT-078), and what is not a CONNECT
    /// at all gets nothing (MQTT-040).
    Close,
    /// Send a CONNACK with this reason in the encoding of this version, then close.
    ConnAck(Version, ReasonCode),
    /// Send a DISCONNECT with this reason, then close.
    Disconnect(ReasonCode),
    /// Acknowledge this PUBLISH with this reason; the frame was whole and decoding goes on (MQTT-182).
    PubAck(PacketId, ReasonCode),
}

impl DecodeError {
    /// The MQTT 5 reason code, also where the connection is 3.1.1.
    pub const fn reason(&self) -> ReasonCode {
        self.reason
    }

    /// The section of the standard of the connection's version (of MQTT 5 while it is unknown) that the frame violates.
    pub const fn section(&self) -> &'static str {
        match self.version {
            Some(Version::V311) => self.section.v311,
            _ => self.section.v5,
        }
    }

    /// What was wrong: the field, its value, what is allowed.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// The packet type, where the first byte named one.
    pub const fn packet(&self) -> Option<PacketType> {
        self.packet
    }

    /// The version of the connection, as far as it was known.
    pub const fn version(&self) -> Option<Version> {
        self.version
    }

    /// What to answer.
    pub const fn answer(&self) -> Answer {
        self.answer
    }

    pub(crate) fn new(reason: ReasonCode, section: Section, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { reason, section, detail: detail.into(), packet: None, version: None, answer: Answer::Close }
    }

    pub(crate) fn malformed(section: Section, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ReasonCode::MalformedPacket, section, detail)
    }

    pub(crate) fn protocol(section: Section, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ReasonCode::ProtocolError, section, detail)
    }

    pub(crate) fn answered(self, answer: Answer) -> Self {
        Self { answer, ..self }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(packet) = self.packet {
            write!(f, "{packet}: ")?;
        }
        let version = self.version.unwrap_or(Version::V5);
        write!(f, "{} ({}, {version} section {})", self.detail, self.reason, self.section())
    }
}

impl std::error::Error for DecodeError {}

/// A section of both standards; what only MQTT 5 has is given for 3.1.1 as its nearest parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Section {
    pub(crate) v311: &'static str,
    pub(crate) v5: &'static str,
}

impl Section {
    /// The same number in both standards.
    pub(crate) const fn both(number: &'static str) -> Self {
        Self { v311: number, v5: number }
    }

    pub(crate) const fn new(v311: &'static str, v5: &'static str) -> Self {
        Self { v311, v5 }
    }
}

/// Sections that more than one packet needs.
impl Section {
    pub(crate) const UTF8: Self = Self::new("1.5.3", "1.5.4");
    pub(crate) const VARIABLE_BYTE_INTEGER: Self = Self::new("2.2.3", "1.5.5");
    pub(crate) const BINARY: Self = Self::new("1.5", "1.5.6");
    pub(crate) const PACKET_TYPE: Self = Self::new("2.2.1", "2.1.2");
    pub(crate) const FLAGS: Self = Self::new("2.2.2", "2.1.3");
    pub(crate) const REMAINING_LENGTH: Self = Self::new("2.2.3", "2.1.4");
    pub(crate) const PACKET_IDENTIFIER: Self = Self::new("2.3.1", "2.2.1");
    pub(crate) const PROPERTIES: Self = Self::new("2.3", "2.2.2");
    pub(crate) const TOPIC: Self = Self::both("4.7");
}

/// Why a packet cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// A string or binary field over 65,535 bytes.
    #[error("{field} is {bytes} bytes long; at most 65535 fit")]
    FieldTooLong {
        /// The field's name in the standard, in lower case.
        field: &'static str,
        /// Its length.
        bytes: usize,
    },
    /// U+0000 in a string.
    #[error("{field} contains the character U+0000")]
    Nul {
        /// The field's name in the standard, in lower case.
        field: &'static str,
    },
    /// The frame's remaining length would exceed 268,435,455.
    #[error("the packet is {bytes} bytes long after its fixed header; at most 268435455 fit")]
    PacketTooLong {
        /// What it would be.
        bytes: usize,
    },
    /// A PUBLISH above QoS 0 without a packet identifier.
    #[error("a PUBLISH above QoS 0 needs a packet identifier")]
    MissingPacketId,
    /// A SUBSCRIBE, UNSUBSCRIBE or their acknowledgement without a single entry.
    #[error("a {packet} needs at least one entry")]
    Empty {
        /// The packet.
        packet: PacketType,
    },
    /// A value the packet has no room for, or the protocol version no word for.
    #[error("{packet} in {version} cannot carry {what}")]
    Unsupported {
        /// The packet.
        packet: PacketType,
        /// The version.
        version: Version,
        /// The field or reason code.
        what: Cow<'static, str>,
    },
}

impl EncodeError {
    pub(crate) fn reason(packet: PacketType, version: Version, reason: ReasonCode) -> Self {
        Self::Unsupported { packet, version, what: Cow::Owned(format!("reason code {reason}")) }
    }
}
