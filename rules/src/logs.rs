//! Rule events as entries of AWS IoT's service log, version 2 (RULES-422 to RULES-432).

use serde_json::{Map, Value, json};
use thingstead_core::{Event, Kind};

/// The log entries that an event of a rule makes, oldest first; none for other events.
///
/// An action's event makes two: its start and its end, which share everything but type, level and status.
pub fn log_entries(event: &Event) -> Vec<Value> {
    match event.kind {
        Kind::RuleMatched => vec![entry(event, "INFO", "RuleMatch", "Success")],
        Kind::ActionSucceeded | Kind::ActionFailed => {
            let failed = event.kind == Kind::ActionFailed;
            let (level, status) = if failed { ("ERROR", "Failure") } else { ("INFO", "Success") };
            let mut start = entry(event, "DEBUG", "StartingRuleExecution", "Success");
            let mut end = entry(event, level, "RuleExecution", status);
            for entry in [&mut start, &mut end] {
                copy(event, "action", entry, "ruleAction");
                copy_action_name(entry);
            }
            copy(event, "resources", &mut end, "resources");
            if failed {
                set(&mut end, "details", json!(event.why));
            }
            vec![start, end]
        }
        Kind::RuleFailed if member(event, "throttled").is_some() => {
            let mut entry = entry(event, "ERROR", "RuleMessageThrottled", "Failure");
            set(&mut entry, "reason", json!("RuleExecutionThrottled"));
            set(&mut entry, "details", json!(event.why));
            vec![entry]
        }
        Kind::FunctionCalled => vec![function_execution(event)],
        Kind::RuleFailed if member(event, "told") == Some(&Value::Bool(true)) => Vec::new(),
        Kind::RuleFailed if member(event, "function").is_some() => vec![function_execution(event)],
        Kind::RuleNotFound => {
            let mut entry = entry(event, "ERROR", "RuleNotFound", "Failure");
            set(&mut entry, "reason", json!("RuleNotFound"));
            let rule = member(event, "rule").and_then(Value::as_str).unwrap_or_default();
            set(&mut entry, "details", json!(format!("Rule {rule} not found")));
            vec![entry]
        }
        _ => Vec::new(),
    }
}

/// RULES-427, RULES-428.
fn function_execution(event: &Event) -> Value {
    let status = if event.why.is_empty() { "Success" } else { "Failure" };
    let mut entry = entry(event, "DEBUG", "FunctionExecution", status);
    set(&mut entry, "clientId", json!("N/A"));
    copy(event, "function", &mut entry, "ruleAction");
    copy_function_name(&mut entry);
    if !event.why.is_empty() {
        set(&mut entry, "reason", json!(event.why));
    }
    entry
}

/// What every entry of a rule has.
fn entry(event: &Event, level: &str, kind: &str, status: &str) -> Value {
    let mut members = Map::new();
    let at = event.at.to_string();
    let at = at.trim_end_matches('Z').replace('T', " ");
    members.insert("timestamp".to_owned(), json!(at));
    members.insert("logLevel".to_owned(), json!(level));
    members.insert("traceId".to_owned(), member(event, "trace_id").cloned().unwrap_or(Value::Null));
    members.insert("accountId".to_owned(), json!(event.scope.account()));
    members.insert("status".to_owned(), json!(status));
    members.insert("eventType".to_owned(), json!(kind));
    members.insert("clientId".to_owned(), json!(event.client.as_deref().unwrap_or("N/A")));
    members.insert("topicName".to_owned(), json!(event.topic));
    members.insert("ruleName".to_owned(), member(event, "rule").cloned().unwrap_or(Value::Null));
    members.insert("principalId".to_owned(), json!(event.principal));
    Value::Object(members)
}

fn member<'e>(event: &'e Event, name: &str) -> Option<&'e Value> {
    event.detail.members()?.get(name)
}

fn copy(event: &Event, from: &str, entry: &mut Value, to: &str) {
    if let Some(value) = member(event, from) {
        set(entry, to, value.clone());
    }
}

fn set(entry: &mut Value, name: &str, value: Value) {
    if let Some(members) = entry.as_object_mut() {
        members.insert(name.to_owned(), value);
    }
}

/// `republish` is `RepublishAction` in logs.
fn copy_action_name(entry: &mut Value) {
    let name = entry.get("ruleAction").and_then(Value::as_str);
    if let Some(kind) = name.and_then(crate::ActionKind::from_name) {
        set(entry, "ruleAction", json!(kind.failed_action()));
    }
}

/// `machinelearning_predict` is `MachinelearningPredict` in logs.
fn copy_function_name(entry: &mut Value) {
    let Some(name) = entry.get("ruleAction").and_then(Value::as_str) else { return };
    let camel: String = name
        .split('_')
        .map(|word| {
            let mut letters = word.chars();
            let first = letters.next().map(|first| first.to_ascii_uppercase());
            first.into_iter().chain(letters).collect::<String>()
        })
        .collect();
    set(entry, "ruleAction", json!(camel));
}
