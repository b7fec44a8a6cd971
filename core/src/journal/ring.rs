//! The journal itself: a bounded ring in memory, and live subscriptions to it.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::watch;

use super::{Cause, Event, KeptTale, Kind, Protocol, Query, Record, Tale, Tally};

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
    ring: Mutex<Ring>,
    capacity: Capacity,
    /// The sequence number of the newest event.
    newest: watch::Sender<u64>,
}

/// Sequence numbers are not kept: the newest record has the one before `next_seq`, and there are no gaps.
struct Ring {
    records: VecDeque<Record>,
    bytes: usize,
    next_seq: u64,
    /// How many events there ever were, by [`place`].
    totals: Vec<u64>,
}

impl Ring {
    fn count(&mut self, kind: Kind, cause: Cause, protocol: Protocol) {
        if let Some(total) = self.totals.get_mut(place(kind, cause, protocol)) {
            *total += 1;
        }
    }

    /// The sequence number of the oldest record, or of the next one when there is none.
    fn first_seq(&self) -> u64 {
        self.next_seq.saturating_sub(self.records.len() as u64)
    }

    /// The records with their numbers, oldest first, of those after `seq`.
    fn after(&self, seq: u64) -> impl DoubleEndedIterator<Item = (u64, &Record)> {
        let first = self.first_seq();
        let skipped = usize::try_from(seq.saturating_add(1).saturating_sub(first)).unwrap_or(usize::MAX);
        let skipped = skipped.min(self.records.len());
        self.records
            .range(skipped..)
            .enumerate()
            .map(move |(index, record)| (first + (skipped + index) as u64, record))
    }

    /// Forgets the oldest records until the rest is within the capacity.
    fn shrink(&mut self, capacity: Capacity) {
        let mut surplus = self.records.len().saturating_sub(capacity.events);
        let mut bytes = self.bytes;
        for (index, record) in self.records.iter().enumerate() {
            if index >= surplus && bytes <= capacity.bytes {
                break;
            }
            bytes -= record.bytes();
            surplus = surplus.max(index + 1);
        }
        self.bytes = bytes;
        self.records.drain(..surplus);
    }
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
            ring: Mutex::new(Ring {
                records: VecDeque::new(),
                bytes: 0,
                next_seq: 1,
                totals: vec![0; Kind::ALL.len() * PLACES],
            }),
            capacity,
            newest: watch::channel(0).0,
        }))
    }

    /// Writes an event down.
    pub fn record(&self, event: impl Into<Record>) {
        self.record_all(std::iter::once(event));
    }

    /// Writes an event down and answers its number.
    pub fn record_numbered(&self, event: impl Into<Record>) -> u64 {
        self.append(std::iter::once(event))
    }

    /// Writes events down under one lock, in order; a shard calls this once per turn.
    pub fn record_all(&self, events: impl IntoIterator<Item = impl Into<Record>>) {
        self.append(events);
    }

    /// The answer is the number of the newest event.
    fn append(&self, events: impl IntoIterator<Item = impl Into<Record>>) -> u64 {
        let mut ring = self.0.ring.lock();
        let first = ring.next_seq;
        for record in events {
            let record = record.into();
            ring.count(record.kind(), record.cause(), record.protocol());
            ring.next_seq += 1;
            ring.bytes += record.bytes();
            ring.records.push_back(record);
        }
        ring.shrink(self.0.capacity);
        let newest = ring.next_seq - 1;
        drop(ring);
        if newest >= first && self.0.newest.receiver_count() > 0 {
            self.0.newest.send_replace(newest);
        }
        newest
    }

    /// The tales that are wanted, oldest first; of more than `limit` the newest.
    pub fn tales(&self, wanted: impl Fn(Kind, &dyn Tale) -> bool, limit: usize) -> Vec<KeptTale> {
        let ring = self.0.ring.lock();
        let is_wanted = |record: &Record| record.as_tale().is_some_and(|tale| wanted(record.kind(), tale));
        let newest_first = ring.after(0).rev().filter(|(_, record)| is_wanted(record));
        let mut found: Vec<KeptTale> =
            newest_first.take(limit).filter_map(|(seq, record)| record.kept_tale(seq)).collect();
        drop(ring);
        found.reverse();
        found
    }

    /// Counts an event without writing it down.
    pub fn tally(&self, kind: Kind, cause: Cause, protocol: Protocol) {
        self.0.ring.lock().count(kind, cause, protocol);
    }

    /// The events that match, oldest first; with a limit the newest of them.
    pub fn find(&self, query: &Query) -> Vec<Event> {
        let limit = query.limit.unwrap_or(usize::MAX);
        // Payloads are parsed when nobody waits for the lock any more.
        let most = if query.jsonpath.is_some() { usize::MAX } else { limit };
        let ring = self.0.ring.lock();
        let candidates = ring.after(query.after_seq.unwrap_or(0)).rev();
        let found: Vec<(u64, Record)> = candidates
            .filter(|(seq, record)| query.accepts_all_but_payload(&record.facts(*seq)))
            .take(most)
            .map(|(seq, record)| (seq, record.clone()))
            .collect();
        drop(ring);
        let mut found: Vec<Event> = found
            .into_iter()
            .filter(|(seq, record)| query.path_accepts(record.facts(*seq).payload))
            .take(limit)
            .map(|(seq, record)| record.event(seq))
            .collect();
        found.reverse();
        found
    }

    /// How many events match, limits ignored.
    pub fn count(&self, query: &Query) -> usize {
        if query.jsonpath.is_some() {
            return self.find(&Query { limit: None, ..query.clone() }).len();
        }
        let ring = self.0.ring.lock();
        let candidates = ring.after(query.after_seq.unwrap_or(0));
        candidates.filter(|(seq, record)| query.accepts_all_but_payload(&record.facts(*seq))).count()
    }

    /// Everything that is kept with a sequence number above `seq`, oldest first.
    pub fn after(&self, seq: u64) -> Vec<Event> {
        self.kept_after(seq, usize::MAX)
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
        let totals = self.0.ring.lock().totals.clone();
        let sums: Vec<u64> = totals.chunks(PLACES).map(|totals| totals.iter().sum()).collect();
        Kind::ALL.iter().copied().zip(sums)
    }

    /// The same by cause and protocol, without those that never happened.
    pub fn tallies(&self) -> Vec<Tally> {
        let totals = self.0.ring.lock().totals.clone();
        let mut tallies = Vec::new();
        for &kind in Kind::ALL {
            for &cause in Cause::ALL {
                for &protocol in Protocol::ALL {
                    let count = totals.get(place(kind, cause, protocol)).copied().unwrap_or_default();
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
        let events = self.kept_after(seq, limit);
        let missed = events.first().map_or(0, |first| first.seq.saturating_sub(seq + 1));
        (events, missed)
    }

    fn kept_after(&self, seq: u64, limit: usize) -> Vec<Event> {
        let ring = self.0.ring.lock();
        let kept = ring.after(seq).take(limit);
        let kept: Vec<(u64, Record)> = kept.map(|(seq, record)| (seq, record.clone())).collect();
        drop(ring);
        kept.into_iter().map(|(seq, record)| record.event(seq)).collect()
    }

    /// The sequence number of the newest event; 0 before the first.
    pub fn newest(&self) -> u64 {
        self.0.ring.lock().next_seq - 1
    }

    /// Forgets everything; sequence numbers go on.
    pub fn clear(&self) {
        let mut ring = self.0.ring.lock();
        let forgotten = std::mem::take(&mut ring.records);
        ring.bytes = 0;
        drop(ring);
        drop(forgotten);
    }
}

impl std::fmt::Debug for Journal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Journal({} events)", self.0.ring.lock().records.len())
    }
}

/// The place of a counter among all.
const fn place(kind: Kind, cause: Cause, protocol: Protocol) -> usize {
    (kind as usize * Cause::ALL.len() + cause as usize) * Protocol::ALL.len() + protocol as usize
}

/// The counters of one kind.
const PLACES: usize = Cause::ALL.len() * Protocol::ALL.len();

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
    fn bytes_are_bounded_too_and_questions_see_the_right_numbers() {
        let journal = Journal::new(Capacity { events: 100, bytes: 3 * (64 + 1) });
        journal.record_all(["a", "b", "c", "d", "e"].map(event));
        let seqs = |query: &Query| journal.find(query).iter().map(|event| event.seq).collect::<Vec<_>>();
        assert_eq!(seqs(&Query::default()), [3, 4, 5]);
        assert_eq!(seqs(&Query { after_seq: Some(4), ..Query::default() }), [5]);
        assert_eq!(seqs(&Query { limit: Some(2), ..Query::default() }), [4, 5]);
        assert_eq!(seqs(&Query { topic: Some("d".to_owned()), ..Query::default() }), [4]);
        assert_eq!(journal.count(&Query { limit: Some(1), ..Query::default() }), 3);
        assert_eq!(journal.after(u64::MAX).len(), 0);
        let published = journal.totals().find(|(kind, _)| *kind == Kind::Published);
        assert_eq!(published, Some((Kind::Published, 5)));
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
