//! Sending what was stored while nobody was there (MQTT-138, MQTT-163 to MQTT-168).

use std::sync::Arc;

use thingstead_core::{QoS, Timestamp};

use super::Delivery;
use super::pace::Pace;
use crate::router::route::Frames;
use crate::router::shared::Group;
use crate::shard::Shard;
use crate::shard::timers::Timer;
use crate::slots::Key;

impl Shard {
    /// The client is back: its groups count on it again, and what was stored for it is sent.
    pub(crate) fn resume(&mut self, key: Key) {
        let now = self.now;
        let Some(session) = self.sessions.get_mut(key) else { return };
        session.pace = Pace::from(now);
        for held in session.subscriptions.values() {
            if let Some(group) = &held.group {
                group.set_online(session.key, true);
            }
        }
        self.send_stored_soon(key);
    }

    /// Begins to send stored messages, unless that is going on.
    pub(crate) fn send_stored_soon(&mut self, key: Key) {
        let now = self.now;
        let Some(session) = self.sessions.get_mut(key) else { return };
        if !session.pacing {
            session.pace = Pace::from(now);
            self.send_stored(key);
        }
    }

    /// Sends as many stored messages as pace and window allow; sets a timer for the next.
    pub(crate) fn send_stored(&mut self, key: Key) {
        let (own, shared) = (self.hub.bounds.stored_per_second, self.hub.bounds.group_per_second);
        loop {
            let (now, window) = (self.now, self.window(key));
            let Some(session) = self.sessions.get_mut(key) else { return };
            session.pacing = false;
            if session.connection.is_none() || session.in_flight.len() >= window {
                // Acknowledgements bring it here again.
                return;
            }
            let rate = if session.stored.is_empty() { shared } else { own };
            let next = session.stored.front().is_some()
                || session
                    .subscriptions
                    .values()
                    .any(|held| held.group.as_ref().is_some_and(|group| group.queued() > 0));
            if !next {
                return;
            }
            if !session.pace.take(now, rate) {
                session.pacing = true;
                let due = rate.map_or(now, |rate| session.pace.due(rate));
                return self.timers.add(due, Timer::Stored(key));
            }
            let Some(delivery) = self.next_stored(key) else { return };
            let mut frames = Frames::default();
            self.deliver_to_connected(key, delivery, &mut frames);
        }
    }

    fn next_stored(&mut self, key: Key) -> Option<Delivery> {
        let session = self.sessions.get_mut(key)?;
        if let Some(delivery) = session.stored.pop_front() {
            return Some(delivery);
        }
        let groups: Vec<Arc<Group>> = session
            .subscriptions
            .values()
            .filter(|held| held.qos == QoS::AtLeastOnce)
            .filter_map(|held| held.group.clone())
            .collect();
        for group in groups {
            while let Some(waiting) = group.pop() {
                let row = Some(waiting.row);
                let delivery = Delivery {
                    group: Some(Arc::clone(&group)),
                    ..Delivery::live(waiting.publication, QoS::AtLeastOnce, row)
                };
                if !self.waited_too_long(&delivery) {
                    return Some(delivery);
                }
                let why = "the message waited in the shared group for longer than the session expiry";
                self.dropped(key, &delivery, why);
                self.forget_row(&delivery);
            }
        }
        None
    }

    /// Messages wait in a group for the account's session expiry, or as long as they say themselves (MQTT-139).
    fn waited_too_long(&self, delivery: &Delivery) -> bool {
        let publication = &delivery.publication;
        publication.message.expires_at().is_none()
            && self.now.since(publication.at) >= self.hub.settings.session_expiry
    }

    /// How many unacknowledged deliveries the session's client takes.
    pub(crate) fn window(&self, key: Key) -> usize {
        self.sessions
            .get(key)
            .and_then(|session| session.connection)
            .and_then(|connection| self.connections.get(connection)?.live.as_ref())
            .map_or(0, |live| live.window)
    }
}

/// What is left of a message's life in whole seconds (MQTT-179); `Some(None)` for messages that live for ever, `None` for those
/// that are over.
pub(crate) fn life_left(expires_at: Option<Timestamp>, now: Timestamp) -> Option<Option<u32>> {
    match expires_at {
        None => Some(None),
        Some(expiry) if expiry <= now => None,
        Some(expiry) => Some(Some(u32::try_from(expiry.since(now).as_secs()).unwrap_or(u32::MAX))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_life_left_is_counted_in_whole_seconds() {
        // MQTT-179
        let now = Timestamp::from_millis(100_000);
        let at = |ms| Some(Timestamp::from_millis(ms));
        assert_eq!(life_left(None, now), Some(None));
        assert_eq!(life_left(at(110_000), now), Some(Some(10)));
        assert_eq!(life_left(at(100_999), now), Some(Some(0)));
        assert_eq!(life_left(at(100_000), now), None);
    }
}
