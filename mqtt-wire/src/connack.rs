//! CONNACK (3.2).

use std::sync::Arc;

use bytes::{BufMut, Bytes};

use crate::ack::read_reason;
use crate::error::Section;
use crate::property::{self, Carrier, Properties, Property};
use crate::reader::Reader;
use crate::writer::Body;
use crate::{DecodeError, EncodeError, PacketType, ReasonCode, Role, UserProperty, Version};

/// A CONNACK packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnAck {
    /// Whether a session was resumed; false with an error.
    pub session_present: bool,
    /// In MQTT 3.1.1 one of the six that have a return code.
    pub reason: ReasonCode,
    /// Only in MQTT 5.
    pub properties: ConnAckProperties,
}

/// The properties of CONNACK (3.2.2.3).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConnAckProperties {
    /// Seconds in force.
    pub session_expiry_interval: Option<u32>,
    /// At least 1.
    pub receive_maximum: Option<u16>,
    /// 0 or 1; absent means 2.
    pub maximum_qos: Option<u8>,
    /// Absent means true.
    pub retain_available: Option<bool>,
    /// At least 1.
    pub maximum_packet_size: Option<u32>,
    /// For a client that sent none (MQTT-046).
    pub assigned_client_identifier: Option<Arc<str>>,
    /// How many aliases the server takes.
    pub topic_alias_maximum: Option<u16>,
    /// For a person's eyes.
    pub reason_string: Option<Arc<str>>,
    /// In the server's order.
    pub user_properties: Vec<UserProperty>,
    /// Absent means true.
    pub wildcard_subscription_available: Option<bool>,
    /// Absent means true.
    pub subscription_identifier_available: Option<bool>,
    /// Absent means true.
    pub shared_subscription_available: Option<bool>,
    /// Seconds in force, where they are not the client's (MQTT-072).
    pub server_keep_alive: Option<u16>,
    /// The basis of response topics.
    pub response_information: Option<Arc<str>>,
    /// Where to go instead.
    pub server_reference: Option<Arc<str>>,
    /// The method in use.
    pub authentication_method: Option<Arc<str>>,
    /// Only with a method.
    pub authentication_data: Option<Bytes>,
}

impl ConnAck {
    /// An acceptance.
    pub const fn accepted(session_present: bool, properties: ConnAckProperties) -> Self {
        Self { session_present, reason: ReasonCode::Success, properties }
    }

    /// A refusal without properties.
    pub fn refused(reason: ReasonCode) -> Self {
        Self { session_present: false, reason, properties: ConnAckProperties::default() }
    }

    /// Appends the frame. A reason that MQTT 3.1.1 has no return code for is an error there
    /// ([`ReasonCode::connect_return_code`]): such a client sees the connection close.
    pub fn encode(&self, version: Version, out: &mut impl BufMut) -> Result<(), EncodeError> {
        let packet = PacketType::ConnAck;
        let code = match version {
            Version::V311 => self.reason.connect_return_code(),
            Version::V5 => self.reason.may_be_in(packet, Role::Client).then(|| self.reason.as_u8()),
        };
        let code = code.ok_or_else(|| EncodeError::reason(packet, version, self.reason))?;
        let mut body = Body::default();
        body.u8(u8::from(self.session_present && code == 0));
        body.u8(code);
        if version.is_v5() {
            body.properties(&self.properties)?;
        }
        body.frame(packet.first_byte(), out)
    }
}

impl Properties for ConnAckProperties {
    const CARRIER: Carrier = Carrier::ConnAck;

    fn set(&mut self, property: Property<'_>) {
        match property {
            Property::SessionExpiryInterval(value) => self.session_expiry_interval = Some(value),
            Property::ReceiveMaximum(value) => self.receive_maximum = Some(value),
            Property::MaximumQoS(value) => self.maximum_qos = Some(value),
            Property::RetainAvailable(value) => self.retain_available = Some(value),
            Property::MaximumPacketSize(value) => self.maximum_packet_size = Some(value),
            Property::AssignedClientIdentifier(text) => self.assigned_client_identifier = Some(text.into()),
            Property::TopicAliasMaximum(value) => self.topic_alias_maximum = Some(value),
            Property::ReasonString(text) => self.reason_string = Some(text.into()),
            Property::User(name, value) => self.user_properties.push((name.into(), value.into())),
            Property::WildcardSubscriptionAvailable(value) => {
                self.wildcard_subscription_available = Some(value)
            }
            Property::SubscriptionIdentifierAvailable(value) => {
                self.subscription_identifier_available = Some(value);
            }
            Property::SharedSubscriptionAvailable(value) => self.shared_subscription_available = Some(value),
            Property::ServerKeepAlive(value) => self.server_keep_alive = Some(value),
            Property::ResponseInformation(text) => self.response_information = Some(text.into()),
            Property::ServerReference(text) => self.server_reference = Some(text.into()),
            Property::AuthenticationMethod(text) => self.authentication_method = Some(text.into()),
            Property::AuthenticationData(bytes) => {
                self.authentication_data = Some(Bytes::copy_from_slice(bytes))
            }
            _ => {}
        }
    }

    fn visit(&self, put: &mut dyn FnMut(Property<'_>)) {
        let mut some = |property: Option<Property<'_>>| property.into_iter().for_each(&mut *put);
        some(self.session_expiry_interval.map(Property::SessionExpiryInterval));
        some(self.receive_maximum.map(Property::ReceiveMaximum));
        some(self.maximum_qos.map(Property::MaximumQoS));
        some(self.retain_available.map(Property::RetainAvailable));
        some(self.maximum_packet_size.map(Property::MaximumPacketSize));
        some(self.assigned_client_identifier.as_deref().map(Property::AssignedClientIdentifier));
        some(self.topic_alias_maximum.map(Property::TopicAliasMaximum));
        some(self.reason_string.as_deref().map(Property::ReasonString));
        for (name, value) in &self.user_properties {
            some(Some(Property::User(name, value)));
        }
        some(self.wildcard_subscription_available.map(Property::WildcardSubscriptionAvailable));
        some(self.subscription_identifier_available.map(Property::SubscriptionIdentifierAvailable));
        some(self.shared_subscription_available.map(Property::SharedSubscriptionAvailable));
        some(self.server_keep_alive.map(Property::ServerKeepAlive));
        some(self.response_information.as_deref().map(Property::ResponseInformation));
        some(self.server_reference.as_deref().map(Property::ServerReference));
        some(self.authentication_method.as_deref().map(Property::AuthenticationMethod));
        some(self.authentication_data.as_deref().map(Property::AuthenticationData));
    }
}

/// Checks the body; the values are taken by the foreign parser.
pub(crate) fn check(body: &[u8], version: Version, role: Role) -> Result<(), DecodeError> {
    let mut reader = Reader::new(body);
    let flags = reader.u8("connect acknowledge flags")?;
    if flags > 1 {
        let detail = format!("connect acknowledge flags are {flags:08b}, with reserved bits set");
        return Err(DecodeError::malformed(Section::both("3.2.2.1"), detail));
    }
    let reason = match version {
        Version::V311 => {
            let code = reader.u8("return code")?;
            ReasonCode::from_connect_return_code(code).ok_or_else(|| {
                let detail = format!("return code is {code}; it must be 0 to 5");
                DecodeError::malformed(Section::new("3.2.2.3", "3.2.2.2"), detail)
            })?
        }
        Version::V5 => read_reason(&mut reader, PacketType::ConnAck, role)?,
    };
    if flags == 1 && reason.is_error() {
        let detail = "session present is set on a refusal";
        return Err(DecodeError::protocol(Section::new("3.2.2.2", "3.2.2.1.1"), detail));
    }
    if version.is_v5() {
        property::check(&mut reader, Carrier::ConnAck, role)?;
    }
    reader.end(Section::both("3.2.3"))
}
