//! Faults that are made on purpose, on live traffic (section 1.4 of the design: `faults`).

use serde_json::{Value, json};
use thingstead_core::Kind;
use thingstead_core::faults::FaultPlan;
use thingstead_core::wiring::{ConnectionControl, FaultControl};
use thingstead_mqtt_wire::{Connect, Packet, Publish, QoS, ReasonCode};

use crate::client::{Client, V3, V5, persistent};
use crate::house::House;

impl House {
    /// Puts a plan in force.
    fn plan(&self, faults: Value) {
        let plan = FaultPlan::read(&json!({ "seed": 1, "faults": faults })).expect("a plan");
        self.broker.set_faults(plan);
    }

    /// What the journal says of the faults that were made: their actions and clients.
    fn made(&self) -> Vec<(String, String)> {
        self.events(Kind::FaultInjected)
            .iter()
            .map(|event| {
                let action = event.detail.members().and_then(|members| members["action"].as_str());
                assert!(event.why.starts_with("fault injection, number "), "{}", event.why);
                (
                    action.expect("an action").to_owned(),
                    event.client.as_deref().unwrap_or_default().to_owned(),
                )
            })
            .collect()
    }
}

async fn pair(house: &House) -> (Client, Client) {
    let publisher = Client::connect(house.plain(), V5, "p").await;
    let mut subscriber = Client::connect(house.plain(), V5, "s").await;
    subscriber.subscribe("#", QoS::AtLeastOnce).await;
    (publisher, subscriber)
}

fn one(action: &str, client: &str) -> Vec<(String, String)> {
    vec![(action.to_owned(), client.to_owned())]
}

#[tokio::test]
async fn a_publish_is_lost_on_its_way_in_so_often_and_no_oftener() {
    let house = House::new().await;
    let (mut publisher, mut subscriber) = pair(&house).await;
    house.plan(json!([{ "action": "drop", "direction": "in", "topic": "a/+", "times": 1 }]));
    publisher.publish("a/b", "lost", QoS::AtLeastOnce).await;
    publisher.silent().await;
    // Another topic, and the same once the fault has run out.
    assert_eq!(publisher.acked("b", "other").await, ReasonCode::Success);
    assert_eq!(publisher.acked("a/b", "through").await, ReasonCode::Success);
    assert_eq!(subscriber.payload().await, "other");
    assert_eq!(subscriber.payload().await, "through");
    assert_eq!(house.made(), one("drop", "p"));
    let event = &house.events(Kind::FaultInjected)[0];
    assert_eq!((event.topic.as_deref(), event.payload.as_deref()), (Some("a/b"), Some(b"lost".as_slice())));
}

#[tokio::test]
async fn a_lost_delivery_is_sent_again_when_its_quality_of_service_wants_it() {
    let house = House::new().await;
    let (mut publisher, mut subscriber) = pair(&house).await;
    house.plan(json!([{ "action": "drop", "direction": "out", "client": "s", "times": 2 }]));
    publisher.publish("t", "0", QoS::AtMostOnce).await;
    assert_eq!(publisher.acked("t", "1").await, ReasonCode::Success);
    subscriber.silent().await;
    assert_eq!(house.made().len(), 2);
    // The message with QoS 0 is gone for good.
    house.advance(60);
    assert_eq!(subscriber.payload().await, "1");
    subscriber.silent().await;
}

#[tokio::test]
async fn held_back_messages_come_when_their_time_has_come() {
    let house = House::new().await;
    let (mut publisher, mut subscriber) = pair(&house).await;
    house.plan(
        json!([{ "action": "delay", "direction": "in", "client": "p", "topic": "late", "delay_ms": 5000 }]),
    );
    publisher.publish("late", "1", QoS::AtLeastOnce).await;
    publisher.publish("prompt", "2", QoS::AtMostOnce).await;
    assert_eq!(subscriber.payload().await, "2", "who is not held back overtakes");
    publisher.silent().await;
    house.advance(5);
    assert_eq!(subscriber.payload().await, "1");
    assert!(matches!(publisher.receive().await, Packet::PubAck(_)), "acknowledged when it has come");

    house.plan(json!([{ "action": "delay", "direction": "out", "client": "s", "delay_ms": 1000 }]));
    publisher.publish("t", "0", QoS::AtMostOnce).await;
    assert_eq!(publisher.acked("t", "1").await, ReasonCode::Success);
    subscriber.silent().await;
    house.advance(1);
    assert_eq!([subscriber.payload().await, subscriber.payload().await], ["0", "1"]);
    let delays = house.events(Kind::FaultInjected);
    let delays: Vec<_> =
        delays.iter().map(|event| event.detail.members().expect("members")["delay_ms"].clone()).collect();
    assert_eq!(delays, [json!(5000), json!(1000), json!(1000)]);
}

#[tokio::test]
async fn messages_come_twice() {
    let house = House::new().await;
    let (mut publisher, mut subscriber) = pair(&house).await;
    house.plan(json!([{ "action": "duplicate", "direction": "in", "times": 1 }]));
    assert_eq!(publisher.acked("t", "in").await, ReasonCode::Success);
    assert_eq!([subscriber.payload().await, subscriber.payload().await], ["in", "in"]);
    publisher.silent().await;
    house.plan(json!([{ "action": "duplicate", "direction": "out" }]));
    assert_eq!(publisher.acked("t", "out").await, ReasonCode::Success);
    let (first, second) = (subscriber.unacknowledged().await, subscriber.unacknowledged().await);
    assert_eq!((&first.payload[..], first.packet_id), (&second.payload[..], second.packet_id));
    subscriber.ack(&first).await;
    subscriber.silent().await;
}

#[tokio::test]
async fn a_connection_breaks_instead() {
    let house = House::new().await;
    let (mut publisher, mut subscriber) = pair(&house).await;
    house.plan(json!([{ "action": "disconnect", "direction": "in", "client": "p" }]));
    publisher.publish("t", "lost", QoS::AtLeastOnce).await;
    publisher.closed().await;
    let ended = house.event(Kind::Disconnected, |event| event.client.as_deref() == Some("p")).await;
    assert_eq!(ended.detail.members().expect("members")["disconnect_reason"], "CONNECTION_LOST");
    subscriber.silent().await;

    // A persistent session gets the message when it comes back.
    let (mut kept, _) = Client::connect_with(house.plain(), persistent(V5, "k")).await;
    kept.subscribe("k", QoS::AtLeastOnce).await;
    house.plan(json!([{ "action": "disconnect", "direction": "out", "client": "k", "times": 1 }]));
    assert_eq!(subscriber.acked("k", "once").await, ReasonCode::Success);
    kept.closed().await;
    let (mut kept, ack) = Client::connect_with(house.plain(), persistent(V5, "k")).await;
    assert!(ack.session_present);
    assert_eq!(kept.payload().await, "once");
}

#[tokio::test]
async fn publishes_are_refused_as_policies_and_rates_refuse_them() {
    let house = House::new().await;
    let (mut publisher, mut subscriber) = pair(&house).await;
    house.plan(json!([{ "action": "refuse", "topic": "no", "direction": "in" }, { "action": "throttle", "topic": "much", "direction": "in" }]));
    assert_eq!(publisher.acked("no", "x").await, ReasonCode::NotAuthorized);
    assert_eq!(publisher.acked("much", "x").await, ReasonCode::QuotaExceeded);
    assert_eq!(publisher.acked("yes", "x").await, ReasonCode::Success);
    assert_eq!(&*subscriber.message().await.topic, "yes");
    let mut v3 = Client::connect(house.plain(), V3, "v3").await;
    v3.publish("much", "x", QoS::AtLeastOnce).await;
    v3.ping().await;
    v3.publish("no", "x", QoS::AtLeastOnce).await;
    v3.closed().await;
    let ended = house.event(Kind::Disconnected, |event| event.client.as_deref() == Some("v3")).await;
    assert_eq!(ended.detail.members().expect("members")["disconnect_reason"], "AUTH_ERROR");
}

#[tokio::test]
async fn deliveries_are_withheld_for_good() {
    let house = House::new().await;
    let (mut publisher, mut subscriber) = pair(&house).await;
    house.plan(json!([{ "action": "refuse", "direction": "out", "times": 1 }, { "action": "throttle", "direction": "out", "times": 1 }]));
    for payload in ["refused", "throttled", "through"] {
        assert_eq!(publisher.acked("t", payload).await, ReasonCode::Success);
    }
    assert_eq!(subscriber.payload().await, "through");
    // Its acknowledgement has arrived.
    subscriber.ping().await;
    house.advance(60);
    subscriber.silent().await;
    assert_eq!(house.events(Kind::Dropped).len(), 2);
}

#[tokio::test]
async fn connects_are_lost_late_refused_and_broken() {
    let house = House::new().await;
    let fault =
        |action: &str| json!([{ "action": action, "direction": "connect", "client": "c", "times": 1 }]);
    let connect = |version| Packet::Connect(Box::new(Connect::new(version, "c", 60)));
    house.plan(fault("drop"));
    let mut lost = Client::open(house.plain(), V5).await;
    lost.send(&connect(V5)).await;
    lost.silent().await;
    house.advance(60);
    lost.closed().await;

    for (action, reason) in [("refuse", ReasonCode::NotAuthorized), ("throttle", ReasonCode::QuotaExceeded)] {
        house.plan(fault(action));
        let (mut refused, ack) = Client::connect_with(house.plain(), Connect::new(V5, "c", 60)).await;
        assert_eq!(ack.reason, reason);
        refused.closed().await;
    }
    house.plan(fault("disconnect"));
    let mut broken = Client::open(house.plain(), V5).await;
    broken.send(&connect(V5)).await;
    broken.closed().await;

    house.plan(json!([{ "action": "delay", "direction": "connect", "client": "c", "delay_ms": 2000 }]));
    let mut late = Client::open(house.plain(), V3).await;
    late.send(&connect(V3)).await;
    // Whatever comes behind the CONNECT waits with it.
    late.send(&Packet::PingReq).await;
    late.silent().await;
    house.advance(2);
    assert!(matches!(late.receive().await, Packet::ConnAck(_)));
    assert_eq!(late.receive().await, Packet::PingResp);
    let actions: Vec<_> = house.made().into_iter().map(|(action, _)| action).collect();
    assert_eq!(actions, ["drop", "refuse", "throttle", "disconnect", "delay"]);
    // Others are not concerned.
    Client::connect(house.plain(), V5, "d").await;
}

#[tokio::test]
async fn the_same_seed_hits_the_same_messages() {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let house = House::new().await;
        let mut publisher = Client::connect(house.plain(), V5, "p").await;
        house.plan(json!([{ "action": "throttle", "direction": "in", "probability": 0.5 }]));
        let mut codes = Vec::new();
        for _ in 0..40 {
            codes.push(publisher.acked("t", "x").await.as_u8());
        }
        runs.push(codes);
    }
    assert_eq!(runs[0], runs[1]);
    let hit = runs[0].iter().filter(|code| **code != 0).count();
    assert!((8..=32).contains(&hit), "{hit}");
}

#[tokio::test]
async fn an_alias_is_learned_even_from_a_lost_message_and_a_reset_ends_all_faults() {
    let house = House::new().await;
    let (mut publisher, mut subscriber) = pair(&house).await;
    house.plan(json!([{ "action": "drop", "direction": "in", "times": 1 }, { "action": "drop", "client": "nobody" }]));
    let aliased = |topic: &str, payload: &str| {
        let mut publish = Publish::new(topic, payload.to_owned());
        publish.properties.get_or_insert_default().topic_alias = Some(1);
        publish
    };
    publisher.publish_with(aliased("t", "lost")).await;
    publisher.publish_with(aliased("", "through")).await;
    let message = subscriber.message().await;
    assert_eq!((&*message.topic, &message.payload[..]), ("t", b"through".as_slice()));
    let house = std::sync::Arc::new(house);
    let broker = std::sync::Arc::clone(&house.broker);
    tokio::task::spawn_blocking(move || broker.reset()).await.expect("reset");
    assert_eq!(house.broker.faults(), FaultPlan::default());
}
