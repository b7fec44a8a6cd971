//! Retained messages and connections of the data plane; clients that really connect are in `tests/clients`.

use axum::body::Body;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Request;
use serde_json::{Value, json};

use crate::fixture::Server;

const NONE: Value = Value::Null;

fn retain(topic: &str, payload: &'static str) -> Request<Body> {
    let user = STANDARD.encode(r#"[{"unit":"C"}]"#);
    let request = Request::post(format!("/topics/{topic}?retain=true&qos=1"))
        .header("x-amz-mqtt5-user-properties", user);
    request.body(Body::from(payload)).expect("a request")
}

#[tokio::test]
async fn retained_messages_are_fetched_listed_and_cleared() {
    // API-032, API-051, API-271, API-272, API-273, MQTT-233, MQTT-234
    let server = Server::new();
    for topic in ["b", "a%2F1", "c"] {
        server.send(retain(topic, "21")).await.ok();
    }
    for uri in ["/retainedMessage/a%2F1", "/retainedMessage/a/1"] {
        let message = server.call("GET", uri, NONE).await.ok();
        assert_eq!(
            (&message["topic"], &message["payload"], &message["qos"]),
            (&json!("a/1"), &json!("MjE="), &json!(1))
        );
        assert_eq!(message["lastModifiedTime"], server.deps.clock.now().as_millis());
        let user =
            message["userProperties"].as_str().and_then(|text| STANDARD.decode(text).ok()).expect("base64");
        assert_eq!(String::from_utf8_lossy(&user), r#"[{"unit":"C"}]"#);
    }
    let topics = |page: &Value| -> Vec<String> {
        let rows = page["retainedTopics"].as_array().expect("rows").iter();
        rows.map(|row| row["topic"].as_str().expect("a topic").to_owned()).collect()
    };
    let first = server.call("GET", "/retainedMessage?maxResults=2", NONE).await.ok();
    assert_eq!(topics(&first), ["a/1", "b"]);
    assert_eq!(
        (&first["retainedTopics"][0]["payloadSize"], first["retainedTopics"][0].get("payload")),
        (&json!(2), None)
    );
    let token = first["nextToken"].as_str().expect("a token").replace('+', "%2B").replace('=', "%3D");
    let second =
        server.call("GET", &format!("/retainedMessage?maxResults=2&nextToken={token}"), NONE).await.ok();
    assert_eq!((topics(&second), second.get("nextToken")), (vec!["c".to_owned()], None));
    for query in ["maxResults=0", "maxResults=201", "nextToken=YQ%3D%3D"] {
        assert_eq!(
            server.call("GET", &format!("/retainedMessage?{query}"), NONE).await.status,
            400,
            "{query}"
        );
    }
    server.send(retain("b", "")).await.ok();
    let gone = server.call("GET", "/retainedMessage/b", NONE).await;
    assert_eq!((gone.status.as_u16(), gone.error()), (404, "ResourceNotFoundException"));
    assert_eq!(topics(&server.call("GET", "/retainedMessage", NONE).await.ok()), ["a/1", "c"]);
}

#[tokio::test]
async fn a_client_that_nobody_knows_is_not_found() {
    // API-277, API-278, API-279, API-280, MQTT-235, MQTT-238, MQTT-245, MQTT-247
    let server = Server::new();
    for (method, uri) in [
        ("GET", "/connections/c%2F1"),
        ("DELETE", "/connections/c%2F1?cleanSession=TRUE"),
        ("GET", "/connections/c%2F1/subscriptions"),
        ("GET", "/connections/c/subscriptions"),
        ("POST", "/connections/c%2F1/messages?topic=t"),
    ] {
        let answer = server.call(method, uri, NONE).await;
        assert_eq!(
            (answer.status.as_u16(), answer.error()),
            (404, "ResourceNotFoundException"),
            "{method} {uri}: {answer:?}"
        );
    }
    let long = "x".repeat(129);
    for (method, uri) in [
        ("GET", "/connections/%24c".to_owned()),
        ("GET", format!("/connections/{long}")),
        ("GET", "/connections/c/subscriptions?maxResults=201".to_owned()),
        ("POST", "/connections/c/messages".to_owned()),
        ("POST", "/connections/c/messages?topic=%24aws%2Fx".to_owned()),
        ("POST", "/connections/c/messages?topic=t&confirmation=true&timeout=16".to_owned()),
    ] {
        let answer = server.call(method, &uri, NONE).await;
        assert_eq!(
            (answer.status.as_u16(), answer.error()),
            (400, "InvalidRequestException"),
            "{method} {uri}: {answer:?}"
        );
    }
}
