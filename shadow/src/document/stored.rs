//! The stored form of a shadow: JSON text.

use std::sync::Arc;

use bytes::Bytes;
use thingstead_core::Timestamp;

use super::json;
use super::node::{Node, Object};
use super::{Document, Stored};

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
        let Node::Object(members) = json::read(text, 0).map_err(|error| Corrupt(error.to_string()))? else {
            return Err(corrupt("it is not an object"));
        };
        let version =
            members.get("version").and_then(integer).and_then(|version| u64::try_from(version).ok());
        let version = version.ok_or_else(|| corrupt("it has no version"))?;
        if let Some(at) = members.get("deleted_ms") {
            let at = integer(at).ok_or_else(|| corrupt("`deleted_ms` is not an integer"))?;
            return Ok(Self::Deleted { version, at: Timestamp::from_millis(at) });
        }
        let (Some(Node::Object(state)), Some(Node::Object(metadata))) =
            (members.get("state"), members.get("metadata"))
        else {
            return Err(corrupt("it has no state or no metadata"));
        };
        let section = |name| match (state.get(name), metadata.get(name)) {
            (None, _) => Ok(None),
            (Some(state), Some(metadata)) => match stamped(state, metadata) {
                Some(Node::Object(section)) => Ok(Some(Arc::new(section))),
                _ => Err(corrupt("its metadata has another shape than its state")),
            },
            (Some(_), None) => Err(corrupt("a section has no metadata")),
        };
        let (desired, reported) = (section("desired")?, section("reported")?);
        let text = Bytes::copy_from_slice(text.as_bytes());
        Ok(Self::Present(Document { desired, reported, version, text }))
    }
}

/// The state with the times of its metadata; `None` when their shapes differ.
fn stamped(state: &Node, metadata: &Node) -> Option<Node> {
    match (state, metadata) {
        (Node::Leaf(leaf), Node::Object(metadata)) => {
            let at = metadata.get("timestamp").and_then(integer)?;
            Some(Node::Leaf(super::node::Leaf { token: leaf.token.clone(), at }))
        }
        (Node::Array(state), Node::Array(metadata)) if state.len() == metadata.len() => {
            let elements = state.iter().zip(metadata).map(|(state, metadata)| stamped(state, metadata));
            elements.collect::<Option<_>>().map(Node::Array)
        }
        (Node::Object(state), Node::Object(metadata)) if state.members.len() == metadata.members.len() => {
            let pairs = state.members.iter().zip(&metadata.members);
            let members = pairs.map(|(state, metadata)| {
                let node = (state.key == metadata.key).then(|| stamped(&state.node, &metadata.node))??;
                Some(super::node::Member { key: state.key.clone(), node })
            });
            members.collect::<Option<_>>().map(|members| Node::Object(Object { members }))
        }
        _ => None,
    }
}

fn integer(node: &Node) -> Option<i64> {
    match node {
        Node::Leaf(leaf) => std::str::from_utf8(leaf.token.as_bytes()).ok()?.parse().ok(),
        Node::Array(_) | Node::Object(_) => None,
    }
}
