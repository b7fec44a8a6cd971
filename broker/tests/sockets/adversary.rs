//! Sessions as strangers hold them: slow, greedy, quarrelsome, and gone in the middle.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use thingstead_broker::{Counts, Settings};
use thingstead_core::{Kind, Limits};
use thingstead_mqtt_wire::{
    Connect, Disconnect, Packet, PacketId, Publish, PublishProperties, QoS, ReasonCode, Version, Will,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::{Client, V3, V5, persistent};
use crate::hostile::stands;
use crate::house::House;

const Q0: QoS = QoS::AtMostOnce;
const Q1: QoS = QoS::AtLeastOnce;

fn relaxed() -> Settings {
    Settings { limits: Limits::Relaxed, ..Settings::default() }
}

/// A publish that sets a topic alias.
fn aliased(topic: &str, alias: u16, payload: &'static str) -> Publish {
    let properties = PublishProperties { topic_alias: Some(alias), ..PublishProperties::default() };
    Publish { properties: Some(Box::new(properties)), qos: Q1, ..Publish::new(topic, payload) }
}

#[tokio::test]
async fn half_a_packet_does_not_keep_a_connection_alive() {
    // MQTT-073, MQTT-074
    let house = House::new().await;
    for version in [V3, V5] {
        let (mut client, _) = Client::connect_with(house.plain(), Connect::new(version, "c", 30)).await;
        // A PUBLISH of 100 bytes that comes byte by byte, for ever.
        client.send_bytes(&[0x30, 100]).await;
        for _ in 0..4 {
            house.advance(11);
            client.send_bytes(&[0]).await;
        }
        house.advance(2);
        match version {
            Version::V5 => assert_eq!(client.disconnected().await.as_u8(), 0x8d),
            Version::V311 => client.closed().await,
        }
    }
    let reasons = house.events(Kind::Disconnected);
    assert!(reasons.iter().all(|event| event.why.contains("keep alive")), "{reasons:?}");
}

#[tokio::test]
async fn a_thousand_connections_that_say_nothing_disturb_nobody() {
    let house = House::new().await;
    let mut silent = Vec::new();
    for _ in 0..1000 {
        silent.push(TcpStream::connect(house.plain()).await.expect("a socket"));
    }
    stands(&house, house.plain()).await;
    assert!(house.broker.connected_clients() <= 1);
    // The last of them has arrived when it is answered.
    let last = silent.last_mut().expect("the last");
    last.write_all(&[0x10]).await.expect("written");
    tokio::time::sleep(Duration::from_millis(50)).await;
    house.advance(31);
    for stream in &mut silent {
        let mut byte = [0];
        let read = tokio::time::timeout(Duration::from_secs(10), stream.read(&mut byte)).await;
        assert!(matches!(read.expect("closed in time"), Ok(0) | Err(_)));
    }
}

#[tokio::test]
async fn who_reads_no_answers_is_not_read_either_and_is_cut_in_the_end() {
    // A client that asks without end and reads nothing costs a bounded amount of memory.
    let settings = Settings { output_limit: 64 * 1024, ..Settings::default() };
    let house = House::with(settings).await;
    let client = Client::connect(house.plain(), V5, "c").await;
    let sent = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&sent);
    let asking = tokio::spawn(async move {
        let mut client = client;
        let pings = [0xc0, 0].repeat(32 * 1024);
        while client.try_bytes(&pings).await {
            counted.fetch_add(pings.len(), Ordering::Relaxed);
        }
    });
    // Its keep alive is longer than it may leave answers unread.
    let mut still = 0;
    for _ in 0..400 {
        let before = sent.load(Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(50)).await;
        let after = sent.load(Ordering::Relaxed);
        still = if after == before && after > 0 { still + 1 } else { 0 };
        if still == 10 {
            house.advance(61);
        }
        if !house.events(Kind::Disconnected).is_empty() {
            break;
        }
    }
    let event = house.event(Kind::Disconnected, |event| event.client.as_deref() == Some("c")).await;
    let sent = sent.load(Ordering::Relaxed);
    asking.await.expect("asked");
    assert!(sent < 48 * 1024 * 1024, "{sent} bytes were read although nobody reads the answers");
    assert!(event.why.contains("has not read"), "{}", event.why);
    stands(&house, house.plain()).await;
}

#[tokio::test]
async fn who_does_not_read_its_messages_may_still_publish() {
    let settings = Settings { output_limit: 64 * 1024, ..Settings::default() };
    let house = House::with(settings).await;
    let mut client = Client::connect(house.plain(), V3, "c").await;
    client.subscribe("t", Q0).await;
    let mut bytes = Vec::new();
    for _ in 0..64 {
        Packet::Publish(Publish::new("t", vec![b'x'; 1024])).encode(V3, &mut bytes).expect("a frame");
    }
    // Sixteen megabytes, far more than sockets and buffers hold; what comes back unread is dropped.
    for _ in 0..256 {
        let sent = tokio::time::timeout(Duration::from_secs(10), client.send_bytes(&bytes)).await;
        sent.expect("the server reads on");
    }
    client.ping().await;
    assert!(!house.events(Kind::Dropped).is_empty());
}

#[tokio::test]
async fn who_reads_its_answers_late_gets_all_of_them() {
    let settings = Settings { output_limit: 16 * 1024, ..Settings::default() };
    let house = House::with(settings).await;
    let stream = TcpStream::connect(house.plain()).await.expect("a socket");
    let (mut reading, mut writing) = stream.into_split();
    let mut connect = Vec::new();
    Packet::Connect(Box::new(Connect::new(V3, "late", 60))).encode(V3, &mut connect).expect("a frame");
    writing.write_all(&connect).await.expect("written");
    let mut ack = [0; 4];
    reading.read_exact(&mut ack).await.expect("CONNACK");
    const PINGS: usize = 4 * 1024 * 1024;
    let asking = tokio::spawn(async move {
        for _ in 0..64 {
            writing.write_all(&[0xc0, 0].repeat(PINGS / 64)).await.expect("written");
        }
        writing
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    let mut buffer = vec![0; 256 * 1024];
    let mut answered = 0;
    while answered < 2 * PINGS {
        let read = tokio::time::timeout(Duration::from_secs(20), reading.read(&mut buffer)).await;
        let read = read.expect("more answers").expect("no reset");
        assert_ne!(read, 0, "{answered} bytes");
        answered += read;
    }
    assert_eq!(answered, 2 * PINGS);
    drop(asking.await.expect("asked"));
}

#[tokio::test]
async fn two_clients_with_one_id_take_it_from_each_other_two_hundred_times() {
    // MQTT-056, MQTT-209, MQTT-213, Q04: nothing is left of those that lost.
    let house = House::with(Settings {
        counts: Counts { connections: 2, ..Counts::default() },
        ..Settings::default()
    })
    .await;
    let mut observer = Client::connect(house.plain(), V3, "observer").await;
    observer.subscribe("$aws/events/presence/+/c", Q1).await;
    let quarrel = |version: Version, lasting: bool| {
        let door = house.plain();
        async move {
            for _ in 0..100 {
                let connect = if lasting { persistent(version, "c") } else { Connect::new(version, "c", 60) };
                let mut client = Client::open(door, version).await;
                client.send(&Packet::Connect(Box::new(connect))).await;
                // It is taken over at any moment: with CONNACK, without, with a DISCONNECT, without.
                while let Ok(Some(_)) = client.next(Duration::from_millis(3)).await {}
            }
        }
    };
    tokio::join!(quarrel(V3, true), quarrel(V5, false));
    let mut winner = Client::connect(house.plain(), V5, "c").await;
    winner.ping().await;
    assert_eq!(house.broker.connected_clients(), 2);
    let mut last = None;
    let (mut came, mut went) = (0, 0);
    while came < 201 || went < 200 {
        let event = observer.json().await;
        let number = event["versionNumber"].as_u64().expect("a number");
        match event["eventType"].as_str() {
            Some("connected") => {
                assert!(last.is_none_or(|last| number > last), "{number} after {last:?}");
                last = Some(number);
                came += 1;
            }
            _ => went += 1,
        }
    }
    assert_eq!((came, went), (201, 200));
    let third = Client::connect_with(house.plain(), Connect::new(V5, "third", 60)).await.1;
    assert_eq!(third.reason.as_u8(), 0x97, "two are connected, and no place was lost or won");
    winner.leave().await;
    Client::connect(house.plain(), V5, "third").await;
}

#[tokio::test]
async fn a_takeover_publishes_the_will_of_the_older_connection_at_once() {
    // MQTT-056, MQTT-060, MQTT-070: also where the session goes on and the will asks for a delay.
    let house = House::new().await;
    let mut observer = Client::connect(house.plain(), V5, "observer").await;
    observer.subscribe("will", Q1).await;
    let will = |payload: &'static str| {
        let mut will = Will {
            topic: "will".into(),
            payload: payload.into(),
            qos: Q1,
            retain: false,
            properties: Default::default(),
        };
        will.properties.will_delay_interval = Some(3600);
        Some(will)
    };
    let (mut first, _) =
        Client::connect_with(house.plain(), Connect { will: will("1"), ..persistent(V5, "c") }).await;
    let (second, ack) =
        Client::connect_with(house.plain(), Connect { will: will("2"), ..persistent(V5, "c") }).await;
    assert!(ack.session_present);
    assert_eq!(first.disconnected().await.as_u8(), 0x8e);
    assert_eq!(observer.payload().await, "1");
    drop(second);
    assert_eq!(observer.payload().await, "2");
    observer.silent().await;
}

#[tokio::test]
async fn a_thousand_stored_messages_come_one_by_one_over_many_connections() {
    // MQTT-089, MQTT-163, MQTT-165, MQTT-175: nothing is lost, nothing overtaken, only what was not acknowledged comes again.
    let house = House::with(relaxed()).await;
    for version in [V3, V5] {
        let connect = || {
            let mut connect = persistent(version, "c");
            if version == V5 {
                connect.properties.receive_maximum = Some(1);
            }
            connect
        };
        let (mut client, _) = Client::connect_with(house.plain(), connect()).await;
        client.subscribe("t", Q1).await;
        drop(client);
        let mut publisher = Client::connect(house.plain(), V3, "p").await;
        for n in 0..1000 {
            assert_eq!(publisher.acked("t", &n.to_string()).await.as_u8(), 0);
        }
        let (mut expected, mut connections) = (0, 0);
        while expected < 1000 {
            let (mut client, ack) = Client::connect_with(house.plain(), connect()).await;
            assert!(ack.session_present);
            connections += 1;
            for _ in 0..37 {
                if expected == 1000 {
                    break;
                }
                assert_eq!(client.payload().await, expected.to_string(), "{version}");
                expected += 1;
            }
            // What it acknowledged is read before the end.
            client.ping().await;
            if expected < 1000 {
                // The next one is sent, and dies unacknowledged with the connection.
                let next = client.unacknowledged().await;
                assert_eq!(next.payload, expected.to_string());
                if version == V5 {
                    client.silent().await;
                }
            } else {
                client.silent().await;
                client.leave().await;
            }
        }
        assert_eq!(connections, 1000_usize.div_ceil(37));
        let (mut client, _) = Client::connect_with(house.plain(), connect()).await;
        client.silent().await;
        client.unsubscribe(&["t"]).await;
        client.leave().await;
    }
}

#[tokio::test]
async fn a_topic_alias_ends_with_its_connection() {
    // MQTT-176
    let house = House::new().await;
    let (mut client, _) = Client::persistent(house.plain(), V5, "c").await;
    client.subscribe("a", Q1).await;
    assert_eq!(client.acked_with(aliased("a", 3, "1")).await.as_u8(), 0);
    assert_eq!(client.acked_with(aliased("", 3, "2")).await.as_u8(), 0);
    assert_eq!(client.payload().await, "1");
    assert_eq!(client.payload().await, "2");
    client.ping().await;
    let (mut again, ack) = Client::persistent(house.plain(), V5, "c").await;
    assert!(ack.session_present);
    again.publish_with(aliased("", 3, "3")).await;
    assert_eq!(again.disconnected().await.as_u8(), 0x94);
}

#[tokio::test]
async fn members_that_leave_in_the_middle_hand_their_messages_on() {
    // MQTT-137, MQTT-138, MQTT-141: each message is acknowledged by somebody.
    let house = House::with(relaxed()).await;
    let (mut keeper, _) = Client::persistent(house.plain(), V5, "keeper").await;
    keeper.subscribe("$share/g/t", Q1).await;
    let mut members = Vec::new();
    for n in 0..4 {
        let version = if n % 2 == 0 { V3 } else { V5 };
        let mut member = Client::connect(house.plain(), version, &format!("m{n}")).await;
        member.subscribe("$share/g/t", Q1).await;
        members.push(member);
    }
    let mut publisher = Client::connect(house.plain(), V3, "p").await;
    for n in 0..300 {
        assert_eq!(publisher.acked("t", &n.to_string()).await.as_u8(), 0);
    }
    let mut got: BTreeMap<u32, usize> = BTreeMap::new();
    let number =
        |publish: &Publish| -> u32 { String::from_utf8_lossy(&publish.payload).parse().expect("a number") };
    // Each member acknowledges some of what it got and is gone: by DISCONNECT, or with the socket.
    for (n, mut member) in members.into_iter().enumerate() {
        for _ in 0..10 * n {
            let publish = member.message().await;
            *got.entry(number(&publish)).or_default() += 1;
        }
        // Its acknowledgements are read before the end.
        member.ping().await;
        if n % 2 == 0 {
            member.send(&Packet::Disconnect(Disconnect::new(ReasonCode::NORMAL_DISCONNECTION))).await;
        }
    }
    while got.len() < 300 {
        let publish = keeper.message().await;
        *got.entry(number(&publish)).or_default() += 1;
    }
    keeper.silent().await;
    assert!(got.values().all(|times| *times == 1), "{got:?}");
}

#[tokio::test]
async fn a_group_gets_no_retained_message_and_the_others_get_it() {
    // MQTT-135, MQTT-145, MQTT-146
    let house = House::new().await;
    let mut publisher = Client::connect(house.plain(), V5, "p").await;
    assert_eq!(publisher.retain("t", "kept").await.as_u8(), 0);
    for version in [V3, V5] {
        let mut member = Client::connect(house.plain(), version, "member").await;
        member.subscribe("$share/g/t", Q1).await;
        member.silent().await;
        let mut plain = Client::connect(house.plain(), version, "plain").await;
        plain.subscribe("t", Q1).await;
        let kept = plain.message().await;
        assert!(kept.retain && kept.payload == "kept");
        assert_eq!(publisher.retain("t", "new").await.as_u8(), 0);
        for client in [&mut member, &mut plain] {
            let live = client.message().await;
            assert!(!live.retain && live.payload == "new");
        }
        publisher.retain("t", "kept").await;
        assert_eq!(member.payload().await, "kept");
        assert_eq!(plain.payload().await, "kept");
    }
}

#[tokio::test]
async fn a_large_packet_may_come_in_small_pieces() {
    // MQTT-173: the largest payload, by 40 bytes at a time.
    let house = House::new().await;
    let mut reader = Client::connect(house.plain(), V5, "reader").await;
    reader.subscribe("t", Q0).await;
    let mut client = Client::connect(house.plain(), V5, "writer").await;
    let publish =
        Publish { qos: Q1, packet_id: Some(PacketId::FIRST), ..Publish::new("t", vec![b'x'; 131_072]) };
    let mut bytes = Vec::new();
    Packet::Publish(publish).encode(V5, &mut bytes).expect("a frame");
    for piece in bytes.chunks(40) {
        client.send_bytes(piece).await;
        tokio::task::yield_now().await;
    }
    assert!(matches!(client.receive().await, Packet::PubAck(_)));
    assert_eq!(reader.message().await.payload.len(), 131_072);
}
