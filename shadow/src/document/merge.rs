//! Merging a request into a document, and the rules for `null` and empty objects.

use smallvec::SmallVec;

use super::build::Builder;
use super::find::Finder;
use super::request::SECTIONS;
use super::tree::{Kind, Value};

/// Writes the merged state to `out`: both sections in their order, an empty one left out (SHADOW-069).
pub(super) fn state(stored: Option<Value<'_>>, patch: Value<'_>, out: Builder) -> Builder {
    let mut merger = Merger { out, scratch: SmallVec::new() };
    let root = merger.out.open(b"", Kind::Object);
    let mut sections = 0;
    // `"state":null` removes both (SHADOW-063).
    if patch.is(Kind::Object) {
        for name in SECTIONS {
            let before = stored.and_then(|stored| stored.get(name));
            sections += u32::from(match (before, patch.get(name)) {
                (Some(before), None) => merger.keep(before),
                (Some(before), Some(patch)) if patch.is(Kind::Object) => merger.section(before, patch),
                (None, Some(patch)) if patch.is(Kind::Object) => merger.new_section(patch),
                _ => false,
            });
        }
    }
    merger.out.close(root, sections);
    merger.out
}

struct Merger {
    out: Builder,
    /// For each object that is being merged: what replaces each of its members, and which members come new.
    scratch: SmallVec<[usize; MEMBERS]>,
}

impl Merger {
    fn keep(&mut self, value: Value<'_>) -> bool {
        self.out.copy(value);
        true
    }

    fn section(&mut self, stored: Value<'_>, patch: Value<'_>) -> bool {
        let open = self.out.open(stored.key(), Kind::Object);
        let members = self.members(stored, patch);
        self.out.close_unless_empty(open, members)
    }

    fn new_section(&mut self, patch: Value<'_>) -> bool {
        let open = self.out.open(patch.key(), Kind::Object);
        let members = self.out.store_members(patch);
        self.out.close_unless_empty(open, members)
    }

    /// Merges the members of two objects (SHADOW-066) and says how many there are now.
    fn members(&mut self, stored: Value<'_>, patch: Value<'_>) -> u32 {
        let first = self.scratch.len();
        let added = first + stored.node.children as usize;
        self.scratch.resize(added, UNCHANGED);
        let mut finder = Finder::of(stored);
        for member in patch.children() {
            let change =
                finder.find(member.key()).and_then(|(ordinal, _)| self.scratch.get_mut(first + ordinal));
            match change {
                Some(change) => *change = member.place,
                None => self.scratch.push(member.place),
            }
        }
        let mut members = 0;
        for (ordinal, member) in stored.children().enumerate() {
            let change = self.scratch.get(first + ordinal).and_then(|place| patch.tree.at(*place));
            members += u32::from(match change {
                None => self.keep(member),
                Some(change) if change.is(Kind::Object) && member.is(Kind::Object) => {
                    let open = self.out.open(member.key(), Kind::Object);
                    let below = self.members(member, change);
                    self.out.close(open, below);
                    true
                }
                Some(change) => self.out.store(change),
            });
        }
        for ordinal in added..self.scratch.len() {
            let new = self.scratch.get(ordinal).and_then(|place| patch.tree.at(*place));
            members += u32::from(new.is_some_and(|new| self.out.store(new)));
        }
        self.scratch.truncate(first);
        members
    }
}

/// Objects of so many members, with those above them, are merged without memory of their own.
const MEMBERS: usize = 48;
/// No place in any request.
const UNCHANGED: usize = usize::MAX;
