//! Lists, page by page (API-050 to API-056).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::{RegistryError, Result};

/// Which page of a list is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PageRequest {
    /// `nextToken` or `marker` of the page before; `None` for the first page.
    pub token: Option<String>,
    /// Rows wanted at most; `None` for the list's default (API-054).
    pub limit: Option<usize>,
}

impl PageRequest {
    /// The first page, of at most `limit` rows.
    pub fn first(limit: usize) -> Self {
        Self { token: None, limit: Some(limit) }
    }

    /// Where the page before ended: what its token was made of.
    ///
    /// # Errors
    /// `InvalidRequest` for a token that is not one of this list.
    pub fn position(&self, list: &'static str) -> Result<Option<String>> {
        let Some(token) = &self.token else { return Ok(None) };
        let position = STANDARD
            .decode(token)
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .and_then(|text| Some(text.strip_prefix(list)?.strip_prefix(' ')?.to_owned()));
        match position {
            Some(position) => Ok(Some(position)),
            None => Err(unknown_token(token)),
        }
    }

    pub(crate) fn limit_or(&self, default: usize) -> usize {
        self.limit.unwrap_or(default).max(1)
    }
}

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The rows.
    pub items: Vec<T>,
    /// The token of the next page; `None` on the last (API-052).
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// The same page with other rows.
    pub fn map<U>(self, change: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(change).collect(), next: self.next }
    }
}

/// The token of the page that begins behind `position`: standard base64, as markers must be, and naming the list, so that no
/// other takes it (API-051, API-056).
pub fn token(list: &'static str, position: impl std::fmt::Display) -> String {
    STANDARD.encode(format!("{list} {position}"))
}

pub(crate) fn unknown_token(token: &str) -> RegistryError {
    RegistryError::invalid(format!(
        "`{token}` is no token of this list; expected one that this list answered"
    ))
}

/// A page of rows that come ordered by their key.
pub(crate) fn by_key<K: AsRef<str> + PartialOrd, T>(
    list: &'static str,
    request: &PageRequest,
    default: usize,
    rows: impl Iterator<Item = (K, T)>,
) -> Result<Page<T>> {
    let after = request.position(list)?;
    let limit = request.limit_or(default);
    let mut items: Vec<T> = Vec::new();
    let mut last: Option<K> = None;
    for (key, item) in rows {
        if after.as_deref().is_some_and(|after| key.as_ref() <= after) {
            continue;
        }
        if items.len() == limit {
            return Ok(Page { items, next: last.map(|last| token(list, last.as_ref())) });
        }
        items.push(item);
        last = Some(key);
    }
    Ok(Page { items, next: None })
}

/// Rows of a page where the caller names no number: lists in `nextToken` form (API-054).
pub(crate) const DEFAULT_ROWS: usize = 250;
/// The same for things and thing types.
pub(crate) const DEFAULT_THINGS: usize = 50;
/// The same for lists in `marker` form.
pub(crate) const DEFAULT_MARKED: usize = 25;
