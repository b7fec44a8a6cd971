//! A receiver that is dead: what it costs, what is written down, and what goes on without it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use serde_json::{Value, json};
use thingstead_core::journal::{Capacity, Query};
use thingstead_core::wiring::RuleSink as _;
use thingstead_core::{Journal, Kind, Message, Publication};
use thingstead_rules::{DeliveryOutcome, HttpDestinations, Page, Settings};
use thingstead_store::Store;
use tokio::net::TcpListener;

use crate::world::{ROLE, World, republish};

/// Deliveries that one destination may have waiting.
const QUEUE: usize = 2_000;
/// Messages that find no place there.
const REFUSED: usize = 1_500;
/// More than the deliveries that time out meanwhile, each of which leaves its place to one more message.
const SLACK: usize = 200;

/// A payload that counts how many of its kind are alive.
struct Counted(Arc<AtomicUsize>, String);

impl Counted {
    fn payload(alive: &Arc<AtomicUsize>, text: String) -> Bytes {
        alive.fetch_add(1, Ordering::SeqCst);
        Bytes::from_owner(Self(Arc::clone(alive), text))
    }
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        self.1.as_bytes()
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Connects and never answers.
async fn dead() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/", listener.local_addr().expect("an address"));
    (listener, url)
}

fn world(journal: Journal) -> World {
    let settings = Settings { http_destinations: HttpDestinations::Automatic, ..Settings::default() };
    World::keeping(journal, Store::ephemeral(thingstead_rules::TABLES).expect("a store"), settings)
}

/// Offers messages as a shard does: many in one turn, whose events are written down together.
fn offer(world: &World, messages: impl IntoIterator<Item = (String, Bytes)>) {
    let mut told = Vec::new();
    for (number, (topic, payload)) in messages.into_iter().enumerate() {
        let sent = world.message(&topic, "");
        let message = Message { payload, ..sent.message };
        world.engine.offer_and_tell(&Arc::new(Publication { message, ..sent }), &mut told);
        if number % 50 == 49 {
            world.journal.record_all(told.drain(..));
        }
    }
    world.journal.record_all(told);
}

fn of_topic(world: &World, kind: Kind, topic: &str) -> Vec<Value> {
    let query = Query { kind: Some(kind), topic: Some(topic.to_owned()), ..Query::default() };
    world.journal.find(&query).iter().map(thingstead_core::Event::to_json).collect()
}

/// The topics of the messages that found the queue full, in order.
fn refused(world: &World) -> Vec<String> {
    let events = world.events(Kind::ActionFailed);
    let found_full = events
        .iter()
        .filter(|event| event.why.contains("deliveries are waiting for this destination already"));
    found_full.filter_map(|event| event.topic.as_deref()).map(str::to_owned).collect()
}

/// Of the topic of a message.
fn number_of(topic: &str) -> usize {
    topic.trim_start_matches("in/").parse().expect("a number")
}

#[tokio::test]
async fn every_message_that_finds_the_queue_full_fails_on_its_own_and_nothing_else_waits() {
    // RULES-354, RULES-356, RULES-358, RULES-390, RULES-392, RULES-394, RULES-398, RULES-418
    let (_dead, url) = dead().await;
    let world = world(Journal::default());
    let actions = json!([{"http": {"url": url}}, republish("out/${topic(2)}")]);
    world
        .rule_with_error("r", "SELECT n + 1 AS next FROM 'in/#'", actions, republish("failed/${topic(2)}"))
        .await;
    let count = QUEUE + REFUSED;
    offer(&world, (0..count).map(|n| (format!("in/{n}"), format!(r#"{{"n":{n}}}"#).into())));

    // The other action went on for every message, in order.
    let texts = world.bus.texts();
    let out: Vec<&(String, String)> = texts.iter().filter(|(topic, _)| topic.starts_with("out/")).collect();
    assert_eq!(out.len(), count);
    assert!(out.iter().enumerate().all(|(n, (topic, _))| *topic == format!("out/{n}")));

    // A failure is one event, one error action, one count.
    let failed = refused(&world);
    assert!((REFUSED - SLACK..=REFUSED).contains(&failed.len()), "{}", failed.len());
    // Deliveries that timed out meanwhile have error actions as well.
    let is_refusal = |text: &str| text.contains("deliveries are waiting for this destination already");
    let errors: Vec<&(String, String)> =
        texts.iter().filter(|(topic, text)| topic.starts_with("failed/") && is_refusal(text)).collect();
    let topics: Vec<String> = errors.iter().map(|(topic, _)| topic.replacen("failed/", "in/", 1)).collect();
    assert!(topics == failed, "{} error actions for {} failures", topics.len(), failed.len());
    let last = failed.last().expect("a failure").clone();
    assert!(world.metric("Failure") >= failed.len() as u64);

    let told = of_topic(&world, Kind::ActionFailed, &last).remove(0);
    let matched = of_topic(&world, Kind::RuleMatched, &last).remove(0);
    assert!(matched["seq"].as_u64() < told["seq"].as_u64());
    assert_eq!(told["trace_id"], matched["trace_id"]);
    assert_eq!((&told["action"], &told["resources"]), (&json!("http"), &json!({"Url": url})));
    let why = told["why"].as_str().expect("a reason");
    assert!(why.ends_with(&format!(". Message arrived on: {last}, Action: http, Url: {url}")), "{why}");
    let document: Value = serde_json::from_str(&errors.last().expect("an error").1).expect("JSON");
    assert_eq!(document["failures"][0]["failedAction"], "HttpAction");
    assert_eq!(document["failures"][0]["failedResource"], json!(url));
    assert_eq!(document["failures"][0]["errorMessage"], told["why"]);

    // The log of deliveries knows what would have been sent.
    let deliveries = world.engine.deliveries().list(Some("r"));
    let seq = told["seq"].as_u64().expect("a number");
    let delivery = deliveries.iter().find(|delivery| delivery.seq == seq).expect("the event's delivery");
    assert_eq!(
        (delivery.outcome, delivery.attempts, delivery.error_action),
        (DeliveryOutcome::Failed, 0, false)
    );
    assert_eq!((delivery.action, delivery.why.as_str()), ("http", why));
    assert_eq!((delivery.request.method.as_str(), &delivery.request.url), ("POST", &url));
    assert_eq!(delivery.request.body, format!(r#"{{"next":{}}}"#, number_of(&last) + 1));
    assert!(deliveries.is_sorted_by_key(|delivery| delivery.seq));
    assert!(deliveries.len() <= 2 * QUEUE);
    world.engine.deliveries().clear();
    assert!(world.engine.deliveries().list(None).is_empty());
}

#[tokio::test]
async fn failures_keep_no_more_memory_than_the_journal_has_room_for() {
    // RULES-403
    let (_dead, url) = dead().await;
    let capacity = Capacity { events: 300, ..Capacity::default() };
    let world = world(Journal::new(capacity));
    world.rule("r", "SELECT * FROM 'in/#'", json!([{"http": {"url": url}}])).await;
    let alive = Arc::new(AtomicUsize::new(0));
    let count = QUEUE + REFUSED;
    offer(&world, (0..count).map(|n| (format!("in/{n}"), Counted::payload(&alive, format!("[{n}]")))));
    // What waits in the queue waits with a copy of its own.
    assert!(alive.load(Ordering::SeqCst) <= 300, "{}", alive.load(Ordering::SeqCst));
    let failures = world
        .engine
        .metrics()
        .iter()
        .filter(|metric| metric.name == "Failure")
        .map(|metric| metric.value)
        .sum::<u64>();
    assert!(failures >= (REFUSED - SLACK) as u64, "{failures}");
    let last = refused(&world).pop().expect("a failure");
    assert_eq!(of_topic(&world, Kind::ActionFailed, &last).len(), 1);
    let told = world.engine.deliveries().list(Some("r"));
    let payload = format!("[{}]", number_of(&last));
    assert_eq!(told.iter().filter(|delivery| delivery.request.body == payload).count(), 1);
    drop(told);
    world.journal.clear();
    assert_eq!(alive.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_full_queue_is_forgotten_when_the_destination_changes() {
    // RULES-461: what is wrong with the destination goes before what is wrong with its queue.
    let (_dead, url) = dead().await;
    let world = world(Journal::default());
    world.rule("r", "SELECT * FROM 'in/#'", json!([{"http": {"url": url}}])).await;
    offer(&world, (0..QUEUE + 5).map(|n| (format!("in/{n}"), Bytes::from_static(b"1"))));
    let page = Page { max_results: None, next_token: None };
    let listed = world.engine.list_topic_rule_destinations(&world.scope, &page).expect("a list");
    let arn = listed["destinationSummaries"][0]["arn"].as_str().expect("an ARN");
    world.engine.delete_topic_rule_destination(&world.scope, arn).await.expect("it is there");
    offer(&world, [("in/last".to_owned(), Bytes::from_static(b"1"))]);
    let told = of_topic(&world, Kind::ActionFailed, "in/last").remove(0);
    let why = told["why"].as_str().expect("a reason");
    assert!(why.starts_with("there is no destination with confirmation URL"), "{why}");
}

#[tokio::test]
async fn the_queue_of_a_service_that_is_dead_is_known_before_a_request_is_made() {
    // RULES-426: the resources of an action that was not begun are told as if it had been.
    let (_dead, url) = dead().await;
    let mut settings = Settings::default();
    settings.aws.endpoint = Some(url.trim_end_matches('/').to_owned());
    let journal = Journal::default();
    let world =
        World::keeping(journal, Store::ephemeral(thingstead_rules::TABLES).expect("a store"), settings);
    let queue = "https://sqs.eu-west-1.amazonaws.com/123456789012/${topic(2)}";
    let action = json!([{"sqs": {"roleArn": ROLE, "queueUrl": queue}}]);
    world.rule("r", "SELECT VALUE n FROM 'in/#'", action).await;
    let count = QUEUE + 5;
    offer(&world, (0..count).map(|n| (format!("in/{n}"), format!(r#"{{"n":{n}}}"#).into())));
    let last = refused(&world).pop().expect("a failure");
    let told = of_topic(&world, Kind::ActionFailed, &last).remove(0);
    let filled = queue.replace("${topic(2)}", &number_of(&last).to_string());
    assert_eq!(told["resources"], json!({"Queue": filled}), "{told}");
    let seq = told["seq"].as_u64().expect("a number");
    let deliveries = world.engine.deliveries().list(Some("r"));
    let delivery = deliveries.iter().find(|delivery| delivery.seq == seq).expect("the event's delivery");
    assert_eq!(delivery.request.operation, "SQS.SendMessage");
    assert!(delivery.request.url.starts_with(url.as_str()), "{}", delivery.request.url);
}
