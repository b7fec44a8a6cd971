//! Whether the server lives, is ready, and where it listens.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::AdminDeps;

/// `GET health`: the state and the version.
pub(super) async fn health(State(deps): State<AdminDeps>) -> Json<Value> {
    let status = if deps.operations.is_ready() { "running" } else { "starting" };
    Json(json!({ "status": status, "version": env!("CARGO_PKG_VERSION") }))
}

/// `GET livez`: 200 while the process answers.
pub(super) async fn livez() -> &'static str {
    "ok\n"
}

/// `GET readyz`: 200 once every listener is open, 503 before, and with the cause when the server cannot do its work any more.
pub(super) async fn readyz(State(deps): State<AdminDeps>) -> Response {
    let unready = |why: String| (StatusCode::SERVICE_UNAVAILABLE, why).into_response();
    match deps.operations.failure() {
        Some(cause) => unready(format!("failed: {cause}\n")),
        None if deps.operations.is_ready() => "ok\n".into_response(),
        None => unready("starting\n".to_owned()),
    }
}

/// `GET ca.pem`: the root certificate that device and server certificates are checked with.
pub(super) async fn ca_pem(State(deps): State<AdminDeps>) -> Response {
    ([(header::CONTENT_TYPE, "application/x-pem-file")], deps.ca_pem.to_string()).into_response()
}

/// `GET endpoints`: the addresses bound.
pub(super) async fn endpoints(State(deps): State<AdminDeps>) -> Json<Value> {
    Json(deps.endpoints.read().to_json())
}

/// `GET /_localstack/health`, for tools that look for it.
pub(super) async fn localstack(State(deps): State<AdminDeps>) -> Json<Value> {
    let state = if deps.operations.is_ready() { "running" } else { "starting" };
    Json(json!({
        "services": { "iot": state, "iot-data": state, "iot-jobs-data": state },
        "edition": "thingstead",
        "version": env!("CARGO_PKG_VERSION"),
    }))
}
