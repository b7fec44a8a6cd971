//! Writing a new tree from parts of others.

use std::cell::RefCell;

use thingstead_core::prefetch;

use super::tree::{Content, Kind, Node, Tree, Value};

/// A tree, on its way or kept.
#[derive(Clone, Debug, Default)]
pub(super) struct Builder {
    pub(super) text: Vec<u8>,
    pub(super) nodes: Vec<Node>,
}

/// A container that was opened; [`Builder::close`] needs it.
#[derive(Clone, Copy)]
pub(super) struct Open {
    place: usize,
    /// Where text and entries ended before it.
    text: usize,
}

thread_local! {
    /// Memory of trees that are gone, the last one first: it is still in the processor's cache, where the allocator's may have been out of
    /// it for long. An update builds two trees, of which it keeps one and lets go of the one before.
    static SPARE: RefCell<Vec<(Vec<u8>, Vec<Node>)>> = const { RefCell::new(Vec::new()) };
}

/// Asks the memory for the room in which so many updates are going to build.
pub(crate) fn prefetch_room(updates: usize) {
    SPARE.with_borrow(|spare| {
        // One more for the requests, which build where the one before them did.
        for (text, nodes) in spare.iter().rev().take(updates + 1) {
            prefetch::first(text, text.capacity());
            prefetch::first(nodes, nodes.capacity());
        }
    });
}

impl Drop for Builder {
    fn drop(&mut self) {
        let (mut text, mut nodes) = (std::mem::take(&mut self.text), std::mem::take(&mut self.nodes));
        if text.capacity() > KEPT_BYTES || nodes.capacity() > KEPT_NODES {
            return;
        }
        text.clear();
        nodes.clear();
        // A thread that ends has no use for it.
        let _ = SPARE.try_with(|spare| {
            let mut spare = spare.borrow_mut();
            if spare.len() < KEPT {
                spare.push((text, nodes));
            }
        });
    }
}

impl Builder {
    /// Room for a tree, mostly in the memory of one that was built before.
    pub(super) fn with_capacity(text: usize, nodes: usize) -> Self {
        let mut builder = Self::default();
        (builder.text, builder.nodes) = SPARE.with_borrow_mut(Vec::pop).unwrap_or_default();
        builder.text.reserve_exact(text);
        builder.nodes.reserve_exact(nodes);
        builder
    }

    /// Gives back what it has no use for, unless that is little: a tree that is kept is one of many.
    pub(super) fn shrink(&mut self) {
        if self.text.capacity() > self.text.len() + self.text.len() / 4 + SLACK_BYTES {
            self.text.shrink_to_fit();
        }
        if self.nodes.capacity() > self.nodes.len() + self.nodes.len() / 4 + SLACK_NODES {
            self.nodes.shrink_to_fit();
        }
    }

    pub(super) fn tree(&self) -> Tree<'_> {
        Tree { text: &self.text, nodes: &self.nodes }
    }

    /// Copies a value, its key included, as it stands.
    pub(super) fn copy(&mut self, value: Value<'_>) {
        self.separate();
        let (from, to) = (value.node.key, offset(self.text.len()));
        let (first, here) = (offset(value.place), offset(self.nodes.len()));
        self.text.extend_from_slice(value.member());
        if value.node.kind.is_leaf() {
            let (start, end) = (value.node.start - from + to, value.node.end - from + to);
            return self.nodes.push(Node { key: to, start, end, next: here + 1, ..*value.node });
        }
        self.nodes.extend(value.run().iter().map(|node| Node {
            key: node.key - from + to,
            start: node.start - from + to,
            end: node.end - from + to,
            next: node.next - first + here,
            ..*node
        }));
    }

    /// Copies a leaf with another time.
    pub(super) fn copy_leaf(&mut self, leaf: Value<'_>, at: i64) {
        self.copy(leaf);
        if let Some(node) = self.nodes.last_mut() {
            node.at = at;
        }
    }

    /// What of a new value is stored: nothing of `null`, and nothing of an object that had only `null`s (SHADOW-071).
    /// Says whether anything was.
    pub(super) fn store(&mut self, value: Value<'_>) -> bool {
        if !value.node.content.null {
            self.copy(value);
            return true;
        }
        match value.node.kind {
            Kind::Object => {
                let open = self.open(value.key(), Kind::Object);
                let members = self.store_members(value);
                self.close_unless_empty(open, members)
            }
            Kind::Array => {
                self.store_element(value);
                true
            }
            _ => false,
        }
    }

    /// Stores the members of an object into one that is open, and says how many are left.
    pub(super) fn store_members(&mut self, object: Value<'_>) -> u32 {
        object.children().map(|member| u32::from(self.store(member))).sum()
    }

    /// Elements keep their places, so an object in an array stays even when all its members were `null`.
    fn store_element(&mut self, value: Value<'_>) {
        let kind = value.node.kind;
        if kind.is_leaf() {
            return self.copy(value);
        }
        let open = self.open(value.key(), kind);
        if kind == Kind::Object {
            let members = self.store_members(value);
            return self.close(open, members);
        }
        for element in value.children() {
            self.store_element(element);
        }
        self.close(open, value.node.children);
    }

    /// The same with the last of all members that have one key, in the place of the first (SHADOW-058).
    pub(super) fn distinct(&self) -> Self {
        let mut distinct = Self::with_capacity(self.text.len(), self.nodes.len());
        if let Some(root) = self.tree().root() {
            distinct.copy_distinct(root, b"");
        }
        distinct
    }

    fn copy_distinct(&mut self, value: Value<'_>, key: &[u8]) -> Content {
        let kind = value.node.kind;
        if kind.is_leaf() {
            self.separate();
            let place = offset(self.text.len());
            self.text.extend_from_slice(key);
            let start = offset(self.text.len());
            self.text.extend_from_slice(value.json());
            let next = offset(self.nodes.len() + 1);
            self.nodes.push(Node { key: place, start, end: offset(self.text.len()), next, ..*value.node });
            return value.node.content;
        }
        let open = self.open(key, kind);
        let mut content = Content::default();
        let mut children = 0;
        let mut last = std::collections::HashMap::new();
        if kind == Kind::Object {
            last.extend(value.children().map(|member| (member.key(), member)));
        }
        for child in value.children() {
            let winner = if kind == Kind::Object { last.remove(child.key()) } else { Some(child) };
            let Some(winner) = winner else { continue };
            let below = self.copy_distinct(winner, winner.key());
            content.add(below, kind, winner.node.kind);
            children += 1;
        }
        self.close(open, children);
        if let Some(node) = self.nodes.get_mut(open.place) {
            node.content = content;
        }
        content
    }

    /// Begins a container under `key`, which ends with its colon, or is empty.
    pub(super) fn open(&mut self, key: &[u8], kind: Kind) -> Open {
        let before = self.text.len();
        self.separate();
        let at = offset(self.text.len());
        self.text.extend_from_slice(key);
        let start = offset(self.text.len());
        self.text.push(if kind == Kind::Array { b'[' } else { b'{' });
        let open = Open { place: self.nodes.len(), text: before };
        let content = Content::default();
        self.nodes.push(Node { key: at, start, end: start, next: 0, children: 0, kind, content, at: 0 });
        open
    }

    /// Ends it.
    pub(super) fn close(&mut self, open: Open, children: u32) {
        let next = offset(self.nodes.len());
        let end = offset(self.text.len() + 1);
        if let Some(node) = self.nodes.get_mut(open.place) {
            self.text.push(if node.kind == Kind::Array { b']' } else { b'}' });
            (node.end, node.next, node.children) = (end, next, children);
        }
    }

    /// Ends it, or takes it back when nothing is in it. Says whether it stays.
    pub(super) fn close_unless_empty(&mut self, open: Open, children: u32) -> bool {
        if children == 0 {
            self.text.truncate(open.text);
            self.nodes.truncate(open.place);
        } else {
            self.close(open, children);
        }
        children > 0
    }

    /// A comma, unless the next value is the first of its container.
    fn separate(&mut self) {
        if !matches!(self.text.last(), None | Some(b'{' | b'[' | b':')) {
            self.text.push(b',');
        }
    }
}

/// A length as an offset. No payload comes near 4 GiB.
pub(super) fn offset(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// So many spare trees are kept on a thread, since changes become durable many at a time,
const KEPT: usize = 256;
/// none larger than these: 2 MiB at most.
const KEPT_BYTES: usize = 4 * 1024;
const KEPT_NODES: usize = 128;
/// Room for a number that grows, for a member that comes.
const SLACK_BYTES: usize = 64;
const SLACK_NODES: usize = 4;
