//! PUBLISH: acknowledgements, refusals, retained messages, reserved topics, MQTT 5 properties.

use bytes::Bytes;
use thingstead_broker::{Action, Qos2, Settings};
use thingstead_core::Kind;
use thingstead_mqtt_wire::{Connect, Filter, Packet, PacketId, PubAck, Publish, PublishProperties, QoS};

use crate::client::{Client, V3, V5};
use crate::house::{House, scope};

const Q0: QoS = QoS::AtMostOnce;
const Q1: QoS = QoS::AtLeastOnce;

fn with(topic: &str, payload: &str, properties: PublishProperties) -> Publish {
    Publish { properties: Some(Box::new(properties)), ..Publish::new(topic, payload.to_owned()) }
}

#[tokio::test]
async fn delivered_qos_is_the_smaller_of_both() {
    // MQTT-083, MQTT-084, MQTT-088, MQTT-092
    let house = House::new().await;
    let mut publisher = Client::connect(house.plain(), V5, "p").await;
    let mut at_most = Client::connect(house.plain(), V3, "s0").await;
    let mut at_least = Client::connect(house.plain(), V5, "s1").await;
    assert_eq!(at_most.subscribe("t", Q0).await, 0);
    assert_eq!(at_least.subscribe("t", Q1).await, 1);
    assert_eq!(publisher.acked("nobody", "x").await.as_u8(), 0);
    assert_eq!(publisher.acked("t", "1").await.as_u8(), 0);
    publisher.publish("t", "0", Q0).await;
    let both = [at_most.message().await, at_least.message().await];
    assert_eq!((both[0].qos, both[1].qos, both[1].dup), (Q0, Q1, false));
    let both = [at_most.message().await, at_least.message().await];
    assert_eq!((both[0].qos, both[1].qos), (Q0, Q0));
    let published = house.events(Kind::Published);
    assert_eq!(published.iter().filter(|event| event.topic.as_deref() == Some("t")).count(), 2);
}

#[tokio::test]
async fn qos_2_is_not_served() {
    // MQTT-085, MQTT-086
    let publish = Publish { qos: QoS::ExactlyOnce, packet_id: PacketId::new(1), ..Publish::new("t", "x") };
    let house = House::new().await;
    let mut client = Client::connect(house.plain(), V3, "c").await;
    client.send(&Packet::Publish(publish.clone())).await;
    client.closed().await;
    let mut client = Client::connect(house.plain(), V5, "c").await;
    client.send(&Packet::Publish(publish.clone())).await;
    assert_eq!(client.disconnected().await.as_u8(), 0x9B);
    let house = House::with(Settings { v3_qos2: Qos2::Ignore, ..Settings::default() }).await;
    let mut client = Client::connect(house.plain(), V3, "c").await;
    client.send(&Packet::Publish(publish)).await;
    client.ping().await;
}

#[tokio::test]
async fn a_denied_publish_reaches_nobody() {
    // MQTT-102, MQTT-103, MQTT-104, POLICY-420, POLICY-423, POLICY-424, POLICY-425, POLICY-426, POLICY-427
    let house = House::new().await;
    house.rules.deny(Action::Publish, "secret");
    let mut watcher = Client::connect(house.plain(), V3, "watcher").await;
    watcher.subscribe("#", Q1).await;
    let mut v5 = Client::connect(house.plain(), V5, "v5").await;
    assert_eq!(v5.acked("secret", "x").await.as_u8(), 0x87);
    v5.ping().await;
    v5.publish("secret", "x", Q0).await;
    assert_eq!(v5.disconnected().await.as_u8(), 0x87);
    for qos in [Q0, Q1] {
        let mut v3 = Client::connect(house.plain(), V3, "v3").await;
        v3.publish("secret", "x", qos).await;
        v3.closed().await;
    }
    watcher.silent().await;
    assert!(!house.seen.offered.lock().iter().any(|topic| topic == "secret"));
    let refused = house.events(Kind::PublishRefused);
    assert_eq!(refused.len(), 4);
    assert!(refused.iter().all(|event| event.detail.decision().is_some() && event.payload.is_some()));
    let ended = house.event(Kind::Disconnected, |event| event.client.as_deref() == Some("v3")).await;
    assert_eq!(ended.to_json()["disconnect_reason"], "AUTH_ERROR");
}

#[tokio::test]
async fn topics_have_a_length_and_a_depth() {
    // MQTT-098, MQTT-099, MQTT-100, MQTT-101
    let house = House::new().await;
    let mut client = Client::connect(house.plain(), V5, "c").await;
    let (long, deep) = ("x".repeat(257), "a/b/c/d/e/f/g/h/i".to_owned());
    assert_eq!(client.acked("a/b/c/d/e/f/g/h", "x").await.as_u8(), 0);
    assert_eq!(client.acked(&"x".repeat(256), "x").await.as_u8(), 0);
    for topic in [&long, &deep] {
        assert_eq!(client.acked(topic, "x").await.as_u8(), 0x90);
        let mut v5 = Client::connect(house.plain(), V5, "d").await;
        v5.publish(topic, "x", Q0).await;
        assert_eq!(v5.disconnected().await.as_u8(), 0x90);
        let mut v3 = Client::connect(house.plain(), V3, "d").await;
        v3.publish(topic, "x", Q1).await;
        v3.closed().await;
    }
    client.send_bytes(b"\x30\x06\x00\x03a/+\x00").await;
    assert_eq!(client.disconnected().await.as_u8(), 0x90);
}

#[tokio::test]
async fn a_payload_has_128_kib_at_most() {
    // MQTT-097
    let house = House::new().await;
    let mut watcher = Client::connect(house.plain(), V3, "watcher").await;
    watcher.subscribe("t", Q1).await;
    for version in [V3, V5] {
        let mut client = Client::connect(house.plain(), version, "c").await;
        assert_eq!(client.acked("t", &"x".repeat(131_072)).await.as_u8(), 0);
        assert_eq!(watcher.message().await.payload.len(), 131_072);
        client.publish("t", &"x".repeat(131_073), Q1).await;
        if version == V5 {
            assert_eq!(client.disconnected().await.as_u8(), 0x95);
        } else {
            client.closed().await;
        }
    }
    let mut client = Client::connect(house.plain(), V5, "c").await;
    client.send_bytes(b"\x30\xff\xff\x7f").await;
    assert_eq!(client.disconnected().await.as_u8(), 0x95);
}

#[tokio::test]
async fn each_delivery_is_judged() {
    // MQTT-106, POLICY-450, POLICY-451, POLICY-452, MQTT-052
    let house = House::new().await;
    let mut subscriber = Client::connect(house.plain(), V3, "s").await;
    subscriber.subscribe("#", Q1).await;
    let mut publisher = Client::connect(house.plain(), V3, "p").await;
    publisher.acked("a", "1").await;
    assert_eq!(subscriber.payload().await, "1");
    house.rules.deny(Action::Receive, "a");
    publisher.acked("a", "2").await;
    publisher.acked("b", "3").await;
    assert_eq!(subscriber.payload().await, "3");
    house.rules.denied.lock().clear();
    publisher.acked("a", "4").await;
    assert_eq!(subscriber.payload().await, "4");
    let event = house.event(Kind::DeliveryRefused, |_| true).await;
    assert_eq!((event.client.as_deref(), event.payload), (Some("s"), Some(Bytes::from_static(b"2"))));
    assert!(event.detail.is_some_decision());
}

trait IsDecision {
    fn is_some_decision(&self) -> bool;
}

impl IsDecision for thingstead_core::journal::Detail {
    fn is_some_decision(&self) -> bool {
        self.decision().is_some()
    }
}

#[tokio::test]
async fn retained_messages_are_kept_and_cleared() {
    // MQTT-143, MQTT-145, MQTT-146, MQTT-147, MQTT-125
    let house = House::new().await;
    let mut publisher = Client::connect(house.plain(), V5, "p").await;
    let mut early = Client::connect(house.plain(), V5, "early").await;
    early.subscribe("t/1", Q1).await;
    assert_eq!(publisher.retain("t/1", "one").await.as_u8(), 0);
    let message = early.message().await;
    assert_eq!((&message.payload[..], message.retain), (&b"one"[..], false));
    let mut late = Client::connect(house.plain(), V5, "late").await;
    late.subscribe("t/+", Q1).await;
    late.silent().await;
    for _ in 0..2 {
        late.subscribe("t/1", Q1).await;
        let message = late.message().await;
        assert_eq!((&message.payload[..], message.retain, message.qos), (&b"one"[..], true, Q1));
    }
    for (handling, expected) in [(1, false), (2, false), (0, true)] {
        let mut filter = Filter::new("t/1", Q0);
        filter.retain_handling = [
            thingstead_mqtt_wire::RetainHandling::Send,
            thingstead_mqtt_wire::RetainHandling::SendIfNew,
            thingstead_mqtt_wire::RetainHandling::DoNotSend,
        ][handling];
        late.subscribe_to(vec![filter]).await;
        if expected {
            assert_eq!(late.message().await.qos, Q0);
        } else {
            late.silent().await;
        }
    }
    assert_eq!(publisher.retain("t/1", "").await.as_u8(), 0);
    assert_eq!(early.payload().await, "");
    assert_eq!(late.payload().await, "");
    late.unsubscribe(&["t/+", "t/1"]).await;
    late.subscribe("t/1", Q1).await;
    late.silent().await;
    assert_eq!(house.broker.retained_messages(&scope(), None, 10).len(), 0);
}

#[tokio::test]
async fn retaining_needs_its_own_permission() {
    // MQTT-144, MQTT-148, POLICY-421, POLICY-422, POLICY-428, POLICY-453
    let house = House::new().await;
    house.rules.deny(Action::RetainPublish, "t");
    let mut watcher = Client::connect(house.plain(), V5, "watcher").await;
    watcher.subscribe("t", Q1).await;
    let mut client = Client::connect(house.plain(), V5, "c").await;
    assert_eq!(client.retain("t", "x").await.as_u8(), 0x87);
    assert_eq!(client.retain("t", "").await.as_u8(), 0x87);
    assert_eq!(client.acked("t", "plain").await.as_u8(), 0);
    assert_eq!(watcher.payload().await, "plain");
    assert_eq!(client.retain("$aws/things/t/shadow/update", "{}").await.as_u8(), 0x90);
    assert_eq!(client.retain("$aws/rules/r/x", "{}").await.as_u8(), 0x90);
    assert_eq!(client.retain("u", "kept").await.as_u8(), 0);
    house.rules.deny(Action::Receive, "u");
    watcher.subscribe("u", Q1).await;
    watcher.silent().await;
    let mut v3 = Client::connect(house.plain(), V3, "v3").await;
    v3.publish_with(Publish { qos: Q1, retain: true, ..Publish::new("$aws/rules/r/x", "x") }).await;
    v3.closed().await;
}

#[tokio::test]
async fn retained_messages_expire_and_keep_their_properties() {
    // MQTT-152, MQTT-154, MQTT-179
    let house = House::new().await;
    let mut client = Client::connect(house.plain(), V5, "c").await;
    let properties = PublishProperties {
        message_expiry_interval: Some(30),
        content_type: Some("a/b".into()),
        ..PublishProperties::default()
    };
    let publish = Publish { retain: true, qos: Q1, ..with("t", "x", properties) };
    assert_eq!(client.acked_with(publish).await.as_u8(), 0);
    house.advance(20);
    client.subscribe("t", Q1).await;
    let told = client.message().await.properties.expect("properties");
    assert_eq!((told.message_expiry_interval, told.content_type.as_deref()), (Some(10), Some("a/b")));
    house.advance(10);
    client.subscribe("t", Q1).await;
    client.silent().await;
}

#[tokio::test]
async fn properties_travel_between_v5_clients_only() {
    // MQTT-107, MQTT-178, MQTT-179, MQTT-180, MQTT-183
    let house = House::new().await;
    let mut v5 = Client::connect(house.plain(), V5, "v5").await;
    let mut v3 = Client::connect(house.plain(), V3, "v3").await;
    v5.subscribe("t", Q0).await;
    v3.subscribe("t", Q0).await;
    let mut publisher = Client::connect(house.plain(), V5, "p").await;
    let properties = PublishProperties {
        payload_format_indicator: Some(1),
        message_expiry_interval: Some(0),
        response_topic: Some("r".into()),
        correlation_data: Some(Bytes::from_static(&[0, 1])),
        user_properties: vec![("b".into(), "1".into()), ("a".into(), "2".into()), ("b".into(), "3".into())],
        content_type: Some("c".into()),
        ..PublishProperties::default()
    };
    publisher
        .publish_with(Publish { payload: Bytes::from_static(&[0xff]), ..with("t", "", properties.clone()) })
        .await;
    let told = v5.message().await.properties.expect("properties");
    assert_eq!(*told, PublishProperties { message_expiry_interval: Some(1), ..properties });
    assert_eq!(v3.message().await.properties, None);
    let forever =
        PublishProperties { message_expiry_interval: Some(u32::MAX), ..PublishProperties::default() };
    publisher.publish_with(with("t", "", forever)).await;
    assert_eq!(v5.message().await.properties.expect("properties").message_expiry_interval, Some(604_800));
    v3.message().await;
    v3.publish("t", "plain", Q0).await;
    assert_eq!(v5.message().await.properties, None);
}

#[tokio::test]
async fn oversized_properties_are_refused() {
    // MQTT-182, MQTT-184
    let house = House::new().await;
    let mut client = Client::connect(house.plain(), V5, "c").await;
    let big: std::sync::Arc<str> = "x".repeat(8193).into();
    for properties in [
        PublishProperties { content_type: Some("x".repeat(257).into()), ..PublishProperties::default() },
        PublishProperties {
            correlation_data: Some(Bytes::from(vec![0; 8193])),
            ..PublishProperties::default()
        },
        PublishProperties { user_properties: vec![("".into(), big)], ..PublishProperties::default() },
    ] {
        let publish = Publish { qos: Q1, ..with("t", "x", properties.clone()) };
        assert_eq!(client.acked_with(publish).await.as_u8(), 0x97);
        let mut other = Client::connect(house.plain(), V5, "d").await;
        other.publish_with(with("t", "x", properties)).await;
        assert_eq!(other.disconnected().await.as_u8(), 0x97);
    }
    // A response topic with a wildcard: topic `t`, identifier 9, properties 08 0001 `#`.
    client.send_bytes(b"\x32\x0a\x00\x01t\x00\x09\x04\x08\x00\x01#").await;
    let Packet::PubAck(PubAck { reason, .. }) = client.receive().await else { panic!("no PUBACK") };
    assert_eq!(reason.as_u8(), 0x90);
}

#[tokio::test]
async fn topic_aliases_count_to_eight() {
    // MQTT-176, MQTT-177
    let house = House::new().await;
    let mut subscriber = Client::connect(house.plain(), V5, "s").await;
    subscriber.subscribe("#", Q0).await;
    let aliased = |topic: &str, alias| {
        with(topic, "x", PublishProperties { topic_alias: Some(alias), ..PublishProperties::default() })
    };
    let mut client = Client::connect(house.plain(), V5, "c").await;
    client.publish_with(aliased("one", 8)).await;
    client.publish_with(aliased("", 8)).await;
    client.publish_with(aliased("two", 8)).await;
    client.publish_with(aliased("", 8)).await;
    for topic in ["one", "one", "two", "two"] {
        let message = subscriber.message().await;
        assert_eq!((&*message.topic, message.properties), (topic, None));
    }
    for publish in [aliased("t", 9), aliased("", 1)] {
        let mut client = Client::connect(house.plain(), V5, "d").await;
        client.publish_with(publish).await;
        assert_eq!(client.disconnected().await.as_u8(), 0x94);
    }
}

#[tokio::test]
async fn an_alias_is_judged_as_the_topic_it_stands_for() {
    // POLICY-139
    let house = House::new().await;
    let mut client = Client::connect(house.plain(), V5, "c").await;
    let aliased = |topic: &str| {
        let properties = PublishProperties { topic_alias: Some(1), ..PublishProperties::default() };
        Publish { qos: Q1, ..with(topic, "x", properties) }
    };
    assert_eq!(client.acked_with(aliased("open")).await.as_u8(), 0);
    assert_eq!(client.acked_with(aliased("")).await.as_u8(), 0);
    house.rules.deny(Action::Publish, "open");
    assert_eq!(client.acked_with(aliased("")).await.as_u8(), 0x87);
}

#[tokio::test]
async fn clients_cannot_publish_to_topics_of_the_service() {
    // MQTT-187, POLICY-447
    let house = House::new().await;
    let mut client = Client::connect(house.plain(), V5, "c").await;
    for topic in ["$SYS/x", "$aws/events/presence/connected/c", "$aws/things/t/shadow/update/accepted"] {
        assert_eq!(client.acked(topic, "x").await.as_u8(), 0x90, "{topic}");
        let mut v5 = Client::connect(house.plain(), V5, "d").await;
        v5.publish(topic, "x", Q0).await;
        assert_eq!(v5.disconnected().await.as_u8(), 0x90);
        let mut v3 = Client::connect(house.plain(), V3, "d").await;
        v3.publish(topic, "x", Q1).await;
        v3.closed().await;
    }
}

#[tokio::test]
async fn basic_ingest_reaches_one_rule_and_nobody_else() {
    // MQTT-193, MQTT-195, MQTT-196, MQTT-197, POLICY-463
    let house = House::new().await;
    let mut watcher = Client::connect(house.plain(), V3, "watcher").await;
    watcher.subscribe("#", Q1).await;
    let mut client = Client::connect(house.plain(), V3, "c").await;
    let deep = "$aws/rules/known/a/b/c/d/e/f/g/h";
    client.acked(deep, "x").await;
    client.acked("$aws/rules/unknown/a", "x").await;
    watcher.silent().await;
    assert_eq!(house.seen.ingested.lock()[0], ("known".to_owned(), deep.to_owned()));
    assert!(!house.seen.offered.lock().iter().any(|topic| topic.starts_with("$aws/rules")));
    let event = house.event(Kind::RuleNotFound, |_| true).await;
    assert_eq!(event.to_json()["rule"], "unknown");
    client.publish("$aws/rules/known/a/b/c/d/e/f/g/h/i", "x", Q1).await;
    client.closed().await;
}

#[tokio::test]
async fn a_slow_reader_loses_messages_and_nobody_waits_for_it() {
    let house = House::with(Settings { output_limit: 64 * 1024, ..Settings::default() }).await;
    let mut slow = Client::connect(house.plain(), V3, "slow").await;
    slow.subscribe("t", Q1).await;
    let mut publisher = Client::connect(house.plain(), V3, "p").await;
    let payload = "x".repeat(131_072);
    for _ in 0..100 {
        publisher.acked("t", &payload).await;
    }
    publisher.publish("t", "one too many", Q0).await;
    let event = house.event(Kind::Dropped, |event| event.client.as_deref() == Some("slow")).await;
    assert!(event.why.contains("too slowly"), "{}", event.why);
    house.advance(61);
    let event = house.event(Kind::Disconnected, |event| event.client.as_deref() == Some("slow")).await;
    assert!(event.why.contains("has not read"), "{}", event.why);
    assert_eq!(slow.unacknowledged().await.payload.len(), 131_072);
}

#[tokio::test]
async fn a_message_larger_than_the_client_takes_is_not_sent() {
    // MQTT-174
    let house = House::new().await;
    let mut connect = Connect::new(V5, "small", 60);
    connect.properties.maximum_packet_size = Some(512);
    let (mut small, _) = Client::connect_with(house.plain(), connect).await;
    small.subscribe("t", Q1).await;
    let mut publisher = Client::connect(house.plain(), V3, "p").await;
    publisher.acked("t", &"x".repeat(600)).await;
    publisher.acked("t", "fits").await;
    assert_eq!(small.payload().await, "fits");
}

#[tokio::test]
async fn a_publish_counts_once_in_and_once_for_each_delivery() {
    // MQTT-250, MQTT-153, MQTT-185
    let house = House::new().await;
    let mut publisher = Client::connect(house.plain(), V3, "p").await;
    for n in 0..3 {
        let mut subscriber = Client::connect(house.plain(), V3, &format!("s{n}")).await;
        subscriber.subscribe("t", Q0).await;
        publisher.publish("t", "x", Q0).await;
        subscriber.message().await;
        subscriber.leave().await;
    }
    let on_topic =
        |kind| house.events(kind).iter().filter(|event| event.topic.as_deref() == Some("t")).count();
    assert_eq!((on_topic(Kind::Published), on_topic(Kind::Delivered)), (3, 3));
    publisher.retain("r", "kept").await;
    house.advance(4 * 365 * 86_400);
    let mut late = Client::connect(house.plain(), V3, "late").await;
    late.subscribe("r", Q1).await;
    assert_eq!(late.payload().await, "kept");
}
