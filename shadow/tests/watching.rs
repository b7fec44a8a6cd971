//! What people can see: the journal and the history.

use std::time::Duration;

use serde_json::{Value, json};
use thingstead_core::journal::Query;
use thingstead_core::{Kind, Timestamp};
use thingstead_shadow::document::Changed;
use thingstead_shadow::{Change, ShadowSettings};

use crate::support::{START, World, caller, classic, named};

#[test]
fn every_request_leaves_one_event_that_says_who_and_why() {
    let world = World::new();
    let topic = "$aws/things/T/shadow/name/S/update";
    world.ask(topic, r#"{"state":{"desired":{"a":1}}}"#);
    world.ask(topic, r#"{"state":{"desired":{"a":2}},"version":7}"#);
    let of = |kind| Query { kind: Some(kind), topic: Some(topic.to_owned()), ..Query::default() };
    let accepted = world.journal.find(&of(Kind::ShadowAccepted));
    assert_eq!(accepted.len(), 1);
    for (thing, found) in [("T", 1), ("S", 0)] {
        let of_thing = Query { thing: Some(thing.to_owned()), ..of(Kind::ShadowAccepted) };
        assert_eq!(world.journal.count(&of_thing), found, "{thing}");
    }
    let event = accepted[0].to_json();
    assert_eq!(event["client"], "lamp-1");
    assert_eq!(event["principal"], "c0ffee");
    assert_eq!(event["thing"], "T");
    assert_eq!(event["shadow"], "S");
    assert_eq!(event["version"], 1);
    assert_eq!(event["payload"], json!({"state": {"desired": {"a": 1}}}));
    assert_eq!(event["why"], "version 1; desired and reported differ, so a delta went out");

    let rejected = world.journal.find(&of(Kind::ShadowRejected));
    assert_eq!(rejected.len(), 1);
    let event = rejected[0].to_json();
    assert_eq!(event["code"], 409);
    assert_eq!(event["message"], "Version conflict");
    assert_eq!(
        event["fix"],
        "get the shadow, decide anew and send `version` 1; or leave `version` out to update whatever is stored"
    );
    assert_eq!(event["why"], "the request expects version 7, but version 1 is stored");
}

#[test]
fn a_refusal_says_what_exactly_was_wrong() {
    let world = World::new();
    let why = |payload: &'static str| {
        world.ask("$aws/things/T/shadow/update", payload);
        let query = Query {
            kind: Some(Kind::ShadowRejected),
            topic: Some("$aws/things/T/shadow/update".to_owned()),
            ..Query::default()
        };
        world.journal.find(&query).last().expect("a refusal").why.to_string()
    };
    for (payload, expected) in [
        ("{\"state\":{},}", "the payload is not JSON: at byte 12: expected a member's name in double quotes"),
        ("[1]", "the payload is JSON, but not an object with the member `state`"),
        (
            r#"{"state":{"delta":{}}}"#,
            "`state` has the member `delta`; only `desired` and `reported` are allowed",
        ),
        (r#"{"state":{},"version":"1"}"#, "`version` is `\\\"1\\\"`, not a non-negative integer"),
        (r#"{"state":{"desired":[]}}"#, "`state.desired` is neither an object nor `null`"),
        (
            r#"{"state":{"reported":{"a":[null]}}}"#,
            "an array below `state.reported` contains `null`; arrays are stored as a whole, so `null` removes nothing there",
        ),
        (
            r#"{"state":{"desired":{"a":[[[[[[[[1]]]]]]]]}}}"#,
            "`state.desired` is nested 9 levels deep; the limit is 8",
        ),
    ] {
        assert_eq!(why(payload), expected, "{payload}");
    }
}

#[tokio::test]
async fn the_last_versions_can_be_read_newest_first() {
    let world = World::with(ShadowSettings { history: 3, ..ShadowSettings::default() });
    let id = named("T", "S");
    for n in 1..=4 {
        let payload = format!(r#"{{"state":{{"reported":{{"n":{n}}}}}}}"#);
        world.service.update(&id, payload.into(), caller()).await.expect("accepted");
        world.clock.advance(Duration::from_secs(1));
    }
    world.service.delete(&id, caller()).await.expect("deleted");
    let history = world.service.history(&id);
    let versions: Vec<_> = history.iter().map(|revision| (revision.version, revision.change)).collect();
    assert_eq!(versions, [(4, Change::Deleted), (4, Change::Updated), (3, Change::Updated)]);
    assert_eq!(history[0].at, Timestamp::from_millis((START + 4) * 1000));
    assert_eq!(history[1].by.principal.as_deref(), Some("AIDA1"));
    let changes =
        |place: usize| Value::Array(history[place].changes().iter().map(Changed::to_json).collect());
    assert_eq!(changes(0), json!([{"path": "reported.n", "before": 4}]));
    assert_eq!(changes(1), json!([{"path": "reported.n", "before": 3, "after": 4}]));
    assert!(world.service.history(&classic("T")).is_empty());
}

#[tokio::test]
async fn a_version_says_who_changed_what() {
    let world = World::new();
    let topic = "$aws/things/T/shadow/update";
    for payload in [
        r#"{"state":{"desired":{"led":{"on":true,"colour":"red"},"n":1},"reported":{"n":1}}}"#,
        r#"{"state":{"desired":{"led":{"colour":"blue","on":true}},"reported":null}}"#,
        r#"{"state":{"desired":{"n":1.0,"led":{"on":null},"x.y":[1]}}}"#,
        r#"{"state":{"desired":{"n":1.0}}}"#,
    ] {
        world.ask(topic, payload);
    }
    world.service.update(&classic("T"), r#"{"state":null}"#.into(), caller()).await.expect("accepted");
    let history = world.service.history(&classic("T"));
    let changes: Vec<_> =
        history.iter().rev().map(|revision| revision.to_json()["changes"].clone()).collect();
    assert_eq!(
        changes,
        [
            json!([{"path": "desired.led", "after": {"on": true, "colour": "red"}},
                {"path": "desired.n", "after": 1}, {"path": "reported.n", "after": 1}]),
            json!([{"path": "desired.led.colour", "before": "red", "after": "blue"},
                {"path": "reported.n", "before": 1}]),
            json!([{"path": "desired.led.on", "before": true}, {"path": "desired.x.y", "after": [1]}]),
            json!([]),
            json!([{"path": "desired.led", "before": {"colour": "blue"}}, {"path": "desired.n", "before": 1.0},
                {"path": "desired.x.y", "before": [1]}]),
        ]
    );
    let by = |place: usize| {
        let revision = history[place].to_json();
        (revision["via"].clone(), revision["client"].clone(), revision["principal"].clone())
    };
    assert_eq!(by(0), (json!("http"), json!(null), json!("AIDA1")));
    assert_eq!(by(1), (json!("mqtt"), json!("lamp-1"), json!("c0ffee")));
}

#[tokio::test]
async fn versions_that_were_saved_are_there_after_a_restart() {
    let mut world = World::new();
    for n in 0..12 {
        world.ask("$aws/things/T/shadow/update", format!(r#"{{"state":{{"desired":{{"n":{n}}}}}}}"#));
        world.ask("$aws/things/U/shadow/name/S/update", format!(r#"{{"state":{{"desired":{{"n":{n}}}}}}}"#));
    }
    // Beyond every type of ours, and still what was sent (SHADOW-059).
    world.ask("$aws/things/U/shadow/name/S/update", r#"{"state":{"desired":{"n":1e999,"\"":"\u0007"}}}"#);
    let shown = |world: &World, id| {
        world.service.history(id).iter().map(thingstead_shadow::Revision::to_json).collect::<Vec<_>>()
    };
    let (t, u) = (classic("T"), named("U", "S"));
    let before = (shown(&world, &t), shown(&world, &u));
    assert_eq!((before.0.len(), before.1.len()), (10, 10));
    world.service.save_history(1).await.expect("saved");
    world.service.save_history(1).await.expect("saved");
    // Saving lets go of the documents, not of what they say.
    assert_eq!((shown(&world, &t), shown(&world, &u)), before);
    world.reopen();
    assert_eq!((shown(&world, &t), shown(&world, &u)), before);
    world.ask("$aws/things/T/shadow/update", r#"{"state":{"desired":{"n":11}}}"#);
    let after = shown(&world, &t);
    assert_eq!((after.len(), &after[0]["version"], &after[9]["version"]), (10, &json!(13), &json!(4)));
}

#[test]
fn histories_share_one_budget() {
    let world = World::with(ShadowSettings { history_bytes: 2000, ..ShadowSettings::default() });
    for n in 0..10 {
        for thing in ["T", "U"] {
            let payload = format!(r#"{{"state":{{"reported":{{"n":"{}{n}"}}}}}}"#, "x".repeat(400));
            world.ask(&format!("$aws/things/{thing}/shadow/update"), payload);
        }
    }
    let kept = ["T", "U"].map(|thing| world.service.history(&classic(thing)));
    assert!(kept.iter().all(|history| history[0].version == 10));
    assert!(kept.iter().map(Vec::len).sum::<usize>() <= 4);
}

#[test]
fn a_request_to_a_shadow_that_cannot_be_is_written_down_though_not_answered() {
    // SHADOW-004, SHADOW-005
    let world = World::new();
    for (topic, expected) in [
        ("$aws/things/my.lamp/shadow/get", "`my.lamp` is no thing name"),
        ("$aws/things//shadow/get", "`` is no thing name"),
        ("$aws/things/T/shadow/name/a.b/update", "`a.b` is no shadow name"),
    ] {
        world.publish(topic, r#"{"state":{}}"#);
        let events = world.journal.find(&Query { topic: Some(topic.to_owned()), ..Query::default() });
        assert_eq!(events.len(), 1);
        assert_eq!(events[0].kind, Kind::ShadowRejected);
        assert!(events[0].why.starts_with(expected), "{}", events[0].why);
    }
    assert!(world.bus.take().is_empty());
}
