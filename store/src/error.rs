//! What can go wrong with the database.

/// Why the store cannot do what it was asked. Cloneable, because every waiter of a failed group gets it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Another process holds the directory's lock.
    #[error(
        "the data directory `{directory}` is in use by another server{}; stop it or choose another `data_dir`",
        .holder.as_ref().map(|pid| format!(" (process {pid})")).unwrap_or_default()
    )]
    InUse {
        /// The directory.
        directory: String,
        /// The other server's process id, if it could be read.
        holder: Option<String>,
    },
    /// The directory cannot be made, or a file in it cannot be made.
    #[error("the data directory `{directory}` cannot be used: {cause}")]
    Directory {
        /// The directory.
        directory: String,
        /// What the operating system says.
        cause: String,
    },
    /// The file is no database or cannot be opened.
    #[error("the database `{file}` cannot be opened: {cause}")]
    Open {
        /// The file.
        file: String,
        /// What SQLite says.
        cause: String,
    },
    /// The file was written by a newer server.
    #[error(
        "the database `{file}` has format {found}, this server knows formats up to {known}; use a newer server"
    )]
    Newer {
        /// The file.
        file: String,
        /// Its format.
        found: i64,
        /// The newest format known here.
        known: i64,
    },
    /// A table was used that the store was not opened with, or whose name is not one.
    #[error(
        "the store has no table `{table}`; expected one it was opened with, of lower-case letters, digits and `_`"
    )]
    UnknownTable {
        /// The name.
        table: String,
    },
    /// Reading failed.
    #[error("table `{table}` cannot be read: {cause}")]
    Read {
        /// The table.
        table: String,
        /// What SQLite says.
        cause: String,
    },
    /// Writing failed; nothing of the group was written.
    #[error("the database cannot be written: {cause}")]
    Write {
        /// What SQLite says.
        cause: String,
    },
    /// Not a name for a snapshot.
    #[error("`{name}` is no name for a snapshot; expected 1 to 64 letters, digits, `_`, `-` or `.`")]
    SnapshotName {
        /// The name.
        name: String,
    },
    /// No snapshot has that name.
    #[error("there is no snapshot `{name}`")]
    UnknownSnapshot {
        /// The name.
        name: String,
    },
    /// A snapshot cannot be saved, restored, listed or deleted.
    #[error("snapshot `{name}` failed: {cause}")]
    Snapshot {
        /// The name.
        name: String,
        /// What went wrong.
        cause: String,
    },
    /// The store was closed before it came to this.
    #[error("the database is closed")]
    Closed,
}

impl StoreError {
    pub(crate) fn write(error: rusqlite::Error) -> Self {
        Self::Write { cause: error.to_string() }
    }
}
