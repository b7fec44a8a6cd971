//! AWS's rates per second, where they are switched on.

use thingstead_broker::Settings;
use thingstead_core::Kind;
use thingstead_mqtt_wire::{Connect, Packet, Publish, QoS};

use crate::client::{Client, V3, V5};
use crate::house::House;

async fn throttled() -> House {
    House::with(Settings { throttles: true, ..Settings::default() }).await
}

#[tokio::test]
async fn one_connect_a_second_with_a_client_id() {
    // MQTT-055
    let house = throttled().await;
    let _first = Client::connect(house.plain(), V5, "c").await;
    let (mut second, ack) = Client::connect_with(house.plain(), Connect::new(V5, "c", 60)).await;
    assert_eq!(ack.reason.as_u8(), 0x97);
    second.closed().await;
    let mut third = Client::open(house.plain(), V3).await;
    third.send(&Packet::Connect(Box::new(Connect::new(V3, "c", 60)))).await;
    third.closed().await;
    house.advance(1);
    Client::connect(house.plain(), V5, "c").await;
}

#[tokio::test]
async fn a_hundred_publishes_a_second_on_a_connection() {
    // MQTT-096
    let house = throttled().await;
    let mut client = Client::connect(house.plain(), V5, "c").await;
    for _ in 0..100 {
        assert_eq!(client.acked("t", "x").await.as_u8(), 0);
    }
    assert_eq!(client.acked("t", "x").await.as_u8(), 0x97);
    client.publish("t", "x", QoS::AtMostOnce).await;
    client.ping().await;
    house.advance(1);
    assert_eq!(client.acked("t", "x").await.as_u8(), 0);
    let mut v3 = Client::connect(house.plain(), V3, "v3").await;
    let mut subscriber = Client::connect(house.plain(), V3, "s").await;
    subscriber.subscribe("u", QoS::AtMostOnce).await;
    for _ in 0..100 {
        assert_eq!(v3.acked("u", "x").await.as_u8(), 0);
    }
    v3.publish("u", "x", QoS::AtLeastOnce).await;
    v3.ping().await;
    for _ in 0..100 {
        subscriber.message().await;
    }
    subscriber.silent().await;
}

#[tokio::test]
async fn one_retained_publish_a_second_to_a_topic() {
    // MQTT-150
    let house = throttled().await;
    let mut client = Client::connect(house.plain(), V5, "c").await;
    assert_eq!(client.retain("t", "1").await.as_u8(), 0);
    assert_eq!(client.retain("t", "2").await.as_u8(), 0x97);
    assert_eq!(client.retain("u", "1").await.as_u8(), 0);
    house.advance(1);
    assert_eq!(client.retain("t", "3").await.as_u8(), 0);
}

#[tokio::test]
async fn five_hundred_stored_messages_a_second() {
    // MQTT-166
    let house = throttled().await;
    let (mut offline, _) = Client::persistent(house.plain(), V3, "offline").await;
    offline.subscribe("t", QoS::AtLeastOnce).await;
    offline.leave().await;
    for publisher in 0..6 {
        let mut client = Client::connect(house.plain(), V3, &format!("p{publisher}")).await;
        for _ in 0..100 {
            let publish = Publish { qos: QoS::AtLeastOnce, ..Publish::new("t", "x") };
            assert_eq!(client.acked_with(publish).await.as_u8(), 0);
        }
    }
    assert_eq!(house.events(Kind::Queued).len(), 500);
    let dropped = house.events(Kind::Dropped);
    assert_eq!(dropped.len(), 100);
    assert_eq!(dropped[0].why, "Throttled while queueing offline message");
}
