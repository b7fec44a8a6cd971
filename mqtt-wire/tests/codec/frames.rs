//! A PUBLISH encoded once for many receivers.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use thingstead_core::{Message, Properties, QoS as Served, Timestamp};
use thingstead_mqtt_wire::{
    Decoder, EncodeError, MAX_PACKET_SIZE, Packet, PacketId, Publish, PublishFrame, QoS, Version,
};

fn message() -> Message {
    let properties = Properties {
        payload_format: Some(1),
        expires_at: Some(Timestamp::from_millis(1_000_000)),
        content_type: Some("text/plain".into()),
        response_topic: Some("answers".into()),
        correlation_data: Some(Bytes::from_static(b"\x00\xff")),
        user: vec![("a".into(), "1".into()), ("a".into(), "2".into())],
    };
    Message { properties: Some(Arc::new(properties)), retain: true, ..Message::new("a/b", "payload") }
}

fn read(version: Version, frame: &[u8]) -> Publish {
    let mut buffer = BytesMut::from(frame);
    match Decoder::client(version, MAX_PACKET_SIZE).decode(&mut buffer) {
        Ok(Some(Packet::Publish(publish))) if buffer.is_empty() => publish,
        other => panic!("{other:?}"),
    }
}

#[test]
fn only_the_packet_id_and_the_time_left_differ_between_receivers() {
    // MQTT-179
    let frame = PublishFrame::of(Version::V5, &message(), Served::AtLeastOnce, false, Some(30)).unwrap();
    for (id, left) in [(1, 30), (65_535, 10), (513, 0)] {
        let mut out = b"before".to_vec();
        frame.put(PacketId::new(id), Some(left), &mut out).unwrap();
        assert_eq!(out.len(), 6 + frame.len());
        let publish = read(Version::V5, &out[6..]);
        // MQTT-088: DUP is never set
        assert_eq!((publish.dup, publish.qos, publish.retain), (false, QoS::AtLeastOnce, false));
        assert_eq!(publish.packet_id, PacketId::new(id));
        assert_eq!((&*publish.topic, &publish.payload[..]), ("a/b", &b"payload"[..]));
        let properties = publish.properties.unwrap();
        assert_eq!(properties.message_expiry_interval, Some(left));
        assert_eq!(properties.payload_format_indicator, Some(1));
        assert_eq!(properties.content_type.as_deref(), Some("text/plain"));
        assert_eq!(properties.response_topic.as_deref(), Some("answers"));
        assert_eq!(properties.correlation_data.as_deref(), Some(&b"\x00\xff"[..]));
        assert_eq!(properties.user_properties, [("a".into(), "1".into()), ("a".into(), "2".into())]);
    }
}

#[test]
fn towards_mqtt_3_1_1_the_properties_stay_behind() {
    // MQTT-107
    let frame = PublishFrame::of(Version::V311, &message(), Served::AtMostOnce, true, Some(30)).unwrap();
    let mut out = Vec::new();
    frame.put(None, Some(10), &mut out).unwrap();
    assert_eq!(out, b"\x31\x0c\x00\x03a/bpayload");
}

#[test]
fn a_message_without_properties_says_so_in_one_byte() {
    let message = Message::new("a/b", "x");
    let mut out = Vec::new();
    PublishFrame::of(Version::V5, &message, Served::AtMostOnce, false, None)
        .unwrap()
        .put(None, None, &mut out)
        .unwrap();
    assert_eq!(out, b"\x30\x07\x00\x03a/b\x00x");
}

#[test]
fn qos_1_without_a_packet_id_is_an_error_and_nothing_is_written() {
    let frame = PublishFrame::of(Version::V311, &message(), Served::AtLeastOnce, false, None).unwrap();
    let mut out = Vec::new();
    assert_eq!(frame.put(None, None, &mut out), Err(EncodeError::MissingPacketId));
    assert!(out.is_empty());
}
