//! Clients that say everything, close their sending side, and read the answers.

use std::time::Duration;

use thingstead_broker::Settings;
use thingstead_core::{Clock, Kind};
use thingstead_mqtt_wire::{Connect, Decoder, Filter, Packet, PacketId, Publish, QoS, Subscribe, Version};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::{V3, V5, persistent};
use crate::durability::directory;
use crate::house::House;
use crate::tls::{Fort, Pair};

/// CONNECT for a session that is stored, SUBSCRIBE, and a publish of which the client itself gets a copy.
fn everything(version: Version, id: &str) -> Vec<u8> {
    let publish = Publish {
        qos: QoS::AtLeastOnce,
        packet_id: Some(PacketId::FIRST.next()),
        ..Publish::new("a/b", "x")
    };
    let packets = [
        Packet::Connect(Box::new(persistent(version, id))),
        Packet::Subscribe(Subscribe::new(PacketId::FIRST, vec![Filter::new("a/+", QoS::AtLeastOnce)])),
        Packet::Publish(publish),
        Packet::PingReq,
    ];
    let mut bytes = Vec::new();
    for packet in packets {
        packet.encode(version, &mut bytes).expect("a frame");
    }
    bytes
}

/// The types of the packets that come before the server closes.
async fn answers(mut stream: impl AsyncRead + Unpin, version: Version) -> Vec<String> {
    let (mut decoder, mut buffer) = (Decoder::client(version, usize::MAX), bytes::BytesMut::new());
    let mut types = Vec::new();
    let reading = async {
        loop {
            while let Some(packet) = decoder.decode(&mut buffer).expect("a packet") {
                types.push(packet.packet_type().to_string());
            }
            if stream.read_buf(&mut buffer).await.expect("no reset") == 0 {
                return;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(10), reading).await.expect("the server closes");
    types.sort_unstable();
    types
}

async fn say(mut stream: impl AsyncWrite + Unpin, bytes: &[u8]) {
    stream.write_all(bytes).await.expect("written");
    stream.shutdown().await.expect("closed for writing");
}

const EXPECTED: [&str; 5] = ["CONNACK", "PINGRESP", "PUBACK", "PUBLISH", "SUBACK"];

#[tokio::test]
async fn a_client_that_closes_its_sending_side_at_once_gets_every_answer() {
    // MQTT-077, MQTT-084: what was accepted is acknowledged, also when it had to be stored first.
    let directory = directory("half-closed");
    let house = House::on_disk(&directory, Clock::system()).await;
    for (round, version) in [V3, V5, V3, V5, V3, V5].into_iter().enumerate() {
        let id = format!("c{round}");
        let mut stream = TcpStream::connect(house.plain()).await.expect("a socket");
        say(&mut stream, &everything(version, &id)).await;
        assert_eq!(answers(stream, version).await, EXPECTED, "{version}");
        let ended = house.event(Kind::Disconnected, |event| event.client.as_deref() == Some(&id)).await;
        assert_eq!(
            ended.detail.members().and_then(|it| it.get("disconnect_reason")?.as_str()),
            Some("CONNECTION_LOST")
        );
    }
    std::fs::remove_dir_all(directory).expect("removed");
}

#[tokio::test]
async fn the_same_over_tls_with_close_notify() {
    let fort = Fort::with(Settings::default()).await;
    let pair = Pair::device();
    fort.register(&pair, true, "ACTIVE");
    for (round, version) in [V3, V5, V3, V5].into_iter().enumerate() {
        let mut stream = fort.mqtts(&pair).await.expect("a handshake");
        // tokio-rustls sends close_notify and closes the socket's sending side, too.
        say(&mut stream, &everything(version, &format!("c{round}"))).await;
        assert_eq!(answers(stream, version).await, EXPECTED, "{version}");
    }
}

#[tokio::test]
async fn half_a_packet_before_the_end_costs_nothing_but_the_packet() {
    let house = House::new().await;
    let mut bytes = everything(V5, "c");
    bytes.extend_from_slice(&[0x30, 0x20, 0x00]);
    let mut stream = TcpStream::connect(house.plain()).await.expect("a socket");
    say(&mut stream, &bytes).await;
    assert_eq!(answers(stream, V5).await, EXPECTED);
    // Nothing but half a CONNECT is no reason to wait either.
    let mut half = Vec::new();
    Packet::Connect(Box::new(Connect::new(V5, "d", 60))).encode(V5, &mut half).expect("a frame");
    let mut stream = TcpStream::connect(house.plain()).await.expect("a socket");
    say(&mut stream, &half[..half.len() - 1]).await;
    assert!(answers(stream, V5).await.is_empty());
}
