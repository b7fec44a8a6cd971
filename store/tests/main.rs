//! The store from outside: order, durability, snapshots, locking.

#[cfg(test)]
mod crash;
#[cfg(test)]
mod rows;
#[cfg(test)]
mod snapshots;

use thingstead_core::Scope;
use thingstead_store::{Batch, Table};

const A: Table = Table::new("a");
const B: Table = Table::new("b");

fn scope() -> Scope {
    Scope::new("000000000000", "us-east-1")
}

fn put(table: Table, key: &str, text: &str) -> Batch {
    let mut batch = Batch::new();
    batch.put(table, &scope(), key, text);
    batch
}

/// A directory that is gone afterwards.
struct Folder(std::path::PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("thingstead-store-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
