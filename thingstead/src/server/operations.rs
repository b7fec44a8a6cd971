//! What the admin API asks of the whole server.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;
use thingstead_broker::Broker;
use thingstead_console::{Counter, LogQuestion, Operation, Operations, Refusal, ShadowQuestion};
use thingstead_core::wiring::{ConnectionControl, Reload};
use thingstead_core::{Scope, ShadowName, ThingName};
use thingstead_registry::Registry;
use thingstead_rules::RuleEngine;
use thingstead_shadow::{ShadowId, ShadowService};
use thingstead_store::{Store, StoreError};
use thingstead_telemetry::ServiceLog;

use super::telemetry;

/// The parts that a reset, a snapshot or a figure concerns.
pub(super) struct WholeServer {
    pub(super) store: Store,
    pub(super) broker: Arc<Broker>,
    pub(super) rules: RuleEngine,
    pub(super) shadow: ShadowService,
    /// Where the admin API looks unless it is told otherwise.
    pub(super) scope: Scope,
    pub(super) service_log: Arc<ServiceLog>,
    /// Whoever keeps rows in memory, in the order in which they load again.
    pub(super) caches: Vec<Arc<dyn Reload>>,
    pub(super) registry: Registry,
    pub(super) ready: AtomicBool,
}

impl WholeServer {
    /// Every listener is open.
    pub(super) fn set_ready(&self) {
        self.ready.store(true, Ordering::Release);
    }

    /// Connections go first, so that nobody acts on the old state; then rows, then what is cached of them.
    /// Writes what is queued; whoever opens the database afterwards finds everything in its tables.
    pub(super) async fn rest(&self) -> Result<(), StoreError> {
        self.store.rest().await
    }

    async fn go_back_to(&self, snapshot: &str) -> Result<(), Refusal> {
        let broker = Arc::clone(&self.broker);
        blocking(move || {
            broker.reset();
            Ok(())
        })
        .await?;
        self.store.restore(snapshot).await.map_err(|error| Refusal::Failed(error.to_string()))?;
        let caches = self.caches.clone();
        blocking(move || caches.iter().try_for_each(|cache| cache.reload()).map_err(Refusal::Failed)).await?;
        self.rules.deliveries().clear();
        Ok(())
    }

    fn must_exist(&self, name: &str) -> Result<(), Refusal> {
        if self.store.has_snapshot(name) {
            return Ok(());
        }
        Err(Refusal::NotFound(format!("there is no snapshot `{name}`")))
    }
}

/// Runs what waits for other threads where waiting does no harm.
async fn blocking(work: impl FnOnce() -> Result<(), Refusal> + Send + 'static) -> Result<(), Refusal> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(Refusal::Failed(error.to_string())),
    }
}

impl Operations for WholeServer {
    fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Acquire) && self.broker.damage().is_none()
    }

    fn failure(&self) -> Option<String> {
        self.registry.failure()
    }

    fn reset(&self) -> Operation<'_, ()> {
        Box::pin(self.go_back_to(Store::SEEDED))
    }

    fn snapshots(&self) -> Operation<'_, Vec<String>> {
        Box::pin(async {
            let found = self.store.snapshots().map_err(|error| Refusal::Failed(error.to_string()))?;
            Ok(found.into_iter().map(|snapshot| snapshot.name).collect())
        })
    }

    fn save_snapshot(&self, name: &str) -> Operation<'_, ()> {
        let name = name.to_owned();
        Box::pin(async move {
            self.broker.save_departed().await;
            self.store.snapshot(&name).await.map_err(|error| Refusal::Failed(error.to_string()))
        })
    }

    fn restore_snapshot(&self, name: &str) -> Operation<'_, ()> {
        let name = name.to_owned();
        Box::pin(async move {
            self.must_exist(&name)?;
            self.go_back_to(&name).await
        })
    }

    fn delete_snapshot(&self, name: &str) -> Operation<'_, ()> {
        let name = name.to_owned();
        Box::pin(async move {
            self.must_exist(&name)?;
            self.store.delete_snapshot(&name).await.map_err(|error| Refusal::Failed(error.to_string()))
        })
    }

    fn deliveries(&self, rule: Option<&str>) -> Vec<Value> {
        self.rules.deliveries().list(rule).iter().map(thingstead_rules::Delivery::to_json).collect()
    }

    fn shadows(&self, accepts: &dyn Fn(&str, &str) -> bool, limit: usize) -> Vec<Value> {
        self.shadow.list(|id| accepts(id.scope.account(), &id.thing), limit)
    }

    fn shadow(&self, question: &ShadowQuestion) -> Option<Value> {
        let account = question.account.as_deref().unwrap_or(self.scope.account());
        let region = question.region.as_deref().unwrap_or(self.scope.region());
        let id = ShadowId {
            scope: Scope::new(account, region),
            thing: ThingName::from(question.thing.as_str()),
            shadow: question.name.as_deref().map(ShadowName::from),
        };
        self.shadow.show(&id, question.limit)
    }

    fn shadow_changes(&self, scope: &Scope, thing: &str) -> Vec<Value> {
        self.shadow.changes_of(scope, &ThingName::from(thing))
    }

    fn service_log(&self, question: &LogQuestion) -> Vec<Value> {
        self.service_log.find(&telemetry::query(question))
    }

    fn counters(&self) -> Vec<Counter> {
        telemetry::counters(self.broker.journal(), &self.rules)
    }

    fn gauges(&self) -> Vec<(&'static str, &'static str, f64)> {
        let connected = u32::try_from(self.broker.connected_clients()).unwrap_or(u32::MAX);
        vec![("thingstead_connected_clients", "MQTT clients that are connected now", f64::from(connected))]
    }
}
