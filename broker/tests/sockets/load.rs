//! Many at once: nothing is lost, and each publisher's messages on a topic arrive in the order in which it sent them.

use std::collections::HashMap;

use thingstead_core::{Kind, Principal};
use thingstead_mqtt_wire::{Connect, Packet, Publish, QoS, ReasonCode};
use tokio::task::JoinSet;

use crate::client::{Client, V3, V5, persistent};
use crate::tls::{Fort, Pair};

const PUBLISHERS: usize = 6;
const MESSAGES: usize = 240;
const TOPICS: usize = 3;

/// Every other client comes over mutual TLS, every other one speaks MQTT 5; the shards share them.
async fn enter(fort: &Fort, number: usize, id: &str, lasting: bool) -> Client {
    let version = if (number / 2).is_multiple_of(2) { V3 } else { V5 };
    let connect = if lasting { persistent(version, id) } else { Connect::new(version, id, 60) };
    let (client, ack) = if number.is_multiple_of(2) {
        let pair = Pair::device();
        fort.register(&pair, true, "ACTIVE");
        fort.connect(&pair, connect).await
    } else {
        Client::connect_with(fort.house.plain(), connect).await
    };
    assert_eq!(ack.reason, ReasonCode::Success);
    client
}

/// What a subscriber got: by publisher and topic the numbers in the order of arrival, and with which quality of service.
async fn collect(mut client: Client, granted: QoS) -> HashMap<(usize, usize), Vec<usize>> {
    let mut got: HashMap<(usize, usize), Vec<usize>> = HashMap::new();
    for _ in 0..PUBLISHERS * MESSAGES {
        let message = client.message().await;
        let text = std::str::from_utf8(&message.payload).expect("text");
        let numbers: Vec<usize> = text.trim_end().split(' ').map(|n| n.parse().expect("a number")).collect();
        let [publisher, topic, number] = numbers[..] else { panic!("{text}") };
        assert_eq!(&*message.topic, format!("load/{publisher}/{topic}"));
        // MQTT-092
        assert_eq!(message.qos, granted.min(qos_of(publisher)));
        got.entry((publisher, topic)).or_default().push(number);
    }
    client.silent().await;
    got
}

/// Publishers take turns in which quality of service they use.
fn qos_of(publisher: usize) -> QoS {
    if publisher.is_multiple_of(3) { QoS::AtMostOnce } else { QoS::AtLeastOnce }
}

/// Sends a hundred at once, as many as a client may have unacknowledged (MQTT-094), and waits for their acknowledgements.
async fn publish(mut client: Client, publisher: usize) {
    let qos = qos_of(publisher);
    let mut ids = std::collections::HashSet::new();
    for number in 0..MESSAGES {
        let topic = number % TOPICS;
        // Of different lengths, up to several reads of the server's.
        let payload = format!("{publisher} {topic} {number}{}", " ".repeat(number * 37 % 3000));
        let name = format!("load/{publisher}/{topic}");
        ids.extend(client.publish_with(Publish { qos, ..Publish::new(name, payload) }).await);
        if ids.len() == 100 || number + 1 == MESSAGES {
            while !ids.is_empty() {
                // MQTT-084
                let answer = client.receive().await;
                let Packet::PubAck(ack) = answer else { panic!("{answer:?} instead of PUBACK") };
                assert_eq!(ack.reason, ReasonCode::Success);
                assert!(ids.remove(&ack.packet_id), "acknowledged twice");
            }
        }
    }
    client.silent().await;
}

#[tokio::test]
async fn under_load_nothing_is_lost_and_the_order_of_a_publisher_and_topic_is_kept() {
    // MQTT-084, MQTT-092
    let fort = Fort::new().await;
    let mut subscribers = JoinSet::new();
    for number in 0..8 {
        let mut client = enter(&fort, number, &format!("subscriber-{number}"), number >= 6).await;
        let granted = if number % 4 == 1 { QoS::AtMostOnce } else { QoS::AtLeastOnce };
        client.subscribe("load/#", granted).await;
        subscribers.spawn(collect(client, granted));
    }
    let mut publishers = JoinSet::new();
    for number in 0..PUBLISHERS {
        let client = enter(&fort, number, &format!("publisher-{number}"), false).await;
        publishers.spawn(publish(client, number));
    }
    publishers.join_all().await;
    let in_order: HashMap<(usize, usize), Vec<usize>> = (0..PUBLISHERS)
        .flat_map(|publisher| (0..TOPICS).map(move |topic| (publisher, topic)))
        .map(|(publisher, topic)| ((publisher, topic), (topic..MESSAGES).step_by(TOPICS).collect()))
        .collect();
    for got in subscribers.join_all().await {
        assert_eq!(got, in_order);
    }
    let house = &fort.house;
    assert_eq!(
        house.events(Kind::Published).iter().filter(|event| is_load(event)).count(),
        PUBLISHERS * MESSAGES
    );
    assert_eq!(house.events(Kind::Delivered).len(), 8 * PUBLISHERS * MESSAGES);
    assert!(house.events(Kind::Dropped).is_empty());
    let by_certificate = house
        .events(Kind::Delivered)
        .into_iter()
        .find(|event| event.client.as_deref() == Some("subscriber-0"));
    let principal = by_certificate.and_then(|event| event.principal);
    assert!(principal.is_some_and(|principal| *principal != *Principal::Anonymous.as_str()));
}

fn is_load(event: &thingstead_core::Event) -> bool {
    event.topic.as_deref().is_some_and(|topic| topic.starts_with("load/"))
}
