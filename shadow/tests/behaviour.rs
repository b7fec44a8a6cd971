//! Runs the files in `tests/data` (their format: `tests/data/README.md`).

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{START, World};

macro_rules! behaviour {
    ($($name:ident)*) => {$(
        #[test]
        fn $name() {
            run(include_str!(concat!("data/", stringify!($name), ".json")));
        }
    )*};
}

behaviour! { requests merge metadata version delta answers }

fn run(file: &str) {
    let cases: Vec<Value> = serde_json::from_str(file).expect("a list of cases");
    for case in cases {
        let it = case["it"].as_str().expect("it");
        assert!(case["checks"].as_array().is_some_and(|ids| !ids.is_empty()), "{it}: checks nothing");
        let prefix = match case["shadow"].as_str() {
            None => "$aws/things/T/shadow".to_owned(),
            Some(shadow) => format!("$aws/things/T/shadow/name/{shadow}"),
        };
        let mut world = World::new();
        for (number, step) in case["steps"].as_array().expect("steps").iter().enumerate() {
            take(&mut world, &prefix, step, &format!("{it}, step {}", number + 1));
        }
    }
}

fn take(world: &mut World, prefix: &str, step: &Value, place: &str) {
    if step["reopen"] == json!(true) {
        world.reopen();
    }
    world.clock.advance(Duration::from_secs(step["after"].as_u64().unwrap_or(0)));
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
            assert_eq!(payload, &in_time(&expected[1]).to_string(), "{place}: {topic}");
        }
    }
}

fn request(step: &Value) -> (&str, Vec<u8>) {
    for operation in ["update", "get", "delete"] {
        match step.get(operation) {
            None => {}
            Some(Value::String(empty)) if empty.is_empty() => return (operation, Vec::new()),
            Some(payload) => return (operation, payload.to_string().into_bytes()),
        }
    }
    let operation = step["on"].as_str().expect("a request");
    match (step["text"].as_str(), step["hex"].as_str()) {
        (Some(text), None) => (operation, text.as_bytes().to_vec()),
        (None, Some(hex)) => (operation, unhex(hex)),
        _ => panic!("a step has a payload as text or as hex"),
    }
}

fn unhex(hex: &str) -> Vec<u8> {
    let digits: Vec<u32> = hex.chars().map(|digit| digit.to_digit(16).expect("a digit")).collect();
    digits.chunks(2).map(|pair| u8::try_from(pair[0] * 16 + pair[1]).expect("a byte")).collect()
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
