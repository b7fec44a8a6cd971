//! Writing messages as compact JSON: states as they stand, metadata leaf by leaf.

use std::cell::{Cell, RefCell};

use bytes::Bytes;
use smallvec::SmallVec;
use thingstead_core::Payloads;

use super::tree::{Kind, Value};

/// JSON on its way out.
pub(super) struct Writer {
    pub(super) out: Vec<u8>,
    /// `{"timestamp":…}` of the time that was written last; most leaves of a document share few.
    stamp: SmallVec<[u8; 40]>,
    stamped: Option<i64>,
}

thread_local! {
    /// Where the last message was written: the next is written there, too, and only the message itself takes new memory.
    static PAPER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
    /// Where messages are kept.
    static PAYLOADS: RefCell<Payloads> = RefCell::default();
}

impl Writer {
    pub(super) fn with_capacity(bytes: usize) -> Self {
        let mut out = PAPER.take();
        out.clear();
        out.reserve(bytes);
        Self { out, stamp: SmallVec::new(), stamped: None }
    }

    /// What was written, beside what was written before it.
    pub(super) fn into_bytes(self) -> Bytes {
        let written = PAYLOADS.with_borrow_mut(|payloads| payloads.copy(&self.out));
        if self.out.capacity() <= KEPT {
            PAPER.set(self.out);
        }
        written
    }

    pub(super) fn raw(&mut self, text: &[u8]) {
        self.out.extend_from_slice(text);
    }

    pub(super) fn number(&mut self, number: i64) {
        self.raw(itoa::Buffer::new().format(number).as_bytes());
    }

    pub(super) fn state(&mut self, value: Value<'_>) {
        self.raw(value.json());
    }

    /// The metadata of SHADOW-090 to SHADOW-093: the shape of the state, a time for each leaf.
    pub(super) fn metadata(&mut self, value: Value<'_>) {
        match value.node.kind {
            Kind::Array => {
                self.out.push(b'[');
                self.metadata_below(value);
                self.out.push(b']');
            }
            Kind::Object => {
                self.out.push(b'{');
                self.metadata_below(value);
                self.out.push(b'}');
            }
            _ => self.timestamp(value.node.at),
        }
    }

    /// A comma, unless the next value is the first of its container.
    pub(super) fn separate(&mut self) {
        if !matches!(self.out.last(), Some(b'{' | b'[')) {
            self.out.push(b',');
        }
    }

    fn metadata_below(&mut self, container: Value<'_>) {
        for (number, child) in container.children().enumerate() {
            self.out.extend_from_slice(if number == 0 { child.key() } else { child.separated_key() });
            match child.node.kind {
                Kind::Array | Kind::Object => self.metadata(child),
                _ => self.timestamp(child.node.at),
            }
        }
    }

    fn timestamp(&mut self, at: i64) {
        if self.stamped != Some(at) {
            self.stamp.clear();
            for part in [r#"{"timestamp":"#, itoa::Buffer::new().format(at), "}"] {
                self.stamp.extend_from_slice(part.as_bytes());
            }
            self.stamped = Some(at);
        }
        // Times of ten digits last until 2286, and a copy of known length is much the quicker one.
        match <&[u8; 24]>::try_from(self.stamp.as_slice()).ok() {
            Some(stamp) => self.out.extend_from_slice(stamp),
            None => self.out.extend_from_slice(&self.stamp),
        }
    }
}

/// Bytes that metadata may take for each value, its key not counted.
pub(super) const STAMP: usize = 26;
/// A message of more than this many bytes takes its paper along.
const KEPT: usize = 64 * 1024;
