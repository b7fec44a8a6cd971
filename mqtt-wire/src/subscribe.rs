//! SUBSCRIBE (3.8).

use std::sync::Arc;

use bytes::BufMut;
use thingstead_core::topic::{self, TopicError};

use crate::error::Section;
use crate::property::{self, Carrier, Properties, Property, Variable};
use crate::reader::Reader;
use crate::writer::Body;
use crate::{DecodeError, EncodeError, PacketId, PacketType, QoS, ReasonCode, Role, UserProperty, Version};

/// A SUBSCRIBE packet with at least one filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscribe {
    /// For the SUBACK.
    pub packet_id: PacketId,
    /// In the client's order.
    pub filters: Vec<Filter>,
    /// 1 to 268,435,455, only in MQTT 5; the service does not take it (MQTT-126).
    pub subscription_identifier: Option<u32>,
    /// In the client's order, only in MQTT 5.
    pub user_properties: Vec<UserProperty>,
}

/// One subscription asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// The topic filter as sent, `$share/NAME/` included.
    pub filter: Arc<str>,
    /// The highest QoS wanted.
    pub qos: QoS,
    /// Not what this client publishes itself (MQTT 5).
    pub no_local: bool,
    /// Keep RETAIN as published (MQTT 5).
    pub retain_as_published: bool,
    /// When to send retained messages (MQTT 5).
    pub retain_handling: RetainHandling,
    /// Set when the filter must be rejected in the SUBACK while the rest of the packet stands: misplaced wildcards in MQTT 5
    /// (MQTT-122), a malformed `$share` in both versions (MQTT-142).
    pub flaw: Option<TopicError>,
}

/// When a new subscription is sent retained messages (3.8.3.1).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum RetainHandling {
    /// At every SUBSCRIBE; what MQTT 3.1.1 does.
    #[default]
    Send = 0,
    /// Only when the subscription did not exist.
    SendIfNew = 1,
    /// Never.
    DoNotSend = 2,
}

impl Filter {
    /// A subscription with the default options.
    pub fn new(filter: impl Into<Arc<str>>, qos: QoS) -> Self {
        Self {
            filter: filter.into(),
            qos,
            no_local: false,
            retain_as_published: false,
            retain_handling: RetainHandling::Send,
            flaw: None,
        }
    }
}

impl Subscribe {
    /// Without properties.
    pub const fn new(packet_id: PacketId, filters: Vec<Filter>) -> Self {
        Self { packet_id, filters, subscription_identifier: None, user_properties: Vec::new() }
    }

    /// Appends the frame. In MQTT 3.1.1 the options of MQTT 5 stay behind.
    pub fn encode(&self, version: Version, out: &mut impl BufMut) -> Result<(), EncodeError> {
        if self.filters.is_empty() {
            return Err(EncodeError::Empty { packet: PacketType::Subscribe });
        }
        let mut body = Body::default();
        body.packet_id(self.packet_id);
        if version.is_v5() {
            body.properties(&SubscribeProperties {
                subscription_identifier: self.subscription_identifier,
                user_properties: self.user_properties.clone(),
            })?;
        }
        for filter in &self.filters {
            body.string("topic filter", &filter.filter)?;
            let options = match version {
                Version::V311 => 0,
                Version::V5 => {
                    u8::from(filter.no_local) << 2
                        | u8::from(filter.retain_as_published) << 3
                        | (filter.retain_handling as u8) << 4
                }
            };
            body.u8(filter.qos.as_u8() | options);
        }
        body.frame(PacketType::Subscribe.first_byte(), out)
    }
}

#[derive(Debug, Default)]
struct SubscribeProperties {
    subscription_identifier: Option<u32>,
    user_properties: Vec<UserProperty>,
}

impl Properties for SubscribeProperties {
    const CARRIER: Carrier = Carrier::Subscribe;

    fn set(&mut self, property: Property<'_>) {
        match property {
            Property::SubscriptionIdentifier(Variable(id)) => self.subscription_identifier = Some(id),
            Property::User(name, value) => self.user_properties.push((name.into(), value.into())),
            _ => {}
        }
    }

    fn visit(&self, put: &mut dyn FnMut(Property<'_>)) {
        if let Some(id) = self.subscription_identifier {
            put(Property::SubscriptionIdentifier(Variable(id)));
        }
        for (name, value) in &self.user_properties {
            put(Property::User(name, value));
        }
    }
}

/// Checks the body; the values are taken by the foreign parser.
pub(crate) fn check(body: &[u8], version: Version, role: Role) -> Result<(), DecodeError> {
    let mut reader = Reader::new(body);
    reader.packet_id()?;
    if version.is_v5() {
        property::check(&mut reader, Carrier::Subscribe, role)?;
    }
    if reader.is_empty() {
        return Err(DecodeError::protocol(Section::both("3.8.3"), "there is no topic filter"));
    }
    while !reader.is_empty() {
        let filter = reader.string("topic filter")?;
        let flaw = filter_flaw(filter, version)?;
        check_options(reader.u8("subscription options")?, filter, flaw, version)?;
    }
    Ok(())
}

/// What is wrong with a filter: an error where it ends the connection, a flaw where it only rejects the filter.
pub(crate) fn filter_flaw(filter: &str, version: Version) -> Result<Option<TopicError>, DecodeError> {
    let error = match topic::share_of(filter) {
        Ok(Some(share)) => topic::check_filter(share.filter),
        Ok(None) => topic::check_filter(filter),
        Err(error) => Err(error),
    };
    match error {
        Ok(()) => Ok(None),
        Err(flaw @ TopicError::MalformedShare) => Ok(Some(flaw)),
        Err(flaw @ TopicError::MisplacedWildcard) if version.is_v5() => Ok(Some(flaw)),
        Err(error) => {
            let detail = format!("topic filter {} {error}", topic::Quoted(filter));
            Err(DecodeError::new(ReasonCode::TopicFilterInvalid, Section::TOPIC, detail))
        }
    }
}

fn check_options(
    options: u8,
    filter: &str,
    flaw: Option<TopicError>,
    version: Version,
) -> Result<(), DecodeError> {
    let section = Section::new("3.8.3", "3.8.3.1");
    let reserved = match version {
        Version::V311 => 0b1111_1100,
        Version::V5 => 0b1100_0000,
    };
    if options & reserved != 0 {
        let detail = format!("subscription options are {options:08b}, with reserved bits set");
        return Err(DecodeError::malformed(section, detail));
    }
    if options & 0b11 == 3 {
        return Err(DecodeError::malformed(section, "requested QoS is 3; it must be 0, 1 or 2"));
    }
    if options >> 4 & 0b11 == 3 {
        return Err(DecodeError::protocol(section, "retain handling is 3; it must be 0, 1 or 2"));
    }
    if options & 0b100 != 0 && flaw.is_none() && filter.starts_with("$share/") {
        return Err(DecodeError::protocol(section, "no local is set on a shared subscription"));
    }
    Ok(())
}
