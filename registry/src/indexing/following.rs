//! How the index and dynamic groups follow what changes: whoever changes something notes it, whoever asks catches up first.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use parking_lot::Mutex;
use thingstead_core::{Scope, ThingName};

use super::configuration::ThingIndexing;
use super::documents::ThingFacts;
use super::index::{Parts, ThingIndex, fields_of};
use super::query::Query;
use crate::Registry;
use crate::state::State;
use crate::things::Thing;

/// A scope's index, and what it has not heard of yet.
#[derive(Debug, Default)]
pub(crate) struct Following {
    index: Mutex<ThingIndex>,
    noted: Mutex<Noted>,
}

/// What changed since the index and the dynamic groups looked last.
#[derive(Debug, Default)]
struct Noted {
    /// The index is in use, so changes are to be noted for it.
    indexed: bool,
    /// It is to be built anew.
    rebuild: bool,
    things: HashMap<ThingName, Parts>,
    /// There are dynamic groups, so changes are to be noted for them.
    grouped: bool,
    unsettled: Unsettled,
}

/// Things whose dynamic groups are to be found out.
#[derive(Debug, Default)]
pub(crate) struct Unsettled {
    pub(crate) all: bool,
    pub(crate) things: BTreeSet<ThingName>,
}

impl Unsettled {
    pub(crate) fn is_empty(&self) -> bool {
        !self.all && self.things.is_empty()
    }
}

impl Following {
    /// Notes that a part of some things changed; whether dynamic groups may have changed by it.
    pub(crate) fn note(&self, things: impl IntoIterator<Item = ThingName>, parts: Parts) -> bool {
        let mut noted = self.noted.lock();
        if !noted.indexed && !noted.grouped {
            return false;
        }
        for thing in things {
            if noted.grouped {
                noted.unsettled.things.insert(thing.clone());
            }
            if noted.indexed {
                let known = noted.things.entry(thing).or_insert(parts);
                *known = known.and(parts);
            }
        }
        noted.grouped && !noted.unsettled.is_empty()
    }

    /// Notes that the dynamic groups of some things were brought up to date.
    pub(crate) fn note_regrouped(&self, things: Vec<ThingName>) {
        let mut noted = self.noted.lock();
        if !noted.indexed {
            return;
        }
        for thing in things {
            let known = noted.things.entry(thing).or_insert(Parts::REGISTRY);
            *known = known.and(Parts::REGISTRY);
        }
    }

    /// Notes that dynamic groups came, went or changed their queries.
    pub(crate) fn note_definitions(&self, has_dynamic_groups: bool) {
        let mut noted = self.noted.lock();
        noted.grouped = has_dynamic_groups;
        noted.unsettled = Unsettled { all: has_dynamic_groups, things: BTreeSet::new() };
    }

    /// Notes that nothing known holds any more.
    pub(crate) fn note_everything(&self, has_dynamic_groups: bool) {
        self.note_definitions(has_dynamic_groups);
        let mut noted = self.noted.lock();
        noted.rebuild = true;
        noted.things = HashMap::new();
    }

    pub(crate) fn take_unsettled(&self) -> Unsettled {
        std::mem::take(&mut self.noted.lock().unsettled)
    }

    /// Whether a handful of things at most is to be looked at.
    pub(crate) fn is_soon_settled(&self) -> bool {
        let noted = self.noted.lock();
        !noted.unsettled.all && noted.unsettled.things.len() <= HANDFUL
    }

    pub(crate) fn is_settled(&self) -> bool {
        self.noted.lock().unsettled.is_empty()
    }
}

/// A thing with the names of its groups.
type Candidate = (Arc<Thing>, Vec<String>);

impl Registry {
    /// Says that a thing's shadow changed. Quick; does nothing while nobody needs to know.
    pub fn shadow_changed(&self, scope: &Scope, thing: &ThingName) {
        self.fleet_changed(scope, thing, Parts::SHADOW);
    }

    /// Says that a thing connected or disconnected. Quick; does nothing while nobody needs to know.
    pub fn connectivity_changed(&self, scope: &Scope, thing: &ThingName) {
        self.fleet_changed(scope, thing, Parts::CONNECTIVITY);
    }

    fn fleet_changed(&self, scope: &Scope, thing: &ThingName, parts: Parts) {
        let Some(cell) = self.known_cell(scope) else { return };
        if cell.following.note([thing.clone()], parts) {
            self.0.settler.wake();
        }
    }

    /// Reads the scope's index when it has caught up and holds the fields of these queries and `more`.
    pub(super) fn with_index<T>(
        &self,
        scope: &Scope,
        query: &Query,
        more: Option<&str>,
        read: impl FnOnce(&ThingIndex) -> T,
    ) -> T {
        let cell = self.cell(scope);
        let mut index = cell.following.index.lock();
        let changed = {
            let mut noted = cell.following.noted.lock();
            if std::mem::take(&mut noted.rebuild) || !std::mem::replace(&mut noted.indexed, true) {
                *index = ThingIndex::default();
                noted.things = HashMap::new();
            }
            std::mem::take(&mut noted.things)
        };
        let indexing = self.read(scope, |state| state.indexing.things.clone());
        for (name, parts) in changed {
            // A thing that is not indexed yet, though it is there, brings everything along.
            let parts = if index.knows(&name) { parts } else { Parts::ALL };
            match self.read(scope, |state| candidate(state, &name)) {
                Some(found) => index.update(&name, parts, &self.facts(scope, &indexing, found)),
                None => index.remove(&name),
            }
        }
        let mut fields = fields_of(query);
        fields.extend(more.map(str::to_owned));
        let mut missing = index.lacks(&fields);
        if index.len() == 0 && missing.is_empty() {
            // `*` needs no field, but the things.
            missing.push("thingName".to_owned());
        }
        if !missing.is_empty() {
            missing.iter().for_each(|field| index.add_field(field));
            for found in self.candidates(scope) {
                let facts = self.facts(scope, &indexing, found);
                missing.iter().for_each(|field| index.set_field(&facts.thing.name, field, &facts));
            }
        }
        read(&index)
    }

    /// Every thing with its groups. The state is not held while shadows and connections are asked, which have locks of their
    /// own.
    pub(super) fn candidates(&self, scope: &Scope) -> Vec<Candidate> {
        self.read(scope, |state| {
            state.things.iter().map(|thing| (Arc::clone(thing), groups_of(state, thing))).collect()
        })
    }

    pub(crate) fn facts<'a>(
        &'a self,
        scope: &'a Scope,
        indexing: &'a ThingIndexing,
        (thing, groups): Candidate,
    ) -> ThingFacts<'a> {
        ThingFacts::new(thing, groups, scope, indexing, self.0.fleet.get().map(|fleet| &**fleet))
    }
}

pub(super) fn candidate(state: &State, name: &str) -> Option<Candidate> {
    let thing = state.things.get(name)?;
    Some((Arc::clone(thing), groups_of(state, thing)))
}

fn groups_of(state: &State, thing: &Thing) -> Vec<String> {
    state.members.lefts_of(&thing.name).map(ToString::to_string).collect()
}

/// So many things are looked at without giving the work to another thread.
const HANDFUL: usize = 32;
