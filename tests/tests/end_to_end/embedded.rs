//! A test suite in Rust that embeds the server, with a client of somebody else's.

use std::time::Duration;

use rumqttc::v5::mqttbytes::QoS;
use serde_json::{Value, json};
use thingstead::server::Surroundings;
use thingstead::{Config, Server};
use thingstead_core::journal::Query;
use thingstead_core::{Clock, Kind, Timestamp};

use crate::client::{connected, message, subscribed};

async fn server() -> Server {
    let config = Config::embedded(&[]).expect("a configuration");
    let clock = Clock::frozen_at(Timestamp::from_millis(1_767_225_600_000));
    Server::start(config, Surroundings { clock, ..Surroundings::default() }).await.expect("a server")
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

    // The client acknowledges what it was given when it is polled again.
    while let Ok(Ok(_)) = tokio::time::timeout(Duration::from_millis(50), events.poll()).await {}
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
