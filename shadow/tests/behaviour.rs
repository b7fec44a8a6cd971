//! Runs the files in `tests/data` (their format: `tests/data/README.md`).

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use thingstead_shadow::{DocumentLimits, ShadowSettings};

use crate::support::{START, World};

macro_rules! behaviour {
    ($($name:ident)*) => {
        const FILES: &[&str] = &[$(include_str!(concat!("data/", stringify!($name), ".json"))),*];
        $(
        #[test]
        fn $name() {
            run(include_str!(concat!("data/", stringify!($name), ".json")));
        }
        )*
    };
}

behaviour! { addresses requests merge size metadata version delta answers }

fn run(file: &str) {
    let cases: Vec<Value> = serde_json::from_str(file).expect("a list of cases");
    for case in cases {
        let it = case["it"].as_str().expect("it");
        assert!(case["checks"].as_array().is_some_and(|ids| !ids.is_empty()), "{it}: checks nothing");
        let prefix = match case["shadow"].as_str() {
            None => "$aws/things/T/shadow".to_owned(),
            Some(shadow) => format!("$aws/things/T/shadow/name/{shadow}"),
        };
        let mut world = World::with(settings(&case));
        for (number, step) in case["steps"].as_array().expect("steps").iter().enumerate() {
            take(&mut world, &prefix, step, &format!("{it}, step {}", number + 1));
        }
    }
}

/// The limits of a case, if it has its own.
fn settings(case: &Value) -> ShadowSettings {
    let number = |name: &str| usize::try_from(case["limits"][name].as_u64()?).ok();
    let limits = match (number("bytes"), number("depth")) {
        (Some(bytes), Some(depth)) => DocumentLimits { bytes, depth },
        _ => DocumentLimits::default(),
    };
    ShadowSettings { limits, ..ShadowSettings::default() }
}

#[test]
fn every_statement_has_a_case_or_a_reason_to_be_tested_elsewhere() {
    let mut cases = BTreeSet::new();
    for file in FILES {
        let file: Vec<Value> = serde_json::from_str(file).expect("a list of cases");
        cases.extend(file.iter().flat_map(checks));
    }
    let elsewhere: Vec<Value> =
        serde_json::from_str(include_str!("data/elsewhere.json")).expect("a list of reasons");
    let mut named = BTreeSet::new();
    for entry in &elsewhere {
        assert!(entry["because"].as_str().is_some_and(|reason| !reason.is_empty()), "{entry}");
        let place = entry["in"].as_str().expect("a file of the workspace");
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(place);
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{place}: {error}"));
        for id in checks(entry) {
            assert!(text.contains(&id), "{place} does not name {id}");
            assert!(!cases.contains(&id), "{id} has a case, so it needs no entry in elsewhere.json");
            assert!(named.insert(id.clone()), "{id} stands twice in elsewhere.json");
        }
    }
    let all: BTreeSet<String> = (1..=STATEMENTS).map(|number| format!("SHADOW-{number:03}")).collect();
    let found: BTreeSet<String> = cases.union(&named).cloned().collect();
    let missing: Vec<_> = all.difference(&found).collect();
    let unknown: Vec<_> = found.difference(&all).collect();
    assert!(missing.is_empty(), "no case and no reason: {missing:?}");
    assert!(unknown.is_empty(), "there are no such statements: {unknown:?}");
}

fn checks(entry: &Value) -> Vec<String> {
    let ids = entry["checks"].as_array().expect("checks").iter();
    ids.map(|id| id.as_str().expect("an id").to_owned()).collect()
}

/// How many statements the specification of shadows has.
const STATEMENTS: usize = 191;

fn take(world: &mut World, prefix: &str, step: &Value, place: &str) {
    if step["reopen"] == json!(true) {
        world.reopen();
    }
    world.clock.advance(Duration::from_secs(step["after"].as_u64().unwrap_or(0)));
    let prefix = step["at"].as_str().unwrap_or(prefix);
    let (operation, payload) = request(step);
    let came = world.ask(&format!("{prefix}/{operation}"), payload);
    let Some(expected) = step["then"].as_array() else { return };
    let topics: Vec<_> = came.iter().map(|(topic, _)| topic.as_str()).collect();
    assert_eq!(came.len(), expected.len(), "{place}: {topics:?}");
    for ((topic, payload), expected) in came.iter().zip(expected) {
        if expected == "…" {
            continue;
        }
        assert_eq!(topic, &format!("{prefix}/{}", expected[0].as_str().expect("a topic")), "{place}");
        if expected[1] != "…" {
            assert_eq!(payload, &filled(&in_time(&expected[1]).to_string()), "{place}: {topic}");
        }
    }
}

fn request(step: &Value) -> (&str, Vec<u8>) {
    for operation in ["update", "get", "delete"] {
        match step.get(operation) {
            None => {}
            Some(Value::String(empty)) if empty.is_empty() => return (operation, Vec::new()),
            Some(payload) => return (operation, filled(&payload.to_string()).into_bytes()),
        }
    }
    let operation = step["on"].as_str().expect("a request");
    match (step["text"].as_str(), step["hex"].as_str()) {
        (Some(text), None) => (operation, filled(text).into_bytes()),
        (None, Some(hex)) => (operation, unhex(hex)),
        _ => panic!("a step has a payload as text or as hex"),
    }
}

fn unhex(hex: &str) -> Vec<u8> {
    let digits: Vec<u32> = hex.chars().map(|digit| digit.to_digit(16).expect("a digit")).collect();
    digits.chunks(2).map(|pair| u8::try_from(pair[0] * 16 + pair[1]).expect("a byte")).collect()
}

/// The text with `×n` replaced by that many `x`.
fn filled(text: &str) -> String {
    let mut parts = text.split('×');
    let mut filled = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let digits = part.find(|character: char| !character.is_ascii_digit()).unwrap_or(part.len());
        let (number, rest) = part.split_at(digits);
        filled.push_str(&"x".repeat(number.parse().expect("a number after ×")));
        filled.push_str(rest);
    }
    filled
}

/// The value with `@n` and `#n` replaced by what they stand for.
fn in_time(value: &Value) -> Value {
    match value {
        Value::String(text) => {
            let seconds = |mark| text.strip_prefix(mark)?.parse::<i64>().ok();
            match (seconds('@'), seconds('#')) {
                (Some(seconds), _) => json!(START + seconds),
                (_, Some(seconds)) => json!({ "timestamp": START + seconds }),
                _ => value.clone(),
            }
        }
        Value::Array(elements) => elements.iter().map(in_time).collect(),
        Value::Object(members) => {
            Value::Object(members.iter().map(|(name, value)| (name.clone(), in_time(value))).collect())
        }
        _ => value.clone(),
    }
}
