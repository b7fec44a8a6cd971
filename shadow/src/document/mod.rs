//! The shadow document as a pure function: what is stored and a request in, what is stored next and the messages out.
//!
//! No clock, no I/O: the time is an argument, and every rule of SHADOW-037 to SHADOW-153 can be tested with values alone.

mod build;
mod changes;
mod delta;
mod find;
mod json;
mod merge;
mod messages;
mod rejection;
mod request;
mod stored;
mod tree;
mod write;

use std::time::Duration;

use bytes::Bytes;
use thingstead_core::{Limits, Timestamp, prefetch};

use build::Builder;
use tree::{Tree, Value};

pub(crate) use build::prefetch_room;
pub use changes::{Changed, Changes};
pub use json::JsonError;
pub use rejection::Rejection;
pub use request::{ClientToken, UpdateRequest};
pub use stored::Corrupt;

/// The two limits of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DocumentLimits {
    /// Bytes of desired and reported together (SHADOW-083, SHADOW-084).
    pub bytes: usize,
    /// Levels of nesting below a section (SHADOW-060); the reader itself stops at 128.
    pub depth: usize,
}

/// 8,192 bytes, 8 levels.
impl Default for DocumentLimits {
    fn default() -> Self {
        Self { bytes: 8192, depth: 8 }
    }
}

impl From<Limits> for DocumentLimits {
    fn from(limits: Limits) -> Self {
        if limits.are_aws() { Self::default() } else { Self { bytes: usize::MAX, depth: 100 } }
    }
}

/// One shadow's document.
#[derive(Clone, Debug)]
pub struct Document {
    /// The text `{"state":…`, compact, and the entries of the state. What else a document says is in the entries: a hundred thousand
    /// documents are hardly ever in a processor's cache, and what is read from memory costs more than what is written anew.
    state: Builder,
    version: u64,
}

/// What is known about a shadow.
#[derive(Clone, Debug, Default)]
pub enum Stored {
    /// It never existed, or nobody remembers.
    #[default]
    Absent,
    /// It exists.
    Present(Document),
    /// It was deleted and its counter goes on for a while (SHADOW-107).
    Deleted {
        /// The version that the delete consumed.
        version: u64,
        /// When.
        at: Timestamp,
    },
}

/// An accepted update.
#[derive(Clone, Debug)]
pub struct Updated {
    /// What is stored next.
    pub document: Document,
    /// For `update/accepted`, and the answer over HTTPS.
    pub accepted: Bytes,
    /// For `update/delta`, when desired and reported differ.
    pub delta: Option<Bytes>,
    /// For `update/documents`.
    pub documents: Bytes,
}

/// An accepted delete.
#[derive(Clone, Debug)]
pub struct Deleted {
    /// What is stored next.
    pub stored: Stored,
    /// For `delete/accepted`, and the answer over HTTPS.
    pub accepted: Bytes,
    /// The version of the document that is gone.
    pub version: u64,
}

/// A refused request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// Why.
    pub rejection: Rejection,
    /// The token to echo, when it could be read (SHADOW-051).
    pub client_token: Option<ClientToken>,
}

/// How long a deleted shadow's counter is remembered (SHADOW-107).
pub const VERSION_MEMORY: Duration = Duration::from_secs(48 * 60 * 60);

/// Applies an update: its version, the merge, the size; in this order (SHADOW-062).
///
/// # Errors
/// [`Rejection::VersionConflict`] or [`Rejection::TooLarge`], with the request's token.
pub fn update(stored: &Stored, request: UpdateRequest, limits: &DocumentLimits) -> Result<Updated, Rejected> {
    let reject = |rejection| Rejected { rejection, client_token: request.client_token.clone() };
    let existing = stored.document();
    let stored_version = existing.map(Document::version);
    if let Some(expected) = request.version
        && expected != stored_version.unwrap_or(0)
    {
        return Err(reject(Rejection::VersionConflict { expected, stored: stored_version }));
    }
    let version = stored.counter(request.at).saturating_add(1);
    let Some(state) = request.state() else { return Err(reject(Rejection::MissingState)) };
    let before = existing.map(Document::tree);
    let room = |tree: Tree<'_>| (tree.text.len(), tree.nodes.len());
    let (bytes, nodes) = before.map_or((0, 0), room);
    let merged = Document::builder(bytes.max(state.size()), nodes.max(state.run().len() + 1));
    let merged = merge::state(before.and_then(Tree::root), state, merged);
    let size = sections_size(merged.tree());
    if size > limits.bytes {
        return Err(reject(Rejection::TooLarge { size, limit: limits.bytes }));
    }
    let accepted = messages::update_accepted(&request, state, version);
    let document = Document::of(merged, version);
    let (at, token) = (request.at, request.client_token());
    let delta = document.delta().map(|delta| messages::delta(&document, &delta, at, token));
    let documents = messages::documents(existing, &document, at, token);
    Ok(Updated { document, accepted, delta, documents })
}

/// Answers a get: the payload of `get/accepted`, also the answer over HTTPS. `name` is the shadow's, the thing's for a
/// classic shadow.
///
/// # Errors
/// [`Rejection::NoShadow`].
pub fn get(
    stored: &Stored,
    name: &str,
    token: Option<&ClientToken>,
    now: Timestamp,
) -> Result<Bytes, Rejection> {
    let document = stored.document().ok_or_else(|| Rejection::NoShadow { name: name.to_owned() })?;
    Ok(messages::get_accepted(document, document.delta().as_ref(), now, token))
}

/// Deletes the shadow; the delete consumes a version (SHADOW-108).
///
/// # Errors
/// [`Rejection::NoShadow`].
pub fn delete(
    stored: &Stored,
    name: &str,
    token: Option<&ClientToken>,
    now: Timestamp,
) -> Result<Deleted, Rejection> {
    let document = stored.document().ok_or_else(|| Rejection::NoShadow { name: name.to_owned() })?;
    let version = document.version;
    let accepted = messages::delete_accepted(version, now, token);
    Ok(Deleted { stored: Stored::Deleted { version: version.saturating_add(1), at: now }, accepted, version })
}

impl Stored {
    /// The document, if the shadow exists.
    pub const fn document(&self) -> Option<&Document> {
        match self {
            Self::Present(document) => Some(document),
            Self::Absent | Self::Deleted { .. } => None,
        }
    }

    /// The version after which the next update counts.
    fn counter(&self, now: Timestamp) -> u64 {
        match self {
            Self::Present(document) => document.version,
            Self::Deleted { version, .. } if self.is_remembered(now) => *version,
            Self::Absent | Self::Deleted { .. } => 0,
        }
    }

    /// Whether anything is left to know: the document, or a deleted shadow's counter that still goes on.
    pub fn is_remembered(&self, now: Timestamp) -> bool {
        match self {
            Self::Absent => false,
            Self::Present(_) => true,
            Self::Deleted { at, .. } => now.since(*at) <= VERSION_MEMORY,
        }
    }
}

impl Document {
    /// Rises by one with every accepted update.
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// `{"state":…,"metadata":…,"version":…}`, compact.
    pub fn to_json(&self) -> Bytes {
        messages::whole(self)
    }

    /// Bytes of desired and reported together, as the limit counts them (SHADOW-083, SHADOW-087).
    pub fn size(&self) -> usize {
        sections_size(self.tree())
    }

    /// Whether desired holds something that reported does not (SHADOW-174).
    pub fn has_delta(&self) -> bool {
        self.delta().is_some()
    }

    /// Where the state of a document is to be written.
    fn builder(text: usize, nodes: usize) -> Builder {
        let mut builder = Builder::with_capacity(text + BEFORE_STATE.len(), nodes);
        builder.text.extend_from_slice(BEFORE_STATE);
        builder
    }

    /// The document with the state that was written.
    fn of(mut state: Builder, version: u64) -> Self {
        state.shrink();
        Self { state, version }
    }

    /// Asks the memory for all of it.
    pub(crate) fn prefetch(&self) {
        prefetch::first(&self.state.text, self.state.text.len());
        prefetch::first(&self.state.nodes, self.state.nodes.len());
    }

    fn tree(&self) -> Tree<'_> {
        self.state.tree()
    }

    fn section(&self, name: &str) -> Option<Value<'_>> {
        self.tree().root()?.get(name)
    }

    fn delta(&self) -> Option<delta::Delta<'_>> {
        delta::between(self.section("desired"), self.section("reported"))
    }
}

fn sections_size(document: Tree<'_>) -> usize {
    document.root().map_or(0, |state| state.children().map(Value::size).sum())
}

/// What a document begins with.
const BEFORE_STATE: &[u8] = br#"{"state":"#;

impl Rejected {
    /// The payload for a `rejected` topic.
    pub fn payload(&self, now: Timestamp) -> Bytes {
        messages::rejected(self, now)
    }
}

impl From<Rejection> for Rejected {
    fn from(rejection: Rejection) -> Self {
        Self { rejection, client_token: None }
    }
}
