//! SUBSCRIBE, UNSUBSCRIBE, shared subscriptions.

use thingstead_broker::{Action, Overlapping, Settings, SubscribeDenied};
use thingstead_core::Kind;
use thingstead_mqtt_wire::{Connect, Filter, Packet, PacketId, QoS, Subscribe, Unsubscribe, Version};

use crate::client::{Client, V3, V5};
use crate::house::House;

const Q0: QoS = QoS::AtMostOnce;
const Q1: QoS = QoS::AtLeastOnce;

fn filters(names: &[&str]) -> Vec<Filter> {
    names.iter().map(|name| Filter::new(*name, Q1)).collect()
}

async fn subscribe_raw(client: &mut Client, filters: Vec<Filter>) {
    let id = PacketId::new(7).expect("not 0");
    client.send(&Packet::Subscribe(Subscribe::new(id, filters))).await;
}

#[tokio::test]
async fn each_filter_has_its_own_answer() {
    // MQTT-113, MQTT-115, MQTT-116, MQTT-117, POLICY-440, POLICY-441, POLICY-442
    let house = House::new().await;
    house.rules.deny(Action::Subscribe, "b/+/c");
    for (version, refused) in [(V3, 0x80), (V5, 0x87)] {
        let mut client = Client::connect(house.plain(), version, "c").await;
        let wanted = vec![Filter::new("a", Q0), Filter::new("b/+/c", Q1), Filter::new("d", Q1)];
        assert_eq!(client.subscribe_to(wanted).await, [0, refused, 1]);
        client.acked("a", "1").await;
        assert_eq!(client.payload().await, "1");
    }
    let event = house.event(Kind::SubscribeRefused, |_| true).await;
    assert!(event.detail.decision().is_some_and(|decision| &*decision.asked.resource == "b/+/c"));
    let house =
        House::with(Settings { subscribe_denied: SubscribeDenied::Disconnect, ..Settings::default() }).await;
    house.rules.deny(Action::Subscribe, "a");
    let mut client = Client::connect(house.plain(), V3, "c").await;
    subscribe_raw(&mut client, filters(&["a"])).await;
    client.closed().await;
    let event = house.event(Kind::Disconnected, |_| true).await;
    assert_eq!(event.to_json()["disconnect_reason"], "AUTH_ERROR");
}

#[tokio::test]
async fn withdrawing_the_permission_keeps_the_subscription() {
    // POLICY-445, POLICY-482
    let house = House::new().await;
    let mut client = Client::connect(house.plain(), V3, "c").await;
    client.subscribe("a", Q1).await;
    house.rules.deny(Action::Subscribe, "#");
    house.rules.deny(Action::Connect, "#");
    let mut publisher_rules_allow = client;
    publisher_rules_allow.publish("a", "still", Q0).await;
    assert_eq!(publisher_rules_allow.payload().await, "still");
}

#[tokio::test]
async fn wildcards_match_as_aws_does_it() {
    // MQTT-120, MQTT-121, MQTT-123
    let house = House::new().await;
    let mut client = Client::connect(house.plain(), V5, "c").await;
    let mut publisher = Client::connect(house.plain(), V5, "p").await;
    for (filter, yes, no) in [
        ("sensor/#", &["sensor/", "sensor/t", "sensor/t/r1"][..], &["sensor", "Sensor/t"][..]),
        ("sensor/+/room1", &["sensor/t/room1", "sensor//room1"], &["sensor/t/u/room1", "sensor/t/room2"]),
        ("#", &["x", "/"], &[]),
        ("+/+", &["a/b", "/"], &["a"]),
    ] {
        client.subscribe(filter, Q0).await;
        for topic in no {
            publisher.acked(topic, topic).await;
        }
        for topic in yes {
            publisher.acked(topic, topic).await;
            assert_eq!(client.payload().await, *topic, "{filter}");
        }
        client.unsubscribe(&[filter]).await;
    }
    client.subscribe("#", Q0).await;
    client.subscribe("+/#", Q0).await;
    publisher.acked("$aws/things/t/shadow/get", "hidden").await;
    client.silent().await;
}

#[tokio::test]
async fn malformed_filters_are_refused() {
    // MQTT-100, MQTT-122, MQTT-128, MQTT-129, MQTT-142
    let house = House::new().await;
    let long = "x".repeat(257);
    for filter in ["a/b#", "a/#/c", "a+", long.as_str(), "a/b/c/d/e/f/g/h/i"] {
        let mut v5 = Client::connect(house.plain(), V5, "c").await;
        assert_eq!(v5.subscribe_to(filters(&["ok", filter])).await, [1, 0x8F], "{filter}");
        let mut v3 = Client::connect(house.plain(), V3, "c").await;
        subscribe_raw(&mut v3, filters(&[filter])).await;
        v3.closed().await;
    }
    for (version, code) in [(V3, 0x80), (V5, 0x8F)] {
        let mut client = Client::connect(house.plain(), version, "c").await;
        for filter in ["$share/g", "$share//a", "$share/g+/a"] {
            assert_eq!(client.subscribe(filter, Q1).await, code, "{filter}");
        }
        assert_eq!(client.subscribe("$share/g/a/b/c/d/e/f/g/h", Q1).await, 1);
    }
}

#[tokio::test]
async fn counts_are_limited() {
    // MQTT-109, MQTT-110, MQTT-111, MQTT-112
    let house = House::new().await;
    for (version, code) in [(V3, 0x80), (V5, 0x97)] {
        let mut client = Client::connect(house.plain(), version, "c").await;
        for n in 0..50 {
            assert_eq!(client.subscribe(&format!("t/{n}"), Q0).await, 0);
        }
        assert_eq!(client.subscribe("t/51", Q0).await, code);
        assert_eq!(client.subscribe("t/7", Q1).await, 1);
        let nine: Vec<String> = (0..9).map(|n| format!("t/{n}")).collect();
        let nine: Vec<&str> = nine.iter().map(String::as_str).collect();
        let id = PacketId::new(9).expect("not 0");
        client.send(&Packet::Unsubscribe(Unsubscribe::new(id, nine.iter().copied()))).await;
        client.ping().await;
        client.acked("t/3", "x").await;
        assert_eq!(client.payload().await, "x");
        subscribe_raw(&mut client, filters(&nine)).await;
        if version == V5 {
            client.disconnected().await;
        } else {
            client.closed().await;
        }
    }
}

#[tokio::test]
async fn qos_2_and_identifiers_are_not_served() {
    // MQTT-114, MQTT-126, MQTT-079
    let house = House::new().await;
    let mut v3 = Client::connect(house.plain(), V3, "c").await;
    subscribe_raw(&mut v3, vec![Filter::new("a", QoS::ExactlyOnce)]).await;
    v3.closed().await;
    let mut v5 = Client::connect(house.plain(), V5, "c").await;
    subscribe_raw(&mut v5, vec![Filter::new("a", QoS::ExactlyOnce)]).await;
    assert_eq!(v5.disconnected().await.as_u8(), 0x9B);
    let mut with_id = Subscribe::new(PacketId::FIRST, filters(&["a"]));
    with_id.subscription_identifier = Some(1);
    for explain in [true, false] {
        let mut connect = thingstead_mqtt_wire::Connect::new(V5, "c", 60);
        connect.properties.request_problem_information = Some(explain);
        let (mut v5, _) = Client::connect_with(house.plain(), connect).await;
        v5.send(&Packet::Subscribe(with_id.clone())).await;
        let Packet::Disconnect(packet) = v5.receive().await else { panic!("no DISCONNECT") };
        assert_eq!(packet.reason.as_u8(), 0xA1);
        let text = packet.properties.and_then(|properties| properties.reason_string);
        assert_eq!(text.as_deref(), explain.then_some("DISCONNECT: Subscription Id is not supported now"));
    }
}

#[tokio::test]
async fn reserved_topics_can_be_subscribed_where_the_table_says_so() {
    // MQTT-118, MQTT-119, MQTT-187, MQTT-189, MQTT-193, POLICY-446, POLICY-447
    let house = House::new().await;
    let mut v5 = Client::connect(house.plain(), V5, "c").await;
    let wanted = filters(&["$SYS/#", "a", "$aws/rules/r/x", "$aws/things/+/shadow/#", "$aws/events/#"]);
    assert_eq!(v5.subscribe_to(wanted).await, [0x8F, 1, 0x8F, 1, 1]);
    // MQTT-191: seven slashes, and eight.
    let wanted = filters(&[
        "$aws/things/t/shadow/name/s/update/accepted",
        "$aws/commands/things/t/executions/e/response/accepted/json",
        "$aws/commands/#",
    ]);
    assert_eq!(v5.subscribe_to(wanted).await, [1, 0x8F, 1]);
    let mut v3 = Client::connect(house.plain(), V3, "d").await;
    subscribe_raw(&mut v3, filters(&["$SYS/#"])).await;
    v3.closed().await;
}

#[tokio::test]
async fn overlapping_filters_bring_one_copy() {
    // MQTT-124
    let house = House::new().await;
    let mut client = Client::connect(house.plain(), V3, "c").await;
    client.subscribe_to(vec![Filter::new("a/#", Q0), Filter::new("a/+", Q1), Filter::new("a/b", Q0)]).await;
    client.acked("a/b", "x").await;
    assert_eq!(client.message().await.qos, Q1);
    client.silent().await;
    let house = House::with(Settings { overlapping: Overlapping::OnePerFilter, ..Settings::default() }).await;
    let mut client = Client::connect(house.plain(), V3, "c").await;
    client.subscribe_to(vec![Filter::new("a/#", Q0), Filter::new("a/+", Q0)]).await;
    client.publish("a/b", "x", Q0).await;
    for _ in 0..2 {
        assert_eq!(client.payload().await, "x");
    }
    client.silent().await;
}

#[tokio::test]
async fn no_local_keeps_a_clients_own_messages_away() {
    // MQTT-125
    let house = House::new().await;
    let mut client = Client::connect(house.plain(), V5, "c").await;
    let mut other = Client::connect(house.plain(), V5, "d").await;
    let filter = Filter { no_local: true, ..Filter::new("t", Q1) };
    client.subscribe_to(vec![filter]).await;
    client.acked("t", "own").await;
    other.acked("t", "other").await;
    assert_eq!(client.payload().await, "other");
}

#[tokio::test]
async fn unsubscribing_ends_deliveries() {
    // MQTT-127, POLICY-443
    let house = House::new().await;
    let mut client = Client::connect(house.plain(), V5, "c").await;
    client.subscribe("a", Q1).await;
    assert_eq!(client.unsubscribe(&["a", "never"]).await, [0, 0]);
    client.acked("a", "x").await;
    client.silent().await;
}

#[tokio::test]
async fn a_shared_group_gets_one_copy() {
    // MQTT-128, MQTT-130, MQTT-131, MQTT-132, MQTT-133, MQTT-135
    let house = House::new().await;
    let mut publisher = Client::connect(house.plain(), V5, "p").await;
    publisher.retain("t", "kept").await;
    let mut members = Vec::new();
    for (n, version) in [V3, V5, V3].into_iter().enumerate() {
        let mut member = Client::connect(house.plain(), version, &format!("m{n}")).await;
        member.subscribe("$share/g/t", Q1).await;
        members.push(member);
    }
    let mut second_group = Client::connect(house.plain(), V5, "n").await;
    second_group.subscribe("$share/g/#", Q1).await;
    let mut ordinary = Client::connect(house.plain(), V5, "o").await;
    ordinary.subscribe("+", Q1).await;
    for n in 0..30 {
        publisher.acked("t", &n.to_string()).await;
        assert_eq!(&*second_group.message().await.topic, "t");
        ordinary.message().await;
    }
    let mut counts = Vec::new();
    for member in &mut members {
        let mut count = 0;
        while let Ok(Some(Packet::Publish(publish))) = member.next(std::time::Duration::from_millis(80)).await
        {
            assert!(!publish.retain);
            member.ack(&publish).await;
            count += 1;
        }
        counts.push(count);
    }
    assert_eq!(counts.iter().sum::<i32>(), 30, "{counts:?}");
    assert!(counts.iter().all(|count| *count > 0), "{counts:?}");
}

#[tokio::test]
async fn a_member_that_may_not_receive_is_skipped() {
    // MQTT-134, POLICY-456
    let house = House::new().await;
    let mut publisher = Client::connect(house.plain(), V5, "p").await;
    let mut member = Client::connect(house.plain(), V5, "m").await;
    member.subscribe("$share/g/t", Q1).await;
    house.rules.deny(Action::Receive, "t");
    publisher.acked("t", "by the share's name").await;
    assert_eq!(member.payload().await, "by the share's name");
    house.rules.deny(Action::Receive, "$share/g/t");
    publisher.acked("t", "not at all").await;
    member.silent().await;
}

async fn persistent_member(house: &House, version: Version) -> Client {
    let (client, _) = Client::persistent(house.plain(), version, "m").await;
    client
}

#[tokio::test]
async fn a_group_with_a_persistent_member_queues() {
    // MQTT-136, MQTT-137, MQTT-138, MQTT-141
    let house = House::new().await;
    let mut publisher = Client::connect(house.plain(), V5, "p").await;
    let mut member = persistent_member(&house, V5).await;
    member.subscribe("$share/g/t", Q1).await;
    publisher.acked("t", "unacknowledged").await;
    assert_eq!(member.unacknowledged().await.payload, "unacknowledged");
    member.leave().await;
    publisher.acked("t", "queued").await;
    publisher.publish("t", "lost", Q0).await;
    publisher.ping().await;
    let mut newcomer = Client::connect(house.plain(), V5, "new").await;
    newcomer.subscribe("$share/g/t", Q1).await;
    assert_eq!(newcomer.payload().await, "unacknowledged");
    house.advance(1);
    assert_eq!(newcomer.payload().await, "queued");
    newcomer.silent().await;
    newcomer.leave().await;
    publisher.acked("t", "for the member").await;
    let mut member = persistent_member(&house, V5).await;
    assert_eq!(member.payload().await, "for the member");
    member.unsubscribe(&["$share/g/t"]).await;
    publisher.acked("t", "to nobody").await;
    member.silent().await;
}

#[tokio::test]
async fn a_message_waits_in_a_group_for_the_session_expiry_at_most() {
    // MQTT-139
    let house = House::new().await;
    let (mut publisher, _) = Client::connect_with(house.plain(), Connect::new(V5, "p", 1200)).await;
    let member = || async {
        let mut connect = crate::client::persistent(V5, "m");
        connect.properties.session_expiry_interval = Some(3600);
        connect.keep_alive = 1200;
        Client::connect_with(house.plain(), connect).await.0
    };
    let mut first = member().await;
    first.subscribe("$share/g/t", Q1).await;
    first.leave().await;
    publisher.acked("t", "old").await;
    for _ in 0..2 {
        house.advance(1790);
        publisher.ping().await;
    }
    let mut keeper = member().await;
    assert_eq!(keeper.unacknowledged().await.payload, "old");
    keeper.leave().await;
    publisher.acked("t", "young").await;
    house.advance(100);
    publisher.ping().await;
    let mut late = member().await;
    house.advance(1);
    assert_eq!(late.payload().await, "young");
    late.silent().await;
}
