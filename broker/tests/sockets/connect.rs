//! CONNECT, CONNACK, keep alive, Wills, the ends of connections.

use bytes::Bytes;
use thingstead_broker::{Action, Settings};
use thingstead_core::{Kind, Limits};
use thingstead_mqtt_wire::{
    Connect, Disconnect, DisconnectProperties, Packet, QoS, ReasonCode, Will, WillProperties,
};

use crate::client::{Client, V3, V5, persistent};
use crate::house::House;

fn will(topic: &str, payload: &'static str) -> Will {
    Will {
        topic: topic.into(),
        payload: Bytes::from_static(payload.as_bytes()),
        qos: QoS::AtLeastOnce,
        retain: false,
        properties: WillProperties::default(),
    }
}

fn with_will(version: thingstead_mqtt_wire::Version, id: &str, will: Will) -> Connect {
    Connect { will: Some(will), ..Connect::new(version, id, 60) }
}

#[tokio::test]
async fn a_v5_connack_says_what_the_service_offers() {
    // MQTT-043, MQTT-071, MQTT-072, MQTT-171, MQTT-172, MQTT-173
    let house = House::new().await;
    let (_client, ack) = Client::connect_with(house.plain(), Connect::new(V5, "c", 5)).await;
    let told = ack.properties;
    assert!(!ack.session_present);
    assert_eq!(told.maximum_qos, Some(1));
    assert_eq!((told.retain_available, told.wildcard_subscription_available), (Some(true), Some(true)));
    assert_eq!(told.subscription_identifier_available, Some(false));
    assert_eq!((told.receive_maximum, told.topic_alias_maximum), (Some(100), Some(8)));
    assert_eq!(told.maximum_packet_size, Some(149_504));
    assert_eq!((told.server_keep_alive, told.session_expiry_interval), (Some(30), None));
    let (_client, ack) = Client::connect_with(house.plain(), Connect::new(V5, "d", 60)).await;
    assert_eq!((ack.properties.server_keep_alive, ack.properties.assigned_client_identifier), (None, None));
    let (_client, ack) = Client::connect_with(house.plain(), Connect::new(V5, "e", 0)).await;
    assert_eq!(ack.properties.server_keep_alive, Some(1200));
}

#[tokio::test]
async fn a_client_without_an_id_gets_one() {
    // MQTT-046, MQTT-047
    let house = House::new().await;
    let (_client, ack) = Client::connect_with(house.plain(), Connect::new(V5, "", 60)).await;
    assert!(ack.properties.assigned_client_identifier.is_some_and(|id| !id.is_empty()));
    let (_client, ack) = Client::connect_with(house.plain(), Connect::new(V3, "", 60)).await;
    assert_eq!(ack.reason, ReasonCode::Success);
    let mut refused = Client::open(house.plain(), V3).await;
    refused.send(&Packet::Connect(Box::new(persistent(V3, "")))).await;
    refused.closed().await;
}

#[tokio::test]
async fn client_ids_that_are_too_long_or_reserved_are_refused() {
    // MQTT-044, MQTT-045, MQTT-054, MQTT-059
    let house = House::new().await;
    let mut too_small = Connect::new(V5, "c", 60);
    too_small.properties.maximum_packet_size = Some(511);
    let mut authenticating = Connect::new(V5, "c", 60);
    authenticating.properties.authentication_method = Some("m".into());
    for (connect, code) in [
        (Connect::new(V5, "x".repeat(129), 60), 0x85),
        (Connect::new(V5, "$c", 60), 0x85),
        (too_small, 0x82),
        (authenticating, 0x8C),
    ] {
        let (mut client, ack) = Client::connect_with(house.plain(), connect).await;
        assert_eq!(ack.reason.as_u8(), code);
        client.closed().await;
    }
    for id in ["x".repeat(129), "$c".to_owned()] {
        let mut client = Client::open(house.plain(), V3).await;
        client.send(&Packet::Connect(Box::new(Connect::new(V3, id, 60)))).await;
        client.closed().await;
    }
    Client::connect(house.plain(), V3, &"x".repeat(128)).await;
    assert_eq!(house.events(Kind::ConnectRefused).len(), 6);
}

#[tokio::test]
async fn sizes_are_lifted_when_limits_are_relaxed() {
    // MQTT-249
    let house = House::with(Settings { limits: Limits::Relaxed, ..Settings::default() }).await;
    Client::connect(house.plain(), V3, &"x".repeat(500)).await;
}

#[tokio::test]
async fn the_first_packet_must_be_connect_and_there_is_only_one() {
    // MQTT-040, MQTT-042, MQTT-043, MQTT-082, MQTT-087
    let house = House::new().await;
    let mut client = Client::open(house.plain(), V3).await;
    client.send(&Packet::PingReq).await;
    client.closed().await;
    let mut old = Client::open(house.plain(), V3).await;
    old.send_bytes(b"\x10\x0e\x00\x06MQIsdp\x03\x02\x00\x3c\x00\x00").await;
    let Packet::ConnAck(ack) = old.receive().await else { panic!("no CONNACK") };
    assert_eq!(ack.reason, ReasonCode::UnsupportedProtocolVersion);
    old.closed().await;
    let mut twice = Client::connect(house.plain(), V5, "twice").await;
    twice.send(&Packet::Connect(Box::new(Connect::new(V5, "twice", 60)))).await;
    assert_eq!(twice.disconnected().await.as_u8(), 0x82);
    for (bytes, code) in
        [(&b"\xf0\x00"[..], 0x82), (b"\xa0\x05\x00\x01\x00\x00\x61", 0x81), (b"\x50\x02\x00\x01", 0x82)]
    {
        let mut client = Client::connect(house.plain(), V5, "c").await;
        client.send_bytes(bytes).await;
        assert_eq!(client.disconnected().await.as_u8(), code, "{bytes:?}");
    }
    let mut client = Client::connect(house.plain(), V3, "c").await;
    client.send_bytes(b"\xa0\x05\x00\x01\x00\x01\x61").await;
    client.closed().await;
    let ended = house.events(Kind::Disconnected);
    assert!(ended.iter().all(|event| event.to_json()["disconnect_reason"] == "CLIENT_ERROR"), "{ended:?}");
}

#[tokio::test]
async fn packets_behind_connect_are_handled_after_connack() {
    // MQTT-041
    let house = House::new().await;
    for id in ["a", "b", "c", "d"] {
        let mut client = Client::open(house.plain(), V3).await;
        let mut bytes = Vec::new();
        Connect::new(V3, id, 60).encode(&mut bytes).expect("a frame");
        bytes.extend(b"\xc0\x00");
        client.send_bytes(&bytes).await;
        assert!(matches!(client.receive().await, Packet::ConnAck(_)));
        assert_eq!(client.receive().await, Packet::PingResp);
    }
}

#[tokio::test]
async fn a_denied_connect_is_refused_and_disturbs_nobody() {
    // MQTT-048, MQTT-050, MQTT-051, MQTT-202, POLICY-400, POLICY-401, POLICY-405, POLICY-406, POLICY-407, POLICY-408, POLICY-410
    let house = House::new().await;
    let mut live = Client::connect(house.plain(), V3, "bad").await;
    let mut watcher = Client::connect(house.plain(), V3, "watcher").await;
    watcher.subscribe("$aws/events/presence/connect_failed/+", QoS::AtLeastOnce).await;
    house.rules.deny(Action::Connect, "bad");
    let (mut refused, ack) = Client::connect_with(house.plain(), Connect::new(V5, "bad", 60)).await;
    assert_eq!(ack.reason.as_u8(), 0x87);
    refused.closed().await;
    let event = watcher.json().await;
    assert_eq!(event["clientId"], "bad");
    assert_eq!(event["eventType"], "connect_failed");
    assert_eq!(event["connectFailureReason"], "AUTHORIZATION_FAILED");
    assert_eq!(event["ipAddress"], "127.0.0.1");
    assert!(event["sessionIdentifier"].is_string() && event["timestamp"].is_i64());
    assert!(event["principalIdentifier"].is_string() && event.get("versionNumber").is_none());
    let mut refused = Client::open(house.plain(), V3).await;
    refused.send(&Packet::Connect(Box::new(Connect::new(V3, "bad", 60)))).await;
    refused.closed().await;
    watcher.json().await;
    live.ping().await;
    let events = house.events(Kind::ConnectRefused);
    assert_eq!(events.len(), 2);
    assert!(events.iter().all(|event| event.detail.decision().is_some() && !event.why.is_empty()));
}

#[tokio::test]
async fn a_newcomer_takes_the_client_id_over() {
    // MQTT-056, MQTT-057, MQTT-200, MQTT-209, MQTT-213, POLICY-411
    let house = House::new().await;
    let mut watcher = Client::connect(house.plain(), V3, "watcher").await;
    watcher.subscribe("$aws/events/presence/+/c", QoS::AtLeastOnce).await;
    watcher.subscribe("w", QoS::AtLeastOnce).await;
    let (mut older, _) = Client::connect_with(house.plain(), with_will(V5, "c", will("w", "gone"))).await;
    assert_eq!(watcher.json().await["versionNumber"], 0);
    let mut newer = Client::connect(house.plain(), V3, "c").await;
    assert_eq!(older.disconnected().await.as_u8(), 0x8E);
    assert_eq!(watcher.payload().await, "gone");
    let event = watcher.json().await;
    assert_eq!(
        (&event["eventType"], &event["disconnectReason"]),
        (&"disconnected".into(), &"DUPLICATE_CLIENTID".into())
    );
    assert_eq!((&event["versionNumber"], &event["clientInitiatedDisconnect"]), (&0.into(), &false.into()));
    let event = watcher.json().await;
    assert_eq!((&event["eventType"], &event["versionNumber"]), (&"connected".into(), &1.into()));
    newer.ping().await;
    let (mut first, ack) = Client::persistent(house.plain(), V3, "p").await;
    assert!(!ack.session_present);
    let (_second, ack) = Client::persistent(house.plain(), V3, "p").await;
    assert!(ack.session_present);
    first.closed().await;
}

#[tokio::test]
async fn lifecycle_events_tell_a_connections_life() {
    // MQTT-076, MQTT-198, MQTT-199, MQTT-200, MQTT-201, MQTT-203, MQTT-204, MQTT-205, MQTT-207, MQTT-208, MQTT-214
    let house = House::new().await;
    *house.rules.thing.lock() = Some("lamp".into());
    let mut watcher = Client::connect(house.plain(), V3, "watcher").await;
    watcher.subscribe("$aws/events/#", QoS::AtLeastOnce).await;
    assert_eq!(watcher.json().await["topics"], serde_json::json!(["$aws/events/#"]));
    let mut client = Client::connect(house.plain(), V3, "pump/1").await;
    client.subscribe("a", QoS::AtMostOnce).await;
    client.unsubscribe(&["a"]).await;
    house.rules.deny(Action::Subscribe, "denied");
    assert_eq!(client.subscribe("denied", QoS::AtMostOnce).await, 0x80);
    client.leave().await;
    let connected = watcher.message().await;
    assert_eq!(
        (&*connected.topic, connected.qos, connected.retain),
        ("$aws/events/presence/connected/pump/1", QoS::AtLeastOnce, false)
    );
    let connected: serde_json::Value = serde_json::from_slice(&connected.payload).expect("JSON");
    assert_eq!(connected["timestamp"], 1_767_225_600_000_i64);
    assert_eq!((&connected["thingName"], &connected["ipAddress"]), (&"lamp".into(), &"127.0.0.1".into()));
    let session = connected["sessionIdentifier"].as_str().expect("text").to_owned();
    assert_eq!(session.len(), 36);
    let topics = serde_json::json!(["a"]);
    for what in ["subscribed", "unsubscribed"] {
        let event = watcher.json().await;
        assert_eq!((&event["eventType"], &event["topics"]), (&what.into(), &topics));
        assert_eq!(event["sessionIdentifier"], session.as_str());
    }
    let event = watcher.json().await;
    assert_eq!(
        (&event["disconnectReason"], &event["clientInitiatedDisconnect"]),
        (&"CLIENT_INITIATED_DISCONNECT".into(), &true.into())
    );
    assert!(event.get("ipAddress").is_none());
    assert_eq!(event["sessionIdentifier"], session.as_str());
}

#[tokio::test]
async fn a_client_with_a_wildcard_in_its_id_has_no_events() {
    // MQTT-212, POLICY-409
    let house = House::new().await;
    let mut watcher = Client::connect(house.plain(), V3, "watcher").await;
    watcher.subscribe("$aws/events/presence/#", QoS::AtLeastOnce).await;
    let mut client = Client::connect(house.plain(), V3, "a+b#").await;
    client.ping().await;
    client.leave().await;
    watcher.silent().await;
}

#[tokio::test]
async fn silence_ends_a_connection() {
    // MQTT-060, MQTT-071, MQTT-073, MQTT-074, MQTT-075
    let house = House::new().await;
    let mut watcher = Client::connect(house.plain(), V3, "watcher").await;
    watcher.subscribe("w", QoS::AtLeastOnce).await;
    let connect = Connect { keep_alive: 30, ..with_will(V5, "c", will("w", "silent")) };
    let (mut client, _) = Client::connect_with(house.plain(), connect).await;
    house.advance(40);
    client.ping().await;
    watcher.ping().await;
    house.advance(40);
    client.ping().await;
    watcher.ping().await;
    house.advance(46);
    assert_eq!(client.disconnected().await.as_u8(), 0x8D);
    assert_eq!(watcher.payload().await, "silent");
    let event = house.event(Kind::Disconnected, |event| event.client.as_deref() == Some("c")).await;
    assert_eq!(event.to_json()["disconnect_reason"], "MQTT_KEEP_ALIVE_TIMEOUT");
}

#[tokio::test]
async fn a_will_is_published_unless_the_client_says_goodbye() {
    // MQTT-060, MQTT-061, MQTT-077, MQTT-069
    let house = House::new().await;
    let mut watcher = Client::connect(house.plain(), V5, "watcher").await;
    watcher.subscribe("w", QoS::AtLeastOnce).await;
    let (client, _) = Client::connect_with(house.plain(), with_will(V3, "polite", will("w", "polite"))).await;
    client.leave().await;
    let mut lost = will("w", "lost");
    lost.properties.content_type = Some("text/plain".into());
    lost.properties.user_properties = vec![("k".into(), "v".into())];
    let (client, _) = Client::connect_with(house.plain(), with_will(V5, "lost", lost)).await;
    drop(client);
    let message = watcher.message().await;
    assert_eq!(message.payload, "lost");
    let properties = message.properties.expect("properties");
    assert_eq!(properties.content_type.as_deref(), Some("text/plain"));
    assert_eq!(properties.user_properties, [("k".into(), "v".into())]);
    let event = house.event(Kind::Disconnected, |event| event.client.as_deref() == Some("lost")).await;
    assert_eq!(event.to_json()["disconnect_reason"], "CONNECTION_LOST");
    let (mut client, _) =
        Client::connect_with(house.plain(), with_will(V5, "meant", will("w", "meant"))).await;
    client.send(&Packet::Disconnect(Disconnect::new(ReasonCode::DisconnectWithWillMessage))).await;
    assert_eq!(watcher.payload().await, "meant");
}

#[tokio::test]
async fn a_will_that_may_not_be_published_refuses_the_connect() {
    // MQTT-062, MQTT-063, MQTT-064, MQTT-065, POLICY-402, POLICY-403
    let house = House::new().await;
    house.rules.deny(Action::Publish, "denied");
    house.rules.deny(Action::RetainPublish, "kept");
    let kept = Will { retain: true, ..will("kept", "x") };
    let exactly_once = Will { qos: QoS::ExactlyOnce, ..will("w", "x") };
    for (will, code) in [
        (will("denied", "x"), 0x87),
        (kept, 0x87),
        (exactly_once, 0x9B),
        (will("a/b/c/d/e/f/g/h/i", "x"), 0x90),
        (will("$SYS/x", "x"), 0x90),
    ] {
        let (mut client, ack) = Client::connect_with(house.plain(), with_will(V5, "c", will.clone())).await;
        assert_eq!(ack.reason.as_u8(), code, "{will:?}");
        client.closed().await;
        let mut client = Client::open(house.plain(), V3).await;
        client.send(&Packet::Connect(Box::new(with_will(V3, "c", will)))).await;
        client.closed().await;
    }
}

#[tokio::test]
async fn a_will_is_judged_again_when_it_is_published() {
    // POLICY-404, MQTT-066
    let house = House::new().await;
    let mut watcher = Client::connect(house.plain(), V3, "watcher").await;
    watcher.subscribe("#", QoS::AtLeastOnce).await;
    watcher.subscribe("$aws/things/+/shadow/update", QoS::AtLeastOnce).await;
    let (client, _) = Client::connect_with(house.plain(), with_will(V3, "c", will("w", "x"))).await;
    house.rules.deny(Action::Publish, "w");
    drop(client);
    house.event(Kind::PublishRefused, |event| event.topic.as_deref() == Some("w")).await;
    watcher.silent().await;
    let shadow = will("$aws/things/t/shadow/update", "{}");
    let (client, _) = Client::connect_with(house.plain(), with_will(V3, "d", shadow)).await;
    drop(client);
    assert_eq!(watcher.payload().await, "{}");
    assert!(house.seen.requests.lock().is_empty(), "the service behind the topic does not take a Will");
    assert!(house.seen.offered.lock().iter().any(|topic| topic == "$aws/things/t/shadow/update"));
}

#[tokio::test]
async fn disconnect_may_change_the_session_expiry() {
    // MQTT-162
    let house = House::new().await;
    let goodbye = |seconds| {
        let properties = DisconnectProperties {
            session_expiry_interval: Some(seconds),
            ..DisconnectProperties::default()
        };
        Packet::Disconnect(Disconnect { reason: ReasonCode::Success, properties: Some(Box::new(properties)) })
    };
    let mut client = Client::connect(house.plain(), V5, "c").await;
    client.send(&goodbye(5)).await;
    assert_eq!(client.disconnected().await.as_u8(), 0x82);
    let (mut client, _) = Client::persistent(house.plain(), V5, "c").await;
    client.send(&goodbye(0)).await;
    client.closed().await;
    let (mut client, ack) = Client::persistent(house.plain(), V5, "c").await;
    assert!(!ack.session_present);
    client.send(&goodbye(20)).await;
    client.closed().await;
    house.advance(19);
    let (mut client, ack) = Client::persistent(house.plain(), V5, "c").await;
    assert!(ack.session_present);
    client.send(&goodbye(20)).await;
    client.closed().await;
    house.advance(21);
    house.event(Kind::SessionEnded, |event| event.why.contains("stayed away")).await;
    let (_client, ack) = Client::persistent(house.plain(), V5, "c").await;
    assert!(!ack.session_present);
}

#[tokio::test]
async fn shutdown_says_goodbye() {
    // MQTT-080
    let house = House::new().await;
    let mut v5 = Client::connect(house.plain(), V5, "v5").await;
    let mut v3 = Client::connect(house.plain(), V3, "v3").await;
    house.broker.shutdown().await;
    assert_eq!(v5.disconnected().await.as_u8(), 0x8B);
    v3.closed().await;
}

#[tokio::test]
async fn a_wills_life_begins_when_it_is_published_and_its_delay_is_ignored() {
    // MQTT-068, MQTT-070
    let house = House::new().await;
    let mut watcher = Client::connect(house.plain(), V5, "watcher").await;
    watcher.subscribe("w", QoS::AtLeastOnce).await;
    let mut delayed = will("w", "gone");
    delayed.properties.will_delay_interval = Some(500);
    delayed.properties.message_expiry_interval = Some(10);
    let (mut client, _) = Client::connect_with(house.plain(), with_will(V5, "c", delayed)).await;
    house.advance(50);
    client.ping().await;
    watcher.ping().await;
    drop(client);
    let message = watcher.message().await;
    assert_eq!(message.properties.expect("properties").message_expiry_interval, Some(10));
}

#[tokio::test]
async fn version_numbers_can_be_left_out_and_begin_anew_after_an_hour() {
    // MQTT-209, MQTT-211
    let house = House::new().await;
    let (mut watcher, _) = Client::connect_with(house.plain(), Connect::new(V3, "watcher", 1200)).await;
    watcher.subscribe("$aws/events/presence/connected/c", QoS::AtMostOnce).await;
    for (after, expected) in [(0, 0), (0, 1), (1700, 2), (1700, 3)] {
        house.advance(after);
        watcher.ping().await;
        Client::connect(house.plain(), V3, "c").await.leave().await;
        assert_eq!(watcher.json().await["versionNumber"], expected);
    }
    for _ in 0..3 {
        house.advance(1201);
        watcher.ping().await;
    }
    Client::connect(house.plain(), V3, "c").await.leave().await;
    assert_eq!(watcher.json().await["versionNumber"], 0);
    let house = House::with(Settings { version_numbers: false, ..Settings::default() }).await;
    let mut watcher = Client::connect(house.plain(), V3, "watcher").await;
    watcher.subscribe("$aws/events/presence/#", QoS::AtLeastOnce).await;
    Client::connect(house.plain(), V3, "c").await.leave().await;
    assert!(watcher.json().await.get("versionNumber").is_none());
    assert!(watcher.json().await.get("versionNumber").is_none());
}

#[tokio::test]
async fn a_client_that_does_not_say_connect_is_cut() {
    let house = House::new().await;
    let mut client = Client::open(house.plain(), V3).await;
    client.send_bytes(b"\x10").await;
    // The shard has it when the next client is served.
    Client::connect(house.plain(), V3, "other").await;
    Client::connect(house.plain(), V3, "another").await;
    house.advance(31);
    client.closed().await;
}
