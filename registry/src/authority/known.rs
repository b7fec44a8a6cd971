//! Decisions a connection remembers.

use std::collections::HashMap;

use foldhash::fast::RandomState;

/// What is known about topics and filters: for each a bit for every action that was asked and one for every one that was
/// granted. Bounded: when it is full it starts anew.
#[derive(Debug, Default)]
pub(super) struct Known {
    subjects: HashMap<Box<str>, Bits, RandomState>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Bits {
    asked: u8,
    granted: u8,
}

impl Known {
    #[inline]
    pub(super) fn get(&self, action: u8, subject: &str) -> Option<bool> {
        let bits = self.subjects.get(subject)?;
        (bits.asked & action != 0).then_some(bits.granted & action != 0)
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
    }

    pub(super) fn clear(&mut self) {
        self.subjects.clear();
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.subjects.len()
    }
}

/// About 25 kB for names of ordinary length.
pub(super) const MAX_SUBJECTS: usize = 256;
