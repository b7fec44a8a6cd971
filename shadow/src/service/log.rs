//! What stands in front of the table of shadows: accepted changes in the order in which they came.
//!
//! A change in place costs a page of the database for each shadow; changes that are added to the end of a table share their
//! pages. So a change is one row of the log, and once in a while the newest row of each shadow moves on to the table, in the order
//! of the keys. At every moment the table with the log replayed over it is what was accepted: rows are put before they are
//! taken from the log, the log is shortened from its old end, and what is put is what the log says, never what memory says.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use thingstead_core::{Scope, Timestamp};
use thingstead_store::{Batch, Commit, Document, Store, StoreError, Table};

use super::rows::{OpenError, SHADOWS, into_string, row_key, shadow_id};
use super::{Inner, ShadowService};
use crate::address::ShadowId;
use crate::document::Stored;

/// The log: `NUMBER/KEY` to what became of the row `KEY` of [`SHADOWS`], [`REMOVED`] when it is to go. Numbers have twenty digits
/// and rise in the order in which rows become durable.
pub const SHADOW_LOG: Table = Table::new("shadow_log");

/// Stands in the log for a shadow of which nothing is left.
pub(super) const REMOVED: &str = "";

/// The end of the log that is written to.
#[derive(Default)]
pub(super) struct Log {
    book: Mutex<Book>,
    /// Held by whoever moves rows, and by whoever must not see them move.
    settling: Mutex<()>,
    /// The last change was not stored.
    failed: AtomicBool,
}

/// Held while a row is numbered and queued, so that numbers rise in the order of the queue.
#[derive(Default)]
struct Book {
    next: u64,
    held: HashMap<Scope, Held>,
}

/// How much of a scope lies in the log, at most.
#[derive(Clone, Copy, Default)]
struct Held {
    rows: usize,
    bytes: usize,
}

impl Log {
    /// Queues what became of a shadow.
    pub(super) fn append(&self, store: &Store, id: &ShadowId, stored: &Stored) -> Commit {
        let text = stored.to_text().map_or_else(|| REMOVED.to_owned(), |text| into_string(&text));
        let row = row_key(id);
        let mut batch = Batch::new();
        let mut book = self.book.lock();
        let key = log_key(book.next, &row);
        book.next += 1;
        book.hold(&id.scope, key.len() + text.len());
        batch.put(SHADOW_LOG, &id.scope, key, text);
        store.commit(batch)
    }

    /// Whether the last change was stored.
    pub(super) fn note(&self, stored: bool) {
        self.failed.store(!stored, Ordering::Relaxed);
    }

    /// Nothing moves while this is held.
    pub(super) fn keep_still(&self) -> MutexGuard<'_, ()> {
        self.settling.lock()
    }

    /// The newest that the log says of each shadow; numbers go on above what was found.
    pub(super) fn load(&self, store: &Store, now: Timestamp) -> Result<HashMap<ShadowId, String>, OpenError> {
        let mut newest = HashMap::new();
        let mut corrupt = None;
        let mut book = Book::default();
        store.rows(SHADOW_LOG, |row| match (split(&row.key), row.document) {
            (Some((number, key)), Document::Text(text)) => {
                book.next = book.next.max(number.saturating_add(1));
                book.hold(&row.scope, row.key.len() + text.len());
                newest.insert(shadow_id(row.scope, key), text);
            }
            _ => corrupt = Some(row.key),
        })?;
        if let Some(key) = corrupt {
            let reason = "it is no text below a number".to_owned();
            return Err(OpenError::Corrupt { table: SHADOW_LOG.name(), key, reason });
        }
        // An emptied log does not say how far the numbers were; the time does, so a number never has two meanings, not even in
        // snapshots.
        let microseconds = u64::try_from(now.as_millis()).unwrap_or(0).saturating_mul(1_000);
        let mut mine = self.book.lock();
        mine.next = mine.next.max(book.next).max(microseconds);
        for (scope, held) in book.held {
            mine.held.entry(scope).or_default().add(held);
        }
        drop(mine);
        Ok(newest)
    }

    /// Whether rows are to move: there are many, or none came since `seen` was the next number.
    fn is_due(&self, seen: &mut u64, shadows: usize) -> bool {
        let book = self.book.lock();
        let is_idle = std::mem::replace(seen, book.next) == book.next;
        let mut all = Held::default();
        for held in book.held.values() {
            all.add(*held);
        }
        let is_long = all.rows > shadows.max(MOST_ROWS) || all.bytes > MOST_BYTES;
        all.rows > 0 && (is_idle || is_long) && !self.failed.load(Ordering::Relaxed)
    }

    /// What moves the rows of a scope below the number `end`, step by step.
    fn steps(store: &Store, scope: &Scope, end: u64) -> Result<Vec<Batch>, StoreError> {
        let end = log_key(end, "");
        let mut newest = BTreeMap::new();
        let mut lasts: Vec<String> = Vec::new();
        loop {
            let page = store.scan(SHADOW_LOG, scope, lasts.last().map(String::as_str), PAGE)?;
            let mut last = None;
            for row in page.into_iter().take_while(|row| row.key < end) {
                if let (Some((_, key)), Document::Text(text)) = (split(&row.key), row.document) {
                    newest.insert(key.to_owned(), text);
                }
                last = Some(row.key);
            }
            match last {
                Some(last) => lasts.push(last),
                None => break,
            }
        }
        let Some(newest_row) = lasts.last().cloned() else { return Ok(Vec::new()) };
        // Whoever restores a snapshot meanwhile takes the newest row away, unless the snapshot has all of these rows.
        let step = || {
            let mut batch = Batch::new();
            batch.only_if(SHADOW_LOG, scope, newest_row.clone());
            batch
        };
        let mut steps = Vec::new();
        let mut puts = step();
        for (key, text) in newest {
            match text.as_str() {
                REMOVED => puts.delete(SHADOWS, scope, key),
                _ => puts.put(SHADOWS, scope, key, text),
            }
            if puts.len() == AT_ONCE {
                steps.push(std::mem::replace(&mut puts, step()));
            }
        }
        steps.push(puts);
        for last in lasts {
            let mut shorten = step();
            shorten.delete_through(SHADOW_LOG, scope, last);
            steps.push(shorten);
        }
        Ok(steps)
    }
}

impl Book {
    fn hold(&mut self, scope: &Scope, bytes: usize) {
        let one = Held { rows: 1, bytes };
        match self.held.get_mut(scope) {
            Some(held) => held.add(one),
            None => drop(self.held.insert(scope.clone(), one)),
        }
    }
}

impl Held {
    const fn add(&mut self, more: Self) {
        self.rows += more.rows;
        self.bytes += more.bytes;
    }
}

impl ShadowService {
    /// Moves rows from the log to the table of shadows for ever: when nothing changed for about a second, or the log is long.
    pub async fn keep_settled(self) {
        let mut seen = 0;
        loop {
            tokio::time::sleep(BETWEEN_LOOKS).await;
            if self.0.log.is_due(&mut seen, self.0.cells.len()) {
                let service = self.clone();
                // The writer has logged a failure, and the rows are still there.
                drop(tokio::task::spawn_blocking(move || service.settle()).await);
            }
        }
    }

    /// Moves what is in the log of shadows to their table, a bounded number of rows at a time. Blocks until it is done.
    ///
    /// # Errors
    /// The store cannot be read or written; then the rest is moved next time.
    pub fn settle(&self) -> Result<(), StoreError> {
        self.0.settle()
    }
}

impl Inner {
    fn settle(&self) -> Result<(), StoreError> {
        let _settling = self.log.keep_still();
        let (end, held) = {
            let mut book = self.log.book.lock();
            (book.next, std::mem::take(&mut book.held))
        };
        let mut outcome = self.store.flush().wait();
        for (scope, held) in held {
            if outcome.is_ok() {
                outcome = Log::steps(&self.store, &scope, end)
                    .and_then(|steps| steps.into_iter().try_for_each(|step| self.store.commit(step).wait()));
            }
            if outcome.is_err() {
                self.log.book.lock().held.entry(scope).or_default().add(held);
            }
        }
        if outcome.is_err() {
            self.log.note(false);
        }
        outcome
    }
}

fn log_key(number: u64, row: &str) -> String {
    format!("{number:020}/{row}")
}

fn split(key: &str) -> Option<(u64, &str)> {
    let (number, row) = key.split_once('/')?;
    Some((number.parse().ok()?, row))
}

const BETWEEN_LOOKS: Duration = Duration::from_secs(1);
/// Rows that the log may hold, or as many as there are shadows.
const MOST_ROWS: usize = 50_000;
const MOST_BYTES: usize = 64 * 1024 * 1024;
/// Shadows that one transaction puts; updates wait for it.
const AT_ONCE: usize = 250;
/// Rows of the log that are read, or taken away, at once.
const PAGE: usize = 1_000;

#[cfg(test)]
mod tests;
