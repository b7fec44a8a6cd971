//! Custom authorizers: the operations, and publishing over HTTPS with one.

use std::sync::Arc;

use axum::body::Body;
use http::Request;
use parking_lot::Mutex;
use serde_json::{Value, json};
use thingstead_core::wiring::{FunctionError, Functions, Invocation, Invoked};
use thingstead_core::{Kind, journal};

use crate::fixture::Server;

const FUNCTION: &str = "arn:aws:lambda:us-east-1:000000000000:function:gate";

/// A function that answers what the test says.
struct Stub(Mutex<Result<Value, FunctionError>>);

impl Functions for Stub {
    fn invoke(&self, _: Invocation) -> Invoked {
        let answer = self.0.lock().clone();
        Box::pin(async move { answer.map(|answer| answer.to_string().into()) })
    }
}

async fn gated() -> (Server, Arc<Stub>) {
    let server = Server::new();
    let answer = json!({
        "isAuthenticated": true,
        "principalId": "alice",
        "policyDocuments": [{ "Version": "2012-10-17", "Statement": [
            { "Effect": "Allow", "Action": "iot:Publish", "Resource": "arn:aws:iot:*:*:topic/mine/*" }] }],
    });
    let stub = Arc::new(Stub(Mutex::new(Ok(answer))));
    server.deps.registry.call_functions_with(stub.clone());
    let asked = json!({ "authorizerFunctionArn": FUNCTION, "signingDisabled": true, "status": "ACTIVE" });
    let made = server.call("POST", "/authorizer/Gate", asked).await;
    let arn = "arn:aws:iot:us-east-1:000000000000:authorizer/Gate";
    assert_eq!(made.json(), json!({ "authorizerName": "Gate", "authorizerArn": arn }));
    (server, stub)
}

fn publish(topic: &str, headers: &[(&str, &str)]) -> Request<Body> {
    let request = Request::builder().method("POST").uri(format!("/topics/{topic}"));
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    request.body(Body::from("on")).expect("a request")
}

#[tokio::test]
async fn the_operations_answer_as_the_model_says() {
    // API-330, API-331, API-332, API-333, AUTH-150
    let (server, _) = gated().await;
    let described = server.call("GET", "/authorizer/Gate", Value::Null).await.json();
    let description = &described["authorizerDescription"];
    assert_eq!((&description["status"], &description["signingDisabled"]), (&json!("ACTIVE"), &json!(true)));
    assert!(description["creationDate"].is_number() && description.get("tokenSigningPublicKeys").is_none());
    // API-007: with and without the slash at the end.
    for path in ["/authorizers/", "/authorizers"] {
        let listed = server.call("GET", path, Value::Null).await.json();
        assert_eq!(listed["authorizers"][0]["authorizerName"], "Gate");
    }
    let answer = server.call("POST", "/default-authorizer", json!({ "authorizerName": "Gate" })).await;
    assert_eq!(answer.status, 200);
    let answer = server.call("DELETE", "/authorizer/Gate", Value::Null).await;
    assert_eq!((answer.status.as_u16(), answer.error()), (409, "DeleteConflictException"));
    let answer = server.call("GET", "/authorizer/None", Value::Null).await;
    assert_eq!((answer.status.as_u16(), answer.error()), (404, "ResourceNotFoundException"));
    let answer = server.call("PUT", "/authorizer/Gate", json!({ "status": "ASLEEP" })).await;
    assert_eq!((answer.status.as_u16(), answer.error()), (400, "InvalidRequestException"));
}

#[tokio::test]
async fn https_publishes_for_whom_the_authorizer_knows() {
    // AUTH-008, AUTH-165, AUTH-175, AUTH-222, POLICY-429, POLICY-431
    let (server, stub) = gated().await;
    let named = [("x-amz-customauthorizer-name", "Gate")];
    let answer = server.send_as(None, publish("mine/a", &named)).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["message"]), (200, &json!("OK")));
    let sent = server.published.all();
    assert_eq!((&*sent[0].message.topic, sent.len()), ("mine/a", 1));
    let answer = server.send_as(None, publish("theirs/a", &named)).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["message"]), (403, &json!("Forbidden")));
    // Without a default nobody is asked about requests that name nobody.
    let answer = server.send_as(None, publish("mine/a", &[])).await;
    assert_eq!(answer.error(), "MissingAuthenticationTokenException");
    server.call("POST", "/default-authorizer", json!({ "authorizerName": "Gate" })).await;
    assert_eq!(server.send_as(None, publish("mine/a", &[])).await.status, 200);

    let read = Request::builder().uri("/retainedMessage").header(named[0].0, named[0].1);
    let answer = server.send_as(None, read.body(Body::empty()).expect("a request")).await;
    assert_eq!(answer.status, 403);
    *stub.0.lock() = Ok(json!({ "isAuthenticated": false }));
    let answer = server.send_as(None, publish("mine/a", &named)).await;
    assert_eq!(answer.status, 403);
    let told = answer.json();
    assert_eq!(told["message"], "Forbidden");
    assert!(told["traceId"].is_string() && told["why"].as_str().is_some_and(|why| why.contains("Gate")));
    assert_eq!(server.published.all().len(), 2);
    let query = journal::Query { kind: Some(Kind::AuthenticationRefused), ..Default::default() };
    let events = server.deps.journal.find(&query);
    assert_eq!(events[0].to_json()["reason"], "NOT_AUTHENTICATED");
}
