//! Clients that mean no good, or mean nothing at all: no panic, no memory for promises, and the socket is closed in time.

use std::net::SocketAddr;
use std::time::Duration;

use thingstead_broker::Settings;
use thingstead_core::{Ids, Kind};
use thingstead_mqtt_wire::{Connect, Filter, Packet, PacketId, Publish, QoS, Subscribe, Version};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::{Client, V3, V5};
use crate::house::House;
use crate::tls::Fort;

/// Reads until the server closes; what it said.
async fn drain(stream: &mut TcpStream) -> Vec<u8> {
    let mut said = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut said)).await;
    // A reset is an end, too.
    let _ = read.expect("the server closes in time");
    said
}

/// Writes in pieces; the server may have closed already.
async fn write(stream: &mut TcpStream, bytes: &[u8], piece: usize) {
    for part in bytes.chunks(piece.max(1)) {
        if stream.write_all(part).await.is_err() {
            return;
        }
        tokio::task::yield_now().await;
    }
}

/// What a well-behaved client says, in one piece.
fn conversation(version: Version, id: &str) -> Vec<u8> {
    let publish =
        Publish { qos: QoS::AtLeastOnce, packet_id: Some(PacketId::FIRST), ..Publish::new("a/b", "x") };
    let packets = [
        Packet::Connect(Box::new(Connect::new(version, id, 60))),
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

/// Nobody's step panicked, and somebody new is served.
pub(crate) async fn stands(house: &House, door: SocketAddr) {
    let failed = house.events(Kind::Disconnected).into_iter().find(|event| event.why == "the server failed");
    assert!(failed.is_none(), "{failed:?}");
    let mut client = Client::connect(door, V5, "afterwards").await;
    client.subscribe("t", QoS::AtLeastOnce).await;
    client.publish("t", "x", QoS::AtLeastOnce).await;
    assert_eq!(client.message().await.payload, "x");
}

#[tokio::test]
async fn random_and_damaged_bytes_cost_nobody_anything() {
    // MQTT-040, MQTT-082
    let house = House::new().await;
    let ids = Ids::seeded(0x5eed);
    let below = |bound: usize| usize::try_from(ids.below(bound as u64)).expect("small");
    for round in 0..300 {
        let version = if round % 2 == 0 { V3 } else { V5 };
        let mut bytes = conversation(version, &format!("c{round}"));
        match round % 3 {
            0 => {
                bytes = vec![0; 1 + below(200)];
                ids.fill(&mut bytes);
            }
            1 => {
                for _ in 0..=below(4) {
                    let at = below(bytes.len());
                    bytes[at] = u8::try_from(below(256)).expect("a byte");
                }
            }
            _ => bytes.truncate(below(bytes.len())),
        }
        let mut stream = TcpStream::connect(house.plain()).await.expect("a socket");
        write(&mut stream, &bytes, 1 + below(40)).await;
        stream.shutdown().await.ok();
        drain(&mut stream).await;
    }
    stands(&house, house.plain()).await;
    // What was left of them is gone: only the one that came afterwards is there.
    for _ in 0..100 {
        if house.broker.connected_clients() <= 1 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(house.broker.connected_clients() <= 1);
}

#[tokio::test]
async fn a_conversation_may_come_byte_by_byte() {
    let house = House::new().await;
    for version in [V3, V5] {
        let mut client = Client::open(house.plain(), version).await;
        for byte in conversation(version, "slow") {
            client.send_bytes(&[byte]).await;
            tokio::task::yield_now().await;
        }
        assert!(matches!(client.receive().await, Packet::ConnAck(_)));
        assert!(matches!(client.receive().await, Packet::SubAck(_)));
        let mut rest = Vec::new();
        for _ in 0..3 {
            rest.push(client.receive().await.packet_type().to_string());
        }
        rest.sort_unstable();
        assert_eq!(rest, ["PINGRESP", "PUBACK", "PUBLISH"]);
    }
}

#[tokio::test]
async fn a_client_that_does_not_finish_its_connect_is_closed_when_its_time_is_over() {
    let house = House::new().await;
    let whole = conversation(V5, "half");
    for length in [0, 1, 2, 7, 12] {
        let mut stream = TcpStream::connect(house.plain()).await.expect("a socket");
        stream.write_all(&whole[..length]).await.expect("written");
        let mut byte = [0];
        let early = tokio::time::timeout(Duration::from_millis(50), stream.read(&mut byte)).await;
        assert!(early.is_err(), "it has 30 seconds: {early:?}");
        house.advance(31);
        assert!(drain(&mut stream).await.is_empty());
    }
    stands(&house, house.plain()).await;
}

#[tokio::test]
async fn a_promise_of_much_is_refused_before_any_of_it_is_kept() {
    // MQTT-173
    let house = House::new().await;
    for version in [V3, V5] {
        let mut stream = TcpStream::connect(house.plain()).await.expect("a socket");
        // CONNECT of 268,435,455 bytes.
        stream.write_all(&[0x10, 0xff, 0xff, 0xff, 0x7f]).await.expect("written");
        drain(&mut stream).await;
        let mut client = Client::connect(house.plain(), version, "c").await;
        // PUBLISH of as many.
        client.send_bytes(&[0x30, 0xff, 0xff, 0xff, 0x7f]).await;
        match version {
            Version::V5 => assert_eq!(client.disconnected().await.as_u8(), 0x95),
            Version::V311 => client.closed().await,
        }
    }
    stands(&house, house.plain()).await;
}

#[tokio::test]
async fn bytes_that_are_no_tls_and_beginnings_of_it_are_closed_in_time() {
    let settings = Settings { connect_timeout: Duration::from_millis(300), ..Settings::default() };
    let fort = Fort::with(settings).await;
    let house = &fort.house;
    let ids = Ids::seeded(0x715);
    let hello = {
        // The beginning of a ClientHello: a handshake record of TLS 1.0 that promises 512 bytes.
        let mut hello = vec![0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3];
        let mut random = [0; 32];
        ids.fill(&mut random);
        hello.extend_from_slice(&random);
        hello
    };
    let mut garbage = vec![0; 400];
    ids.fill(&mut garbage);
    for door in [house.bound.mqtts[0], house.bound.https[0]] {
        for bytes in [
            &b""[..],
            b"GET / HTTP/1.1\r\n\r\n",
            &conversation(V3, "plain"),
            &hello[..1],
            &hello[..5],
            &hello,
            &garbage,
        ] {
            let mut stream = TcpStream::connect(door).await.expect("a socket");
            write(&mut stream, bytes, 7).await;
            drain(&mut stream).await;
        }
    }
    stands(house, house.plain()).await;
}
