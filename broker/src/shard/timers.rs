//! What shall happen when, by the injected clock.
//!
//! Entries are never removed: when one comes due, its handler looks whether it still means anything.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::rc::Rc;
use std::time::Duration;

use thingstead_core::Timestamp;

use super::Shard;
use super::turn::Signal;
use crate::slots::Key;

/// What to look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// A connection: has it been silent for too long? Before CONNECT: is it too slow?
    KeepAlive(Key),
    /// A connection: does it still not read?
    Write(Key),
    /// A WebSocket connection: its time is over (MQTT-016).
    TooOld(Key),
    /// A connection: a custom authorizer admitted it for so long (AUTH-218).
    Lease(Key, Duration),
    /// A connection: its custom authorizer is asked again (AUTH-215).
    Refresh(Key),
    /// A connection: it may read and write again (Q09).
    GoOn(Key),
    /// A session: deliveries to send again, or to give up.
    Retry(Key),
    /// A session: stored messages to send.
    Stored(Key),
    /// A session: its client stayed away.
    Expiry(Key),
    /// Something a fault held back, by its number.
    Postponed(u64),
    /// A connection: a fault breaks it.
    Break(Key),
    /// Clients nobody asks about any more.
    Forget,
    /// Clients that have gone, to be written down.
    Departed,
    /// Lifecycle events that were held back (MQTT-210).
    LateEvents,
}

/// A queue of timers.
#[derive(Default)]
pub(crate) struct Timers {
    queue: BinaryHeap<Reverse<(Timestamp, Timer)>>,
    /// What the timer loop waits for; `None` for nothing.
    awaited: Option<Timestamp>,
    /// Raised when there is something to wait for that comes sooner.
    sooner: Rc<Signal>,
}

impl Timers {
    /// Sets a timer.
    pub(crate) fn add(&mut self, at: Timestamp, timer: Timer) {
        self.queue.push(Reverse((at, timer)));
        if self.awaited.is_none_or(|awaited| at < awaited) {
            self.sooner.raise();
        }
    }

    /// When the next one is due.
    pub(crate) fn next(&self) -> Option<Timestamp> {
        self.queue.peek().map(|Reverse((at, _))| *at)
    }

    /// The next one that is due.
    pub(crate) fn due(&mut self, now: Timestamp) -> Option<Timer> {
        if self.next()? > now {
            return None;
        }
        self.queue.pop().map(|Reverse((_, timer))| timer)
    }

    /// Raised when a timer is set that is due before the one that [`Shard::tick`] answered.
    pub(crate) fn sooner(&self) -> Rc<Signal> {
        Rc::clone(&self.sooner)
    }
}

impl Shard {
    /// Handles what is due; answers when the next timer is.
    pub(crate) fn tick(&mut self) -> Option<Timestamp> {
        self.step();
        let mut budget = TICK;
        while let Some(timer) = self.timers.due(self.now) {
            match timer {
                Timer::KeepAlive(key) => self.check_silence(key),
                Timer::Write(key) => self.check_writing(key),
                Timer::TooOld(key) => self.web_socket_is_old(key),
                Timer::Lease(key, after) => self.lease_ends(key, after),
                Timer::Refresh(key) => self.refresh(key),
                Timer::GoOn(key) => self.resume_traffic(key),
                Timer::Retry(key) => self.retry(key),
                Timer::Stored(key) => self.send_stored(key),
                Timer::Expiry(key) => self.check_expiry(key),
                Timer::Postponed(number) => self.go_on_with(number),
                Timer::Break(key) => self.break_connection(key),
                Timer::Forget => self.forget_clients(),
                Timer::Departed => self.save_departed(),
                Timer::LateEvents => self.announce_late(),
            }
            budget -= 1;
            if budget == 0 {
                break;
            }
        }
        self.timers.awaited = self.timers.next();
        self.timers.awaited
    }
}

/// So many timers at once, so that a jump of the clock does not keep the sockets waiting.
const TICK: usize = 10_000;

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.slot, self.generation).cmp(&(other.slot, other.generation))
    }
}
