//! Which named shadows a thing has.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::ops::Bound;

use bytes::Bytes;
use dashmap::DashMap;
use thingstead_core::{Scope, ShadowName, ThingName, Timestamp};

use crate::address::ShadowId;
use crate::document::{Rejection, Stored};

/// One page of ListNamedShadowsForThing (SHADOW-163).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedShadows {
    /// In alphabetical order.
    pub results: Vec<ShadowName>,
    /// `None` on the last page.
    pub next_token: Option<String>,
    /// When it was answered.
    pub timestamp: Timestamp,
}

impl NamedShadows {
    /// The body of the answer.
    pub fn to_json(&self) -> Bytes {
        let mut body = serde_json::Map::new();
        body.insert("results".to_owned(), self.results.iter().map(|name| &**name).collect());
        if let Some(token) = &self.next_token {
            body.insert("nextToken".to_owned(), token.as_str().into());
        }
        body.insert("timestamp".to_owned(), self.timestamp.as_secs().into());
        Bytes::from(serde_json::Value::Object(body).to_string())
    }
}

/// A shadow in a few words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// `None` for the classic shadow.
    pub shadow: Option<ShadowName>,
    /// Its version.
    pub version: u64,
    /// Whether desired and reported differ.
    pub has_delta: bool,
    /// Bytes of desired and reported, as the limit counts them.
    pub bytes: usize,
}

/// The named shadows of every thing that has some.
#[derive(Default)]
pub(super) struct Names(DashMap<(Scope, ThingName), BTreeSet<ShadowName>>);

impl Names {
    /// Takes note of what became of a shadow.
    pub(super) fn note(&self, id: &ShadowId, stored: &Stored) {
        let Some(shadow) = &id.shadow else { return };
        let thing = (id.scope.clone(), id.thing.clone());
        if stored.document().is_some() {
            let known = self.0.get(&thing).is_some_and(|names| names.contains(shadow));
            if !known {
                self.0.entry(thing).or_default().insert(shadow.clone());
            }
        } else {
            let emptied =
                self.0.get_mut(&thing).is_some_and(|mut names| names.remove(shadow) && names.is_empty());
            if emptied {
                self.0.remove_if(&thing, |_, names| names.is_empty());
            }
        }
    }

    pub(super) fn all(&self, scope: &Scope, thing: &ThingName) -> Vec<ShadowName> {
        let names = self.0.get(&(scope.clone(), thing.clone()));
        names.map(|names| names.iter().cloned().collect()).unwrap_or_default()
    }

    pub(super) fn page(
        &self,
        scope: &Scope,
        thing: &ThingName,
        page_size: Option<i64>,
        next_token: Option<&str>,
        now: Timestamp,
    ) -> Result<NamedShadows, Rejection> {
        let size = match page_size {
            None => DEFAULT_PAGE,
            Some(size) => match usize::try_from(size) {
                Ok(size @ 1..=100) => size,
                _ => return Err(Rejection::InvalidPageSize { found: size }),
            },
        };
        let from = match next_token {
            None => Bound::Unbounded,
            Some(token) => Bound::Excluded(name_of(token).ok_or(Rejection::InvalidNextToken)?),
        };
        let mut results: Vec<ShadowName> = match self.0.get(&(scope.clone(), thing.clone())) {
            Some(names) => names.range((from, Bound::Unbounded)).take(size + 1).cloned().collect(),
            None => Vec::new(),
        };
        let more = results.len() > size;
        results.truncate(size);
        let next_token = results.last().filter(|_| more).map(token_of);
        Ok(NamedShadows { results, next_token, timestamp: now })
    }

    pub(super) fn clear(&self) {
        self.0.clear();
    }
}

/// The token of the page behind `name`: its bytes in hexadecimal digits, so that nobody is tempted to build one.
fn token_of(name: &ShadowName) -> String {
    name.bytes().fold(String::new(), |mut token, byte| {
        // Writing to a String cannot fail.
        let _ = write!(token, "{byte:02x}");
        token
    })
}

fn name_of(token: &str) -> Option<ShadowName> {
    let digits = token.as_bytes().chunks(2).map(|pair| match pair {
        [high, low] => {
            let (high, low) = (char::from(*high).to_digit(16)?, char::from(*low).to_digit(16)?);
            u8::try_from(high * 16 + low).ok()
        }
        _ => None,
    });
    let name = String::from_utf8(digits.collect::<Option<Vec<u8>>>()?).ok()?;
    ShadowId::is_shadow_name(&name).then(|| ShadowName::from(name))
}

/// SHADOW-164.
const DEFAULT_PAGE: usize = 25;
