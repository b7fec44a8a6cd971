//! Writing messages as compact JSON: states as they stand, metadata leaf by leaf.

use std::io::Write;

use bytes::Bytes;

use super::tree::{Kind, Value};

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

    /// What was written, in no more room than it takes.
    pub(super) fn into_bytes(mut self) -> Bytes {
        self.out.shrink_to_fit();
        Bytes::from(self.out)
    }

    pub(super) fn raw(&mut self, text: &[u8]) {
        self.out.extend_from_slice(text);
    }

    pub(super) fn number(&mut self, number: i64) {
        // Writing to a Vec cannot fail.
        let _ = write!(self.out, "{number}");
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
            self.stamp.reserve(STAMP + 16);
            let _ = write!(self.stamp, r#"{{"timestamp":{at}}}"#);
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
