//! What a real SDK sends is understood: signature, operation, members.

use serde_json::json;

use crate::fixture::{RECORDED, Recorded, Server};

#[tokio::test]
async fn every_recorded_request_is_admitted_and_reaches_its_operation() {
    // API-001, API-004, API-009, API-011, API-013, API-020, API-024, API-044
    let server = Server::checking_signatures();
    for one in RECORDED.calls() {
        let operation = one["operation"].as_str().expect("a name");
        let answer = server.send(Recorded::request(one)).await;
        let admitted =
            !answer.error().contains("Signature") && answer.error() != "UnrecognizedClientException";
        assert!(admitted, "{operation}: {answer:?}");
        if answer.status == 501 {
            assert!(answer.message().contains(&format!("`{operation}`")), "{operation}: {answer:?}");
        }
        assert_ne!(answer.error(), "UnknownOperationException", "{operation}");
    }
}

#[tokio::test]
async fn a_tampered_request_is_refused_with_the_reason() {
    // API-045
    let server = Server::checking_signatures();
    let one = RECORDED.calls().find(|one| one["operation"] == "DescribeEndpoint").expect("recorded");
    assert_eq!(server.send(Recorded::request(one)).await.status, 200);
    let mut tampered = one.clone();
    tampered["query"] = json!("endpointType=iot%3AData");
    let answer = server.send(Recorded::request(&tampered)).await;
    assert_eq!((answer.status.as_u16(), answer.error()), (403, "InvalidSignatureException"));
    assert!(answer.message().contains("canonical string"), "{answer:?}");
    server.deps.clock.advance(std::time::Duration::from_secs(301));
    let answer = server.send(Recorded::request(one)).await;
    assert_eq!((answer.status.as_u16(), answer.error()), (403, "InvalidSignatureException"));
    assert!(answer.message().contains("5 minutes"), "{answer:?}");
}

#[tokio::test]
async fn unsigned_and_unknown_callers_are_refused_only_where_signatures_are_checked() {
    // API-045, API-046
    let strict = Server::checking_signatures();
    let answer = strict.call("GET", "/endpoint", json!(null)).await;
    assert_eq!((answer.status.as_u16(), answer.error()), (403, "MissingAuthenticationTokenException"));
    let mut foreign = RECORDED.calls().next().expect("recorded").clone();
    let authorization = foreign["headers"]["authorization"]
        .as_str()
        .expect("signed")
        .replace("=123456789012/", "=AKIDOTHER/");
    foreign["headers"]["authorization"] = json!(authorization);
    let answer = strict.send(Recorded::request(&foreign)).await;
    assert_eq!((answer.status.as_u16(), answer.error()), (403, "UnrecognizedClientException"));
    let open = Server::new();
    assert_eq!(
        open.call("GET", "/endpoint", json!(null)).await.ok(),
        json!({ "endpointAddress": "localhost" })
    );
    let answer = open.send(Recorded::request(&foreign)).await;
    assert_ne!(answer.status, 403);
}

#[tokio::test]
async fn a_recorded_publish_arrives_with_all_its_properties() {
    // API-017, API-018, API-019, API-021, API-022, MQTT-225, MQTT-226, MQTT-227
    let server = Server::checking_signatures();
    let one = RECORDED.calls().find(|one| one["operation"] == "Publish").expect("recorded");
    let answer = server.send(Recorded::request(one)).await;
    let body = answer.ok();
    assert_eq!(body["message"], "OK");
    assert_eq!(body["traceId"], answer.header("x-amzn-requestid"));
    let published = server.published.all();
    let [publication] = published.as_slice() else { panic!("{published:?}") };
    assert_eq!((publication.scope.account(), publication.scope.region()), ("123456789012", "eu-west-1"));
    let message = &publication.message;
    assert_eq!(
        (&*message.topic, &message.payload[..], message.qos.as_u8(), message.retain),
        ("a/b c/ü", &b"\x00\xff{}"[..], 1, true)
    );
    let properties = message.properties.as_ref().expect("properties");
    assert_eq!(properties.content_type.as_deref(), Some("text/plain; x=1"));
    assert_eq!(properties.response_topic.as_deref(), Some("r/t"));
    assert_eq!(properties.payload_format, Some(1));
    assert_eq!(properties.correlation_data.as_deref(), Some(&[1u8, 2][..]));
    assert_eq!(properties.expires_at.map(|at| at.as_millis()), Some(RECORDED.at().as_millis() + 60_000));
    let user: Vec<_> = properties.user.iter().map(|(name, value)| (&**name, &**value)).collect();
    assert_eq!(user, [("k", "v"), ("k", "w")]);
}
