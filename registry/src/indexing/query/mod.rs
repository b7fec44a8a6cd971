//! The query language of `SearchIndex` (api.md 4.16): text in, a condition on fields out.

mod lexer;
mod parser;
mod pattern;

use std::borrow::Cow;

use super::documents::{Fields, Scalar, number_of};
pub(super) use pattern::Pattern;

/// A parsed query.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Query {
    All,
    And(Vec<Query>),
    Or(Vec<Query>),
    Not(Box<Query>),
    Term(Term),
}

/// A condition on one field, or on all of them.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Term {
    pub(crate) field: Option<String>,
    pub(crate) test: Test,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Test {
    /// `field:*`.
    Exists,
    /// A word, perhaps with wildcards.
    Word(Pattern),
    /// Words in this order, in lower case.
    Phrase(Vec<String>),
    /// Between two bounds.
    Range { low: Bound, high: Bound },
}

/// An end of a range.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Bound {
    Open,
    Including(String),
    Excluding(String),
}

impl Query {
    /// Parses a query; `knows` says whether a field exists. The message of `InvalidQuery` when it cannot be.
    pub(crate) fn parse(text: &str, knows: &dyn Fn(&str) -> bool) -> Result<Self, String> {
        parser::parse(text, knows)
            .map_err(|reason| format!("Unable to parse query, {reason}, query string: {text}"))
    }

    /// Whether a document fulfils it.
    pub(crate) fn matches(&self, document: &dyn Fields) -> bool {
        match self {
            Self::All => true,
            Self::And(parts) => parts.iter().all(|part| part.matches(document)),
            Self::Or(parts) => parts.iter().any(|part| part.matches(document)),
            Self::Not(part) => !part.matches(document),
            Self::Term(term) => document.any(term.field.as_deref(), &|value| term.test.holds(value)),
        }
    }
}

impl Test {
    pub(super) fn holds(&self, value: &Scalar) -> bool {
        match self {
            Self::Exists => true,
            Self::Word(pattern) => {
                // Equal as numbers (a shadow's 10 is 10.0), else word by word.
                let as_numbers = pattern.literal().and_then(|text| number_of(&text)).zip(value.number());
                as_numbers.is_some_and(|(wanted, found)| wanted == found)
                    || lower(&value.text()).split_whitespace().any(|word| pattern.matches(word))
            }
            Self::Phrase(wanted) => {
                words(&value.text()).windows(wanted.len().max(1)).any(|found| found == wanted.as_slice())
            }
            Self::Range { low, high } => low.allows(value, true) && high.allows(value, false),
        }
    }
}

impl Bound {
    fn allows(&self, value: &Scalar, is_low: bool) -> bool {
        let (bound, including) = match self {
            Self::Open => return true,
            Self::Including(bound) => (bound, true),
            Self::Excluding(bound) => (bound, false),
        };
        let order = match (value.number(), number_of(bound)) {
            (Some(value), Some(bound)) => value.partial_cmp(&bound),
            // A number and a text have no order.
            (Some(_), None) if matches!(value, Scalar::Number(_)) => None,
            _ => Some(value.text().to_lowercase().cmp(&bound.to_lowercase())),
        };
        match order {
            None => false,
            Some(std::cmp::Ordering::Equal) => including,
            Some(order) => (order == std::cmp::Ordering::Greater) == is_low,
        }
    }
}

/// A text in lower case; most are.
fn lower(text: &str) -> Cow<'_, str> {
    let is_lower = text.bytes().all(|b| b.is_ascii() && !b.is_ascii_uppercase());
    if is_lower { Cow::Borrowed(text) } else { Cow::Owned(text.to_lowercase()) }
}

/// Values match without regard to case, word by word (API-248).
pub(super) fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_lowercase).collect()
}

#[cfg(test)]
mod tests;
