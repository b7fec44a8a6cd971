//! Sessions that outlive connections: queues, redelivery, restarts.

use std::time::Duration;

use thingstead_broker::{Action, DirectError, DirectMessage, DisconnectReason, Settings};
use thingstead_core::message::{Message, Sender};
use thingstead_core::wiring::{ConnectionControl, Reload};
use thingstead_core::{Clock, Kind, Limits, Principal, Timestamp};
use thingstead_mqtt_wire::{Connect, Packet, Publish, PublishProperties, QoS};

use crate::client::{Client, V3, V5, persistent};
use crate::house::{House, scope};

const Q0: QoS = QoS::AtMostOnce;
const Q1: QoS = QoS::AtLeastOnce;

#[tokio::test]
async fn an_offline_session_keeps_qos_1_messages() {
    // MQTT-155, MQTT-158, MQTT-163, MQTT-164, MQTT-165, POLICY-444
    let house = House::new().await;
    let mut publisher = Client::connect(house.plain(), V3, "p").await;
    for version in [V3, V5] {
        let (mut client, ack) = Client::persistent(house.plain(), version, "c").await;
        assert!(!ack.session_present);
        client.subscribe("t", Q1).await;
        client.subscribe("zero", Q0).await;
        client.leave().await;
        for n in 0..15 {
            publisher.acked("t", &n.to_string()).await;
        }
        publisher.publish("t", "lost", Q0).await;
        publisher.acked("zero", "lost").await;
        house.rules.deny(Action::Subscribe, "#");
        let (mut client, ack) = Client::persistent(house.plain(), version, "c").await;
        assert!(ack.session_present);
        assert_eq!(client.payload().await, "0");
        client.silent().await;
        publisher.acked("t", "live").await;
        assert_eq!(client.payload().await, "live");
        house.advance(1);
        for n in 1..11 {
            assert_eq!(client.payload().await, n.to_string());
        }
        client.silent().await;
        house.advance(1);
        for n in 11..15 {
            assert_eq!(client.payload().await, n.to_string());
        }
        client.silent().await;
        client.leave().await;
        house.rules.denied.lock().clear();
    }
}

#[tokio::test]
async fn ten_thousand_stored_messages_come_at_once_when_limits_are_relaxed() {
    // MQTT-167
    let house = House::with(Settings { limits: Limits::Relaxed, ..Settings::default() }).await;
    let (mut client, _) = Client::persistent(house.plain(), V3, "c").await;
    client.subscribe("t", Q1).await;
    client.leave().await;
    let mut publisher = Client::connect(house.plain(), V3, "p").await;
    for n in 0..10_000u32 {
        publisher.publish("t", &n.to_string(), Q1).await;
        if n % 100 == 99 {
            for _ in 0..100 {
                assert!(matches!(publisher.receive().await, Packet::PubAck(_)));
            }
        }
    }
    let (mut client, _) = Client::persistent(house.plain(), V3, "c").await;
    for n in 0..10_000u32 {
        assert_eq!(client.payload().await, n.to_string());
    }
}

#[tokio::test]
async fn a_clean_connect_or_another_version_ends_a_session() {
    // MQTT-156, MQTT-157, MQTT-169, MQTT-058
    let house = House::new().await;
    let (mut client, _) = Client::persistent(house.plain(), V3, "c").await;
    client.subscribe("t", Q1).await;
    client.leave().await;
    let (client, ack) = Client::persistent(house.plain(), V5, "c").await;
    assert!(!ack.session_present);
    client.leave().await;
    let (client, ack) = Client::persistent(house.plain(), V5, "c").await;
    assert!(ack.session_present);
    client.leave().await;
    let (client, ack) = Client::connect_with(house.plain(), Connect::new(V5, "c", 60)).await;
    assert!(!ack.session_present);
    client.leave().await;
    let (_client, ack) = Client::persistent(house.plain(), V5, "c").await;
    assert!(!ack.session_present);
}

#[tokio::test]
async fn a_session_expires_exactly() {
    // MQTT-159, MQTT-160, MQTT-161, MQTT-169
    let house = House::new().await;
    let (client, _) = Client::persistent(house.plain(), V3, "c").await;
    client.leave().await;
    house.advance(3599);
    let (client, ack) = Client::persistent(house.plain(), V3, "c").await;
    assert!(ack.session_present);
    client.leave().await;
    house.advance(3600);
    house.event(Kind::SessionEnded, |_| true).await;
    let (_client, ack) = Client::persistent(house.plain(), V3, "c").await;
    assert!(!ack.session_present);
    let mut greedy = persistent(V5, "d");
    greedy.properties.session_expiry_interval = Some(u32::MAX);
    let (_client, ack) = Client::connect_with(house.plain(), greedy).await;
    assert_eq!(ack.properties.session_expiry_interval, Some(3600));
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_in_a_restart() {
    // MQTT-163, MQTT-084
    let directory = std::env::temp_dir().join(format!("thingstead-broker-{}", std::process::id()));
    let clock = Clock::frozen_at(Timestamp::from_millis(1_767_225_600_000));
    {
        let house = House::on_disk(&directory, clock.clone()).await;
        let (mut client, _) = Client::persistent(house.plain(), V5, "c").await;
        client.subscribe("t/#", Q1).await;
        client.subscribe("$share/g/s", Q1).await;
        let mut publisher = Client::connect(house.plain(), V5, "p").await;
        publisher.acked("t/1", "unacknowledged").await;
        assert_eq!(client.unacknowledged().await.payload, "unacknowledged");
        drop(client);
        house.event(Kind::Disconnected, |event| event.client.as_deref() == Some("c")).await;
        publisher.acked("t/2", "stored").await;
        publisher.acked("s", "shared").await;
        publisher.retain("r", "kept").await;
        // No goodbye: what the publisher has PUBACKs for must be there.
    }
    let house = House::on_disk(&directory, clock).await;
    let (mut client, ack) = Client::persistent(house.plain(), V5, "c").await;
    assert!(ack.session_present);
    assert_eq!(client.payload().await, "unacknowledged");
    house.advance(1);
    assert_eq!(client.payload().await, "stored");
    assert_eq!(client.payload().await, "shared");
    client.subscribe("r", Q1).await;
    assert_eq!(client.payload().await, "kept");
    drop(house);
    // The files belong to the test; whether they can be removed is not its question.
    let _ = std::fs::remove_dir_all(directory);
}

#[tokio::test]
async fn unacknowledged_messages_are_sent_again() {
    // MQTT-088, MQTT-089, MQTT-090
    let house = House::new().await;
    for (version, until) in [(V3, 3600), (V5, 960)] {
        let mut client = Client::connect(house.plain(), version, "c").await;
        client.subscribe("t", Q1).await;
        client.acked("t", "x").await;
        let first = client.unacknowledged().await;
        house.advance(30);
        let again = client.unacknowledged().await;
        assert_eq!((again.packet_id, again.dup, again.payload), (first.packet_id, false, first.payload));
        for _ in 0..until / 30 - 2 {
            client.ping().await;
            house.advance(30);
            client.unacknowledged().await;
        }
        client.ping().await;
        house.advance(30);
        house.event(Kind::Dropped, |event| event.why.contains("did not acknowledge")).await;
        client.silent().await;
        client.leave().await;
    }
}

#[tokio::test]
async fn at_most_a_window_of_deliveries_is_unacknowledged() {
    // MQTT-093, MQTT-175
    let house = House::new().await;
    let mut narrow = Connect::new(V5, "c", 60);
    narrow.properties.receive_maximum = Some(2);
    let (mut client, _) = Client::connect_with(house.plain(), narrow).await;
    client.subscribe("t", Q1).await;
    let mut publisher = Client::connect(house.plain(), V3, "p").await;
    for n in 0..5 {
        publisher.acked("t", &n.to_string()).await;
    }
    let first = client.unacknowledged().await;
    client.unacknowledged().await;
    client.silent().await;
    client.ack(&first).await;
    assert_eq!(client.payload().await, "2");
    assert_eq!(client.payload().await, "3");
    let mut wide = Client::connect(house.plain(), V3, "wide").await;
    wide.subscribe("u", Q1).await;
    for _ in 0..101 {
        publisher.acked("u", "x").await;
    }
    let mut received = Vec::new();
    while let Ok(Some(Packet::Publish(publish))) = wide.next(Duration::from_millis(80)).await {
        received.push(publish);
    }
    assert_eq!(received.len(), 100);
    wide.ack(&received[0]).await;
    wide.message().await;
}

#[tokio::test]
async fn stored_messages_expire_and_are_judged_when_delivered() {
    // MQTT-168, MQTT-181, MQTT-180, POLICY-454
    let house = House::new().await;
    let (mut client, _) = Client::persistent(house.plain(), V3, "c").await;
    client.subscribe("#", Q1).await;
    client.leave().await;
    let mut publisher = Client::connect(house.plain(), V5, "p").await;
    let properties = PublishProperties { message_expiry_interval: Some(10), ..PublishProperties::default() };
    let expiring =
        Publish { qos: Q1, properties: Some(Box::new(properties)), ..Publish::new("t", "expires") };
    publisher.acked_with(expiring.clone()).await;
    publisher.acked("denied", "denied").await;
    publisher.acked("t", "lives").await;
    house.rules.deny(Action::Receive, "denied");
    house.advance(11);
    publisher.ping().await;
    let (mut client, _) = Client::persistent(house.plain(), V3, "c").await;
    house.advance(1);
    assert_eq!(client.payload().await, "lives");
    client.silent().await;
    house.event(Kind::Dropped, |event| event.why.contains("expired")).await;
    publisher.acked_with(expiring).await;
    client.unacknowledged().await;
    house.advance(31);
    client.silent().await;
}

#[tokio::test]
async fn connections_can_be_asked_about_and_deleted() {
    // MQTT-236, MQTT-237, MQTT-239, MQTT-240, MQTT-241, MQTT-242, MQTT-243, POLICY-468
    let house = House::new().await;
    let (broker, scope) = (&house.broker, scope());
    assert_eq!(broker.connection(&scope, "c").await, None);
    let (mut client, _) = Client::persistent(house.plain(), V5, "c").await;
    client.subscribe("b", Q1).await;
    client.subscribe("$share/g/a", Q0).await;
    let info = broker.connection(&scope, "c").await.expect("known");
    assert!(info.connected && !info.clean_session && info.disconnect_reason.is_none());
    assert_eq!(
        (info.keep_alive, info.session_expiry, info.connected_since),
        (60, 600, Some(house.clock.now()))
    );
    assert_eq!(info.socket.map(|socket| socket.target), Some(house.plain()));
    let subscriptions = broker.subscriptions(&scope, "c").await.expect("known");
    let filters: Vec<_> = subscriptions.iter().map(|held| (&*held.filter, held.qos.as_u8())).collect();
    assert_eq!(filters, [("$share/g/a", 0), ("b", 1)]);
    assert!(broker.delete_connection(&scope, "c", false, false).await);
    assert_eq!(client.disconnected().await.as_u8(), 0x98);
    let info = broker.connection(&scope, "c").await.expect("known");
    assert_eq!((info.connected, info.disconnect_reason), (false, Some(DisconnectReason::ApiInitiated)));
    assert_eq!(info.disconnected_since, Some(house.clock.now()));
    assert_eq!(broker.subscriptions(&scope, "c").await.map(|held| held.len()), Some(2));
    let (client, ack) = Client::persistent(house.plain(), V5, "c").await;
    assert!(ack.session_present);
    assert!(broker.delete_connection(&scope, "c", true, true).await);
    drop(client);
    assert_eq!(broker.subscriptions(&scope, "c").await, None);
    assert!(!broker.delete_connection(&scope, "c", false, false).await);
    house.advance(29 * 60);
    assert!(broker.connection(&scope, "c").await.is_some());
    house.advance(61);
    assert!(broker.connection(&scope, "c").await.is_none());
}

#[tokio::test]
async fn a_direct_message_reaches_one_client() {
    // MQTT-244, MQTT-245, MQTT-246, MQTT-247, MQTT-248, POLICY-466
    let house = House::new().await;
    let sender = std::sync::Arc::new(Sender {
        client: None,
        principal: Principal::Anonymous,
        thing: None,
        address: None,
        session: "request".into(),
    });
    let direct = |topic: &str, confirmation| DirectMessage {
        message: Message::new(topic, "hi"),
        confirmation,
        sender: sender.clone(),
    };
    let (broker, scope) = (house.broker.clone(), scope());
    let missing = broker.send_direct_message(&scope, "c", direct("t", None)).await;
    assert_eq!(missing, Err(DirectError::NotFound));
    let (mut client, _) = Client::persistent(house.plain(), V5, "c").await;
    assert_eq!(broker.send_direct_message(&scope, "c", direct("t", None)).await, Ok(()));
    assert_eq!(client.message().await.qos, Q0);
    let wait = Some(Duration::from_secs(5));
    let asked = tokio::spawn({
        let (broker, scope, direct) = (broker.clone(), scope.clone(), direct("t", wait));
        async move { broker.send_direct_message(&scope, "c", direct).await }
    });
    assert_eq!(client.message().await.qos, Q1);
    assert_eq!(asked.await.expect("a task"), Ok(()));
    let soon = Some(Duration::from_millis(20));
    let unanswered = broker.send_direct_message(&scope, "c", direct("t", soon)).await;
    assert_eq!(unanswered, Err(DirectError::Timeout));
    assert!(matches!(
        broker.send_direct_message(&scope, "c", direct("$aws/x", None)).await,
        Err(DirectError::InvalidTopic(_))
    ));
    house.rules.deny(Action::Receive, "t");
    let denied = broker.send_direct_message(&scope, "c", direct("t", None)).await;
    assert_eq!(denied, Err(DirectError::ReceiveDenied));
    client.unacknowledged().await;
    client.leave().await;
    let offline = broker.send_direct_message(&scope, "c", direct("u", None)).await;
    assert_eq!(offline, Err(DirectError::NotConnected));
    assert!(house.seen.offered.lock().iter().all(|topic| topic != "t"));
}

#[tokio::test]
async fn reset_forgets_everything_and_reload_reads_it_again() {
    let house = House::new().await;
    let mut publisher = Client::connect(house.plain(), V5, "p").await;
    publisher.retain("r", "kept").await;
    let (mut client, _) = Client::persistent(house.plain(), V3, "c").await;
    client.subscribe("t", Q1).await;
    client.leave().await;
    publisher.acked("t", "stored").await;
    house.broker.reload().expect("reloaded");
    publisher.closed().await;
    let (mut client, ack) = Client::persistent(house.plain(), V3, "c").await;
    assert!(ack.session_present);
    assert_eq!(client.payload().await, "stored");
    assert!(house.broker.retained_message(&scope(), "r").is_some());
    house.broker.reset();
    client.closed().await;
    assert!(house.broker.retained_message(&scope(), "r").is_none());
    let (_client, ack) = Client::persistent(house.plain(), V3, "c").await;
    assert!(!ack.session_present);
}

#[tokio::test]
async fn a_client_has_a_hundred_unacknowledged_publishes_at_most() {
    // MQTT-094, MQTT-095
    let house = House::new().await;
    let (mut offline, _) = Client::persistent(house.plain(), V3, "offline").await;
    offline.subscribe("t", Q1).await;
    offline.leave().await;
    let many = |version, ids: std::ops::RangeInclusive<u16>| {
        let mut bytes = Vec::new();
        for id in ids {
            let packet_id = thingstead_mqtt_wire::PacketId::new(id);
            let publish = Publish { qos: Q1, packet_id, ..Publish::new("t", "x") };
            publish.encode(version, &mut bytes).expect("a frame");
        }
        bytes
    };
    let mut v3 = Client::connect(house.plain(), V3, "v3").await;
    v3.send_bytes(&many(V3, 1..=250)).await;
    for _ in 0..250 {
        assert!(matches!(v3.receive().await, Packet::PubAck(_)));
    }
    v3.ping().await;
    let mut v5 = Client::connect(house.plain(), V5, "v5").await;
    v5.send_bytes(&[many(V5, 1..=1), many(V5, 1..=1)].concat()).await;
    let mut reasons = Vec::new();
    for _ in 0..2 {
        let Packet::PubAck(ack) = v5.receive().await else { panic!("no PUBACK") };
        reasons.push(ack.reason.as_u8());
    }
    assert_eq!(reasons, [0x91, 0], "the first waits for the store, the second is refused at once");
    v5.send_bytes(&many(V5, 1..=101)).await;
    let reason = loop {
        match v5.receive().await {
            Packet::PubAck(_) => {}
            Packet::Disconnect(packet) => break packet.reason.as_u8(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(reason, 0x93);
}
