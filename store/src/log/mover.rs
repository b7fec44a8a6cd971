//! The thread that sees to it that the log does not grow: it reads what rests, and asks the writer to put it where it belongs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use super::Newest;
use crate::commit::Commit;
use crate::queue::{Order, Queue};
use crate::{StoreError, Table};

/// How much there is to move, as the writer tells it.
#[derive(Default)]
pub(crate) struct Watch {
    /// Bytes in the file that is written to.
    bytes: AtomicU64,
    /// How often something was appended.
    appended: AtomicU64,
    closed: Mutex<bool>,
    bell: Condvar,
}

impl Watch {
    /// The file that is written to has grown to so many bytes.
    pub(super) fn grown(&self, bytes: u64) {
        self.appended.fetch_add(1, Ordering::Relaxed);
        if self.bytes.swap(bytes, Ordering::Relaxed) == 0 {
            // Under the lock, so that it does not come between the mover's look and its sleep.
            let _closed = self.closed.lock();
            self.bell.notify_one();
        }
    }

    /// Nothing is in the file that is written to.
    pub(super) fn emptied(&self) {
        self.bytes.store(0, Ordering::Relaxed);
    }

    /// The mover shall end.
    pub(crate) fn close(&self) {
        *self.closed.lock() = true;
        self.bell.notify_one();
    }

    /// Waits for something to move; `false` at the end.
    fn wait_for_rows(&self) -> bool {
        let mut closed = self.closed.lock();
        while !*closed && self.bytes.load(Ordering::Relaxed) == 0 {
            self.bell.wait(&mut closed);
        }
        !*closed
    }

    /// Waits a while; `false` at the end.
    fn pause(&self, pause: Duration) -> bool {
        let mut closed = self.closed.lock();
        if !*closed {
            let _ = self.bell.wait_for(&mut closed, pause);
        }
        !*closed
    }
}

/// What the thread needs.
pub(crate) struct Mover {
    pub(crate) queue: Arc<Queue>,
    pub(crate) watch: Arc<Watch>,
    pub(crate) tables: Vec<Table>,
    pub(crate) pace: Pace,
}

/// When rows move.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// Between two looks; without a change between two of them the log is moved.
    pub(crate) pause: Duration,
    /// So many bytes are moved even if changes go on. A shadow is some hundred bytes, so that with a hundred thousand of them,
    /// all changing, each is put into its table about once for every six changes.
    pub(crate) bytes: u64,
    /// Rows of one transaction, for which the changes that come meanwhile wait.
    pub(crate) rows: usize,
}

impl Default for Pace {
    fn default() -> Self {
        Self { pause: Duration::from_secs(1), bytes: 256 * 1024 * 1024, rows: 500 }
    }
}

impl Mover {
    /// Works until the watch is closed.
    pub(crate) fn run(self) {
        while self.watch.wait_for_rows() {
            let mut seen = self.watch.appended.load(Ordering::Relaxed);
            while self.watch.pause(self.pace.pause) {
                let appended = self.watch.appended.load(Ordering::Relaxed);
                let is_idle = std::mem::replace(&mut seen, appended) == appended;
                let is_long = self.watch.bytes.load(Ordering::Relaxed) > self.pace.bytes;
                if !is_idle && !is_long {
                    continue;
                }
                match self.step() {
                    Ok(()) => break,
                    // The writer moved everything itself meanwhile, or it is at its end.
                    Err(StoreError::Closed) => break,
                    // The rows are still in the log; the next look tries again.
                    Err(error) => tracing::error!(%error, "what is in the log cannot be moved to its tables"),
                }
            }
        }
    }

    /// Moves one file.
    fn step(&self) -> Result<(), StoreError> {
        let (reply, answer) = mpsc::sync_channel(1);
        self.queue.push(Order::Rotate(reply));
        // No answer: there is nothing to move, or the store is closed, which the next look will tell.
        let Ok(resting) = answer.recv() else { return Ok(()) };
        let mut rows = Newest::read(&resting, &self.tables)?;
        while let Some(changes) = rows.next(self.pace.rows)? {
            self.order(|promise| Order::Move(resting.turn, changes, promise))?;
        }
        self.order(|promise| Order::Moved(resting.turn, promise))
    }

    fn order(&self, order: impl FnOnce(crate::commit::Promise) -> Order) -> Result<(), StoreError> {
        let (commit, promise) = Commit::pending();
        self.queue.push(order(promise));
        commit.wait()
    }
}
