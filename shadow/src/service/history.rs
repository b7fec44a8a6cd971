//! The last versions of a shadow, for people.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use thingstead_core::{Origin, Timestamp, prefetch};

use super::answer::Asked;
use crate::document::{Changed, Changes, Stored};

/// One version of a shadow: when, by whom, and what was changed.
#[derive(Clone, Debug)]
pub struct Revision {
    /// The version that an update made or a delete ended.
    pub version: u64,
    /// Updated or deleted.
    pub change: Change,
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: Arc<Author>,
    changes: Changes,
}

/// Who made a version. Mostly the same as made the one before, which then share it: a shadow's past is ten versions, and what it
/// takes of memory is paid a hundred thousand times.
#[derive(Clone, Debug)]
pub struct Author {
    /// The MQTT client behind it.
    pub client: Option<Arc<str>>,
    /// The certificate id or other principal behind it.
    pub principal: Option<Arc<str>>,
    /// By which way it came: `mqtt`, `http`, `rule NAME` or the name of a service.
    pub via: Cow<'static, str>,
}

/// What happened to a shadow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// An accepted update.
    Updated,
    /// An accepted delete.
    Deleted,
}

impl Author {
    fn of(asked: &Asked) -> Self {
        let (client, principal) = asked.who();
        let via = match &asked.request.origin {
            Origin::Client(_) => Cow::Borrowed("mqtt"),
            Origin::Http(_) => Cow::Borrowed("http"),
            Origin::Service(name) => Cow::Borrowed(*name),
            Origin::Rule { rule, .. } => Cow::Owned(format!("rule {}", &**rule)),
        };
        Self { client, principal, via }
    }

    /// The same texts.
    fn is(&self, other: &Self) -> bool {
        self.client == other.client && self.principal == other.principal && self.via == other.via
    }

    /// The same texts in memory, as all that comes from one connection has.
    fn is_of_connection(&self, other: &Self) -> bool {
        let same = |one: &Option<Arc<str>>, other: &Option<Arc<str>>| match (one, other) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (one, other) => one.is_none() && other.is_none(),
        };
        same(&self.client, &other.client) && same(&self.principal, &other.principal) && self.via == other.via
    }

    /// Where it is remembered.
    fn place(&self) -> usize {
        let text = self.client.as_ref().or(self.principal.as_ref());
        text.map_or(0, |text| text.as_ptr().addr() / 16 % REMEMBERED)
    }
}

thread_local! {
    /// Authors of late. Which of them made a version is mostly known without a look at the version before, which lies in memory
    /// where nobody was for long.
    static RECENT: RefCell<[Option<Arc<Author>>; REMEMBERED]> = const { RefCell::new([const { None }; REMEMBERED]) };
}

const REMEMBERED: usize = 128;
/// About the bytes of a revision as JSON.
const REVISION_TEXT: usize = 320;

impl Revision {
    /// What is about to become of a shadow with this history.
    pub(super) fn new(
        history: &History,
        asked: &Asked,
        version: u64,
        change: Change,
        before: &Stored,
        after: &Stored,
    ) -> Self {
        let by = history.author(asked);
        let changes = Changes::between(before.document(), after.document());
        Self { version, change, at: asked.at, by, changes }
    }

    /// Which members are not what they were, by path; none when an update set what was set already.
    pub fn changes(&self) -> Vec<Changed> {
        self.changes.list()
    }

    /// The admin API's form.
    pub fn to_json(&self) -> Value {
        let changes: Vec<_> = self.changes().iter().map(Changed::to_json).collect();
        json!({
            "version": self.version,
            "change": self.change.name(),
            "at": self.at.to_string(),
            "at_ms": self.at.as_millis(),
            "client": self.by.client,
            "principal": self.by.principal,
            "via": self.by.via,
            "changes": changes,
        })
    }

    /// The same as text, with numbers as they were sent. Every shadow that is updated has its history written once in a while.
    fn write_json(&self, out: &mut String) {
        let Self { version, change, at, by, changes } = self;
        let text_or_null = |text: &Option<Arc<str>>| text.as_deref().map_or(Value::Null, Value::from);
        let (client, principal) = (text_or_null(&by.client), text_or_null(&by.principal));
        let (via, name, at_ms, changes) =
            (Value::from(&*by.via), change.name(), at.as_millis(), changes.as_str());
        // Writing to a text does not fail.
        let _ = write!(
            out,
            r#"{{"version":{version},"change":"{name}","at":"{at}","at_ms":{at_ms},"client":{client},"principal":{principal},"via":{via},"changes":{changes}}}"#
        );
    }

    /// Reads what [`Revision::write_json`] wrote, for this history.
    fn of_row(row: &Row<'_>, history: &History) -> Option<Self> {
        Some(Self {
            version: row.version,
            change: [Change::Updated, Change::Deleted].into_iter().find(|it| row.change == it.name())?,
            at: Timestamp::from_millis(row.at_ms),
            by: history.shared(Author {
                client: row.client.as_deref().map(Arc::from),
                principal: row.principal.as_deref().map(Arc::from),
                via: Cow::Owned(row.via.clone().into_owned()),
            }),
            changes: Changes::from_text(row.changes.get())?,
        })
    }

    /// About how many bytes it keeps.
    fn weight(&self) -> usize {
        self.changes.bytes_elsewhere() + size_of::<Self>()
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

/// A revision in the store.
#[derive(Deserialize)]
struct Row<'a> {
    version: u64,
    #[serde(borrow)]
    change: Cow<'a, str>,
    at_ms: i64,
    #[serde(borrow)]
    client: Option<Cow<'a, str>>,
    #[serde(borrow)]
    principal: Option<Cow<'a, str>>,
    #[serde(borrow)]
    via: Cow<'a, str>,
    #[serde(borrow)]
    changes: &'a RawValue,
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
    /// The history that [`History::to_text`] wrote; `None` when the text is none.
    pub(super) fn read(text: &str, budget: &Budget) -> Option<Self> {
        let rows: Vec<Row<'_>> = serde_json::from_str(text).ok()?;
        let mut history = Self::default();
        for row in &rows {
            let revision = Revision::of_row(row, &history)?;
            history.push(budget, revision);
        }
        Some(history)
    }

    pub(super) fn push(&mut self, budget: &Budget, revision: Revision) {
        if budget.revisions == 0 {
            return;
        }
        self.counted.get_or_insert_with(|| Arc::clone(&budget.used));
        // First, so that the new one takes the place of the oldest.
        let mut released = 0;
        while self.revisions.len() >= budget.revisions {
            released += self.forget_oldest();
        }
        if self.revisions.len() == self.revisions.capacity() {
            // Doubled as ever, but not beyond what can be needed.
            let most = budget.revisions.saturating_sub(self.revisions.len());
            self.revisions.reserve_exact(self.revisions.len().clamp(1, most.max(1)));
        }
        let weight = revision.weight();
        self.revisions.push_back(revision);
        let used = budget.used.load(Ordering::Relaxed) + weight;
        while used.saturating_sub(released) > budget.bytes && self.revisions.len() > 1 {
            released += self.forget_oldest();
        }
        // Mostly one comes and one like it goes. Whoever changes a number that all threads share waits until all that was written before
        // is in memory.
        if weight != released {
            budget.used.fetch_add(weight.wrapping_sub(released), Ordering::Relaxed);
        }
    }

    /// Says how many bytes it kept.
    fn forget_oldest(&mut self) -> usize {
        self.revisions.pop_front().map_or(0, |oldest| oldest.weight())
    }

    /// Who asks, shared with whatever else they did.
    fn author(&self, asked: &Asked) -> Arc<Author> {
        let author = Author::of(asked);
        RECENT.with_borrow_mut(|recent| {
            let place = author.place();
            if let Some(known) = recent.get(place).and_then(Option::as_ref)
                && known.is_of_connection(&author)
            {
                return Arc::clone(known);
            }
            let author = match self.revisions.back() {
                Some(newest) if newest.by.is_of_connection(&author) => Arc::clone(&newest.by),
                // Each call has a connection of its own.
                Some(newest) if author.client.is_none() && newest.by.is(&author) => Arc::clone(&newest.by),
                _ => Arc::new(author),
            };
            if let Some(known) = recent.get_mut(place) {
                *known = Some(Arc::clone(&author));
            }
            author
        })
    }

    /// The author, shared with the newest revision if it has the same.
    fn shared(&self, author: Author) -> Arc<Author> {
        match self.revisions.back() {
            Some(newest) if newest.by.is(&author) => Arc::clone(&newest.by),
            _ => Arc::new(author),
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

    /// The text to store.
    pub(super) fn to_text(&self) -> String {
        let mut text = String::with_capacity(self.revisions.len() * REVISION_TEXT);
        for revision in &self.revisions {
            text.push(if text.is_empty() { '[' } else { ',' });
            revision.write_json(&mut text);
        }
        if text.is_empty() {
            text.push('[');
        }
        text.push(']');
        text
    }

    /// Asks the memory for the revision that makes room for the next, and for the place behind the newest.
    pub(super) fn prefetch(&self) {
        for (end, many) in [(self.revisions.front(), 1), (self.revisions.back(), 2)] {
            if let Some(revision) = end {
                prefetch::first(std::slice::from_ref(revision), many);
                prefetch::first(std::slice::from_ref(&revision.changes), 2);
            }
        }
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
