//! Memory for payloads.

use bytes::{Bytes, BytesMut};

use crate::prefetch;

/// Cuts payloads out of larger blocks: most need no memory of their own, and sharing one never allocates.
///
/// A payload keeps its whole block. Whoever keeps single ones for long copies them
/// ([`Message::detached`](crate::Message::detached)).
#[derive(Debug, Default)]
pub struct Payloads(BytesMut);

impl Payloads {
    /// A copy of `payload`.
    pub fn copy(&mut self, payload: &[u8]) -> Bytes {
        if payload.len() > LARGE {
            return Bytes::copy_from_slice(payload);
        }
        if self.0.capacity() < payload.len() {
            self.0 = BytesMut::with_capacity(BLOCK);
        }
        self.0.extend_from_slice(payload);
        let copy = self.0.split().freeze();
        // A block was let go of long ago, when the last of its payloads was forgotten. Where the next ones will lie is asked for in time:
        // else the processor waits for each line before it may go on.
        prefetch::range(&self.0, AHEAD..AHEAD + payload.len());
        copy
    }
}

const BLOCK: usize = 64 * 1024;
/// Larger ones would waste too much of a block's end.
const LARGE: usize = BLOCK / 7;

/// Some messages further.
const AHEAD: usize = 2 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_of_one_block_lie_side_by_side_and_large_ones_alone() {
        let mut payloads = Payloads::default();
        let (first, second) = (payloads.copy(b"abc"), payloads.copy(b"de"));
        assert_eq!((&first[..], &second[..]), (&b"abc"[..], &b"de"[..]));
        assert_eq!(second.as_ptr() as usize - first.as_ptr() as usize, 3);
        let large = vec![7; LARGE + 1];
        assert_eq!(payloads.copy(&large), large);
        for length in [0, 1, 1000, LARGE] {
            for _ in 0..20 {
                assert_eq!(payloads.copy(&large[..length]), large[..length]);
            }
        }
    }
}
