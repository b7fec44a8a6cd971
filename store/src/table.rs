//! Tables and their rows.

use thingstead_core::Scope;

/// A table, as a constant of the crate that owns it. Its name is the SQLite table's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Table {
    name: &'static str,
    logged: bool,
}

impl Table {
    /// A table of that name: lower-case letters, digits and `_`, anything else is refused when the store is opened.
    pub const fn new(name: &'static str) -> Self {
        Self { name, logged: false }
    }

    /// A table whose rows change often. What changes goes to the end of a log, which costs the same however many rows there are,
    /// and from there to the table when nothing changes for a second, or the log is long. Reading such a table waits for that.
    pub const fn logged(name: &'static str) -> Self {
        Self { name, logged: true }
    }

    /// Whether its rows go to the log first.
    pub const fn is_logged(self) -> bool {
        self.logged
    }

    /// The name.
    pub const fn name(self) -> &'static str {
        self.name
    }

    pub(crate) fn is_well_named(self) -> bool {
        !self.name.is_empty()
            && !self.name.starts_with("sqlite_")
            && self.name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    }
}

/// What a row holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Document {
    /// JSON or other text, readable with any SQLite tool.
    Text(String),
    /// Anything else.
    Binary(Vec<u8>),
}

impl Document {
    /// The text; `None` for a binary document.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Binary(_) => None,
        }
    }

    /// The bytes, of text as UTF-8.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(bytes) => bytes,
        }
    }

    /// The bytes, without a copy.
    pub fn into_bytes(self) -> Vec<u8> {
        match self {
            Self::Text(text) => text.into_bytes(),
            Self::Binary(bytes) => bytes,
        }
    }
}

impl From<String> for Document {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&str> for Document {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<Vec<u8>> for Document {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Binary(bytes)
    }
}

impl From<&[u8]> for Document {
    fn from(bytes: &[u8]) -> Self {
        Self::Binary(bytes.to_vec())
    }
}

/// One row of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Who owns it.
    pub scope: Scope,
    /// Its key within table and scope; rows are ordered by the bytes of it.
    pub key: String,
    /// What it holds.
    pub document: Document,
}
