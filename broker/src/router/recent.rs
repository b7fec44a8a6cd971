//! Who wanted the topics that were published to lately. Most clients publish to the same topic again and again, and the
//! decoder hands out the same text for it each time; with many clients, walking the index costs a dozen cache misses.

use std::sync::Arc;

use smallvec::SmallVec;

use super::space::Space;
use super::trie::{Entry, Matches};

/// A shard's memory of matches, at most [`PLACES`].
#[derive(Default)]
pub(crate) struct Recent(Vec<Option<Match>>);

struct Match {
    /// Held, so that no other text can lie at its address.
    topic: Arc<str>,
    /// The address of the space, which lives as long as the broker.
    space: usize,
    /// Of the space's subscriptions.
    generation: u64,
    entries: SmallVec<[Entry; 1]>,
}

impl Recent {
    /// Adds everybody who wants `topic` to `found`.
    pub(crate) fn matches(&mut self, space: &Space, topic: &Arc<str>, found: &mut Matches) {
        // Read before the index is: what changes in between is looked up again the next time.
        let generation = space.subscriptions.generation();
        let address = std::ptr::from_ref(space).addr();
        let place = place(topic);
        if let Some(Some(known)) = self.0.get(place)
            && Arc::ptr_eq(&known.topic, topic)
            && (known.space, known.generation) == (address, generation)
        {
            found.entries.extend_from_slice(&known.entries);
            return;
        }
        space.subscriptions.read().matches(topic, found);
        // A text that nobody holds but its publisher and this message is seen for the first time.
        if Arc::strong_count(topic) <= 2 || !found.groups.is_empty() || found.entries.len() > ENTRIES {
            return;
        }
        if self.0.is_empty() {
            self.0.resize_with(PLACES, || None);
        }
        if let Some(place) = self.0.get_mut(place) {
            let (topic, entries) = (Arc::clone(topic), SmallVec::from_slice(&found.entries));
            *place = Some(Match { topic, space: address, generation, entries });
        }
    }
}

/// Where a text's matches would be.
fn place(topic: &Arc<str>) -> usize {
    let address = Arc::as_ptr(topic).addr() as u64;
    // The upper bits of the product depend on all of the address.
    (address.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (64 - PLACES.trailing_zeros())) as usize
}

const PLACES: usize = 1024;
/// Where more want a topic, the walk is little of the work.
const ENTRIES: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::router::SessionKey;
    use crate::router::space::Spaces;

    #[test]
    fn a_change_of_subscriptions_is_seen_at_once_and_spaces_are_kept_apart() {
        // MQTT-007, MQTT-112
        let spaces = Spaces::default();
        let space = |account| spaces.of(&thingstead_core::Scope::new(account, "r"));
        let (here, there) = (space("1"), space("2"));
        let entry = |slot| Entry {
            session: SessionKey { shard: 0, slot, generation: 0 },
            qos: thingstead_core::QoS::AtMostOnce,
            no_local: false,
            storage: None,
        };
        let mut recent = Recent::default();
        let topic: Arc<str> = "a/b".into();
        let _decoder_and_journal = [Arc::clone(&topic), Arc::clone(&topic)];
        let mut wanting = |space: &Space| {
            let mut found = Matches::default();
            recent.matches(space, &topic, &mut found);
            found.entries.iter().map(|entry| entry.session.slot).collect::<Vec<_>>()
        };
        assert_eq!((wanting(&here), wanting(&here)), (vec![], vec![]));
        here.subscriptions.write().subscribe("a/+", entry(1));
        assert_eq!((wanting(&here), wanting(&there), wanting(&here)), (vec![1], vec![], vec![1]));
        here.subscriptions.write().subscribe("#", entry(2));
        let mut both = wanting(&here);
        both.sort_unstable();
        assert_eq!(both, [1, 2]);
        here.subscriptions.write().unsubscribe("a/+", entry(1).session);
        assert_eq!((wanting(&here), wanting(&here)), (vec![2], vec![2]));
        spaces.clear();
        assert_eq!(wanting(&here), [] as [u32; 0]);
    }
}
