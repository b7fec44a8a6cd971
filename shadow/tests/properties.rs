//! What holds for every document and every request.

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use thingstead_core::Timestamp;
use thingstead_shadow::document::{self, DocumentLimits, Stored, UpdateRequest, Updated};

use crate::any_document::any_document;

const LIMITS: DocumentLimits = DocumentLimits { bytes: usize::MAX, depth: 100 };

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * 1000)
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<i32>().prop_map(|eighths| Value::from(f64::from(eighths) / 8.0)),
        (0..4i64).prop_map(Value::from),
        "\\PC{0,30}".prop_map(Value::from),
    ]
}

/// Few names, so that requests meet stored members.
fn members(value: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    prop::collection::vec(("[abc]|timestamp|a\"\\\\", value), 0..5)
        .prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>()))
}

fn value() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(4, 24, 4, |inner| {
        prop_oneof![prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from), members(inner)]
    })
}

fn patch() -> impl Strategy<Value = Value> {
    members(
        prop_oneof![3 => value(), 1 => Just(Value::Null), 1 => members(prop_oneof![value(), Just(Value::Null)])],
    )
}

fn state() -> impl Strategy<Value = Value> {
    let section = || prop::option::weighted(0.8, prop_oneof![6 => patch(), 1 => Just(Value::Null)]);
    (section(), section()).prop_map(|(desired, reported)| {
        let mut state = Map::new();
        state.extend(desired.map(|desired| ("desired".to_owned(), desired)));
        state.extend(reported.map(|reported| ("reported".to_owned(), reported)));
        Value::Object(state)
    })
}

fn apply(stored: &Stored, state: &Value, seconds: i64) -> Updated {
    let payload = json!({ "state": state }).to_string();
    let request = UpdateRequest::parse(payload.as_bytes(), at(seconds), &LIMITS).expect("well formed");
    document::update(stored, request, &LIMITS).expect("accepted")
}

fn applied(states: &[Value]) -> Stored {
    states.iter().zip(1..).fold(Stored::Absent, |stored, (state, seconds)| {
        Stored::Present(apply(&stored, state, seconds).document)
    })
}

fn text(stored: &Stored) -> Value {
    serde_json::from_slice(&stored.document().expect("present").to_json()).expect("JSON")
}

fn shape_matches(state: &Value, metadata: &Value) -> bool {
    match (state, metadata) {
        (Value::Object(state), Value::Object(metadata)) => {
            state.len() == metadata.len()
                && state
                    .iter()
                    .zip(metadata)
                    .all(|((a, state), (b, metadata))| a == b && shape_matches(state, metadata))
        }
        (Value::Array(state), Value::Array(metadata)) => {
            state.len() == metadata.len() && state.iter().zip(metadata).all(|(a, b)| shape_matches(a, b))
        }
        (Value::Object(_) | Value::Array(_), _) => false,
        (_, metadata) => {
            metadata.as_object().is_some_and(|stamp| stamp.len() == 1 && stamp["timestamp"].is_i64())
        }
    }
}

/// Whether `reported` holds all that `desired` asks for.
fn covers(reported: Option<&Value>, desired: &Value) -> bool {
    match (reported, desired) {
        (Some(Value::Object(reported)), Value::Object(desired)) => {
            desired.iter().all(|(name, desired)| covers(reported.get(name), desired))
        }
        (Some(reported), desired) => same(reported, desired),
        (None, _) => false,
    }
}

fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => {
            a == b || (a.as_i64().is_none() || b.as_i64().is_none()) && a.as_f64() == b.as_f64()
        }
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| same(a, b)))
        }
        _ => a == b,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn metadata_has_the_shape_of_the_state(states in prop::collection::vec(state(), 1..5)) {
        // SHADOW-090, SHADOW-091, SHADOW-092, SHADOW-093
        let document = text(&applied(&states));
        prop_assert!(shape_matches(&document["state"], &document["metadata"]), "{document}");
    }

    #[test]
    fn a_delta_is_sent_exactly_when_reported_does_not_cover_desired(states in prop::collection::vec(state(), 1..5)) {
        // SHADOW-112, SHADOW-117, SHADOW-121, SHADOW-122
        let stored = applied(&states);
        let updated = apply(&stored, &json!({}), 99);
        let state = &text(&stored)["state"];
        let covered = state.get("desired").is_none_or(|desired| covers(Some(state.get("reported").unwrap_or(&json!({}))), desired));
        prop_assert_eq!(updated.delta.is_none(), covered, "{}", state);
    }

    #[test]
    fn reporting_the_delta_removes_it(states in prop::collection::vec(state(), 1..5)) {
        // SHADOW-111, SHADOW-115, SHADOW-123
        let stored = applied(&states);
        if let Some(delta) = apply(&stored, &json!({}), 99).delta {
            let delta: Value = serde_json::from_slice(&delta).expect("JSON");
            prop_assert!(shape_matches(&delta["state"], &delta["metadata"]));
            let reported = apply(&stored, &json!({ "reported": delta["state"] }), 100);
            prop_assert_eq!(reported.delta, None);
        }
    }

    #[test]
    fn applying_an_update_twice_changes_nothing_more(states in prop::collection::vec(state(), 1..4), last in state()) {
        // SHADOW-066, SHADOW-067, SHADOW-068, SHADOW-080
        let once = Stored::Present(apply(&applied(&states), &last, 50).document);
        let twice = Stored::Present(apply(&once, &last, 50).document);
        prop_assert_eq!(&text(&once)["state"], &text(&twice)["state"]);
        prop_assert_eq!(&text(&once)["metadata"], &text(&twice)["metadata"]);
    }

    #[test]
    fn what_is_stored_is_read_back_as_it_was(states in prop::collection::vec(state(), 1..5)) {
        // SHADOW-059, SHADOW-083, SHADOW-087
        let stored = applied(&states);
        let document = stored.document().expect("present");
        let again = Stored::from_text(&stored.to_text().expect("present")).expect("readable");
        // As databases of format 2 have it: with the metadata whole.
        let whole = Stored::from_text(std::str::from_utf8(&document.to_json()).expect("UTF-8")).expect("readable");
        prop_assert_eq!(again.to_text(), whole.to_text());
        let (a, b) = (document::get(&stored, "T", None, at(9)), document::get(&again, "T", None, at(9)));
        prop_assert_eq!(a.expect("present"), b.expect("present"));
        let state = &text(&stored)["state"];
        let size: usize = state.as_object().expect("object").values().map(|section| section.to_string().len()).sum();
        prop_assert_eq!(document.size(), size);
    }

    #[test]
    fn no_null_is_ever_stored(states in prop::collection::vec(state(), 1..5)) {
        // SHADOW-067, SHADOW-071
        prop_assert!(!text(&applied(&states))["state"].to_string().contains(":null"));
    }

    #[test]
    fn no_bytes_make_it_panic(payload in prop::collection::vec(any::<u8>(), 0..200)) {
        // SHADOW-052, SHADOW-055
        let _ = UpdateRequest::parse(&payload, at(1), &LIMITS);
        let _ = Stored::from_text(&String::from_utf8_lossy(&payload));
    }

    #[test]
    fn it_reads_exactly_the_json_that_is_json(text in "([\\[\\]{},:\"\\\\ ]|true|null|-|0|12|\\.5|e1|E\\+|\"a\"|\\\\u00e9|\\\\ud83d|[\n\t]){0,12}") {
        // SHADOW-052, SHADOW-057
        let payload = format!("{{\"state\":{{}},\"x\":{text}}}");
        let ours = UpdateRequest::parse(payload.as_bytes(), at(1), &LIMITS);
        let theirs = serde_json::from_str::<Value>(&payload);
        prop_assert_eq!(ours.is_ok(), theirs.is_ok_and(|value| value["state"].is_object() && value["clientToken"].is_null() && value["version"].is_null()), "{}", payload);
    }
}

#[test]
fn deep_and_wide_requests_cost_neither_stack_nor_squares() {
    // SHADOW-060: refused, however deep
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let deep = format!(
            "{{\"state\":{{\"desired\":{{\"a\":{}1{}}}}}}}",
            open.repeat(60_000),
            close.repeat(60_000)
        );
        let rejected =
            UpdateRequest::parse(deep.as_bytes(), at(1), &DocumentLimits::default()).expect_err("too deep");
        assert_eq!(rejected.rejection.message(), "JSON contains too many levels of nesting; maximum is 8");
    }
    let members: Vec<String> = (0..10_000).map(|n| format!("\"m{n}\":{n}")).collect();
    let backwards: Vec<String> = members.iter().rev().cloned().collect();
    let mut stored = Stored::Absent;
    for (section, members) in [("desired", &members), ("reported", &backwards), ("desired", &backwards)] {
        let payload = format!("{{\"state\":{{\"{section}\":{{{}}}}}}}", members.join(","));
        let request = UpdateRequest::parse(payload.as_bytes(), at(1), &LIMITS).expect("well formed");
        stored = Stored::Present(document::update(&stored, request, &LIMITS).expect("accepted").document);
    }
    assert!(!stored.document().expect("present").has_delta());
}

#[test]
fn any_bytes_may_be_requests() {
    // SHADOW-051, SHADOW-062: what strangers send is answered, never a reason to fail.
    let letters = r#"{}[]",:\ntrue0123456789.-eE state desired reported version clientToken null"#;
    let good = br#"{"state":{"desired":{"a":{"b":[1,{"c":null}],"timestamp":3}},"reported":{"a":1.50}},"version":1,"clientToken":"x"}"#;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let edits =
        prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0..4u8), 0..8);
    let lines = prop::collection::vec(edits, 1..5);
    runner
        .run(&lines, |lines| {
            let mut data = Vec::new();
            for edits in lines {
                let mut line = good.to_vec();
                for (at, letter, how) in edits {
                    let at = at.index(line.len());
                    let letter = letters.as_bytes()[letter.index(letters.len())];
                    match how {
                        0 => line[at] = letter,
                        1 => line.insert(at, letter),
                        2 if line.len() > 1 => {
                            line.remove(at);
                        }
                        _ => line.extend_from_within(at..(at + 9).min(line.len())),
                    }
                }
                data.extend(line);
                data.push(b'\n');
            }
            any_document(&data);
            Ok(())
        })
        .expect("no counterexample");
}
