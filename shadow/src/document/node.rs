//! The tree of a document: JSON whose leaves carry the time at which they were set.

use std::collections::HashMap;

use super::text::Text;

/// A JSON value. State and metadata are one tree: a leaf's `at` is its metadata, so the two never differ in shape.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    /// A string, number, boolean or, in requests only, `null`.
    Leaf(Leaf),
    /// An array; it is always replaced as a whole (SHADOW-078).
    Array(Vec<Self>),
    /// An object, members in the order in which they came.
    Object(Object),
}

/// A scalar.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Leaf {
    /// The JSON token. Strings are in their shortest spelling, so equal strings have equal tokens; numbers are as they
    /// were sent (SHADOW-059).
    pub(super) token: Text,
    /// Epoch seconds.
    pub(super) at: i64,
}

/// The members of an object; no two have the same key.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Object {
    pub(super) members: Vec<Member>,
}

/// One member of an object.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Member {
    /// The key's token, quotes included.
    pub(super) key: Text,
    pub(super) node: Node,
}

impl Node {
    pub(super) const fn is_null(&self) -> bool {
        matches!(self, Self::Leaf(Leaf { token: Text::Inline { len: 4, bytes: [b'n', ..] }, .. }))
    }

    /// Levels of nesting below this value: 0 for a scalar or an empty container (SHADOW-060).
    pub(super) fn depth(&self) -> usize {
        match self {
            Self::Leaf(_) => 0,
            Self::Array(elements) => {
                elements.iter().map(Self::depth).max().map_or(0, |deepest| deepest.saturating_add(1))
            }
            Self::Object(object) => object.depth(),
        }
    }

    /// Bytes of compact JSON.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Leaf(leaf) => leaf.token.len(),
            Self::Array(elements) => frame(elements.len(), elements.iter().map(Self::size).sum()),
            Self::Object(object) => object.size(),
        }
    }

    /// Equal as values: numbers by value (SHADOW-118), objects whatever the order of their members, times ignored.
    pub(super) fn same_value(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Leaf(a), Self::Leaf(b)) => a.token == b.token || a.same_number(b),
            (Self::Array(a), Self::Array(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.same_value(b))
            }
            (Self::Object(a), Self::Object(b)) => {
                let mut finder = Finder::default();
                a.members.len() == b.members.len()
                    && a.members.iter().all(|member| {
                        finder.find(b, &member.key).is_some_and(|found| member.node.same_value(&found.node))
                    })
            }
            _ => false,
        }
    }
}

impl Object {
    pub(super) fn get(&self, name: &str) -> Option<&Node> {
        let wanted = |key: &Text| {
            key.as_bytes().strip_prefix(b"\"").and_then(|key| key.strip_suffix(b"\""))
                == Some(name.as_bytes())
        };
        self.members.iter().find(|member| wanted(&member.key)).map(|member| &member.node)
    }

    pub(super) fn take(&mut self, name: &str) -> Option<Node> {
        let place = self.members.iter().position(|member| {
            member.key.as_bytes().strip_prefix(b"\"").and_then(|key| key.strip_suffix(b"\""))
                == Some(name.as_bytes())
        })?;
        Some(self.members.remove(place).node)
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    pub(super) fn depth(&self) -> usize {
        let deepest = self.members.iter().map(|member| member.node.depth()).max();
        deepest.map_or(0, |deepest| deepest.saturating_add(1))
    }

    pub(super) fn size(&self) -> usize {
        let members = self.members.iter();
        frame(members.len(), members.map(|member| member.key.len() + 1 + member.node.size()).sum())
    }
}

impl Leaf {
    fn same_number(&self, other: &Self) -> bool {
        match (self.number(), other.number()) {
            (Some(a), Some(b)) => match (a.parse::<i128>(), b.parse::<i128>()) {
                (Ok(a), Ok(b)) => a == b,
                _ => a.parse::<f64>().ok() == b.parse::<f64>().ok(),
            },
            _ => false,
        }
    }

    fn number(&self) -> Option<&str> {
        let token = self.token.as_bytes();
        let is_number = token.first().is_some_and(|first| first.is_ascii_digit() || *first == b'-');
        if is_number { std::str::from_utf8(token).ok() } else { None }
    }
}

/// Finds members of one object by key, again and again. Devices send members in the order in which they sent them
/// before, so it first looks behind the last find; wide objects get an index, so that no request costs the square of its size.
#[derive(Default)]
pub(super) struct Finder<'a> {
    next: usize,
    index: Option<HashMap<&'a [u8], usize>>,
}

impl<'a> Finder<'a> {
    /// The member of `object`, which must be the same in every call.
    pub(super) fn find(&mut self, object: &'a Object, key: &Text) -> Option<&'a Member> {
        let place = self.place(&object.members, key)?;
        object.members.get(place)
    }

    fn place(&mut self, members: &'a [Member], key: &Text) -> Option<usize> {
        let hinted = members.get(self.next).is_some_and(|member| member.key == *key);
        let place = if hinted {
            self.next
        } else if members.len() <= WIDE {
            members.iter().position(|member| member.key == *key)?
        } else {
            let index = self.index.get_or_insert_with(|| {
                members.iter().enumerate().map(|(place, member)| (member.key.as_bytes(), place)).collect()
            });
            *index.get(key.as_bytes())?
        };
        self.next = place + 1;
        Some(place)
    }
}

/// The places in `members` of each key of `keys`, in their order.
pub(super) fn places(members: &[Member], keys: &[Member]) -> Vec<Option<usize>> {
    let mut finder = Finder::default();
    keys.iter().map(|member| finder.place(members, &member.key)).collect()
}

const fn frame(elements: usize, content: usize) -> usize {
    2 + elements.saturating_sub(1) + content
}

/// Above this many members an index is cheaper than looking through them.
pub(super) const WIDE: usize = 64;
