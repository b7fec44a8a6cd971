//! The admin API, one file a family of calls.

mod clock;
mod explain;
mod faults;
mod health;
mod journal;
mod lifecycle;
mod logs;
mod question;
mod shadows;

use axum::Router;
use axum::routing::{get, post};

use crate::{AdminDeps, assets, error::AdminError, metrics};

/// Everything on the API port that is ours: `/_thingstead/*`, `/_localstack/health`, `/metrics`, `/console`.
pub fn router(deps: AdminDeps) -> Router {
    let admin = Router::new()
        .route("/health", get(health::health))
        .route("/livez", get(health::livez))
        .route("/readyz", get(health::readyz))
        .route("/ca.pem", get(health::ca_pem))
        .route("/endpoints", get(health::endpoints))
        .route("/reset", post(lifecycle::reset))
        .route("/journal", get(journal::read))
        .route("/journal/find", post(journal::find))
        .route("/journal/count", post(journal::count))
        .route("/journal/wait", post(journal::wait))
        .route("/journal/near-misses", post(journal::near_misses))
        .route("/explain", get(explain::explain))
        .route("/deliveries", get(lifecycle::deliveries))
        .route("/shadows", get(shadows::list))
        .route("/shadows/{thing}", get(shadows::one))
        .route("/logs", get(logs::logs))
        .route("/clock", get(clock::show).post(clock::set))
        .route("/faults", get(faults::show).put(faults::set))
        .route("/snapshots", get(lifecycle::snapshots))
        .route("/snapshots/{name}", post(lifecycle::save).delete(lifecycle::delete))
        .route("/snapshots/{name}/restore", post(lifecycle::restore))
        .fallback(unknown);
    Router::new()
        .nest("/_thingstead", admin)
        .route("/_localstack/health", get(health::localstack))
        .route("/metrics", get(metrics::metrics))
        .route("/console", get(assets::index))
        .route("/console/{*path}", get(assets::file))
        .with_state(deps)
}

async fn unknown(uri: axum::http::Uri) -> AdminError {
    AdminError::not_found(format!("`{}` is no call of the admin API", uri.path()))
}

#[cfg(test)]
mod tests;
