//! Requests to the services behind reserved topics.

use rusqlite::Connection;
use thingstead_broker::{Action, TABLES};
use thingstead_core::message::{Message, Origin, Publication};
use thingstead_core::wiring::Bus;
use thingstead_core::{Clock, Kind, Timestamp};
use thingstead_mqtt_wire::{Packet, PacketId, Publish, QoS};

use crate::client::{Client, V3, V5};
use crate::durability::directory;
use crate::house::{House, scope};

const Q0: QoS = QoS::AtMostOnce;
const Q1: QoS = QoS::AtLeastOnce;

#[tokio::test]
async fn a_service_is_told_of_the_requests_of_a_turn_and_sees_to_each_in_order() {
    // MQTT-186
    let house = House::new().await;
    let topic = |number: u16| format!("$aws/things/t{number}/shadow/update");
    let mut client = Client::connect(house.plain(), V5, "c").await;
    let mut bytes = Vec::new();
    for number in 1..=40 {
        let qos = if number == 7 { Q0 } else { Q1 };
        let mut publish = Publish { qos, ..Publish::new(topic(number), "{}") };
        publish.packet_id = (qos == Q1).then(|| PacketId::new(number).expect("not zero"));
        Packet::Publish(publish).encode(V5, &mut bytes).expect("a frame");
    }
    client.send_bytes(&bytes).await;
    let expected: Vec<u16> = (1..=40).filter(|number| *number != 7).collect();
    let mut acknowledged = Vec::new();
    while acknowledged.len() < expected.len() {
        match client.receive().await {
            Packet::PubAck(ack) => acknowledged.push(ack.packet_id.get()),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(acknowledged, expected, "in the order of the requests");
    let topics: Vec<_> = (1..=40).map(topic).collect();
    assert_eq!(*house.seen.requests.lock(), topics);
    let mut offered = house.seen.offered.lock().clone();
    offered.retain(|topic| topic.ends_with("/shadow/update"));
    assert_eq!(offered, topics, "by the rules, too");
    let told = house.seen.told.lock().clone();
    assert_eq!(told.concat(), topics, "each once");
    assert!(told.iter().all(|told| told.len() <= 16) && told.len() < 40, "{told:?}");
}

#[tokio::test]
async fn a_request_on_which_a_service_fails_costs_who_sent_it_the_connection_and_nobody_else_anything() {
    let house = House::new().await;
    let mut culprit = Client::connect(house.plain(), V5, "c").await;
    let mut bytes = Vec::new();
    for (number, payload) in (1..).zip(["{}", "panic", "{}"]) {
        let mut publish = Publish::new(format!("$aws/things/t{number}/shadow/update"), payload.to_owned());
        (publish.qos, publish.packet_id) = (Q1, PacketId::new(number));
        Packet::Publish(publish).encode(V5, &mut bytes).expect("a frame");
    }
    culprit.send_bytes(&bytes).await;
    let first = culprit.receive().await;
    assert!(matches!(&first, Packet::PubAck(ack) if ack.packet_id == PacketId::FIRST), "{first:?}");
    culprit.closed().await;
    let event = house.event(Kind::Disconnected, |event| event.client.as_deref() == Some("c")).await;
    assert_eq!(event.why, "the server failed");
    assert_eq!(*house.seen.requests.lock(), ["$aws/things/t1/shadow/update", "$aws/things/t3/shadow/update"]);
    let mut client = Client::connect(house.plain(), V3, "d").await;
    client.acked("$aws/things/t4/shadow/update", "{}").await;
}

#[tokio::test]
async fn services_and_rules_see_what_is_published() {
    // MQTT-186, MQTT-190, POLICY-455
    let house = House::new().await;
    let mut client = Client::connect(house.plain(), V3, "c").await;
    client.subscribe("$aws/things/t/shadow/update/accepted", Q1).await;
    client.acked("$aws/things/t/shadow/update", "{}").await;
    assert_eq!(*house.seen.requests.lock(), ["$aws/things/t/shadow/update"]);
    assert_eq!(*house.seen.told.lock(), [["$aws/things/t/shadow/update"]]);
    let answer = |topic: &str, payload: &'static str| Publication {
        scope: scope(),
        message: Message::new(topic, payload).with_qos(thingstead_core::QoS::AtLeastOnce),
        origin: Origin::Service("shadow"),
        at: house.clock.now(),
    };
    house.broker.publish(answer("$aws/things/t/shadow/update/accepted", "yes"));
    assert_eq!(client.payload().await, "yes");
    assert!(house.broker.send_to("c", answer("$aws/certificates/create/json/accepted", "for you")));
    assert_eq!(client.payload().await, "for you");
    assert!(!house.broker.send_to("nobody", answer("x", "x")));
    house.rules.deny(Action::Receive, "$aws/things/+/shadow/update/accepted");
    house.broker.publish(answer("$aws/things/t/shadow/update/accepted", "no"));
    client.silent().await;
}

#[tokio::test]
async fn a_request_that_a_session_keeps_is_acknowledged_only_when_its_copy_is_stored() {
    // MQTT-092, MQTT-169
    let directory = directory("kept-request");
    let house = House::on_disk(&directory, Clock::frozen_at(Timestamp::from_millis(1_767_225_600_000))).await;
    let topic = "$aws/things/t/shadow/update";
    let (mut keeper, _) = Client::persistent(house.plain(), V3, "keeper").await;
    keeper.subscribe(topic, Q1).await;
    keeper.leave().await;
    let mut client = Client::connect(house.plain(), V3, "c").await;
    client.acked(topic, "{}").await;
    let database = Connection::open(directory.join("thingstead.sqlite")).expect("a database");
    database.execute_batch(&format!("DROP TABLE \"{}\"", TABLES[1].name())).expect("dropped");
    client.publish(topic, "{}", Q1).await;
    client.closed().await;
    assert_eq!(house.seen.requests.lock().len(), 2, "the service has seen it");
    drop(house);
    let _ = std::fs::remove_dir_all(&directory);
}
