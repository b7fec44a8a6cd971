//! One field of all documents, inverted: from values to documents, and back.

use std::collections::BTreeMap;
use std::ops::Bound as Edge;

use smallvec::SmallVec;

use super::doc_set::{Doc, DocSet, Posting};
use crate::indexing::documents::{Scalar, number_of};
use crate::indexing::query::{Bound, Pattern, Test};

/// The values of a field.
pub(super) type Values = SmallVec<[Scalar; 1]>;

/// A field's index. Memory: about 150 bytes a document and value, half of it where values are shared.
#[derive(Debug, Default)]
pub(super) struct FieldIndex {
    /// By document.
    values: Vec<Values>,
    present: DocSet,
    /// Whole values in lower case.
    texts: BTreeMap<Box<str>, Posting>,
    /// Words in lower case, of values that are more than one word.
    words: BTreeMap<Box<str>, Posting>,
    /// Values that are numbers or look like them.
    numbers: BTreeMap<Ordered, Posting>,
    /// How many values are no numbers.
    plain: usize,
}

/// Documents that may fulfil a test.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) docs: DocSet,
    /// They all do.
    pub(super) exact: bool,
}

impl FieldIndex {
    /// Replaces a document's values; without values it leaves the index.
    pub(super) fn set(&mut self, doc: Doc, values: Values) {
        let at = doc as usize;
        if at >= self.values.len() {
            self.values.resize_with(at + 1, Values::new);
        }
        let Some(place) = self.values.get_mut(at) else { return };
        if *place == values {
            return;
        }
        let before = std::mem::replace(place, values.clone());
        before.iter().for_each(|value| self.note(doc, value, false));
        values.iter().for_each(|value| self.note(doc, value, true));
        if values.is_empty() { self.present.remove(doc) } else { self.present.insert(doc) }
    }

    pub(super) fn of(&self, doc: Doc) -> &[Scalar] {
        self.values.get(doc as usize).map_or(&[], |values| values.as_slice())
    }

    /// The documents that may fulfil a test; `None` when it would take longer to find them than to ask each document.
    pub(super) fn find(&self, test: &Test) -> Option<Found> {
        let mut docs = DocSet::default();
        match test {
            Test::Exists => docs = self.present.clone(),
            Test::Word(pattern) => match pattern.literal() {
                Some(word) => {
                    self.add_word(&word, &mut docs);
                    let number = number_of(&word).and_then(|number| self.numbers.get(&Ordered::of(number)));
                    number.into_iter().for_each(|posting| posting.add_to(&mut docs));
                }
                None => self.add_words_like(pattern, &mut docs)?,
            },
            Test::Phrase(wanted) => {
                let mut each = wanted.iter().map(|word| {
                    let mut docs = DocSet::default();
                    self.add_word(word, &mut docs);
                    docs
                });
                docs = each.next().unwrap_or_default();
                each.for_each(|other| docs.intersect(&other));
                return Some(Found { docs, exact: wanted.len() == 1 });
            }
            Test::Range { low, high } => return self.find_between(low, high),
        }
        Some(Found { docs, exact: true })
    }

    fn add_word(&self, word: &str, docs: &mut DocSet) {
        if word.contains(char::is_whitespace) {
            return;
        }
        let postings = [self.texts.get(word), self.words.get(word)];
        postings.into_iter().flatten().for_each(|posting| posting.add_to(docs));
    }

    fn add_words_like(&self, pattern: &Pattern, docs: &mut DocSet) -> Option<()> {
        let prefix = pattern.prefix();
        let mut steps = MOST_STEPS;
        for map in [&self.texts, &self.words] {
            let from = map.range::<str, _>((Edge::Included(&*prefix), Edge::Unbounded));
            for (word, posting) in from.take_while(|(word, _)| word.starts_with(&*prefix)) {
                steps = steps.checked_sub(1)?;
                if !word.contains(char::is_whitespace) && pattern.matches(word) {
                    posting.add_to(docs);
                }
            }
        }
        Some(())
    }

    fn find_between(&self, low: &Bound, high: &Bound) -> Option<Found> {
        let mut docs = DocSet::default();
        let mut steps = MOST_STEPS;
        let texts = || {
            let (from, to) = (edge(low, str::to_lowercase), edge(high, str::to_lowercase));
            is_range(&from, &to).then(|| self.texts.range::<str, _>((borrowed(&from), borrowed(&to))))
        };
        match (kind(low), kind(high)) {
            (Operand::Text, Operand::Number) | (Operand::Number, Operand::Text) => None,
            (Operand::Text, _) | (_, Operand::Text) => {
                for (_, posting) in texts().into_iter().flatten() {
                    steps = steps.checked_sub(1)?;
                    posting.add_to(&mut docs);
                }
                // Numbers have no order among texts, so the values are looked at.
                Some(Found { docs, exact: false })
            }
            _ => {
                let number = |text: &str| Ordered::of(number_of(text).unwrap_or_default());
                let (from, to) = (edge(low, number), edge(high, number));
                if is_range(&from, &to) {
                    for (_, posting) in self.numbers.range((from, to)) {
                        steps = steps.checked_sub(1)?;
                        posting.add_to(&mut docs);
                    }
                }
                if self.plain > 0 {
                    for (text, posting) in texts().into_iter().flatten() {
                        steps = steps.checked_sub(1)?;
                        if number_of(text).is_none() {
                            posting.add_to(&mut docs);
                        }
                    }
                }
                Some(Found { docs, exact: true })
            }
        }
    }

    fn note(&mut self, doc: Doc, value: &Scalar, present: bool) {
        let text = value.text().to_lowercase();
        for word in text.split_whitespace().filter(|word| *word != text) {
            note_in(&mut self.words, word, doc, present);
        }
        note_in(&mut self.texts, &text, doc, present);
        match value.number() {
            Some(number) => {
                let number = Ordered::of(number);
                let posting = self.numbers.entry(number).or_default();
                if present {
                    posting.insert(doc);
                } else if posting.remove(doc) {
                    self.numbers.remove(&number);
                }
            }
            None if present => self.plain += 1,
            None => self.plain = self.plain.saturating_sub(1),
        }
    }
}

fn note_in(map: &mut BTreeMap<Box<str>, Posting>, word: &str, doc: Doc, present: bool) {
    if present {
        match map.get_mut(word) {
            Some(posting) => posting.insert(doc),
            None => map.entry(word.into()).or_default().insert(doc),
        }
    } else if map.get_mut(word).is_some_and(|posting| posting.remove(doc)) {
        map.remove(word);
    }
}

/// What a bound compares as.
#[derive(PartialEq)]
enum Operand {
    Open,
    Number,
    Text,
}

fn kind(bound: &Bound) -> Operand {
    match bound {
        Bound::Open => Operand::Open,
        Bound::Including(text) | Bound::Excluding(text) if number_of(text).is_some() => Operand::Number,
        Bound::Including(_) | Bound::Excluding(_) => Operand::Text,
    }
}

fn edge<T>(bound: &Bound, of: impl Fn(&str) -> T) -> Edge<T> {
    match bound {
        Bound::Open => Edge::Unbounded,
        Bound::Including(text) => Edge::Included(of(text)),
        Bound::Excluding(text) => Edge::Excluded(of(text)),
    }
}

fn borrowed(edge: &Edge<String>) -> Edge<&str> {
    edge.as_ref().map(String::as_str)
}

/// Whether `BTreeMap::range` takes it: it panics on bounds that cross.
fn is_range<T: Ord>(from: &Edge<T>, to: &Edge<T>) -> bool {
    match (from, to) {
        (Edge::Unbounded, _) | (_, Edge::Unbounded) => true,
        (Edge::Included(from), Edge::Included(to)) => from <= to,
        (Edge::Included(from) | Edge::Excluded(from), Edge::Included(to) | Edge::Excluded(to)) => from < to,
    }
}

/// Numbers in the usual order; zero has one sign.
#[derive(Clone, Copy, Debug)]
struct Ordered(f64);

impl Ordered {
    fn of(number: f64) -> Self {
        Self(number + 0.0)
    }
}

impl PartialEq for Ordered {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Ordered {}

impl PartialOrd for Ordered {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ordered {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

/// Different values that a test is tried on at most. A page is found sooner by asking the documents in their order.
const MOST_STEPS: usize = 2_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::indexing::query::words;

    fn values(texts: &[&str]) -> Values {
        texts.iter().map(|text| Scalar::Text((*text).to_owned())).collect()
    }

    #[test]
    fn every_word_of_a_value_is_found() {
        let mut index = FieldIndex::default();
        index.set(3, values(&["The Whole  place", " edge ", "one"]));
        for word in words("the whole place edge one") {
            let mut docs = DocSet::default();
            index.add_word(&word, &mut docs);
            assert!(docs.contains(3), "{word}");
        }
        index.set(3, values(&["else"]));
        let mut docs = DocSet::default();
        index.add_word("whole", &mut docs);
        assert!(docs.is_empty());
        index.set(3, Values::new());
        assert!(index.texts.is_empty() && index.words.is_empty() && index.present.is_empty());
        assert_eq!(index.plain, 0);
    }
}
