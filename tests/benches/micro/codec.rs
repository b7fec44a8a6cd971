//! Packets in and out.

use bytes::{Bytes, BytesMut};
use thingstead_core::Message;
use thingstead_mqtt_wire::{
    Connect, DEFAULT_MAX_PACKET_SIZE, Decoder, EncodeError, Filter, Packet, PacketId, PubAck, Publish,
    PublishFrame, PublishProperties, QoS, Subscribe, Version,
};

use crate::table::Table;

pub(crate) fn measure(table: &mut Table) {
    if let Err(error) = try_measure(table) {
        table.line(&format!("codec: {error}"), || ());
    }
}

fn try_measure(table: &mut Table) -> Result<(), EncodeError> {
    let publish = Publish::new("dt/plant-7/sensor-42/temperature", vec![b'x'; 256]);
    let other = Publish::new("dt/plant-7/sensor-43/temperature", vec![b'x'; 256]);
    let qos_1 = Publish { qos: QoS::AtLeastOnce, packet_id: Some(PacketId::FIRST), ..publish.clone() };
    let properties = PublishProperties {
        message_expiry_interval: Some(3600),
        content_type: Some("application/json".into()),
        user_properties: vec![("site".into(), "north".into())],
        ..PublishProperties::default()
    };
    let with_properties = Publish { properties: Some(Box::new(properties)), ..publish.clone() };
    let large = Publish::new("dt/plant-7/sensor-42/temperature", vec![b'x'; 8192]);
    let puback = Packet::PubAck(PubAck::new(PacketId::FIRST));
    let filters = ["a/b/c", "a/+/c", "a/#"].map(|filter| Filter::new(filter, QoS::AtLeastOnce)).to_vec();
    let subscribe = Packet::Subscribe(Subscribe::new(PacketId::FIRST, filters));

    let (v4, v5) = (Version::V311, Version::V5);
    let one = |packet: &Publish| [Packet::Publish(packet.clone())];
    decode(table, "decode PUBLISH 256 B, same topic, 3.1.1", v4, &one(&publish))?;
    decode(
        table,
        "decode PUBLISH 256 B, other topic, 3.1.1",
        v4,
        &[Packet::Publish(publish.clone()), Packet::Publish(other)],
    )?;
    decode(table, "decode PUBLISH 256 B, same topic, 5", v5, &one(&publish))?;
    decode(table, "decode PUBLISH 256 B, three properties, 5", v5, &one(&with_properties))?;
    decode(table, "decode PUBLISH 8 KiB, same topic, 3.1.1", v4, &one(&large))?;
    decode(table, "decode PUBACK", v4, &[puback])?;
    decode(table, "decode SUBSCRIBE with three filters", v4, &[subscribe])?;

    let mut out = BytesMut::with_capacity(64 * 1024);
    table.line("encode PUBLISH 256 B, QoS 1", || {
        out.clear();
        qos_1.encode(v4, &mut out)
    });
    let message = Message::new("dt/plant-7/sensor-42/temperature", Bytes::from(vec![b'x'; 256]));
    let core_qos = thingstead_core::QoS::AtLeastOnce;
    table.line("head of a PUBLISH for many receivers", || {
        PublishFrame::of(v5, &message, core_qos, false, None)
    });
    let frame = PublishFrame::new(v4, &qos_1)?;
    table.line("PUBLISH 256 B to one more receiver", || {
        out.clear();
        frame.put(Some(PacketId::FIRST), None, &mut out)
    });
    table.line("encode PUBACK", || {
        out.clear();
        PubAck::new(PacketId::FIRST).encode(v4, &mut out)
    });
    Ok(())
}

/// A read buffer full of packets, drained; the time is per packet, the copy that stands for the socket's included.
fn decode(table: &mut Table, name: &str, version: Version, packets: &[Packet]) -> Result<(), EncodeError> {
    let mut chunk = BytesMut::new();
    for packet in packets.iter().cycle().take(BATCH) {
        packet.encode(version, &mut chunk)?;
    }
    let mut decoder = Decoder::server(DEFAULT_MAX_PACKET_SIZE);
    let mut buffer = BytesMut::new();
    Connect::new(version, "id", 60).encode(&mut buffer)?;
    drop(decoder.decode(&mut buffer));
    let mut left = 0;
    table.line(name, || {
        if left == 0 {
            buffer.reserve(chunk.len());
            buffer.extend_from_slice(&chunk);
            left = BATCH;
        }
        left -= 1;
        decoder.decode(&mut buffer)
    });
    Ok(())
}

const BATCH: usize = 32;
