//! The last versions of a shadow, for people.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use thingstead_core::{Origin, Timestamp};

use super::answer::Asked;
use crate::document::{Changed, Document, Stored, changes};

/// One version of a shadow: when, by whom, and what was changed.
#[derive(Clone, Debug)]
pub struct Revision {
    /// The version that an update made or a delete ended.
    pub version: u64,
    /// Updated or deleted.
    pub change: Change,
    /// When.
    pub at: Timestamp,
    /// The MQTT client behind it.
    pub client: Option<Arc<str>>,
    /// The certificate id or other principal behind it.
    pub principal: Option<Arc<str>>,
    /// By which way it came: `mqtt`, `http`, `rule NAME` or the name of a service.
    pub via: Cow<'static, str>,
    content: Content,
}

/// What happened to a shadow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// An accepted update.
    Updated,
    /// An accepted delete.
    Deleted,
}

/// What was changed: worked out when somebody asks or when it is saved, not while a device waits.
#[derive(Clone, Debug)]
enum Content {
    Documents { before: Option<Document>, after: Option<Document> },
    Changes(Arc<[Changed]>),
}

impl Revision {
    pub(super) fn new(asked: &Asked, version: u64, change: Change, before: &Stored, after: &Stored) -> Self {
        let (client, principal) = asked.who();
        let via = match &asked.request.origin {
            Origin::Client(_) => Cow::Borrowed("mqtt"),
            Origin::Http(_) => Cow::Borrowed("http"),
            Origin::Service(name) => Cow::Borrowed(*name),
            Origin::Rule { rule, .. } => Cow::Owned(format!("rule {}", &**rule)),
        };
        let (before, after) = (before.document().cloned(), after.document().cloned());
        let content = Content::Documents { before, after };
        Self { version, change, at: asked.at, client, principal, via, content }
    }

    /// Which members are not what they were, by path; none when an update set what was set already.
    pub fn changes(&self) -> Arc<[Changed]> {
        match &self.content {
            Content::Documents { before, after } => changes(before.as_ref(), after.as_ref()).into(),
            Content::Changes(changes) => Arc::clone(changes),
        }
    }

    /// The admin API's form.
    pub fn to_json(&self) -> Value {
        let changes: Vec<_> = self.changes().iter().map(Changed::to_json).collect();
        json!({
            "version": self.version,
            "change": self.change.name(),
            "at": self.at.to_string(),
            "at_ms": self.at.as_millis(),
            "client": self.client,
            "principal": self.principal,
            "via": self.via,
            "changes": changes,
        })
    }

    /// Reads what [`Revision::to_json`] wrote.
    fn from_json(json: &Value) -> Option<Self> {
        let text = |name: &str| json.get(name).and_then(Value::as_str);
        let change = [Change::Updated, Change::Deleted].into_iter();
        let changes = json.get("changes")?.as_array()?.iter().map(Changed::from_json);
        Some(Self {
            version: json.get("version")?.as_u64()?,
            change: change.into_iter().find(|change| text("change") == Some(change.name()))?,
            at: Timestamp::from_millis(json.get("at_ms")?.as_i64()?),
            client: text("client").map(Arc::from),
            principal: text("principal").map(Arc::from),
            via: Cow::Owned(text("via")?.to_owned()),
            content: Content::Changes(changes.collect::<Option<_>>()?),
        })
    }

    /// About how many bytes it keeps.
    fn weight(&self) -> usize {
        let content = match &self.content {
            Content::Documents { after, .. } => after.as_ref().map_or(0, Document::memory),
            Content::Changes(changes) => changes.iter().map(Changed::weight).sum(),
        };
        content + size_of::<Self>()
    }
}

impl Change {
    /// `updated` or `deleted`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Updated => "updated",
            Self::Deleted => "deleted",
        }
    }
}

/// The newest revisions of one shadow.
#[derive(Default)]
pub(super) struct History {
    revisions: VecDeque<Revision>,
    /// Where the bytes of the revisions are counted; set with the first.
    counted: Option<Arc<AtomicUsize>>,
    /// Some are not in the store, and somebody knows that they are to be saved.
    pub(super) unsaved: bool,
}

/// How much all histories together may keep.
pub(super) struct Budget {
    revisions: usize,
    bytes: usize,
    used: Arc<AtomicUsize>,
}

impl Budget {
    pub(super) fn new(revisions: usize, bytes: usize) -> Self {
        Self { revisions, bytes, used: Arc::default() }
    }
}

impl History {
    /// The history that [`History::settled_text`] wrote; `None` when the text is none.
    pub(super) fn read(text: &str, budget: &Budget) -> Option<Self> {
        let revisions: Vec<Value> = serde_json::from_str(text).ok()?;
        let mut history = Self::default();
        for revision in &revisions {
            history.push(budget, Revision::from_json(revision)?);
        }
        Some(history)
    }

    pub(super) fn push(&mut self, budget: &Budget, revision: Revision) {
        if budget.revisions == 0 {
            return;
        }
        let weight = revision.weight();
        let counted = self.counted.get_or_insert_with(|| Arc::clone(&budget.used));
        let mut used = counted.fetch_add(weight, Ordering::Relaxed) + weight;
        self.revisions.push_back(revision);
        while self.revisions.len() > budget.revisions || (used > budget.bytes && self.revisions.len() > 1) {
            let Some(oldest) = self.revisions.pop_front() else { return };
            let weight = oldest.weight();
            used = counted.fetch_sub(weight, Ordering::Relaxed).saturating_sub(weight);
        }
    }

    /// The newest revision was not to be.
    pub(super) fn forget_newest(&mut self) {
        if let (Some(revision), Some(counted)) = (self.revisions.pop_back(), &self.counted) {
            counted.fetch_sub(revision.weight(), Ordering::Relaxed);
        }
    }

    pub(super) fn newest_first(&self) -> Vec<Revision> {
        self.revisions.iter().rev().cloned().collect()
    }

    /// Lets go of whole documents, and gives the text to store.
    pub(super) fn settled_text(&mut self) -> String {
        for revision in &mut self.revisions {
            if matches!(revision.content, Content::Documents { .. }) {
                let before = revision.weight();
                revision.content = Content::Changes(revision.changes());
                if let Some(counted) = &self.counted {
                    counted.fetch_add(revision.weight(), Ordering::Relaxed);
                    counted.fetch_sub(before, Ordering::Relaxed);
                }
            }
        }
        Value::Array(self.revisions.iter().map(Revision::to_json).collect()).to_string()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.revisions.is_empty()
    }
}

impl Drop for History {
    fn drop(&mut self) {
        if let Some(counted) = &self.counted {
            counted.fetch_sub(self.revisions.iter().map(Revision::weight).sum(), Ordering::Relaxed);
        }
    }
}
