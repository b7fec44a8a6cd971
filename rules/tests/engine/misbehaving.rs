//! One server that misbehaves in every way, and what actions make of it: tries, reasons, the delivery in words.

use std::time::Duration;

use serde_json::{Value, json};
use thingstead_core::Kind;
use thingstead_rules::{HttpDestinations, Settings};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::world::{ROLE, World};

/// What a path of the server does.
async fn misbehave(mut socket: TcpStream) {
    let mut request = [0; 16 * 1024];
    let Ok(count) = socket.read(&mut request).await else { return };
    let text = String::from_utf8_lossy(&request[..count]).into_owned();
    let mut answer = async |text: &str| {
        let _ = socket.write_all(text.as_bytes()).await;
    };
    let is = |word: &str| text.lines().next().is_some_and(|line| line.contains(word));
    let closing = "connection: close\r\ncontent-length: 0\r\n\r\n";
    if is("/bad-request") || request[0] == TLS_HANDSHAKE {
        answer(&format!("HTTP/1.1 400 X\r\n{closing}")).await;
    } else if is("/broken") {
        answer(&format!("HTTP/1.1 500 X\r\n{closing}")).await;
    } else if is("/throttled") {
        answer(&format!("HTTP/1.1 429 X\r\nretry-after: 3600\r\n{closing}")).await;
    } else if is("/elsewhere") {
        answer(&format!("HTTP/1.1 302 X\r\nlocation: /fine\r\n{closing}")).await;
    } else if is("/garbage") {
        answer("220 smtp.example.com ESMTP\r\n").await;
    } else if is("/half") {
        answer("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf").await;
    } else if is("/endless") {
        answer("HTTP/1.1 500 X\r\ntransfer-encoding: chunked\r\n\r\n").await;
        while socket.write_all(b"400\r\n").await.is_ok()
            && socket.write_all(&[b'x'; 1024]).await.is_ok()
            && socket.write_all(b"\r\n").await.is_ok()
        {}
    } else if is("/trickle") {
        answer("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n").await;
        while socket.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    } else if is("/silent") {
        while socket.read(&mut request).await.is_ok_and(|count| count > 0) {}
    } else if is("/fine") {
        answer(&format!("HTTP/1.1 200 OK\r\n{closing}")).await;
    }
}

/// How TLS begins.
const TLS_HANDSHAKE: u8 = 22;

async fn server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let authority = listener.local_addr().expect("an address").to_string();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(misbehave(socket));
        }
    });
    authority
}

async fn closed_port() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    listener.local_addr().expect("an address").to_string()
}

/// How one action ended: its delivery, as the admin API tells it.
async fn delivery(world: &World, action: Value) -> Value {
    world.rule("r", "SELECT * FROM 'in'", json!([action])).await;
    world.publish("in", r#"{"a":1}"#);
    world.deliveries("r", 1).await.remove(0).to_json()
}

fn world(settings: Settings) -> World {
    World::with(Settings { http_destinations: HttpDestinations::Automatic, ..settings })
}

#[tokio::test]
async fn an_http_action_says_what_was_wrong_with_its_receiver() {
    // RULES-420, RULES-528, RULES-529, RULES-530, RULES-532, RULES-438, RULES-418
    let server = server().await;
    let refused = closed_port().await;
    let at = |path: &str| format!("http://{server}/{path}");
    let cases = [
        (format!("http://{refused}/"), 1, "Connection refused", ""),
        (format!("https://{server}/"), 1, "cannot connect: received corrupt message", ""),
        (
            "http://no-such-host.invalid/".to_owned(),
            1,
            "the host `no-such-host.invalid` is unknown",
            "HttpUnknownHost",
        ),
        (at("bad-request"), 1, "StatusCode: 400. Reason: Bad Request", "HttpCode_4XX"),
        (at("broken"), 3, "StatusCode: 500. Reason: Internal Server Error", "HttpCode_5XX"),
        // The pause that the server asks for is longer than all tries together may take.
        (at("throttled"), 3, "StatusCode: 429. Reason: Too Many Requests", "HttpCode_4XX"),
        (at("elsewhere"), 1, "StatusCode: 302. Reason: Found", "HttpCode_Other"),
        (at("garbage"), 1, "the connection ended early: invalid HTTP version parsed", ""),
        (at("half"), 1, "the connection ended early", ""),
        (at("nothing"), 1, "the connection ended early", ""),
        (at("endless"), 1, "the answer is longer than 16384 bytes", ""),
        (at("trickle"), 1, "no answer within 3000 ms", "HttpRequestTimeout"),
        (at("silent"), 1, "no answer within 3000 ms", "HttpRequestTimeout"),
    ];
    let mut waiting = tokio::task::JoinSet::new();
    for (url, attempts, why, metric) in cases {
        waiting.spawn(async move {
            let world = world(Settings::default());
            let told = delivery(&world, json!({"http": {"url": url}})).await;
            assert_eq!((&told["outcome"], &told["attempts"]), (&json!("failed"), &json!(attempts)), "{told}");
            let words = told["why"].as_str().expect("words");
            assert!(
                words.starts_with("HttpAction failed to make a request to the specified endpoint. "),
                "{words}"
            );
            assert!(words.contains(why), "{words}");
            assert!(
                words.ends_with(&format!(". Message arrived on: in, Action: http, Url: {url}")),
                "{words}"
            );
            assert_eq!(told["request"]["url"], json!(url));
            assert_eq!(world.metric("Failure"), 1);
            let counted: Vec<&str> = world
                .engine
                .metrics()
                .iter()
                .map(|found| found.name)
                .filter(|name| name.starts_with("Http"))
                .collect();
            assert_eq!(counted, Vec::from_iter((!metric.is_empty()).then_some(metric)), "{url}");
            assert_eq!(world.events(Kind::ActionFailed).len(), 1);
        });
    }
    while let Some(end) = waiting.join_next().await {
        end.expect("as it should be");
    }
}

#[tokio::test]
async fn a_service_that_misbehaves_is_tried_three_times_where_that_may_help() {
    // RULES-357, RULES-358, RULES-486
    let server = server().await;
    let refused = closed_port().await;
    let at = |path: &str| format!("http://{server}/{path}");
    let cases = [
        (format!("http://{refused}"), 3, "Connection refused"),
        (format!("https://{server}"), 3, "cannot connect: received corrupt message"),
        ("http://no-such-host.invalid".to_owned(), 3, "the host `no-such-host.invalid` is unknown"),
        (at("bad-request"), 1, "The error code is 400"),
        (at("broken"), 3, "The error code is 500"),
        (at("throttled"), 3, "The error code is 429"),
        (at("elsewhere"), 1, "The error code is 302"),
        (at("half"), 3, "the connection ended early"),
        (at("nothing"), 3, "the connection ended early"),
        (at("endless"), 1, "the answer is longer than 8388608 bytes"),
    ];
    let mut waiting = tokio::task::JoinSet::new();
    for (endpoint, attempts, why) in cases {
        waiting.spawn(async move {
            let mut settings = Settings::default();
            settings.aws.endpoint = Some(endpoint);
            let world = world(settings);
            let action =
                json!({"lambda": {"functionArn": "arn:aws:lambda:eu-west-1:123456789012:function:f"}});
            let told = delivery(&world, action).await;
            assert_eq!((&told["outcome"], &told["attempts"]), (&json!("failed"), &json!(attempts)), "{told}");
            let words = told["why"].as_str().expect("words");
            assert!(words.starts_with("Failed to invoke lambda function"), "{words}");
            assert!(words.contains(why), "{words}");
        });
    }
    while let Some(end) = waiting.join_next().await {
        end.expect("as it should be");
    }
}

#[tokio::test]
async fn what_fails_before_anything_is_sent_is_a_delivery_as_well() {
    // RULES-382, RULES-479
    let world = world(Settings::default());
    let action = json!({"republish": {"roleArn": ROLE, "topic": "out/${missing}/#"}});
    let told = delivery(&world, action).await;
    assert_eq!((&told["outcome"], &told["attempts"]), (&json!("failed"), &json!(0)));
    let words = told["why"].as_str().expect("words");
    assert!(words.starts_with("the topic `out//#`"), "{words}");
}
