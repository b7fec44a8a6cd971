//! What service logs tell of operations of the data plane.

use serde_json::{Value, json};
use thingstead_broker::log_entry;
use thingstead_core::Kind;
use thingstead_core::journal::Query;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::fixture::Server;

/// The entries of an operation, oldest first.
fn entries(server: &Server, kind: &str) -> Vec<Value> {
    let events = server.deps.journal.find(&Query { kind: Some(Kind::ApiCall), ..Query::default() });
    events.iter().filter_map(log_entry).filter(|entry| entry["eventType"] == kind).collect()
}

#[tokio::test]
async fn a_direct_message_that_is_refused_has_its_reason() {
    // MQTT-254, MQTT-258
    let server = Server::new();
    for (path, reason) in [
        ("/connections/%24c/messages?topic=t", "MALFORMED_CLIENTID"),
        ("/connections/c/messages?topic=%24aws%2Fx", "INVALID_TOPIC"),
        ("/connections/c/messages?topic=a%2F%23", "INVALID_TOPIC"),
        ("/connections/c/messages?topic=t&timeout=16&confirmation=true", "INVALID_TIMEOUT_PARAMETER"),
        ("/connections/c/messages?topic=t&timeout=soon", "INVALID_TIMEOUT_PARAMETER"),
        ("/connections/c/messages?topic=t&confirmation=maybe", "INVALID_CONFIRMATION_PARAMETER"),
        ("/connections/c/messages?topic=t&confirmation=true", "TARGET_CLIENT_ID_NOT_FOUND"),
    ] {
        let answer = server.call("POST", path, json!({})).await;
        assert!(answer.status.is_client_error(), "{path}");
        let entries = entries(&server, "SendDirectMessage");
        let entry = entries.last().expect("an entry");
        assert_eq!(entry["reason"], reason, "{path}: {entry}");
        assert_eq!((&entry["status"], &entry["logLevel"]), (&json!("Failure"), &json!("ERROR")));
        assert_eq!(entry["protocol"], "HTTP");
    }
    let entries = entries(&server, "SendDirectMessage");
    let entry = entries.last().expect("an entry");
    assert_eq!((&entry["clientId"], &entry["topicName"]), (&json!("c"), &json!("t")));
    assert_eq!((&entry["confirmation"], &entry["timeout"]), (&json!(true), &json!(5)));
    assert!(entry["details"].as_str().is_some_and(|details| !details.is_empty()));
}

#[tokio::test]
async fn a_caller_that_leaves_before_the_confirmation_is_noticed() {
    // MQTT-258: DELIVERY_CONFIRMATION_SENDER_DISCONNECT
    let server = Server::new();
    let doors = thingstead_broker::Doors { mqtt: vec![([127, 0, 0, 1], 0).into()], ..Default::default() };
    let bound =
        server.deps.broker.serve(&doors, Vec::new(), None, axum::Router::new()).await.expect("a door");
    let mut client = tokio::net::TcpStream::connect(bound.mqtt[0]).await.expect("a socket");
    // CONNECT of the client `c`, with a clean session and a keep alive of a minute.
    client.write_all(b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01c").await.expect("written");
    client.read_exact(&mut [0; 4]).await.expect("CONNACK");
    for confirmation in [true, false] {
        let path = format!("/connections/c/messages?topic=t&timeout=15&confirmation={confirmation}");
        let call = server.call("POST", &path, json!({}));
        let left = tokio::time::timeout(std::time::Duration::from_millis(90), call).await;
        assert_eq!(left.is_err(), confirmation, "{left:?}");
    }
    let entries = entries(&server, "SendDirectMessage");
    assert_eq!(entries.len(), 2, "{entries:?}");
    assert_eq!(entries[0]["reason"], "DELIVERY_CONFIRMATION_SENDER_DISCONNECT");
    assert_eq!((&entries[0]["clientId"], &entries[0]["status"]), (&json!("c"), &json!("Failure")));
    assert_eq!(entries[1]["status"], "Success");
}

#[tokio::test]
async fn questions_about_connections_and_retained_messages_are_logged() {
    // MQTT-254
    let server = Server::new();
    for (method, path, kind) in [
        ("GET", "/connections/c", "GetConnection"),
        ("DELETE", "/connections/c", "DeleteConnection"),
        ("GET", "/connections/c/subscriptions?maxResults=7", "ListSubscriptions"),
    ] {
        assert_eq!(server.call(method, path, json!({})).await.status, 404);
        let entry = entries(&server, kind).pop().expect("an entry");
        assert_eq!(
            (&entry["clientId"], &entry["reason"]),
            (&json!("c"), &json!("TARGET_CLIENT_ID_NOT_FOUND"))
        );
    }
    assert_eq!(entries(&server, "ListSubscriptions")[0]["maxResults"], 7);
    server.call("POST", "/topics/t?retain=true&qos=1", json!({ "a": 1 })).await.ok();
    server.call("GET", "/retainedMessage/t", json!({})).await.ok();
    server.call("GET", "/retainedMessage", json!({})).await.ok();
    let got = entries(&server, "GetRetainedMessage").pop().expect("an entry");
    assert_eq!((&got["status"], &got["topicName"], &got["qos"]), (&json!("Success"), &json!("t"), &json!(1)));
    assert!(got["lastModifiedDate"].is_i64(), "{got}");
    assert_eq!(entries(&server, "ListRetainedMessage").len(), 1);
}
