//! The rules engine: which rules a message concerns, what they say, and what becomes of it.
//!
//! A statement is evaluated on the caller's thread, and a republish leaves from there. Everything that waits (AWS, HTTP,
//! functions that look outward) runs on the engine's own threads, behind one bounded queue per destination, so that a slow
//! or dead receiver never slows the broker (RULES-356).

mod assume;
mod batch;
mod compiled;
mod confirmation;
mod destinations;
mod functions;
mod index;
mod influx;
mod invoke;
mod kafka;
mod lanes;
mod metrics;
mod outcome;
mod perform;
mod refusal;
mod resources;
mod run;
mod state;
mod throttle;
mod told;
mod trust;

use std::fmt;
use std::sync::Arc;

use thingstead_core::journal::Record;
use thingstead_core::wiring::{Bus, Reload, RuleSink};
use thingstead_core::{Clock, Event, Ids, Journal, Kind, Publication, RuleName};
use thingstead_store::Store;

use crate::actions::aws::AwsClient;
use crate::actions::send::HttpClient;
use crate::deliveries::Deliveries;
use crate::settings::Settings;
use crate::store::RuleStore;
use functions::Functions;
use index::Found;
use lanes::Lanes;
use metrics::{Count, Metrics};
use state::{State, StateLock};
use told::Told;

pub(crate) use compiled::CompiledRule;
pub use functions::Lookups;
pub(crate) use lanes::{Lane, LaneFull};
pub use metrics::RuleMetric;
pub(crate) use refusal::{delivery_of, is_delivery};
pub use resources::{ListTopicRules, Page};
pub(crate) use run::{ResultPayload, Run};

/// What an engine is joined to.
pub struct Deps {
    /// Opened with [`crate::TABLES`].
    pub store: Store,
    /// Takes what rules republish.
    pub bus: Arc<dyn Bus>,
    /// Takes what happened.
    pub journal: Journal,
    /// The time.
    pub clock: Clock,
    /// Trace ids, `newuuid()`, `rand()`.
    pub ids: Ids,
    /// Shadows and registry, for the functions that read them.
    pub lookups: Arc<dyn Lookups>,
    /// What the binary decides.
    pub settings: Settings,
}

/// The rules of all scopes, and what runs them. Cheap to clone; the last clone stops the engine's threads.
#[derive(Clone)]
pub struct RuleEngine {
    pub(crate) inner: Arc<Inner>,
    _runtime: Arc<OwnRuntime>,
}

/// What tasks keep alive; the runtime is not among it, since a runtime must not be dropped on its own threads.
pub(crate) struct Inner {
    pub(crate) bus: Arc<dyn Bus>,
    pub(crate) journal: Journal,
    pub(crate) clock: Clock,
    pub(crate) ids: Ids,
    pub(crate) settings: Arc<Settings>,
    pub(crate) store: RuleStore,
    pub(crate) state: StateLock,
    pub(crate) deliveries: Deliveries,
    pub(crate) metrics: Metrics,
    pub(crate) lanes: Lanes,
    pub(crate) http: HttpClient,
    pub(crate) aws: AwsClient,
    pub(crate) functions: Functions,
    pub(crate) batches: batch::Batches,
    pub(crate) kafka: kafka::Clusters,
    throttle: throttle::Throttle,
}

impl RuleEngine {
    /// Loads the rules and starts the engine's threads.
    ///
    /// # Errors
    /// The database cannot be read or threads cannot be started, as a sentence.
    pub fn new(deps: Deps) -> Result<Self, String> {
        let Deps { store, bus, journal, clock, ids, lookups, settings } = deps;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("rule-actions")
            .enable_all()
            .build()
            .map_err(|error| format!("the threads of the rules engine cannot be started: {error}"))?;
        let settings = Arc::new(settings);
        let http = HttpClient::new(&settings.trust_ca);
        let aws = AwsClient::new(http.clone(), Arc::new(settings.aws.clone()), clock.clone());
        let inner = Arc::new(Inner {
            bus,
            deliveries: Deliveries::new(journal.clone(), Arc::clone(&settings)),
            journal,
            functions: Functions::new(lookups, aws.clone(), clock.clone()),
            clock,
            ids,
            settings,
            store: RuleStore::new(store),
            state: StateLock::default(),
            metrics: Metrics::default(),
            lanes: Lanes::new(runtime.handle().clone()),
            http,
            aws,
            batches: batch::Batches::default(),
            kafka: kafka::Clusters::default(),
            throttle: throttle::Throttle::default(),
        });
        let engine = Self { inner, _runtime: Arc::new(OwnRuntime(Some(runtime))) };
        engine.reload()?;
        Ok(engine)
    }

    /// The log of deliveries.
    pub fn deliveries(&self) -> &Deliveries {
        &self.inner.deliveries
    }

    /// The counters that are not zero.
    pub fn metrics(&self) -> Vec<RuleMetric> {
        self.inner.metrics.snapshot()
    }
}

impl RuleSink for RuleEngine {
    fn offer(&self, publication: &Publication) {
        self.inner.offer(&Arc::new(publication.clone()), &mut Told::Now);
    }

    fn basic_ingest(&self, rule: &str, publication: &Publication) -> bool {
        self.inner.ingest(rule, &Arc::new(publication.clone()), &mut Told::Now)
    }

    fn offer_and_tell(&self, publication: &Arc<Publication>, told: &mut Vec<Record>) {
        self.inner.offer(publication, &mut Told::Turn(told));
    }

    fn ingest_and_tell(&self, rule: &str, publication: &Arc<Publication>, told: &mut Vec<Record>) -> bool {
        self.inner.ingest(rule, publication, &mut Told::Turn(told))
    }
}

impl Reload for RuleEngine {
    fn reload(&self) -> Result<(), String> {
        let state = State::load(&self.inner)?;
        *self.inner.state.write() = state;
        self.inner.deliveries.clear();
        self.inner.functions.forget();
        Ok(())
    }
}

impl Inner {
    /// Runs every rule whose filter matches (RULES-351).
    fn offer(self: &Arc<Self>, publication: &Arc<Publication>, told: &mut Told<'_>) {
        let found = {
            let state = self.state.read();
            let mut found = Found::new();
            if let Some(scope) = state.scope(&publication.scope) {
                scope.matching(&publication.message.topic, &mut found);
            }
            found
        };
        if found.is_empty() {
            return;
        }
        // One draw serves all: each rule's random values begin elsewhere.
        let trace = self.ids.uuid().as_u128();
        for (seed, rule) in (trace..).zip(found) {
            self.begin(Run::new(self, rule, publication, trace, seed), told);
        }
    }

    /// Runs the rule that a publisher named, if it can be run.
    fn ingest(self: &Arc<Self>, rule: &str, publication: &Arc<Publication>, told: &mut Told<'_>) -> bool {
        let found = self.state.read().scope(&publication.scope).and_then(|scope| scope.enabled(rule));
        let Some(found) = found else {
            self.rule_not_found(rule, publication, told);
            return false;
        };
        // Whether FROM matches is not asked (RULES-367).
        let trace = self.ids.uuid().as_u128();
        self.begin(Run::new(self, found, publication, trace, trace), told);
        true
    }

    /// RULES-373, RULES-416, RULES-429.
    fn rule_not_found(&self, rule: &str, publication: &Publication, told: &mut Told<'_>) {
        let rule = RuleName::from(rule);
        self.metrics.of(&publication.scope, &rule).add(Count::RuleNotFound);
        let event = Event::new(&publication.scope, publication.at, Kind::RuleNotFound)
            .client(publication.origin.client().map(thingstead_core::ClientId::shared))
            .topic(Arc::clone(&publication.message.topic))
            .why(format!("Rule {rule} not found: there is no rule of that name, or it is disabled"))
            .with("rule", rule.as_str())
            .with("trace_id", self.ids.uuid().to_string());
        self.write_down(told, event);
    }
}

impl fmt::Debug for RuleEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RuleEngine")
    }
}

/// Ends without waiting for what is under way, from whichever thread drops it.
struct OwnRuntime(Option<tokio::runtime::Runtime>);

impl Drop for OwnRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// Threads for everything that waits; the work is mostly waiting.
const THREADS: usize = 1;
