//! How a query is answered: from the lists of its rarest terms, by asking documents in the order of their names, or from bits.

use std::ops::Bound as Edge;

use thingstead_core::ThingName;

use super::doc_set::{Doc, DocSet};
use super::field::{FieldIndex, Postings};
use super::gather::{Bits, Few};
use super::{ThingIndex, field_of};
use crate::indexing::query::{Query, Test};

impl ThingIndex {
    /// The first `most` things by name behind `after` that fulfil the query, which names indexed fields only. It costs what is
    /// found: neither a page of what nearly all things fulfil nor the few of a rare value depend on how many things there are.
    pub(crate) fn page(&self, query: &Query, after: Option<&str>, most: usize) -> Vec<ThingName> {
        let check = self.check(query);
        let few = self.few(query, MOST_GATHERED);
        if let Some(few) = few.as_ref().filter(|few| few.docs.len() <= most.saturating_mul(4)) {
            return self.sorted(few.docs.iter().copied(), !few.exact, &check, after, most);
        }
        // What many fulfil is soon found by asking in order; it may cost as much as the list would.
        let asked = few.as_ref().map_or(MOST_ASKED, |few| few.docs.len());
        if let Some(found) = self.ask_in_order(&check, after, most, asked) {
            return found;
        }
        if let Some(few) = few {
            return self.sorted(few.docs.iter().copied(), !few.exact, &check, after, most);
        }
        let (candidates, exact) = self.narrow(query);
        match candidates {
            Some(docs) if docs.len() <= FEW => self.sorted(docs.iter(), !exact, &check, after, most),
            candidates => {
                let fits = |doc| {
                    candidates.as_ref().is_none_or(|docs| docs.contains(doc)) && (exact || check.holds(doc))
                };
                let rows = self.order.range::<str, _>((behind(after), Edge::Unbounded));
                rows.filter(|(_, doc)| fits(**doc)).map(|(name, _)| name.clone()).take(most).collect()
            }
        }
    }

    /// Every document that fulfils the query.
    pub(super) fn all(&self, query: &Query) -> Vec<Doc> {
        let check = self.check(query);
        if let Some(few) = self.few(query, MOST_GATHERED) {
            let exact = few.exact;
            return few.docs.iter().copied().filter(|doc| exact || check.holds(*doc)).collect();
        }
        let (candidates, exact) = self.narrow(query);
        let docs = candidates.as_ref().unwrap_or(&self.live);
        docs.iter().filter(|doc| exact || check.holds(*doc)).collect()
    }

    /// The few documents that may fulfil a query; `None` where they are many, or not to be named within `most` steps.
    fn few(&self, query: &Query, most: usize) -> Option<Few<'_>> {
        match query {
            Query::All | Query::Not(_) => None,
            Query::And(parts) => {
                let (mut best, mut exact) = (None::<Few<'_>>, true);
                for part in parts {
                    // A list longer than what is left to look at would not pay.
                    let most = best.as_ref().map_or(most, |best| best.docs.len().min(most));
                    best = match (best, self.few(part, most)) {
                        (Some(best), Some(part)) => Some(best.meet(part)),
                        (best, None) => {
                            exact = false;
                            best
                        }
                        (None, part) => part,
                    };
                }
                best.map(|best| Few { exact: best.exact && exact, ..best })
            }
            Query::Or(parts) => {
                let mut parts =
                    parts.iter().map(|part| self.few(part, most).filter(|few| few.docs.len() <= most));
                let first = parts.next()??;
                parts.try_fold(first, |all, part| Some(all.join(&part?)))
            }
            Query::Term(term) => Few::of(&self.fields.get(field_of(term))?.index, &term.test, most),
        }
    }

    /// Those of `docs` that come first by name.
    fn sorted(
        &self,
        docs: impl Iterator<Item = Doc>,
        ask: bool,
        check: &Check<'_>,
        after: Option<&str>,
        most: usize,
    ) -> Vec<ThingName> {
        let mut found: Vec<&ThingName> = docs
            .filter(|doc| !ask || check.holds(*doc))
            .filter_map(|doc| self.names.get(doc as usize)?.as_ref())
            .filter(|name| after.is_none_or(|after| name.as_str() > after))
            .collect();
        if found.len() > most {
            found.select_nth_unstable(most);
            found.truncate(most);
        }
        found.sort_unstable();
        found.into_iter().cloned().collect()
    }

    /// Asks documents by name until there are `most`; `None` when more than `asked` would have to be.
    fn ask_in_order(
        &self,
        check: &Check<'_>,
        after: Option<&str>,
        most: usize,
        mut asked: usize,
    ) -> Option<Vec<ThingName>> {
        let mut found = Vec::new();
        for (name, doc) in self.order.range::<str, _>((behind(after), Edge::Unbounded)) {
            if found.len() == most {
                break;
            }
            asked = asked.checked_sub(1)?;
            if check.holds(*doc) {
                found.push(name.clone());
            }
        }
        Some(found)
    }

    /// The documents that may fulfil a query, `None` for all, and whether they all do.
    fn narrow(&self, query: &Query) -> (Option<DocSet>, bool) {
        match query {
            Query::All => (None, true),
            Query::And(parts) => {
                let mut all: Option<DocSet> = None;
                let mut exact = true;
                for part in parts {
                    let (found, is_exact) = self.narrow(part);
                    exact &= is_exact;
                    all = match (all, found) {
                        (Some(mut all), Some(found)) => {
                            all.intersect(&found);
                            Some(all)
                        }
                        (all, found) => all.or(found),
                    };
                }
                (all, exact)
            }
            Query::Or(parts) => {
                let mut any = DocSet::default();
                let mut exact = true;
                for part in parts {
                    let (Some(found), is_exact) = self.narrow(part) else { return (None, false) };
                    exact &= is_exact;
                    any.unite(&found);
                }
                (Some(any), exact)
            }
            Query::Not(part) => match self.narrow(part) {
                (Some(found), true) => (Some(found.complement(&self.live)), true),
                _ => (None, false),
            },
            Query::Term(term) => {
                let mut bits = Bits::default();
                let indexed = self.fields.get(field_of(term));
                match indexed.and_then(|indexed| indexed.index.gather(&term.test, &mut bits)) {
                    Some(exact) => (Some(bits.docs), exact),
                    None => (None, false),
                }
            }
        }
    }

    /// The query as a question to single documents, its lists looked up once.
    fn check<'a>(&'a self, query: &'a Query) -> Check<'a> {
        let each = |parts: &'a [Query]| parts.iter().map(|part| self.check(part)).collect();
        match query {
            Query::All => Check::And(Vec::new()),
            Query::And(parts) => Check::And(each(parts)),
            Query::Or(parts) => Check::Or(each(parts)),
            Query::Not(part) => Check::Not(Box::new(self.check(part))),
            Query::Term(term) => match self.fields.get(field_of(term)) {
                None => Check::Or(Vec::new()),
                Some(indexed) => match indexed.index.listed(&term.test) {
                    Some(lists) => Check::Listed(lists),
                    None => Check::Values(&indexed.index, &term.test),
                },
            },
        }
    }
}

/// A query that can be asked of single documents.
enum Check<'a> {
    And(Vec<Check<'a>>),
    Or(Vec<Check<'a>>),
    Not(Box<Check<'a>>),
    /// Whether one of the lists has it.
    Listed(Postings<'a>),
    /// Whether one of its values fulfils the test.
    Values(&'a FieldIndex, &'a Test),
}

impl Check<'_> {
    fn holds(&self, doc: Doc) -> bool {
        match self {
            Self::And(parts) => parts.iter().all(|part| part.holds(doc)),
            Self::Or(parts) => parts.iter().any(|part| part.holds(doc)),
            Self::Not(part) => !part.holds(doc),
            Self::Listed(lists) => lists.iter().any(|list| list.contains(doc)),
            Self::Values(index, test) => index.of(doc).iter().any(|value| test.holds(value)),
        }
    }
}

fn behind(after: Option<&str>) -> Edge<&str> {
    after.map_or(Edge::Unbounded, Edge::Excluded)
}

/// A list is made of so many values and documents at most.
const MOST_GATHERED: usize = 512;
/// So many documents are asked in their order before bits are tried.
const MOST_ASKED: usize = 4_096;
/// So many are sorted; of more, a page is found sooner in the order of names.
const FEW: usize = 4_000;
