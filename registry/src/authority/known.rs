//! Decisions a connection remembers.

use std::collections::HashMap;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use foldhash::fast::RandomState;

/// What is known about topics and filters: for each a bit for every action that was asked and one for every one that was
/// granted. Bounded: a subject takes the place of an earlier one.
///
/// With many connections nothing of one is in the processor's cache when its turn comes. The last subject therefore lies
/// next to what tells whether it still counts: most connections have one topic. And a connection that publishes to more topics in turn
/// than can be remembered finds none of them again: then remembering costs as much as deciding, and both are paid. So who has asked in
/// vain as often as there are places leaves them alone, and only now and then is it seen whether that has changed.
#[derive(Debug)]
pub(super) struct Known {
    /// Rises when decisions may have changed.
    generation: Arc<AtomicU64>,
    /// Of what is remembered; `None` while nothing may be.
    of: Option<u64>,
    recent: Entry,
    /// Each subject in the place of its hash; empty until there is a second one, a power of two after that. Whoever listens to the
    /// topics of a whole fleet never asks twice, and then remembering must cost next to nothing.
    places: Vec<Entry>,
    /// How often in a row a subject was not in its place.
    in_vain: usize,
    /// Subjects that are too long for a place.
    long: HashMap<Box<str>, Bits, RandomState>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Bits {
    asked: u8,
    granted: u8,
}

impl Bits {
    const fn get(self, action: u8) -> Option<bool> {
        if self.asked & action == 0 { None } else { Some(self.granted & action != 0) }
    }

    const fn set(&mut self, action: u8, granted: bool) {
        self.asked |= action;
        self.granted = if granted { self.granted | action } else { self.granted & !action };
    }
}

/// A subject and its decisions, unless it is long.
#[derive(Clone, Copy, Debug)]
struct Entry {
    bits: Bits,
    length: u8,
    bytes: [u8; SHORT],
}

impl Entry {
    const NONE: Self = Self { bits: Bits { asked: 0, granted: 0 }, length: 0, bytes: [0; SHORT] };

    const fn is_none(&self) -> bool {
        self.bits.asked == 0
    }

    fn subject(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.length)).unwrap_or_default()
    }

    fn is(&self, subject: &str) -> bool {
        self.subject() == subject.as_bytes()
    }

    /// `None` for a long one.
    fn of(subject: &str) -> Option<Self> {
        let mut entry = Self::NONE;
        entry.bytes.get_mut(..subject.len())?.copy_from_slice(subject.as_bytes());
        entry.length = u8::try_from(subject.len()).ok()?;
        Some(entry)
    }
}

impl Known {
    pub(super) fn new(generation: Arc<AtomicU64>) -> Self {
        Self {
            generation,
            of: None,
            recent: Entry::NONE,
            places: Vec::new(),
            in_vain: 0,
            long: HashMap::default(),
        }
    }

    /// The generation now.
    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// What was decided, if it still counts.
    #[inline]
    pub(super) fn get(&mut self, action: u8, subject: &str) -> Option<bool> {
        if self.of != Some(self.generation()) {
            return None;
        }
        if self.recent.is(subject)
            && let known @ Some(_) = self.recent.bits.get(action)
        {
            return known;
        }
        if subject.len() > SHORT {
            return self.long.get(subject)?.get(action);
        }
        let known = match self.are_places_in_use() {
            true => {
                self.places.get(self.place(subject.as_bytes())).filter(|known| known.is(subject)).copied()
            }
            false => None,
        };
        let Some(entry) = known else {
            self.in_vain = self.in_vain.wrapping_add(1);
            return None;
        };
        self.in_vain = 0;
        self.recent = entry;
        self.recent.bits.get(action)
    }

    pub(super) fn insert(&mut self, action: u8, subject: &str, granted: bool) {
        let Some(new) = Entry::of(subject) else {
            if self.long.len() >= MAX_LONG && !self.long.contains_key(subject) {
                self.long.clear();
            }
            return self.long.entry(subject.into()).or_default().set(action, granted);
        };
        let use_places = self.are_places_in_use();
        if !self.recent.is(subject) {
            if self.places.is_empty() && !self.recent.is_none() {
                self.places = vec![Entry::NONE; FEWEST];
                self.put(self.recent);
            }
            let known = use_places.then(|| self.places.get(self.place(subject.as_bytes()))).flatten();
            self.recent = known.filter(|known| known.is(subject)).copied().unwrap_or(new);
        }
        self.recent.bits.set(action, granted);
        if use_places && !self.places.is_empty() {
            self.put(self.recent);
        }
    }

    /// Puts an entry into its place; as long as there can be more places it does not drive out another.
    fn put(&mut self, entry: Entry) {
        loop {
            let place = self.place(entry.subject());
            let Some(there) = self.places.get_mut(place) else { return };
            if there.is_none() || there.subject() == entry.subject() || self.places.len() >= PLACES {
                if let Some(there) = self.places.get_mut(place) {
                    *there = entry;
                }
                return;
            }
            let more = vec![Entry::NONE; 2 * self.places.len()];
            for earlier in std::mem::replace(&mut self.places, more).into_iter().filter(|it| !it.is_none()) {
                // Two that had places of their own still have them.
                let place = self.place(earlier.subject());
                if let Some(there) = self.places.get_mut(place) {
                    *there = earlier;
                }
            }
        }
    }

    /// Whether it is worth while to look for subjects in their places, and to put them there: always as long as some are found, and else
    /// for some subjects in a row of each [`TRY_EACH`].
    const fn are_places_in_use(&self) -> bool {
        self.in_vain < PLACES || self.in_vain % TRY_EACH < TRY
    }

    /// Beyond the end while there are no places.
    fn place(&self, subject: &[u8]) -> usize {
        let hash = self.long.hasher().hash_one(subject);
        usize::try_from(hash & (self.places.len() as u64).wrapping_sub(1)).unwrap_or(usize::MAX)
    }

    /// Forgets everything; what is remembered from now on is of this generation, and nothing is without one.
    pub(super) fn begin(&mut self, of: Option<u64>) {
        self.of = of;
        self.recent = Entry::NONE;
        self.places = Vec::new();
        self.in_vain = 0;
        self.long.clear();
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.places.iter().filter(|entry| !entry.is_none()).count() + self.long.len()
    }
}

/// With the two numbers before it, a line of the processor's cache.
const SHORT: usize = 61;
/// 512 bytes for who has a few topics, at most 16 KiB.
const FEWEST: usize = 8;
const PLACES: usize = 256;
const MAX_LONG: usize = 64;
const TRY: usize = 64;
const TRY_EACH: usize = 1_024;
#[cfg(test)]
pub(super) const MAX_SUBJECTS: usize = PLACES + MAX_LONG;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_counts_until_the_generation_rises() {
        let generation = Arc::new(AtomicU64::new(7));
        let mut known = Known::new(Arc::clone(&generation));
        let long = "t".repeat(SHORT + 1);
        known.insert(1, "a", true);
        assert_eq!(known.get(1, "a"), None, "nothing has begun");
        known.begin(Some(7));
        for (subject, granted) in [("a", true), ("b", false), (&*long, true), ("", false)] {
            known.insert(1, subject, granted);
        }
        for _ in 0..2 {
            for (subject, granted) in [("a", true), ("b", false), (&*long, true), ("", false)] {
                assert_eq!(known.get(1, subject), Some(granted), "{subject}");
                assert_eq!(known.get(2, subject), None, "{subject}");
            }
        }
        known.insert(2, "a", false);
        known.insert(1, "a", false);
        assert_eq!((known.get(1, "a"), known.get(2, "a")), (Some(false), Some(false)));
        generation.fetch_add(1, Ordering::AcqRel);
        assert_eq!(known.get(1, "a"), None);
        known.begin(Some(8));
        assert_eq!((known.get(1, "a"), known.get(1, "")), (None, None));
    }

    #[test]
    fn who_never_asks_twice_leaves_the_places_alone_until_that_changes() {
        let mut known = Known::new(Arc::default());
        known.begin(Some(0));
        let mut ask = |number: usize| {
            let subject = format!("topic/{number}");
            let found = known.get(1, &subject);
            assert!(found.is_none_or(|granted| granted == number.is_multiple_of(3)), "{subject}");
            if found.is_none() {
                known.insert(1, &subject, number.is_multiple_of(3));
            }
            (found.is_some(), known.are_places_in_use())
        };
        let crowd: Vec<_> = (0..50_000).map(&mut ask).collect();
        assert!(crowd.iter().all(|(found, _)| !found));
        let used = crowd.iter().filter(|(_, used)| *used).count();
        assert!(used < 50_000 / 10, "{used}");
        // Those who come round again are found again.
        for few in [2, 20, 120] {
            assert!((0..5_000).any(|turn| ask(100_000 + turn % few).0), "{few}");
            let found = (0..1_000).filter(|turn| ask(100_000 + turn % few).0).count();
            assert!(found > 500, "{found} with {few}");
            assert!((200_000..250_000).all(|number| !ask(number).0));
        }
    }

    #[test]
    fn the_last_subject_is_known_and_none_is_mistaken_for_another() {
        let mut known = Known::new(Arc::default());
        known.begin(Some(0));
        let granted = |number: usize| number.is_multiple_of(3);
        let mut remembered = 0;
        for number in 0..5_000 {
            known.insert(1, &format!("topic/{number}"), granted(number));
            known.insert(2, &format!("topic/{number}"), !granted(number));
            for before in [number, number / 2, number.saturating_sub(7)] {
                let subject = format!("topic/{before}");
                for (action, expected) in [(1, granted(before)), (2, !granted(before))] {
                    let got = known.get(action, &subject);
                    assert!(got.is_none_or(|got| got == expected), "{subject} {action}");
                    remembered += usize::from(got.is_some());
                }
            }
        }
        assert!(remembered >= 10_000 && known.len() <= MAX_SUBJECTS, "{remembered}");
    }
}
