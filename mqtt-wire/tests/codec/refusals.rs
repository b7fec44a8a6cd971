//! What is refused: with which reason code, where the standard says so, and what a server answers.

use bytes::BytesMut;
use thingstead_mqtt_wire::{
    Answer, Connect, DEFAULT_MAX_PACKET_SIZE, DecodeError, Decoder, Packet, PacketId, ReasonCode, Version,
};

use ReasonCode::{
    MalformedPacket, PacketTooLarge, ProtocolError, TopicAliasInvalid, TopicFilterInvalid, TopicNameInvalid,
    UnsupportedProtocolVersion,
};

/// A server's decoder behind a CONNECT of the version.
fn connected(version: Version) -> Decoder {
    let mut decoder = Decoder::server(DEFAULT_MAX_PACKET_SIZE);
    let mut buffer = BytesMut::new();
    Connect::new(version, "id", 60).encode(&mut buffer).unwrap();
    assert!(decoder.decode(&mut buffer).unwrap().is_some());
    decoder
}

fn refusal(decoder: &mut Decoder, frame: &[u8]) -> DecodeError {
    let mut buffer = BytesMut::from(frame);
    match decoder.decode(&mut buffer) {
        Err(error) => error,
        Ok(other) => panic!("{frame:02x?} was taken for {other:?}"),
    }
}

#[test]
fn a_malformed_packet_names_its_reason_and_section() {
    // MQTT-082, MQTT-098, MQTT-176, MQTT-182
    for (frame, reason, section, detail) in [
        (&b"\x41\x02\x00\x01"[..], MalformedPacket, "2.1.3", "flags are 0001"),
        (b"\xa0\x04\x00\x01\x00\x00", MalformedPacket, "2.1.3", "must be 0010"),
        (b"\x00\x00", MalformedPacket, "2.1.2", "reserved"),
        (b"\xc0\x80\x00", MalformedPacket, "2.1.4", "as few bytes as possible"),
        (b"\x30\xff\xff\xff\xff", MalformedPacket, "2.1.4", "more than 4 bytes"),
        (b"\x40\x02\x00\x00", ProtocolError, "2.2.1", "packet identifier is 0"),
        (b"\x36\x05\x00\x01a\x00\x01", MalformedPacket, "3.3.1.2", "QoS is 3"),
        (b"\x38\x04\x00\x01a\x00", MalformedPacket, "3.3.1.1", "DUP"),
        (b"\x30\x04\x00\x01\x00\x00", MalformedPacket, "1.5.4", "U+0000"),
        (b"\x30\x04\x00\x01\xff\x00", MalformedPacket, "1.5.4", "not UTF-8 from byte 0 on"),
        (b"\x30\x04\x00\x01+\x00", TopicNameInvalid, "4.7", "topic name `+` contains a wildcard"),
        (b"\x30\x03\x00\x00\x00", ProtocolError, "3.3.2.1", "no topic alias"),
        (b"\x30\x07\x00\x01a\x03\x23\x00\x00", TopicAliasInvalid, "3.3.2.3.4", "topic alias is 0"),
        (b"\x30\x08\x00\x01a\x04\x08\x00\x01#", TopicNameInvalid, "4.7", "response topic `#`"),
        (b"\x30\x06\x00\x01a\x02\x01\x02", ProtocolError, "2.2.2", "payload format indicator is 2"),
        (
            b"\x30\x06\x00\x01a\x02\x0b\x01",
            ProtocolError,
            "3.3.2.3.8",
            "may not send a subscription identifier",
        ),
        (b"\x30\x06\x00\x01a\x02\x7f\x01", MalformedPacket, "2.2.2", "identifier is 127"),
        (b"\x30\x07\x00\x01a\x03\x21\x00\x01", MalformedPacket, "2.2.2", "receive maximum is not a property"),
        (b"\x30\x08\x00\x01a\x04\x01\x00\x01\x00", ProtocolError, "2.2.2", "more than once"),
        (b"\x82\x03\x00\x01\x00", ProtocolError, "3.8.3", "no topic filter"),
        (b"\x82\x06\x00\x01\x00\x00\x00\x01", TopicFilterInvalid, "4.7", "is empty"),
        (b"\x82\x07\x00\x01\x00\x00\x01a\x41", MalformedPacket, "3.8.3.1", "reserved bits"),
        (b"\x82\x07\x00\x01\x00\x00\x01a\x03", MalformedPacket, "3.8.3.1", "QoS is 3"),
        (b"\x82\x07\x00\x01\x00\x00\x01a\x30", ProtocolError, "3.8.3.1", "retain handling is 3"),
        (b"\x82\x10\x00\x01\x00\x00\x0a$share/g/a\x05", ProtocolError, "3.8.3.1", "no local"),
        (b"\xa2\x03\x00\x01\x00", ProtocolError, "3.10.3", "no topic filter"),
        (b"\xc0\x01\x00", MalformedPacket, "3.12", "1 bytes follow"),
        (b"\xd0\x00", ProtocolError, "2.1.2", "may not send PINGRESP"),
        (b"\x90\x04\x00\x01\x00\x00", ProtocolError, "2.1.2", "may not send SUBACK"),
        (b"\xe0\x01\x8b", MalformedPacket, "2.4", "0x8B, which DISCONNECT cannot carry"),
        (b"\xe0\x05\x00\x03\x1c\x00\x00", MalformedPacket, "2.2.2", "server reference is not a property"),
        (b"\xf0\x05\x18\x03\x16\x00\x00", ProtocolError, "4.12", "without authentication method"),
    ] {
        let error = refusal(&mut connected(Version::V5), frame);
        assert_eq!((error.reason(), error.section()), (reason, section), "{error}");
        assert!(error.detail().contains(detail), "{error} should say `{detail}`");
        assert_eq!(error.answer(), Answer::Disconnect(reason), "{error}");
    }
}

#[test]
fn towards_mqtt_3_1_1_a_malformed_packet_only_closes() {
    // MQTT-078, MQTT-082, MQTT-098, MQTT-122; sections are those of 3.1.1
    for (frame, section) in [
        (&b"\x30\x04\x00\x01+\x00"[..], "4.7"),
        (b"\x80\x06\x00\x01\x00\x01a\x00", "2.2.2"),
        (b"\xf0\x00", "2.2.1"),
        (b"\x30\x03\x00\x01\xff", "1.5.3"),
        (b"\x82\x09\x00\x01\x00\x04a+/b\x01", "4.7"),
        (b"\x82\x0a\x00\x01\x00\x05a/#/c\x01", "4.7"),
        (b"\xa2\x08\x00\x01\x00\x04a/b#", "4.7"),
        (b"\x82\x06\x00\x01\x00\x01a\x04", "3.8.3"),
        (b"\xe0\x01\x00", "3.14"),
    ] {
        let error = refusal(&mut connected(Version::V311), frame);
        assert_eq!((error.section(), error.answer()), (section, Answer::Close), "{error}");
    }
}

#[test]
fn the_first_packet_must_be_connect_and_the_only_one() {
    // MQTT-040: nothing is answered
    let error = refusal(&mut Decoder::server(1024), b"\xc0\x00");
    assert_eq!((error.answer(), error.section()), (Answer::Close, "3.1"));
    // even before the packet is complete
    assert_eq!(refusal(&mut Decoder::server(1024), b"\x30").answer(), Answer::Close);

    // MQTT-042
    let mut second = BytesMut::new();
    Connect::new(Version::V5, "id", 60).encode(&mut second).unwrap();
    let error = refusal(&mut connected(Version::V5), &second);
    assert_eq!(error.answer(), Answer::Disconnect(ProtocolError));
    assert_eq!(refusal(&mut connected(Version::V311), &second).answer(), Answer::Close);
}

#[test]
fn an_unserved_protocol_level_is_answered_in_the_old_encoding_or_not_at_all() {
    // MQTT-043
    let old = Answer::ConnAck(Version::V311, UnsupportedProtocolVersion);
    for (frame, answer) in [
        (&b"\x10\x10\x00\x06MQIsdp\x03\x02\x00\x3c\x00\x02id"[..], old),
        (b"\x10\x0e\x00\x04MQTT\x03\x02\x00\x3c\x00\x02id", old),
        (b"\x10\x0e\x00\x04MQTT\x06\x02\x00\x3c\x00\x02id", Answer::Close),
        (b"\x10\x0e\x00\x04mqtt\x04\x02\x00\x3c\x00\x02id", Answer::Close),
    ] {
        let error = refusal(&mut Decoder::server(1024), frame);
        assert_eq!((error.reason(), error.answer()), (UnsupportedProtocolVersion, answer), "{error}");
    }
}

#[test]
fn a_malformed_connect_is_answered_by_connack_in_mqtt_5_only() {
    let connack = |reason| Answer::ConnAck(Version::V5, reason);
    for (frame, answer, section) in [
        (&b"\x10\x0f\x00\x04MQTT\x05\x03\x00\x3c\x00\x00\x02id"[..], connack(MalformedPacket), "3.1.2.3"),
        (b"\x10\x0e\x00\x04MQTT\x04\x03\x00\x3c\x00\x02id", Answer::Close, "3.1.2.3"),
        (b"\x10\x0f\x00\x04MQTT\x05\x0a\x00\x3c\x00\x00\x02id", connack(MalformedPacket), "3.1.2.6"),
        (b"\x10\x0f\x00\x04MQTT\x05\x22\x00\x3c\x00\x00\x02id", connack(MalformedPacket), "3.1.2.7"),
        (b"\x10\x11\x00\x04MQTT\x04\x42\x00\x3c\x00\x02id\x00\x01p", Answer::Close, "3.1.2.9"),
        (b"\x10\x12\x00\x04MQTT\x05\x02\x00\x3c\x03\x21\x00\x00\x00\x02id", connack(ProtocolError), "2.2.2"),
        (
            b"\x10\x15\x00\x04MQTT\x05\x06\x00\x3c\x00\x00\x02id\x00\x00\x01#\x00\x00",
            connack(TopicNameInvalid),
            "4.7",
        ),
        (b"\x10\x11\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x02idxx", connack(MalformedPacket), "3.1.3"),
    ] {
        let error = refusal(&mut Decoder::server(1024), frame);
        assert_eq!((error.answer(), error.section()), (answer, section), "{error}");
    }
}

#[test]
fn a_wildcard_in_the_response_topic_of_a_qos_1_publish_is_answered_by_puback_and_the_connection_goes_on() {
    // MQTT-182
    let mut decoder = connected(Version::V5);
    let mut buffer = BytesMut::from(&b"\x32\x0a\x00\x01a\x00\x07\x04\x08\x00\x01#\xc0\x00"[..]);
    let error = decoder.decode(&mut buffer).unwrap_err();
    let id = PacketId::new(7).unwrap();
    assert_eq!(error.answer(), Answer::PubAck(id, TopicNameInvalid));
    assert_eq!(decoder.decode(&mut buffer), Ok(Some(Packet::PingReq)));
}

#[test]
fn a_bad_filter_of_mqtt_5_spoils_itself_and_not_its_neighbours() {
    // MQTT-122, MQTT-142
    let flaws = |version, frame: &[u8]| match connected(version).decode(&mut BytesMut::from(frame)) {
        Ok(Some(Packet::Subscribe(packet))) => {
            packet.filters.iter().map(|filter| filter.flaw.is_some()).collect::<Vec<_>>()
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(flaws(Version::V5, b"\x82\x0d\x00\x01\x00\x00\x01a\x01\x00\x03b+c\x01"), [false, true]);
    assert_eq!(flaws(Version::V5, b"\x82\x0e\x00\x01\x00\x00\x08$share/g\x01"), [true]);
    assert_eq!(flaws(Version::V311, b"\x82\x0d\x00\x01\x00\x08$share/g\x01"), [true]);

    // MQTT-127
    let mut frame = BytesMut::from(&b"\xa2\x0b\x00\x01\x00\x00\x01a\x00\x03b+c"[..]);
    let Ok(Some(Packet::Unsubscribe(packet))) = connected(Version::V5).decode(&mut frame) else { panic!() };
    assert_eq!(packet.filters.iter().map(|filter| filter.flaw.is_some()).collect::<Vec<_>>(), [false, true]);
}

#[test]
fn a_frame_over_the_limit_is_refused_from_its_fixed_header() {
    // MQTT-173: five bytes of a frame whose other 149,500 have not been sent
    let limit = DEFAULT_MAX_PACKET_SIZE;
    let header = |total: usize| {
        let remaining = total - 4;
        [0x30, remaining as u8 | 0x80, (remaining >> 7) as u8 | 0x80, (remaining >> 14) as u8]
    };
    let error = refusal(&mut connected(Version::V5), &header(limit + 1));
    assert_eq!(error.answer(), Answer::Disconnect(PacketTooLarge));
    assert!(error.detail().contains("149505"), "{error}");
    let waiting = connected(Version::V5).decode(&mut BytesMut::from(&header(limit)[..]));
    assert_eq!(waiting, Ok(None));
}

#[test]
fn a_server_may_not_send_what_only_clients_send() {
    for frame in [&b"\xc0\x00"[..], b"\x82\x06\x00\x01\x00\x01a\x00", b"\xe0\x00"] {
        let error = refusal(&mut Decoder::client(Version::V311, 1024), frame);
        assert_eq!((error.reason(), error.answer()), (ProtocolError, Answer::Close));
    }
    let error = refusal(&mut Decoder::client(Version::V5, 1024), b"\xe0\x07\x00\x05\x11\x00\x00\x00\x01");
    assert!(error.detail().contains("session expiry interval"), "{error}");
}

#[test]
fn errors_read_as_sentences() {
    let error = refusal(&mut connected(Version::V5), b"\x40\x02\x00\x00");
    assert_eq!(
        error.to_string(),
        "PUBACK: packet identifier is 0; it must be 1 to 65535 (0x82 protocol error, MQTT 5 section 2.2.1)"
    );
}
