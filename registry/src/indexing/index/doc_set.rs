//! Sets of documents.

use smallvec::SmallVec;

/// A document's number in its index.
pub(crate) type Doc = u32;

/// A set of documents, a bit for each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct DocSet {
    words: Vec<u64>,
}

impl DocSet {
    pub(crate) fn contains(&self, doc: Doc) -> bool {
        let (word, bit) = place(doc);
        self.words.get(word).is_some_and(|found| found & bit != 0)
    }

    pub(crate) fn insert(&mut self, doc: Doc) {
        let (word, bit) = place(doc);
        if word >= self.words.len() {
            self.words.resize(word + 1, 0);
        }
        if let Some(found) = self.words.get_mut(word) {
            *found |= bit;
        }
    }

    pub(crate) fn remove(&mut self, doc: Doc) {
        let (word, bit) = place(doc);
        if let Some(found) = self.words.get_mut(word) {
            *found &= !bit;
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Doc> {
        self.words.iter().enumerate().flat_map(|(at, word)| {
            let mut left = *word;
            std::iter::from_fn(move || {
                let bit = left.trailing_zeros();
                left &= left.checked_sub(1)?;
                Some((at as u32) * 64 + bit)
            })
        })
    }

    pub(crate) fn unite(&mut self, other: &Self) {
        if other.words.len() > self.words.len() {
            self.words.resize(other.words.len(), 0);
        }
        for (mine, theirs) in self.words.iter_mut().zip(&other.words) {
            *mine |= theirs;
        }
    }

    pub(crate) fn intersect(&mut self, other: &Self) {
        self.words.truncate(other.words.len());
        for (mine, theirs) in self.words.iter_mut().zip(&other.words) {
            *mine &= theirs;
        }
    }

    /// Those of `all` that are not in here.
    pub(crate) fn complement(&self, all: &Self) -> Self {
        let mut rest = all.clone();
        for (mine, theirs) in rest.words.iter_mut().zip(&self.words) {
            *mine &= !theirs;
        }
        rest
    }
}

/// The documents that have a value: a short list, or bits where they are many.
#[derive(Clone, Debug)]
pub(super) enum Posting {
    Few(SmallVec<[Doc; 2]>),
    Many { docs: DocSet, count: usize },
}

impl Default for Posting {
    fn default() -> Self {
        Self::Few(SmallVec::new())
    }
}

impl Posting {
    pub(super) fn insert(&mut self, doc: Doc) {
        match self {
            Self::Few(docs) => {
                let Err(place) = docs.binary_search(&doc) else { return };
                docs.insert(place, doc);
                if docs.len() > MOST_LISTED {
                    let mut many = DocSet::default();
                    docs.iter().for_each(|doc| many.insert(*doc));
                    *self = Self::Many { count: docs.len(), docs: many };
                }
            }
            Self::Many { docs, count } => {
                *count += usize::from(!docs.contains(doc));
                docs.insert(doc);
            }
        }
    }

    /// Whether nothing is left.
    pub(super) fn remove(&mut self, doc: Doc) -> bool {
        match self {
            Self::Few(docs) => {
                if let Ok(place) = docs.binary_search(&doc) {
                    docs.remove(place);
                }
                docs.is_empty()
            }
            Self::Many { docs, count } => {
                *count -= usize::from(docs.contains(doc));
                docs.remove(doc);
                if *count < MOST_LISTED / 2 {
                    *self = Self::Few(docs.iter().collect());
                }
                false
            }
        }
    }

    pub(super) fn contains(&self, doc: Doc) -> bool {
        match self {
            Self::Few(docs) => docs.binary_search(&doc).is_ok(),
            Self::Many { docs, .. } => docs.contains(doc),
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Few(docs) => docs.len(),
            Self::Many { count, .. } => *count,
        }
    }

    /// The list, ascending, where it is one.
    pub(super) fn listed(&self) -> Option<&[Doc]> {
        match self {
            Self::Few(docs) => Some(docs),
            Self::Many { .. } => None,
        }
    }

    pub(super) fn add_to(&self, set: &mut DocSet) {
        match self {
            Self::Few(docs) => docs.iter().for_each(|doc| set.insert(*doc)),
            Self::Many { docs, .. } => set.unite(docs),
        }
    }
}

const fn place(doc: Doc) -> (usize, u64) {
    ((doc / 64) as usize, 1 << (doc % 64))
}

/// A list of so many is as large as bits for 100,000 documents.
const MOST_LISTED: usize = 3_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn set(docs: &[Doc]) -> DocSet {
        let mut set = DocSet::default();
        docs.iter().for_each(|doc| set.insert(*doc));
        set
    }

    #[test]
    fn sets_unite_intersect_and_complement() {
        let (a, b) = (set(&[0, 1, 63, 64, 500]), set(&[1, 64, 65]));
        let mut both = a.clone();
        both.intersect(&b);
        assert_eq!(both.iter().collect::<Vec<_>>(), [1, 64]);
        let mut any = b.clone();
        any.unite(&a);
        assert_eq!(any.iter().collect::<Vec<_>>(), [0, 1, 63, 64, 65, 500]);
        assert_eq!(b.complement(&a).iter().collect::<Vec<_>>(), [0, 63, 500]);
        assert_eq!((a.len(), a.contains(500), a.contains(501)), (5, true, false));
    }

    #[test]
    fn a_posting_that_grows_holds_the_same() {
        let mut posting = Posting::default();
        let docs: Vec<Doc> = (0..5_000).map(|at| at * 3).collect();
        docs.iter().rev().for_each(|doc| posting.insert(*doc));
        assert!(matches!(posting, Posting::Many { count: 5_000, .. }));
        assert!(posting.contains(3) && !posting.contains(4));
        let mut found = DocSet::default();
        posting.add_to(&mut found);
        assert_eq!(found.iter().collect::<Vec<_>>(), docs);
        for doc in docs.iter().skip(1) {
            assert!(!posting.remove(*doc));
            assert!(!posting.contains(*doc));
        }
        assert_eq!((posting.len(), posting.listed()), (1, Some([0].as_slice())));
        assert!(posting.remove(0));
    }
}
