//! A table of cells by the hashes of their names.

use std::sync::Arc;

use thingstead_core::prefetch;

use super::cell::Cell;

/// Open addressing with the whole hash beside each cell. Who looks for a cell finds it in one line of memory, nearly always, and knows from the
/// hash alone which line that is: so it can be asked for before it is needed. The maps of libraries keep that to themselves.
#[derive(Default)]
pub(super) struct Places {
    /// Empty, or a power of two, at most three quarters of them taken.
    places: Vec<Option<Place>>,
    taken: usize,
}

struct Place {
    hash: u64,
    cell: Arc<Cell>,
}

impl Places {
    /// Asks the memory for where a cell of this hash would be.
    pub(super) fn prefetch(&self, hash: u64) {
        prefetch::first(self.places.get(self.home(hash)..).unwrap_or_default(), 1);
    }

    /// The first cell of that hash that is the one.
    pub(super) fn find(&self, hash: u64, is: impl Fn(&Cell) -> bool) -> Option<&Arc<Cell>> {
        let at = self.position(hash, is)?;
        self.places.get(at)?.as_ref().map(|place| &place.cell)
    }

    /// Puts in a cell that is not there.
    pub(super) fn insert(&mut self, hash: u64, cell: Arc<Cell>) {
        if (self.taken + 1) * 4 > self.places.len() * 3 {
            let more = (self.places.len() * 2).max(FEWEST);
            let fewer =
                std::mem::replace(&mut self.places, std::iter::repeat_with(|| None).take(more).collect());
            fewer.into_iter().flatten().for_each(|place| self.settle(place));
        }
        self.settle(Place { hash, cell });
        self.taken += 1;
    }

    /// Takes out the cell that is the one.
    pub(super) fn remove(&mut self, hash: u64, is: impl Fn(&Cell) -> bool) {
        let Some(mut hole) = self.position(hash, is) else { return };
        self.taken -= 1;
        // Whoever comes behind without a gap moves up unless that would be before their home, so that nobody is looked for in vain.
        let mut at = hole;
        loop {
            at = self.after(at);
            let Some(Some(place)) = self.places.get(at) else { break };
            let home = self.home(place.hash);
            if self.distance(home, at) >= self.distance(hole, at) {
                self.places.swap(hole, at);
                hole = at;
            }
        }
        if let Some(place) = self.places.get_mut(hole) {
            *place = None;
        }
    }

    pub(super) fn cells(&self) -> impl Iterator<Item = &Arc<Cell>> {
        self.places.iter().flatten().map(|place| &place.cell)
    }

    fn position(&self, hash: u64, is: impl Fn(&Cell) -> bool) -> Option<usize> {
        let mut at = self.home(hash);
        while let Some(Some(place)) = self.places.get(at) {
            if place.hash == hash && is(&place.cell) {
                return Some(at);
            }
            at = self.after(at);
        }
        None
    }

    fn settle(&mut self, place: Place) {
        let mut at = self.home(place.hash);
        while let Some(Some(_)) = self.places.get(at) {
            at = self.after(at);
        }
        if let Some(free) = self.places.get_mut(at) {
            *free = Some(place);
        }
    }

    /// Where a cell of this hash would be if nobody were in its way.
    fn home(&self, hash: u64) -> usize {
        usize::try_from(hash & self.mask() as u64).unwrap_or_default()
    }

    fn after(&self, at: usize) -> usize {
        (at + 1) & self.mask()
    }

    fn distance(&self, from: usize, to: usize) -> usize {
        to.wrapping_sub(from) & self.mask()
    }

    fn mask(&self) -> usize {
        self.places.len().saturating_sub(1)
    }
}

const FEWEST: usize = 8;

#[cfg(test)]
mod tests {
    use thingstead_core::{Scope, ThingName};

    use super::*;
    use crate::address::ShadowId;
    use crate::document::Stored;

    fn cell(number: u64) -> Arc<Cell> {
        let thing = ThingName::from(number.to_string().as_str());
        let id = ShadowId { scope: Scope::new("1", "r"), thing, shadow: None };
        Arc::new(Cell::holding(&id, Stored::Absent))
    }

    fn find<'a>(places: &'a Places, hash: u64, cell: &Arc<Cell>) -> Option<&'a Arc<Cell>> {
        places.find(hash, |found| std::ptr::eq(found, &**cell))
    }

    #[test]
    fn whoever_was_put_in_is_found_until_taken_out() {
        let mut dice = 1_u64;
        let mut roll = |sides: u64| {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (dice >> 33) % sides
        };
        // Of few hashes many collide; at the end of the table the way goes on at its beginning.
        for hashes in [1, 3, 8, 60, u64::MAX] {
            let (mut places, mut inside, mut outside) = (Places::default(), Vec::new(), Vec::new());
            places.prefetch(7);
            for step in 0..2_000 {
                if roll(5) < 3 || inside.is_empty() {
                    let (hash, cell) = (u64::MAX - roll(hashes), cell(step));
                    places.insert(hash, Arc::clone(&cell));
                    inside.push((hash, cell));
                } else {
                    let at = usize::try_from(roll(inside.len() as u64)).unwrap_or_default();
                    let (hash, cell) = inside.swap_remove(at);
                    places.remove(hash, |found| std::ptr::eq(found, &*cell));
                    outside.push((hash, cell));
                }
                places.prefetch(step);
            }
            for (hash, cell) in &inside {
                assert!(find(&places, *hash, cell).is_some_and(|found| Arc::ptr_eq(found, cell)));
            }
            assert!(outside.iter().all(|(hash, cell)| find(&places, *hash, cell).is_none()));
            assert_eq!(places.cells().count(), inside.len());
            assert_eq!(places.taken, inside.len());
            for (hash, cell) in inside {
                places.remove(hash, |found| std::ptr::eq(found, &*cell));
            }
            assert_eq!((places.cells().count(), places.taken), (0, 0));
        }
    }
}
