//! A set of changes that happen together or not at all.

use smallvec::SmallVec;
use thingstead_core::Scope;

use crate::{Document, Table};

/// Changes that one transaction makes, in the order they were added. Nothing happens before [`crate::Store::commit`].
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// Most batches are one row.
    pub(crate) changes: SmallVec<[Change; 1]>,
}

#[derive(Clone, Debug)]
pub(crate) enum Change {
    Put { table: Table, scope: Scope, key: String, document: Document },
    Delete { table: Table, scope: Scope, key: String },
    DeletePrefix { table: Table, scope: Scope, prefix: String },
    DeleteScope { table: Table, scope: Scope },
    Clear { table: Table },
}

impl Change {
    pub(crate) fn table(&self) -> Table {
        match self {
            Self::Put { table, .. }
            | Self::Delete { table, .. }
            | Self::DeletePrefix { table, .. }
            | Self::DeleteScope { table, .. }
            | Self::Clear { table } => *table,
        }
    }
}

impl Batch {
    /// An empty batch.
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes a row, replacing the one with the same key.
    pub fn put(
        &mut self,
        table: Table,
        scope: &Scope,
        key: impl Into<String>,
        document: impl Into<Document>,
    ) {
        self.changes.push(Change::Put {
            table,
            scope: scope.clone(),
            key: key.into(),
            document: document.into(),
        });
    }

    /// Removes a row if it is there.
    pub fn delete(&mut self, table: Table, scope: &Scope, key: impl Into<String>) {
        self.changes.push(Change::Delete { table, scope: scope.clone(), key: key.into() });
    }

    /// Removes the scope's rows whose key begins with `prefix`.
    pub fn delete_prefix(&mut self, table: Table, scope: &Scope, prefix: impl Into<String>) {
        self.changes.push(Change::DeletePrefix { table, scope: scope.clone(), prefix: prefix.into() });
    }

    /// Removes all of the scope's rows.
    pub fn delete_scope(&mut self, table: Table, scope: &Scope) {
        self.changes.push(Change::DeleteScope { table, scope: scope.clone() });
    }

    /// Removes the rows of all scopes.
    pub fn clear(&mut self, table: Table) {
        self.changes.push(Change::Clear { table });
    }

    /// Adds the changes of another batch behind these.
    pub fn append(&mut self, mut other: Self) {
        self.changes.append(&mut other.changes);
    }

    /// The tables it needs.
    pub(crate) fn tables(&self) -> impl Iterator<Item = Table> {
        self.changes.iter().map(Change::table)
    }

    /// Whether the log can take it: nothing but single rows of logged tables.
    pub(crate) fn fits_log(&self) -> bool {
        self.changes.iter().all(|change| {
            change.table().is_logged() && matches!(change, Change::Put { .. } | Change::Delete { .. })
        })
    }

    /// Whether it changes logged tables in a way that the log cannot take.
    pub(crate) fn is_beyond_log(&self) -> bool {
        self.tables().any(Table::is_logged) && !self.fits_log()
    }

    /// How many changes there are.
    pub fn len(&self) -> usize {
        self.changes.len()
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }
}
