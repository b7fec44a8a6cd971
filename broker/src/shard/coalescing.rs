//! Lets a little work gather before it is done, as network cards do with their interrupts.
//!
//! A shard that is faster than its clients finds one or two messages each time it looks at its sockets, and pays for each look,
//! for the turn behind it, and often for going to sleep and being woken: a tenth of all it does with a hundred clients in
//! lock-step. So when it looks very often, finds little and is not fully busy, it sleeps for a moment before it looks. That costs
//! a message a tenth of a millisecond at most, and nobody anything while a shard has less to do, or more than it can do, or
//! while waiting brings nothing together.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use thingstead_core::clock;

/// Decides before each look whether to wait. Knows no clock of its own.
#[derive(Debug)]
struct Coalescing {
    phase: Phase,
    /// When the phase began; `None` before the first look.
    since: Option<Instant>,
    /// In this phase.
    looks: u32,
    /// Sockets that brought something in this phase.
    reads: u32,
    /// How long it had nothing to do in this phase.
    idle: Duration,
    parked: Option<Instant>,
    /// How many looks the next rest takes.
    rest: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Finding out what there is to do, without waiting.
    Watching,
    /// Waiting before each look.
    Gathering,
    /// Not waiting, because it brought nothing together.
    Resting,
}

impl Coalescing {
    const fn new() -> Self {
        Self {
            phase: Phase::Watching,
            since: None,
            looks: 0,
            reads: 0,
            idle: Duration::ZERO,
            parked: None,
            rest: SHORTEST_REST,
        }
    }

    /// Called when nothing is left to do but to look; whether to wait first.
    fn before_look(&mut self, now: Instant) -> bool {
        let since = *self.since.get_or_insert(now);
        match self.phase {
            Phase::Watching if self.looks >= WATCHED => {
                let elapsed = now.saturating_duration_since(since);
                let often = elapsed <= OFTEN * self.looks;
                let not_fully_busy = self.idle * IDLE_SHARE >= elapsed;
                let little = self.reads <= self.looks * WORTHWHILE;
                let next = if often && not_fully_busy && little { Phase::Gathering } else { Phase::Watching };
                self.begin(next, now);
            }
            Phase::Gathering if self.looks >= TRIED && self.reads < self.looks * WORTHWHILE => {
                self.begin(Phase::Resting, now);
            }
            Phase::Gathering if self.looks >= GATHERED => {
                self.rest = SHORTEST_REST;
                self.begin(Phase::Watching, now);
            }
            Phase::Resting if self.looks >= self.rest => {
                self.rest = self.rest.saturating_mul(2).min(LONGEST_REST);
                self.begin(Phase::Watching, now);
            }
            Phase::Watching | Phase::Gathering | Phase::Resting => {}
        }
        self.looks += 1;
        self.parked = Some(now);
        self.phase == Phase::Gathering
    }

    /// Called when the look brought something.
    fn after_look(&mut self, now: Instant) {
        if let Some(parked) = self.parked.take() {
            self.idle += now.saturating_duration_since(parked).saturating_sub(LOOK);
        }
    }

    fn begin(&mut self, phase: Phase, now: Instant) {
        *self = Self { phase, since: Some(now), rest: self.rest, ..Self::new() };
    }
}

thread_local! {
    static HERE: RefCell<Coalescing> = const { RefCell::new(Coalescing::new()) };
}

/// A socket of this thread brought something.
pub(crate) fn note_read() {
    HERE.with_borrow_mut(|here| here.reads = here.reads.saturating_add(1));
}

/// For the runtime of a shard: before it looks.
pub(crate) fn before_look() {
    if HERE.with_borrow_mut(|here| here.before_look(clock::instant())) {
        std::thread::sleep(MOMENT);
    }
}

/// For the runtime of a shard: after it has looked.
pub(crate) fn after_look() {
    HERE.with_borrow_mut(|here| here.after_look(clock::instant()));
}

/// Systems add the slack of their timers, so it is 60 to 90 microseconds on Linux.
const MOMENT: Duration = Duration::from_micros(10);
/// So many looks tell what there is to do.
const WATCHED: u32 = 64;
/// A look takes so long when there is something to see at once.
const LOOK: Duration = Duration::from_micros(3);
/// Looks are frequent at this distance.
const OFTEN: Duration = Duration::from_micros(50);
/// A shard is not fully busy when it is idle for one part in so many.
const IDLE_SHARE: u32 = 20;
/// So many sockets a look are enough: less is worth waiting for, and waiting is worth it for more.
const WORTHWHILE: u32 = 4;
/// After so many looks it is known whether waiting brings anything together.
const TRIED: u32 = 8;
/// After so many it is asked again whether the shard is fully busy.
const GATHERED: u32 = 256;
const SHORTEST_REST: u32 = 4 * 1024;
const LONGEST_REST: u32 = 256 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    /// A shard whose time passes as it looks and reads, and how often it waited.
    struct Life {
        coalescing: Coalescing,
        start: Instant,
        now: Duration,
        waits: u32,
    }

    impl Life {
        fn new() -> Self {
            let (start, now) = (clock::instant(), Duration::ZERO);
            Self { coalescing: Coalescing::new(), start, now, waits: 0 }
        }

        /// One look, which finds what `found` says when it is told how long the shard waited; each socket takes 8 µs.
        fn look(&mut self, idle: Duration, found: impl FnOnce(bool) -> u32) {
            let wait = self.coalescing.before_look(self.start + self.now);
            self.waits += u32::from(wait);
            self.now += if wait { Duration::from_micros(80) } else { idle };
            self.coalescing.after_look(self.start + self.now);
            let reads = found(wait);
            self.coalescing.reads += reads;
            self.now += Duration::from_micros(8) * reads;
        }
    }

    const SHORT: Duration = Duration::from_micros(4);

    #[test]
    fn many_clients_that_are_a_little_slower_are_gathered() {
        let mut life = Life::new();
        (0..10_000).for_each(|_| life.look(SHORT, |waited| if waited { 9 } else { 1 }));
        assert!(life.waits > 7_000, "{}", life.waits);
    }

    #[test]
    fn one_client_in_lock_step_hardly_ever_waits() {
        let mut life = Life::new();
        (0..1_000_000).for_each(|_| life.look(SHORT, |_| 1));
        assert!((1..200).contains(&life.waits), "{}", life.waits);
    }

    #[test]
    fn a_shard_that_is_fully_busy_or_seldom_has_anything_to_do_never_waits() {
        for (idle, found) in [(Duration::ZERO, 1), (SHORT, 40), (Duration::from_millis(1), 1)] {
            let mut life = Life::new();
            (0..10_000).for_each(|_| life.look(idle, |_| found));
            assert_eq!(life.waits, 0, "{idle:?} {found}");
        }
    }

    #[test]
    fn it_ends_soon_when_the_shard_becomes_fully_busy() {
        let mut life = Life::new();
        (0..2_000).for_each(|_| life.look(SHORT, |waited| if waited { 9 } else { 1 }));
        life.waits = 0;
        (0..10_000).for_each(|_| life.look(Duration::ZERO, |waited| if waited { 9 } else { 2 }));
        assert!(life.waits <= GATHERED, "{}", life.waits);
    }
}
