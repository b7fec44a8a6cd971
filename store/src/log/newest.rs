//! The newest that a file of the log says of each row, in the order of the keys.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufReader, Seek, SeekFrom};
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
    rows: std::vec::IntoIter<(Scope, Box<str>, Place)>,
}

struct Place {
    kind: Kind,
    table: Table,
    document: Range<u64>,
}

/// What the file says of each row of one table and scope. Most frames are about a row that an earlier one was about, so a name
/// takes memory once, and the order is made at the end.
struct Part {
    /// The table's place in the list.
    number: usize,
    scope: Scope,
    rows: HashMap<Box<str>, Place>,
}

/// All parts, and the one that the last change belonged to: the next mostly does, too.
#[derive(Default)]
struct Parts {
    parts: Vec<Part>,
    places: HashMap<(usize, Scope), usize>,
    last: usize,
}

impl Parts {
    fn part(&mut self, number: usize, account: &str, region: &str) -> Option<&mut Part> {
        let is_last = self.parts.get(self.last).is_some_and(|part| {
            part.number == number && part.scope.account() == account && part.scope.region() == region
        });
        if !is_last {
            let scope = Scope::new(account, region);
            self.last = *self.places.entry((number, scope.clone())).or_insert_with(|| {
                self.parts.push(Part { number, scope, rows: HashMap::new() });
                self.parts.len() - 1
            });
        }
        self.parts.get_mut(self.last)
    }

    fn in_order(mut self) -> Vec<(Scope, Box<str>, Place)> {
        self.parts.sort_unstable_by(|a, b| (a.number, &a.scope).cmp(&(b.number, &b.scope)));
        let mut ordered = Vec::with_capacity(self.parts.iter().map(|part| part.rows.len()).sum());
        for Part { scope, rows, .. } in self.parts {
            let first = ordered.len();
            ordered.extend(rows.into_iter().map(|(key, place)| (scope.clone(), key, place)));
            if let Some(part) = ordered.get_mut(first..) {
                part.sort_unstable_by(|(_, a, _), (_, b, _)| a.cmp(b));
            }
        }
        ordered
    }
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
        let mut parts = Parts::default();
        let mut take = |entry: Entry<'_>| {
            let unknown =
                || io::Error::other(format!("it has rows of the table `{}`, which is unknown", entry.table));
            let known = tables.iter().enumerate().find(|(_, table)| table.name() == entry.table);
            let (number, table) = known.ok_or_else(unknown)?;
            let part = parts.part(number, entry.account, entry.region).ok_or_else(unknown)?;
            let place = Place { kind: entry.kind, table: *table, document: entry.document };
            match part.rows.get_mut(entry.key) {
                Some(earlier) => *earlier = place,
                None => drop(part.rows.insert(entry.key.into(), place)),
            }
            Ok(())
        };
        while frames.next(&mut take).map_err(failed)? {}
        drop(frames);
        Ok(Self { file, path, rows: parts.in_order().into_iter() })
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
            .map(|(scope, key, place)| self.change(scope, key.into_string(), &place))
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
        let mut bytes = vec![0; usize::try_from(length).unwrap_or_default()];
        read_at(&self.file, place.start, &mut bytes)?;
        Ok(bytes)
    }
}

/// In one call of the system where there is one.
#[cfg(unix)]
fn read_at(file: &File, at: u64, bytes: &mut [u8]) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, at)
}

#[cfg(not(unix))]
fn read_at(mut file: &File, at: u64, bytes: &mut [u8]) -> io::Result<()> {
    use std::io::Read as _;
    file.seek(SeekFrom::Start(at))?;
    file.read_exact(bytes)
}

const READ: usize = 1024 * 1024;
