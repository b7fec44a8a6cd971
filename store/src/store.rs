//! The embedded database, seen from above.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::thread::JoinHandle;

use parking_lot::Mutex;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, params};
use thingstead_core::Scope;

use crate::commit::{Afterwards, Outcome, Promise};
use crate::lock::DirectoryLock;
use crate::log::{Log, Mover, Pace, Watch};
use crate::queue::{Order, Queue};
use crate::snapshots::{Shelf, Snapshot, check_name};
use crate::writer::Writer;
use crate::{Batch, Commit, Document, Row, StoreError, Table, schema};

/// How durable a resolved [`Commit`] is (setting `durability`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// It survives a power failure: every group is flushed to the disk.
    #[default]
    Full,
    /// It survives the end of the process, not the end of the machine.
    Relaxed,
}

impl FromStr for Durability {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "full" => Ok(Self::Full),
            "relaxed" => Ok(Self::Relaxed),
            other => Err(format!("`{other}` is no durability; expected `full` or `relaxed`")),
        }
    }
}

/// The database. Cheap to clone; when the last clone goes, the queue is written and the file closed.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    queue: Arc<Queue>,
    watch: Arc<Watch>,
    /// The writer, and for a file the one that moves what is in the log; taken out while dropping.
    threads: Vec<JoinHandle<()>>,
    /// The writer's connection; readers share it when the database is in memory.
    database: Arc<Mutex<Connection>>,
    shelf: Arc<Mutex<Shelf>>,
    tables: Vec<Table>,
    /// `None` for a database in memory.
    file: Option<DatabaseFile>,
}

struct DatabaseFile {
    path: PathBuf,
    /// Connections that read, taken out while in use.
    idle_readers: Mutex<Vec<Connection>>,
}

impl Store {
    /// The snapshot that a reset goes back to. Not listed among the snapshots, like every name with a leading dot.
    pub const SEEDED: &'static str = ".seeded";

    /// Opens or creates `thingstead.sqlite` in a directory, which it creates and locks.
    ///
    /// # Errors
    /// Another server holds the directory; the directory or file cannot be used; the file is newer than this server.
    pub fn open(directory: &Path, tables: &[Table], durability: Durability) -> Result<Self, StoreError> {
        Self::open_at_pace(directory, tables, durability, Pace::default())
    }

    /// Like [`Store::open`]; what is logged moves on at that pace.
    pub(crate) fn open_at_pace(
        directory: &Path,
        tables: &[Table],
        durability: Durability,
        pace: Pace,
    ) -> Result<Self, StoreError> {
        schema::check_names(tables)?;
        let lock = DirectoryLock::take(directory)?;
        let path = directory.join(FILE);
        let mut database = schema::open_writer(&path, tables, durability)?;
        let watch = Arc::new(Watch::default());
        let log = Log::open(&path, &mut database, tables, durability, Arc::clone(&watch))?;
        let shelf = Shelf::Folder(directory.join("snapshots"));
        let file = DatabaseFile { path, idle_readers: Mutex::default() };
        let mut inner = Self::start(database, shelf, tables, Some((log, lock)))?;
        inner.file = Some(file);
        let mover = Mover {
            queue: Arc::clone(&inner.queue),
            watch: Arc::clone(&watch),
            tables: tables.to_vec(),
            pace,
        };
        inner.watch = watch;
        inner.threads.push(spawn("store-log", move || mover.run())?);
        Ok(Self(Arc::new(inner)))
    }

    /// A database in memory that is gone with the last clone.
    ///
    /// # Errors
    /// A table is not well named, or memory is short.
    pub fn ephemeral(tables: &[Table]) -> Result<Self, StoreError> {
        schema::check_names(tables)?;
        let shelf = Shelf::Memory(Default::default());
        let inner = Self::start(schema::open_memory(tables)?, shelf, tables, None)?;
        Ok(Self(Arc::new(inner)))
    }

    fn start(
        database: Connection,
        shelf: Shelf,
        tables: &[Table],
        on_disk: Option<(Log, DirectoryLock)>,
    ) -> Result<Inner, StoreError> {
        let queue = Arc::new(Queue::default());
        let database = Arc::new(Mutex::new(database));
        let shelf = Arc::new(Mutex::new(shelf));
        let (log, lock) = on_disk.unzip();
        let writer = Writer {
            queue: Arc::clone(&queue),
            database: Arc::clone(&database),
            shelf: Arc::clone(&shelf),
            tables: tables.to_vec(),
            log,
            _lock: lock,
        };
        let threads = vec![spawn("store", move || writer.run())?];
        let (watch, tables) = (Arc::default(), tables.to_vec());
        Ok(Inner { queue, watch, threads, database, shelf, tables, file: None })
    }

    /// Queues a batch; batches are written in the order of the calls. Never blocks.
    pub fn commit(&self, batch: Batch) -> Commit {
        if let Some(outcome) = self.known_outcome(&batch) {
            return Commit::resolved(outcome);
        }
        self.order(|promise| Order::Write(batch, promise))
    }

    /// The same for those who commit several times and then [`Store::wake`] the writer, which is not woken before: what lies in the
    /// queue by then is written together. The outcome goes to `callback`, as with [`Commit::then`].
    pub fn commit_quietly(
        &self,
        batch: Batch,
        callback: impl FnOnce(Result<(), StoreError>, &mut Afterwards) + Send + 'static,
    ) {
        let promise = Promise::to_call(callback);
        match self.known_outcome(&batch) {
            None => self.0.queue.push_quietly(Order::Write(batch, promise)),
            Some(outcome) => {
                let mut after = Afterwards::default();
                promise.resolve(outcome, &mut after);
                after.run();
            }
        }
    }

    /// What the writer need not be asked.
    fn known_outcome(&self, batch: &Batch) -> Option<Outcome> {
        if batch.is_empty() {
            return Some(Ok(()));
        }
        let unknown = batch.tables().find(|table| !self.0.tables.contains(table))?;
        Some(Err(StoreError::UnknownTable { table: unknown.name().to_owned() }))
    }

    /// Wakes the writer.
    pub fn wake(&self) {
        self.0.queue.ring();
    }

    /// Resolves when everything queued before is written.
    pub fn flush(&self) -> Commit {
        self.order(|promise| Order::Write(Batch::new(), promise))
    }

    /// Writes what is queued and leaves nothing in the log, for a server that stops: whoever opens the database then finds every
    /// row in its table. The last clone does the same when it goes.
    pub fn rest(&self) -> Commit {
        self.order(Order::Rest)
    }

    /// One row's document as it was last committed; a batch that is still queued is not seen. Reading a
    /// [logged](Table::logged) table waits for the writer.
    ///
    /// # Errors
    /// The table is unknown or cannot be read.
    pub fn get(&self, table: Table, scope: &Scope, key: &str) -> Result<Option<Document>, StoreError> {
        self.read(table, |database| {
            let sql = format!(
                "SELECT document FROM \"{}\" WHERE account = ?1 AND region = ?2 AND key = ?3",
                table.name()
            );
            database
                .prepare_cached(&sql)?
                .query_row(params![scope.account(), scope.region(), key], |row| document(row.get_ref(0)?))
                .optional()
        })
    }

    /// Calls `each` with every row of a table, ordered by account, Region and key; for loading at start.
    ///
    /// # Errors
    /// The table is unknown or cannot be read.
    pub fn rows(&self, table: Table, mut each: impl FnMut(Row)) -> Result<(), StoreError> {
        self.read(table, |database| {
            let sql = format!(
                "SELECT account, region, key, document FROM \"{}\" ORDER BY account, region, key",
                table.name()
            );
            let mut statement = database.prepare_cached(&sql)?;
            let mut rows = statement.query([])?;
            let mut last: Option<Scope> = None;
            while let Some(row) = rows.next()? {
                let (account, region) = (row.get_ref(0)?.as_str()?, row.get_ref(1)?.as_str()?);
                let scope = match &last {
                    Some(scope) if scope.account() == account && scope.region() == region => scope.clone(),
                    _ => Scope::new(account, region),
                };
                last = Some(scope.clone());
                each(Row { scope, key: row.get(2)?, document: document(row.get_ref(3)?)? });
            }
            Ok(())
        })
    }

    /// Up to `limit` of a scope's rows in key order, beginning behind `after`.
    ///
    /// # Errors
    /// The table is unknown or cannot be read.
    pub fn scan(
        &self,
        table: Table,
        scope: &Scope,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Row>, StoreError> {
        self.scan_prefix(table, scope, "", after, limit)
    }

    /// Up to `limit` of a scope's rows whose key begins with `prefix`, in key order, beginning behind `after`.
    ///
    /// # Errors
    /// The table is unknown or cannot be read.
    pub fn scan_prefix(
        &self,
        table: Table,
        scope: &Scope,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Row>, StoreError> {
        self.read(table, |database| {
            let beyond = if after.is_some() { "AND key > ?4" } else { "AND ?4 IS NULL" };
            let sql = format!(
                "SELECT key, document FROM \"{}\" WHERE account = ?1 AND region = ?2 AND key >= ?3 {beyond} \
                 ORDER BY key LIMIT ?5",
                table.name()
            );
            let mut statement = database.prepare_cached(&sql)?;
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let mut found = Vec::new();
            let mut rows = statement.query(params![scope.account(), scope.region(), prefix, after, limit])?;
            while let Some(row) = rows.next()? {
                let key: String = row.get(0)?;
                // Keys with the prefix lie together.
                if !key.starts_with(prefix) {
                    break;
                }
                found.push(Row { scope: scope.clone(), key, document: document(row.get_ref(1)?)? });
            }
            Ok(found)
        })
    }

    /// Saves the whole database, with everything queued before, under a name; an older snapshot of that name is replaced.
    pub fn snapshot(&self, name: &str) -> Commit {
        match check_name(name) {
            Ok(()) => self.order(|promise| Order::Save(name.to_owned(), promise)),
            Err(error) => Commit::resolved(Err(error)),
        }
    }

    /// Replaces the whole database by a snapshot; whoever keeps rows in memory must then reload.
    pub fn restore(&self, name: &str) -> Commit {
        match check_name(name) {
            Ok(()) => self.order(|promise| Order::Restore(name.to_owned(), promise)),
            Err(error) => Commit::resolved(Err(error)),
        }
    }

    /// Deletes a snapshot; an unknown one is [`StoreError::UnknownSnapshot`].
    pub fn delete_snapshot(&self, name: &str) -> Commit {
        match check_name(name) {
            Ok(()) => self.order(|promise| Order::Forget(name.to_owned(), promise)),
            Err(error) => Commit::resolved(Err(error)),
        }
    }

    /// The snapshots by name, those with a leading dot left out.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn snapshots(&self) -> Result<Vec<Snapshot>, StoreError> {
        self.0.shelf.lock().list()
    }

    /// Whether there is a snapshot of that name, listed or not.
    pub fn has_snapshot(&self, name: &str) -> bool {
        check_name(name).is_ok() && self.0.shelf.lock().contains(name)
    }

    /// The database file; `None` for a database in memory.
    pub fn file(&self) -> Option<&Path> {
        self.0.file.as_ref().map(|file| file.path.as_path())
    }

    fn order(&self, order: impl FnOnce(Promise) -> Order) -> Commit {
        let (commit, promise) = Commit::pending();
        self.0.queue.push(order(promise));
        commit
    }

    fn read<T>(
        &self,
        table: Table,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        if !self.0.tables.contains(&table) {
            return Err(StoreError::UnknownTable { table: table.name().to_owned() });
        }
        let failed = |error: rusqlite::Error| StoreError::Read {
            table: table.name().to_owned(),
            cause: error.to_string(),
        };
        let Some(file) = &self.0.file else {
            return read(&self.0.database.lock()).map_err(failed);
        };
        if table.is_logged() {
            self.order(Order::Settle).wait()?;
        }
        let idle = file.idle_readers.lock().pop();
        let connection = match idle {
            Some(connection) => connection,
            None => schema::open_reader(&file.path).map_err(failed)?,
        };
        let result = read(&connection).map_err(failed);
        let mut idle = file.idle_readers.lock();
        if idle.len() < READERS {
            idle.push(connection);
        }
        result
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Store").field(&self.file()).finish()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.watch.close();
        self.queue.close();
        for thread in self.threads.drain(..) {
            // A commit's callback may hold the last clone: the writer cannot wait for itself.
            if thread.thread().id() != std::thread::current().id() && thread.join().is_err() {
                tracing::error!("a thread of the store panicked");
            }
        }
    }
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, StoreError> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(run)
        .map_err(|error| StoreError::Open { file: FILE.to_owned(), cause: error.to_string() })
}

fn document(value: ValueRef<'_>) -> rusqlite::Result<Document> {
    match value {
        ValueRef::Text(text) => Ok(Document::Text(String::from_utf8_lossy(text).into_owned())),
        ValueRef::Blob(bytes) => Ok(Document::Binary(bytes.to_vec())),
        other => Err(rusqlite::Error::InvalidColumnType(0, "document".to_owned(), other.data_type())),
    }
}

const FILE: &str = "thingstead.sqlite";
const READERS: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    const T: Table = Table::new("t");

    #[test]
    fn a_write_error_reaches_every_waiter_of_the_group_and_writing_goes_on_afterwards() {
        let store = Store::ephemeral(&[T]).expect("store");
        let scope = Scope::new("1", "r");
        // While the connection is held, batches pile up and become one group.
        let held = store.0.database.lock();
        let pages: i64 = held.query_row("PRAGMA page_count", [], |row| row.get(0)).expect("pages");
        held.pragma_update(None, "max_page_count", pages + 2).expect("limit");
        let commits: Vec<Commit> = (0..10)
            .map(|n| {
                let mut batch = Batch::new();
                batch.put(T, &scope, format!("k{n}"), "x".repeat(10_000));
                store.commit(batch)
            })
            .collect();
        drop(held);
        for commit in commits {
            assert!(matches!(commit.wait(), Err(StoreError::Write { .. })));
        }
        assert_eq!(store.get(T, &scope, "k0"), Ok(None));
        let mut batch = Batch::new();
        batch.put(T, &scope, "small", "x");
        assert_eq!(store.commit(batch).wait(), Ok(()));
    }

    #[test]
    fn a_panicking_callback_does_not_stop_the_writer() {
        let store = Store::ephemeral(&[T]).expect("store");
        let scope = Scope::new("1", "r");
        let mut batch = Batch::new();
        batch.put(T, &scope, "k", "v");
        let held = store.0.database.lock();
        store.commit(batch.clone()).then(|_, _| panic!("on purpose"));
        drop(held);
        assert_eq!(store.commit(batch).wait(), Ok(()));
    }
}
