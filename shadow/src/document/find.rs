//! Finding members of an object by key.

use std::collections::{HashMap, HashSet};

use super::tree::{Kind, Tree, Value};

/// Finds members of one object, again and again. Devices send members in the order in which they sent them before, so it
/// first looks behind the last find; wide objects get an index, so that no request costs the square of its size.
pub(super) struct Finder<'a> {
    object: Value<'a>,
    /// Place and ordinal of the member behind the last find.
    next: (usize, usize),
    index: Option<HashMap<&'a [u8], (usize, usize)>>,
}

impl<'a> Finder<'a> {
    pub(super) fn of(object: Value<'a>) -> Self {
        Self { object, next: (object.place + 1, 0), index: None }
    }

    /// The member with that key, colon included, and which one it is, counted from 0.
    pub(super) fn find(&mut self, key: &[u8]) -> Option<(usize, Value<'a>)> {
        let tree: Tree<'a> = self.object.tree;
        let end = self.object.node.next as usize;
        let (place, ordinal) = self.next;
        let hinted = if place < end { tree.at(place).filter(|member| member.key() == key) } else { None };
        let (ordinal, member) = match hinted {
            Some(member) => (ordinal, member),
            None if self.object.node.children <= WIDE => {
                self.object.children().enumerate().find(|(_, member)| member.key() == key)?
            }
            None => {
                let members = self.object.children().enumerate();
                let index = self.index.get_or_insert_with(|| {
                    members.map(|(ordinal, member)| (member.key(), (member.place, ordinal))).collect()
                });
                let (place, ordinal) = *index.get(key)?;
                (ordinal, tree.at(place)?)
            }
        };
        self.next = (member.node.next as usize, ordinal + 1);
        Some((ordinal, member))
    }
}

/// Whether a value is an object with two members of one key.
pub(super) fn has_repeats(value: Value<'_>) -> bool {
    if !value.is(Kind::Object) {
        return false;
    }
    if value.node.children > WIDE {
        let mut keys = HashSet::new();
        return !value.children().all(|member| keys.insert(member.key()));
    }
    // A filter of 512 bits answers "surely new" for most keys at once.
    let mut filter = [0u64; 8];
    value.children().enumerate().any(|(ordinal, member)| {
        let mark = mark(member.key());
        let bit = 1u64 << (mark & 63);
        let Some(word) = filter.get_mut((mark >> 6) as usize) else { return false };
        let surely_new = *word & bit == 0;
        *word |= bit;
        !surely_new && value.children().take(ordinal).any(|earlier| earlier.key() == member.key())
    })
}

/// A number below 512 that differs for most keys that differ, of their length and last bytes.
fn mark(key: &[u8]) -> u64 {
    let ending = match key.last_chunk::<10>() {
        Some([ending @ .., _quote, _colon]) => u64::from_le_bytes(*ending),
        None => key.iter().fold(0, |ending, byte| ending << 8 | u64::from(*byte)),
    };
    (ending ^ key.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 55
}

/// Above this many members an index is cheaper than looking through them.
const WIDE: u32 = 64;
