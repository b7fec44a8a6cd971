//! The HTTPS door for devices: identity by client certificate, judged by policy.

use axum::body::Body;
use http::Request;
use serde_json::{Value, json};
use thingstead_core::Principal;
use thingstead_core::journal::{Kind, Query};

use crate::fixture::{RECORDED, Recorded, Server};

fn request(method: &str, uri: &str, body: &'static str) -> Request<Body> {
    Request::builder().method(method).uri(uri).body(Body::from(body)).expect("a request")
}

/// An active certificate with a policy; its id.
async fn device(server: &Server, statements: Value) -> String {
    let created = server.call("POST", "/keys-and-certificate?setAsActive=true", Value::Null).await.ok();
    let document = json!({ "Version": "2012-10-17", "Statement": statements }).to_string();
    server.call("POST", "/policies/device", json!({ "policyDocument": document })).await.ok();
    server.call("PUT", "/target-policies/device", json!({ "target": created["certificateArn"] })).await.ok();
    created["certificateId"].as_str().expect("an id").to_owned()
}

#[tokio::test]
async fn a_device_publishes_what_its_policy_allows() {
    // API-010, API-048, MQTT-224, MQTT-228, MQTT-230, POLICY-464
    let server = Server::new();
    let topic = "arn:aws:iot:us-east-1:000000000000:topic/plant/*";
    let id =
        device(&server, json!([{ "Effect": "Allow", "Action": "iot:Publish", "Resource": topic }])).await;
    let answer = server.send_as(Some(&id), request("POST", "/topics/plant/7?qos=1", "21")).await;
    assert_eq!(answer.ok()["message"], "OK");
    assert_eq!(server.send_as(Some(&id), request("POST", "/topics/plant%2F8", "21")).await.status, 200);
    let refused = server.send_as(Some(&id), request("POST", "/topics/other", "21")).await;
    assert_eq!((refused.status.as_u16(), refused.error()), (403, "ForbiddenException"));
    let body = refused.json();
    assert!(
        body["why"].as_str().is_some_and(|why| why.contains("other")) && body["traceId"].is_string(),
        "{body}"
    );
    let retained = server.send_as(Some(&id), request("POST", "/topics/plant/7?retain=true", "21")).await;
    assert_eq!(retained.status, 403, "retaining needs iot:RetainPublish: {retained:?}");
    let published = server.published.all();
    let [first, second] = published.as_slice() else { panic!("{published:?}") };
    assert_eq!((&*first.message.topic, &*second.message.topic), ("plant/7", "plant/8"));
    let sender = first.origin.sender().expect("a sender");
    assert_eq!(sender.principal, Principal::Certificate(id.as_str().into()));
    let events = server.deps.journal.find(&Query { kind: Some(Kind::PublishRefused), ..Query::default() });
    let decision =
        events.first().and_then(|event| event.detail.decision()).expect("a decision with its reasons");
    assert_eq!(&*decision.asked.action, "iot:Publish");
    assert!(decision.fix.is_some());
}

#[tokio::test]
async fn a_device_reads_the_shadow_its_policy_names() {
    // SHADOW-170, SHADOW-171, POLICY-108, POLICY-109
    let server = Server::new();
    let thing = "arn:aws:iot:us-east-1:000000000000:thing/";
    let allow =
        |action: &str, resource: String| json!({ "Effect": "Allow", "Action": action, "Resource": resource });
    let id = device(
        &server,
        json!([
            allow("iot:UpdateThingShadow", format!("{thing}t")),
            allow("iot:GetThingShadow", format!("{thing}t/named")),
        ]),
    )
    .await;
    let body = r#"{"state":{"reported":{"on":true}}}"#;
    assert_eq!(server.send_as(Some(&id), request("POST", "/things/t/shadow", body)).await.status, 200);
    let named = "/things/t/shadow?name=named";
    // The grant on the thing does not cover its named shadows, nor the other way round.
    assert_eq!(server.send_as(Some(&id), request("POST", named, body)).await.status, 403);
    assert_eq!(server.send_as(Some(&id), request("GET", named, "")).await.status, 404);
    for (method, uri) in
        [("GET", "/things/t/shadow"), ("DELETE", "/things/t/shadow"), ("GET", "/things/u/shadow?name=named")]
    {
        let refused = server.send_as(Some(&id), request(method, uri, "")).await;
        assert_eq!((refused.status.as_u16(), refused.error()), (403, "ForbiddenException"), "{method} {uri}");
    }
}

#[tokio::test]
async fn a_certificate_without_policy_or_not_active_may_do_nothing() {
    // POLICY-480
    let server = Server::new();
    let id = device(&server, json!([{ "Effect": "Allow", "Action": "*", "Resource": "*" }])).await;
    assert_eq!(server.send_as(Some(&id), request("POST", "/topics/a", "")).await.status, 200);
    server.call("PUT", &format!("/certificates/{id}?newStatus=INACTIVE"), Value::Null).await.ok();
    assert_eq!(server.send_as(Some(&id), request("POST", "/topics/a", "")).await.status, 403);
    server.call("PUT", &format!("/certificates/{id}?newStatus=ACTIVE"), Value::Null).await.ok();
    assert_eq!(server.send_as(Some(&id), request("POST", "/topics/a", "")).await.status, 200);
    server
        .call(
            "POST",
            "/target-policies/device",
            json!({ "target": format!("arn:aws:iot:us-east-1:000000000000:cert/{id}") }),
        )
        .await
        .ok();
    assert_eq!(server.send_as(Some(&id), request("POST", "/topics/a", "")).await.status, 403);
}

#[tokio::test]
async fn without_certificate_a_request_must_be_signed() {
    // API-045, API-048, AUTH-100, AUTH-107
    let server = Server::new();
    let refused = server.send_as(None, request("POST", "/topics/a", "")).await;
    assert_eq!((refused.status.as_u16(), refused.error()), (403, "MissingAuthenticationTokenException"));
    let publish = RECORDED.calls().find(|one| one["operation"] == "Publish").expect("recorded");
    assert_eq!(server.send_as(None, Recorded::request(publish)).await.status, 200);
}

#[tokio::test]
async fn the_control_plane_is_not_behind_this_door() {
    let server = Server::new();
    let id = device(&server, json!([{ "Effect": "Allow", "Action": "*", "Resource": "*" }])).await;
    for (method, uri) in [("GET", "/things/t"), ("GET", "/endpoint"), ("POST", "/keys-and-certificate")] {
        assert_eq!(server.send_as(Some(&id), request(method, uri, "")).await.status, 404, "{method} {uri}");
    }
}

#[tokio::test]
async fn the_ends_of_a_connection_need_a_right_of_their_own() {
    // POLICY-465
    let server = Server::new();
    let id = device(
        &server,
        json!([{
            "Effect": "Allow", "Action": "iot:GetConnection", "Resource": "*",
            "Condition": { "Bool": { "iot:IncludeSocketInformation": "false" } }
        }]),
    )
    .await;
    let plain = server.send_as(Some(&id), request("GET", "/connections/c", "")).await;
    assert_eq!(plain.status, 404, "allowed, and nobody is there: {plain:?}");
    let with_ends = request("GET", "/connections/c?includeSocketInformation=true", "");
    let whole = server.send_as(Some(&id), with_ends).await;
    assert_eq!((whole.status.as_u16(), whole.error()), (403, "ForbiddenException"));
}

#[tokio::test]
async fn a_sender_without_the_right_is_told_nothing_and_the_journal_everything() {
    // POLICY-466, POLICY-467
    let server = Server::new();
    let commands = json!({ "StringLike": { "iot:Topic": "commands/*" } });
    let id = device(
        &server,
        json!([{
            "Effect": "Allow", "Action": "iot:SendDirectMessage", "Condition": commands,
            "Resource": "arn:aws:iot:us-east-1:000000000000:client/c"
        }]),
    )
    .await;
    let send = |uri| server.send_as(Some(&id), request("POST", uri, "x"));
    assert_eq!(send("/connections/c/messages?topic=commands%2F1").await.status, 404);
    for uri in ["/connections/d/messages?topic=commands%2F1", "/connections/c/messages?topic=other"] {
        let refused = send(uri).await;
        assert_eq!((refused.status.as_u16(), refused.body.len()), (403, 0), "{uri}");
        assert_eq!(refused.headers["x-amzn-errortype"], "ForbiddenException");
    }
    let events = server.deps.journal.find(&Query { kind: Some(Kind::RequestRefused), ..Query::default() });
    let decision = events.last().and_then(|event| event.detail.decision()).expect("a decision");
    assert_eq!(&*decision.asked.action, "iot:SendDirectMessage");
}

#[tokio::test]
async fn who_is_not_recognised_is_told_why_and_what_would_help() {
    // AUTH-106, AUTH-111, AUTH-300, AUTH-301, POLICY-480
    let server = Server::new();
    let id = device(&server, json!([{ "Effect": "Allow", "Action": "*", "Resource": "*" }])).await;
    server.call("PUT", &format!("/certificates/{id}?newStatus=INACTIVE"), Value::Null).await;
    let query = Query { kind: Some(Kind::AuthenticationRefused), ..Query::default() };
    assert_eq!(server.send_as(Some(&id), request("POST", "/topics/t", "x")).await.status, 403);
    let events = server.deps.journal.find(&query);
    assert_eq!(events[0].detail.members().expect("members")["reason"], "DEVICE_CERTIFICATE_INACTIVE");
    assert_eq!(events[0].principal.as_deref(), Some(id.as_str()));

    let server = Server::checking_signatures();
    let signed = |key: &str| {
        let mut request = request("POST", "/topics/t", "x");
        let scope = format!("{key}/20260101/us-east-1/iotdevicegateway/aws4_request");
        let text = format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=00");
        request.headers_mut().insert("authorization", text.parse().expect("a header"));
        request.headers_mut().insert("x-amz-date", "20260101T000000Z".parse().expect("a header"));
        request.headers_mut().insert("host", "localhost".parse().expect("a header"));
        request
    };
    for (request, reason, fix) in [
        (request("POST", "/topics/t", "x"), "NOT_AUTHENTICATED", "show a registered client certificate"),
        (signed("STRANGER"), "SECURITY_TOKEN_INVALID", "with a key that this server knows"),
    ] {
        let refused = server.send_as(None, request).await;
        assert_eq!(refused.status, 403);
        let events = server.deps.journal.find(&query);
        let event = events.last().expect("an event");
        let members = event.detail.members().expect("members");
        assert_eq!(members["reason"], reason);
        assert!(members["fix"].as_str().is_some_and(|text| text.contains(fix)), "{members:?}");
        assert_eq!((&members["server_name"], &members["path"]), (&json!("localhost"), &json!("/topics/t")));
        assert!(!event.why.is_empty());
    }
}
