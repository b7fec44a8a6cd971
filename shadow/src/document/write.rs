//! Writing trees as compact JSON: their state, and their metadata.

use std::io::Write;

use super::node::{Node, Object};

/// JSON on its way out.
pub(super) struct Writer {
    pub(super) out: Vec<u8>,
    /// `{"timestamp":…}` of the time that was written last; most leaves of a document share few.
    stamp: Vec<u8>,
    stamped: Option<i64>,
}

impl Writer {
    pub(super) fn with_capacity(bytes: usize) -> Self {
        Self { out: Vec::with_capacity(bytes), stamp: Vec::new(), stamped: None }
    }

    pub(super) fn raw(&mut self, text: &[u8]) {
        self.out.extend_from_slice(text);
    }

    pub(super) fn number(&mut self, number: i64) {
        // Writing to a Vec cannot fail.
        let _ = write!(self.out, "{number}");
    }

    pub(super) fn state(&mut self, node: &Node) {
        match node {
            Node::Leaf(leaf) => self.raw(leaf.token.as_bytes()),
            Node::Array(elements) => self.array(elements, Self::state),
            Node::Object(object) => self.object_state(object),
        }
    }

    pub(super) fn object_state(&mut self, object: &Object) {
        self.members(object, Self::state);
    }

    /// The metadata of SHADOW-090 to SHADOW-093: the shape of the state, a time for each leaf.
    pub(super) fn metadata(&mut self, node: &Node) {
        match node {
            Node::Leaf(leaf) => self.timestamp(leaf.at),
            Node::Array(elements) => self.array(elements, Self::metadata),
            Node::Object(object) => self.object_metadata(object),
        }
    }

    pub(super) fn object_metadata(&mut self, object: &Object) {
        self.members(object, Self::metadata);
    }

    fn timestamp(&mut self, at: i64) {
        if self.stamped != Some(at) {
            self.stamp.clear();
            let _ = write!(self.stamp, r#"{{"timestamp":{at}}}"#);
            self.stamped = Some(at);
        }
        self.out.extend_from_slice(&self.stamp);
    }

    fn array(&mut self, elements: &[Node], each: fn(&mut Self, &Node)) {
        self.out.push(b'[');
        for (place, element) in elements.iter().enumerate() {
            if place > 0 {
                self.out.push(b',');
            }
            each(self, element);
        }
        self.out.push(b']');
    }

    fn members(&mut self, object: &Object, each: fn(&mut Self, &Node)) {
        self.out.push(b'{');
        for (place, member) in object.members.iter().enumerate() {
            if place > 0 {
                self.out.push(b',');
            }
            self.key(member.key.as_bytes());
            each(self, &member.node);
        }
        self.out.push(b'}');
    }

    fn key(&mut self, token: &[u8]) {
        self.raw(token);
        self.out.push(b':');
    }
}
