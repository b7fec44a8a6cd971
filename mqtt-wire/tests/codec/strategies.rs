//! Packets of both versions, made up.

use std::sync::Arc;

use bytes::Bytes;
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use thingstead_mqtt_wire::{
    AckProperties, Auth, AuthProperties, ConnAck, ConnAckProperties, Connect, ConnectProperties, Disconnect,
    DisconnectProperties, Filter, Packet, PacketId, PubAck, PubComp, PubRec, PubRel, Publish,
    PublishProperties, QoS, ReasonCode, RetainHandling, Role, SubAck, Subscribe, UnsubAck, Unsubscribe,
    UserProperty, Version, Will, WillProperties,
};

/// Who may receive it.
pub(crate) fn role_that_reads(packet: &Packet) -> Role {
    match packet {
        Packet::ConnAck(_) | Packet::SubAck(_) | Packet::UnsubAck(_) | Packet::PingResp => Role::Client,
        Packet::Publish(packet)
            if packet.properties.as_ref().is_some_and(|p| !p.subscription_identifiers.is_empty()) =>
        {
            Role::Client
        }
        Packet::Disconnect(packet) => {
            let server = packet.properties.as_ref().is_some_and(|p| p.server_reference.is_some());
            if server || packet.reason == ReasonCode::ServerShuttingDown {
                Role::Client
            } else {
                Role::Server
            }
        }
        _ => Role::Server,
    }
}

/// Either.
pub(crate) fn versions() -> impl Strategy<Value = Version> + Clone {
    prop_oneof![Just(Version::V311), Just(Version::V5)]
}

/// A packet of one of the fifteen kinds.
pub(crate) fn packet(version: Version, kind: u8) -> BoxedStrategy<Packet> {
    let v5 = version.is_v5();
    match kind % 15 {
        0 => connect(version).prop_map(|packet| Packet::Connect(Box::new(packet))).boxed(),
        1 => conn_ack(v5).prop_map(|packet| Packet::ConnAck(Box::new(packet))).boxed(),
        2 => publish(v5).prop_map(Packet::Publish).boxed(),
        3 => ack(v5, &[0, 0x10, 0x87, 0x97])
            .prop_map(|(packet_id, reason, properties)| {
                Packet::PubAck(PubAck { packet_id, reason, properties })
            })
            .boxed(),
        4 => ack(v5, &[0, 0x80, 0x91])
            .prop_map(|(packet_id, reason, properties)| {
                Packet::PubRec(PubRec { packet_id, reason, properties })
            })
            .boxed(),
        5 => ack(v5, &[0, 0x92])
            .prop_map(|(packet_id, reason, properties)| {
                Packet::PubRel(PubRel { packet_id, reason, properties })
            })
            .boxed(),
        6 => ack(v5, &[0, 0x92])
            .prop_map(|(packet_id, reason, properties)| {
                Packet::PubComp(PubComp { packet_id, reason, properties })
            })
            .boxed(),
        7 => subscribe(v5).prop_map(Packet::Subscribe).boxed(),
        8 => {
            let codes: &'static [u8] =
                if v5 { &[0, 1, 2, 0x80, 0x87, 0x8F, 0x97, 0xA1] } else { &[0, 1, 2, 0x80] };
            (packet_id(), vec(reason(codes), 1..9), ack_properties(v5))
                .prop_map(|(packet_id, reasons, properties)| {
                    Packet::SubAck(SubAck { packet_id, reasons, properties })
                })
                .boxed()
        }
        9 => (packet_id(), vec(filter(), 1..9), users(v5))
            .prop_map(|(packet_id, filters, user_properties)| {
                Packet::Unsubscribe(Unsubscribe { user_properties, ..Unsubscribe::new(packet_id, filters) })
            })
            .boxed(),
        10 => (packet_id(), vec(reason(&[0, 0x11, 0x80, 0x8F]), 1..9), ack_properties(v5))
            .prop_map(move |(packet_id, reasons, properties)| {
                let reasons = if v5 { reasons } else { Vec::new() };
                Packet::UnsubAck(UnsubAck { packet_id, reasons, properties })
            })
            .boxed(),
        11 => Just(Packet::PingReq).boxed(),
        12 => Just(Packet::PingResp).boxed(),
        14 if v5 => auth().prop_map(Packet::Auth).boxed(),
        _ => disconnect(v5).prop_map(Packet::Disconnect).boxed(),
    }
}

/// A strategy for MQTT 5, the default for MQTT 3.1.1.
fn only<S: Strategy<Value: Default> + 'static>(v5: bool, strategy: S) -> BoxedStrategy<S::Value> {
    if v5 { strategy.boxed() } else { Just(()).prop_map(|()| Default::default()).boxed() }
}

fn text() -> impl Strategy<Value = Arc<str>> + Clone {
    prop_oneof!["[a-z]{0,8}", "[äß€𝄞\u{FEFF} -~]{0,12}", "[a-z]{120,140}"].prop_map(Into::into)
}

fn name() -> impl Strategy<Value = Arc<str>> + Clone {
    prop_oneof!["[a-z/$]{1,12}", "[ä€𝄞/ ]{1,6}", "x{126,131}"].prop_map(Into::into)
}

fn filter() -> impl Strategy<Value = Arc<str>> + Clone {
    prop_oneof!["[a-z/]{1,12}", "([a-z]{0,3}/|\\+/){0,4}#", "\\$share/[a-z]{1,4}/[a-z/]{1,8}"]
        .prop_map(Into::into)
}

fn blob(longest: usize) -> impl Strategy<Value = Bytes> + Clone {
    vec(any::<u8>(), 0..longest).prop_map(Bytes::from)
}

fn users(v5: bool) -> BoxedStrategy<Vec<UserProperty>> {
    only(v5, vec((text(), text()), 0..4))
}

fn packet_id() -> impl Strategy<Value = PacketId> {
    (1..=u16::MAX).prop_map(|id| PacketId::new(id).unwrap())
}

fn qos() -> impl Strategy<Value = QoS> {
    (0..3_u8).prop_map(|level| QoS::from_u8(level).unwrap())
}

fn reason(codes: &'static [u8]) -> impl Strategy<Value = ReasonCode> {
    prop::sample::select(codes).prop_map(|code| ReasonCode::from_u8(code).unwrap())
}

/// `None` where there is nothing, as the reader says it.
fn boxed<T: Default + PartialEq>(properties: T) -> Option<Box<T>> {
    (properties != T::default()).then(|| Box::new(properties))
}

fn ack_properties(v5: bool) -> BoxedStrategy<Option<Box<AckProperties>>> {
    let properties = (of(text()), users(true))
        .prop_map(|(reason_string, user_properties)| boxed(AckProperties { reason_string, user_properties }));
    only(v5, properties)
}

fn ack(
    v5: bool,
    codes: &'static [u8],
) -> impl Strategy<Value = (PacketId, ReasonCode, Option<Box<AckProperties>>)> {
    (packet_id(), reason(if v5 { codes } else { &[0] }), ack_properties(v5))
}

fn connect(version: Version) -> impl Strategy<Value = Connect> {
    let v5 = version.is_v5();
    let numbers = (of(any::<u32>()), of(1..=u16::MAX), of(1..=u32::MAX), of(any::<u16>()), of(any::<bool>()));
    let rest = (of(any::<bool>()), users(true), of((text(), of(blob(20)))));
    let properties = (numbers, rest).prop_map(|(numbers, (problem, user_properties, authentication))| {
        let (authentication_method, authentication_data) =
            authentication.map_or((None, None), |(method, data)| (Some(method), data));
        ConnectProperties {
            session_expiry_interval: numbers.0,
            receive_maximum: numbers.1,
            maximum_packet_size: numbers.2,
            topic_alias_maximum: numbers.3,
            request_response_information: numbers.4,
            request_problem_information: problem,
            user_properties,
            authentication_method,
            authentication_data,
        }
    });
    let credentials = (of(text()), of(blob(20)));
    (any::<bool>(), any::<u16>(), text(), of(will(v5)), credentials, only(v5, properties)).prop_map(
        move |(clean_start, keep_alive, client_id, will, (user_name, password), properties)| {
            let password = password.filter(|_| v5 || user_name.is_some());
            Connect { version, clean_start, keep_alive, client_id, will, user_name, password, properties }
        },
    )
}

fn will(v5: bool) -> impl Strategy<Value = Will> {
    let numbers = (of(any::<u32>()), of(0..2_u8), of(any::<u32>()));
    let properties = (numbers, of(text()), of(name()), of(blob(20)), users(true)).prop_map(
        |(numbers, content_type, response_topic, correlation_data, user_properties)| WillProperties {
            will_delay_interval: numbers.0,
            payload_format_indicator: numbers.1,
            message_expiry_interval: numbers.2,
            content_type,
            response_topic,
            correlation_data,
            user_properties,
        },
    );
    (name(), blob(40), qos(), any::<bool>(), only(v5, properties)).prop_map(
        |(topic, payload, qos, retain, properties)| Will { topic, payload, qos, retain, properties },
    )
}

fn conn_ack(v5: bool) -> impl Strategy<Value = ConnAck> {
    let codes: &'static [u8] =
        if v5 { &[0, 0x81, 0x85, 0x87, 0x97, 0x9B] } else { &[0, 0x84, 0x85, 0x88, 0x86, 0x87] };
    let numbers = (
        of(any::<u32>()),
        of(1..=u16::MAX),
        of(0..2_u8),
        of(1..=u32::MAX),
        of(any::<u16>()),
        of(any::<u16>()),
    );
    let flags = (of(any::<bool>()), of(any::<bool>()), of(any::<bool>()), of(any::<bool>()));
    let texts = (of(text()), of(text()), of(text()), of(text()));
    let properties = (numbers, flags, texts, users(true), of((text(), of(blob(20))))).prop_map(
        |(numbers, flags, texts, user_properties, authentication)| {
            let (authentication_method, authentication_data) =
                authentication.map_or((None, None), |(method, data)| (Some(method), data));
            ConnAckProperties {
                session_expiry_interval: numbers.0,
                receive_maximum: numbers.1,
                maximum_qos: numbers.2,
                maximum_packet_size: numbers.3,
                topic_alias_maximum: numbers.4,
                server_keep_alive: numbers.5,
                retain_available: flags.0,
                wildcard_subscription_available: flags.1,
                subscription_identifier_available: flags.2,
                shared_subscription_available: flags.3,
                assigned_client_identifier: texts.0,
                reason_string: texts.1,
                response_information: texts.2,
                server_reference: texts.3,
                user_properties,
                authentication_method,
                authentication_data,
            }
        },
    );
    (any::<bool>(), reason(codes), only(v5, properties)).prop_map(|(session_present, reason, properties)| {
        ConnAck { session_present: session_present && !reason.is_error(), reason, properties }
    })
}

fn publish(v5: bool) -> impl Strategy<Value = Publish> {
    let numbers = (of(0..2_u8), of(any::<u32>()), of(1..=u16::MAX), vec(1..=268_435_455_u32, 0..4));
    let properties = (numbers, of(name()), of(blob(20)), users(true), of(text())).prop_map(
        |(numbers, response_topic, correlation_data, user_properties, content_type)| {
            boxed(PublishProperties {
                payload_format_indicator: numbers.0,
                message_expiry_interval: numbers.1,
                topic_alias: numbers.2,
                subscription_identifiers: numbers.3,
                response_topic,
                correlation_data,
                user_properties,
                content_type,
            })
        },
    );
    let flags = (any::<bool>(), qos(), any::<bool>(), packet_id());
    (flags, name(), only(v5, properties), blob(300), any::<bool>()).prop_map(
        |((dup, qos, retain, packet_id), topic, properties, payload, by_alias)| {
            let alias = properties.as_ref().is_some_and(|properties| properties.topic_alias.is_some());
            let above_qos_0 = qos != QoS::AtMostOnce;
            Publish {
                dup: dup && above_qos_0,
                qos,
                retain,
                topic: if by_alias && alias { "".into() } else { topic },
                packet_id: above_qos_0.then_some(packet_id),
                properties,
                payload,
            }
        },
    )
}

fn subscribe(v5: bool) -> impl Strategy<Value = Subscribe> {
    let handling = prop_oneof![
        Just(RetainHandling::Send),
        Just(RetainHandling::SendIfNew),
        Just(RetainHandling::DoNotSend)
    ];
    let options = only(v5, (any::<bool>(), any::<bool>(), handling));
    let filters = vec((filter(), qos(), options), 1..9).prop_map(|filters| {
        let filters =
            filters.into_iter().map(|(filter, qos, (no_local, retain_as_published, retain_handling))| {
                let no_local = no_local && !filter.starts_with("$share/");
                Filter { no_local, retain_as_published, retain_handling, ..Filter::new(filter, qos) }
            });
        filters.collect()
    });
    (packet_id(), filters, only(v5, of(1..=268_435_455_u32)), users(v5)).prop_map(
        |(packet_id, filters, subscription_identifier, user_properties)| Subscribe {
            packet_id,
            filters,
            subscription_identifier,
            user_properties,
        },
    )
}

fn disconnect(v5: bool) -> BoxedStrategy<Disconnect> {
    if !v5 {
        return Just(Disconnect::new(ReasonCode::NORMAL_DISCONNECTION)).boxed();
    }
    let client = (reason(&[0, 4, 0x81, 0x82, 0x93]), of(any::<u32>()), Just(None));
    let server = (reason(&[0x8B]), Just(None), of(text()));
    (prop_oneof![client.boxed(), server.boxed()], of(text()), users(true))
        .prop_map(|((reason, session_expiry_interval, server_reference), reason_string, user_properties)| {
            let properties = DisconnectProperties {
                session_expiry_interval,
                reason_string,
                user_properties,
                server_reference,
            };
            Disconnect { reason, properties: boxed(properties) }
        })
        .boxed()
}

fn auth() -> impl Strategy<Value = Auth> {
    (reason(&[0, 0x18, 0x19]), of((text(), of(blob(20)))), of(text()), users(true)).prop_map(
        |(reason, authentication, reason_string, user_properties)| {
            let (authentication_method, authentication_data) =
                authentication.map_or((None, None), |(method, data)| (Some(method), data));
            // 3.15.2.2.2: only a success needs no method.
            let authentication_method = match reason {
                ReasonCode::Success => authentication_method,
                _ => authentication_method.or_else(|| Some("method".into())),
            };
            let properties =
                AuthProperties { authentication_method, authentication_data, reason_string, user_properties };
            Auth { reason, properties: boxed(properties) }
        },
    )
}
