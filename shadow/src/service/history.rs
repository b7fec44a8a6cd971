//! The last versions of a shadow, for people.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use thingstead_core::Timestamp;

use super::answer::Asked;

/// One version of a shadow.
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
    /// `{"state":…,"metadata":…,"version":…}` after an update; empty after a delete.
    pub document: Bytes,
}

/// What happened to a shadow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// An accepted update.
    Updated,
    /// An accepted delete.
    Deleted,
}

impl Revision {
    pub(super) fn new(asked: &Asked, version: u64, change: Change, document: Bytes) -> Self {
        let (client, principal) = asked.who();
        Self { version, change, at: asked.at, client, principal, document }
    }
}

/// The newest revisions of one shadow.
#[derive(Default)]
pub(super) struct History {
    revisions: VecDeque<Revision>,
    /// Where the bytes of the revisions are counted; set with the first.
    counted: Option<Arc<AtomicUsize>>,
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
    pub(super) fn push(&mut self, budget: &Budget, revision: Revision) {
        if budget.revisions == 0 {
            return;
        }
        let counted = self.counted.get_or_insert_with(|| Arc::clone(&budget.used));
        let mut used = counted.fetch_add(weight(&revision), Ordering::Relaxed) + weight(&revision);
        self.revisions.push_back(revision);
        while self.revisions.len() > budget.revisions || (used > budget.bytes && self.revisions.len() > 1) {
            let Some(oldest) = self.revisions.pop_front() else { return };
            used = counted.fetch_sub(weight(&oldest), Ordering::Relaxed).saturating_sub(weight(&oldest));
        }
    }

    /// The newest revision was not to be.
    pub(super) fn forget_newest(&mut self) {
        if let (Some(revision), Some(counted)) = (self.revisions.pop_back(), &self.counted) {
            counted.fetch_sub(weight(&revision), Ordering::Relaxed);
        }
    }

    pub(super) fn newest_first(&self) -> Vec<Revision> {
        self.revisions.iter().rev().cloned().collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.revisions.is_empty()
    }
}

impl Drop for History {
    fn drop(&mut self) {
        if let Some(counted) = &self.counted {
            counted.fetch_sub(self.revisions.iter().map(weight).sum(), Ordering::Relaxed);
        }
    }
}

fn weight(revision: &Revision) -> usize {
    revision.document.len() + 96
}
