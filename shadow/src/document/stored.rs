//! The stored form of a shadow: JSON text.

use bytes::Bytes;
use thingstead_core::Timestamp;

use super::build::Builder;
use super::request::SECTIONS;
use super::tree::{Kind, Value};
use super::{Document, Stored, json};

/// A stored text that is no shadow.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the stored shadow is corrupt: {0}")]
pub struct Corrupt(String);

impl Stored {
    /// The text to store; `None` when there is nothing to remember.
    pub fn to_text(&self) -> Option<Bytes> {
        match self {
            Self::Absent => None,
            Self::Present(document) => Some(document.text.clone()),
            Self::Deleted { version, at } => {
                Some(Bytes::from(format!(r#"{{"deleted_ms":{},"version":{version}}}"#, at.as_millis())))
            }
        }
    }

    /// Reads what [`Stored::to_text`] wrote.
    ///
    /// # Errors
    /// The text is not JSON or misses a part.
    pub fn from_text(text: &str) -> Result<Self, Corrupt> {
        let corrupt = |what: &str| Corrupt(what.to_owned());
        let read = json::read(text, 0).map_err(|error| Corrupt(error.to_string()))?;
        let members = read.tree().root().filter(|root| root.is(Kind::Object));
        let members = members.ok_or_else(|| corrupt("it is not an object"))?;
        let version =
            members.get("version").and_then(integer).and_then(|version| u64::try_from(version).ok());
        let version = version.ok_or_else(|| corrupt("it has no version"))?;
        if let Some(at) = members.get("deleted_ms") {
            let at = integer(at).ok_or_else(|| corrupt("`deleted_ms` is not an integer"))?;
            return Ok(Self::Deleted { version, at: Timestamp::from_millis(at) });
        }
        let part = |name| members.get(name).filter(|part| part.is(Kind::Object));
        let (Some(state), Some(metadata)) = (part("state"), part("metadata")) else {
            return Err(corrupt("it has no state or no metadata"));
        };
        let mut out = Document::builder(text.len(), read.nodes.len());
        let root = out.open(b"", Kind::Object);
        let mut sections = 0;
        for section in SECTIONS.into_iter().filter_map(|name| state.get(name).map(|state| (name, state))) {
            let (name, state) = section;
            let metadata = metadata.get(name).ok_or_else(|| corrupt("a section has no metadata"))?;
            let is_section = state.is(Kind::Object) && stamped(state, metadata, &mut out).is_some();
            if !is_section {
                return Err(corrupt("its metadata has another shape than its state"));
            }
            sections += 1;
        }
        out.close(root, sections);
        Ok(Self::Present(Document::of(out, version)))
    }
}

/// Writes the state with the times of its metadata; `None` when their shapes differ.
fn stamped(state: Value<'_>, metadata: Value<'_>, out: &mut Builder) -> Option<()> {
    let kind = state.node.kind;
    if kind.is_leaf() {
        out.copy_leaf(state, metadata.get("timestamp").and_then(integer)?);
        return Some(());
    }
    if metadata.node.kind != kind || state.node.children != metadata.node.children {
        return None;
    }
    let open = out.open(state.key(), kind);
    for (state, metadata) in state.children().zip(metadata.children()) {
        if state.key() != metadata.key() {
            return None;
        }
        stamped(state, metadata, out)?;
    }
    out.close(open, state.node.children);
    Some(())
}

fn integer(value: Value<'_>) -> Option<i64> {
    std::str::from_utf8(value.json()).ok()?.parse().ok()
}
