//! Making, resuming and leaving sessions (MQTT-155 to MQTT-170).

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use thingstead_mqtt_wire::{PacketId, Version};

use super::pace::Pace;
use super::storage::SessionRow;
use super::{Delivery, Opened, Session};
use crate::connection::Live;
use crate::ending::Ending;
use crate::hub::SessionName;
use crate::router::SessionKey;
use crate::router::shared::Waiting;
use crate::router::space::Space;
use crate::rows::{QUEUE, SESSIONS, row_key, row_prefix};
use crate::shard::Shard;
use crate::shard::timers::Timer;
use crate::slots::Key;

impl Shard {
    /// Finds or makes the session of an accepted CONNECT.
    pub(crate) fn open_session(
        &mut self,
        name: &SessionName,
        space: &Arc<Space>,
        version: Version,
        clean: bool,
        expiry: u32,
        connection: Key,
    ) -> Opened {
        if let Some(&key) = self.by_name.get(name) {
            let resumable = self.sessions.get(key).is_some_and(|session| session.version == version);
            if !clean && resumable {
                return self.resume_session(key, expiry, connection);
            }
            let why = if clean {
                "the client asked for a clean session"
            } else {
                "it was made by the other version of MQTT"
            };
            self.end_session(key, why);
        }
        let storage = (expiry > 0).then(|| self.new_storage());
        let key = self.add_session(name, space, version, expiry, storage);
        if let Some(session) = self.sessions.get_mut(key) {
            session.connection = Some(connection);
        }
        self.store_session(key);
        Opened { session: key, present: false }
    }

    /// Puts a session without a connection into its place.
    pub(crate) fn add_session(
        &mut self,
        name: &SessionName,
        space: &Arc<Space>,
        version: Version,
        expiry: u32,
        storage: Option<u64>,
    ) -> Key {
        let (shard, now) = (self.id, self.now);
        let key = self.sessions.insert_with(|key| Session {
            key: SessionKey::new(shard, key),
            name: name.clone(),
            space: Arc::clone(space),
            version,
            expiry,
            storage,
            subscriptions: BTreeMap::new(),
            connection: None,
            left_at: None,
            in_flight: VecDeque::new(),
            last_id: PacketId::FIRST,
            waiting: VecDeque::new(),
            stored: VecDeque::new(),
            pace: Pace::from(now),
            retrying: false,
            pacing: false,
        });
        self.by_name.insert(name.clone(), key);
        key
    }

    fn new_storage(&self) -> u64 {
        self.hub.ids.below(u64::MAX).max(1)
    }

    fn resume_session(&mut self, key: Key, expiry: u32, connection: Key) -> Opened {
        if let Some(session) = self.sessions.get_mut(key) {
            session.connection = Some(connection);
            session.left_at = None;
            session.expiry = expiry;
            if (session.storage.is_some()) != (expiry > 0) {
                self.move_storage(key, expiry > 0);
            }
        }
        self.store_session(key);
        Opened { session: key, present: true }
    }

    /// The session outlives its connections from now on, or does not any more.
    fn move_storage(&mut self, key: Key, persistent: bool) {
        let storage = persistent.then(|| self.new_storage());
        let Some(session) = self.sessions.get_mut(key) else { return };
        let old = std::mem::replace(&mut session.storage, storage);
        let (scope, client) = (session.name.scope.clone(), session.name.client.to_string());
        for delivery in &mut session.stored {
            delivery.row = None;
        }
        if let Some(old) = old {
            self.store(|batch| {
                batch.delete(SESSIONS, &scope, client);
                batch.delete_prefix(QUEUE, &scope, row_prefix(old));
            });
        }
        self.reindex(key);
    }

    /// A connection has ended: gives up what it held, and the session, too, unless it outlives the connection.
    pub(crate) fn part(&mut self, connection: Key, mut live: Live, ending: &Ending) {
        let key = live.session;
        let name = live.name.clone();
        self.hub
            .connected
            .remove_if(&name, |_, place| place.connection == connection && place.shard == self.id);
        self.remember_leaving(&live, ending);
        self.leave_groups(key, false);
        self.give_back(key);
        let now = self.now;
        if let Some(session) = self.sessions.get_mut(key) {
            session.connection = None;
            session.left_at = Some(now);
            let expiry = session.expiry;
            if expiry == 0 || ending.forget {
                self.end_session(key, "the session ends with its connection");
            } else {
                self.timers
                    .add(now.plus(std::time::Duration::from_secs(u64::from(expiry))), Timer::Expiry(key));
                self.store_session(key);
            }
        }
        if ending.will {
            self.publish_will(&mut live);
        }
        self.announce_disconnected(&live, ending);
    }

    /// Unacknowledged and waiting deliveries go back to where they came from (MQTT-137, MQTT-163).
    fn give_back(&mut self, key: Key) {
        let Some(session) = self.sessions.get_mut(key) else { return };
        let persistent = session.storage.is_some();
        let unsent = std::mem::take(&mut session.waiting);
        let unacknowledged = std::mem::take(&mut session.in_flight);
        let all = unacknowledged.into_iter().map(|outstanding| outstanding.delivery).chain(unsent);
        let mut own: VecDeque<Delivery> = VecDeque::new();
        let mut groups = Vec::new();
        for delivery in all {
            match (&delivery.group, delivery.row) {
                (Some(_), Some(_)) => groups.push(delivery),
                // A direct message is for the connection only; a retained copy comes again with a new SUBSCRIBE.
                _ if delivery.confirm.is_some() => {}
                (None, _) if persistent => own.push_back(delivery),
                _ => {}
            }
        }
        own.append(&mut session.stored);
        session.stored = own;
        for delivery in groups.into_iter().rev() {
            if let (Some(group), Some(row)) = (delivery.group, delivery.row) {
                group.push_front(Waiting { publication: delivery.publication, row });
                self.wake_group(&group);
            }
        }
    }

    /// Ends a session with everything it stored (MQTT-169).
    pub(crate) fn end_session(&mut self, key: Key, why: &'static str) {
        self.leave_groups(key, true);
        let Some(session) = self.sessions.remove(key) else { return };
        self.by_name.remove(&session.name);
        {
            let mut index = session.space.subscriptions.write();
            for (filter, held) in &session.subscriptions {
                if held.group.is_none() {
                    index.unsubscribe(filter, session.key);
                }
            }
        }
        let Some(storage) = session.storage else { return };
        let scope = &session.name.scope;
        self.store(|batch| {
            batch.delete(SESSIONS, scope, session.name.client.to_string());
            batch.delete_prefix(QUEUE, scope, row_prefix(storage));
        });
        let event = self
            .event(scope, thingstead_core::journal::Kind::SessionEnded)
            .client(Some(session.name.client.shared()))
            .why(why)
            .with("stored", session.stored.len());
        self.record(event);
    }

    /// Writes the session's row; `true` when it has one.
    pub(crate) fn store_session(&mut self, key: Key) -> bool {
        let Some(session) = self.sessions.get(key) else { return false };
        let Some(row) = SessionRow::of(session) else { return false };
        let (scope, client) = (session.name.scope.clone(), session.name.client.to_string());
        self.store(|batch| batch.put(SESSIONS, &scope, client, row));
        true
    }

    /// Removes the stored copy of a delivery that is done with.
    pub(crate) fn forget_row(&mut self, delivery: &Delivery) {
        if let Some(row) = delivery.row {
            let scope = delivery.publication.scope.clone();
            self.store(|batch| batch.delete(QUEUE, &scope, row_key(row)));
        }
    }
}
