//! Frames derived section by section from the standards (`../data/standard-frames.txt`), and every CONNECT flag byte.

use bytes::BytesMut;
use thingstead_mqtt_wire::{DecodeError, Packet, ReasonCode, Version};

use crate::vectors::{decode, hex};

struct Frame {
    version: Version,
    expected: String,
    section: String,
    name: String,
    bytes: Vec<u8>,
}

/// `ok`, `flaw`, or the reason code in hex.
fn judged(outcome: &Result<Option<Packet>, DecodeError>) -> String {
    match outcome {
        Ok(Some(Packet::Subscribe(packet))) if packet.filters.iter().any(|filter| filter.flaw.is_some()) => {
            "flaw".to_owned()
        }
        Ok(Some(Packet::Unsubscribe(packet)))
            if packet.filters.iter().any(|filter| filter.flaw.is_some()) =>
        {
            "flaw".to_owned()
        }
        Ok(Some(_)) => "ok".to_owned(),
        Ok(None) => "not whole".to_owned(),
        Err(error) => format!("{:02x}", error.reason().as_u8()),
    }
}

fn is_expected(frame: &Frame, judged: &str) -> bool {
    frame.expected.split('/').any(|expected| match expected {
        "rej" => !matches!(judged, "ok" | "flaw" | "not whole"),
        "any" => true,
        expected => expected == judged,
    })
}

#[test]
fn every_frame_is_judged_as_the_standard_says() {
    let frames = frames();
    assert!(frames.len() > 600, "{}", frames.len());
    let mut wrong = Vec::new();
    for frame in &frames {
        let outcome = decode(frame.version, &frame.bytes);
        let judged = judged(&outcome);
        if !is_expected(frame, &judged) {
            let Frame { version, expected, section, name, .. } = frame;
            let why = outcome.err().map(|error| error.to_string()).unwrap_or_default();
            wrong.push(format!("{version} {section} {name}: {judged} instead of {expected}; {why}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_valid_frame_survives_being_written_and_read_again() {
    for frame in frames().iter().filter(|frame| frame.expected == "ok") {
        let packet = decode(frame.version, &frame.bytes).unwrap().unwrap();
        let mut written = BytesMut::new();
        packet.encode(frame.version, &mut written).unwrap();
        assert_eq!(decode(frame.version, &written), Ok(Some(packet)), "{}", frame.name);
    }
}

#[test]
fn every_byte_of_connect_flags_is_judged_as_the_standard_says() {
    // MQTT-042, 3.1.2.3 to 3.1.2.9 of both standards
    for version in [Version::V311, Version::V5] {
        for flags in 0..=u8::MAX {
            let bytes = connect(version, flags);
            let will = flags & 0x04 != 0;
            let coherent = if will { flags >> 3 & 3 != 3 } else { flags & 0x38 == 0 };
            let nameless = flags & 0xc0 == 0x40;
            let valid = flags & 1 == 0 && coherent && !(version == Version::V311 && nameless);
            match decode(version, &bytes) {
                Ok(Some(Packet::Connect(connect))) => {
                    assert!(valid, "{version} {flags:#010b} was accepted");
                    let Some(read) = connect.will.as_ref() else {
                        assert!(!will, "{version} {flags:#010b}");
                        continue;
                    };
                    assert_eq!((read.qos as u8, read.retain), (flags >> 3 & 3, flags & 0x20 != 0));
                    assert_eq!(connect.user_name.is_some(), flags & 0x80 != 0);
                    assert_eq!(connect.password.is_some(), flags & 0x40 != 0);
                    assert_eq!(connect.clean_start, flags & 0x02 != 0);
                }
                Err(error) => {
                    assert!(!valid, "{version} {flags:#010b}: {error}");
                    assert_eq!(error.reason(), ReasonCode::MalformedPacket, "{version} {flags:#010b}");
                }
                other => panic!("{version} {flags:#010b}: {other:?}"),
            }
        }
    }
}

/// A CONNECT with exactly the fields that its flags promise.
fn connect(version: Version, flags: u8) -> Vec<u8> {
    let properties: &[u8] = if version == Version::V5 { &[0] } else { &[] };
    let mut body = b"\0\x04MQTT".to_vec();
    body.extend([version.level(), flags, 0, 60]);
    body.extend(properties);
    body.extend(b"\0\x01c");
    if flags & 0x04 != 0 {
        body.extend(properties);
        body.extend(b"\0\x01w\0\x01x");
    }
    if flags & 0x80 != 0 {
        body.extend(b"\0\x01u");
    }
    if flags & 0x40 != 0 {
        body.extend(b"\0\x01p");
    }
    let mut frame = vec![0x10, u8::try_from(body.len()).unwrap()];
    frame.extend(body);
    frame
}

fn frames() -> Vec<Frame> {
    let mut version = Version::V311;
    let mut frames = Vec::new();
    for line in include_str!("../data/standard-frames.txt").lines() {
        match line {
            "v4:" => version = Version::V311,
            "v5:" => version = Version::V5,
            line if line.is_empty() || line.starts_with('#') => {}
            line => {
                let mut columns = line.split(" | ").map(str::to_owned);
                let mut next = || columns.next().unwrap();
                let (expected, section, name) = (next(), next(), next());
                frames.push(Frame { version, expected, section, name, bytes: bytes(&next()) });
            }
        }
    }
    frames
}

/// `HEX`, or `HEX*COUNT+HEX`, where the last byte before the star is there COUNT times.
fn bytes(column: &str) -> Vec<u8> {
    let Some((head, rest)) = column.split_once('*') else { return hex(column) };
    let (count, tail) = rest.split_once('+').unwrap_or((rest, ""));
    let mut bytes = hex(head);
    let last = *bytes.last().unwrap();
    bytes.resize(bytes.len() - 1 + count.parse::<usize>().unwrap(), last);
    bytes.extend(hex(tail));
    bytes
}
