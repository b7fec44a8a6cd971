//! How fast it is. The bounds are wide, because tests run on busy machines and without optimisation; the numbers are printed
//! (`cargo test --release -p thingstead-shadow speed -- --nocapture`).

use std::time::{Duration, Instant};

use thingstead_core::Timestamp;
use thingstead_shadow::document::{self, DocumentLimits, Stored, UpdateRequest};
use thingstead_shadow::{ShadowSettings, TABLES};
use thingstead_store::{Durability, Store};

use crate::support::{World, classic};

#[test]
fn a_document_is_updated_in_microseconds() {
    let (full, partial) = (payload(42), payload(4));
    assert!((1000..1100).contains(&full.len()), "{}", full.len());
    let mut stored = Stored::Absent;
    let mut update = |payload: &str| {
        let started = now();
        let at = Timestamp::from_millis(1_700_000_000_000);
        let limits = DocumentLimits::default();
        let request = UpdateRequest::parse(payload.as_bytes(), at, &limits).expect("well formed");
        stored = Stored::Present(document::update(&stored, request, &limits).expect("accepted").document);
        started.elapsed()
    };
    let mut best = |payload: &str| (0..2000).map(|_| update(payload)).min().unwrap_or_default();
    let (full, partial) = (best(&full), best(&partial));
    println!("update of a 1 KiB document: all of it {full:?}, a tenth of it {partial:?}");
    assert!(full < Duration::from_millis(1));
}

#[test]
fn updates_are_made_durable_by_the_thousand() {
    let folder = std::env::temp_dir().join(format!("thingstead-shadow-{}-speed", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    let store = Store::open(&folder, TABLES, Durability::Full).expect("a store");
    let world = World::on(store, ShadowSettings::default());
    let started = now();
    for n in 0..10_000 {
        world.publish(
            &format!("$aws/things/t{}/shadow/update", n % 1000),
            format!(r#"{{"state":{{"reported":{{"n":{n}}}}}}}"#),
        );
    }
    world.bus.take_when(|published| published.len() == 20_000);
    let took = started.elapsed();
    println!("10,000 durable updates of 1,000 shadows: {took:?}");
    assert!(took < Duration::from_secs(20));
    drop(world);
    let _ = std::fs::remove_dir_all(&folder);
}

#[test]
fn the_cost_does_not_grow_with_the_number_of_shadows() {
    let world = World::new();
    let cost = |from: usize, to: usize| {
        for thing in from..to {
            world
                .publish(&format!("$aws/things/t{thing}/shadow/update"), r#"{"state":{"reported":{"n":0}}}"#);
        }
        world.bus.take_when(|published| published.len() == (to - from) * 2);
        let rounds = (0..5).map(|round| {
            let started = now();
            for n in 0..100 {
                let thing = (n * 7919) % to;
                let payload = format!(r#"{{"state":{{"reported":{{"n":{round}}}}}}}"#);
                world.publish(&format!("$aws/things/t{thing}/shadow/update"), payload);
            }
            let took = started.elapsed();
            world.bus.take_when(|published| published.len() == 200);
            took
        });
        rounds.min().unwrap_or_default()
    };
    let few = cost(0, 100);
    let many = cost(100, 20_000);
    println!("100 updates among 100 shadows {few:?}, among 20,000 {many:?}");
    assert!(many < few * 5 + Duration::from_millis(2));
    assert!(world.service.read(&classic("t19999")).is_some());
}

/// A request of about `members` times 25 bytes, of the kinds of value that devices send.
fn payload(members: usize) -> String {
    let members: Vec<String> = (0..members)
        .map(|n| match n % 4 {
            0 => format!(r#""temperature{n:02}":21.{n:02}5"#),
            1 => format!(r#""position_{n:02}":{{"x":{n},"y":7}}"#),
            2 => format!(r#""mode_setting{n:02}":"auto""#),
            _ => format!(r#""is_enabled_{n:02}":true"#),
        })
        .collect();
    format!(r#"{{"state":{{"reported":{{{}}}}}}}"#, members.join(","))
}

#[expect(clippy::disallowed_methods, reason = "a measurement of real time")]
fn now() -> Instant {
    Instant::now()
}
