//! One bounded queue per destination, so that a slow receiver delays neither the broker nor other receivers.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use foldhash::quality::RandomState;
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

/// The queues of an engine, by destination.
#[derive(Debug)]
pub(crate) struct Lanes {
    runtime: Handle,
    lanes: Mutex<HashMap<String, Arc<Lane>, RandomState>>,
}

/// The queue of one destination.
#[derive(Debug)]
pub(crate) struct Lane {
    /// Deliveries under way at the same time.
    permits: Semaphore,
    waiting: AtomicUsize,
    bytes: AtomicUsize,
}

/// The queue of a destination is full: its receiver is slower than what is sent to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{waiting} deliveries are waiting for this destination already")]
pub(crate) struct LaneFull {
    pub(crate) waiting: usize,
}

impl Lanes {
    pub(crate) fn new(runtime: Handle) -> Self {
        Self { runtime, lanes: Mutex::default() }
    }

    /// Runs `work` on the engine's runtime as soon as the destination has room; first come, first served. `bytes` is what
    /// the work keeps in memory.
    pub(crate) fn spawn<W>(&self, destination: &str, bytes: usize, work: W) -> Result<(), LaneFull>
    where
        W: Future<Output = ()> + Send + 'static,
    {
        self.enter(&self.lane(destination), bytes)?.run(work);
        Ok(())
    }

    /// A place in a queue, for who has to prepare something before it can wait; `bytes` is what it will keep in memory.
    pub(crate) fn enter(&self, lane: &Arc<Lane>, bytes: usize) -> Result<Place, LaneFull> {
        let waiting = lane.waiting.fetch_add(1, Ordering::AcqRel);
        let kept = lane.bytes.fetch_add(bytes, Ordering::AcqRel);
        let leave = Leave { lane: Arc::clone(lane), bytes };
        if is_full(waiting, kept, bytes) {
            return Err(LaneFull { waiting });
        }
        Ok(Place { leave, runtime: self.runtime.clone() })
    }

    /// Runs something short later; it belongs to no destination.
    pub(crate) fn spawn_timer(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.runtime.spawn(work);
    }

    /// The queue of a destination. Who keeps it keeps it alive.
    pub(crate) fn lane(&self, destination: &str) -> Arc<Lane> {
        let mut lanes = self.lanes.lock();
        if let Some(lane) = lanes.get(destination) {
            return Arc::clone(lane);
        }
        if lanes.len() >= MAX_LANES {
            // Those that are waited in are held by who waits.
            lanes.retain(|_, lane| Arc::strong_count(lane) > 1);
        }
        let lane = Arc::new(Lane {
            permits: Semaphore::new(AT_ONCE),
            waiting: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
        });
        lanes.insert(destination.to_owned(), Arc::clone(&lane));
        lane
    }
}

impl Lane {
    /// Whether there is no room for so many bytes; asked before anything is prepared. Two reads, no lock.
    pub(crate) fn refuses(&self, bytes: usize) -> Option<LaneFull> {
        let waiting = self.waiting.load(Ordering::Acquire);
        is_full(waiting, self.bytes.load(Ordering::Acquire), bytes).then_some(LaneFull { waiting })
    }
}

/// A place in a queue; dropping it gives it back.
pub(crate) struct Place {
    leave: Leave,
    runtime: Handle,
}

impl Place {
    /// Runs `work` when its turn comes.
    pub(crate) fn run(self, work: impl Future<Output = ()> + Send + 'static) {
        let Self { leave, runtime } = self;
        runtime.spawn(async move {
            // The semaphore is never closed; without a permit the work still runs.
            let permit = leave.lane.permits.acquire().await;
            work.await;
            drop(permit);
        });
    }
}

/// Gives the place in the queue back, also when the work panics or is never started.
struct Leave {
    lane: Arc<Lane>,
    bytes: usize,
}

impl Drop for Leave {
    fn drop(&mut self) {
        self.lane.waiting.fetch_sub(1, Ordering::AcqRel);
        self.lane.bytes.fetch_sub(self.bytes, Ordering::AcqRel);
    }
}

const fn is_full(waiting: usize, kept: usize, bytes: usize) -> bool {
    waiting >= MAX_WAITING || waiting > 0 && kept.saturating_add(bytes) > MAX_WAITING_BYTES
}

/// Deliveries under way to one destination at the same time.
const AT_ONCE: usize = 8;
/// Deliveries one destination may have under way or waiting.
const MAX_WAITING: usize = 2_000;
/// Bytes one destination may have under way or waiting.
const MAX_WAITING_BYTES: usize = 32 * 1024 * 1024;
/// Destinations remembered before idle ones are forgotten.
const MAX_LANES: usize = 1_024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_destination_that_never_answers_fills_its_own_queue_only() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let lanes = Lanes::new(runtime.handle().clone());
        for _ in 0..MAX_WAITING {
            lanes.spawn("dead", 1, std::future::pending()).expect("room");
        }
        assert_eq!(lanes.spawn("dead", 1, async {}), Err(LaneFull { waiting: MAX_WAITING }));
        assert_eq!(lanes.lane("dead").refuses(1), Some(LaneFull { waiting: MAX_WAITING }));
        assert_eq!(lanes.lane("alive").refuses(1), None);
        lanes.spawn("alive", 1, async {}).expect("room");
        lanes.spawn("large", MAX_WAITING_BYTES * 2, async {}).expect("one large delivery may always wait");
        assert!(lanes.spawn("large", 1, async {}).is_err());
    }
}
