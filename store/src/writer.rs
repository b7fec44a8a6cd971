//! The thread that writes. It takes what is queued, makes one transaction of it, and tells everybody.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};

use parking_lot::Mutex;
use rusqlite::{Connection, TransactionBehavior, params};

use crate::batch::{Change, Condition};
use crate::commit::Promise;
use crate::snapshots::Shelf;
use crate::{Batch, Document, StoreError, Table};

/// What the store asks of the writer.
pub(crate) enum Order {
    Write(Batch, Promise),
    Save(String, Promise),
    Restore(String, Promise),
    Forget(String, Promise),
}

pub(crate) struct Writer {
    pub(crate) orders: Receiver<Order>,
    pub(crate) database: Arc<Mutex<Connection>>,
    pub(crate) shelf: Arc<Mutex<Shelf>>,
    pub(crate) tables: Vec<Table>,
}

impl Writer {
    /// Works until every [`crate::Store`] is gone and the queue is empty.
    pub(crate) fn run(self) {
        let mut next = None;
        while let Some(order) = next.take().or_else(|| self.orders.recv().ok()) {
            match order {
                Order::Write(batch, promise) => next = self.write_group(batch, promise),
                Order::Save(name, promise) => {
                    let outcome = self.shelf.lock().save(&name, &self.database.lock());
                    report("saving a snapshot failed", outcome, promise);
                }
                Order::Restore(name, promise) => {
                    let outcome = self.shelf.lock().restore(&name, &mut self.database.lock(), &self.tables);
                    report("restoring a snapshot failed", outcome, promise);
                }
                Order::Forget(name, promise) => {
                    let outcome = self.shelf.lock().delete(&name);
                    promise.resolve(outcome);
                }
            }
        }
    }

    /// Commits the batch and whatever batches are queued behind it; returns the order that ended the group.
    fn write_group(&self, first: Batch, promise: Promise) -> Option<Order> {
        let mut changes = first.len();
        let mut batches = vec![first];
        let mut promises = vec![promise];
        let mut next = None;
        while changes < GROUP {
            match self.orders.try_recv() {
                Ok(Order::Write(batch, promise)) => {
                    changes += batch.len();
                    batches.push(batch);
                    promises.push(promise);
                }
                Ok(other) => {
                    next = Some(other);
                    break;
                }
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
            }
        }
        let outcome = write(&mut self.database.lock(), &batches);
        let outcome = outcome.map_err(|error| StoreError::Write { cause: error.to_string() });
        if let Err(error) = &outcome {
            tracing::error!(%error, batches = batches.len(), "a group of changes was not written");
        }
        for promise in promises {
            promise.resolve(outcome.clone());
        }
        next
    }
}

fn write(database: &mut Connection, batches: &[Batch]) -> rusqlite::Result<()> {
    // Dropped without a commit, the transaction rolls back.
    let transaction = database.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for batch in batches {
        if let Some(condition) = &batch.condition
            && !holds(&transaction, condition)?
        {
            continue;
        }
        for change in &batch.changes {
            apply(&transaction, change)?;
        }
    }
    transaction.commit()
}

fn holds(database: &Connection, condition: &Condition) -> rusqlite::Result<bool> {
    let Condition { table, scope, key } = condition;
    let sql = format!("SELECT 1 FROM \"{}\" WHERE account = ?1 AND region = ?2 AND key = ?3", table.name());
    database.prepare_cached(&sql)?.exists(params![scope.account(), scope.region(), key])
}

fn apply(database: &Connection, change: &Change) -> rusqlite::Result<()> {
    match change {
        Change::Put { table, scope, key, document } => {
            let sql = format!("INSERT OR REPLACE INTO \"{}\" VALUES (?1, ?2, ?3, ?4)", table.name());
            let mut statement = database.prepare_cached(&sql)?;
            match document {
                Document::Text(text) => {
                    statement.execute(params![scope.account(), scope.region(), key, text])?
                }
                Document::Binary(bytes) => {
                    statement.execute(params![scope.account(), scope.region(), key, bytes])?
                }
            };
        }
        Change::Delete { table, scope, key } => {
            let sql =
                format!("DELETE FROM \"{}\" WHERE account = ?1 AND region = ?2 AND key = ?3", table.name());
            database.prepare_cached(&sql)?.execute(params![scope.account(), scope.region(), key])?;
        }
        Change::DeleteThrough { table, scope, last } => {
            let sql =
                format!("DELETE FROM \"{}\" WHERE account = ?1 AND region = ?2 AND key <= ?3", table.name());
            database.prepare_cached(&sql)?.execute(params![scope.account(), scope.region(), last])?;
        }
        Change::DeletePrefix { table, scope, prefix } => {
            let sql = format!(
                "DELETE FROM \"{}\" WHERE account = ?1 AND region = ?2 AND key >= ?3 AND substr(key, 1, ?4) = ?3",
                table.name()
            );
            let characters = i64::try_from(prefix.chars().count()).unwrap_or(i64::MAX);
            database.prepare_cached(&sql)?.execute(params![
                scope.account(),
                scope.region(),
                prefix,
                characters
            ])?;
        }
        Change::DeleteScope { table, scope } => {
            let sql = format!("DELETE FROM \"{}\" WHERE account = ?1 AND region = ?2", table.name());
            database.prepare_cached(&sql)?.execute(params![scope.account(), scope.region()])?;
        }
        Change::Clear { table } => {
            database.prepare_cached(&format!("DELETE FROM \"{}\"", table.name()))?.execute([])?;
        }
    }
    Ok(())
}

fn report(what: &'static str, outcome: Result<(), StoreError>, promise: Promise) {
    if let Err(error) = &outcome {
        tracing::error!(%error, "{what}");
    }
    promise.resolve(outcome);
}

/// How many changes one transaction takes at most before it is committed.
const GROUP: usize = 512;
