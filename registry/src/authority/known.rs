//! Decisions a connection remembers.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use foldhash::fast::RandomState;

/// What is known about topics and filters: for each a bit for every action that was asked and one for every one that was
/// granted. Bounded: when it is full it starts anew.
///
/// With many connections nothing of one is in the processor's cache when its turn comes. The last subject therefore lies
/// next to what tells whether it still counts: most connections have one topic.
#[derive(Debug)]
pub(super) struct Known {
    /// Rises when decisions may have changed.
    generation: Arc<AtomicU64>,
    /// Of what is remembered; `None` while nothing may be.
    of: Option<u64>,
    recent: Recent,
    subjects: HashMap<Box<str>, Bits, RandomState>,
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
}

/// The subject that was asked about last, unless it is long.
#[derive(Debug)]
struct Recent {
    bits: Bits,
    length: u8,
    bytes: [u8; RECENT],
}

const RECENT: usize = 61;

impl Recent {
    const NONE: Self = Self { bits: Bits { asked: 0, granted: 0 }, length: 0, bytes: [0; RECENT] };

    fn is(&self, subject: &str) -> bool {
        self.bytes.get(..usize::from(self.length)) == Some(subject.as_bytes())
    }

    fn set(&mut self, subject: &str, bits: Bits) {
        let Ok(length) = u8::try_from(subject.len()) else { return };
        if let Some(place) = self.bytes.get_mut(..subject.len()) {
            place.copy_from_slice(subject.as_bytes());
            (self.length, self.bits) = (length, bits);
        }
    }
}

impl Known {
    pub(super) fn new(generation: Arc<AtomicU64>) -> Self {
        Self { generation, of: None, recent: Recent::NONE, subjects: HashMap::default() }
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
        let bits = *self.subjects.get(subject)?;
        self.recent.set(subject, bits);
        bits.get(action)
    }

    pub(super) fn insert(&mut self, action: u8, subject: &str, granted: bool) {
        if self.subjects.len() >= MAX_SUBJECTS && !self.subjects.contains_key(subject) {
            self.subjects.clear();
        }
        let bits = match self.subjects.get_mut(subject) {
            Some(bits) => bits,
            None => self.subjects.entry(subject.into()).or_default(),
        };
        bits.asked |= action;
        bits.granted = if granted { bits.granted | action } else { bits.granted & !action };
        self.recent.set(subject, *bits);
    }

    /// Forgets everything; what is remembered from now on is of this generation, and nothing is without one.
    pub(super) fn begin(&mut self, of: Option<u64>) {
        self.of = of;
        self.recent = Recent::NONE;
        self.subjects.clear();
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.subjects.len()
    }
}

/// About 25 kB for names of ordinary length.
pub(super) const MAX_SUBJECTS: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_counts_until_the_generation_rises() {
        let generation = Arc::new(AtomicU64::new(7));
        let mut known = Known::new(Arc::clone(&generation));
        let long = "t".repeat(RECENT + 1);
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
}
