//! Why the server does not start.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::SeedError;

/// What stands in the way of a start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address that cannot be bound.
    #[error("`{key}`: cannot listen on {address}: {reason}")]
    Bind {
        /// The setting.
        key: &'static str,
        /// The address.
        address: SocketAddr,
        /// The system's words.
        reason: String,
    },
    /// The data directory or the database in it.
    #[error("`data_dir` {directory}: {reason}")]
    Data {
        /// Which directory.
        directory: PathBuf,
        /// The store's or the certificate authority's words.
        reason: String,
    },
    /// A file of a setting.
    #[error("`{key}` {file}: {reason}")]
    File {
        /// The setting.
        key: &'static str,
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The seed.
    #[error("`seed`: {0}")]
    Seed(#[from] SeedError),
    /// A part of the server.
    #[error("{part} does not start: {reason}")]
    Part {
        /// Which.
        part: &'static str,
        /// Its words.
        reason: String,
    },
}

impl StartError {
    /// A part's failure.
    pub(super) fn part(part: &'static str, reason: impl ToString) -> Self {
        Self::Part { part, reason: reason.to_string() }
    }
}
