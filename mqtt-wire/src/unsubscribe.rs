//! UNSUBSCRIBE (3.10).

use std::sync::Arc;

use bytes::BufMut;
use thingstead_core::topic::TopicError;

use crate::error::Section;
use crate::property::{self, Carrier, Properties, Property};
use crate::reader::Reader;
use crate::subscribe::filter_flaw;
use crate::writer::Body;
use crate::{DecodeError, EncodeError, PacketId, PacketType, Role, UserProperty, Version};

/// An UNSUBSCRIBE packet with at least one filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsubscribe {
    /// For the UNSUBACK.
    pub packet_id: PacketId,
    /// In the client's order.
    pub filters: Vec<UnsubscribeFilter>,
    /// In the client's order, only in MQTT 5.
    pub user_properties: Vec<UserProperty>,
}

/// One subscription to end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnsubscribeFilter {
    /// The topic filter as sent, `$share/NAME/` included.
    pub filter: Arc<str>,
    /// Set when the filter must be rejected in the UNSUBACK while the rest of the packet stands (MQTT-127).
    pub flaw: Option<TopicError>,
}

impl Unsubscribe {
    /// Without properties.
    pub fn new<T: Into<Arc<str>>>(packet_id: PacketId, filters: impl IntoIterator<Item = T>) -> Self {
        let filters = filters
            .into_iter()
            .map(|filter| UnsubscribeFilter { filter: filter.into(), flaw: None })
            .collect();
        Self { packet_id, filters, user_properties: Vec::new() }
    }

    /// Appends the frame.
    pub fn encode(&self, version: Version, out: &mut impl BufMut) -> Result<(), EncodeError> {
        if self.filters.is_empty() {
            return Err(EncodeError::Empty { packet: PacketType::Unsubscribe });
        }
        let mut body = Body::default();
        body.packet_id(self.packet_id);
        if version.is_v5() {
            body.properties(&UnsubscribeProperties { user: self.user_properties.clone() })?;
        }
        for filter in &self.filters {
            body.string("topic filter", &filter.filter)?;
        }
        body.frame(PacketType::Unsubscribe.first_byte(), out)
    }
}

#[derive(Debug, Default)]
struct UnsubscribeProperties {
    user: Vec<UserProperty>,
}

impl Properties for UnsubscribeProperties {
    const CARRIER: Carrier = Carrier::Unsubscribe;

    fn set(&mut self, property: Property<'_>) {
        if let Property::User(name, value) = property {
            self.user.push((name.into(), value.into()));
        }
    }

    fn visit(&self, put: &mut dyn FnMut(Property<'_>)) {
        for (name, value) in &self.user {
            put(Property::User(name, value));
        }
    }
}

/// Reads and checks the body.
pub(crate) fn read(body: &[u8], version: Version, role: Role) -> Result<Unsubscribe, DecodeError> {
    let mut reader = Reader::new(body);
    let packet_id = reader.packet_id()?;
    let properties: Option<UnsubscribeProperties> = match version {
        Version::V311 => None,
        Version::V5 => property::read(&mut reader, role)?,
    };
    if reader.is_empty() {
        return Err(DecodeError::protocol(Section::both("3.10.3"), "there is no topic filter"));
    }
    let mut filters = Vec::new();
    while !reader.is_empty() {
        let filter = reader.string("topic filter")?;
        let flaw = filter_flaw(filter, version)?;
        filters.push(UnsubscribeFilter { filter: filter.into(), flaw });
    }
    let user_properties = properties.map_or_else(Vec::new, |properties| properties.user);
    Ok(Unsubscribe { packet_id, filters, user_properties })
}
