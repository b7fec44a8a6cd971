//! Any bytes, in any pieces, into both roles and versions: never a panic, and what is accepted can be written and read again.
//!
//! The fuzz target and the seeded tests run the same function.

use bytes::BytesMut;
use thingstead_mqtt_wire::{Connect, DEFAULT_MAX_PACKET_SIZE, Decoder, Packet, Version};

/// The first byte chooses role, version and where the stream is split.
pub(crate) fn any_stream(data: &[u8]) {
    let Some((&choice, stream)) = data.split_first() else { return };
    let version = if choice & 1 == 0 { Version::V311 } else { Version::V5 };
    let split = usize::from(choice >> 3).min(stream.len());
    let mut decoder = decoder(choice >> 1 & 3, version);
    let mut buffer = BytesMut::new();
    for part in [&stream[..split], &stream[split..]] {
        buffer.extend_from_slice(part);
        while let Ok(Some(packet)) = decoder.decode(&mut buffer) {
            written_and_read_again(&packet, decoder.version().unwrap_or(version));
        }
    }
}

fn decoder(choice: u8, version: Version) -> Decoder {
    match choice {
        0 => Decoder::server(DEFAULT_MAX_PACKET_SIZE),
        1 => Decoder::client(version, DEFAULT_MAX_PACKET_SIZE),
        _ => {
            let mut decoder = Decoder::server(DEFAULT_MAX_PACKET_SIZE);
            let mut connect = BytesMut::new();
            Connect::new(version, "id", 60).encode(&mut connect).expect("a plain CONNECT can be written");
            decoder.decode(&mut connect).expect("a plain CONNECT can be read");
            decoder
        }
    }
}

fn written_and_read_again(packet: &Packet, version: Version) {
    let mut again = BytesMut::new();
    packet.encode(version, &mut again).expect("what was read can be written");
    for choice in 0..3 {
        if let Ok(Some(read)) = decoder(choice, version).decode(&mut again.clone()) {
            assert_eq!(&read, packet);
            return;
        }
    }
    panic!("cannot be read again: {packet:?}");
}
