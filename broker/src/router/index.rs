//! The subscription index by itself, for benchmarks.

use thingstead_core::QoS;

use super::SessionKey;
use super::trie::{Entry, Matches, Trie};

/// The index of one scope, with sessions that are only numbers.
#[doc(hidden)]
#[derive(Default)]
pub struct SubscriptionIndex {
    trie: Trie,
    found: Matches,
}

impl SubscriptionIndex {
    /// Session `number` wants what the filter matches.
    pub fn subscribe(&mut self, filter: &str, number: u32) {
        let session = SessionKey { shard: 0, slot: number, generation: 0 };
        self.trie.subscribe(filter, Entry { session, qos: QoS::AtMostOnce, no_local: false, storage: None });
    }

    /// How many subscriptions match.
    pub fn matches(&mut self, topic: &str) -> usize {
        self.found.clear();
        self.trie.matches(topic, &mut self.found);
        self.found.entries.len()
    }
}
