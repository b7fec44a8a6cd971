//! Many shadows, many clients, limits of size and rate.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::Value;
use thingstead_core::wiring::ReservedService;
use thingstead_core::{Message, Publication, Scope};
use thingstead_shadow::{DocumentLimits, ShadowSettings, Throttles};

use crate::support::{World, caller, classic, device, named, scope};

#[test]
fn a_thousand_things_updated_at_once_by_both_doors_lose_no_update() {
    // SHADOW-036, SHADOW-101, SHADOW-034, SHADOW-168
    const THINGS: usize = 1000;
    const WRITERS: usize = 8;
    let world = World::new();
    let payload =
        |writer: usize, thing: usize| format!(r#"{{"state":{{"reported":{{"w{writer}":{thing}}}}}}}"#);
    std::thread::scope(|threads| {
        for writer in 0..WRITERS {
            let world = &world;
            threads.spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
                for thing in 0..THINGS {
                    let (name, payload) = (format!("t{thing}"), payload(writer, thing));
                    if writer % 2 == 0 {
                        world.publish(&format!("$aws/things/{name}/shadow/update"), payload);
                    } else {
                        let id = classic(&name);
                        let update = world.service.update(&id, payload.into(), caller());
                        runtime.block_on(update).expect("accepted");
                    }
                }
            });
        }
    });
    let published = world.bus.take_when(|published| published.len() == THINGS * WRITERS * 2);
    let mut told: HashMap<String, Vec<Value>> = HashMap::new();
    for publication in &published {
        let payload = serde_json::from_slice(&publication.message.payload).expect("JSON");
        told.entry(publication.message.topic.to_string()).or_default().push(payload);
    }
    for thing in 0..THINGS {
        let topic = |below: &str| format!("$aws/things/t{thing}/shadow/update/{below}");
        let versions = told[&topic("accepted")].iter().map(|accepted| accepted["version"].as_u64());
        assert!(versions.eq((1..=WRITERS as u64).map(Some)));
        let mut previous = Value::Null;
        for documents in &told[&topic("documents")] {
            // Each update was made on top of the one before it.
            assert_eq!(documents["previous"], previous);
            previous = documents["current"].clone();
        }
        assert_eq!(previous["version"], WRITERS);
        assert_eq!(previous["state"]["reported"].as_object().map(serde_json::Map::len), Some(WRITERS));
        let stored = world.service.read(&classic(&format!("t{thing}"))).expect("a document");
        let stored: Value = serde_json::from_slice(&stored).expect("JSON");
        assert_eq!(stored["state"], previous["state"]);
    }
}

#[test]
fn answers_of_one_shadow_leave_in_the_order_of_its_versions() {
    // SHADOW-036: also when reads come in between, which wait for the updates they have seen
    let world = World::new();
    for n in 0..200 {
        world.publish("$aws/things/T/shadow/update", format!(r#"{{"state":{{"reported":{{"n":{n}}}}}}}"#));
        world.publish("$aws/things/T/shadow/get", "");
    }
    let published = world.bus.take_when(|published| published.len() == 600);
    let versions: Vec<u64> = published
        .iter()
        .filter_map(|publication| {
            serde_json::from_slice::<Value>(&publication.message.payload).ok()?["version"].as_u64()
        })
        .collect();
    assert!(versions.iter().copied().eq((1..=200).flat_map(|version| [version, version])), "{versions:?}");
}

#[tokio::test]
async fn shadows_of_a_thing_and_scopes_do_not_touch_each_other() {
    // SHADOW-006, SHADOW-007, SHADOW-148, SHADOW-008: nobody registered any of these things
    let world = World::new();
    let ids = [classic("T"), named("T", "a"), named("T", "b"), classic("U")];
    for (n, id) in ids.iter().enumerate() {
        let payload = format!(r#"{{"state":{{"reported":{{"n":{n}}}}}}}"#);
        world.service.update(id, payload.into(), caller()).await.expect("accepted");
    }
    let mut elsewhere = classic("T");
    elsewhere.scope = Scope::new("123456789012", "us-east-1");
    assert!(world.service.get(&elsewhere, caller()).await.is_err());
    world.service.delete(&ids[1], caller()).await.expect("deleted");
    for (n, id) in ids.iter().enumerate() {
        let document = world.service.get(id, caller()).await;
        assert_eq!(document.is_ok(), n != 1);
        if let Ok(document) = document {
            let document: Value = serde_json::from_slice(&document).expect("JSON");
            assert_eq!((&document["state"]["reported"]["n"], &document["version"]), (&n.into(), &1.into()));
        }
    }
    let summaries = world.service.shadows_of(&scope(), &"T".into());
    let summaries: Vec<_> =
        summaries.iter().map(|summary| (summary.shadow.as_deref(), summary.version)).collect();
    assert_eq!(summaries, [(None, 1), (Some("b"), 1)]);
}

#[test]
fn the_merged_document_is_measured_compact_and_without_metadata() {
    // SHADOW-083, SHADOW-084, SHADOW-085, SHADOW-086, SHADOW-087, SHADOW-089
    let world = World::new();
    let topic = "$aws/things/T/shadow/update";
    let of = |desired: usize, reported: usize| {
        let text = |bytes: usize| "x".repeat(bytes);
        format!(
            "{{ \"state\" : {{\n \"desired\" : {{ \"d\" : \"{}\" }} , \"reported\":{{\"r\":\"{}\"}} }}{} }}",
            text(desired),
            text(reported),
            " ".repeat(9000)
        )
    };
    // {"d":""} and {"r":""} take 8 bytes each.
    let accepted = world.ask(topic, of(4000, 8192 - 16 - 4000));
    assert!(accepted[0].0.ends_with("update/accepted"), "{}", accepted[0].1);
    let rejected = |came: Vec<(String, String)>| {
        assert_eq!(came.len(), 1);
        let payload =
            r#"{"code":413,"message":"The payload exceeds the maximum size allowed","timestamp":1700000000}"#;
        assert_eq!((came[0].0.rsplit('/').next(), came[0].1.as_str()), (Some("rejected"), payload));
    };
    rejected(world.ask(topic, r#"{"state":{"desired":{"e":1}}}"#));
    rejected(world.ask("$aws/things/U/shadow/update", of(4000, 8193 - 16 - 4000)));
    // A character counts as its bytes of UTF-8, however it was escaped.
    rejected(world.ask(
        "$aws/things/U/shadow/update",
        format!(r#"{{"state":{{"desired":{{"d":"{}"}}}}}}"#, "é".repeat(4093)),
    ));
    let escaped = format!(r#"{{"state":{{"desired":{{"d":"{}"}}}}}}"#, "\\u00e9".repeat(4092));
    assert!(world.ask("$aws/things/U/shadow/update", escaped)[0].0.ends_with("update/accepted"));

    let shrunk = world.ask(topic, r#"{"state":{"desired":{"d":null,"e":1}}}"#);
    assert!(shrunk[0].0.ends_with("update/accepted"));
    let many: Vec<String> = (0..800).map(|n| format!("\"m{n}\":1")).collect();
    let big = world
        .ask("$aws/things/V/shadow/update", format!(r#"{{"state":{{"desired":{{{}}}}}}}"#, many.join(",")));
    assert!(big[0].0.ends_with("update/accepted"));
    assert!(world.service.read(&classic("V")).expect("a document").len() > 16_384);
}

#[test]
fn the_limits_are_settings() {
    // SHADOW-088, SHADOW-060
    let limits = DocumentLimits { bytes: 30, depth: 2 };
    let world = World::with(ShadowSettings { limits, ..ShadowSettings::default() });
    let topic = "$aws/things/T/shadow/update";
    let came = world.ask(topic, r#"{"state":{"desired":{"a":{"b":{"c":1}}}}}"#);
    assert!(came[0].1.contains("JSON contains too many levels of nesting; maximum is 2"), "{}", came[0].1);
    assert!(world.ask(topic, r#"{"state":{"desired":{"a":"0123456789"}}}"#)[0].0.ends_with("accepted"));
    assert!(world.ask(topic, r#"{"state":{"desired":{"b":"0123456789"}}}"#)[0].1.contains("\"code\":413"));
    assert!(DocumentLimits::from(thingstead_core::Limits::Relaxed).bytes > 1 << 40);
}

#[tokio::test]
async fn rates_are_limited_only_when_asked_for() {
    // SHADOW-156, SHADOW-157
    let free = World::new();
    for _ in 0..100 {
        let missing = free.service.get(&classic("T"), caller()).await.expect_err("no shadow");
        assert_eq!(missing.code(), 404);
    }
    let throttles = Throttles { shadow_per_second: Some(3), account_per_second: Some(5), in_flight: None };
    let world = World::with(ShadowSettings { throttles, ..ShadowSettings::default() });
    let mut codes = Vec::new();
    for thing in ["T", "T", "T", "T", "U", "U"] {
        let id = classic(thing);
        codes.push(
            world
                .service
                .update(&id, r#"{"state":{}}"#.into(), caller())
                .await
                .map_err(|error| error.code())
                .err(),
        );
    }
    assert_eq!(codes, [None, None, None, Some(429), None, Some(429)]);
    world.clock.advance(Duration::from_secs(1));
    assert!(world.service.get(&classic("T"), caller()).await.is_ok());
}

#[test]
fn requests_in_flight_of_one_connection_and_thing_are_limited() {
    // SHADOW-155
    let throttles = Throttles { in_flight: Some(10), ..Throttles::default() };
    assert_eq!(Throttles::aws().in_flight, throttles.in_flight);
    let world = World::with(ShadowSettings { throttles, ..ShadowSettings::default() });
    // The bus of this test asks again from within an answer, so eleven requests are in flight at once.
    let topic = "$aws/things/T/shadow/update";
    let held = Held::over(&world);
    for _ in 0..11 {
        world.publish(topic, r#"{"state":{}}"#);
    }
    let rejected = world.bus.take_when(|published| !published.is_empty());
    assert_eq!(rejected.len(), 1);
    let payload = &rejected[0].message.payload[..];
    assert_eq!(payload, br#"{"code":429,"message":"Too many requests","timestamp":1700000000}"#);
    drop(held);
    world.bus.take_when(|published| published.len() == 20);
    world.publish(topic, r#"{"state":{}}"#);
    let accepted = world.bus.take_when(|published| published.len() == 2);
    assert!(accepted[0].message.topic.ends_with("accepted"));
}

/// Keeps the store from making anything durable until it is dropped.
struct Held {
    release: Option<std::sync::mpsc::Sender<()>>,
}

impl Held {
    fn over(world: &World) -> Self {
        let here = std::thread::current().id();
        loop {
            let (release, released) = std::sync::mpsc::channel::<()>();
            let (started, is_held) = std::sync::mpsc::channel();
            let mut batch = thingstead_store::Batch::new();
            batch.put(thingstead_shadow::SHADOWS, &scope(), "held", r#"{"deleted_ms":0,"version":1}"#);
            world.store.commit(batch).then(move |_, _| {
                // A commit that was quicker than this thread calls back from here, which holds nobody up.
                let by_the_writer = std::thread::current().id() != here;
                let _ = started.send(by_the_writer);
                if by_the_writer {
                    let _ = released.recv();
                }
            });
            if is_held.recv().expect("the writer runs") {
                return Self { release: Some(release) };
            }
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.release.take();
    }
}

#[test]
fn nothing_is_answered_before_it_is_durable() {
    // SHADOW-082 the other way round: what was answered is stored
    let world = World::new();
    let held = Held::over(&world);
    world.publish("$aws/things/T/shadow/update", r#"{"state":{"reported":{"a":1}}}"#);
    world.publish("$aws/things/T/shadow/get", "");
    assert!(world.bus.take().is_empty());
    drop(held);
    let published = world.bus.take_when(|published| published.len() == 3);
    assert!(published[2].message.topic.ends_with("get/accepted"));
    assert!(world.store.get(thingstead_shadow::SHADOWS, &scope(), "T").expect("readable").is_some());
}

#[test]
fn a_request_that_was_refused_first_leaves_nothing_behind() {
    let world = World::new();
    let came = world.ask("$aws/things/T/shadow/name/S/update", r#"{"state":{},"version":4}"#);
    assert!(came[0].1.contains("Version conflict"));
    assert!(world.service.shadows_of(&scope(), &"T".into()).is_empty());
    assert!(world.store.get(thingstead_shadow::SHADOWS, &scope(), "T/S").expect("readable").is_none());
}

#[test]
fn a_response_topic_does_not_move_the_answer() {
    // SHADOW-032
    let world = World::new();
    let properties = thingstead_core::Properties {
        response_topic: Some("elsewhere".into()),
        correlation_data: Some("7".into()),
        ..Default::default()
    };
    let mut message = Message::new("$aws/things/T/shadow/get", "");
    message.properties = Some(properties.into());
    let request = Publication { scope: scope(), message, origin: device(), at: world.clock.now() };
    world.service.handle(&std::sync::Arc::new(request));
    let published = world.bus.take_when(|published| !published.is_empty());
    assert_eq!(&*published[0].message.topic, "$aws/things/T/shadow/get/rejected");
    assert_eq!(published[0].message.properties, None);
}
