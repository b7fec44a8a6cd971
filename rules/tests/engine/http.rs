//! `http` (section 11.7).

use bytes::Bytes;
use serde_json::{Value, json};
use thingstead_core::Kind;
use thingstead_rules::{HttpActionUrls, HttpDestinations, Settings};

use crate::world::{ROLE, Receiver, World, republish};

async fn world_with(action: Value) -> World {
    let world = World::new();
    world.rule_with_error("r", "SELECT * FROM 'in/#'", json!([action]), republish("failed")).await;
    world
}

#[tokio::test]
async fn the_result_is_posted_with_headers_and_a_content_type() {
    // RULES-526, RULES-440, RULES-524, RULES-531
    let receiver = Receiver::start().await;
    let world = world_with(json!({"http": {
        "url": format!("{}/a/${{topic(2)}}", receiver.url),
        "confirmationUrl": format!("{}/a", receiver.url),
        "headers": [{"key": "x-device", "value": "${clientid()}"}],
    }}))
    .await;
    receiver.answer([(204, "")]);
    world.publish("in/1", r#"{"a":1}"#);
    world.publish("in/2", Bytes::from_static(b"\x00\xff"));
    let mut received = receiver.received(2).await;
    received.sort_by(|a, b| a.line.cmp(&b.line));
    assert_eq!(received[0].line, "POST /a/1 HTTP/1.1");
    assert_eq!(received[0].header("content-type"), Some("application/json"));
    assert_eq!(received[0].header("x-device"), Some("sensor-1"));
    assert_eq!(&received[0].body[..], br#"{"a":1}"#);
    assert_eq!(received[1].header("content-type"), Some("application/octet-stream"));
    assert_eq!(&received[1].body[..], b"\x00\xff");
    world.until(Kind::ActionSucceeded, 2).await;
}

#[tokio::test]
async fn a_content_type_of_ones_own_goes_before() {
    // RULES-526
    let receiver = Receiver::start().await;
    let world = world_with(json!({"http": {
        "url": receiver.url, "headers": [{"key": "Content-Type", "value": "text/${kind}"}],
    }}))
    .await;
    world.publish("in/1", r#"{"kind":"csv"}"#);
    let received = receiver.received(1).await;
    let types: Vec<_> = received[0].headers.iter().filter(|(name, _)| name == "content-type").collect();
    assert_eq!(types, [&("content-type".to_owned(), "text/csv".to_owned())]);
}

#[tokio::test]
async fn only_429_and_5xx_are_tried_again_and_at_most_twice() {
    // RULES-528, RULES-529, RULES-532, RULES-420, RULES-357, RULES-358
    let receiver = Receiver::start().await;
    let world = world_with(json!({"http": {"url": receiver.url}})).await;
    receiver.answer([(429, ""), (503, ""), (200, "")]);
    world.publish("in/1", "{}");
    let succeeded = world.until(Kind::ActionSucceeded, 1).await;
    assert_eq!(succeeded[0]["attempts"], 3);
    receiver.answer([(500, ""), (500, ""), (500, "")]);
    world.publish("in/1", "{}");
    let failed = world.until(Kind::ActionFailed, 1).await;
    assert_eq!(failed[0]["attempts"], 3);
    assert!(
        failed[0]["why"].as_str().expect("why").starts_with(
            "HttpAction failed to make a request to the specified endpoint. StatusCode: 500. Reason: Internal Server Error."
        ),
        "{failed:?}"
    );
    receiver.answer([(404, ""), (302, "")]);
    world.publish("in/1", "{}");
    assert_eq!(world.until(Kind::ActionFailed, 2).await[1]["attempts"], 1);
    world.publish("in/1", "{}");
    assert_eq!(world.until(Kind::ActionFailed, 3).await[2]["attempts"], 1);
    assert_eq!(receiver.received(8).await.len(), 8);
    let counts = ["HttpCode_4XX", "HttpCode_5XX", "HttpCode_Other"].map(|name| world.metric(name));
    assert_eq!(counts, [1, 1, 1]);
    world.until(Kind::ActionSucceeded, 4).await;
    let delivery = world.engine.deliveries().list(Some("r")).remove(0).to_json();
    assert_eq!(delivery["response"]["status"], 200);
}

#[tokio::test]
async fn answers_that_are_too_long_and_closed_connections_are_not_tried_again() {
    // RULES-530
    let receiver = Receiver::start().await;
    let world = world_with(json!({"http": {"url": receiver.url}})).await;
    let long: &'static str = "x".repeat(16_385).leak();
    receiver.answer([(500, long)]);
    world.publish("in/1", "{}");
    let failed = world.until(Kind::ActionFailed, 1).await;
    assert_eq!(failed[0]["attempts"], 1);
    assert!(failed[0]["why"].as_str().expect("why").contains("16384"), "{failed:?}");
    let closing = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", closing.local_addr().expect("an address"));
    tokio::spawn(async move {
        while let Ok((socket, _)) = closing.accept().await {
            drop(socket)
        }
    });
    let world = world_with(json!({"http": {"url": url}})).await;
    world.publish("in/1", "{}");
    assert_eq!(world.until(Kind::ActionFailed, 1).await[0]["attempts"], 1);
}

#[tokio::test]
async fn a_silent_receiver_costs_three_seconds_and_unknown_hosts_are_counted() {
    // RULES-438, RULES-420
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", silent.local_addr().expect("an address"));
    let world = world_with(json!({"http": {"url": url}})).await;
    world.publish("in/1", "{}");
    world.rule("u", "SELECT * FROM 'u'", json!([{"http": {"url": "http://no-such-host.invalid/"}}])).await;
    world.publish("u", "{}");
    let failed = world.until(Kind::ActionFailed, 2).await;
    let silent = failed.iter().find(|event| event["rule"] == "r").expect("the silent one");
    assert!(silent["why"].as_str().expect("why").contains("3000 ms"), "{failed:?}");
    assert_eq!((world.metric("HttpRequestTimeout"), world.metric("HttpUnknownHost")), (1, 1), "{failed:?}");
}

#[tokio::test]
async fn urls_are_checked_when_they_are_known() {
    // RULES-522, RULES-523, RULES-524, RULES-345, RULES-420, RULES-440, RULES-437
    let world = World::with(Settings {
        http_action_urls: HttpActionUrls::Aws,
        http_destinations: HttpDestinations::Automatic,
        ..Settings::default()
    });
    let long = format!("https://example.com/{}", "x".repeat(2_000));
    let many: Vec<Value> = (0..101).map(|_| json!({"key": "k", "value": "v"})).collect();
    let key = "k".repeat(257);
    for http in [
        json!({"url": "http://example.com"}),
        json!({"url": "https://example.com:9000/"}),
        json!({"url": "https://[2001:db8::1]/"}),
        json!({"url": long}),
        json!({"url": "https://example.com/${a}"}),
        json!({"url": "https://example.com/a", "confirmationUrl": "https://example.com/b"}),
        json!({"url": "https://example.com/a", "headers": many}),
        json!({"url": "https://example.com/a", "headers": [{"key": key, "value": "v"}]}),
        json!({"url": "https://example.com/a", "headers": [{"key": "", "value": "v"}]}),
        json!({"url": "https://example.com/a", "auth": {"sigv4": {"signingRegion": "r", "roleArn": ROLE}}}),
        json!({"url": "https://example.com/a", "auth": {}}),
    ] {
        let error = world.try_rule("bad", "SELECT * FROM 'in'", json!([{"http": http}])).await;
        assert_eq!(error.expect_err("refused").code(), "InvalidRequestException", "{http}");
    }
    let open = json!({"http": {"url": "https://${host}/", "confirmationUrl": "https://"}});
    assert!(world.try_rule("bad", "SELECT * FROM 'in'", json!([open])).await.is_err());
    let action =
        json!({"http": {"url": "https://example.com${rest}", "confirmationUrl": "https://example.com"}});
    world.rule("r", "SELECT * FROM 'in'", json!([action])).await;
    world.publish("in", r#"{"rest":":9000/x"}"#);
    let failed = world.until(Kind::ActionFailed, 1).await;
    assert!(failed[0]["why"].as_str().expect("why").contains("443 and 8443"), "{failed:?}");
    assert_eq!(world.metric("HttpInvalidUrl"), 1);
}

#[tokio::test]
async fn requests_are_signed_when_asked() {
    // RULES-527
    let receiver = Receiver::start().await;
    let world = world_with(json!({"http": {"url": format!("{}/x", receiver.url), "auth": {"sigv4": {
        "signingRegion": "eu-west-1", "serviceName": "execute-api", "roleArn": ROLE,
    }}}}))
    .await;
    world.publish("in/1", "{}");
    let received = receiver.received(1).await;
    let authorization = received[0].header("authorization").expect("a signature");
    assert!(
        authorization
            .starts_with("AWS4-HMAC-SHA256 Credential=test/20261121/eu-west-1/execute-api/aws4_request"),
        "{authorization}"
    );
}

#[tokio::test]
async fn messages_of_one_topic_are_sent_as_one_array() {
    // RULES-533, RULES-534, RULES-535
    let receiver = Receiver::start().await;
    let world = world_with(json!({"http": {
        "url": receiver.url, "enableBatching": true,
        "headers": [{"key": "x-n", "value": "${n}"}, {"key": "content-type", "value": "text/plain"}],
        "batchConfig": {"maxBatchOpenMs": 50, "maxBatchSize": 2},
    }}))
    .await;
    for (topic, n) in [("in/1", 1), ("in/2", 2), ("in/1", 3), ("in/1", 4)] {
        world.publish(topic, json!({"n": n}).to_string());
    }
    let received = receiver.received(3).await;
    let mut bodies: Vec<_> =
        received.iter().map(|request| (request.json(), request.header("x-n").map(str::to_owned))).collect();
    bodies.sort_by_key(|(body, _)| body.to_string());
    assert_eq!(
        bodies,
        [
            (json!([{"n": 1}, {"n": 3}]), Some("3".to_owned())),
            (json!([{"n": 2}]), Some("2".to_owned())),
            (json!([{"n": 4}]), Some("4".to_owned())),
        ]
    );
    assert!(received.iter().all(|request| request.header("content-type") == Some("application/json")));
}

#[tokio::test]
async fn batches_close_by_size_in_bytes_and_may_mix_topics() {
    // RULES-534, RULES-533
    let receiver = Receiver::start().await;
    let world = world_with(json!({"http": {
        "url": receiver.url, "enableBatching": true,
        "batchConfig": {"maxBatchOpenMs": 200, "maxBatchSizeBytes": 100, "batchAcrossTopics": true},
    }}))
    .await;
    let large = json!({"x": "x".repeat(52)}).to_string();
    world.publish("in/1", large.clone());
    world.publish("in/2", large.clone());
    let received = receiver.received(2).await;
    assert!(received.iter().all(|request| request.json().as_array().map(Vec::len) == Some(1)));
    world.publish("in/1", "1");
    world.publish("in/2", large);
    world.publish("in/3", json!({"y": "y".repeat(52)}).to_string());
    let received = receiver.received(4).await;
    assert_eq!(received[2].json().as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn a_batch_that_fails_has_one_error_action_for_all_its_messages() {
    // RULES-405, RULES-406, RULES-393
    for across in [false, true] {
        let receiver = Receiver::start().await;
        let world = world_with(json!({"http": {
            "url": receiver.url, "enableBatching": true,
            "batchConfig": {"maxBatchOpenMs": 200, "maxBatchSize": 2, "batchAcrossTopics": across},
        }}))
        .await;
        receiver.answer([(400, "")]);
        world.publish("in/1", r#"{"n":1}"#);
        world.publish("in/1", r#"{"n":2}"#);
        world.until(Kind::ActionSucceeded, 1).await;
        let error: Value = serde_json::from_str(&world.bus.texts()[0].1).expect("JSON");
        let payloads = error["payloadsWithMetadata"].as_array().expect("payloads");
        assert_eq!(payloads.len(), 2);
        assert_eq!(payloads[0]["base64OriginalPayload"], "eyJuIjoxfQ==");
        for member in ["id", "cloudwatchTraceId", "clientId", "sourceIp"] {
            assert!(payloads[0][member].is_string(), "{member}: {error}");
        }
        let ids: Vec<_> = payloads.iter().map(|payload| payload["id"].clone()).collect();
        assert_eq!(error["failures"][0]["affectedIds"], json!(ids));
        assert_eq!(error["failures"][0]["failedAction"], "HttpAction");
        assert_eq!(error["topic"].as_str(), (!across).then_some("in/1"));
        assert_eq!(payloads[0]["topic"].as_str(), across.then_some("in/1"));
    }
}

#[tokio::test]
async fn batch_limits_are_checked_and_error_actions_have_no_batches() {
    // RULES-407, RULES-534, RULES-536
    let world = World::new();
    let url = "http://localhost:9/";
    for config in [
        json!({"maxBatchOpenMs": 4}),
        json!({"maxBatchOpenMs": 201}),
        json!({"maxBatchSize": 1}),
        json!({"maxBatchSize": 11}),
        json!({"maxBatchSizeBytes": 99}),
        json!({"maxBatchSizeBytes": 131_073}),
    ] {
        let action = json!({"http": {"url": url, "enableBatching": true, "batchConfig": config}});
        assert!(world.try_rule("bad", "SELECT * FROM 'in'", json!([action])).await.is_err(), "{config}");
    }
    let payload = json!({
        "sql": "SELECT * FROM 'in'", "actions": [],
        "errorAction": {"http": {"url": url, "batchConfig": {"maxBatchSize": 2}}},
    });
    assert!(world.engine.create_topic_rule(&world.scope, "bad", &payload).await.is_err());
    world.rule("r", "SELECT * FROM 'in'", json!([{"http": {"url": url, "enableBatching": true}}])).await;
    world.publish("in", Bytes::from_static(b"\xff"));
    let failed = world.until(Kind::ActionFailed, 1).await;
    assert!(failed[0]["why"].as_str().expect("why").contains("UTF-8"), "{failed:?}");
}

/// A TLS server for `localhost` that answers 200 to everything, and its certificate.
async fn tls_receiver() -> (String, rustls::pki_types::CertificateDer<'static>) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
    let certificate = made.cert.der().clone();
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("a key");
    let config =
        rustls::ServerConfig::builder_with_provider(rustls::crypto::aws_lc_rs::default_provider().into())
            .with_safe_default_protocol_versions()
            .and_then(|builder| {
                builder.with_no_client_auth().with_single_cert(vec![certificate.clone()], key)
            })
            .expect("a configuration");
    let acceptor = tokio_rustls::TlsAcceptor::from(std::sync::Arc::new(config));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("https://localhost:{}/", listener.local_addr().expect("an address").port());
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
                let Ok(mut stream) = acceptor.accept(socket).await else { return };
                let mut request = [0; 4096];
                if stream.read(&mut request).await.is_ok() {
                    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
                    let _ = stream.write_all(answer).await;
                    let _ = stream.shutdown().await;
                }
            });
        }
    });
    (url, certificate)
}

#[tokio::test]
async fn certificates_of_unknown_authorities_are_refused_unless_trusted() {
    // RULES-465
    let (url, certificate) = tls_receiver().await;
    for (trusted, kind) in [(vec![certificate], Kind::ActionSucceeded), (Vec::new(), Kind::ActionFailed)] {
        let world = World::with(Settings {
            http_destinations: HttpDestinations::Automatic,
            trust_ca: trusted,
            ..Settings::default()
        });
        world.rule("r", "SELECT * FROM 'in'", json!([{"http": {"url": url}}])).await;
        world.publish("in", "{}");
        world.until(kind, 1).await;
    }
}
