//! How changes lie in a file of the log: a head that says which turn of the file it is, then one frame a batch.

use std::io::{self, Read};
use std::ops::Range;

use crate::batch::Change;
use crate::{Batch, Document};

/// The first bytes of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    /// Which turn this is; frames of earlier turns that lie behind the end do not fit it.
    pub(crate) turn: u64,
    /// Whether its rows are still to be moved.
    pub(crate) live: bool,
}

impl Head {
    /// Bytes it takes.
    pub(crate) const BYTES: usize = 24;

    pub(crate) fn encode(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        let (fields, sum) = bytes.split_at_mut(Self::BYTES - 4);
        let values =
            MAGIC.iter().copied().chain(self.turn.to_le_bytes()).chain([u8::from(self.live), 0, 0, 0]);
        fields.iter_mut().zip(values).for_each(|(place, value)| *place = value);
        sum.copy_from_slice(&crc32c::crc32c(fields).to_le_bytes());
        bytes
    }

    /// `None` for what is no head: an empty file, or one that was being written for the first time.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let (fields, rest) = bytes.split_at_checked(Self::BYTES - 4)?;
        let sum = u32::from_le_bytes(*rest.first_chunk()?);
        let (magic, values) = fields.split_at_checked(MAGIC.len())?;
        let (turn, values) = values.split_first_chunk()?;
        let known = magic == MAGIC && sum == crc32c::crc32c(fields);
        known.then(|| Self { turn: u64::from_le_bytes(*turn), live: values.first() == Some(&1) })
    }
}

/// Appends a batch, which must hold nothing but rows that are put or deleted.
pub(crate) fn encode(batch: &Batch, turn: u64, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(&[0; FRAME]);
    for change in &batch.changes {
        let (kind, table, scope, key, document) = match change {
            Change::Put { table, scope, key, document: Document::Text(text) } => {
                (TEXT, table, scope, key, text.as_bytes())
            }
            Change::Put { table, scope, key, document: Document::Binary(bytes) } => {
                (BINARY, table, scope, key, bytes.as_slice())
            }
            Change::Delete { table, scope, key } => (DELETED, table, scope, key, [].as_slice()),
            // The writer lets no other change come here.
            _ => continue,
        };
        out.push(kind);
        let names = [table.name(), scope.account(), scope.region(), key.as_str()].map(str::as_bytes);
        for part in names.into_iter().chain([document]) {
            out.extend_from_slice(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_le_bytes());
            out.extend_from_slice(part);
        }
    }
    let Some((head, body)) = out.get_mut(start..).and_then(|frame| frame.split_first_chunk_mut::<FRAME>())
    else {
        return;
    };
    let length = u32::try_from(body.len()).unwrap_or(u32::MAX).to_le_bytes();
    let sum = sum(turn, body).to_le_bytes();
    head.iter_mut().zip(length.into_iter().chain(sum)).for_each(|(place, value)| *place = value);
}

/// Reads frames until the first that is not whole or not of this turn.
pub(crate) struct Frames<R> {
    from: R,
    turn: u64,
    /// Where in the file the next frame begins.
    at: u64,
    end: u64,
    body: Vec<u8>,
}

/// What one change of a frame says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Entry<'a> {
    pub(crate) kind: Kind,
    pub(crate) table: &'a str,
    pub(crate) account: &'a str,
    pub(crate) region: &'a str,
    pub(crate) key: &'a str,
    /// Where in the file its document lies.
    pub(crate) document: Range<u64>,
}

/// What becomes of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Binary,
    Deleted,
}

impl<R: Read> Frames<R> {
    /// `from` stands behind the head; the file ends with the byte `end`.
    pub(crate) fn new(from: R, turn: u64, end: u64) -> Self {
        Self { from, turn, at: Head::BYTES as u64, end, body: Vec::new() }
    }

    /// Calls `each` with the changes of the next frame; `false` at the end.
    ///
    /// # Errors
    /// The file cannot be read, or a frame that is whole has a change that cannot be.
    pub(crate) fn next(&mut self, mut each: impl FnMut(Entry<'_>) -> io::Result<()>) -> io::Result<bool> {
        let body_at = self.at + FRAME as u64;
        if body_at > self.end {
            return Ok(false);
        }
        let mut head = [0; FRAME];
        self.from.read_exact(&mut head)?;
        let [a, b, c, d, e, f, g, h] = head;
        let (length, expected) = (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]));
        let end = body_at + u64::from(length);
        if length == 0 || end > self.end {
            return Ok(false);
        }
        self.body.resize(usize::try_from(length).unwrap_or(usize::MAX), 0);
        self.from.read_exact(&mut self.body)?;
        if sum(self.turn, &self.body) != expected {
            return Ok(false);
        }
        self.at = end;
        let mut rest = Rest { bytes: &self.body, at: body_at };
        while !rest.bytes.is_empty() {
            each(rest.entry().ok_or_else(|| io::Error::other("a frame of the log cannot be read"))?)?;
        }
        Ok(true)
    }
}

/// What is left of a frame.
struct Rest<'a> {
    bytes: &'a [u8],
    /// Where in the file it begins.
    at: u64,
}

impl<'a> Rest<'a> {
    fn entry(&mut self) -> Option<Entry<'a>> {
        let kind = match self.take(1)? {
            [TEXT] => Kind::Text,
            [BINARY] => Kind::Binary,
            [DELETED] => Kind::Deleted,
            _ => return None,
        };
        let [table, account, region, key] = [self.text()?, self.text()?, self.text()?, self.text()?];
        let length = self.length()?;
        let from = self.at;
        self.take(length)?;
        Some(Entry { kind, table, account, region, key, document: from..self.at })
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = self.length()?;
        std::str::from_utf8(self.take(length)?).ok()
    }

    fn length(&mut self) -> Option<usize> {
        usize::try_from(u32::from_le_bytes(*self.take(4)?.first_chunk()?)).ok()
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.bytes.split_at_checked(length)?;
        self.bytes = rest;
        self.at += length as u64;
        Some(taken)
    }
}

fn sum(turn: u64, body: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&turn.to_le_bytes()), body)
}

const MAGIC: &[u8; 8] = b"tslog\0\0\x01";
/// Length and sum of what follows.
const FRAME: usize = 8;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const DELETED: u8 = 3;

#[cfg(test)]
mod tests {
    use thingstead_core::Scope;

    use super::*;
    use crate::Table;

    fn batch(number: usize) -> Batch {
        let (table, scope) = (Table::logged("t"), Scope::new("1", "r"));
        let mut batch = Batch::new();
        batch.put(table, &scope, format!("text/{number}"), "ä".repeat(number));
        batch.put(table, &scope, "binary", vec![0_u8, 255]);
        batch.delete(table, &scope, "gone");
        batch
    }

    fn read(bytes: &[u8], turn: u64) -> Vec<(Kind, String, Vec<u8>)> {
        let mut found = Vec::new();
        let mut frames = Frames::new(bytes.get(Head::BYTES..).unwrap_or_default(), turn, bytes.len() as u64);
        while frames
            .next(|entry| {
                assert_eq!((entry.table, entry.account, entry.region), ("t", "1", "r"));
                let place = entry.document.start as usize..entry.document.end as usize;
                found.push((entry.kind, entry.key.to_owned(), bytes[place].to_vec()));
                Ok(())
            })
            .expect("readable")
        {}
        found
    }

    #[test]
    fn frames_say_what_was_written_and_end_where_the_turn_ends() {
        let mut bytes = Head { turn: 7, live: true }.encode().to_vec();
        (0..3).for_each(|number| encode(&batch(number), 7, &mut bytes));
        let whole = bytes.len();
        // What an earlier turn left behind the end.
        encode(&batch(9), 6, &mut bytes);
        let found = read(&bytes, 7);
        assert_eq!(found.len(), 9);
        assert_eq!(found[6], (Kind::Text, "text/2".to_owned(), "ää".as_bytes().to_vec()));
        assert_eq!(found[7], (Kind::Binary, "binary".to_owned(), vec![0, 255]));
        assert_eq!(found[8], (Kind::Deleted, "gone".to_owned(), Vec::new()));
        assert!(read(&bytes, 6).is_empty());
        // Wherever the process ended: whole frames, and nothing of one that is not.
        for end in Head::BYTES..whole {
            assert!(read(&bytes[..end], 7).len().is_multiple_of(3));
        }
        for flipped in Head::BYTES..whole {
            let mut bytes = bytes[..whole].to_vec();
            bytes[flipped] ^= 0x10;
            assert!(read(&bytes, 7).len() < 9, "{flipped}");
        }
    }

    #[test]
    fn a_head_is_read_whole_or_not_at_all() {
        for head in [Head { turn: 1, live: true }, Head { turn: u64::MAX, live: false }] {
            let bytes = head.encode();
            assert_eq!(Head::decode(&bytes), Some(head));
            for end in 0..bytes.len() {
                assert_eq!(Head::decode(&bytes[..end]), None);
            }
            for flipped in 0..bytes.len() {
                let mut bytes = bytes;
                bytes[flipped] ^= 1;
                assert_eq!(Head::decode(&bytes), None);
            }
        }
    }
}
