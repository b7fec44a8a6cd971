//! Who is in which dynamic group: found out when something changed, not when somebody asks (API-122, API-224, API-349).

use std::collections::BTreeSet;
use std::sync::{Arc, Weak};

use parking_lot::{Condvar, Mutex};
use thingstead_core::{Scope, ThingName};

use crate::indexing::{DynamicQuery, Unsettled};
use crate::memberships::{MOST_GROUPS, join_dynamic, leave_dynamic};
use crate::registry::{Changed, Inner};
use crate::state::State;
use crate::{Registry, Result};

/// Wakes the thread that finds out groups after a change of shadows or connections, where nobody waits for it.
#[derive(Debug, Default)]
pub(crate) struct Settler {
    state: Mutex<Woken>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Woken {
    due: bool,
    stopped: bool,
}

impl Settler {
    pub(crate) fn wake(&self) {
        self.state.lock().due = true;
        self.changed.notify_one();
    }

    pub(crate) fn stop(&self) {
        self.state.lock().stopped = true;
        self.changed.notify_one();
    }

    /// Waits until there is something to do; `false` when there never will be.
    fn wait(&self) -> bool {
        let mut state = self.state.lock();
        while !state.due && !state.stopped {
            self.changed.wait(&mut state);
        }
        state.due = false;
        !state.stopped
    }
}

impl Registry {
    /// Starts the thread behind [`Settler`].
    pub(crate) fn settle_in_the_background(&self) {
        let (settler, registry) = (Arc::clone(&self.0.settler), Arc::downgrade(&self.0));
        let run = move || {
            while settler.wait() {
                let Some(registry) = Weak::upgrade(&registry).map(Registry) else { return };
                for scope in registry.unsettled_scopes() {
                    for changed in registry.settle(&scope) {
                        if let Err(error) = registry.finish_blocking(&scope, changed) {
                            tracing::error!(%error, "memberships of dynamic thing groups could not be stored");
                        }
                    }
                }
            }
        };
        if let Err(error) = std::thread::Builder::new().name("dynamic-groups".to_owned()).spawn(run) {
            tracing::error!(%error, "dynamic thing groups will not follow shadows and connections");
        }
        self.0.settler.wake();
    }

    /// Brings the scope's dynamic groups up to date before a change is answered.
    pub(crate) async fn settled(&self, scope: &Scope) -> Result<()> {
        let cell = self.cell(scope);
        if cell.following.is_settled() {
            return Ok(());
        }
        let quick = cell.following.is_soon_settled() && !cell.settling.is_locked();
        let changes = match tokio::runtime::Handle::try_current() {
            Ok(runtime) if !quick => {
                let (registry, scope) = (self.clone(), scope.clone());
                runtime.spawn_blocking(move || registry.settle(&scope)).await.unwrap_or_default()
            }
            _ => self.settle(scope),
        };
        for changed in changes {
            self.finish(scope, changed).await?;
        }
        Ok(())
    }

    /// Finds out the dynamic groups of everything that changed.
    fn settle(&self, scope: &Scope) -> Vec<Changed<()>> {
        let cell = self.cell(scope);
        let _turn = cell.settling.lock();
        let unsettled = cell.following.take_unsettled();
        if unsettled.is_empty() {
            return Vec::new();
        }
        let wanted = self.wanted_groups(scope, &unsettled);
        // In portions, since the state is locked for each.
        let portions = wanted.chunks(PORTION).map(|portion| {
            self.change_at_once(scope, |state, change| {
                for (thing, groups) in portion {
                    let wanted = allowed(state, thing, groups, change.limited());
                    let current = dynamic_groups_of(state, thing);
                    for group in current.iter().filter(|group| !wanted.contains(*group)) {
                        leave_dynamic(state, change, group, thing);
                    }
                    for group in wanted.iter().filter(|group| !current.contains(*group)) {
                        join_dynamic(state, change, group, thing);
                    }
                }
                Ok(())
            })
        });
        let mut changes = Vec::new();
        for portion in portions {
            match portion {
                Ok(changed) => changes.push(changed),
                Err(error) => tracing::error!(%error, "dynamic thing groups could not be brought up to date"),
            }
        }
        changes
    }

    /// Things with the dynamic groups whose query they fulfil, oldest group first.
    fn wanted_groups(&self, scope: &Scope, unsettled: &Unsettled) -> Vec<(ThingName, Vec<Arc<str>>)> {
        let (indexing, queries, things) = self.read(scope, |state| {
            let queries = Arc::clone(&state.dynamic);
            let things: Vec<_> = if unsettled.all {
                state
                    .things
                    .iter()
                    .map(|thing| (Arc::clone(thing), static_groups_of(state, &thing.name)))
                    .collect()
            } else {
                let things = unsettled.things.iter().filter_map(|name| state.things.get(name));
                things.map(|thing| (Arc::clone(thing), static_groups_of(state, &thing.name))).collect()
            };
            (state.indexing.things.clone(), queries, things)
        });
        let mut wanted = Vec::with_capacity(things.len());
        for candidate in things {
            let facts = self.facts(scope, &indexing, candidate);
            let groups = queries.iter().filter(|query| query.has(&facts)).map(DynamicQuery::group);
            wanted.push((facts.thing.name.clone(), groups.collect()));
        }
        wanted
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.settler.stop();
    }
}

/// Those groups that are still there and for which the thing has room: older groups come first (API-349).
fn allowed(state: &State, thing: &str, groups: &[Arc<str>], limited: bool) -> BTreeSet<Arc<str>> {
    if !state.things.contains(thing) {
        return BTreeSet::new();
    }
    let room =
        if limited { MOST_GROUPS.saturating_sub(static_groups_of(state, thing).len()) } else { usize::MAX };
    let there = groups.iter().filter(|group| is_dynamic(state, group));
    there.take(room).cloned().collect()
}

fn dynamic_groups_of(state: &State, thing: &str) -> BTreeSet<Arc<str>> {
    state.members.lefts_of(thing).filter(|group| is_dynamic(state, group)).cloned().collect()
}

/// A dynamic group's query sees static groups only: else groups could depend on each other.
pub(crate) fn static_groups_of(state: &State, thing: &str) -> Vec<String> {
    let groups = state.members.lefts_of(thing).filter(|group| !is_dynamic(state, group));
    groups.map(ToString::to_string).collect()
}

fn is_dynamic(state: &State, group: &str) -> bool {
    state.thing_groups.get(group).is_some_and(|group| group.dynamic.is_some())
}

/// Things that are regrouped under one lock.
const PORTION: usize = 200;
