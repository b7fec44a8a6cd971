//! A test suite in Rust that embeds the server, with a client of somebody else's.

use std::time::Duration;

use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{ConnectReturnCode, Packet, Publish};
use rumqttc::v5::{AsyncClient, Event, EventLoop, MqttOptions};
use serde_json::{Value, json};
use thingstead::server::Surroundings;
use thingstead::{Config, Server};
use thingstead_core::journal::Query;
use thingstead_core::{Clock, Kind, Timestamp};

async fn server() -> Server {
    let config = Config::embedded(&[]).expect("a configuration");
    let clock = Clock::frozen_at(Timestamp::from_millis(1_767_225_600_000));
    Server::start(config, Surroundings { clock, ..Surroundings::default() }).await.expect("a server")
}

async fn connected(server: &Server, client: &str) -> (AsyncClient, EventLoop) {
    let address = server.endpoints().mqtt.first().copied().expect("the plain listener");
    let mut options = MqttOptions::new(client, address.ip().to_string(), address.port());
    options.set_keep_alive(Duration::from_secs(60));
    let (client, mut events) = AsyncClient::new(options, 10);
    loop {
        if let Event::Incoming(Packet::ConnAck(ack)) = events.poll().await.expect("a connection") {
            assert_eq!(ack.code, ConnectReturnCode::Success);
            return (client, events);
        }
    }
}

/// The next message; what else happens on the way is the client's business.
async fn message(events: &mut EventLoop) -> Publish {
    let next = async {
        loop {
            if let Event::Incoming(Packet::Publish(message)) = events.poll().await.expect("an event") {
                return message;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(10), next).await.expect("a message in time")
}

/// Drives the client until the server has answered its SUBSCRIBE.
async fn subscribed(client: &AsyncClient, events: &mut EventLoop, filter: &str) {
    client.subscribe(filter, QoS::AtLeastOnce).await.expect("queued");
    while !matches!(events.poll().await.expect("an event"), Event::Incoming(Packet::SubAck(_))) {}
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suite_drives_the_server_asks_what_happened_moves_time_and_resets() {
    let server = server().await;
    let (client, mut events) = connected(&server, "lamp").await;
    subscribed(&client, &mut events, "$aws/things/lamp/shadow/update/+").await;

    // SHADOW-050, and the time is the test's.
    let update = json!({ "state": { "desired": { "on": true } }, "clientToken": "t-1" }).to_string();
    server.clock().advance(Duration::from_secs(60));
    client.publish("$aws/things/lamp/shadow/update", QoS::AtLeastOnce, false, update).await.expect("queued");
    let (mut answers, mut topics) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        let answer = message(&mut events).await;
        topics.push(String::from_utf8_lossy(&answer.topic).rsplit('/').next().unwrap_or_default().to_owned());
        answers.push(serde_json::from_slice::<Value>(&answer.payload).expect("JSON"));
    }
    topics.sort();
    assert_eq!(topics, ["accepted", "delta", "documents"]);
    assert!(
        answers.iter().all(|answer| answer["clientToken"] == "t-1" && answer["timestamp"] == 1_767_225_660)
    );

    // What happened, without a socket.
    let query = |kind| Query { kind: Some(kind), client: Some("lamp".to_owned()), ..Query::default() };
    assert_eq!(server.journal().count(&query(Kind::ShadowAccepted)), 1);

    // MQTT-074: silence for one and a half keep alives.
    server.clock().advance(Duration::from_secs(91));
    let ended = tokio::time::timeout(Duration::from_secs(10), async { while events.poll().await.is_ok() {} });
    ended.await.expect("the server ends the connection");
    let ended = server.journal().find(&query(Kind::Disconnected));
    assert_eq!(ended[0].to_json()["disconnect_reason"], "MQTT_KEEP_ALIVE_TIMEOUT");

    server.reset().await.expect("a reset");
    let (client, mut events) = connected(&server, "lamp").await;
    subscribed(&client, &mut events, "$aws/things/lamp/shadow/get/+").await;
    client.publish("$aws/things/lamp/shadow/get", QoS::AtLeastOnce, false, "").await.expect("queued");
    let answer = message(&mut events).await;
    assert_eq!(answer.topic, "$aws/things/lamp/shadow/get/rejected");
    server.stop().await;
}
