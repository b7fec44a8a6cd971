//! The small words of the protocol: version, role, quality of service, packet identifier.

use std::fmt;
use std::num::NonZeroU16;
use std::sync::Arc;

/// A protocol version this crate speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// MQTT 3.1.1, protocol level 4.
    V311,
    /// MQTT 5, protocol level 5.
    V5,
}

impl Version {
    /// The protocol level in CONNECT: 4 or 5.
    pub const fn level(self) -> u8 {
        match self {
            Self::V311 => 4,
            Self::V5 => 5,
        }
    }

    /// Whether it is MQTT 5.
    pub const fn is_v5(self) -> bool {
        matches!(self, Self::V5)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V311 => "MQTT 3.1.1",
            Self::V5 => "MQTT 5",
        })
    }
}

/// Which end of the connection reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Reads what clients send.
    Server,
    /// Reads what the server sends.
    Client,
}

/// Quality of service as the protocol knows it; the server serves the first two (MQTT-083).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum QoS {
    /// Fire and forget.
    #[default]
    AtMostOnce = 0,
    /// Acknowledged.
    AtLeastOnce = 1,
    /// Assured; decoded so that it can be refused by its name.
    ExactlyOnce = 2,
}

impl QoS {
    /// 0, 1 or 2; `None` for anything else.
    pub const fn from_u8(level: u8) -> Option<Self> {
        match level {
            0 => Some(Self::AtMostOnce),
            1 => Some(Self::AtLeastOnce),
            2 => Some(Self::ExactlyOnce),
            _ => None,
        }
    }

    /// 0, 1 or 2.
    pub const fn as_u8(self) -> u8 {
        self as u8
    }

    /// The same level where it is one the server serves; `None` for QoS 2.
    pub const fn served(self) -> Option<thingstead_core::QoS> {
        match self {
            Self::AtMostOnce => Some(thingstead_core::QoS::AtMostOnce),
            Self::AtLeastOnce => Some(thingstead_core::QoS::AtLeastOnce),
            Self::ExactlyOnce => None,
        }
    }
}

impl From<thingstead_core::QoS> for QoS {
    fn from(qos: thingstead_core::QoS) -> Self {
        match qos {
            thingstead_core::QoS::AtMostOnce => Self::AtMostOnce,
            thingstead_core::QoS::AtLeastOnce => Self::AtLeastOnce,
        }
    }
}

/// A packet identifier: 1 to 65535.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PacketId(NonZeroU16);

impl PacketId {
    /// The smallest identifier.
    pub const FIRST: Self = Self(NonZeroU16::MIN);

    /// `None` for 0.
    pub const fn new(id: u16) -> Option<Self> {
        match NonZeroU16::new(id) {
            Some(id) => Some(Self(id)),
            None => None,
        }
    }

    /// 1 to 65535.
    pub const fn get(self) -> u16 {
        self.0.get()
    }

    /// The identifier after this one; 1 follows 65535.
    pub const fn next(self) -> Self {
        match self.0.checked_add(1) {
            Some(id) => Self(id),
            None => Self::FIRST,
        }
    }
}

impl fmt::Display for PacketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A name and a value; names may repeat, order is kept.
pub type UserProperty = (Arc<str>, Arc<str>);
