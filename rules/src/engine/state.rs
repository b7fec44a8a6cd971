//! The rules and destinations in memory, which is the truth for reading.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{RwLock, RwLockReadGuard, RwLockWriteGuard};
use thingstead_core::{RuleName, Scope};

use super::Inner;
use super::compiled::CompiledRule;
use super::index::{Found, Index};
use crate::destination::Destination;
use crate::rule::TopicRule;

/// The state, and how often it may have changed: what was found out about it holds as long as that number stays.
#[derive(Debug, Default)]
pub(crate) struct StateLock {
    state: RwLock<State>,
    changes: AtomicU64,
}

impl StateLock {
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read()
    }

    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, State> {
        let state = self.state.write();
        self.changes.fetch_add(1, Ordering::Release);
        state
    }

    /// Ask this first and read then: a change in between makes the number old, not the finding wrong.
    pub(crate) fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }
}

/// All scopes.
#[derive(Debug, Default)]
pub(crate) struct State {
    scopes: HashMap<Scope, ScopeState>,
}

/// One account in one Region.
#[derive(Debug, Default)]
pub(crate) struct ScopeState {
    rules: BTreeMap<RuleName, KeptRule>,
    index: Index<CompiledRule>,
    pub(crate) destinations: BTreeMap<String, Destination>,
}

/// A rule as a resource and as it runs.
#[derive(Clone, Debug)]
pub(crate) struct KeptRule {
    pub(crate) rule: TopicRule,
    /// `None`: written by a server that understood more than this one; it is kept and does not run.
    pub(crate) compiled: Option<Arc<CompiledRule>>,
}

impl State {
    /// Everything that is in the database.
    pub(crate) fn load(inner: &Inner) -> Result<Self, String> {
        let mut state = Self::default();
        inner.store.rules(|scope, rule| {
            let compiled = match CompiledRule::compile(inner, &scope, &rule) {
                Ok(compiled) => Some(Arc::new(compiled)),
                Err(error) => {
                    tracing::error!(rule = %rule.name, %error, "a stored rule cannot be run");
                    None
                }
            };
            state.scope_mut(&scope).put(KeptRule { rule, compiled });
        })?;
        inner.store.destinations(|scope, destination| {
            let arn = destination.arn.clone();
            // What was sent before the start is not known.
            destination.used(inner.clock.now());
            state.scope_mut(&scope).destinations.insert(arn, destination);
        })?;
        Ok(state)
    }

    pub(crate) fn scope(&self, scope: &Scope) -> Option<&ScopeState> {
        self.scopes.get(scope)
    }

    pub(crate) fn scope_mut(&mut self, scope: &Scope) -> &mut ScopeState {
        self.scopes.entry(scope.clone()).or_default()
    }

    /// The destination that waits for a token.
    pub(crate) fn awaiting(&mut self, token: &str) -> Option<(Scope, &mut Destination)> {
        self.scopes.iter_mut().find_map(|(scope, state)| {
            let mut destinations = state.destinations.values_mut();
            let found = destinations.find(|destination| destination.token.as_deref() == Some(token))?;
            Some((scope.clone(), found))
        })
    }
}

impl ScopeState {
    /// Collects the enabled rules whose filter matches.
    pub(crate) fn matching(&self, topic: &str, found: &mut Found<CompiledRule>) {
        if !self.index.is_empty() {
            self.index.matching(topic, found);
        }
    }

    /// The rule of that name, if it runs.
    pub(crate) fn enabled(&self, name: &str) -> Option<Arc<CompiledRule>> {
        let kept = self.rules.get(name).filter(|kept| !kept.rule.disabled)?;
        kept.compiled.clone()
    }

    pub(crate) fn rule(&self, name: &str) -> Option<&KeptRule> {
        self.rules.get(name)
    }

    /// The rules by name.
    pub(crate) fn rules(&self) -> impl Iterator<Item = &KeptRule> {
        self.rules.values()
    }

    pub(crate) fn count(&self) -> usize {
        self.rules.len()
    }

    /// Puts a rule in the place of the one of its name.
    pub(crate) fn put(&mut self, kept: KeptRule) {
        let name = kept.rule.name.clone();
        self.remove(&name);
        if let Some(compiled) = kept.compiled.as_ref().filter(|_| !kept.rule.disabled)
            && let Some(filter) = compiled.filter()
        {
            self.index.insert(filter, Arc::clone(compiled));
        }
        self.rules.insert(name, kept);
    }

    /// Takes a rule away.
    pub(crate) fn remove(&mut self, name: &str) -> bool {
        let Some(kept) = self.rules.remove(name) else { return false };
        if let Some(filter) = kept.compiled.as_ref().and_then(|compiled| compiled.filter()) {
            self.index.remove(filter, |rule| rule.name.as_str() == name);
        }
        true
    }

    /// Whether actions may post to URLs that begin with this confirmation URL (RULES-459, RULES-461).
    pub(crate) fn destination_for(&self, confirmation_url: &str) -> Option<&Destination> {
        self.destinations
            .values()
            .find(|destination| destination.confirmation_url() == Some(confirmation_url))
    }
}
