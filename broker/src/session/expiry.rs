//! The end of sessions whose clients stay away, and reading them back at start.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use thingstead_core::{ClientId, QoS, Timestamp};

use super::storage::SessionRow;
use super::{Delivery, Held};
use crate::hub::SessionName;
use crate::rows::{QUEUE, SESSIONS, parse_row_key, read_message_row};
use crate::shard::Shard;
use crate::shard::timers::Timer;
use crate::slots::Key;

impl Shard {
    /// Ends a session whose time is over (MQTT-161: exactly).
    pub(crate) fn check_expiry(&mut self, key: Key) {
        let Some(session) = self.sessions.get(key) else { return };
        let Some(left_at) = session.left_at else { return };
        let deadline = left_at.plus(Duration::from_secs(u64::from(session.expiry)));
        if deadline > self.now {
            return self.timers.add(deadline, Timer::Expiry(key));
        }
        self.end_session(key, "its client stayed away for longer than the session expiry");
    }

    /// DISCONNECT changed the time a session outlives its connection (MQTT-162).
    pub(crate) fn change_expiry(&mut self, key: Key, expiry: u32) {
        if let Some(session) = self.sessions.get_mut(key) {
            session.expiry = expiry;
        }
    }

    /// Reads this shard's sessions and their messages from the database.
    pub(crate) fn load_sessions(&mut self) {
        self.step();
        let mut by_storage = HashMap::new();
        let mut rows = Vec::new();
        let hub = Arc::clone(&self.hub);
        let loaded = hub.store.rows(SESSIONS, |row| {
            let name = SessionName { scope: row.scope, client: ClientId::from(row.key) };
            if hub.home(&name) == self.id
                && let Some(session) =
                    row.document.as_text().and_then(|text| serde_json::from_str::<SessionRow>(text).ok())
            {
                rows.push((name, session));
            }
        });
        if let Err(error) = loaded {
            tracing::error!(%error, "the sessions cannot be read");
        }
        for (name, row) in rows {
            let Some(storage) = row.storage() else { continue };
            by_storage.insert(storage, self.load_session(&name, &row, storage));
        }
        let loaded = hub.store.rows(QUEUE, |row| {
            let Some(copy) = parse_row_key(&row.key) else { return };
            let Some(session) = by_storage.get(&copy.storage).and_then(|key| self.sessions.get_mut(*key))
            else {
                return;
            };
            let publication = row.document.as_text().and_then(|text| read_message_row(&row.scope, text));
            if let Some(publication) = publication {
                session.stored.push_back(Delivery::live(Arc::new(publication), QoS::AtLeastOnce, Some(copy)));
            }
        });
        if let Err(error) = loaded {
            tracing::error!(%error, "the stored messages cannot be read");
        }
        self.load_remembered();
    }

    fn load_session(&mut self, name: &SessionName, row: &SessionRow, storage: u64) -> Key {
        let space = self.hub.spaces.of(&name.scope);
        let key = self.add_session(name, &space, row.version(), row.expiry_seconds, Some(storage));
        // A session that was connected when the server stopped is left from now on (MQTT-161).
        let left_at = row.left_at_ms.map_or(self.now, Timestamp::from_millis);
        if let Some(session) = self.sessions.get_mut(key) {
            session.left_at = Some(left_at);
        }
        self.timers.add(left_at.plus(Duration::from_secs(u64::from(row.expiry_seconds))), Timer::Expiry(key));
        for subscription in &row.subscriptions {
            let qos = QoS::from_u8(subscription.qos).unwrap_or_default();
            let held = Held { qos, no_local: subscription.no_local, group: None };
            if let Err(why) = self.add_subscription(key, &subscription.filter, held) {
                tracing::warn!(client = %name.client, filter = %subscription.filter, %why, "a subscription was not restored");
            }
        }
        key
    }
}
