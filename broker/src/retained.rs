//! Retained messages: at most one a topic, kept until it is replaced, cleared or expired (MQTT-143 to MQTT-154).

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::RwLock;
use thingstead_core::{Message, Timestamp};

/// A retained message.
#[derive(Clone, Debug)]
pub struct Retained {
    /// As it was published; properties included (MQTT-154).
    pub message: Message,
    /// When it was stored.
    pub stored_at: Timestamp,
}

impl Retained {
    fn is_over(&self, now: Timestamp) -> bool {
        self.message.expires_at().is_some_and(|expiry| expiry <= now)
    }
}

/// The retained messages of one scope, by topic.
#[derive(Default)]
pub(crate) struct RetainedMessages(RwLock<BTreeMap<Arc<str>, Retained>>);

/// What [`RetainedMessages::store`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stored {
    /// The message is the topic's retained message now.
    Kept,
    /// The payload was empty: the topic has none any more (MQTT-147).
    Cleared,
    /// The account has as many as it may (MQTT-149).
    Full,
}

impl RetainedMessages {
    /// Replaces the retained message of a topic, or removes it when the payload is empty.
    pub(crate) fn store(&self, message: &Message, at: Timestamp, most: usize) -> Stored {
        let mut messages = self.0.write();
        if message.payload.is_empty() {
            messages.remove(&message.topic);
            return Stored::Cleared;
        }
        if messages.len() >= most && !messages.contains_key(&message.topic) {
            return Stored::Full;
        }
        messages.insert(Arc::clone(&message.topic), Retained { message: message.detached(), stored_at: at });
        Stored::Kept
    }

    /// Puts a message back that was read from the store.
    pub(crate) fn load(&self, retained: Retained) {
        self.0.write().insert(Arc::clone(&retained.message.topic), retained);
    }

    /// Whether a message with this topic and a payload would find no room.
    pub(crate) fn is_full_for(&self, topic: &str, most: usize) -> bool {
        let messages = self.0.read();
        messages.len() >= most && !messages.contains_key(topic)
    }

    /// The retained message of exactly this topic, unless it expired (MQTT-152).
    pub(crate) fn get(&self, topic: &str, now: Timestamp) -> Option<Retained> {
        self.0.read().get(topic).filter(|retained| !retained.is_over(now)).cloned()
    }

    /// Up to `limit` messages with topics after `after`, in the order of topics.
    pub(crate) fn list(&self, after: Option<&str>, limit: usize, now: Timestamp) -> Vec<Retained> {
        use std::ops::Bound;
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let messages = self.0.read();
        let range = messages.range::<str, _>((from, Bound::Unbounded));
        range
            .map(|(_, retained)| retained)
            .filter(|retained| !retained.is_over(now))
            .take(limit)
            .cloned()
            .collect()
    }

    /// Forgets everything.
    pub(crate) fn clear(&self) {
        self.0.write().clear();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use thingstead_core::Properties;

    use super::*;

    #[test]
    fn one_message_a_topic_until_it_is_cleared_or_expires() {
        // MQTT-143, MQTT-147, MQTT-149, MQTT-152
        let retained = RetainedMessages::default();
        let now = Timestamp::from_millis(1_000);
        let message = |topic: &str, payload: &'static str| Message::new(topic, payload);
        assert_eq!(retained.store(&message("a", "1"), now, 2), Stored::Kept);
        assert_eq!(retained.store(&message("a", "2"), now, 2), Stored::Kept);
        assert_eq!(retained.store(&message("b", "1"), now, 2), Stored::Kept);
        assert_eq!(retained.store(&message("c", "1"), now, 2), Stored::Full);
        assert_eq!(retained.get("a", now).expect("kept").message.payload, "2");
        assert_eq!(retained.list(Some("a"), 9, now).len(), 1);
        assert_eq!(retained.store(&message("b", ""), now, 2), Stored::Cleared);
        assert!(retained.get("b", now).is_none());
        let properties =
            Properties { expires_at: Some(now.plus(Duration::from_secs(5))), ..Properties::default() };
        let expiring = Message { properties: Some(Arc::new(properties)), ..message("a", "3") };
        assert_eq!(retained.store(&expiring, now, 2), Stored::Kept);
        assert!(retained.get("a", now.plus(Duration::from_secs(4))).is_some());
        assert!(retained.get("a", now.plus(Duration::from_secs(5))).is_none());
    }
}
