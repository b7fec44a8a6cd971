//! Packets as bytes, one by one, and what cannot be written.

use bytes::{Bytes, BytesMut};
use thingstead_mqtt_wire::{
    Auth, ConnAck, ConnAckProperties, Connect, Decoder, Disconnect, EncodeError, Filter, MAX_PACKET_SIZE,
    Packet, PacketId, PubAck, Publish, QoS, ReasonCode, SubAck, Subscribe, UnsubAck, Unsubscribe, Version,
};

const V4: Version = Version::V311;
const V5: Version = Version::V5;

fn id(id: u16) -> PacketId {
    PacketId::new(id).unwrap()
}

fn bytes(version: Version, packet: &Packet) -> Vec<u8> {
    let mut out = Vec::new();
    packet.encode(version, &mut out).unwrap();
    out
}

#[test]
fn packets_are_written_as_the_standard_shows_them() {
    use ReasonCode::{GrantedQoS1, NotAuthorized, Success};
    let suback = Packet::SubAck(SubAck::new(id(1), vec![Success, GrantedQoS1, NotAuthorized]));
    let unsuback = Packet::UnsubAck(UnsubAck::new(id(1), vec![Success]));
    let refused = Packet::ConnAck(Box::new(ConnAck::refused(NotAuthorized)));
    let taken_over = Packet::Disconnect(Disconnect::new(ReasonCode::SessionTakenOver));
    let denied = Packet::PubAck(PubAck::with_reason(id(258), NotAuthorized));
    for (version, packet, frame) in [
        // 3.2: the property length is there even when there are none
        (V5, refused.clone(), &b"\x20\x03\x00\x87\x00"[..]),
        (V4, refused, b"\x20\x02\x00\x05"),
        // 3.4
        (V5, Packet::PubAck(PubAck::new(id(258))), b"\x40\x02\x01\x02"),
        (V4, Packet::PubAck(PubAck::new(id(258))), b"\x40\x02\x01\x02"),
        (V5, denied, b"\x40\x03\x01\x02\x87"),
        // 3.9: 3.1.1 knows one failure
        (V5, suback.clone(), b"\x90\x06\x00\x01\x00\x00\x01\x87"),
        (V4, suback, b"\x90\x05\x00\x01\x00\x01\x80"),
        // 3.11: 3.1.1 has no reasons
        (V5, unsuback.clone(), b"\xb0\x04\x00\x01\x00\x00"),
        (V4, unsuback, b"\xb0\x02\x00\x01"),
        (V4, Packet::PingReq, b"\xc0\x00"),
        (V5, Packet::PingResp, b"\xd0\x00"),
        // 3.14
        (V5, taken_over, b"\xe0\x01\x8e"),
        (V4, Packet::Disconnect(Disconnect::new(Success)), b"\xe0\x00"),
        (
            V4,
            Packet::Connect(Box::new(Connect::new(V4, "id", 60))),
            b"\x10\x0e\x00\x04MQTT\x04\x02\x00\x3c\x00\x02id",
        ),
    ] {
        assert_eq!(bytes(version, &packet), frame, "{version} {packet:?}");
    }
}

#[test]
fn a_reason_that_a_version_or_packet_cannot_say_is_an_error_and_nothing_is_written() {
    // MQTT-050, MQTT-078: 3.1.1 clients see the close instead
    let quota = ReasonCode::QuotaExceeded;
    for (version, packet) in [
        (V4, Packet::ConnAck(Box::new(ConnAck::refused(quota)))),
        (V4, Packet::Disconnect(Disconnect::new(ReasonCode::KeepAliveTimeout))),
        (V4, Packet::PubAck(PubAck::with_reason(id(1), ReasonCode::NotAuthorized))),
        (V4, Packet::Auth(Auth { reason: ReasonCode::Success, properties: None })),
        (V5, Packet::PubAck(PubAck::with_reason(id(1), ReasonCode::KeepAliveTimeout))),
        (V5, Packet::ConnAck(Box::new(ConnAck::refused(ReasonCode::SessionTakenOver)))),
        (V5, Packet::SubAck(SubAck::new(id(1), vec![ReasonCode::BadUserNameOrPassword]))),
        (V5, Packet::Disconnect(Disconnect::new(ReasonCode::BadUserNameOrPassword))),
    ] {
        let mut out = Vec::new();
        let error = packet.encode(version, &mut out).unwrap_err();
        assert!(matches!(error, EncodeError::Unsupported { .. }), "{packet:?}: {error}");
        assert!(error.to_string().contains("reason code 0x"), "{error}");
        assert!(out.is_empty());
    }
}

#[test]
fn what_does_not_fit_is_an_error_and_never_cut() {
    let long = "x".repeat(65_536);
    let fits = "x".repeat(65_535);
    let publish = Packet::Publish(Publish::new(long.as_str(), ""));
    let subscribe =
        Packet::Subscribe(Subscribe::new(id(1), vec![Filter::new(long.as_str(), QoS::AtMostOnce)]));
    let unsubscribe = Packet::Unsubscribe(Unsubscribe::new(id(1), [long.as_str()]));
    let mut connect = Connect::new(V5, "id", 60);
    connect.password = Some(Bytes::from(long.clone()));
    let reason = Packet::Disconnect(Disconnect::with_reason_string(ReasonCode::ServerBusy, long.as_str()));
    for (packet, field) in [
        (publish, "topic name"),
        (subscribe, "topic filter"),
        (unsubscribe, "topic filter"),
        (Packet::Connect(Box::new(connect)), "password"),
        (reason, "reason string"),
    ] {
        let mut out = Vec::new();
        let error = packet.encode(V5, &mut out);
        assert_eq!(error, Err(EncodeError::FieldTooLong { field, bytes: 65_536 }));
        assert!(out.is_empty());
    }
    assert!(Publish::new(fits.as_str(), "").encode(V5, &mut Vec::new()).is_ok());

    let nul = Publish::new("a\0b", "").encode(V4, &mut Vec::new());
    assert_eq!(nul, Err(EncodeError::Nul { field: "topic name" }));
    let empty = Subscribe::new(id(1), Vec::new()).encode(V4, &mut Vec::new());
    assert!(matches!(empty, Err(EncodeError::Empty { .. })));
}

#[test]
fn a_password_alone_needs_mqtt_5() {
    let mut connect = Connect::new(V5, "id", 60);
    connect.password = Some(Bytes::from_static(b"\xff\x00"));
    assert!(connect.encode(&mut Vec::new()).is_ok());
    connect.version = V4;
    assert!(connect.encode(&mut Vec::new()).is_err());
}

#[test]
fn the_clients_side_reads_what_the_server_writes() {
    let properties = ConnAckProperties {
        receive_maximum: Some(100),
        maximum_qos: Some(1),
        retain_available: Some(true),
        maximum_packet_size: Some(149_504),
        topic_alias_maximum: Some(8),
        wildcard_subscription_available: Some(true),
        subscription_identifier_available: Some(false),
        ..ConnAckProperties::default()
    };
    let connack = Packet::ConnAck(Box::new(ConnAck::accepted(true, properties)));
    let mut buffer = BytesMut::from(&bytes(V5, &connack)[..]);
    assert_eq!(Decoder::client(V5, MAX_PACKET_SIZE).decode(&mut buffer), Ok(Some(connack)));
}

#[test]
fn an_empty_user_name_and_password_are_not_absent_ones() {
    let mut connect = Connect::new(V4, "id", 60);
    connect.user_name = Some("".into());
    connect.password = Some(Bytes::new());
    let packet = Packet::Connect(Box::new(connect));
    let mut buffer = BytesMut::from(&bytes(V4, &packet)[..]);
    assert_eq!(Decoder::server(1024).decode(&mut buffer), Ok(Some(packet)));
}

#[test]
fn a_normal_disconnect_of_mqtt_5_may_be_two_or_three_bytes() {
    for (frame, reason) in [
        (&b"\xe0\x00"[..], ReasonCode::NORMAL_DISCONNECTION),
        (b"\xe0\x01\x04", ReasonCode::DisconnectWithWillMessage),
        (b"\xe0\x02\x04\x00", ReasonCode::DisconnectWithWillMessage),
    ] {
        let mut decoder = Decoder::server(1024);
        let mut buffer = BytesMut::new();
        Connect::new(V5, "id", 60).encode(&mut buffer).unwrap();
        buffer.extend_from_slice(frame);
        decoder.decode(&mut buffer).unwrap();
        assert_eq!(decoder.decode(&mut buffer), Ok(Some(Packet::Disconnect(Disconnect::new(reason)))));
    }
}

#[test]
fn a_payload_is_a_slice_of_the_read_buffer_and_a_repeated_topic_is_shared() {
    let mut buffer = BytesMut::new();
    Connect::new(V4, "id", 60).encode(&mut buffer).unwrap();
    for payload in ["one", "two"] {
        Publish::new("a/b", payload).encode(V4, &mut buffer).unwrap();
    }
    let memory = buffer.as_ptr_range();
    let mut decoder = Decoder::server(1024);
    decoder.decode(&mut buffer).unwrap();
    let mut next = || match decoder.decode(&mut buffer) {
        Ok(Some(Packet::Publish(publish))) => publish,
        other => panic!("{other:?}"),
    };
    let (first, second) = (next(), next());
    assert!(memory.contains(&first.payload.as_ptr()) && memory.contains(&second.payload.as_ptr()));
    assert!(std::sync::Arc::ptr_eq(&first.topic, &second.topic));
    assert_eq!((&first.payload[..], &second.payload[..]), (&b"one"[..], &b"two"[..]));
}
