//! Prometheus text: totals of journal events by kind, and the figures of the moment.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use std::sync::atomic::AtomicU64;

use crate::AdminDeps;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabel {
    kind: &'static str,
}

/// `GET /metrics`.
pub(crate) async fn metrics(State(deps): State<AdminDeps>) -> Response {
    let mut registry = Registry::default();
    let events: Family<KindLabel, Counter> = Family::default();
    for (kind, total) in deps.journal.totals() {
        events.get_or_create(&KindLabel { kind: kind.name() }).inc_by(total);
    }
    registry.register("thingstead_events", "Journal events by kind", events);
    for (name, help, value) in deps.operations.gauges() {
        let gauge = Gauge::<f64, AtomicU64>::default();
        gauge.set(value);
        registry.register(name, help, gauge);
    }
    let mut text = String::new();
    match encode(&mut text, &registry) {
        Ok(()) => ([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
