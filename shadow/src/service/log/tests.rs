//! The process may end at any point, and a snapshot may come back at any point.

use std::sync::Arc;

use bytes::Bytes;
use thingstead_core::wiring::{Bus, Reload};
use thingstead_core::{Clock, Journal, Origin, Publication, ThingName, Timestamp};

use super::*;
use crate::service::{ShadowSettings, TABLES};

struct Nobody;

impl Bus for Nobody {
    fn publish(&self, _: Publication) {}

    fn send_to(&self, _: &str, _: Publication) -> bool {
        false
    }
}

fn scope() -> Scope {
    Scope::new("123456789012", "eu-west-1")
}

fn id(thing: &str) -> ShadowId {
    ShadowId { scope: scope(), thing: ThingName::from(thing), shadow: None }
}

fn at(seconds: i64) -> Clock {
    Clock::frozen_at(Timestamp::from_millis((1_700_000_000 + seconds) * 1_000))
}

fn open(store: &Store, clock: Clock) -> ShadowService {
    let journal = Journal::default();
    ShadowService::open(store.clone(), Arc::new(Nobody), clock, journal, ShadowSettings::default())
        .expect("a service")
}

/// Reports `n` and waits until it is accepted, which is when it is durable.
fn report(service: &ShadowService, thing: &str, n: usize) {
    let payload = Bytes::from(format!(r#"{{"state":{{"reported":{{"n":{n}}}}}}}"#));
    wait(service.update(&id(thing), payload, Origin::Service("test"))).expect("accepted");
}

fn delete(service: &ShadowService, thing: &str) {
    wait(service.delete(&id(thing), Origin::Service("test"))).expect("accepted");
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(future)
}

fn everything(service: &ShadowService) -> Vec<(String, Option<Bytes>)> {
    (0..THINGS).map(|n| format!("t{n}")).map(|thing| (thing.clone(), service.read(&id(&thing)))).collect()
}

fn count(store: &Store, table: Table) -> usize {
    let mut count = 0;
    store.rows(table, |_| count += 1).expect("readable");
    count
}

fn steps(service: &ShadowService) -> Vec<Batch> {
    let end = service.0.log.book.lock().next;
    Log::steps(&service.0.store, &scope(), end).expect("readable")
}

/// Many updates of many shadows, some of which were in the table before, one of them deleted.
fn busy(store: &Store) -> ShadowService {
    let service = open(store, at(0));
    for n in 0..THINGS / 2 {
        report(&service, &format!("t{n}"), n);
    }
    service.settle().expect("settled");
    assert_eq!((count(store, SHADOW_LOG), count(store, SHADOWS)), (0, THINGS / 2));
    for round in 0..3 {
        for n in 0..THINGS {
            report(&service, &format!("t{n}"), round * 1_000 + n);
        }
    }
    delete(&service, "t3");
    service
}

#[test]
fn whatever_was_accepted_is_there_wherever_the_process_ends() {
    // SHADOW-014: at the first point there is only the log, at the last one only the table
    let store = Store::ephemeral(TABLES).expect("a store");
    let service = busy(&store);
    let expected = everything(&service);
    assert!(expected.iter().all(|(thing, document)| document.is_none() == (thing == "t3")));
    let steps = steps(&service);
    // Puts of 250 shadows twice, and 1,801 rows of the log taken away in two pages.
    assert_eq!(steps.len(), 3 + 2);
    for step in steps {
        assert!(everything(&open(&store, at(0))) == expected);
        store.commit(step).wait().expect("stored");
    }
    assert_eq!((count(&store, SHADOW_LOG), count(&store, SHADOWS)), (0, THINGS));
    let service = open(&store, at(0));
    assert!(everything(&service) == expected);
    // SHADOW-107: the counter goes on
    report(&service, "t3", 1);
    let document = service.read(&id("t3")).expect("a document");
    assert!(String::from_utf8_lossy(&document).contains(r#""version":"#));
    assert!(!String::from_utf8_lossy(&document).contains(r#""version":1,"#));
}

#[test]
fn updates_that_come_while_rows_move_are_never_replaced_by_older_ones() {
    let store = Store::ephemeral(TABLES).expect("a store");
    let service = busy(&store);
    for (number, step) in steps(&service).into_iter().enumerate() {
        for n in [0, 299, THINGS - 1] {
            report(&service, &format!("t{n}"), 10_000 + number);
        }
        store.commit(step).wait().expect("stored");
        assert!(everything(&open(&store, at(0))) == everything(&service));
    }
    // What came meanwhile is still in the log, and moves next.
    assert_eq!(count(&store, SHADOW_LOG), 5 * 3);
    service.settle().expect("settled");
    assert_eq!(count(&store, SHADOW_LOG), 0);
    assert!(everything(&open(&store, at(0))) == everything(&service));
}

#[test]
fn updates_of_many_threads_and_moves_of_rows_leave_the_newest_of_each() {
    let store = Store::ephemeral(TABLES).expect("a store");
    let service = open(&store, at(0));
    std::thread::scope(|threads| {
        for thread in 0..4 {
            let service = service.clone();
            threads.spawn(move || {
                for n in 0..200 {
                    report(&service, &format!("t{}", (n + thread) % 7), n);
                }
            });
        }
        for _ in 0..20 {
            service.settle().expect("settled");
        }
    });
    assert!(everything(&open(&store, at(0))) == everything(&service));
    service.settle().expect("settled");
    assert_eq!((count(&store, SHADOW_LOG), count(&store, SHADOWS)), (0, 7));
    assert!(everything(&open(&store, at(0))) == everything(&service));
}

#[test]
fn a_snapshot_of_a_log_comes_back_even_between_two_steps() {
    let store = Store::ephemeral(TABLES).expect("a store");
    let service = busy(&store);
    let expected = everything(&service);
    store.snapshot("before").wait().expect("saved");
    for n in 0..THINGS {
        report(&service, &format!("t{n}"), 20_000);
    }
    let mut steps = steps(&service).into_iter();
    store.commit(steps.next().expect("a step")).wait().expect("stored");
    store.restore("before").wait().expect("restored");
    for step in steps {
        store.commit(step).wait().expect("skipped");
    }
    service.reload().expect("reloaded");
    assert!(everything(&service) == expected);
    service.settle().expect("settled");
    assert!(everything(&open(&store, at(0))) == expected);
    // A snapshot that is taken while rows move has them all, too.
    report(&service, "t0", 30_000);
    let (expected, mut steps) = (everything(&service), self::steps(&service).into_iter());
    store.commit(steps.next().expect("a step")).wait().expect("stored");
    store.snapshot("between").wait().expect("saved");
    store.restore("between").wait().expect("restored");
    for step in steps {
        store.commit(step).wait().expect("stored");
    }
    service.reload().expect("reloaded");
    assert!(everything(&service) == expected);
}

#[test]
fn rows_move_when_nothing_comes_or_much_has_come_and_not_after_a_failure() {
    let store = Store::ephemeral(TABLES).expect("a store");
    let service = open(&store, at(0));
    let log = &service.0.log;
    let mut seen = 0;
    assert!(!log.is_due(&mut seen, 0) && !log.is_due(&mut seen, 0), "nothing to move");
    report(&service, "T", 1);
    assert!(!log.is_due(&mut seen, 0), "one came");
    assert!(log.is_due(&mut seen, 0), "none came since");
    log.note(false);
    assert!(!log.is_due(&mut seen, 0), "the disk is full");
    report(&service, "T", 2);
    log.book.lock().hold(&scope(), MOST_BYTES);
    assert!(log.is_due(&mut seen, 0), "many bytes");
    service.settle().expect("settled");
    assert!(!log.is_due(&mut seen, 0));
    report(&service, "T", 3);
    log.book.lock().held.insert(scope(), Held { rows: MOST_ROWS + 1, bytes: 0 });
    assert!(log.is_due(&mut seen, MOST_ROWS), "many rows");
    report(&service, "T", 4);
    assert!(!log.is_due(&mut seen, MOST_ROWS * 2), "fewer than there are shadows");
}

#[test]
fn a_deleted_shadow_is_forgotten_after_two_days_in_the_log_as_in_the_table() {
    // SHADOW-107
    let store = Store::ephemeral(TABLES).expect("a store");
    let service = open(&store, at(0));
    report(&service, "T", 1);
    service.settle().expect("settled");
    delete(&service, "T");
    let late = open(&store, at(3 * 86_400));
    store.flush().wait().expect("flushed");
    assert_eq!(count(&store, SHADOWS), 0);
    late.settle().expect("settled");
    let later = open(&store, at(3 * 86_400));
    store.flush().wait().expect("flushed");
    assert_eq!((count(&store, SHADOW_LOG), count(&store, SHADOWS)), (0, 0));
    report(&later, "T", 1);
    let document = later.read(&id("T")).expect("a document");
    assert!(String::from_utf8_lossy(&document).contains(r#""version":1,"#));
}

#[test]
fn a_row_that_says_removed_removes() {
    let store = Store::ephemeral(TABLES).expect("a store");
    let service = open(&store, at(0));
    report(&service, "T", 1);
    service.settle().expect("settled");
    service.0.log.append(&store, &id("T"), &Stored::Absent).wait().expect("stored");
    assert!(open(&store, at(0)).read(&id("T")).is_none());
    service.settle().expect("settled");
    assert_eq!((count(&store, SHADOW_LOG), count(&store, SHADOWS)), (0, 0));
}

#[test]
fn a_corrupt_row_of_the_log_stops_the_start_and_is_named() {
    let store = Store::ephemeral(TABLES).expect("a store");
    let service = open(&store, at(0));
    for (key, document) in [("nonsense", "{}"), ("00000000000000000001/T", "{")] {
        let mut batch = Batch::new();
        batch.clear(SHADOW_LOG);
        batch.put(SHADOW_LOG, &scope(), key, document);
        store.commit(batch).wait().expect("stored");
        let error = service.reload().expect_err("corrupt");
        assert!(error.contains("`shadow_log`"), "{error}");
    }
}

const THINGS: usize = 600;
