//! AWS's rates per second, where they are switched on.

use thingstead_broker::{Counts, Rates, Settings};
use thingstead_core::journal::{Cause, Kind, Protocol};
use thingstead_core::wiring::Bus;
use thingstead_core::{Limits, Message, Origin, Publication};
use thingstead_mqtt_wire::{Connect, Packet, Publish, QoS};

use crate::client::{Client, V3, V5};
use crate::house::{House, scope};

async fn throttled() -> House {
    House::with(Settings { throttles: true, ..Settings::default() }).await
}

async fn limited(rates: Rates) -> House {
    House::with(Settings { throttles: true, rates, ..Settings::default() }).await
}

impl House {
    /// How many events of a kind had this cause.
    fn caused(&self, kind: Kind, cause: Cause) -> u64 {
        let tallies = self.journal.tallies();
        tallies
            .iter()
            .filter(|tally| (tally.kind, tally.cause) == (kind, cause))
            .map(|tally| tally.count)
            .sum()
    }
}

#[test]
fn the_rates_are_those_of_large_regions() {
    // MQTT-249
    let rates = Rates::default();
    assert_eq!((rates.publishes_in, rates.publishes_out, rates.subscriptions), (20_000, 20_000, 3000));
    assert_eq!((rates.connects, rates.group_changes, rates.queued), (3000, 100, 500));
}

#[tokio::test]
async fn publishes_of_an_account_are_counted_with_what_shadow_updates_bring_about() {
    // Q06, MQTT-192
    let house = limited(Rates { publishes_in: 5, ..Rates::default() }).await;
    let mut client = Client::connect(house.plain(), V5, "c").await;
    assert_eq!(client.acked("t", "x").await.as_u8(), 0);
    for topic in ["update/accepted", "update/documents", "update/delta"] {
        house.broker.publish(Publication {
            scope: scope(),
            message: Message::new(format!("$aws/things/a/shadow/{topic}"), "{}"),
            origin: Origin::Service("shadow"),
            at: house.clock.now(),
        });
    }
    house
        .event(Kind::Published, |event| event.topic.as_deref() == Some("$aws/things/a/shadow/update/delta"))
        .await;
    assert_eq!(client.acked("t", "x").await.as_u8(), 0);
    assert_eq!(client.acked("t", "x").await.as_u8(), 0x97);
    // Over HTTP, too.
    assert!(house.broker.admit_publish(&scope(), &Message::new("t", "x")).is_err());
    // MQTT-081: what is beyond a rate is discarded, nobody is cut for it.
    let mut v3 = Client::connect(house.plain(), V3, "v3").await;
    v3.publish("t", "x", QoS::AtLeastOnce).await;
    v3.ping().await;
    assert_eq!(house.caused(Kind::PublishRefused, Cause::Throttle), 2);
    house.advance(1);
    assert_eq!(client.acked("t", "x").await.as_u8(), 0);
    assert!(house.broker.admit_publish(&scope(), &Message::new("t", "x")).is_ok());
}

#[tokio::test]
async fn messages_to_an_account_are_counted_over_its_clients() {
    // Q07
    let house = limited(Rates { publishes_out: 3, ..Rates::default() }).await;
    let mut subscribers = Vec::new();
    for id in ["a", "b"] {
        let mut subscriber = Client::connect(house.plain(), V5, id).await;
        subscriber.subscribe("t", QoS::AtMostOnce).await;
        subscribers.push(subscriber);
    }
    let mut client = Client::connect(house.plain(), V5, "c").await;
    for _ in 0..2 {
        client.acked("t", "x").await;
    }
    house.event(Kind::Dropped, |_| true).await;
    assert_eq!(house.caused(Kind::Dropped, Cause::Throttle), 1);
    assert_eq!(house.events(Kind::Delivered).len(), 3);
}

#[tokio::test]
async fn subscriptions_of_an_account_and_changes_of_a_group() {
    // Q24, Q32, MQTT-142
    let house = limited(Rates { subscriptions: 4, group_changes: 2, ..Rates::default() }).await;
    let mut v5 = Client::connect(house.plain(), V5, "v5").await;
    let mut v3 = Client::connect(house.plain(), V3, "v3").await;
    assert_eq!(v5.subscribe("$share/g/t", QoS::AtLeastOnce).await, 1);
    assert_eq!(v5.subscribe("$share/g/t", QoS::AtLeastOnce).await, 1);
    assert_eq!(v5.unsubscribe(&["$share/g/t", "none"]).await, [0, 0]);
    assert_eq!(v5.subscribe("$share/g/t", QoS::AtLeastOnce).await, 1, "the group was made anew");
    assert_eq!(v3.subscribe("u", QoS::AtLeastOnce).await, 1);
    assert_eq!(v5.subscribe("v", QoS::AtLeastOnce).await, 0x97);
    assert_eq!(v3.subscribe("v", QoS::AtLeastOnce).await, 0x80);
    assert_eq!(house.caused(Kind::SubscribeRefused, Cause::Throttle), 2);
    house.advance(1);
    for _ in 0..2 {
        assert_eq!(v5.subscribe("$share/g/t", QoS::AtLeastOnce).await, 1);
    }
    assert_eq!(v5.subscribe("$share/g/t", QoS::AtLeastOnce).await, 0x97);
    assert_eq!(v5.unsubscribe(&["$share/g/t"]).await, [0x80]);
    assert_eq!(house.caused(Kind::UnsubscribeRefused, Cause::Throttle), 1);
    let mut publisher = Client::connect(house.plain(), V3, "p").await;
    publisher.publish("t", "still", QoS::AtMostOnce).await;
    assert_eq!(v5.payload().await, "still");
}

#[tokio::test]
async fn a_hundred_shared_groups_in_an_account() {
    // MQTT-142: 100 groups per account, over all clients.
    let house = House::new().await;
    let mut clients = Vec::new();
    for client in 0..2 {
        let mut subscriber = Client::connect(house.plain(), V5, &format!("c{client}")).await;
        for group in 0..50 {
            let granted = subscriber.subscribe(&format!("$share/g{client}-{group}/t"), QoS::AtMostOnce).await;
            assert_eq!(granted, 0);
        }
        clients.push(subscriber);
    }
    let mut v5 = Client::connect(house.plain(), V5, "v5").await;
    let mut v3 = Client::connect(house.plain(), V3, "v3").await;
    assert_eq!(v5.subscribe("$share/more/t", QoS::AtMostOnce).await, 0x97);
    assert_eq!(v3.subscribe("$share/more/t", QoS::AtMostOnce).await, 0x80);
    assert_eq!(
        v5.subscribe("$share/g0-0/t", QoS::AtMostOnce).await,
        0,
        "a group that is there takes members"
    );
    clients[1].unsubscribe(&["$share/g1-7/t"]).await;
    assert_eq!(v5.subscribe("$share/more/t", QoS::AtMostOnce).await, 0);
}

#[tokio::test]
async fn pings_are_counted_and_told_only_when_somebody_wants_them() {
    // MQTT-075, MQTT-259: `Ping.Success`
    let house = House::new().await;
    let mut client = Client::connect(house.plain(), V5, "c").await;
    client.ping().await;
    assert!(house.events(Kind::Pinged).is_empty());
    house.broker.tell_pings(true);
    client.ping().await;
    let told = house.event(Kind::Pinged, |_| true).await;
    assert_eq!(told.client.as_deref(), Some("c"));
    let tallies = house.journal.tallies();
    let pinged = tallies.iter().find(|tally| tally.kind == Kind::Pinged).expect("counted");
    assert_eq!((pinged.count, pinged.protocol), (2, Protocol::Mqtt));
}

#[tokio::test]
async fn what_a_connection_moves_beyond_its_throughput_is_delayed() {
    // Q09
    let rates = Rates { bytes_of_connection: 4000, ..Rates::default() };
    let house = limited(rates).await;
    assert_eq!(Rates::default().bytes_of_connection, 512 * 1024);
    let mut reader = Client::connect(house.plain(), V5, "reader").await;
    reader.subscribe("big", QoS::AtMostOnce).await;
    let mut writer = Client::connect(house.plain(), V5, "writer").await;
    let big = "x".repeat(5000);
    // What is read or written at once is not cut; what comes afterwards waits until time has made it good.
    writer.publish("big", &big, QoS::AtLeastOnce).await;
    writer.silent().await;
    assert_eq!(reader.payload().await.len(), 5000);
    house.advance(1);
    assert!(matches!(writer.receive().await, Packet::PubAck(_)));
    writer.publish("big", &big, QoS::AtMostOnce).await;
    assert_eq!(reader.payload().await.len(), 5000);
    writer.publish("big", "next", QoS::AtLeastOnce).await;
    writer.silent().await;
    house.advance(1);
    assert!(matches!(writer.receive().await, Packet::PubAck(_)));
    assert_eq!(reader.payload().await, "next");
    // Who only reads is delayed as well, and nothing is lost.
    for payload in [big.clone(), "last".to_owned()] {
        let message = Message::new("big", payload);
        let (origin, at) = (Origin::Service("test"), house.clock.now());
        house.broker.publish(Publication { scope: scope(), message, origin, at });
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(reader.payload().await.len(), 5000);
    reader.silent().await;
    house.advance(1);
    assert_eq!(reader.payload().await, "last");
}

#[tokio::test]
async fn an_account_has_so_many_connections_and_subscriptions() {
    // Q04, Q23, MQTT-249
    let counts = Counts { connections: 2, subscriptions: 3, ..Counts::default() };
    assert_eq!((Counts::default().connections, Counts::default().subscriptions), (500_000, 500_000));
    let house = House::with(Settings { counts, ..Settings::default() }).await;
    let (mut first, _) = Client::persistent(house.plain(), V5, "first").await;
    let mut second = Client::connect(house.plain(), V3, "second").await;
    let (mut third, ack) = Client::connect_with(house.plain(), Connect::new(V5, "third", 60)).await;
    assert_eq!(ack.reason.as_u8(), 0x97);
    third.closed().await;
    let mut v3 = Client::open(house.plain(), V3).await;
    v3.send(&Packet::Connect(Box::new(Connect::new(V3, "third", 60)))).await;
    v3.closed().await;
    assert_eq!(house.caused(Kind::ConnectRefused, Cause::Throttle), 2);
    // Who takes over its own connection needs no further place.
    for _ in 0..3 {
        second = Client::connect(house.plain(), V3, "second").await;
    }
    assert_eq!(first.subscribe("a", QoS::AtMostOnce).await, 0);
    assert_eq!(first.subscribe("$share/g/a", QoS::AtMostOnce).await, 0);
    assert_eq!(second.subscribe("$share/g/a", QoS::AtMostOnce).await, 0);
    assert_eq!(second.subscribe("b", QoS::AtMostOnce).await, 0x80);
    assert_eq!(first.subscribe("b", QoS::AtMostOnce).await, 0x97);
    assert_eq!(first.subscribe("a", QoS::AtLeastOnce).await, 1, "a filter that is held is no further one");
    // A session whose client is away keeps its subscriptions, and gives its place up.
    first.leave().await;
    let mut third = Client::connect(house.plain(), V5, "third").await;
    assert_eq!(third.subscribe("c", QoS::AtMostOnce).await, 0x97);
    second.unsubscribe(&["$share/g/a"]).await;
    assert_eq!(third.subscribe("c", QoS::AtMostOnce).await, 0);
    third.leave().await;
    let mut fourth = Client::connect(house.plain(), V5, "fourth").await;
    assert_eq!(fourth.subscribe("d", QoS::AtMostOnce).await, 0);
    let relaxed = House::with(Settings { counts, limits: Limits::Relaxed, ..Settings::default() }).await;
    let mut clients = Vec::new();
    for id in ["a", "b", "c", "d"] {
        let mut client = Client::connect(relaxed.plain(), V5, id).await;
        assert_eq!(client.subscribe("t", QoS::AtMostOnce).await, 0);
        clients.push(client);
    }
}

#[tokio::test]
async fn one_connect_a_second_with_a_client_id() {
    // MQTT-055
    let house = throttled().await;
    let _first = Client::connect(house.plain(), V5, "c").await;
    let (mut second, ack) = Client::connect_with(house.plain(), Connect::new(V5, "c", 60)).await;
    assert_eq!(ack.reason.as_u8(), 0x97);
    second.closed().await;
    assert_eq!(house.caused(Kind::ConnectRefused, Cause::ClientIdThrottle), 1);
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
