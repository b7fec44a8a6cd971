//! A rule whose receiver takes connections and never answers: its messages reach subscribers all the same.

use std::time::Duration;

use rumqttc::v5::mqttbytes::QoS;
use serde_json::{Value, json};
use thingstead::server::Surroundings;
use thingstead::{Config, Server};
use thingstead_core::Kind;
use thingstead_core::journal::Query;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::client::{connected, message, subscribed};

/// More than one destination may have waiting, by so many.
const MESSAGES: usize = 3_000;
/// More than the deliveries that time out meanwhile, each of which leaves its place to one more message.
const QUEUE_AND_SLACK: usize = 2_200;

/// One request to the API port; the answer's body, which must be JSON or empty.
async fn call(server: &Server, method: &str, path: &str, body: &Value) -> Value {
    let body = body.to_string();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\n\
         authorization: AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/iot/aws4_request, \
         SignedHeaders=host;x-amz-date, Signature=00\r\nx-amz-date: 20260101T000000Z\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let api = server.endpoints().api.first().copied().expect("the API listener");
    let mut socket = TcpStream::connect(api).await.expect("a connection");
    socket.write_all(request.as_bytes()).await.expect("a request");
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    assert!(head.starts_with("HTTP/1.1 2"), "{answer}");
    serde_json::from_str(body).unwrap_or(Value::Null)
}

#[tokio::test(flavor = "multi_thread")]
async fn subscribers_get_every_message_in_order_while_a_receiver_is_dead() {
    // RULES-352, RULES-356, RULES-403
    let dead = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/", dead.local_addr().expect("an address"));
    let config = Config::embedded(&[("http_destinations", "auto")]).expect("a configuration");
    let server = Server::start(config, Surroundings::default()).await.expect("a server");
    let rule = json!({
        "sql": "SELECT * FROM 'in/+'", "actions": [{"http": {"url": url}}], "awsIotSqlVersion": "2016-03-23",
    });
    call(&server, "POST", "/rules/dead", &rule).await;
    let (reader, mut arriving) = connected(&server, "reader").await;
    subscribed(&reader, &mut arriving, "in/+").await;

    let (writer, mut written) = connected(&server, "writer").await;
    let driven = tokio::spawn(async move { while written.poll().await.is_ok() {} });
    let publishing = tokio::spawn(async move {
        for n in 0..MESSAGES {
            writer.publish(format!("in/{n}"), QoS::AtLeastOnce, false, n.to_string()).await.expect("queued");
        }
        writer
    });
    for n in 0..MESSAGES {
        assert_eq!(message(&mut arriving).await.payload, n.to_string());
    }

    // What found the queue full was written down at once, message by message.
    let writer = publishing.await.expect("published");
    let failed = server.journal().find(&Query { kind: Some(Kind::ActionFailed), ..Query::default() });
    let refused: Vec<_> =
        failed.iter().filter(|event| event.why.starts_with("2000 deliveries are waiting")).collect();
    assert!(refused.len() >= MESSAGES - QUEUE_AND_SLACK, "{}", refused.len());
    let last = refused.last().expect("a failure");
    let topic = last.topic.as_deref().expect("a topic").to_owned();
    let of_last = |kind| Query { kind: Some(kind), topic: Some(topic.clone()), ..Query::default() };
    let seq = |kind| server.journal().find(&of_last(kind)).first().map(|event| event.seq);
    let kinds = [Kind::Published, Kind::RuleMatched, Kind::ActionFailed].map(seq);
    assert!(kinds.iter().all(Option::is_some) && kinds.is_sorted(), "{kinds:?}");
    let told = call(&server, "GET", "/_thingstead/deliveries?rule=dead", &Value::Null).await;
    let told = told["deliveries"].as_array().expect("deliveries");
    let told = told.iter().find(|delivery| delivery["seq"] == json!(last.seq)).expect("its delivery");
    assert_eq!((&told["outcome"], &told["attempts"]), (&json!("failed"), &json!(0)));
    let sent: usize = topic.trim_start_matches("in/").parse().expect("a number");
    assert_eq!((&told["request"]["url"], &told["request"]["body"]), (&json!(url), &json!(sent)));

    drop(writer);
    driven.abort();
    let stopped = tokio::time::timeout(Duration::from_secs(10), server.stop());
    stopped.await.expect("deliveries under way do not hold the server up");
}
