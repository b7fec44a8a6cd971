//! From a publication to the sessions that want it.

pub(crate) mod index;
pub(crate) mod recent;
pub(crate) mod route;
pub(crate) mod services;
pub(crate) mod shared;
pub(crate) mod space;
pub(crate) mod trie;

use crate::slots::Key;

/// The address of a session: which shard, and where in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct SessionKey {
    /// The shard that owns the session.
    pub(crate) shard: u16,
    /// Its place there.
    pub(crate) slot: u32,
    /// Which of the sessions that had this place.
    pub(crate) generation: u32,
}

impl SessionKey {
    /// The address of a session of this shard.
    pub(crate) const fn new(shard: u16, key: Key) -> Self {
        Self { shard, slot: key.slot, generation: key.generation }
    }

    /// The place within the shard.
    pub(crate) const fn local(self) -> Key {
        Key { slot: self.slot, generation: self.generation }
    }
}
