//! The topic space of one scope: who subscribed to what, and what is retained. Nothing crosses it (MQTT-007).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use dashmap::DashMap;
use foldhash::fast::RandomState;
use parking_lot::{RwLock, RwLockReadGuard, RwLockWriteGuard};
use thingstead_core::Scope;

use super::trie::Trie;
use crate::retained::RetainedMessages;
use crate::throttle::Throttles;

/// A topic space, shared by all shards.
pub(crate) struct Space {
    /// Subscriptions of connected and of offline sessions.
    pub(crate) subscriptions: Subscriptions,
    /// Retained messages.
    pub(crate) retained: RetainedMessages,
    /// Rates per second.
    pub(crate) throttles: Throttles,
    /// How many clients are connected (Q04).
    seats: AtomicUsize,
}

/// A client's place among the connected ones of its account; given up when dropped.
pub(crate) struct Seat(Arc<Space>);

impl Space {
    /// A place for a client, unless `most` are taken.
    pub(crate) fn seat(self: &Arc<Self>, most: usize) -> Option<Seat> {
        let take = |taken| (taken < most).then_some(taken + 1);
        let taken = self.seats.fetch_update(Ordering::AcqRel, Ordering::Acquire, take);
        taken.is_ok().then(|| Seat(Arc::clone(self)))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.seats.fetch_sub(1, Ordering::AcqRel);
    }
}

/// The index of a space, and a number that tells whether it has changed.
#[derive(Default)]
pub(crate) struct Subscriptions {
    index: RwLock<Trie>,
    generation: AtomicU64,
}

impl Subscriptions {
    /// To match topics.
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, Trie> {
        self.index.read()
    }

    /// To change it.
    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, Trie> {
        let index = self.index.write();
        // Whoever reads the new number waits for the lock, and whoever read the old one asks again.
        self.generation.fetch_add(1, Ordering::AcqRel);
        index
    }

    /// Rises with every change, before it can be read.
    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }
}

/// The spaces of all scopes.
#[derive(Default)]
pub(crate) struct Spaces(DashMap<Scope, Arc<Space>, RandomState>);

impl Spaces {
    /// The scope's space, made when it is first asked for.
    pub(crate) fn of(&self, scope: &Scope) -> Arc<Space> {
        if let Some(space) = self.0.get(scope) {
            return Arc::clone(&space);
        }
        let make = || {
            Arc::new(Space {
                subscriptions: Subscriptions::default(),
                retained: RetainedMessages::default(),
                throttles: Throttles::default(),
                seats: AtomicUsize::new(0),
            })
        };
        Arc::clone(&self.0.entry(scope.clone()).or_insert_with(make))
    }

    /// Forgets every subscription and retained message.
    pub(crate) fn clear(&self) {
        for space in self.0.iter() {
            *space.subscriptions.write() = Trie::default();
            space.retained.clear();
        }
    }
}
