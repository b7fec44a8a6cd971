//! The wire rules of the specification's section 2.

use axum::body::Body;
use http::Request;
use serde_json::json;
use thingstead_api::{ApiSettings, model::Service};
use thingstead_core::journal::{Kind, Query};

use crate::fixture::Server;

#[tokio::test]
async fn an_operation_that_is_not_built_says_so_by_name() {
    // API-043, API-371
    let server = Server::new();
    assert_eq!(server.call("GET", "/jobs", json!({})).await.status, 501);
    let answer = server.call("POST", "/audit/suppressions/list", json!({})).await;
    assert_eq!((answer.status.as_u16(), answer.error()), (501, "NotImplementedException"));
    assert!(answer.message().contains("`ListAuditSuppressions`"), "{answer:?}");
}

#[tokio::test]
async fn errors_carry_name_message_and_request_id() {
    // API-008, API-029, API-034, API-035, API-036, MQTT-229
    let server = Server::new();
    let host = |host: &str, method: &str, uri: &str| {
        Request::builder()
            .method(method)
            .uri(uri)
            .header("host", host)
            .body(Body::empty())
            .expect("a request")
    };
    let data = "data-ats.iot.us-east-1.amazonaws.com";
    let unknown = server.send(host(data, "GET", "/nothing")).await;
    assert_eq!((unknown.status.as_u16(), unknown.error()), (404, "ResourceNotFoundException"));
    let trace = unknown.header("x-amzn-requestid").to_owned();
    assert_eq!(trace.len(), 36);
    assert_eq!(unknown.json(), json!({ "message": "Not Found", "traceId": trace }));
    assert_eq!(unknown.header("content-type"), "application/json");
    let method = server.send(host(data, "PATCH", "/things/t/shadow")).await;
    assert_eq!((method.status.as_u16(), method.error()), (405, "MethodNotAllowedException"));
    let control = server.send(host("localhost:4566", "GET", "/nothing")).await;
    assert_eq!((control.status.as_u16(), control.error()), (404, "UnknownOperationException"));
    assert!(control.json().get("traceId").is_none());
    let method = server.send(host("localhost:4566", "PUT", "/things")).await;
    assert_eq!(method.status, 404);
}

#[tokio::test]
async fn unsigned_requests_are_told_apart_by_path() {
    // API-003
    let server = Server::new();
    assert_eq!(
        server.call("GET", "/things/t/shadow", json!(null)).await.message(),
        "No shadow exists with name: 't'"
    );
    assert_eq!(server.call("POST", "/topics/a/b", json!({ "x": 1 })).await.ok()["message"], "OK");
    assert_eq!(server.call("GET", "/endpoint", json!(null)).await.status, 200);
    let jobs = server.call("PUT", "/things/t/jobs/$next", json!({})).await;
    assert!(jobs.message().contains("`iot-jobs-data`"), "{jobs:?}");
}

#[tokio::test]
async fn values_that_break_a_constraint_are_counted_and_named() {
    // API-041, API-053, API-062, API-077
    let server = Server::new();
    let refused = server.call("GET", "/endpoint?endpointType=iot:Data-Nope%20x", json!(null)).await;
    assert_eq!(refused.status, 400);
    let refused = server.call("POST", "/topics/a?qos=2", json!(null)).await;
    assert_eq!(
        (refused.error(), refused.message().as_str()),
        (
            "InvalidRequestException",
            "1 validation error detected: Value '2' at 'qos' failed to satisfy constraint: Member must have value less \
             than or equal to 1"
        )
    );
    let refused = server.call("GET", "/things/a%20b/shadow?name=%21", json!(null)).await;
    let message = refused.message();
    assert!(message.starts_with("2 validation errors detected: Value 'a b' at 'thingName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9:_-]+; Value '!' at 'shadowName'"), "{message}");
}

#[tokio::test]
async fn relaxed_limits_lift_upper_bounds_only() {
    let relaxed =
        Server::with(ApiSettings { limits: thingstead_core::Limits::Relaxed, ..ApiSettings::default() });
    let long = format!("/topics/{}", "a/".repeat(200) + "b");
    assert_eq!(relaxed.call("POST", &long, json!(null)).await.status, 200);
    assert_eq!(Server::new().call("POST", &long, json!(null)).await.status, 400);
    assert_eq!(relaxed.call("GET", "/things/a%20b/shadow", json!(null)).await.status, 400);
}

#[tokio::test]
async fn a_publish_checks_topic_and_size() {
    // API-269, API-270, MQTT-232
    let server = Server::new();
    for (uri, status) in [
        ("/topics/a%2Fb", 200),
        ("/topics/a//b", 200),
        ("/topics/a%2F%2B", 400),
        ("/topics/a%2F%23", 400),
        ("/topics/1/2/3/4/5/6/7/8", 200),
        ("/topics/1/2/3/4/5/6/7/8/9", 400),
        ("/topics/$aws/rules/r/1/2/3/4/5/6/7/8", 200),
        ("/topics/%24aws%2Fthings%2Ft%2Fshadow%2Fupdate", 200),
        ("/topics/$aws/events/thing/t/created", 403),
        ("/topics/$other", 403),
        ("/topics/a?qos=x", 400),
        ("/topics/a?retain=TRUE", 200),
        ("/topics/%FF", 400),
    ] {
        let answer = server.call("POST", uri, json!(null)).await;
        assert_eq!(answer.status.as_u16(), status, "{uri}: {answer:?}");
    }
    let topics: Vec<String> =
        server.published.all().iter().map(|one| one.message.topic.to_string()).collect();
    assert!(topics.contains(&"a//b".to_owned()), "{topics:?}"); // API-014
    let big =
        |bytes: usize| Request::post("/topics/a").body(Body::from(vec![b'x'; bytes])).expect("a request");
    assert_eq!(server.send(big(128 * 1024)).await.status, 200);
    let refused = server.send(big(128 * 1024 + 1)).await;
    assert_eq!((refused.status.as_u16(), refused.error()), (413, "RequestEntityTooLargeException"));
    let refused = server.send(big(2 * 1024 * 1024)).await;
    assert_eq!((refused.status.as_u16(), refused.error()), (413, "RequestEntityTooLargeException"));
}

#[tokio::test]
async fn browsers_may_call() {
    // API-049
    let server = Server::new();
    let preflight =
        Request::options("/things/x").header("origin", "http://localhost:3000").body(Body::empty());
    let answer = server.send(preflight.expect("a request")).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    for name in
        ["authorization", "x-amz-date", "x-amz-security-token", "x-amzn-iot-principal", "x-amz-tagging"]
    {
        assert!(answer.header("access-control-allow-headers").contains(name), "{name}");
    }
    for name in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
        assert!(answer.header("access-control-allow-methods").contains(name), "{name}");
    }
    let answer = server.call("GET", "/endpoint", json!(null)).await;
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    assert!(answer.header("access-control-expose-headers").contains("x-amzn-RequestId"));
}

#[tokio::test]
async fn a_shadow_lives_over_https() {
    // API-028, API-274, API-275, SHADOW-160, SHADOW-161, SHADOW-163, SHADOW-166, SHADOW-167
    let server = Server::new();
    let update = server
        .call("POST", "/things/t/shadow?name=main", json!({ "state": { "desired": { "on": true } } }))
        .await;
    assert_eq!(update.ok()["state"]["desired"]["on"], true);
    let got = server.call("GET", "/things/t/shadow?name=main", json!(null)).await.ok();
    assert_eq!((&got["version"], &got["state"]["delta"]["on"]), (&json!(1), &json!(true)));
    let list = server.call("GET", "/api/things/shadow/ListNamedShadowsForThing/t", json!(null)).await.ok();
    assert_eq!((&list["results"], list["timestamp"].is_u64()), (&json!(["main"]), true));
    let conflict =
        server.call("POST", "/things/t/shadow?name=main", json!({ "state": {}, "version": 7 })).await;
    assert_eq!(
        (conflict.status.as_u16(), conflict.error(), conflict.message().as_str()),
        (409, "ConflictException", "Version conflict")
    );
    let big = json!({ "state": { "desired": { "x": "y".repeat(9000) } } });
    let refused = server.call("POST", "/things/t/shadow", big).await;
    assert_eq!((refused.status.as_u16(), refused.error()), (413, "RequestEntityTooLargeException"));
    assert_eq!(server.call("DELETE", "/things/t/shadow?name=main", json!(null)).await.ok()["version"], 1);
    let gone = server.call("GET", "/things/t/shadow?name=main", json!(null)).await;
    assert_eq!(
        (gone.status.as_u16(), gone.error(), gone.message().as_str()),
        (404, "ResourceNotFoundException", "No shadow exists with name: 'main'")
    );
}

#[tokio::test]
async fn refusals_are_written_down_and_reads_are_not() {
    let server = Server::new();
    server.call("GET", "/endpoint", json!(null)).await.ok();
    server.call("POST", "/audit/tasks", json!({})).await;
    let query = Query { kind: Some(Kind::ApiCall), ..Query::default() };
    let events = server.deps.journal.find(&query);
    let [event] = events.as_slice() else { panic!("{events:?}") };
    assert!(event.why.contains("StartOnDemandAuditTask"), "{event:?}");
    assert_eq!(event.to_json()["status"], 501);
}

#[test]
fn every_service_answers_its_own_errors() {
    assert_eq!(Service::IotData.model().status("ThrottlingException"), Some(429));
    assert_eq!(Service::Iot.model().status("ThrottlingException"), Some(400));
}
