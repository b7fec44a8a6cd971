//! Any text in the headers of MQTT 5 and in the query of a publish: 200 or a client's error, never the server's.

use axum::body::Body;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, Request};
use thingstead_core::Ids;

use crate::fixture::Server;

#[tokio::test]
async fn any_text_may_stand_in_the_headers_of_a_publish() {
    // MQTT-225, MQTT-226, MQTT-228
    let server = Server::new();
    let ids = Ids::seeded(0x4ead);
    let below = |bound: usize| usize::try_from(ids.below(bound as u64)).expect("small");
    let json = [r#"[{"unit":"C"},{"n":1}]"#, r#""[{\"a\":\"b\"}]""#, "[]", "{}", "[[[[[[[[", "[{\"\":\"\"}]"];
    let mut statuses = std::collections::BTreeSet::new();
    for round in 0..600 {
        let spoil = |text: &str| {
            let mut bytes = text.as_bytes().to_vec();
            for _ in 0..below(3) {
                let at = below(bytes.len() + 1);
                match below(3) {
                    0 => bytes.truncate(at),
                    1 => bytes.insert(at, u8::try_from(below(256)).expect("a byte")),
                    _ => bytes.extend_from_within(at..(at + 9).min(bytes.len()).max(at)),
                }
            }
            bytes
        };
        let user = spoil(json[round % json.len()]);
        let user = spoil(&STANDARD.encode(user));
        let correlation = spoil(&STANDARD.encode([0, 255, 7]));
        let indicator = spoil(["UTF8_DATA", "UNSPECIFIED_BYTES"][round % 2]);
        let mut request = Request::post("/topics/t?qos=1&messageExpiry=60").header("host", "localhost");
        for (name, value) in [
            ("x-amz-mqtt5-user-properties", user),
            ("x-amz-mqtt5-correlation-data", correlation),
            ("x-amz-mqtt5-payload-format-indicator", indicator),
        ] {
            // What is no header value does not get through HTTP.
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                request = request.header(name, value);
            }
        }
        let answer = server.send(request.body(Body::from("x")).expect("a request")).await;
        assert!(answer.status.is_success() || answer.status.is_client_error(), "{answer:?}");
        if !answer.status.is_success() {
            assert!(!answer.message().is_empty());
        }
        statuses.insert(answer.status.as_u16());
    }
    assert!(statuses.contains(&200) && statuses.contains(&400), "{statuses:?}");
}
