//! The file's form: one SQLite table a [`Table`].

use std::collections::HashSet;

use rusqlite::{Connection, OpenFlags};

use crate::store::Durability;
use crate::{StoreError, Table};

/// Opens the file for writing, creates what is missing.
pub(crate) fn open_writer(
    path: &std::path::Path,
    tables: &[Table],
    durability: Durability,
) -> Result<Connection, StoreError> {
    let failed = |error: rusqlite::Error| open_error(path, &error);
    let connection = Connection::open(path).map_err(failed)?;
    connection.busy_timeout(BUSY).map_err(failed)?;
    connection.pragma_update(None, "journal_mode", "WAL").map_err(failed)?;
    let synchronous = match durability {
        Durability::Full => "FULL",
        Durability::Relaxed => "NORMAL",
    };
    connection.pragma_update(None, "synchronous", synchronous).map_err(failed)?;
    let found: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(failed)?;
    if found > FORMAT {
        return Err(StoreError::Newer { file: path.display().to_string(), found, known: FORMAT });
    }
    prepare(&connection, tables).map_err(failed)?;
    Ok(connection)
}

/// A database in memory with the same tables.
pub(crate) fn open_memory(tables: &[Table]) -> Result<Connection, StoreError> {
    let failed = |error: rusqlite::Error| open_error(std::path::Path::new(":memory:"), &error);
    let connection = Connection::open_in_memory().map_err(failed)?;
    prepare(&connection, tables).map_err(failed)?;
    Ok(connection)
}

/// A connection that only reads.
pub(crate) fn open_reader(path: &std::path::Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(connection)
}

/// Creates missing tables; also after a restore, since a snapshot may be older than a table. Writes nothing when nothing is missing, so
/// that a start does not wait for the disk.
pub(crate) fn prepare(connection: &Connection, tables: &[Table]) -> rusqlite::Result<()> {
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    let format: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if format != FORMAT {
        connection.pragma_update(None, "user_version", FORMAT)?;
    }
    let mut known = connection.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'")?;
    let known: HashSet<String> = known.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    for table in tables.iter().filter(|table| !known.contains(table.name())) {
        // Without a rowid the rows lie in key order, and an insert touches one tree instead of two.
        connection.execute_batch(&format!(
            "CREATE TABLE IF NOT EXISTS \"{}\" (account TEXT NOT NULL, region TEXT NOT NULL, key TEXT NOT NULL, \
             document NOT NULL, PRIMARY KEY (account, region, key)) WITHOUT ROWID",
            table.name()
        ))?;
    }
    Ok(())
}

pub(crate) fn check_names(tables: &[Table]) -> Result<(), StoreError> {
    match tables.iter().find(|table| !table.is_well_named()) {
        Some(table) => Err(StoreError::UnknownTable { table: table.name().to_owned() }),
        None => Ok(()),
    }
}

fn open_error(path: &std::path::Path, error: &rusqlite::Error) -> StoreError {
    StoreError::Open { file: path.display().to_string(), cause: error.to_string() }
}

/// Another program may hold the file for a moment.
const BUSY: std::time::Duration = std::time::Duration::from_secs(10);
const STATEMENTS: usize = 256;
/// 2: rows of logged tables may be in the log, which earlier servers do not read. 3: shadows have `set_at` instead of their
/// metadata, which later servers read, too.
const FORMAT: i64 = 3;
