//! The thread that writes. It takes what is queued, makes one transaction of it, and tells everybody.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use rusqlite::{Connection, TransactionBehavior, params};

use crate::batch::Change;
use crate::commit::{Afterwards, Outcome, Promise};
use crate::lock::DirectoryLock;
use crate::log::{self, Log};
use crate::queue::{Order, Queue};
use crate::snapshots::Shelf;
use crate::{Batch, Document, StoreError, Table};

pub(crate) struct Writer {
    pub(crate) queue: Arc<Queue>,
    pub(crate) database: Arc<Mutex<Connection>>,
    pub(crate) shelf: Arc<Mutex<Shelf>>,
    pub(crate) tables: Vec<Table>,
    /// `None` for a database in memory, where logged tables are like others.
    pub(crate) log: Option<Log>,
    /// The directory is ours until everything is written.
    pub(crate) _lock: Option<DirectoryLock>,
}

impl Writer {
    /// Works until every [`crate::Store`] is gone and the queue is empty.
    pub(crate) fn run(mut self) {
        while let Some(mut orders) = self.queue.take() {
            while let Some(order) = orders.pop_front() {
                self.follow(order, &mut orders);
            }
        }
        if let Err(error) = self.rest() {
            tracing::error!(%error, "the log was not moved to its tables; the next start does it");
        }
    }

    fn follow(&mut self, order: Order, behind: &mut VecDeque<Order>) {
        let mut after = Afterwards::default();
        match order {
            Order::Write(batch, promise) => self.write_group(batch, promise, behind),
            Order::Save(name, promise) => {
                let saved = self.settle().and_then(|()| self.shelf.lock().save(&name, &self.database.lock()));
                report("saving a snapshot failed", saved, promise);
            }
            Order::Restore(name, promise) => {
                // Else what lies in the log would come over what is restored if the process ended in between.
                let restored = self
                    .settle()
                    .and_then(|()| self.shelf.lock().restore(&name, &mut self.database.lock(), &self.tables));
                report("restoring a snapshot failed", restored, promise);
            }
            Order::Forget(name, promise) => {
                let outcome = self.shelf.lock().delete(&name);
                promise.resolve(outcome, &mut after);
            }
            Order::Settle(promise) => {
                let settled = self.settle();
                report("moving the log to its tables failed", settled, promise);
            }
            Order::Rest(promise) => {
                let rested = self.rest();
                report("moving the log to its tables failed", rested, promise);
            }
            Order::Rotate(reply) => {
                // Without an answer the mover knows that there is nothing; without a mover nobody wants one.
                drop(self.log.as_mut().and_then(Log::rotate).map(|resting| reply.send(resting)));
            }
            Order::Move(turn, changes, promise) => {
                if self.log.as_ref().is_some_and(|log| log.is_resting(turn)) {
                    let moved = write(&mut self.database.lock(), &changes).map_err(StoreError::write);
                    promise.resolve(moved, &mut after);
                }
            }
            Order::Moved(turn, promise) => {
                if let Some(log) = self.log.as_mut().filter(|log| log.is_resting(turn)) {
                    promise.resolve(log.moved(), &mut after);
                }
            }
        }
        after.run();
    }

    /// Writes the batch and whatever batches are queued behind it: rows of logged tables to the log, the others in one transaction.
    fn write_group(&mut self, first: Batch, promise: Promise, behind: &mut VecDeque<Order>) {
        let mut group = Group::default();
        let mut outcome = Ok(());
        if self.log.is_some() && first.is_beyond_log() {
            // What was logged before has to be in the tables that this changes.
            outcome = self.settle();
            group.add_unlogged(first, promise);
        } else {
            self.add(first, promise, &mut group);
            while group.changes.len() < GROUP
                && let Some(Order::Write(batch, promise)) = behind
                    .pop_front_if(|order| matches!(order, Order::Write(batch, _) if !batch.is_beyond_log()))
            {
                self.add(batch, promise, &mut group);
            }
        }
        let logged = match &mut self.log {
            Some(log) if group.logs => log.append(),
            _ => Ok(()),
        };
        let unlogged = outcome.and_then(|()| match group.changes.is_empty() {
            true => Ok(()),
            false => write(&mut self.database.lock(), &group.changes).map_err(StoreError::write),
        });
        for error in [&logged, &unlogged].into_iter().filter_map(|outcome| outcome.as_ref().err()) {
            tracing::error!(%error, batches = group.promises.len(), "a group of changes was not written");
        }
        let mut after = Afterwards::default();
        for (promise, way) in group.promises {
            let outcome = match way {
                Way::Log => logged.clone(),
                Way::Table => unlogged.clone(),
                Way::Flush => logged.clone().and_then(|()| unlogged.clone()),
            };
            promise.resolve(outcome, &mut after);
        }
        after.run();
        if self.log.as_ref().is_some_and(Log::is_overlong)
            && let Err(error) = self.settle()
        {
            tracing::error!(%error, "the log grows, since it cannot be moved to its tables");
        }
    }

    /// Puts a batch where it belongs.
    fn add(&mut self, batch: Batch, promise: Promise, group: &mut Group) {
        match &mut self.log {
            _ if batch.is_empty() => group.promises.push((promise, Way::Flush)),
            Some(log) if batch.fits_log() => {
                let (buffer, turn) = log.buffer();
                log::encode(&batch, turn, buffer);
                group.logs = true;
                group.promises.push((promise, Way::Log));
            }
            _ => group.add_unlogged(batch, promise),
        }
    }

    fn rest(&mut self) -> Result<(), StoreError> {
        self.settle()?;
        self.log.as_mut().map_or(Ok(()), Log::empty)
    }

    fn settle(&mut self) -> Result<(), StoreError> {
        match &mut self.log {
            Some(log) => log.settle(&mut self.database.lock()),
            None => Ok(()),
        }
    }
}

/// What is written together.
#[derive(Default)]
struct Group {
    /// Something is in the log's buffer.
    logs: bool,
    /// For the transaction.
    changes: Vec<Change>,
    promises: Vec<(Promise, Way)>,
}

/// Where a batch of a group goes, and so whose outcome is its own.
#[derive(Clone, Copy)]
enum Way {
    Log,
    Table,
    /// Nowhere: it waits for all before it.
    Flush,
}

impl Group {
    fn add_unlogged(&mut self, batch: Batch, promise: Promise) {
        self.changes.extend(batch.changes);
        self.promises.push((promise, Way::Table));
    }
}

/// One transaction.
pub(crate) fn write(database: &mut Connection, changes: &[Change]) -> rusqlite::Result<()> {
    // Dropped without a commit, the transaction rolls back.
    let transaction = database.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for change in changes {
        apply(&transaction, change)?;
    }
    transaction.commit()
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

fn report(what: &'static str, outcome: Outcome, promise: Promise) {
    if let Err(error) = &outcome {
        tracing::error!(%error, "{what}");
    }
    let mut after = Afterwards::default();
    promise.resolve(outcome, &mut after);
    after.run();
}

/// How many changes one transaction takes at most before it is committed.
const GROUP: usize = 512;
