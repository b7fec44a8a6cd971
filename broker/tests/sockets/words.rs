//! Refusals in words: a v5 client reads the reason that the journal keeps.

use thingstead_broker::Action;
use thingstead_core::Kind;
use thingstead_mqtt_wire::{Connect, Filter, Packet, PacketId, Publish, QoS, Subscribe, Version};

use crate::client::Client;
use crate::house::House;

const V5: Version = Version::V5;

#[tokio::test]
async fn refusals_carry_their_reason() {
    // MQTT-079
    let house = House::new().await;
    for (action, subject) in [
        (Action::Connect, "bad"),
        (Action::Publish, "no"),
        (Action::Subscribe, "x"),
        (Action::Subscribe, "y"),
    ] {
        house.rules.deny(action, subject);
    }
    for wanted in [true, false] {
        let connect = |client: &str| {
            let mut connect = Connect::new(V5, client, 60);
            connect.properties.request_problem_information = Some(wanted);
            connect
        };
        let words = |text: &str| wanted.then(|| text.to_owned());
        let (_, ack) = Client::connect_with(house.plain(), connect("bad")).await;
        assert_eq!(ack.properties.reason_string.as_deref().map(str::to_owned), words("the test says false"));
        let (mut client, ack) = Client::connect_with(house.plain(), connect("good")).await;
        assert_eq!(ack.properties.reason_string, None, "nothing was refused");

        let publish = |qos, packet_id| Publish { qos, packet_id, ..Publish::new("no", "x") };
        client.send(&Packet::Publish(publish(QoS::AtLeastOnce, Some(PacketId::FIRST)))).await;
        let Packet::PubAck(ack) = client.receive().await else { panic!("no PUBACK") };
        assert_eq!(ack.reason.as_u8(), 0x87);
        assert_eq!(
            ack.properties.and_then(|told| told.reason_string).as_deref().map(str::to_owned),
            words("the test says false")
        );

        let filters = ["x", "a", "y"].map(|filter| Filter::new(filter, QoS::AtMostOnce));
        client.send(&Packet::Subscribe(Subscribe::new(PacketId::FIRST, filters.to_vec()))).await;
        let Packet::SubAck(ack) = client.receive().await else { panic!("no SUBACK") };
        let expected = words("the test says false; the test says false");
        assert_eq!(
            ack.properties.and_then(|told| told.reason_string).as_deref().map(str::to_owned),
            expected
        );

        client.send(&Packet::Publish(publish(QoS::AtMostOnce, None))).await;
        let Packet::Disconnect(packet) = client.receive().await else { panic!("no DISCONNECT") };
        let told = packet.properties.and_then(|told| told.reason_string);
        assert_eq!(told.as_deref().map(str::to_owned), words("the test says false"));
    }
}

#[tokio::test]
async fn a_takeover_and_a_silence_come_with_advice() {
    // MQTT-076: whoever reads the journal learns what to change.
    let house = House::new().await;
    let mut first = Client::connect(house.plain(), V5, "twin").await;
    let second = Client::connect(house.plain(), V5, "twin").await;
    assert_eq!(first.disconnected().await.as_u8(), 0x8E);
    let event = house.event(Kind::Disconnected, |_| true).await.to_json();
    assert_eq!(event["disconnect_reason"], "DUPLICATE_CLIENTID");
    assert!(event["fix"].as_str().is_some_and(|fix| fix.contains("client id of its own")), "{event}");
    house.advance(91);
    let silent =
        |event: &thingstead_core::Event| event.to_json()["disconnect_reason"] == "MQTT_KEEP_ALIVE_TIMEOUT";
    let event = house.event(Kind::Disconnected, silent).await.to_json();
    assert!(event["fix"].as_str().is_some_and(|fix| fix.contains("PINGREQ")), "{event}");
    drop(second);
}

#[tokio::test]
async fn each_refused_operation_has_its_failure_in_the_service_log() {
    // AUTH-304
    let house = House::new().await;
    let refused = [
        (Action::Connect, "bad", Kind::ConnectRefused, "Connect"),
        (Action::Publish, "no", Kind::PublishRefused, "Publish-In"),
        (Action::Receive, "deaf", Kind::DeliveryRefused, "Publish-Out"),
        (Action::Subscribe, "x", Kind::SubscribeRefused, "Subscribe"),
    ];
    for (action, subject, ..) in refused {
        house.rules.deny(action, subject);
    }
    let (_, ack) = Client::connect_with(house.plain(), Connect::new(V5, "bad", 60)).await;
    assert_eq!(ack.reason.as_u8(), 0x87);
    let mut client = Client::connect(house.plain(), V5, "good").await;
    assert_eq!(client.subscribe("x", QoS::AtMostOnce).await, 0x87);
    assert_eq!(client.subscribe("deaf", QoS::AtMostOnce).await, 0);
    assert_eq!(client.acked("no", "x").await.as_u8(), 0x87);
    client.acked("deaf", "x").await;
    for (_, subject, kind, operation) in refused {
        let event = house.event(kind, |_| true).await;
        let entry = thingstead_broker::log_entry(&event).expect("logged");
        assert_eq!(
            (&entry["eventType"], &entry["status"], &entry["logLevel"], &entry["reason"]),
            (&operation.into(), &"Failure".into(), &"ERROR".into(), &"AUTHORIZATION_FAILURE".into())
        );
        let client = if operation == "Connect" { "bad" } else { "good" };
        assert_eq!(entry["clientId"], client);
        if operation != "Connect" {
            assert_eq!(entry["topicName"], subject);
        }
    }
}
