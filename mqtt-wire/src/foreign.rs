//! The one file that knows `mqttbytes`: its parser takes the values out of SUBSCRIBE, SUBACK, UNSUBACK and CONNACK once they have
//! passed our checks.
//!
//! What it gets wrong is not asked of it: CONNECT (binary passwords, empty user names), PUBLISH (several subscription identifiers
//! cut the properties short; every topic is copied), UNSUBSCRIBE of MQTT 5 (prints to the standard error stream), DISCONNECT of
//! MQTT 5 and AUTH. Nor is it asked to write: some of its encoders lose the property length or cut long strings.

use std::borrow::Cow;

use bytes::BytesMut;
use mqttbytes::{v4, v5};

use crate::error::Section;
use crate::subscribe::filter_flaw;
use crate::{
    AckProperties, ConnAck, ConnAckProperties, DecodeError, Filter, Packet, PacketId, QoS, ReasonCode,
    RetainHandling, SubAck, Subscribe, UnsubAck, UserProperty, Version,
};

/// Parses one whole, checked frame.
pub(crate) fn read(frame: &mut BytesMut, version: Version) -> Result<Packet, DecodeError> {
    let length = frame.len();
    match version {
        Version::V311 => from_v4(v4::read(frame, length).map_err(disagree)?),
        Version::V5 => from_v5(v5::read(frame, length).map_err(disagree)?),
    }
}

fn from_v4(packet: v4::Packet) -> Result<Packet, DecodeError> {
    Ok(match packet {
        v4::Packet::ConnAck(packet) => Packet::ConnAck(Box::new(ConnAck {
            session_present: packet.session_present,
            reason: ReasonCode::from_connect_return_code(packet.code as u8).ok_or_else(unreadable)?,
            properties: ConnAckProperties::default(),
        })),
        v4::Packet::Subscribe(packet) => {
            let filters = packet.filters.into_iter().map(|filter| {
                let flaw = filter_flaw(&filter.path, Version::V311)?;
                Ok(Filter { flaw, ..Filter::new(filter.path, qos(filter.qos)) })
            });
            Packet::Subscribe(Subscribe::new(id(packet.pkid)?, filters.collect::<Result<_, DecodeError>>()?))
        }
        v4::Packet::SubAck(packet) => {
            let reasons = packet.return_codes.into_iter().map(|code| match code {
                v4::SubscribeReasonCode::Success(qos) => reason(qos as u8),
                v4::SubscribeReasonCode::Failure => Ok(ReasonCode::UnspecifiedError),
            });
            Packet::SubAck(SubAck::new(id(packet.pkid)?, reasons.collect::<Result<_, _>>()?))
        }
        v4::Packet::UnsubAck(packet) => Packet::UnsubAck(UnsubAck::new(id(packet.pkid)?, Vec::new())),
        _ => return Err(unreadable()),
    })
}

fn from_v5(packet: v5::Packet) -> Result<Packet, DecodeError> {
    Ok(match packet {
        v5::Packet::ConnAck(packet) => Packet::ConnAck(Box::new(ConnAck {
            session_present: packet.session_present,
            reason: reason(packet.code as u8)?,
            properties: packet.properties.map_or_else(ConnAckProperties::default, conn_ack_properties),
        })),
        v5::Packet::Subscribe(packet) => Packet::Subscribe(subscribe(packet)?),
        v5::Packet::SubAck(packet) => Packet::SubAck(SubAck {
            packet_id: id(packet.pkid)?,
            reasons: packet
                .return_codes
                .into_iter()
                .map(|code| reason(code as u8))
                .collect::<Result<_, _>>()?,
            properties: packet.properties.and_then(|p| ack_properties(p.reason_string, p.user_properties)),
        }),
        v5::Packet::UnsubAck(packet) => Packet::UnsubAck(UnsubAck {
            packet_id: id(packet.pkid)?,
            reasons: packet.reasons.into_iter().map(|code| reason(code as u8)).collect::<Result<_, _>>()?,
            properties: packet.properties.and_then(|p| ack_properties(p.reason_string, p.user_properties)),
        }),
        _ => return Err(unreadable()),
    })
}

fn subscribe(packet: v5::Subscribe) -> Result<Subscribe, DecodeError> {
    let filters = packet.filters.into_iter().map(|filter| {
        Ok(Filter {
            flaw: filter_flaw(&filter.path, Version::V5)?,
            filter: filter.path.into(),
            qos: qos(filter.qos),
            no_local: filter.nolocal,
            retain_as_published: filter.preserve_retain,
            retain_handling: match filter.retain_forward_rule {
                v5::RetainForwardRule::OnEverySubscribe => RetainHandling::Send,
                v5::RetainForwardRule::OnNewSubscribe => RetainHandling::SendIfNew,
                v5::RetainForwardRule::Never => RetainHandling::DoNotSend,
            },
        })
    });
    let filters = filters.collect::<Result<_, DecodeError>>()?;
    let (identifier, user) = packet.properties.map_or((None, Vec::new()), |p| (p.id, p.user_properties));
    Ok(Subscribe {
        packet_id: id(packet.pkid)?,
        filters,
        subscription_identifier: identifier.map(u32::try_from).transpose().map_err(|_| unreadable())?,
        user_properties: user_properties(user),
    })
}

fn conn_ack_properties(properties: v5::ConnAckProperties) -> ConnAckProperties {
    let flag = |value: Option<u8>| value.map(|value| value == 1);
    ConnAckProperties {
        session_expiry_interval: properties.session_expiry_interval,
        receive_maximum: properties.receive_max,
        maximum_qos: properties.max_qos,
        retain_available: flag(properties.retain_available),
        maximum_packet_size: properties.max_packet_size,
        assigned_client_identifier: properties.assigned_client_identifier.map(Into::into),
        topic_alias_maximum: properties.topic_alias_max,
        reason_string: properties.reason_string.map(Into::into),
        user_properties: user_properties(properties.user_properties),
        wildcard_subscription_available: flag(properties.wildcard_subscription_available),
        subscription_identifier_available: flag(properties.subscription_identifiers_available),
        shared_subscription_available: flag(properties.shared_subscription_available),
        server_keep_alive: properties.server_keep_alive,
        response_information: properties.response_information.map(Into::into),
        server_reference: properties.server_reference.map(Into::into),
        authentication_method: properties.authentication_method.map(Into::into),
        authentication_data: properties.authentication_data,
    }
}

fn ack_properties(reason: Option<String>, user: Vec<(String, String)>) -> Option<Box<AckProperties>> {
    AckProperties { reason_string: reason.map(Into::into), user_properties: user_properties(user) }.boxed()
}

fn user_properties(properties: Vec<(String, String)>) -> Vec<UserProperty> {
    properties.into_iter().map(|(name, value)| (name.into(), value.into())).collect()
}

fn id(id: u16) -> Result<PacketId, DecodeError> {
    PacketId::new(id).ok_or_else(unreadable)
}

fn reason(code: u8) -> Result<ReasonCode, DecodeError> {
    ReasonCode::from_u8(code).ok_or_else(unreadable)
}

const fn qos(qos: mqttbytes::QoS) -> QoS {
    match qos {
        mqttbytes::QoS::AtMostOnce => QoS::AtMostOnce,
        mqttbytes::QoS::AtLeastOnce => QoS::AtLeastOnce,
        mqttbytes::QoS::ExactlyOnce => QoS::ExactlyOnce,
    }
}

/// Our checks passed and the parser did not: whatever it says, "more bytes needed" included, the frame is malformed.
fn disagree(error: mqttbytes::Error) -> DecodeError {
    DecodeError::malformed(
        Section::REMAINING_LENGTH,
        Cow::Owned(format!("frame cannot be parsed: {error:?}")),
    )
}

fn unreadable() -> DecodeError {
    DecodeError::malformed(Section::REMAINING_LENGTH, "frame was parsed as something else than it is")
}
