//! The journal itself: a bounded ring in memory, and live subscriptions to it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use tokio::sync::watch;

use super::{Cause, Event, Kind, Protocol, Query, Tally};

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
    /// How many events there ever were, by [`place`].
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
            totals: (0..Kind::ALL.len() * PLACES).map(|_| AtomicU64::new(0)).collect(),
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
            self.tally(event.kind, event.cause(), event.protocol());
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

    /// Counts an event without writing it down.
    pub fn tally(&self, kind: Kind, cause: Cause, protocol: Protocol) {
        if let Some(total) = self.0.totals.get(place(kind, cause, protocol)) {
            total.fetch_add(1, Ordering::Relaxed);
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
        let sum = |totals: &[AtomicU64]| totals.iter().map(|total| total.load(Ordering::Relaxed)).sum();
        Kind::ALL.iter().zip(self.0.totals.chunks(PLACES)).map(move |(kind, totals)| (*kind, sum(totals)))
    }

    /// The same by cause and protocol, without those that never happened.
    pub fn tallies(&self) -> Vec<Tally> {
        let mut tallies = Vec::new();
        for &kind in Kind::ALL {
            for &cause in Cause::ALL {
                for &protocol in Protocol::ALL {
                    let total = self.0.totals.get(place(kind, cause, protocol));
                    let count = total.map_or(0, |total| total.load(Ordering::Relaxed));
                    if count > 0 {
                        tallies.push(Tally { kind, cause, protocol, count });
                    }
                }
            }
        }
        tallies
    }

    /// Up to `limit` events behind `seq`, oldest first, and how many in between are forgotten already.
    pub fn batch_after(&self, seq: u64, limit: usize) -> (Vec<Event>, u64) {
        let ring = self.0.ring.lock();
        let start = ring.events.partition_point(|event| event.seq <= seq);
        let events: Vec<Event> = ring.events.range(start..).take(limit).cloned().collect();
        let missed = events.first().map_or(0, |first| first.seq.saturating_sub(seq + 1));
        (events, missed)
    }

    /// The sequence number of the newest event; 0 before the first.
    pub fn newest(&self) -> u64 {
        self.0.ring.lock().next_seq - 1
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

/// The place of a counter among all.
const fn place(kind: Kind, cause: Cause, protocol: Protocol) -> usize {
    (kind as usize * Cause::ALL.len() + cause as usize) * Protocol::ALL.len() + protocol as usize
}

/// The counters of one kind.
const PLACES: usize = Cause::ALL.len() * Protocol::ALL.len();

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
    fn events_are_read_in_batches_and_counted_for_ever() {
        let journal = Journal::new(Capacity { events: 3, bytes: 1 << 20 });
        journal.record_all(["a", "b", "c", "d", "e"].map(event));
        journal.tally(Kind::Pinged, Cause::None, Protocol::Mqtt);
        let seqs = |(events, missed): (Vec<Event>, u64)| {
            (events.into_iter().map(|event| event.seq).collect::<Vec<_>>(), missed)
        };
        assert_eq!(seqs(journal.batch_after(0, 2)), (vec![3, 4], 2));
        assert_eq!(seqs(journal.batch_after(4, 2)), (vec![5], 0));
        assert_eq!(seqs(journal.batch_after(5, 2)), (vec![], 0));
        assert_eq!(journal.newest(), 5);
        let inside = |kind, count| Tally { kind, cause: Cause::None, protocol: Protocol::Inside, count };
        let pinged = Tally { protocol: Protocol::Mqtt, ..inside(Kind::Pinged, 1) };
        assert_eq!(journal.tallies(), [inside(Kind::Published, 5), pinged]);
        let total = |wanted| journal.totals().find(|(kind, _)| *kind == wanted).map(|(_, total)| total);
        assert_eq!((total(Kind::Published), total(Kind::Pinged)), (Some(5), Some(1)));
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
