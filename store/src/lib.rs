//! Floor 1: the embedded database: ordered tables, group-committed batches, snapshots.
//!
//! One SQLite file (WAL) that `sqlite3`, DB Browser and Python may open while the server runs. Each [`Table`] is one SQLite
//! table of rows `(account, region, key) -> document`, ordered by key; JSON documents are TEXT, binary ones BLOB.
//!
//! Reading is synchronous and sees what is committed. Writing goes through one thread that groups whatever is queued into one
//! transaction: a [`Batch`] is queued in call order by [`Store::commit`] and is durable when its [`Commit`] resolves. Rows of
//! [logged](Table::logged) tables take the way over two files beside the database.

mod batch;
mod commit;
mod error;
mod lock;
mod log;
mod queue;
mod schema;
mod snapshots;
mod store;
mod table;
mod writer;

pub use batch::Batch;
pub use commit::{Afterwards, Commit};
pub use error::StoreError;
pub use snapshots::Snapshot;
pub use store::{Durability, Store};
pub use table::{Document, Row, Table};
