//! The journal itself: a bounded ring in memory, and live subscriptions to it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use tokio::sync::watch;

use super::{Event, Kind, Query};

/// How much the journal keeps; the oldest events go first.
#[derive(Clone, Copy, Debug)]
pub struct Capacity {
    /// At most this many events.
    pub events: usize,
    /// At most this many bytes of payloads and topics.
    pub bytes: usize,
}

impl Default for Capacity {
    fn default() -> Self {
        Self { events: 100_000, bytes: 64 * 1024 * 1024 }
    }
}

/// The account of what happened. Cheap to clone; all clones write to one ring.
#[derive(Clone)]
pub struct Journal(Arc<Inner>);

struct Inner {
    /// How many events of each kind there ever were, in the order of [`Kind::ALL`].
    totals: Vec<AtomicU64>,
    ring: Mutex<Ring>,
    capacity: Capacity,
    /// The sequence number of the newest event.
    newest: watch::Sender<u64>,
}

struct Ring {
    events: VecDeque<Event>,
    bytes: usize,
    next_seq: u64,
}

impl Default for Journal {
    fn default() -> Self {
        Self::new(Capacity::default())
    }
}

impl Journal {
    /// An empty journal.
    pub fn new(capacity: Capacity) -> Self {
        Self(Arc::new(Inner {
            totals: Kind::ALL.iter().map(|_| AtomicU64::new(0)).collect(),
            ring: Mutex::new(Ring { events: VecDeque::new(), bytes: 0, next_seq: 1 }),
            capacity,
            newest: watch::channel(0).0,
        }))
    }

    /// Writes an event down.
    pub fn record(&self, event: Event) {
        self.record_all(std::iter::once(event));
    }

    /// Writes events down under one lock, in order; a shard calls this once per turn.
    pub fn record_all(&self, events: impl IntoIterator<Item = Event>) {
        let mut ring = self.0.ring.lock();
        let first = ring.next_seq;
        for mut event in events {
            if let Some(total) = self.0.totals.get(event.kind as usize) {
                total.fetch_add(1, Ordering::Relaxed);
            }
            event.seq = ring.next_seq;
            ring.next_seq += 1;
            ring.bytes += weight(&event);
            ring.events.push_back(event);
            while ring.events.len() > self.0.capacity.events || ring.bytes > self.0.capacity.bytes {
                match ring.events.pop_front() {
                    Some(oldest) => ring.bytes -= weight(&oldest),
                    None => break,
                }
            }
        }
        let newest = ring.next_seq - 1;
        drop(ring);
        if newest >= first && self.0.newest.receiver_count() > 0 {
            self.0.newest.send_replace(newest);
        }
    }

    /// The events that match, oldest first; with a limit the newest of them.
    pub fn find(&self, query: &Query) -> Vec<Event> {
        let ring = self.0.ring.lock();
        let limit = query.limit.unwrap_or(usize::MAX);
        let mut found: Vec<Event> =
            ring.events.iter().rev().filter(|event| query.accepts(event)).take(limit).cloned().collect();
        found.reverse();
        found
    }

    /// How many events match, limits ignored.
    pub fn count(&self, query: &Query) -> usize {
        self.0.ring.lock().events.iter().filter(|event| query.accepts(event)).count()
    }

    /// Everything that is kept with a sequence number above `seq`, oldest first.
    pub fn after(&self, seq: u64) -> Vec<Event> {
        let ring = self.0.ring.lock();
        let start = ring.events.partition_point(|event| event.seq <= seq);
        ring.events.range(start..).cloned().collect()
    }

    /// The sequence number of the newest event; changes wake its receivers.
    pub fn watch(&self) -> watch::Receiver<u64> {
        let receiver = self.0.newest.subscribe();
        let newest = self.0.ring.lock().next_seq - 1;
        self.0.newest.send_replace(newest);
        receiver
    }

    /// How many events of each kind there were since the start, forgotten ones included.
    pub fn totals(&self) -> impl Iterator<Item = (Kind, u64)> {
        Kind::ALL.iter().zip(&self.0.totals).map(|(kind, total)| (*kind, total.load(Ordering::Relaxed)))
    }

    /// Forgets everything; sequence numbers go on.
    pub fn clear(&self) {
        let mut ring = self.0.ring.lock();
        ring.events.clear();
        ring.bytes = 0;
    }
}

impl std::fmt::Debug for Journal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Journal({} events)", self.0.ring.lock().events.len())
    }
}

fn weight(event: &Event) -> usize {
    event.payload.as_ref().map_or(0, bytes::Bytes::len)
        + event.topic.as_ref().map_or(0, |topic| topic.len())
        + 64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Scope, Timestamp};

    fn event(topic: &str) -> Event {
        Event::new(&Scope::new("1", "r"), Timestamp::from_millis(5), Kind::Published).topic(topic)
    }

    #[test]
    fn the_oldest_events_go_first_and_sequence_numbers_go_on() {
        let journal = Journal::new(Capacity { events: 2, bytes: 1 << 20 });
        journal.record_all(["a", "b", "c"].map(event));
        let kept: Vec<_> = journal.after(0).into_iter().map(|event| event.seq).collect();
        assert_eq!(kept, [2, 3]);
        journal.clear();
        journal.record(event("d"));
        assert_eq!(journal.after(0).first().map(|event| event.seq), Some(4));
    }

    #[test]
    fn a_watcher_sees_the_newest_sequence_number() {
        let journal = Journal::default();
        let mut newest = journal.watch();
        newest.mark_unchanged();
        journal.record(event("a"));
        assert!(newest.has_changed().expect("the journal lives"));
        assert_eq!(*newest.borrow_and_update(), 1);
    }
}
