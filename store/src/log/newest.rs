//! The newest that a file of the log says of each row, in the order of the keys.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::ops::Range;

use thingstead_core::Scope;

use super::Resting;
use super::frame::{Entry, Frames, Head, Kind};
use crate::batch::Change;
use crate::{Document, StoreError, Table};

/// What is left to be moved. Only names are in memory; documents are read when their turn comes.
pub(crate) struct Newest {
    file: File,
    path: String,
    rows: std::collections::btree_map::IntoIter<RowName, Place>,
}

/// Table (by its place in the list), scope, key.
type RowName = (usize, Scope, String);

struct Place {
    kind: Kind,
    table: Table,
    document: Range<u64>,
}

impl Newest {
    /// Reads the file once.
    ///
    /// # Errors
    /// It cannot be read, or names a table that the store was not opened with.
    pub(crate) fn read(resting: &Resting, tables: &[Table]) -> Result<Self, StoreError> {
        let path = resting.path.display().to_string();
        let failed = |error: io::Error| StoreError::Open { file: path.clone(), cause: error.to_string() };
        let mut file = File::open(&resting.path).map_err(failed)?;
        file.seek(SeekFrom::Start(Head::BYTES as u64)).map_err(failed)?;
        let mut frames = Frames::new(BufReader::with_capacity(READ, &file), resting.turn, resting.end);
        let mut rows = BTreeMap::new();
        let mut scope: Option<Scope> = None;
        let mut take = |entry: Entry<'_>| {
            let unknown =
                || io::Error::other(format!("it has rows of the table `{}`, which is unknown", entry.table));
            let (number, table) = tables
                .iter()
                .enumerate()
                .find(|(_, table)| table.name() == entry.table)
                .ok_or_else(unknown)?;
            let owner = match &scope {
                Some(scope) if scope.account() == entry.account && scope.region() == entry.region => {
                    scope.clone()
                }
                _ => scope.insert(Scope::new(entry.account, entry.region)).clone(),
            };
            let place = Place { kind: entry.kind, table: *table, document: entry.document };
            rows.insert((number, owner, entry.key.to_owned()), place);
            Ok(())
        };
        while frames.next(&mut take).map_err(failed)? {}
        drop(frames);
        Ok(Self { file, path, rows: rows.into_iter() })
    }

    /// The next changes, at most so many; `None` when all were given.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn next(&mut self, at_most: usize) -> Result<Option<Vec<Change>>, StoreError> {
        let rows: Vec<_> = self.rows.by_ref().take(at_most).collect();
        if rows.is_empty() {
            return Ok(None);
        }
        rows.into_iter()
            .map(|((_, scope, key), place)| self.change(scope, key, &place))
            .collect::<io::Result<_>>()
            .map(Some)
            .map_err(|error| StoreError::Open { file: self.path.clone(), cause: error.to_string() })
    }

    fn change(&self, scope: Scope, key: String, place: &Place) -> io::Result<Change> {
        let Place { kind, table, document } = place;
        let table = *table;
        let document = match kind {
            Kind::Deleted => return Ok(Change::Delete { table, scope, key }),
            Kind::Text => Document::Text(String::from_utf8(self.bytes(document)?).map_err(io::Error::other)?),
            Kind::Binary => Document::Binary(self.bytes(document)?),
        };
        Ok(Change::Put { table, scope, key, document })
    }

    fn bytes(&self, place: &Range<u64>) -> io::Result<Vec<u8>> {
        let length = place.end.saturating_sub(place.start);
        let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
        let mut file = &self.file;
        file.seek(SeekFrom::Start(place.start))?;
        file.take(length).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

const READ: usize = 1024 * 1024;
