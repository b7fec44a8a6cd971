//! Gathering the documents that a query may mean: a short list while they are few, bits for all of them otherwise.

use std::borrow::Cow;

use super::doc_set::{Doc, DocSet, Posting};
use super::field::FieldIndex;
use crate::indexing::query::Test;

/// What takes documents in.
pub(super) trait Gather {
    /// A value is about to be looked at; `None` when that would be one too many.
    fn look(&mut self) -> Option<()>;

    /// Takes what has a value; `None` when that is too much.
    fn take(&mut self, docs: &Posting) -> Option<()>;
}

/// As many documents as there are, of not too many values.
#[derive(Debug)]
pub(super) struct Bits {
    pub(super) docs: DocSet,
    left: usize,
}

impl Default for Bits {
    fn default() -> Self {
        Self { docs: DocSet::default(), left: MOST_VALUES }
    }
}

impl Gather for Bits {
    fn look(&mut self) -> Option<()> {
        self.left = self.left.checked_sub(1)?;
        Some(())
    }

    fn take(&mut self, docs: &Posting) -> Option<()> {
        docs.add_to(&mut self.docs);
        Some(())
    }
}

/// A list, of which values that are looked at and documents are no more than was said.
struct Short {
    docs: Vec<Doc>,
    left: usize,
}

impl Gather for Short {
    fn look(&mut self) -> Option<()> {
        self.left = self.left.checked_sub(1)?;
        Some(())
    }

    fn take(&mut self, docs: &Posting) -> Option<()> {
        let docs = docs.listed()?;
        self.left = self.left.checked_sub(docs.len())?;
        self.docs.extend_from_slice(docs);
        Some(())
    }
}

/// The few documents that may fulfil a query, ascending.
#[derive(Clone, Debug)]
pub(super) struct Few<'a> {
    pub(super) docs: Cow<'a, [Doc]>,
    /// They all do.
    pub(super) exact: bool,
}

impl<'a> Few<'a> {
    /// Those of a test on one field. A list that is there is lent, however long; one that is made stays within `most`.
    pub(super) fn of(index: &'a FieldIndex, test: &Test, most: usize) -> Option<Self> {
        if let Some(postings) = index.listed(test) {
            let lists: Option<Vec<&[Doc]>> = postings.iter().map(|posting| posting.listed()).collect();
            let (first, others) = lists
                .as_deref()?
                .split_first()
                .map_or((&[][..], &[][..]), |(first, others)| (*first, others));
            // A text that looks like a number is listed twice.
            if others.iter().all(|other| *other == first) {
                return Some(Self { docs: Cow::Borrowed(first), exact: true });
            }
        }
        let mut short = Short { docs: Vec::new(), left: most };
        let exact = index.gather(test, &mut short)?;
        short.docs.sort_unstable();
        short.docs.dedup();
        Some(Self { docs: Cow::Owned(short.docs), exact })
    }

    /// Those that are in both.
    pub(super) fn meet(self, other: Self) -> Self {
        let exact = self.exact && other.exact;
        let (short, long) = if self.docs.len() <= other.docs.len() { (self, other) } else { (other, self) };
        let mut rest = &*long.docs;
        let in_long = |doc: &Doc| {
            // Galloping: the next one is mostly near.
            let mut reach = 1;
            while rest.get(reach).is_some_and(|ahead| ahead < doc) {
                reach *= 2;
            }
            let near = rest.get(..rest.len().min(reach + 1)).unwrap_or_default();
            let (Ok(place) | Err(place)) = near.binary_search(doc);
            rest = rest.get(place..).unwrap_or_default();
            rest.first() == Some(doc)
        };
        let mut docs = short.docs.into_owned();
        docs.retain(in_long);
        Self { docs: Cow::Owned(docs), exact }
    }

    /// Those that are in one of them.
    pub(super) fn join(self, other: &Self) -> Self {
        let exact = self.exact && other.exact;
        let mut docs = self.docs.into_owned();
        docs.extend_from_slice(&other.docs);
        docs.sort_unstable();
        docs.dedup();
        Self { docs: Cow::Owned(docs), exact }
    }
}

/// Different values that a test is tried on at most. A page is found sooner by asking the documents in their order.
const MOST_VALUES: usize = 100_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn few(docs: &[Doc]) -> Few<'_> {
        Few { docs: Cow::Borrowed(docs), exact: true }
    }

    #[test]
    fn lists_meet_and_join() {
        let long: Vec<Doc> = (0..1_000).map(|at| at * 3).collect();
        for (other, both) in [
            (&[][..], &[][..]),
            (&[0], &[0]),
            (&[1], &[]),
            (&[2_997], &[2_997]),
            (&[5_000], &[]),
            (&[0, 1, 3, 4, 300, 301, 2_994, 2_997, 9_000], &[0, 3, 300, 2_994, 2_997]),
        ] {
            assert_eq!(few(&long).meet(few(other)).docs, both);
            assert_eq!(few(other).meet(few(&long)).docs, both);
        }
        assert_eq!(few(&[1, 5, 9]).join(&few(&[0, 5])).docs, [0, 1, 5, 9].as_slice());
    }
}
