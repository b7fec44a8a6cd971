//! The conformance frames of `../data/codec-vectors.txt`, for a server that receives from a client.

use bytes::BytesMut;
use thingstead_mqtt_wire::{Connect, DEFAULT_MAX_PACKET_SIZE, DecodeError, Decoder, Packet, Version};

struct Vector {
    version: Version,
    valid: bool,
    name: String,
    frame: Vec<u8>,
}

#[test]
fn every_vector_is_judged_right() {
    let vectors = vectors();
    assert_eq!(vectors.len(), 135);
    let wrong: Vec<String> = vectors
        .iter()
        .filter_map(|vector| {
            let outcome = decode(vector.version, &vector.frame);
            (accepted(&outcome) != vector.valid).then(|| format!("{}: {outcome:?}", vector.name))
        })
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_valid_vector_survives_being_written_and_read_again() {
    for vector in vectors().iter().filter(|vector| vector.valid) {
        let packet = decode(vector.version, &vector.frame).unwrap().unwrap();
        let mut written = BytesMut::new();
        packet.encode(vector.version, &mut written).unwrap();
        assert_eq!(decode(vector.version, &written), Ok(Some(packet)), "{}", vector.name);
    }
}

/// A frame is refused by an error, or by a flaw that the acknowledgement must name.
fn accepted(outcome: &Result<Option<Packet>, DecodeError>) -> bool {
    match outcome {
        Ok(Some(Packet::Subscribe(packet))) => packet.filters.iter().all(|filter| filter.flaw.is_none()),
        Ok(Some(Packet::Unsubscribe(packet))) => packet.filters.iter().all(|filter| filter.flaw.is_none()),
        Ok(Some(_)) => true,
        Ok(None) | Err(_) => false,
    }
}

pub(crate) fn decode(version: Version, frame: &[u8]) -> Result<Option<Packet>, DecodeError> {
    let mut decoder = Decoder::server(DEFAULT_MAX_PACKET_SIZE);
    let mut buffer = BytesMut::new();
    if frame.first().is_none_or(|first| first >> 4 != 1) {
        Connect::new(version, "id", 60).encode(&mut buffer).unwrap();
        decoder.decode(&mut buffer).unwrap().unwrap();
    }
    buffer.extend_from_slice(frame);
    let packet = decoder.decode(&mut buffer)?;
    if let Some(Packet::Connect(connect)) = &packet {
        assert_eq!(connect.version, version);
    }
    assert!(packet.is_none() || buffer.is_empty(), "bytes left over");
    Ok(packet)
}

fn vectors() -> Vec<Vector> {
    let mut version = Version::V311;
    let mut vectors = Vec::new();
    for line in include_str!("../data/codec-vectors.txt").lines() {
        match line.trim() {
            "v4:" => version = Version::V311,
            "v5:" => version = Version::V5,
            line if line.is_empty() || line.starts_with('#') => {}
            line => {
                let mut columns = line.split('|').map(str::trim);
                let valid = columns.next() == Some("ok");
                let name = columns.next().unwrap();
                let frame = frame(columns.next().unwrap());
                vectors.push(Vector { version, valid, name: format!("{version} {name}"), frame });
            }
        }
    }
    vectors
}

/// The bytes of a hex column; `HEX... (N bytes)` goes on with its last byte.
fn frame(column: &str) -> Vec<u8> {
    let (hex, length) = match column.split_once("... (") {
        Some((hex, rest)) => (hex, rest.trim_end_matches(" bytes)").parse().unwrap()),
        None => (column, column.len() / 2),
    };
    let mut bytes = self::hex(hex);
    bytes.resize(length, *bytes.last().unwrap());
    bytes
}

pub(crate) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.chars().map(|c| c.to_digit(16).unwrap() as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}
