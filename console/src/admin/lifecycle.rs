//! Reset, snapshots, deliveries.

use std::collections::HashMap;

use axum::Json;
use axum::extract::{Path, Query, State};
use serde_json::{Value, json};
use thingstead_core::{Event, Kind, Scope};

use crate::AdminDeps;
use crate::error::AdminError;

/// `POST reset`: back to the seeded state; connections are closed, the CA is kept, time runs again.
pub(super) async fn reset(State(deps): State<AdminDeps>) -> Result<Json<Value>, AdminError> {
    deps.operations.reset().await?;
    deps.clock.reset();
    deps.journal.clear();
    note(&deps, "reset to the seeded state");
    Ok(Json(json!({ "reset": true })))
}

/// `GET snapshots`.
pub(super) async fn snapshots(State(deps): State<AdminDeps>) -> Result<Json<Value>, AdminError> {
    Ok(Json(json!({ "snapshots": deps.operations.snapshots().await? })))
}

/// `POST snapshots/NAME`.
pub(super) async fn save(
    State(deps): State<AdminDeps>,
    Path(name): Path<String>,
) -> Result<Json<Value>, AdminError> {
    check_name(&name)?;
    deps.operations.save_snapshot(&name).await?;
    note(&deps, format!("saved the snapshot `{name}`"));
    Ok(Json(json!({ "snapshot": name })))
}

/// `POST snapshots/NAME/restore`; 404 for an unknown name.
pub(super) async fn restore(
    State(deps): State<AdminDeps>,
    Path(name): Path<String>,
) -> Result<Json<Value>, AdminError> {
    check_name(&name)?;
    deps.operations.restore_snapshot(&name).await?;
    note(&deps, format!("restored the snapshot `{name}`"));
    Ok(Json(json!({ "restored": name })))
}

/// `DELETE snapshots/NAME`; 404 for an unknown name.
pub(super) async fn delete(
    State(deps): State<AdminDeps>,
    Path(name): Path<String>,
) -> Result<Json<Value>, AdminError> {
    check_name(&name)?;
    deps.operations.delete_snapshot(&name).await?;
    Ok(Json(json!({ "deleted": name })))
}

/// `GET deliveries?rule=`: what rule actions sent or would have sent.
pub(super) async fn deliveries(
    State(deps): State<AdminDeps>,
    Query(parameters): Query<HashMap<String, String>>,
) -> Result<Json<Value>, AdminError> {
    if let Some(unknown) = parameters.keys().find(|name| *name != "rule") {
        return Err(AdminError::bad_request(format!("`{unknown}` is no parameter; expected rule")));
    }
    let rule = parameters.get("rule").map(String::as_str);
    Ok(Json(json!({ "deliveries": deps.operations.deliveries(rule) })))
}

fn check_name(name: &str) -> Result<(), AdminError> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if (1..=64).contains(&name.len()) && name.bytes().all(allowed) && !name.starts_with('.') {
        return Ok(());
    }
    Err(AdminError::bad_request(format!(
        "the snapshot name is `{name}`, expected 1 to 64 of letters, digits, `-`, `_` and `.`, not beginning with `.`"
    )))
}

fn note(deps: &AdminDeps, why: impl Into<std::borrow::Cow<'static, str>>) {
    deps.journal.record(Event::new(&Scope::new("", ""), deps.clock.now(), Kind::Admin).why(why));
}
