//! Shadows and their histories in the store.

use std::time::Duration;

use thingstead_core::{Scope, ShadowName, ThingName, Timestamp};
use thingstead_store::{Batch, Commit, StoreError, Table};

use super::history::History;
use super::{Inner, ShadowService};
use crate::address::ShadowId;
use crate::document::Stored;

/// The table of shadows: `THING` or `THING/SHADOW` to the document, or to a deleted shadow's counter.
pub const SHADOWS: Table = Table::logged("shadows");

/// The table of their last versions, with the same keys: a list of who changed what, oldest first.
const SHADOW_HISTORY: Table = Table::logged("shadow_history");

/// The tables of this crate.
pub const TABLES: &[Table] = &[SHADOWS, SHADOW_HISTORY];

/// Why the service cannot start.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The store cannot be read.
    #[error("the shadows cannot be read: {0}")]
    Store(#[from] StoreError),
    /// A row is no shadow, or no history of one.
    #[error("the row `{key}` of the table `{table}` is corrupt: {reason}")]
    Corrupt {
        /// The table's name.
        table: &'static str,
        /// The row's key.
        key: String,
        /// What is wrong.
        reason: String,
    },
}

impl ShadowService {
    /// Saves histories for ever, a bounded number a second, so that devices do not wait for what people read. What the
    /// process has not saved when it is killed is lost; documents never are.
    pub async fn keep_history(self) {
        loop {
            tokio::time::sleep(BETWEEN_SAVES).await;
            drop(self.save_history(SAVED_AT_ONCE));
        }
    }

    /// Writes up to `at_most` histories that have changed to the store.
    pub fn save_history(&self, at_most: usize) -> Commit {
        let ids: Vec<ShadowId> = {
            let mut unsaved = self.0.unsaved.lock();
            let count = unsaved.len().min(at_most);
            unsaved.drain(..count).collect()
        };
        let mut batch = Batch::new();
        for id in ids {
            let Some(cell) = self.0.cells.get(&id) else { continue };
            let mut state = cell.lock();
            state.history.unsaved = false;
            let text = state.history.to_text();
            drop(state);
            batch.put(SHADOW_HISTORY, &id.scope, row_key(&id), text);
        }
        if batch.is_empty() { Commit::done() } else { self.0.store.commit(batch) }
    }
}

impl Inner {
    /// Forgets everything and loads it again.
    pub(super) fn load(&self) -> Result<(), OpenError> {
        let now = self.clock.now();
        let mut loaded = Loaded::default();
        self.store.rows(SHADOWS, |row| {
            let id = shadow_id(row.scope, &row.key);
            match row.document.as_text() {
                Some(text) => loaded.take(id, text, now),
                None => loaded.corrupt = Some((SHADOWS, row_key(&id), "it is not text".to_owned())),
            }
        })?;
        let Loaded { shadows, expired, mut corrupt } = loaded;
        let mut histories = Vec::new();
        self.store.rows(SHADOW_HISTORY, |row| {
            match row.document.as_text().and_then(|text| History::read(text, &self.budget)) {
                Some(history) => histories.push((shadow_id(row.scope, &row.key), history)),
                None => {
                    corrupt = Some((SHADOW_HISTORY, row.key, "it is no list of versions".to_owned()));
                }
            }
        })?;
        if let Some((table, key, reason)) = corrupt {
            return Err(OpenError::Corrupt { table: table.name(), key, reason });
        }
        if !expired.is_empty() {
            // Only tidying: when it fails the rows are tidied up at the next start.
            drop(self.store.commit(expired));
        }
        for cell in self.cells.drain() {
            cell.lock().leave();
        }
        self.names.clear();
        self.unsaved.lock().clear();
        for (id, stored) in shadows {
            self.names.note(&id, &stored);
            self.cells.load(&id, stored);
        }
        for (id, history) in histories {
            if let Some(cell) = self.cells.get(&id) {
                cell.lock().history = history;
            }
        }
        Ok(())
    }
}

/// What was found in the table of shadows.
#[derive(Default)]
struct Loaded {
    shadows: Vec<(ShadowId, Stored)>,
    /// Removes the rows of shadows whose counters are forgotten.
    expired: Batch,
    /// A row that is no shadow.
    corrupt: Option<(Table, String, String)>,
}

impl Loaded {
    fn take(&mut self, id: ShadowId, text: &str, now: Timestamp) {
        match Stored::from_text(text) {
            Ok(stored) if stored.is_remembered(now) => self.shadows.push((id, stored)),
            Ok(_) => {
                self.expired.delete(SHADOWS, &id.scope, row_key(&id));
                self.expired.delete(SHADOW_HISTORY, &id.scope, row_key(&id));
            }
            Err(error) => self.corrupt = Some((SHADOWS, row_key(&id), error.to_string())),
        }
    }
}

/// What writes down what became of a shadow.
pub(super) fn row(id: &ShadowId, stored: &Stored) -> Batch {
    let mut batch = Batch::new();
    match stored.to_text() {
        Some(text) => batch.put(SHADOWS, &id.scope, row_key(id), text),
        None => batch.delete(SHADOWS, &id.scope, row_key(id)),
    }
    batch
}

fn row_key(id: &ShadowId) -> String {
    match &id.shadow {
        None => id.thing.as_str().to_owned(),
        Some(shadow) => [&id.thing, "/", shadow].concat(),
    }
}

pub(super) fn shadow_id(scope: Scope, key: &str) -> ShadowId {
    match key.split_once('/') {
        None => ShadowId { scope, thing: ThingName::from(key), shadow: None },
        Some((thing, shadow)) => {
            ShadowId { scope, thing: ThingName::from(thing), shadow: Some(ShadowName::from(shadow)) }
        }
    }
}

const BETWEEN_SAVES: Duration = Duration::from_secs(1);
const SAVED_AT_ONCE: usize = 500;
