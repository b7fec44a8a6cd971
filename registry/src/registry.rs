//! The registry: state in memory, rows in the store.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use dashmap::DashMap;
use parking_lot::{Mutex, RwLock};
use serde_json::Value;
use smallvec::SmallVec;
use thingstead_core::wiring::{Bus, ConnectionControl, Functions, Reload};
use thingstead_core::{Clock, Ids, Journal, Message, Origin, Publication, Scope};
use thingstead_store::{Commit, Store, StoreError};

use crate::certificates::KnownCertificate;
use crate::change::{Change, Redefined};
use crate::domain_configurations::DomainConfiguration;
use crate::dynamic_memberships::Settler;
use crate::indexing::{FleetSource, Following, Parts};
use crate::session_credentials::RoleSession;
use crate::state::{State, TABLES};
use crate::{RegistryError, RegistrySettings, Result};

/// Things, certificates, policies and what hangs together with them, of all scopes. Cheap to clone.
///
/// Reading methods are synchronous and answer from memory. Mutations are `async`: memory changes at the first poll, under one
/// lock a scope, and they answer when the change is durable. Should the database fail then, the caller is told, and memory and
/// database are no longer the same: from then on every mutation is refused with `ServiceUnavailable` and the cause, until
/// everything is loaded anew.
#[derive(Clone)]
pub struct Registry(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    pub(crate) ids: Ids,
    pub(crate) journal: Journal,
    pub(crate) settings: RegistrySettings,
    scopes: DashMap<Scope, Arc<Cell>>,
    /// By fingerprint, of all scopes: what the TLS verifier asks. One certificate may be registered in several scopes.
    pub(crate) known: DashMap<[u8; 32], SmallVec<[KnownCertificate; 1]>>,
    /// By host name, of all scopes: what TLS asks about the SNI.
    pub(crate) domains: DashMap<String, (Scope, Arc<DomainConfiguration>)>,
    /// Temporary credentials by access key, of all scopes.
    pub(crate) sessions: DashMap<String, Arc<RoleSession>>,
    connections: OnceLock<Arc<dyn ConnectionControl>>,
    bus: OnceLock<Arc<dyn Bus>>,
    pub(crate) fleet: OnceLock<Arc<dyn FleetSource>>,
    pub(crate) settler: Arc<Settler>,
    pub(crate) functions: OnceLock<Arc<dyn Functions>>,
    /// What kept a change from becoming durable.
    failure: RwLock<Option<String>>,
}

/// One scope.
#[derive(Debug, Default)]
pub(crate) struct Cell {
    state: RwLock<State>,
    /// Rises with every change that can alter a decision.
    generation: Arc<AtomicU64>,
    pub(crate) following: Following,
    /// Held by whoever brings the dynamic groups up to date.
    pub(crate) settling: Mutex<()>,
}

/// What a change came to.
pub(crate) struct Changed<T> {
    /// The answer.
    value: T,
    /// When it is durable.
    commit: Commit,
    /// Topics and payloads to publish then.
    events: Vec<(String, Value)>,
}

impl Registry {
    /// The registry over a store, which must have been opened with [`TABLES`]; loads every row.
    ///
    /// # Errors
    /// `InternalFailure` when the store cannot be read or holds a row that cannot be understood.
    pub fn open(
        store: Store,
        clock: Clock,
        ids: Ids,
        journal: Journal,
        settings: RegistrySettings,
    ) -> Result<Self> {
        let inner = Inner {
            store,
            clock,
            ids,
            journal,
            settings,
            scopes: DashMap::new(),
            known: DashMap::new(),
            domains: DashMap::new(),
            sessions: DashMap::new(),
            connections: OnceLock::new(),
            bus: OnceLock::new(),
            fleet: OnceLock::new(),
            settler: Arc::default(),
            functions: OnceLock::new(),
            failure: RwLock::default(),
        };
        let registry = Self(Arc::new(inner));
        registry.load()?;
        Ok(registry)
    }

    /// Joins the registry with whoever holds connections; the second call changes nothing.
    pub fn follow_connections(&self, connections: Arc<dyn ConnectionControl>) {
        if self.0.connections.set(connections).is_err() {
            tracing::warn!("the registry was joined with connections twice");
        }
    }

    /// Joins the registry with the router, for registry events; the second call changes nothing.
    pub fn publish_events_to(&self, bus: Arc<dyn Bus>) {
        if self.0.bus.set(bus).is_err() {
            tracing::warn!("the registry was joined with the router twice");
        }
    }

    /// Joins the registry with whoever calls functions, for custom authorizers; the second call changes nothing.
    pub fn call_functions_with(&self, functions: Arc<dyn Functions>) {
        if self.0.functions.set(functions).is_err() {
            tracing::warn!("the registry was joined with functions twice");
        }
    }

    /// The clock everything here is dated by.
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// Where decisions are told.
    pub fn journal(&self) -> &Journal {
        &self.0.journal
    }

    /// The authority that issues certificates.
    pub fn ca(&self) -> &Arc<crate::ServerCa> {
        &self.0.settings.ca
    }

    /// The scope's count of changes that can alter a decision.
    pub fn generation(&self, scope: &Scope) -> u64 {
        self.cell(scope).generation.load(Ordering::Acquire)
    }

    /// The counter behind [`Registry::generation`], to be kept by whoever caches decisions.
    pub fn generation_counter(&self, scope: &Scope) -> Arc<AtomicU64> {
        Arc::clone(&self.cell(scope).generation)
    }

    /// Runs with the scope's state for reading. Nothing in it may wait.
    pub(crate) fn read<T>(&self, scope: &Scope, read: impl FnOnce(&State) -> T) -> T {
        read(&self.cell(scope).state.read())
    }

    /// Changes the scope's state and answers when that is durable.
    pub(crate) async fn change<T>(
        &self,
        scope: &Scope,
        change: impl FnOnce(&mut State, &mut Change<'_>) -> Result<T>,
    ) -> Result<T> {
        let changed = self.change_at_once(scope, change)?;
        let value = self.finish(scope, changed).await?;
        self.settled(scope).await?;
        Ok(value)
    }

    /// Waits until a change is durable, and tells its events.
    pub(crate) async fn finish<T>(&self, scope: &Scope, changed: Changed<T>) -> Result<T> {
        self.note_outcome(changed.commit.await)?;
        self.publish(scope, changed.events);
        Ok(changed.value)
    }

    /// The same for a thread that may wait.
    pub(crate) fn finish_blocking<T>(&self, scope: &Scope, changed: Changed<T>) -> Result<T> {
        self.note_outcome(changed.commit.wait())?;
        self.publish(scope, changed.events);
        Ok(changed.value)
    }

    /// Does not wait until a change is durable. Its events are left to the caller.
    pub(crate) fn let_go<T>(&self, changed: Changed<T>) -> T {
        let inner = Arc::downgrade(&self.0);
        changed.commit.then(move |outcome, _| {
            if let Some(inner) = inner.upgrade() {
                drop(Self(inner).note_outcome(outcome));
            }
        });
        changed.value
    }

    /// Why mutations are refused: what kept a change from becoming durable. `None` while all is well.
    pub fn failure(&self) -> Option<String> {
        self.0.failure.read().clone()
    }

    fn note_outcome(&self, outcome: std::result::Result<(), StoreError>) -> Result<()> {
        outcome.map_err(|error| {
            tracing::error!(%error, "the registry takes no more changes: the database failed");
            self.0.failure.write().get_or_insert_with(|| error.to_string());
            unavailable(&error.to_string())
        })
    }

    /// Publishes events; nobody hears them before the router is there.
    pub(crate) fn publish(&self, scope: &Scope, events: Vec<(String, Value)>) {
        let Some(bus) = self.0.bus.get() else { return };
        for (topic, payload) in events {
            bus.publish(Publication {
                scope: scope.clone(),
                message: Message::new(topic, payload.to_string()),
                origin: Origin::Service("events"),
                at: self.0.clock.now(),
            });
        }
    }

    /// The scopes whose state fulfils a condition.
    pub(crate) fn scopes_where(&self, wanted: impl Fn(&State) -> bool) -> Vec<Scope> {
        let found = self.0.scopes.iter().filter(|entry| wanted(&entry.value().state.read()));
        found.map(|entry| entry.key().clone()).collect()
    }

    /// Changes the scope's state without waiting.
    pub(crate) fn change_at_once<T>(
        &self,
        scope: &Scope,
        act: impl FnOnce(&mut State, &mut Change<'_>) -> Result<T>,
    ) -> Result<Changed<T>> {
        if let Some(cause) = &*self.0.failure.read() {
            return Err(unavailable(cause));
        }
        let cell = self.cell(scope);
        let mut change = Change::new(&self.0, scope);
        let (value, commit) = {
            let mut state = cell.state.write();
            let value = act(&mut state, &mut change)?;
            if change.decisions || !change.left_active.is_empty() {
                // Before the lock is given up, so before anybody can read the change.
                cell.generation.fetch_add(1, Ordering::AcqRel);
            }
            let has_dynamic_groups = !state.dynamic.is_empty();
            match change.redefined {
                Redefined::Nothing => {}
                Redefined::Groups => cell.following.note_definitions(has_dynamic_groups),
                Redefined::Index => cell.following.note_everything(has_dynamic_groups),
            }
            cell.following.note(std::mem::take(&mut change.things), Parts::REGISTRY);
            cell.following.note_regrouped(std::mem::take(&mut change.regrouped));
            // Queued under the lock, so that rows are written in the order memory changed.
            (value, self.0.store.commit(std::mem::take(&mut change.batch)))
        };
        if let Some(connections) = self.0.connections.get() {
            for certificate in &change.left_active {
                connections.certificate_left_active(scope, certificate);
            }
        }
        Ok(Changed { value, commit, events: change.events })
    }

    pub(crate) fn cell(&self, scope: &Scope) -> Arc<Cell> {
        self.known_cell(scope).unwrap_or_else(|| Arc::clone(&self.0.scopes.entry(scope.clone()).or_default()))
    }

    /// The scope's cell, if it was ever used.
    pub(crate) fn known_cell(&self, scope: &Scope) -> Option<Arc<Cell>> {
        self.0.scopes.get(scope).map(|cell| Arc::clone(&cell))
    }

    /// The scopes whose dynamic groups are to be brought up to date.
    pub(crate) fn unsettled_scopes(&self) -> Vec<Scope> {
        let unsettled = self.0.scopes.iter().filter(|entry| !entry.value().following.is_settled());
        unsettled.map(|entry| entry.key().clone()).collect()
    }

    fn load(&self) -> Result<()> {
        let mut loaded: HashMap<Scope, State> = HashMap::new();
        for table in TABLES {
            let mut failure = None;
            self.0.store.rows(*table, |row| {
                let state = loaded.entry(row.scope.clone()).or_default();
                if let Err(reason) = state.load(*table, &row) {
                    failure.get_or_insert_with(|| {
                        RegistryError::InternalFailure(format!(
                            "row `{}` of table `{}` cannot be read: {reason}",
                            row.key,
                            table.name()
                        ))
                    });
                }
            })?;
            if let Some(failure) = failure {
                return Err(failure);
            }
        }
        self.0.known.clear();
        self.0.domains.clear();
        self.0.sessions.clear();
        for (scope, state) in &loaded {
            for certificate in state.certificates.iter() {
                self.remember(scope, certificate);
            }
            for session in state.role_sessions.iter() {
                self.0.sessions.insert(session.access_key.clone(), Arc::clone(session));
            }
            for configuration in state.domain_configurations.iter() {
                let host = configuration.domain_name.clone();
                self.0.domains.insert(host, (scope.clone(), Arc::clone(configuration)));
            }
        }
        // Scopes without rows are emptied, not dropped: their generations live on in caches.
        let empty: Vec<Arc<Cell>> = self
            .0
            .scopes
            .iter()
            .filter(|entry| !loaded.contains_key(entry.key()))
            .map(|entry| Arc::clone(entry.value()))
            .collect();
        let loaded = loaded.into_iter().map(|(scope, state)| (self.cell(&scope), state));
        for (cell, mut state) in loaded.chain(empty.into_iter().map(|cell| (cell, State::default()))) {
            state.derive();
            let mut current = cell.state.write();
            *current = state;
            cell.following.note_everything(!current.dynamic.is_empty());
            cell.generation.fetch_add(1, Ordering::AcqRel);
        }
        Ok(())
    }
}

fn unavailable(cause: &str) -> RegistryError {
    RegistryError::ServiceUnavailable(format!(
        "The registry takes no changes, because the database did not store one: {cause}"
    ))
}

impl Reload for Registry {
    fn reload(&self) -> Result<(), String> {
        self.load().map_err(|error| error.to_string())?;
        *self.0.failure.write() = None;
        self.0.settler.wake();
        Ok(())
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").field("scopes", &self.0.scopes.len()).finish_non_exhaustive()
    }
}
