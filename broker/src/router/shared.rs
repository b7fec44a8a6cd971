//! Shared subscriptions: groups of which one member gets each message (MQTT-128 to MQTT-142).

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use thingstead_core::journal::Cause;
use thingstead_core::{Publication, QoS, Timestamp};

use super::SessionKey;
use crate::rows::Row;
use crate::throttle::{Exceeded, Rate, Rates};

/// A group: a share name with a filter (MQTT-130).
pub(crate) struct Group {
    name: Arc<str>,
    filter: Arc<str>,
    /// What its queued messages are stored under.
    pub(crate) storage: u64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    members: Vec<Member>,
    /// Subscribed and given up in the current second.
    changes: Rate,
    queue: VecDeque<Waiting>,
}

/// A session in a group.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Member {
    /// Which.
    pub(crate) session: SessionKey,
    /// What it was granted.
    pub(crate) qos: QoS,
    /// Whether the session outlives its connection.
    pub(crate) persistent: bool,
    /// Whether its client is connected.
    pub(crate) online: bool,
}

/// A message that waits for a member.
#[derive(Clone)]
pub(crate) struct Waiting {
    /// What.
    pub(crate) publication: Arc<Publication>,
    /// Its row in the store.
    pub(crate) row: Row,
}

/// What became of a session that wanted to be a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Joined {
    /// It is one now.
    New,
    /// It was one.
    Again,
    /// There are as many as there may be.
    Full,
}

/// What a session's leaving meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Left {
    /// It was a member.
    pub(super) member: bool,
    /// Nobody is left.
    pub(super) empty: bool,
}

impl Group {
    /// A group without members.
    pub(crate) fn new(name: &str, filter: &str) -> Self {
        use sha2::{Digest, Sha256};
        let digest = Sha256::digest(format!("{name}/{filter}").as_bytes());
        let storage = digest.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte));
        Self { name: name.into(), filter: filter.into(), storage, state: Mutex::default() }
    }

    /// The share name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The filter behind it.
    pub(crate) fn filter(&self) -> &Arc<str> {
        &self.filter
    }

    /// Adds a member or changes it; asked through the index, which counts.
    pub(super) fn join(&self, member: Member, most: usize) -> Joined {
        let mut state = self.state.lock();
        if let Some(held) = state.members.iter_mut().find(|held| held.session == member.session) {
            *held = member;
            return Joined::Again;
        }
        if state.members.len() >= most {
            return Joined::Full;
        }
        state.members.push(member);
        Joined::New
    }

    /// Counts a subscription that is added or given up (Q32).
    pub(crate) fn change(&self, now: Timestamp, rates: &Rates) -> Result<(), Exceeded> {
        if self.state.lock().changes.take(now, rates.group_changes) {
            return Ok(());
        }
        let what = "subscriptions added or given up per second in this shared group";
        Err(Exceeded::new(Cause::Throttle, rates.group_changes, what))
    }

    /// Removes a member; asked through the index, which counts.
    pub(super) fn leave(&self, session: SessionKey) -> Left {
        let mut state = self.state.lock();
        let before = state.members.len();
        state.members.retain(|member| member.session != session);
        Left { member: state.members.len() < before, empty: state.members.is_empty() }
    }

    /// Notes that a member's client came or went.
    pub(crate) fn set_online(&self, session: SessionKey, online: bool) {
        if let Some(member) = self.state.lock().members.iter_mut().find(|member| member.session == session) {
            member.online = online;
        }
    }

    /// The members whose clients are connected, beginning at a random place, and whether messages are queued for the group
    /// (MQTT-136).
    pub(crate) fn candidates(&self, random: impl FnOnce(u64) -> u64) -> (Vec<Member>, bool) {
        let state = self.state.lock();
        let persistent = state.members.iter().any(|member| member.persistent);
        let mut online: Vec<Member> = state.members.iter().filter(|member| member.online).copied().collect();
        if online.len() > 1 {
            let first = usize::try_from(random(online.len() as u64)).unwrap_or(0);
            let count = online.len();
            online.rotate_left(first % count);
        }
        (online, persistent)
    }

    /// Queues a message; `false` when `most` are waiting already (MQTT-140).
    pub(crate) fn push(&self, waiting: Waiting, most: usize) -> bool {
        let mut state = self.state.lock();
        if state.queue.len() >= most {
            return false;
        }
        state.queue.push_back(waiting);
        true
    }

    /// The oldest queued message.
    pub(crate) fn pop(&self) -> Option<Waiting> {
        self.state.lock().queue.pop_front()
    }

    /// Puts a message back that a member did not acknowledge.
    pub(crate) fn push_front(&self, waiting: Waiting) {
        self.state.lock().queue.push_front(waiting);
    }

    /// How many messages wait.
    pub(crate) fn queued(&self) -> usize {
        self.state.lock().queue.len()
    }

    /// The sessions of the members that are connected.
    pub(crate) fn online(&self) -> Vec<SessionKey> {
        self.state.lock().members.iter().filter(|member| member.online).map(|member| member.session).collect()
    }
}

#[cfg(test)]
mod tests {
    use thingstead_core::{Message, Origin, Scope};

    use super::*;

    #[test]
    fn at_the_limit_the_newest_message_is_dropped() {
        // MQTT-140
        let group = Group::new("g", "t");
        let waiting = |number: u64| Waiting {
            publication: Arc::new(Publication {
                scope: Scope::new("1", "r"),
                message: Message::new("t", number.to_string()),
                origin: Origin::Service("test"),
                at: Timestamp::from_millis(0),
            }),
            row: Row { storage: group.storage, number },
        };
        assert!(group.push(waiting(1), 2) && group.push(waiting(2), 2));
        assert!(!group.push(waiting(3), 2));
        // What a member did not acknowledge goes back to the front, limit or not.
        group.push_front(waiting(0));
        let order: Vec<u64> = std::iter::from_fn(|| group.pop()).map(|waiting| waiting.row.number).collect();
        assert_eq!(order, [0, 1, 2]);
    }
}
