//! What a session is subscribed to, in the session and in the index.

use std::sync::Arc;

use thingstead_core::topic;

use super::Held;
use crate::router::shared::{Group, Member, Waiting};
use crate::router::trie::Entry;
use crate::rows::{QUEUE, parse_row_key, read_message_row, row_prefix};
use crate::shard::Shard;
use crate::shard::mail::Mail;
use crate::slots::Key;

impl Shard {
    /// Adds or replaces a subscription (MQTT-112); answers whether it is new.
    ///
    /// # Errors
    /// Why it is one too many (MQTT-111, MQTT-142, Q23).
    pub(crate) fn add_subscription(
        &mut self,
        key: Key,
        filter: &Arc<str>,
        held: Held,
    ) -> Result<bool, String> {
        let bounds = self.hub.bounds;
        let Some(session) = self.sessions.get(key) else { return Err("the session is gone".to_owned()) };
        let new = !session.subscriptions.contains_key(filter);
        if new && session.subscriptions.len() >= bounds.subscriptions {
            return Err(format!(
                "the connection has {} subscriptions already, as many as it may",
                bounds.subscriptions
            ));
        }
        let share = topic::share_of(filter).ok().flatten();
        let (session_key, space, storage) = (session.key, Arc::clone(&session.space), session.storage);
        let mut held = held;
        // Q23: looked at under the lock under which it is counted.
        let mut index = space.subscriptions.write();
        if new && index.held() >= bounds.subscriptions_of_account {
            return Err(format!(
                "the account has {} subscriptions already, as many as it may",
                bounds.subscriptions_of_account
            ));
        }
        match share {
            None => {
                let entry = Entry { session: session_key, qos: held.qos, no_local: held.no_local, storage };
                index.subscribe(filter, entry);
                drop(index);
            }
            Some(share) => {
                let online = session.connection.is_some();
                let mut made = false;
                let member =
                    Member { session: session_key, qos: held.qos, persistent: storage.is_some(), online };
                // Joined under the index's lock: a group that its last member leaves meanwhile is no longer in the index.
                let make = || {
                    made = true;
                    Arc::new(Group::new(share.group, share.filter))
                };
                let Some(group) = index.group(share.filter, make, share.group, bounds.groups) else {
                    return Err(format!(
                        "the account has {} shared groups already, as many as it may",
                        bounds.groups
                    ));
                };
                let joined = index.join(&group, member, bounds.group_members);
                drop(index);
                if !joined {
                    return Err(format!(
                        "the shared group has {} subscriptions already, as many as it may",
                        bounds.group_members
                    ));
                }
                if made {
                    self.load_group(key, &group);
                }
                held.group = Some(group);
            }
        }
        if let Some(session) = self.sessions.get_mut(key) {
            session.subscriptions.insert(Arc::clone(filter), held);
        }
        Ok(new)
    }

    /// Messages that were queued for the group before the server was restarted.
    fn load_group(&self, key: Key, group: &Arc<Group>) {
        let Some(session) = self.sessions.get(key) else { return };
        let scope = &session.name.scope;
        match self.hub.store.scan_prefix(QUEUE, scope, &row_prefix(group.storage), None, usize::MAX) {
            Ok(rows) => {
                for row in rows {
                    let publication = row.document.as_text().and_then(|text| read_message_row(scope, text));
                    if let (Some(publication), Some(row)) = (publication, parse_row_key(&row.key)) {
                        group.push(Waiting { publication: Arc::new(publication), row }, usize::MAX);
                    }
                }
            }
            Err(error) => tracing::error!(%error, "the messages of a shared group cannot be read"),
        }
    }

    /// Gives a subscription up; `false` when there was none.
    pub(crate) fn drop_subscription(&mut self, key: Key, filter: &str) -> bool {
        let Some(session) = self.sessions.get_mut(key) else { return false };
        let Some(held) = session.subscriptions.remove(filter) else { return false };
        let (session_key, space) = (session.key, Arc::clone(&session.space));
        match held.group {
            None => {
                space.subscriptions.write().unsubscribe(filter, session_key);
            }
            Some(group) => self.leave_group(key, &group),
        }
        true
    }

    fn leave_group(&mut self, key: Key, group: &Arc<Group>) {
        let Some(session) = self.sessions.get(key) else { return };
        let (session_key, space, scope) =
            (session.key, Arc::clone(&session.space), session.name.scope.clone());
        let mut index = space.subscriptions.write();
        if index.leave(group, session_key) {
            index.remove_group(group.filter(), group.name());
            drop(index);
            let storage = group.storage;
            self.store(|batch| batch.delete_prefix(QUEUE, &scope, row_prefix(storage)));
        }
    }

    /// A client went away: its session leaves its groups for good, or stays as an offline member (MQTT-141).
    pub(crate) fn leave_groups(&mut self, key: Key, for_good: bool) {
        let Some(session) = self.sessions.get(key) else { return };
        let session_key = session.key;
        let groups: Vec<_> = session.subscriptions.values().filter_map(|held| held.group.clone()).collect();
        for group in groups {
            if for_good {
                self.leave_group(key, &group);
            } else {
                group.set_online(session_key, false);
            }
        }
    }

    /// Writes the session's subscriptions into the index again, after its storage changed.
    pub(crate) fn reindex(&mut self, key: Key) {
        let Some(session) = self.sessions.get(key) else { return };
        let subscriptions: Vec<_> =
            session.subscriptions.iter().map(|(filter, held)| (Arc::clone(filter), held.clone())).collect();
        for (filter, held) in subscriptions {
            if let Err(why) = self.add_subscription(key, &filter, held) {
                tracing::warn!(%filter, %why, "a subscription was lost");
            }
        }
    }

    /// Tells a connected member of a group that messages wait.
    pub(crate) fn wake_group(&mut self, group: &Arc<Group>) {
        for session in group.online() {
            if session.shard == self.id {
                self.send_stored_soon(session.local());
            } else {
                self.send(session.shard, Mail::GroupReady(session.local()));
            }
        }
    }

    /// A session came, or joined groups: what waits in them may go to it (MQTT-138).
    pub(crate) fn groups_ready(&mut self, key: Key) {
        let Some(session) = self.sessions.get(key) else { return };
        let waiting = session
            .subscriptions
            .values()
            .filter_map(|held| held.group.as_ref())
            .any(|group| group.queued() > 0);
        if waiting {
            self.send_stored_soon(key);
        }
    }
}
