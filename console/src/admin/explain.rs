//! Why something was refused or allowed: every event that carries a decision, and every refusal without one.

use std::collections::{BTreeSet, HashMap};

use axum::Json;
use axum::extract::{Query as Parameters, State};
use serde_json::{Map, Value, json};
use thingstead_core::journal::Query;
use thingstead_core::{Event, Kind};

use crate::AdminDeps;
use crate::error::AdminError;

/// `GET explain?client=` or `?certificate=`: explanations, newest first. `limit` takes the newest, `outcome=denied` only refusals.
pub(super) async fn explain(
    State(deps): State<AdminDeps>,
    Parameters(parameters): Parameters<HashMap<String, String>>,
) -> Result<Json<Value>, AdminError> {
    let known = ["client", "certificate", "limit", "outcome"];
    if let Some(unknown) = parameters.keys().find(|name| !known.contains(&name.as_str())) {
        return Err(AdminError::bad_request(format!(
            "`{unknown}` is no parameter; expected {}",
            known.join(", ")
        )));
    }
    let limit = match parameters.get("limit") {
        None => DEFAULT_LIMIT,
        Some(text) => text.parse().map_err(|_| {
            AdminError::bad_request(format!("`limit` is `{text}`, expected a whole number from 0 up"))
        })?,
    };
    let denied_only = match parameters.get("outcome").map(String::as_str) {
        None => false,
        Some("denied") => true,
        Some(other) => {
            return Err(AdminError::bad_request(format!(
                "`outcome` is `{other}`, expected `denied` or nothing"
            )));
        }
    };
    let query = Query {
        client: parameters.get("client").cloned(),
        principal: parameters.get("certificate").cloned(),
        ..Query::default()
    };
    let events = deps.journal.find(&query);
    let explanations: Vec<_> = told_once(&events)
        .rev()
        .filter_map(explanation)
        .filter(|found| !denied_only || found.get("outcome").is_some_and(|outcome| outcome != "ALLOWED"))
        .take(limit)
        .collect();
    let mut answer = json!({ "explanations": explanations });
    if let (Value::Object(answer), true) = (&mut answer, query.client.is_some() || query.principal.is_some())
    {
        answer.insert("shadow_changes".to_owned(), json!(shadow_changes(&deps, &query)));
    }
    Ok(Json(answer))
}

/// What was changed lately in the shadows of things that the client has to do with: the thing it is, the one that has
/// its name, those whose shadows it asked for.
fn shadow_changes(deps: &AdminDeps, query: &Query) -> Vec<Value> {
    let events = deps.journal.find(&Query { limit: Some(LOOKED_THROUGH), ..query.clone() });
    let mut things = BTreeSet::new();
    for event in events.iter().rev() {
        if things.len() < THINGS {
            let names = [&event.thing, &event.client];
            things.extend(names.into_iter().flatten().map(|name| (event.scope.clone(), name.to_string())));
        }
    }
    let changes = things.iter().flat_map(|(scope, thing)| deps.operations.shadow_changes(scope, thing));
    let at = |change: &Value| change.get("at_ms").and_then(Value::as_i64);
    let mut changes: Vec<_> = changes.collect();
    changes.sort_by_key(|change| std::cmp::Reverse(at(change)));
    changes.truncate(CHANGES);
    changes
}

const END_FAULTS: &str = "end the faults that were planned: PUT /_thingstead/faults {\"faults\":[]}";

const LOOKED_THROUGH: usize = 2000;
const THINGS: usize = 20;
const CHANGES: usize = 10;

const DEFAULT_LIMIT: usize = 100;

/// A refusal that costs the connection is followed by its end, for the same reason: that is told once.
fn told_once(events: &[Event]) -> impl DoubleEndedIterator<Item = &Event> {
    let before = std::iter::once(None).chain(events.iter().map(Some));
    let pairs: Vec<_> = before.zip(events).collect();
    pairs.into_iter().filter_map(|(before, event)| {
        let repeats = event.kind == Kind::Disconnected
            && before.is_some_and(|before| before.client == event.client && before.why == event.why);
        (!repeats).then_some(event)
    })
}

/// The explanation in an event, if there is something to explain.
fn explanation(event: &Event) -> Option<Value> {
    let mut out = Map::new();
    out.insert("at".to_owned(), json!(event.at.to_string()));
    out.insert("at_ms".to_owned(), json!(event.at.as_millis()));
    out.insert("seq".to_owned(), json!(event.seq));
    out.insert("kind".to_owned(), json!(event.kind.name()));
    out.insert("client".to_owned(), json!(event.client));
    out.insert("certificate".to_owned(), json!(event.principal));
    match event.detail.decision() {
        Some(decision) => out.extend(decision.to_explanation()),
        None if is_refusal(event.kind) || is_expulsion(event) => {
            out.insert("asked".to_owned(), json!({ "action": event.kind.name(), "resource": event.topic }));
            out.insert("outcome".to_owned(), json!("REFUSED"));
            out.insert("because".to_owned(), json!([]));
            out.insert("near_misses".to_owned(), json!([]));
            out.insert("variables".to_owned(), json!({}));
            let fix = event.detail.members().and_then(|members| members.get("fix"));
            out.insert("fix".to_owned(), fix.cloned().unwrap_or(Value::Null));
        }
        None if event.kind == Kind::FaultInjected => {
            let action = event.detail.members().and_then(|members| members.get("action"));
            out.insert("asked".to_owned(), json!({ "action": event.kind.name(), "resource": event.topic }));
            out.insert("outcome".to_owned(), json!("FAULT"));
            out.insert("fault".to_owned(), action.cloned().unwrap_or(Value::Null));
            out.insert("because".to_owned(), json!([]));
            out.insert("near_misses".to_owned(), json!([]));
            out.insert("variables".to_owned(), json!({}));
            out.insert("fix".to_owned(), json!(END_FAULTS));
        }
        None => return None,
    }
    out.insert("why".to_owned(), json!(event.why));
    Some(Value::Object(out))
}

/// The server ended the connection, for a reason that lies with the client or with whoever called the API.
fn is_expulsion(event: &Event) -> bool {
    let kept = ["CLIENT_INITIATED_DISCONNECT", "CONNECTION_LOST", "SERVER_INITIATED_DISCONNECT"];
    let reason = event.detail.members().and_then(|members| members.get("disconnect_reason"));
    event.kind == Kind::Disconnected
        && reason.and_then(Value::as_str).is_some_and(|reason| !kept.contains(&reason))
}

fn is_refusal(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::AuthenticationRefused
            | Kind::ConnectRefused
            | Kind::Malformed
            | Kind::PublishRefused
            | Kind::SubscribeRefused
            | Kind::DeliveryRefused
            | Kind::RequestRefused
            | Kind::ShadowRejected
    )
}
