//! DISCONNECT (3.14).

use std::sync::Arc;

use bytes::BufMut;

use crate::ack::read_reason;
use crate::error::Section;
use crate::property::{self, Carrier, Properties, Property};
use crate::reader::Reader;
use crate::writer::Body;
use crate::{DecodeError, EncodeError, PacketType, ReasonCode, Role, UserProperty, Version};

/// A DISCONNECT packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disconnect {
    /// Always [`ReasonCode::NORMAL_DISCONNECTION`] in MQTT 3.1.1.
    pub reason: ReasonCode,
    /// `None` when there are none, always so in MQTT 3.1.1.
    pub properties: Option<Box<DisconnectProperties>>,
}

/// The properties of DISCONNECT (3.14.2.2).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DisconnectProperties {
    /// Seconds; only from a client.
    pub session_expiry_interval: Option<u32>,
    /// For a person's eyes.
    pub reason_string: Option<Arc<str>>,
    /// In the sender's order.
    pub user_properties: Vec<UserProperty>,
    /// Where to go instead; only from a server.
    pub server_reference: Option<Arc<str>>,
}

impl Disconnect {
    /// Without properties.
    pub const fn new(reason: ReasonCode) -> Self {
        Self { reason, properties: None }
    }

    /// With a reason string (MQTT-079).
    pub fn with_reason_string(reason: ReasonCode, text: impl Into<Arc<str>>) -> Self {
        let properties = DisconnectProperties { reason_string: Some(text.into()), ..Default::default() };
        Self { reason, properties: Some(Box::new(properties)) }
    }

    /// Appends the frame. In MQTT 3.1.1 only a client's normal DISCONNECT exists: any other reason is an error.
    pub fn encode(&self, version: Version, out: &mut impl BufMut) -> Result<(), EncodeError> {
        let packet = PacketType::Disconnect;
        let normal = self.reason == ReasonCode::NORMAL_DISCONNECTION;
        let sendable = match version {
            Version::V311 => normal,
            Version::V5 => {
                self.reason.may_be_in(packet, Role::Server) || self.reason.may_be_in(packet, Role::Client)
            }
        };
        if !sendable {
            return Err(EncodeError::reason(packet, version, self.reason));
        }
        let mut body = Body::default();
        if version.is_v5() && !(normal && self.properties.is_none()) {
            body.u8(self.reason.as_u8());
            if let Some(properties) = self.properties.as_deref() {
                body.properties(properties)?;
            }
        }
        body.frame(packet.first_byte(), out)
    }
}

impl Properties for DisconnectProperties {
    const CARRIER: Carrier = Carrier::Disconnect;

    fn set(&mut self, property: Property<'_>) {
        match property {
            Property::SessionExpiryInterval(value) => self.session_expiry_interval = Some(value),
            Property::ReasonString(text) => self.reason_string = Some(text.into()),
            Property::User(name, value) => self.user_properties.push((name.into(), value.into())),
            Property::ServerReference(text) => self.server_reference = Some(text.into()),
            _ => {}
        }
    }

    fn visit(&self, put: &mut dyn FnMut(Property<'_>)) {
        if let Some(value) = self.session_expiry_interval {
            put(Property::SessionExpiryInterval(value));
        }
        if let Some(text) = &self.reason_string {
            put(Property::ReasonString(text));
        }
        for (name, value) in &self.user_properties {
            put(Property::User(name, value));
        }
        if let Some(text) = &self.server_reference {
            put(Property::ServerReference(text));
        }
    }
}

/// Reads and checks the body.
pub(crate) fn read(body: &[u8], version: Version, role: Role) -> Result<Disconnect, DecodeError> {
    let mut reader = Reader::new(body);
    if version == Version::V311 || reader.is_empty() {
        reader.end(Section::new("3.14", "3.14.2"))?;
        return Ok(Disconnect::new(ReasonCode::NORMAL_DISCONNECTION));
    }
    let reason = read_reason(&mut reader, PacketType::Disconnect, role)?;
    let mut properties = None;
    if !reader.is_empty() {
        properties = property::read(&mut reader, role)?.map(Box::new);
    }
    reader.end(Section::both("3.14.3"))?;
    Ok(Disconnect { reason, properties })
}
