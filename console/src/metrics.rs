//! Prometheus text: totals of journal events by kind, counters in AWS's words, and the figures of the moment.

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

type Labels = Vec<(String, String)>;

/// `GET /metrics`.
pub(crate) async fn metrics(State(deps): State<AdminDeps>) -> Response {
    let mut registry = Registry::default();
    let events: Family<KindLabel, Counter> = Family::default();
    for (kind, total) in deps.journal.totals() {
        events.get_or_create(&KindLabel { kind: kind.name() }).inc_by(total);
    }
    registry.register("thingstead_events", "Journal events by kind", events);
    let mut families: Vec<(String, String, Family<Labels, Counter>)> = Vec::new();
    for counter in deps.operations.counters() {
        let labels: Labels =
            counter.labels.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        if families.last().is_none_or(|(name, ..)| *name != counter.name) {
            families.push((counter.name, counter.help, Family::default()));
        }
        if let Some((_, _, family)) = families.last() {
            family.get_or_create(&labels).inc_by(counter.value);
        }
    }
    for (name, help, family) in families {
        registry.register(name, help, family);
    }
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
