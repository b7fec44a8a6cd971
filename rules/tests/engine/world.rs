//! What the tests stand on.

use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use serde_json::{Value, json};
use thingstead_core::journal::Query;
use thingstead_core::message::Sender;
use thingstead_core::wiring::{Bus, RuleSink as _};
use thingstead_core::{
    Clock, Event, Ids, Journal, Kind, Message, Origin, Principal, Publication, Scope, Timestamp, topic,
};
use thingstead_rules::{Delivery, Deps, HttpDestinations, Lookups, RuleEngine, RulesError, Settings};
use thingstead_store::Store;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// 2026-11-21T10:00:00Z
pub(crate) const NOW: i64 = 1_795_255_200_000;

pub(crate) struct World {
    pub(crate) engine: RuleEngine,
    pub(crate) bus: Arc<FakeBus>,
    pub(crate) journal: Journal,
    pub(crate) clock: Clock,
    pub(crate) store: Store,
    pub(crate) scope: Scope,
}

/// Keeps what is published and offers it to the rules again, as the router does.
#[derive(Default)]
pub(crate) struct FakeBus {
    published: Mutex<Vec<Publication>>,
    engine: OnceLock<RuleEngine>,
}

impl Bus for FakeBus {
    fn publish(&self, publication: Publication) {
        self.published.lock().push(publication.clone());
        if let Some(engine) = self.engine.get() {
            match topic::basic_ingest(&publication.message.topic) {
                Some(ingest) => drop(engine.basic_ingest(ingest.rule, &publication)),
                None => engine.offer(&publication),
            }
        }
    }

    fn send_to(&self, _client: &str, _publication: Publication) -> bool {
        false
    }
}

impl FakeBus {
    /// What was published so far.
    pub(crate) fn published(&self) -> Vec<Publication> {
        self.published.lock().clone()
    }

    /// Topics and payloads as text.
    pub(crate) fn texts(&self) -> Vec<(String, String)> {
        let text = |publication: &Publication| {
            let payload = String::from_utf8_lossy(&publication.message.payload).into_owned();
            (publication.message.topic.to_string(), payload)
        };
        self.published.lock().iter().map(text).collect()
    }
}

/// One thing, `lamp`, with a shadow.
struct OneThing;

impl Lookups for OneThing {
    fn thing_shadow(&self, _: &Scope, thing: &str, shadow: Option<&str>) -> Result<Bytes, String> {
        match (thing, shadow) {
            ("lamp", None) => Ok(Bytes::from_static(br#"{"state":{"reported":{"on":true}}}"#)),
            ("lamp", Some("wifi")) => Ok(Bytes::from_static(br#"{"state":{"reported":{"ssid":"home"}}}"#)),
            _ => Err(format!("no shadow exists for the thing `{thing}`")),
        }
    }

    fn describe_thing(&self, _: &Scope, thing: &str) -> Result<Value, String> {
        Ok(json!({"thingName": thing, "attributes": {"room": "attic"}}))
    }

    fn thing_groups_of(&self, _: &Scope, _: &str) -> Result<Value, String> {
        Ok(json!({"thingGroups": [{"groupName": "lamps"}]}))
    }
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(Settings { http_destinations: HttpDestinations::Automatic, ..Settings::default() })
    }

    pub(crate) fn with(settings: Settings) -> Self {
        Self::over(Store::ephemeral(thingstead_rules::TABLES).expect("a store"), settings)
    }

    pub(crate) fn over(store: Store, settings: Settings) -> Self {
        Self::keeping(Journal::default(), store, settings)
    }

    pub(crate) fn keeping(journal: Journal, store: Store, settings: Settings) -> Self {
        let bus = Arc::new(FakeBus::default());
        let clock = Clock::frozen_at(Timestamp::from_millis(NOW));
        let engine = RuleEngine::new(Deps {
            store: store.clone(),
            bus: Arc::clone(&bus) as Arc<dyn Bus>,
            journal: journal.clone(),
            clock: clock.clone(),
            ids: Ids::seeded(1),
            lookups: Arc::new(OneThing),
            settings,
        })
        .expect("an engine");
        assert!(bus.engine.set(engine.clone()).is_ok());
        Self { engine, bus, journal, clock, store, scope: Scope::new("123456789012", "eu-west-1") }
    }

    /// Creates a rule of version 2016-03-23.
    pub(crate) async fn rule(&self, name: &str, sql: &str, actions: Value) {
        self.try_rule(name, sql, actions).await.expect(name);
    }

    pub(crate) async fn try_rule(&self, name: &str, sql: &str, actions: Value) -> Result<(), RulesError> {
        let payload = json!({"sql": sql, "actions": actions, "awsIotSqlVersion": "2016-03-23"});
        self.engine.create_topic_rule(&self.scope, name, &payload).await
    }

    /// Creates a rule with an error action.
    pub(crate) async fn rule_with_error(&self, name: &str, sql: &str, actions: Value, error: Value) {
        let payload = json!({
            "sql": sql, "actions": actions, "errorAction": error, "awsIotSqlVersion": "2016-03-23",
        });
        self.engine.create_topic_rule(&self.scope, name, &payload).await.expect(name);
    }

    /// A message of the client `sensor-1`.
    pub(crate) fn message(&self, topic: &str, payload: impl Into<Bytes>) -> Publication {
        let sender = Sender {
            client: Some("sensor-1".into()),
            principal: Principal::Certificate("c".repeat(64).into()),
            thing: Some("lamp".into()),
            address: Some("192.0.2.7:40000".parse().expect("an address")),
            session: "session".into(),
        };
        Publication {
            scope: self.scope.clone(),
            message: Message::new(topic, payload),
            origin: Origin::Client(Arc::new(sender)),
            at: self.clock.now(),
        }
    }

    /// Offers a message as the router would.
    pub(crate) fn publish(&self, topic: &str, payload: impl Into<Bytes>) {
        self.engine.offer(&self.message(topic, payload));
    }

    pub(crate) fn events(&self, kind: Kind) -> Vec<Event> {
        self.journal.find(&Query { kind: Some(kind), ..Query::default() })
    }

    /// The events' JSON once there are so many of the kind.
    pub(crate) async fn until(&self, kind: Kind, count: usize) -> Vec<Value> {
        let mut newest = self.journal.watch();
        let wait = async {
            loop {
                let events = self.events(kind);
                if events.len() >= count {
                    break events.iter().map(Event::to_json).collect();
                }
                newest.changed().await.expect("the journal lives");
            }
        };
        match tokio::time::timeout(PATIENCE, wait).await {
            Ok(events) => events,
            Err(_) => {
                let all: Vec<Value> = self.journal.after(0).iter().map(Event::to_json).collect();
                panic!("waited for {count} {}: {}", kind.name(), json!(all))
            }
        }
    }

    /// The deliveries of a rule once there are so many.
    pub(crate) async fn deliveries(&self, rule: &str, count: usize) -> Vec<Delivery> {
        let wait = async {
            loop {
                let found = self.engine.deliveries().list(Some(rule));
                if found.len() >= count {
                    break found;
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.expect("deliveries in time")
    }

    /// How often a metric was counted, for all actions.
    pub(crate) fn metric(&self, name: &str) -> u64 {
        self.engine.metrics().iter().filter(|metric| metric.name == name).map(|metric| metric.value).sum()
    }
}

/// A role that nobody looks at.
pub(crate) const ROLE: &str = "arn:aws:iam::123456789012:role/r";

pub(crate) fn republish(topic: &str) -> Value {
    json!({"republish": {"roleArn": ROLE, "topic": topic}})
}

/// An HTTP server that keeps what it gets and answers as told, 200 when nothing is told.
#[derive(Clone)]
pub(crate) struct Receiver {
    pub(crate) url: String,
    received: Arc<Mutex<Vec<Received>>>,
    answers: Arc<Mutex<VecDeque<(u16, String)>>>,
}

#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) line: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    pub(crate) fn target(&self) -> &str {
        self.line.split(' ').nth(1).expect("a target")
    }
}

impl Receiver {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let receiver = Self { url, received: Arc::default(), answers: Arc::default() };
        let served = receiver.clone();
        tokio::spawn(async move {
            loop {
                let Ok((socket, _)) = listener.accept().await else { break };
                tokio::spawn(served.clone().serve(socket));
            }
        });
        receiver
    }

    /// Answers the next requests so.
    pub(crate) fn answer(&self, answers: impl IntoIterator<Item = (u16, &'static str)>) {
        self.answers.lock().extend(answers.into_iter().map(|(status, body)| (status, body.to_owned())));
    }

    /// Everything received once there is so much.
    pub(crate) async fn received(&self, count: usize) -> Vec<Received> {
        let wait = async {
            loop {
                let received = self.received.lock().clone();
                if received.len() >= count {
                    break received;
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.expect("requests in time")
    }

    async fn serve(self, mut socket: tokio::net::TcpStream) {
        let mut buffer = Vec::new();
        loop {
            let Some(request) = read_request(&mut socket, &mut buffer).await else { return };
            self.received.lock().push(request);
            let (status, body) = self.answers.lock().pop_front().unwrap_or((200, "{}".to_owned()));
            let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            if socket.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
        }
    }
}

async fn read_request(socket: &mut tokio::net::TcpStream, buffer: &mut Vec<u8>) -> Option<Received> {
    loop {
        if let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
            let mut lines = head.lines();
            let line = lines.next()?.to_owned();
            let headers: Vec<(String, String)> = lines
                .filter_map(|line| line.split_once(':'))
                .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
                .collect();
            let length = headers.iter().find(|(name, _)| name == "content-length");
            let length: usize = length.map_or(0, |(_, value)| value.parse().expect("a length"));
            if buffer.len() >= end + 4 + length {
                let body = Bytes::copy_from_slice(&buffer[end + 4..end + 4 + length]);
                buffer.drain(..end + 4 + length);
                return Some(Received { line, headers, body });
            }
        }
        let mut chunk = [0; 8192];
        match socket.read(&mut chunk).await {
            Ok(0) | Err(_) => return None,
            Ok(read) => buffer.extend_from_slice(&chunk[..read]),
        }
    }
}

/// So long a test waits for something that happens on another thread.
const PATIENCE: Duration = Duration::from_secs(10);
