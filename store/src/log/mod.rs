//! Rows of [logged](crate::Table::logged) tables on their way: at the end of a file first, which costs the same however many rows
//! there are, and from there to their tables, in the order of keys and only the newest of each.
//!
//! Two files take turns. The writer appends to one; when nothing came for a second, or the file is long, the writer turns to the
//! other, and what rests is moved a bounded number of rows at a time ([`mover`]). Then the file is marked as done, and written
//! again from its beginning: blocks that a file has already are synced faster than new ones.
//!
//! What makes it right wherever the process ends: tables with the live files replayed over them, in the order of their turns, are
//! what was accepted; replaying what was moved already changes nothing, since the newer file comes later; and whatever else
//! changes a logged table, reads it, saves or restores it waits until both files are empty ([`Log::settle`]).

mod frame;
mod mover;
mod newest;

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::Connection;

use self::frame::Head;
pub(crate) use self::frame::encode;
pub(crate) use self::mover::{Mover, Pace, Watch};
pub(crate) use self::newest::Newest;
use crate::{Durability, StoreError, Table, writer};

/// The log, seen from the writer.
pub(crate) struct Log {
    /// Written to.
    current: LogFile,
    /// Being moved, or empty.
    other: LogFile,
    tables: Vec<Table>,
    synced: bool,
    watch: Arc<Watch>,
    /// Bytes on their way to the file.
    buffer: Vec<u8>,
}

/// One of the files.
struct LogFile {
    path: PathBuf,
    file: File,
    turn: u64,
    /// Where the next frame goes; nothing is in it at 0.
    end: u64,
}

/// A file to be moved.
#[derive(Clone, Debug)]
pub(crate) struct Resting {
    pub(crate) path: PathBuf,
    pub(crate) turn: u64,
    pub(crate) end: u64,
}

impl Log {
    /// Opens the files beside a database, and moves into its tables what a process that was killed left in them.
    ///
    /// # Errors
    /// A file cannot be used, or the database not written.
    pub(crate) fn open(
        database_path: &Path,
        database: &mut Connection,
        tables: &[Table],
        durability: Durability,
        watch: Arc<Watch>,
    ) -> Result<Self, StoreError> {
        let open = |suffix: &str| {
            let mut name = database_path.as_os_str().to_owned();
            name.push(suffix);
            LogFile::open(PathBuf::from(name))
        };
        let (mut first, mut second) = (open("-log1")?, open("-log2")?);
        if first.turn > second.turn {
            std::mem::swap(&mut first, &mut second);
        }
        let synced = durability == Durability::Full;
        let mut log = Self {
            current: second,
            other: first,
            tables: tables.to_vec(),
            synced,
            watch,
            buffer: Vec::new(),
        };
        log.settle(database)?;
        log.empty()?;
        Ok(log)
    }

    /// Where the next batch is to be encoded, and for which turn.
    pub(crate) fn buffer(&mut self) -> (&mut Vec<u8>, u64) {
        if self.buffer.is_empty() && self.current.end == 0 {
            self.buffer.extend_from_slice(&Head { turn: self.current.turn, live: true }.encode());
        }
        (&mut self.buffer, self.current.turn)
    }

    /// Makes durable what was encoded.
    ///
    /// # Errors
    /// The file cannot be written; then nothing of it counts.
    pub(crate) fn append(&mut self) -> Result<(), StoreError> {
        let outcome = self.current.append(&self.buffer, self.synced);
        self.buffer.clear();
        self.buffer.shrink_to(BUFFER);
        outcome.map_err(|error| StoreError::Write {
            cause: format!("{}: {error}", self.current.path.display()),
        })?;
        self.watch.grown(self.current.end);
        Ok(())
    }

    /// Whether the mover does not get along, so that the writer has to wait for it.
    pub(crate) const fn is_overlong(&self) -> bool {
        self.current.end > OVERLONG
    }

    /// Turns to the other file if it is empty, and says what is to be moved. `None` when there is nothing.
    pub(crate) fn rotate(&mut self) -> Option<Resting> {
        if self.other.end == 0 && self.current.end > 0 {
            std::mem::swap(&mut self.current, &mut self.other);
            self.current.turn = self.other.turn + 1;
            self.watch.emptied();
        }
        (self.other.end > 0).then(|| self.other.resting())
    }

    /// Whether that turn is the one to be moved.
    pub(crate) const fn is_resting(&self, turn: u64) -> bool {
        self.other.end > 0 && self.other.turn == turn
    }

    /// The resting file has been moved.
    ///
    /// # Errors
    /// It cannot be marked; then it is moved again.
    pub(crate) fn moved(&mut self) -> Result<(), StoreError> {
        self.other.mark_moved()
    }

    /// Moves everything now.
    ///
    /// # Errors
    /// A file cannot be read, or the database not written; then everything is still in the files.
    pub(crate) fn settle(&mut self, database: &mut Connection) -> Result<(), StoreError> {
        for file in [&mut self.other, &mut self.current] {
            if file.end == 0 {
                continue;
            }
            let mut rows = Newest::read(&file.resting(), &self.tables)?;
            while let Some(changes) = rows.next(AT_ONCE)? {
                writer::write(database, &changes).map_err(StoreError::write)?;
            }
            file.mark_moved()?;
        }
        // The next turn of this file must not take old frames for its own.
        self.current.turn = self.current.turn.max(self.other.turn) + 1;
        self.watch.emptied();
        Ok(())
    }

    /// Gives the disk back what the files take, when nothing is in them.
    ///
    /// # Errors
    /// A file cannot be made shorter.
    pub(crate) fn empty(&mut self) -> Result<(), StoreError> {
        for file in [&mut self.other, &mut self.current] {
            let shortened = file.file.set_len(0).and_then(|()| file.file.sync_all());
            shortened.map_err(|error| file.unusable(&error))?;
            file.end = 0;
            file.turn = 0;
        }
        // Old frames are gone with the bytes, so turns may begin anew.
        self.current.turn = 1;
        Ok(())
    }
}

impl LogFile {
    fn open(path: PathBuf) -> Result<Self, StoreError> {
        let unusable = |error: io::Error| StoreError::Open {
            file: path.display().to_string(),
            cause: error.to_string(),
        };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(unusable)?;
        let mut head = Vec::new();
        (&mut file).take(Head::BYTES as u64).read_to_end(&mut head).map_err(unusable)?;
        let length = file.metadata().map_err(unusable)?.len();
        let (turn, end) = match Head::decode(&head) {
            Some(Head { turn, live: true }) => (turn, length),
            Some(Head { turn, live: false }) => (turn, 0),
            None => (0, 0),
        };
        Ok(Self { path, file, turn, end })
    }

    fn resting(&self) -> Resting {
        Resting { path: self.path.clone(), turn: self.turn, end: self.end }
    }

    fn append(&mut self, bytes: &[u8], synced: bool) -> io::Result<()> {
        // After a failed write the next one begins where that one did.
        self.file.seek(SeekFrom::Start(self.end))?;
        self.file.write_all(bytes)?;
        if synced {
            self.file.sync_data()?;
        }
        self.end += bytes.len() as u64;
        Ok(())
    }

    fn mark_moved(&mut self) -> Result<(), StoreError> {
        let head = Head { turn: self.turn, live: false }.encode();
        let marked = self.file.seek(SeekFrom::Start(0)).and_then(|_| self.file.write_all(&head));
        marked.and_then(|()| self.file.sync_data()).map_err(|error| self.unusable(&error))?;
        self.end = 0;
        Ok(())
    }

    fn unusable(&self, error: &io::Error) -> StoreError {
        StoreError::Write { cause: format!("{}: {error}", self.path.display()) }
    }
}

/// Changes of one transaction when everything moves at once.
const AT_ONCE: usize = 4_096;
/// Bytes of a file from which on the writer moves it itself. [`mover`] begins at a quarter of it.
const OVERLONG: u64 = 1024 * 1024 * 1024;
/// The buffer keeps so many bytes.
const BUFFER: usize = 1024 * 1024;

#[cfg(test)]
mod tests;
