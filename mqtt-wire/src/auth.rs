//! AUTH (3.15), MQTT 5 only. The service does not support it (MQTT-059); it is read so that the refusal can name it.

use std::sync::Arc;

use bytes::{BufMut, Bytes};

use crate::ack::read_reason;
use crate::error::Section;
use crate::property::{self, Carrier, Properties, Property};
use crate::reader::Reader;
use crate::writer::Body;
use crate::{DecodeError, EncodeError, PacketType, ReasonCode, Role, UserProperty, Version};

/// An AUTH packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Auth {
    /// Success, continue authentication or re-authenticate.
    pub reason: ReasonCode,
    /// `None` when there are none.
    pub properties: Option<Box<AuthProperties>>,
}

/// The properties of AUTH (3.15.2.2).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuthProperties {
    /// The method's name.
    pub authentication_method: Option<Arc<str>>,
    /// What the method exchanges.
    pub authentication_data: Option<Bytes>,
    /// For a person's eyes.
    pub reason_string: Option<Arc<str>>,
    /// In the sender's order.
    pub user_properties: Vec<UserProperty>,
}

impl Auth {
    /// Appends the frame; in MQTT 3.1.1 always an error.
    pub fn encode(&self, version: Version, out: &mut impl BufMut) -> Result<(), EncodeError> {
        let packet = PacketType::Auth;
        if version == Version::V311 || !self.reason.may_be_in(packet, Role::Server) {
            return Err(EncodeError::reason(packet, version, self.reason));
        }
        let mut body = Body::default();
        if self.reason != ReasonCode::Success || self.properties.is_some() {
            body.u8(self.reason.as_u8());
            if let Some(properties) = self.properties.as_deref() {
                body.properties(properties)?;
            }
        }
        body.frame(packet.first_byte(), out)
    }
}

impl Properties for AuthProperties {
    const CARRIER: Carrier = Carrier::Auth;

    fn set(&mut self, property: Property<'_>) {
        match property {
            Property::AuthenticationMethod(text) => self.authentication_method = Some(text.into()),
            Property::AuthenticationData(bytes) => {
                self.authentication_data = Some(Bytes::copy_from_slice(bytes))
            }
            Property::ReasonString(text) => self.reason_string = Some(text.into()),
            Property::User(name, value) => self.user_properties.push((name.into(), value.into())),
            _ => {}
        }
    }

    fn visit(&self, put: &mut dyn FnMut(Property<'_>)) {
        if let Some(text) = &self.authentication_method {
            put(Property::AuthenticationMethod(text));
        }
        if let Some(bytes) = &self.authentication_data {
            put(Property::AuthenticationData(bytes));
        }
        if let Some(text) = &self.reason_string {
            put(Property::ReasonString(text));
        }
        for (name, value) in &self.user_properties {
            put(Property::User(name, value));
        }
    }
}

/// Reads and checks the body.
pub(crate) fn read(body: &[u8], role: Role) -> Result<Auth, DecodeError> {
    let mut reader = Reader::new(body);
    if reader.is_empty() {
        return Ok(Auth { reason: ReasonCode::Success, properties: None });
    }
    let reason = read_reason(&mut reader, PacketType::Auth, role)?;
    let mut properties: Option<Box<AuthProperties>> = None;
    if !reader.is_empty() {
        properties = property::read(&mut reader, role)?.map(Box::new);
    }
    reader.end(Section::both("3.15.3"))?;
    let method = properties.as_ref().and_then(|properties| properties.authentication_method.as_ref());
    if reason != ReasonCode::Success && method.is_none() {
        let detail = format!("AUTH with reason code {reason} has no authentication method");
        return Err(DecodeError::protocol(Section::both("3.15.2.2.2"), detail));
    }
    Ok(Auth { reason, properties })
}
