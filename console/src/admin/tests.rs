use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use http_body_util::BodyExt;
use parking_lot::{Mutex, RwLock};
use serde_json::{Value, json};
use thingstead_core::decision::{Asked, Decision, Outcome, ResolvedVariable};
use thingstead_core::faults::FaultPlan;
use thingstead_core::wiring::FaultControl;
use thingstead_core::{Clock, Event, Journal, Kind, Scope, Timestamp};
use tower::ServiceExt;

use crate::{AdminDeps, Counter, Endpoints, LogQuestion, Operation, Operations, Refusal, ShadowQuestion};

#[derive(Default)]
struct Recorded {
    calls: Mutex<Vec<String>>,
    faults: Mutex<FaultPlan>,
}

impl Recorded {
    fn note<T: Send + 'static>(
        &self,
        call: impl Into<String>,
        answer: Result<T, Refusal>,
    ) -> Operation<'_, T> {
        self.calls.lock().push(call.into());
        Box::pin(async move { answer })
    }
}

impl FaultControl for Recorded {
    fn faults(&self) -> FaultPlan {
        self.faults.lock().clone()
    }
    fn set_faults(&self, plan: FaultPlan) {
        *self.faults.lock() = plan;
    }
}

impl Operations for Recorded {
    fn is_ready(&self) -> bool {
        true
    }
    fn reset(&self) -> Operation<'_, ()> {
        self.note("reset", Ok(()))
    }
    fn snapshots(&self) -> Operation<'_, Vec<String>> {
        self.note("list", Ok(vec!["one".to_owned()]))
    }
    fn save_snapshot(&self, name: &str) -> Operation<'_, ()> {
        self.note(format!("save {name}"), Ok(()))
    }
    fn restore_snapshot(&self, name: &str) -> Operation<'_, ()> {
        self.note(format!("restore {name}"), Err(Refusal::NotFound(format!("no snapshot `{name}`"))))
    }
    fn delete_snapshot(&self, name: &str) -> Operation<'_, ()> {
        self.note(format!("delete {name}"), Ok(()))
    }
    fn deliveries(&self, rule: Option<&str>) -> Vec<Value> {
        vec![json!({ "rule": rule })]
    }
    fn shadows(&self, accepts: &dyn Fn(&str, &str) -> bool, limit: usize) -> Vec<Value> {
        let things = ["lamp", "lamp-2", "oven"].into_iter().filter(|thing| accepts("000000000000", thing));
        things.take(limit).map(|thing| json!({ "thing": thing })).collect()
    }
    fn shadow(&self, question: &ShadowQuestion) -> Option<Value> {
        self.calls.lock().push(format!("{question:?}"));
        (question.thing == "lamp").then(|| json!({ "thing": "lamp", "versions": [] }))
    }
    fn shadow_changes(&self, scope: &Scope, thing: &str) -> Vec<Value> {
        let change = |at_ms: u64| json!({ "thing": thing, "account": scope.account(), "at_ms": at_ms });
        if thing == "lamp" { vec![change(9), change(3)] } else { vec![change(5)] }
    }

    fn service_log(&self, question: &LogQuestion) -> Vec<Value> {
        vec![json!({ "clientId": question.client, "logLevel": question.level, "limit": question.limit })]
    }
    fn counters(&self) -> Vec<Counter> {
        let counter = |protocol: &str, value| Counter {
            name: "aws_iot_connect_success".to_owned(),
            help: "Connect.Success".to_owned(),
            labels: vec![("protocol", protocol.to_owned())],
            value,
        };
        vec![counter("MQTT", 7), counter("HTTP", 0)]
    }
    fn gauges(&self) -> Vec<(&'static str, &'static str, f64)> {
        vec![("thingstead_connections", "Open MQTT connections", 2.0)]
    }
}

fn deps() -> (AdminDeps, Arc<Recorded>) {
    let recorded = Arc::new(Recorded::default());
    let endpoints =
        Endpoints { mqtts: vec!["127.0.0.1:8883".parse().expect("address")], ..Endpoints::default() };
    let deps = AdminDeps {
        journal: Journal::default(),
        clock: Clock::frozen_at(Timestamp::from_millis(1_767_225_600_000)),
        endpoints: Arc::new(RwLock::new(endpoints)),
        ca_pem: "PEM".into(),
        operations: recorded.clone(),
        faults: recorded.clone(),
    };
    (deps, recorded)
}

async fn call(deps: &AdminDeps, method: &str, path: &str, body: &str) -> (StatusCode, String) {
    let request =
        Request::builder().method(method).uri(path).body(Body::from(body.to_owned())).expect("a request");
    let response = super::router(deps.clone()).oneshot(request).await.expect("infallible");
    let status = response.status();
    let bytes = response.into_body().collect().await.expect("a body").to_bytes();
    (status, String::from_utf8(bytes.to_vec()).expect("text"))
}

async fn json_call(deps: &AdminDeps, method: &str, path: &str, body: &str) -> (StatusCode, Value) {
    let (status, text) = call(deps, method, path, body).await;
    (status, serde_json::from_str(&text).unwrap_or_else(|_| panic!("{method} {path} answered {text}")))
}

fn event(deps: &AdminDeps, kind: Kind) -> Event {
    Event::new(&Scope::new("000000000000", "us-east-1"), deps.clock.now(), kind)
        .client(Some("lamp".into()))
        .topic("a/b")
        .payload(bytes::Bytes::from_static(br#"{"temp":31}"#))
}

#[tokio::test]
async fn endpoints_have_the_documented_shape() {
    let (deps, _) = deps();
    let (status, answer) = json_call(&deps, "GET", "/_thingstead/endpoints", "").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(answer["mqtts"], "127.0.0.1:8883");
    assert_eq!(answer["mqtt"], Value::Null);
    assert_eq!(answer["all"]["mqtts"], json!(["127.0.0.1:8883"]));
    assert_eq!(call(&deps, "GET", "/_thingstead/readyz", "").await.0, StatusCode::OK);
    assert_eq!(call(&deps, "GET", "/_localstack/health", "").await.0, StatusCode::OK);
}

#[tokio::test]
async fn the_journal_is_found_counted_and_waited_for() {
    let (deps, _) = deps();
    deps.journal.record(event(&deps, Kind::Published));
    let found =
        json_call(&deps, "POST", "/_thingstead/journal/find", r#"{"topic":"a/+","jsonpath":"$.temp"}"#).await;
    assert_eq!(found.1["events"][0]["payload"], json!({ "temp": 31 }));
    assert_eq!(found.1["events"][0]["at"], "2026-01-01T00:00:00.000Z");
    let read = json_call(&deps, "GET", "/_thingstead/journal?kind=published&client=lamp&limit=1", "").await;
    assert_eq!(read.1["events"].as_array().map(Vec::len), Some(1));
    let count = json_call(&deps, "POST", "/_thingstead/journal/count", r#"{"kind":"connected"}"#).await;
    assert_eq!(count.1, json!({ "count": 0 }));

    let late = deps.clone();
    let waiting = tokio::spawn(async move {
        json_call(&late, "POST", "/_thingstead/journal/wait", r#"{"kind":"connected","timeout_ms":5000}"#)
            .await
    });
    tokio::time::sleep(Duration::from_millis(20)).await;
    deps.journal.record(event(&deps, Kind::Connected));
    let (status, answer) = waiting.await.expect("the call ends");
    assert_eq!((status, &answer["satisfied"]), (StatusCode::OK, &json!(true)));
    let late =
        json_call(&deps, "POST", "/_thingstead/journal/wait", r#"{"kind":"dropped","timeout_ms":10}"#).await;
    assert_eq!(late.1, json!({ "satisfied": false, "events": [] }));
}

#[tokio::test]
async fn a_malformed_question_names_the_member_the_value_and_what_is_allowed() {
    let (deps, _) = deps();
    for (path, body, part) in [
        ("/_thingstead/journal/find", r#"{"kindd":1}"#, "`kindd` is no member here"),
        ("/_thingstead/journal/find", r#"{"kind":"x"}"#, "`kind` is `x`, expected one of"),
        (
            "/_thingstead/journal/find",
            r#"{"topic":"a/#/b"}"#,
            "`topic` is `a/#/b`, which has a misplaced wildcard",
        ),
        ("/_thingstead/journal/find", r#"{"jsonpath":"$.["}"#, "`jsonpath` is `$.[`, which does not parse"),
        ("/_thingstead/journal/wait", r#"{"count":-1}"#, "`count` is `-1`, expected a whole number"),
        ("/_thingstead/clock", r#"{"advance_seconds":-1}"#, "`advance_seconds` is `-1`, expected a number"),
        ("/_thingstead/clock", "{}", "expected `advance_seconds`, `freeze` or both"),
        ("/_thingstead/clock", "[", "the body is not JSON"),
    ] {
        let (status, answer) = json_call(&deps, "POST", path, body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{path} {body}");
        let error = answer["error"].as_str().unwrap_or_default();
        assert!(error.contains(part), "{path} {body}: {error}");
    }
}

#[tokio::test]
async fn near_misses_name_the_one_thing_that_differs() {
    let (deps, _) = deps();
    deps.journal.record(event(&deps, Kind::PublishRefused).why("no statement allows it"));
    deps.journal.record(event(&deps, Kind::Published));
    let body = r#"{"kind":"published","topic":"a/c"}"#;
    let (_, answer) = json_call(&deps, "POST", "/_thingstead/journal/near-misses", body).await;
    assert_eq!(answer["near_misses"].as_array().map(Vec::len), Some(1));
    assert_eq!(answer["near_misses"][0]["differs"], "topic");
    let body = r#"{"kind":"published","topic":"a/b"}"#;
    let (_, answer) = json_call(&deps, "POST", "/_thingstead/journal/near-misses", body).await;
    assert_eq!(answer["near_misses"][0]["differs"], "denied");
    assert_eq!(answer["near_misses"][0]["why"], "it was refused: no statement allows it");
}

#[tokio::test]
async fn explain_shows_decisions_with_their_variables_newest_first() {
    let (deps, _) = deps();
    let decision = Decision {
        asked: Asked { action: "iot:Connect".into(), resource: "arn".into() },
        outcome: Outcome::ImplicitDeny,
        because: vec![],
        near_misses: vec![],
        variables: vec![ResolvedVariable {
            name: "iot:Connection.Thing.ThingName".into(),
            value: None,
            why_absent: Some("no thing is attached".to_owned()),
        }],
        why: "no statement allows iot:Connect".to_owned(),
        fix: Some("attach a policy".to_owned()),
    };
    deps.journal.record(
        event(&deps, Kind::AuthenticationRefused).why("unknown certificate").with("fix", "register it"),
    );
    deps.journal.record(event(&deps, Kind::ConnectRefused).decision(Arc::new(decision)));
    deps.journal.record(event(&deps, Kind::Disconnected));
    let (_, answer) = json_call(&deps, "GET", "/_thingstead/explain?client=lamp", "").await;
    let found = answer["explanations"].as_array().expect("a list");
    assert_eq!(found.len(), 2);
    assert_eq!(found[0]["outcome"], "IMPLICIT_DENY");
    assert_eq!(found[0]["variables"], json!({ "iot:Connection.Thing.ThingName": null }));
    assert_eq!(found[0]["unresolved"]["iot:Connection.Thing.ThingName"], "no thing is attached");
    assert_eq!(found[0]["why"], "no statement allows iot:Connect");
    assert_eq!(found[1]["fix"], "register it");
}

#[tokio::test]
async fn explain_tells_why_the_server_ended_a_connection_once() {
    let (deps, _) = deps();
    let ended = |reason: &str, why: &str| {
        event(&deps, Kind::Disconnected).why(why.to_owned()).with("disconnect_reason", reason)
    };
    deps.journal.record(event(&deps, Kind::PublishRefused).why("QoS is 2"));
    deps.journal.record(ended("CLIENT_ERROR", "QoS is 2"));
    deps.journal.record(ended("DUPLICATE_CLIENTID", "somebody else came").with("fix", "another client id"));
    deps.journal.record(ended("CLIENT_INITIATED_DISCONNECT", "the client sent DISCONNECT"));
    let (_, answer) = json_call(&deps, "GET", "/_thingstead/explain?client=lamp&outcome=denied", "").await;
    let found = answer["explanations"].as_array().expect("a list");
    let told: Vec<_> = found.iter().map(|one| (&one["kind"], &one["why"], &one["fix"])).collect();
    let duplicate = (&json!("disconnected"), &json!("somebody else came"), &json!("another client id"));
    assert_eq!(told, [duplicate, (&json!("publish_refused"), &json!("QoS is 2"), &Value::Null)]);
}

#[tokio::test]
async fn lifecycle_calls_reach_the_wiring_and_unknown_names_are_404() {
    let (deps, recorded) = deps();
    assert_eq!(call(&deps, "POST", "/_thingstead/reset", "").await.0, StatusCode::OK);
    assert_eq!(call(&deps, "POST", "/_thingstead/snapshots/one", "").await.0, StatusCode::OK);
    assert_eq!(call(&deps, "POST", "/_thingstead/snapshots/two/restore", "").await.0, StatusCode::NOT_FOUND);
    assert_eq!(call(&deps, "POST", "/_thingstead/snapshots/..%2Fx", "").await.0, StatusCode::BAD_REQUEST);
    assert_eq!(call(&deps, "GET", "/_thingstead/nothing", "").await.0, StatusCode::NOT_FOUND);
    assert_eq!(*recorded.calls.lock(), ["reset", "save one", "restore two"]);
    let deliveries = json_call(&deps, "GET", "/_thingstead/deliveries?rule=r", "").await;
    assert_eq!(deliveries.1, json!({ "deliveries": [{ "rule": "r" }] }));
}

#[tokio::test]
async fn faults_are_planned_strictly_and_explained() {
    let (deps, recorded) = deps();
    let plan = r#"{"seed":1,"faults":[{"action":"drop","topic":"a/#","probability":0.5}]}"#;
    let (status, answer) = json_call(&deps, "PUT", "/_thingstead/faults", plan).await;
    assert_eq!((status, answer.to_string().as_str()), (StatusCode::OK, plan));
    assert_eq!(json_call(&deps, "GET", "/_thingstead/faults", "").await.1, answer);
    for (body, says) in [
        ("", "the body is not JSON"),
        ("{}", "`faults` is missing"),
        (
            r#"{"faults":[{"action":"explode"}]}"#,
            "`faults[0].action` is `\"explode\"`; expected one of `drop`",
        ),
    ] {
        let (status, refused) = json_call(&deps, "PUT", "/_thingstead/faults", body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
        assert!(refused["error"].as_str().is_some_and(|error| error.contains(says)), "{refused}");
    }
    assert_eq!(recorded.faults.lock().faults.len(), 1, "a refused plan changes nothing");
    let fault = Event::new(&Scope::new("0", "r"), deps.clock.now(), Kind::FaultInjected);
    deps.journal.record(fault.client(Some("lamp".into())).why("it was lost").with("action", "drop"));
    let (_, answer) = json_call(&deps, "GET", "/_thingstead/explain?client=lamp", "").await;
    let told = &answer["explanations"][0];
    assert_eq!(
        (&told["outcome"], &told["fault"], &told["why"]),
        (&json!("FAULT"), &json!("drop"), &json!("it was lost"))
    );
    json_call(&deps, "PUT", "/_thingstead/faults", r#"{"faults":[]}"#).await;
    assert!(recorded.faults.lock().faults.is_empty());
}

#[tokio::test]
async fn the_service_log_is_asked_strictly() {
    let (deps, _) = deps();
    let (_, found) = json_call(&deps, "GET", "/_thingstead/logs?client=c&level=WARN&limit=3", "").await;
    assert_eq!(found["entries"], json!([{ "clientId": "c", "logLevel": "WARN", "limit": 3 }]));
    for (query, word) in [("level=warn", "DEBUG"), ("limit=-1", "limit"), ("topic=t", "event_type")] {
        let (status, text) = call(&deps, "GET", &format!("/_thingstead/logs?{query}"), "").await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert!(text.contains(word), "{text}");
    }
}

#[tokio::test]
async fn the_clock_moves_and_the_metrics_and_the_console_answer() {
    let (deps, _) = deps();
    let (_, clock) = json_call(&deps, "POST", "/_thingstead/clock", r#"{"advance_seconds":60}"#).await;
    assert_eq!((&clock["now"], &clock["frozen"]), (&json!("2026-01-01T00:01:00.000Z"), &json!(true)));
    let (_, text) = call(&deps, "GET", "/metrics", "").await;
    assert!(text.contains("thingstead_events_total{kind=\"admin\"} 1"), "{text}");
    assert!(text.contains("thingstead_connections 2"), "{text}");
    assert!(text.contains("aws_iot_connect_success_total{protocol=\"MQTT\"} 7"), "{text}");
    assert_eq!(text.matches("# TYPE aws_iot_connect_success ").count(), 1, "{text}");
    assert!(call(&deps, "GET", "/console", "").await.1.contains("console.js"));
    let kinds = call(&deps, "GET", "/console/kinds.js", "").await.1;
    for kind in Kind::ALL {
        assert!(kinds.contains(&format!("\"{}\"", kind.name())), "the console listens to {}", kind.name());
    }
    assert_eq!(call(&deps, "GET", "/console/nothing.js", "").await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn shadows_are_listed_and_shown_with_their_versions() {
    let (deps, recorded) = deps();
    let things = |answer: Value| {
        let shadows = answer["shadows"].as_array().cloned().unwrap_or_default();
        shadows.iter().map(|shadow| shadow["thing"].as_str().unwrap_or("").to_owned()).collect::<Vec<_>>()
    };
    for (query, expected) in [
        ("", vec!["lamp", "lamp-2", "oven"]),
        ("?thing=lamp", vec!["lamp"]),
        ("?find=lamp", vec!["lamp", "lamp-2"]),
        ("?find=lamp&limit=1", vec!["lamp"]),
        ("?account=111111111111", vec![]),
    ] {
        let (_, answer) = json_call(&deps, "GET", &format!("/_thingstead/shadows{query}"), "").await;
        assert_eq!(things(answer), expected, "{query}");
    }
    let (status, answer) = json_call(&deps, "GET", "/_thingstead/shadows/lamp?name=a&limit=3", "").await;
    assert_eq!((status, &answer["thing"]), (StatusCode::OK, &json!("lamp")));
    let asked = recorded.calls.lock().last().cloned().unwrap_or_default();
    assert!(asked.contains(r#"name: Some("a"), limit: 3"#), "{asked}");
    let (status, answer) = json_call(&deps, "GET", "/_thingstead/shadows/oven", "").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert_eq!(answer["error"], "the thing `oven` has no classic shadow, and none was deleted lately");
    let (status, answer) = json_call(&deps, "GET", "/_thingstead/shadows/lamp?limit=x", "").await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(answer["error"], "`limit` is `x`, expected a whole number from 0 up");
    assert_eq!(json_call(&deps, "GET", "/_thingstead/shadows?x=1", "").await.0, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn an_explanation_of_a_client_carries_the_last_changes_of_its_shadows() {
    let (deps, _) = deps();
    deps.journal.record(event(&deps, Kind::ShadowAccepted).thing(Some("oven".into())));
    let (_, answer) = json_call(&deps, "GET", "/_thingstead/explain?client=lamp", "").await;
    let changes = answer["shadow_changes"].as_array().expect("changes");
    let order: Vec<_> = changes.iter().map(|change| (&change["thing"], &change["at_ms"])).collect();
    let expected = [(&json!("lamp"), &json!(9)), (&json!("oven"), &json!(5)), (&json!("lamp"), &json!(3))];
    assert_eq!(order, expected);
    let (_, answer) = json_call(&deps, "GET", "/_thingstead/explain", "").await;
    assert_eq!(answer.get("shadow_changes"), None);
}
