//! Where all shadows are found.

use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::fast::RandomState;
use parking_lot::RwLock;
use smallvec::SmallVec;
use thingstead_core::Scope;

use super::cell::Cell;
use super::places::Places;
use super::rows;
use crate::address::ShadowId;
use crate::document::Stored;

/// The cells of all shadows.
///
/// Not a map from ids: of a hundred thousand shadows the one that is updated next is in no cache, and each look at memory where nobody was
/// for long costs what fifty others do. A place here is sixteen bytes, so that all places together stay in the cache, and tells by
/// the whole hash which cell it is; the name that proves it lies in the cell, beside the lock that is taken next.
#[derive(Default)]
pub(super) struct Cells {
    hasher: RandomState,
    parts: [Part; PARTS],
}

/// Those of some hashes. In lines of its own, since other threads use the others.
#[derive(Default)]
#[repr(align(64))]
struct Part(RwLock<Places>);

/// What a cell stands for.
#[derive(PartialEq, Eq)]
pub(super) struct Key {
    scope: Scope,
    /// As in the store; most names fit here.
    name: SmallVec<[u8; NAME]>,
}

impl Key {
    fn is(&self, id: &ShadowId) -> bool {
        let thing = id.thing.as_bytes();
        let name = match (&id.shadow, self.name.split_at_checked(thing.len())) {
            (None, _) => self.name.as_slice() == thing,
            (Some(shadow), Some((first, [b'/', rest @ ..]))) => first == thing && rest == shadow.as_bytes(),
            (Some(_), _) => false,
        };
        name && self.scope == id.scope
    }

    pub(super) fn id(&self) -> ShadowId {
        // It was made of text.
        rows::shadow_id(self.scope.clone(), std::str::from_utf8(&self.name).unwrap_or_default())
    }
}

impl From<&ShadowId> for Key {
    fn from(id: &ShadowId) -> Self {
        let mut name = SmallVec::from_slice(id.thing.as_bytes());
        if let Some(shadow) = &id.shadow {
            name.push(b'/');
            name.extend_from_slice(shadow.as_bytes());
        }
        Self { scope: id.scope.clone(), name }
    }
}

impl Cells {
    /// A number by which a shadow is known as long as the process lives; seldom, another has the same.
    pub(super) fn hash(&self, id: &ShadowId) -> u64 {
        self.hash_of(&id.scope, &id.thing, id.shadow.as_deref())
    }

    /// The same for who has only the names.
    pub(super) fn hash_of(&self, scope: &Scope, thing: &str, shadow: Option<&str>) -> u64 {
        self.hasher.hash_one((scope, thing, shadow))
    }

    /// Asks the memory for all that updates of these shadows visit. Each step needs what the one before has brought, but what one step
    /// asks for comes at once: so sixteen shadows take little longer than one.
    pub(super) fn prefetch(&self, hashes: &[u64]) {
        for hash in hashes {
            self.part(*hash).0.read().prefetch(*hash);
        }
        for step in [Cell::prefetch, Cell::prefetch_state] {
            for hash in hashes {
                // Nearly always the one: whether its name is right cannot be seen before it is there.
                self.part(*hash).0.read().find(*hash, |_| true).into_iter().for_each(|cell| step(cell));
            }
        }
    }

    pub(super) fn get(&self, id: &ShadowId) -> Option<Arc<Cell>> {
        let hash = self.hash(id);
        let part = self.part(hash).0.read();
        part.find(hash, |cell| cell.key().is(id)).map(Arc::clone)
    }

    /// The cell of this shadow, an empty one if there was none.
    pub(super) fn get_or_new(&self, id: &ShadowId) -> Arc<Cell> {
        self.put(id, || Cell::holding(id, Stored::Absent))
    }

    /// Puts in what was loaded of a shadow that has no cell.
    pub(super) fn load(&self, id: &ShadowId, stored: Stored) {
        self.put(id, || Cell::holding(id, stored));
    }

    fn put(&self, id: &ShadowId, new: impl FnOnce() -> Cell) -> Arc<Cell> {
        let hash = self.hash(id);
        let mut part = self.part(hash).0.write();
        if let Some(cell) = part.find(hash, |cell| cell.key().is(id)) {
            return Arc::clone(cell);
        }
        let cell = Arc::new(new());
        part.insert(hash, Arc::clone(&cell));
        cell
    }

    /// Removes the cell of this shadow if it no longer stands for it.
    pub(super) fn remove_gone(&self, id: &ShadowId) {
        let hash = self.hash(id);
        self.part(hash).0.write().remove(hash, |cell| cell.key().is(id) && cell.lock().is_gone());
    }

    /// Takes all of them out.
    pub(super) fn drain(&self) -> Vec<Arc<Cell>> {
        let taken = self.parts.iter().map(|part| std::mem::take(&mut *part.0.write()));
        taken.flat_map(|places| places.cells().map(Arc::clone).collect::<Vec<_>>()).collect()
    }

    /// The shadows that are accepted, in no order.
    pub(super) fn ids(&self, accepts: impl Fn(&ShadowId) -> bool) -> Vec<ShadowId> {
        let mut ids = Vec::new();
        for part in &self.parts {
            let part = part.0.read();
            ids.extend(part.cells().map(|cell| cell.key().id()).filter(|id| accepts(id)));
        }
        ids
    }

    /// The table itself goes by the lowest and the highest bits.
    fn part(&self, hash: u64) -> &Part {
        let [.., byte, _, _, _] = hash.to_le_bytes();
        let [first, ..] = &self.parts;
        self.parts.get(usize::from(byte) % PARTS).unwrap_or(first)
    }
}

const PARTS: usize = 32;
const NAME: usize = 40;

#[cfg(test)]
mod tests {
    use thingstead_core::{ShadowName, ThingName};

    use super::*;

    fn id(scope: &Scope, thing: &str, shadow: Option<&str>) -> ShadowId {
        ShadowId { scope: scope.clone(), thing: ThingName::from(thing), shadow: shadow.map(ShadowName::from) }
    }

    #[test]
    fn each_shadow_has_one_cell_and_none_has_that_of_another() {
        // SHADOW-006: classic and named ones; names of one byte, of the most that fit here, and longer ones
        let (here, there) = (Scope::new("1", "r"), Scope::new("1", "s"));
        let cells = Cells::default();
        let mut ids = Vec::new();
        for scope in [&here, &there] {
            for length in [1, 2, NAME - 1, NAME, NAME + 1, 128] {
                let thing = "t".repeat(length);
                for shadow in [None, Some("t"), Some("tt"), Some("t$")] {
                    ids.push(id(scope, &thing, shadow));
                }
            }
            ids.extend((0..1_000).map(|number| id(scope, &format!("thing-{number}"), None)));
        }
        let known: Vec<_> = ids
            .iter()
            .map(|id| {
                assert!(cells.get(id).is_none(), "{id}");
                cells.get_or_new(id)
            })
            .collect();
        for (number, (id, cell)) in ids.iter().zip(&known).enumerate() {
            assert!(cells.get(id).is_some_and(|found| Arc::ptr_eq(&found, cell)), "{id}");
            assert!(Arc::ptr_eq(&cells.get_or_new(id), cell), "{id}");
            let all = known.iter().enumerate().filter(|(_, other)| other.key().is(id));
            assert_eq!(all.map(|(place, _)| place).collect::<Vec<_>>(), [number], "{id}");
        }
        let mut all = cells.ids(|_| true);
        all.sort_unstable();
        ids.sort_unstable();
        assert_eq!(all, ids);
        assert_eq!(cells.ids(|id| &*id.thing == "thing-7").len(), 2);
    }

    #[test]
    fn a_cell_stays_until_it_stands_for_nothing() {
        let scope = Scope::new("1", "r");
        let (cells, one) = (Cells::default(), id(&scope, "one", None));
        let cell = cells.get_or_new(&one);
        cells.remove_gone(&one);
        assert!(cells.get(&one).is_some());
        cell.lock().leave();
        cells.remove_gone(&one);
        assert!(cells.get(&one).is_none());
        assert!(!Arc::ptr_eq(&cells.get_or_new(&one), &cell));
        cells.get_or_new(&id(&scope, "two", Some("n")));
        assert_eq!(cells.drain().len(), 2);
        assert!(cells.drain().is_empty() && cells.ids(|_| true).is_empty());
    }
}
