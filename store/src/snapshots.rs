//! Named copies of the whole database.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use rusqlite::backup::Backup;

use crate::{StoreError, Table, schema};

/// A saved copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Its name.
    pub name: String,
    /// Its size in bytes.
    pub bytes: u64,
}

/// Where copies are kept: beside the database, or in memory for a database in memory.
pub(crate) enum Shelf {
    Folder(PathBuf),
    Memory(BTreeMap<String, Connection>),
}

impl Shelf {
    pub(crate) fn save(&mut self, name: &str, database: &Connection) -> Result<(), StoreError> {
        let failed = failure(name);
        match self {
            Self::Folder(folder) => {
                std::fs::create_dir_all(&folder).map_err(|e| failed(&e))?;
                let (file, draft) = (file_of(folder, name), folder.join(format!("{name}.draft")));
                remove(&draft).map_err(|e| failed(&e))?;
                let mut copy = Connection::open(&draft).map_err(|e| failed(&e))?;
                copy_all(database, &mut copy).map_err(|e| failed(&e))?;
                copy.close().map_err(|(_, e)| failed(&e))?;
                std::fs::rename(&draft, &file).map_err(|e| failed(&e))
            }
            Self::Memory(copies) => {
                let mut copy = Connection::open_in_memory().map_err(|e| failed(&e))?;
                copy_all(database, &mut copy).map_err(|e| failed(&e))?;
                copies.insert(name.to_owned(), copy);
                Ok(())
            }
        }
    }

    pub(crate) fn restore(
        &self,
        name: &str,
        database: &mut Connection,
        tables: &[Table],
    ) -> Result<(), StoreError> {
        let failed = failure(name);
        let unknown = || StoreError::UnknownSnapshot { name: name.to_owned() };
        match self {
            Self::Folder(folder) => {
                let file = file_of(folder, name);
                if !file.is_file() {
                    return Err(unknown());
                }
                let copy = schema::open_reader(&file).map_err(|e| failed(&e))?;
                copy_all(&copy, database).map_err(|e| failed(&e))?;
            }
            Self::Memory(copies) => {
                let copy = copies.get(name).ok_or_else(unknown)?;
                copy_all(copy, database).map_err(|e| failed(&e))?;
            }
        }
        schema::prepare(database, tables).map_err(|e| failed(&e))
    }

    pub(crate) fn delete(&mut self, name: &str) -> Result<(), StoreError> {
        let found = match self {
            Self::Folder(folder) => remove(&file_of(folder, name)).map_err(|e| failure(name)(&e))?,
            Self::Memory(copies) => copies.remove(name).is_some(),
        };
        if found { Ok(()) } else { Err(StoreError::UnknownSnapshot { name: name.to_owned() }) }
    }

    pub(crate) fn list(&self) -> Result<Vec<Snapshot>, StoreError> {
        let mut found = Vec::new();
        match self {
            Self::Folder(folder) => {
                let failed = |error: std::io::Error| StoreError::Directory {
                    directory: folder.display().to_string(),
                    cause: error.to_string(),
                };
                let entries = match std::fs::read_dir(folder) {
                    Ok(entries) => entries,
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(found),
                    Err(error) => return Err(failed(error)),
                };
                for entry in entries {
                    let entry = entry.map_err(failed)?;
                    if let Some(name) = entry.file_name().to_str().and_then(|file| file.strip_suffix(SUFFIX))
                    {
                        let bytes = entry.metadata().map_err(failed)?.len();
                        found.push(Snapshot { name: name.to_owned(), bytes });
                    }
                }
            }
            Self::Memory(copies) => {
                for (name, copy) in copies {
                    let bytes = copy
                        .query_row(
                            "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()",
                            [],
                            |row| row.get::<_, i64>(0),
                        )
                        .map_err(|e| failure(name)(&e))?;
                    found.push(Snapshot { name: name.clone(), bytes: u64::try_from(bytes).unwrap_or(0) });
                }
            }
        }
        found.retain(|snapshot| !snapshot.name.starts_with('.'));
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    pub(crate) fn contains(&self, name: &str) -> bool {
        match self {
            Self::Folder(folder) => file_of(folder, name).is_file(),
            Self::Memory(copies) => copies.contains_key(name),
        }
    }
}

/// A leading dot marks the server's own snapshots, which are not listed; the rest keeps the name a plain file name.
pub(crate) fn check_name(name: &str) -> Result<(), StoreError> {
    let rest = name.strip_prefix('.').unwrap_or(name);
    let fits = (1..=64).contains(&rest.len())
        && !rest.starts_with('.')
        && rest.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'));
    if fits { Ok(()) } else { Err(StoreError::SnapshotName { name: name.to_owned() }) }
}

/// One transaction of the target: a crash in the middle leaves what was there before.
fn copy_all(from: &Connection, to: &mut Connection) -> rusqlite::Result<()> {
    to.flush_prepared_statement_cache();
    Backup::new(from, to)?.run_to_completion(ALL_PAGES, std::time::Duration::from_millis(5), None)
}

fn file_of(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}{SUFFIX}"))
}

fn remove(file: &Path) -> std::io::Result<bool> {
    match std::fs::remove_file(file) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn failure(name: &str) -> impl Fn(&dyn std::error::Error) -> StoreError {
    let name = name.to_owned();
    move |error| StoreError::Snapshot { name: name.clone(), cause: error.to_string() }
}

const SUFFIX: &str = ".sqlite";
const ALL_PAGES: std::ffi::c_int = std::ffi::c_int::MAX;
