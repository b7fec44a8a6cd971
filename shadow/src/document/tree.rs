//! The tree of a document: compact JSON text, and one entry for each of its values.
//!
//! The entries stand in the order of the text, so a value with all below it is one run of entries and one run of bytes:
//! what a merge leaves alone is copied as it stands, and a state is written by copying its text.

/// One value of the text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node {
    /// Where its key begins, quotes included; where it begins itself when it has none.
    pub(super) key: u32,
    /// Where it begins.
    pub(super) start: u32,
    /// Where it ends.
    pub(super) end: u32,
    /// The entry after it and all below it.
    pub(super) next: u32,
    /// Members of an object, elements of an array.
    pub(super) children: u32,
    pub(super) kind: Kind,
    /// What a request has to be checked for.
    pub(super) content: Content,
    /// When a leaf was set, in epoch seconds: its metadata. State and metadata are one tree, so they never differ in shape.
    pub(super) at: i64,
}

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// In requests only.
    Null,
    /// `true` or `false`.
    Boolean,
    /// As it was sent (SHADOW-059).
    Number,
    /// In its shortest spelling, so equal strings have equal tokens.
    String,
    /// It is always replaced as a whole (SHADOW-078).
    Array,
    /// No two members have the same key.
    Object,
}

/// What is in a value, itself included.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Content {
    /// Levels of nesting below it: 0 for a scalar or an empty container (SHADOW-060).
    pub(super) depth: u8,
    pub(super) null: bool,
    pub(super) null_in_array: bool,
}

/// A text and its entries. The first entry is the root.
#[derive(Clone, Copy)]
pub(super) struct Tree<'a> {
    pub(super) text: &'a [u8],
    pub(super) nodes: &'a [Node],
}

/// A place in a tree; it knows the entry there.
#[derive(Clone, Copy)]
pub(super) struct Value<'a> {
    pub(super) tree: Tree<'a>,
    pub(super) place: usize,
    pub(super) node: &'a Node,
}

impl<'a> Tree<'a> {
    pub(super) fn at(self, place: usize) -> Option<Value<'a>> {
        self.nodes.get(place).map(|node| Value { tree: self, place, node })
    }

    pub(super) fn root(self) -> Option<Value<'a>> {
        self.at(0)
    }

    /// All values.
    pub(super) fn values(self) -> impl Iterator<Item = Value<'a>> {
        self.nodes.iter().enumerate().map(move |(place, node)| Value { tree: self, place, node })
    }

    fn slice(self, from: u32, to: u32) -> &'a [u8] {
        self.text.get(from as usize..to as usize).unwrap_or_default()
    }
}

impl<'a> Value<'a> {
    pub(super) fn is(self, kind: Kind) -> bool {
        self.node.kind == kind
    }

    /// The JSON of the value.
    pub(super) fn json(self) -> &'a [u8] {
        self.tree.slice(self.node.start, self.node.end)
    }

    /// The key as JSON, with the colon; empty for what has no key.
    pub(super) fn key(self) -> &'a [u8] {
        self.tree.slice(self.node.key, self.node.start)
    }

    /// The key with the comma before it; of a value that is not the first of its container.
    pub(super) fn separated_key(self) -> &'a [u8] {
        self.tree.slice(self.node.key.saturating_sub(1), self.node.start)
    }

    /// Key and value.
    pub(super) fn member(self) -> &'a [u8] {
        self.tree.slice(self.node.key, self.node.end)
    }

    /// The value and all below it.
    pub(super) fn run(self) -> &'a [Node] {
        self.tree.nodes.get(self.place..self.node.next as usize).unwrap_or_default()
    }

    /// Bytes of compact JSON.
    pub(super) const fn size(self) -> usize {
        self.node.end.saturating_sub(self.node.start) as usize
    }

    pub(super) fn children(self) -> Children<'a> {
        Children { tree: self.tree, place: self.place + 1, end: self.node.next as usize }
    }

    /// The member of that name, which must need no escapes.
    pub(super) fn get(self, name: &str) -> Option<Value<'a>> {
        self.children().find(|member| {
            let key = member.key();
            key.len() == name.len() + 3 && key.get(1..=name.len()) == Some(name.as_bytes())
        })
    }

    /// Equal as values: numbers by value (SHADOW-118), objects whatever the order of their members, times ignored.
    pub(super) fn same_as(self, other: Value<'_>) -> bool {
        match (self.node.kind, other.node.kind) {
            (Kind::Array, Kind::Array) => {
                self.node.children == other.node.children
                    && self.children().zip(other.children()).all(|(a, b)| a.same_as(b))
            }
            (Kind::Object, Kind::Object) => {
                let mut finder = super::find::Finder::of(other);
                self.node.children == other.node.children
                    && self.children().all(|member| {
                        finder.find(member.key()).is_some_and(|(_, found)| member.same_as(found))
                    })
            }
            (Kind::Number, Kind::Number) => self.json() == other.json() || self.same_number(other),
            (a, b) => a == b && self.json() == other.json(),
        }
    }

    fn same_number(self, other: Value<'_>) -> bool {
        let (Ok(a), Ok(b)) = (std::str::from_utf8(self.json()), std::str::from_utf8(other.json())) else {
            return false;
        };
        match (a.parse::<i128>(), b.parse::<i128>()) {
            (Ok(a), Ok(b)) => a == b,
            _ => a.parse::<f64>().ok() == b.parse::<f64>().ok(),
        }
    }
}

/// The members of an object or elements of an array, in the order in which they came.
pub(super) struct Children<'a> {
    tree: Tree<'a>,
    place: usize,
    end: usize,
}

impl<'a> Iterator for Children<'a> {
    type Item = Value<'a>;

    fn next(&mut self) -> Option<Value<'a>> {
        if self.place >= self.end {
            return None;
        }
        let value = self.tree.at(self.place)?;
        self.place = value.node.next as usize;
        Some(value)
    }
}

impl Kind {
    pub(super) const fn is_leaf(self) -> bool {
        !matches!(self, Self::Array | Self::Object)
    }
}

impl Content {
    /// Takes note of a value directly below.
    pub(super) fn add(&mut self, below: Self, within: Kind, kind: Kind) {
        self.depth = self.depth.max(below.depth.saturating_add(1));
        self.null |= below.null;
        self.null_in_array |= below.null_in_array || (within == Kind::Array && kind == Kind::Null);
    }
}
