//! The service log over a real registry and a journal that tests write.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use parking_lot::Mutex;
use serde_json::{Value, json};
use thingstead_core::{Clock, Event, Ids, Journal, Kind, Scope, Timestamp};
use thingstead_registry::{
    CreateThing, CreateThingGroup, LogLevel, LogTarget, LoggingOptions, Registry, RegistrySettings, TABLES,
    V2LoggingOptions,
};
use thingstead_rules::{AwsSettings, LogWriter};
use thingstead_store::Store;
use thingstead_telemetry::{Destinations, LogQuery, ServiceLog};

struct World {
    journal: Journal,
    registry: Registry,
    log: Arc<ServiceLog>,
    pings: Arc<AtomicBool>,
}

fn scope() -> Scope {
    Scope::new("111122223333", "eu-west-1")
}

fn world(destinations: Destinations) -> World {
    let store = Store::ephemeral(TABLES).expect("a store");
    let (clock, journal) = (Clock::frozen_at(Timestamp::from_millis(1_767_225_600_123)), Journal::default());
    let registry = Registry::open(store, clock, Ids::seeded(1), journal.clone(), RegistrySettings::default());
    let registry = registry.expect("a registry");
    let pings = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&pings);
    let tell = move |tell| told.store(tell, Ordering::Relaxed);
    let log = ServiceLog::start(journal.clone(), registry.clone(), tell, destinations).expect("a log");
    World { journal, registry, log, pings }
}

impl World {
    async fn options(&self, options: Value) {
        let options: V2LoggingOptions = serde_json::from_value(options).expect("options");
        self.registry.set_v2_logging_options(&scope(), options).await.expect("set");
    }

    async fn target(&self, kind: &str, name: Option<&str>, level: LogLevel) {
        let target = LogTarget { target_type: kind.to_owned(), target_name: name.map(str::to_owned) };
        self.registry.set_v2_logging_level(&scope(), target, level).await.expect("set");
    }

    fn happens(&self, kind: Kind, client: &str) {
        self.journal.record(event(kind, client));
    }

    /// Type, level and client of the entries since the last time.
    fn told(&self) -> Vec<String> {
        let entries = self.log.find(&LogQuery::default());
        let text = |entry: &Value, name: &str| entry[name].as_str().unwrap_or_default().to_owned();
        let told = entries
            .iter()
            .map(|entry| {
                format!(
                    "{} {} {}",
                    text(entry, "eventType"),
                    text(entry, "logLevel"),
                    text(entry, "clientId")
                )
            })
            .collect();
        thingstead_core::wiring::Reload::reload(&*self.log).expect("forgotten");
        told
    }
}

fn event(kind: Kind, client: &str) -> Event {
    Event::new(&scope(), Timestamp::from_millis(1_767_225_600_123), kind)
        .client(Some(client.into()))
        .principal("ab12")
        .source(Some(SocketAddr::from(([198, 51, 100, 23], 41_822))))
        .topic("plant/7")
        .why("because")
}

#[tokio::test]
async fn options_of_the_first_generation_count_until_the_second_is_set() {
    // API-210, MQTT-252
    let world = world(Destinations::default());
    let first = |level| LoggingOptions { role_arn: None, log_level: level };
    world.registry.set_logging_options(&scope(), first(Some(LogLevel::Error))).await.expect("set");
    world.happens(Kind::Connected, "a");
    world.happens(Kind::PublishRefused, "b");
    let entries = world.log.find(&LogQuery::default());
    assert_eq!(entries.len(), 1, "{entries:?}");
    assert_eq!((&entries[0]["clientId"], &entries[0]["logGroup"]), (&json!("b"), &json!("AWSIotLogs")));
    world.told();
    world.options(json!({ "defaultLogLevel": "DISABLED" })).await;
    world.happens(Kind::PublishRefused, "c");
    assert!(world.told().is_empty());
    world.registry.set_logging_options(&scope(), first(Some(LogLevel::Disabled))).await.expect("set");
    world.options(json!({ "defaultLogLevel": "INFO" })).await;
    world.happens(Kind::Connected, "d");
    let entries = world.log.find(&LogQuery::default());
    assert_eq!((&entries[0]["clientId"], &entries[0]["logGroup"]), (&json!("d"), &json!("AWSIotLogsV2")));
}

#[tokio::test]
async fn nothing_is_logged_before_it_is_configured_and_each_level_includes_the_graver_ones() {
    // MQTT-252, API-213
    let world = world(Destinations::default());
    let all = |world: &World| {
        world.happens(Kind::Published, "c");
        world.happens(Kind::ConnectRefused, "c");
        world.told()
    };
    assert!(all(&world).is_empty());
    for (level, expected) in [
        ("DISABLED", &[][..]),
        ("ERROR", &["Connect ERROR c"]),
        ("WARN", &["Connect ERROR c"]),
        ("INFO", &["Publish-In INFO c", "Connect ERROR c"]),
        ("DEBUG", &["Publish-In INFO c", "Connect ERROR c"]),
    ] {
        world.options(json!({ "defaultLogLevel": level })).await;
        assert_eq!(all(&world), expected, "{level}");
    }
    world.options(json!({ "disableAllLogs": true })).await;
    assert!(all(&world).is_empty());
    // Another account has not switched it on.
    world.options(json!({ "defaultLogLevel": "DEBUG" })).await;
    let stranger = Scope::new("444455556666", "eu-west-1");
    world.journal.record(Event { scope: stranger, ..event(Kind::Published, "c") });
    assert!(world.told().is_empty());
}

#[tokio::test]
async fn a_target_goes_before_a_type_of_event_and_that_before_the_account() {
    // MQTT-253
    let world = world(Destinations::default());
    world
        .options(json!({
            "defaultLogLevel": "ERROR",
            "eventConfigurations": [{ "eventType": "Connect", "logLevel": "INFO" }, { "eventType": "Publish-In" }],
        }))
        .await;
    let both = |client: &str| {
        world.happens(Kind::Connected, client);
        world.happens(Kind::Published, client);
        world.told()
    };
    assert_eq!(both("c"), ["Connect INFO c"]);
    world.target("CLIENT_ID", Some("quiet"), LogLevel::Disabled).await;
    world.target("CLIENT_ID", Some("loud"), LogLevel::Debug).await;
    assert!(both("quiet").is_empty());
    assert_eq!(both("loud"), ["Connect INFO loud", "Publish-In INFO loud"]);
    // Of several that fit, the most talkative.
    world.target("PRINCIPAL_ID", Some("ab12"), LogLevel::Error).await;
    assert_eq!(both("loud").len(), 2);
    assert!(both("c").is_empty());
    world.target("SOURCE_IP", Some("198.51.100.23"), LogLevel::Info).await;
    assert_eq!(both("c").len(), 2);
    // The default may be set as a target, too.
    world.target("SOURCE_IP", Some("198.51.100.23"), LogLevel::Disabled).await;
    world.target("PRINCIPAL_ID", Some("ab12"), LogLevel::Disabled).await;
    assert!(both("c").is_empty());
}

#[tokio::test]
async fn things_are_logged_by_their_groups() {
    // MQTT-253: THING_GROUP, parents included
    let world = world(Destinations::default());
    world.options(json!({ "defaultLogLevel": "DISABLED" })).await;
    let group = |name: &str, parent: Option<&str>| CreateThingGroup {
        name: name.to_owned(),
        parent: parent.map(str::to_owned),
        ..CreateThingGroup::default()
    };
    world.registry.create_thing_group(&scope(), group("plant", None)).await.expect("made");
    world.registry.create_thing_group(&scope(), group("hall", Some("plant"))).await.expect("made");
    let lamp = CreateThing { name: "lamp".to_owned(), ..CreateThing::default() };
    world.registry.create_thing(&scope(), lamp).await.expect("made");
    world.registry.add_thing_to_thing_group(&scope(), "hall", "lamp", false).await.expect("added");
    world.happens(Kind::Connected, "lamp");
    assert!(world.told().is_empty());
    world.target("THING_GROUP", Some("plant"), LogLevel::Info).await;
    world.happens(Kind::Connected, "lamp");
    world.happens(Kind::Connected, "other");
    assert_eq!(world.told(), ["Connect INFO lamp"]);
}

#[tokio::test]
async fn pings_and_failed_authentications_are_logged_only_where_they_are_asked_for() {
    // MQTT-252: `Ping` success is DEBUG; MQTT-254: both are opt-in
    let world = world(Destinations::default());
    world.options(json!({ "defaultLogLevel": "DEBUG" })).await;
    let both = || {
        world.happens(Kind::Pinged, "c");
        // AUTH-303: whoever names no server is not logged at all.
        world.happens(Kind::AuthenticationRefused, "nameless");
        world.journal.record(event(Kind::AuthenticationRefused, "c").with("server_name", "localhost"));
        world.told()
    };
    assert!(both().is_empty());
    assert!(!world.pings.load(Ordering::Relaxed));
    let wanted =
        json!([{ "eventType": "Ping", "logLevel": "INFO" }, { "eventType": "Connection.AuthNError" }]);
    world.options(json!({ "eventConfigurations": wanted })).await;
    assert_eq!(both(), ["Connection.AuthNError ERROR c"]);
    let wanted = json!([{ "eventType": "Ping" }]);
    world.options(json!({ "eventConfigurations": wanted })).await;
    assert_eq!(both(), ["Ping DEBUG c"]);
    assert!(world.pings.load(Ordering::Relaxed), "the broker is asked to tell of pings");
    world.options(json!({ "eventConfigurations": [] })).await;
    assert!(both().is_empty());
    assert!(!world.pings.load(Ordering::Relaxed));
}

#[tokio::test]
async fn rules_are_logged_with_the_rest_and_a_file_gets_lines() {
    // RULES-423, RULES-429, MQTT-252
    let path = std::env::temp_dir().join(format!("service-log-{}.jsonl", std::process::id()));
    let file = std::fs::OpenOptions::new().create(true).append(true).open(&path).expect("a file");
    let world = world(Destinations { file: Some(file), cloudwatch: None });
    world.options(json!({ "defaultLogLevel": "INFO" })).await;
    world.journal.record(event(Kind::RuleMatched, "c").with("rule", "r").with("trace_id", "t-1"));
    world.journal.record(event(Kind::RuleNotFound, "c").with("rule", "gone"));
    let entries = world.log.find(&LogQuery { client: Some("c".to_owned()), ..LogQuery::default() });
    assert_eq!((&entries[0]["eventType"], &entries[0]["traceId"]), (&json!("RuleMatch"), &json!("t-1")));
    assert_eq!((&entries[1]["eventType"], &entries[1]["ruleName"]), (&json!("RuleNotFound"), &json!("gone")));
    assert_eq!(entries[0]["logGroup"], "AWSIotLogsV2");
    let grave = LogQuery { level: Some(LogLevel::Error), ..LogQuery::default() };
    assert_eq!(world.log.find(&grave).len(), 1);
    let text = std::fs::read_to_string(&path).expect("a file");
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(lines.len(), 2);
    assert!(lines[0].get("logGroup").is_none());
    std::fs::remove_file(&path).expect("removed");
}

/// What CloudWatch Logs was sent: operation and body.
type Sent = Arc<Mutex<Vec<(String, Value)>>>;

async fn cloudwatch(State(sent): State<Sent>, headers: HeaderMap, body: String) -> (StatusCode, String) {
    let target = headers["x-amz-target"].to_str().expect("text").to_owned();
    assert!(headers["authorization"].to_str().expect("text").contains("/eu-west-1/logs/aws4_request"));
    sent.lock().push((target.clone(), serde_json::from_str(&body).expect("JSON")));
    if target.ends_with("CreateLogGroup") {
        let exists = json!({ "__type": "ResourceAlreadyExistsException", "message": "exists" });
        return (StatusCode::BAD_REQUEST, exists.to_string());
    }
    (StatusCode::OK, "{}".to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn entries_go_to_cloudwatch_logs_where_an_endpoint_is_configured() {
    // MQTT-252: log group `AWSIotLogsV2`; MQTT-253: `logDestination`
    let sent = Sent::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let router = Router::new().fallback(cloudwatch).with_state(Arc::clone(&sent));
    tokio::spawn(async move { axum::serve(listener, router).await });
    let nowhere = AwsSettings::default();
    assert!(LogWriter::new(&nowhere, &[], Clock::system()).is_none(), "nothing leaves the machine");
    let endpoint = ("AWS_ENDPOINT_URL".to_owned(), format!("http://{address}"));
    let writer = LogWriter::new(&AwsSettings::from_variables([endpoint]), &[], Clock::system());
    let world = world(Destinations { file: None, cloudwatch: writer });
    let apart = json!([{ "eventType": "Connect", "logDestination": "apart" }]);
    world.options(json!({ "defaultLogLevel": "INFO", "eventConfigurations": apart })).await;
    world.log.catch_up();
    world.happens(Kind::Published, "c");
    world.happens(Kind::Connected, "c");
    world.happens(Kind::Published, "d");
    world.log.catch_up();
    let puts = || -> Vec<Value> {
        let sent = sent.lock();
        sent.iter()
            .filter(|(target, _)| target.ends_with("PutLogEvents"))
            .map(|(_, body)| body.clone())
            .collect()
    };
    for _ in 0..500 {
        let events: usize = puts().iter().map(|put| put["logEvents"].as_array().map_or(0, Vec::len)).sum();
        if events == 3 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let of = |group: &str| -> Vec<String> {
        let puts = puts();
        let events = puts.iter().filter(|put| put["logGroupName"] == group).flat_map(|put| {
            assert_eq!(put["logStreamName"], "thingstead_111122223333_eu-west-1");
            put["logEvents"].as_array().expect("events").clone()
        });
        events
            .map(|event| {
                assert_eq!(event["timestamp"], 1_767_225_600_123_i64);
                let entry: Value =
                    serde_json::from_str(event["message"].as_str().expect("text")).expect("JSON");
                format!(
                    "{} {}",
                    entry["eventType"].as_str().expect("text"),
                    entry["clientId"].as_str().expect("text")
                )
            })
            .collect()
    };
    assert_eq!(of("AWSIotLogsV2"), ["Publish-In c", "Publish-In d"]);
    assert_eq!(of("apart"), ["Connect c"]);
    let made = sent.lock().iter().filter(|(target, _)| target.ends_with("CreateLogStream")).count();
    assert_eq!(made, 2, "a stream is made once for each group");
}
