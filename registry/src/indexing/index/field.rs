//! One field of all documents, inverted: from values to documents, and back.

use std::collections::BTreeMap;
use std::ops::Bound as Edge;

use smallvec::{SmallVec, smallvec};

use super::doc_set::{Doc, Posting};
use super::gather::Gather;
use crate::indexing::documents::{Scalar, number_of};
use crate::indexing::query::{Bound, Pattern, Test};

/// The values of a field.
pub(super) type Values = SmallVec<[Scalar; 1]>;
/// A few lists.
pub(super) type Postings<'a> = SmallVec<[&'a Posting; 3]>;

/// A field's index. Memory: about 150 bytes a document and value, half of it where values are shared.
#[derive(Debug, Default)]
pub(super) struct FieldIndex {
    /// By document.
    values: Vec<Values>,
    present: Posting,
    /// Whole values in lower case.
    texts: BTreeMap<Box<str>, Posting>,
    /// Words in lower case, of values that are more than one word.
    words: BTreeMap<Box<str>, Posting>,
    /// Values that are numbers or look like them.
    numbers: BTreeMap<Ordered, Posting>,
    /// How many values are no numbers.
    plain: usize,
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
        if values.is_empty() {
            self.present.remove(doc);
        } else {
            self.present.insert(doc);
        }
    }

    pub(super) fn of(&self, doc: Doc) -> &[Scalar] {
        self.values.get(doc as usize).map_or(&[], |values| values.as_slice())
    }

    /// The documents that fulfil a test, where they are listed as such: of a literal word and of what exists.
    pub(super) fn listed(&self, test: &Test) -> Option<Postings<'_>> {
        match test {
            Test::Exists => Some(smallvec![&self.present]),
            Test::Word(pattern) => {
                let word = pattern.literal()?;
                let number = number_of(&word).and_then(|number| self.numbers.get(&Ordered::of(number)));
                let mut found = self.of_word(&word);
                found.extend(number);
                Some(found)
            }
            Test::Phrase(_) | Test::Range { .. } => None,
        }
    }

    /// Hands over the documents that may fulfil a test; whether they all do. `None` when they are more than are taken.
    pub(super) fn gather(&self, test: &Test, into: &mut impl Gather) -> Option<bool> {
        if let Some(listed) = self.listed(test) {
            listed.into_iter().try_for_each(|posting| into.take(posting))?;
            return Some(true);
        }
        match test {
            Test::Word(pattern) => self.gather_like(pattern, into)?,
            Test::Phrase(words) => {
                let each = words.iter().map(|word| self.of_word(word));
                let rarest =
                    each.min_by_key(|postings| postings.iter().map(|posting| posting.len()).sum::<usize>());
                rarest.into_iter().flatten().try_for_each(|posting| into.take(posting))?;
                return Some(words.len() == 1);
            }
            Test::Range { low, high } => return self.gather_between(low, high, into),
            Test::Exists => {}
        }
        Some(true)
    }

    fn of_word(&self, word: &str) -> Postings<'_> {
        if word.contains(char::is_whitespace) {
            return SmallVec::new();
        }
        [self.texts.get(word), self.words.get(word)].into_iter().flatten().collect()
    }

    fn gather_like(&self, pattern: &Pattern, into: &mut impl Gather) -> Option<()> {
        let prefix = pattern.prefix();
        for map in [&self.texts, &self.words] {
            let from = map.range::<str, _>((Edge::Included(&*prefix), Edge::Unbounded));
            for (word, posting) in from.take_while(|(word, _)| word.starts_with(&*prefix)) {
                into.look()?;
                if !word.contains(char::is_whitespace) && pattern.matches(word) {
                    into.take(posting)?;
                }
            }
        }
        Some(())
    }

    fn gather_between(&self, low: &Bound, high: &Bound, into: &mut impl Gather) -> Option<bool> {
        let texts = || {
            let (from, to) = (edge(low, str::to_lowercase), edge(high, str::to_lowercase));
            is_range(&from, &to).then(|| self.texts.range::<str, _>((borrowed(&from), borrowed(&to))))
        };
        match (kind(low), kind(high)) {
            (Operand::Text, Operand::Number) | (Operand::Number, Operand::Text) => None,
            (Operand::Text, _) | (_, Operand::Text) => {
                for (_, posting) in texts().into_iter().flatten() {
                    into.look()?;
                    into.take(posting)?;
                }
                // Numbers have no order among texts, so the values are looked at.
                Some(false)
            }
            _ => {
                let number = |text: &str| Ordered::of(number_of(text).unwrap_or_default());
                let (from, to) = (edge(low, number), edge(high, number));
                if is_range(&from, &to) {
                    for (_, posting) in self.numbers.range((from, to)) {
                        into.look()?;
                        into.take(posting)?;
                    }
                }
                if self.plain > 0 {
                    for (text, posting) in texts().into_iter().flatten() {
                        into.look()?;
                        if number_of(text).is_none() {
                            into.take(posting)?;
                        }
                    }
                }
                Some(true)
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
            assert!(index.of_word(&word).iter().any(|posting| posting.contains(3)), "{word}");
        }
        index.set(3, values(&["else"]));
        assert!(index.of_word("whole").is_empty());
        index.set(3, Values::new());
        assert!(index.texts.is_empty() && index.words.is_empty() && index.present.len() == 0);
        assert_eq!(index.plain, 0);
    }
}
