//! Counts deliveries and their latencies inside the measured window.

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

/// Shared by the tasks of one scenario, which all run on one thread.
pub(crate) struct Meter {
    origin: Instant,
    measuring: Cell<bool>,
    delivered: Cell<u64>,
    /// Microseconds.
    latencies: RefCell<Vec<u32>>,
}

/// What was seen between start and end of the window.
pub(crate) struct Reading {
    pub(crate) delivered: u64,
    pub(crate) elapsed: Duration,
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
}

impl Meter {
    pub(crate) fn new() -> Self {
        Self {
            origin: now(),
            measuring: Cell::new(false),
            delivered: Cell::new(0),
            latencies: RefCell::default(),
        }
    }

    /// The time, as publishers write it into payloads.
    pub(crate) fn stamp(&self) -> [u8; STAMP_BYTES] {
        let nanos = u64::try_from(self.origin.elapsed().as_nanos()).unwrap_or(u64::MAX);
        nanos.to_be_bytes()
    }

    /// A message has arrived; its payload starts with a stamp.
    pub(crate) fn arrived(&self, payload: &[u8]) {
        let Some(stamp) = payload.first_chunk::<STAMP_BYTES>() else { return };
        let sent = Duration::from_nanos(u64::from_be_bytes(*stamp));
        self.took(self.origin.elapsed().saturating_sub(sent));
    }

    /// Something was done, and took so long.
    pub(crate) fn took(&self, latency: Duration) {
        if self.measuring.get() {
            self.delivered.set(self.delivered.get() + 1);
            self.latencies.borrow_mut().push(u32::try_from(latency.as_micros()).unwrap_or(u32::MAX));
        }
    }

    /// Opens the window for `length`.
    pub(crate) async fn window(&self, length: Duration) -> Reading {
        self.delivered.set(0);
        self.latencies.borrow_mut().clear();
        let start = now();
        self.measuring.set(true);
        tokio::time::sleep(length).await;
        self.measuring.set(false);
        let elapsed = start.elapsed();
        let mut latencies = self.latencies.borrow_mut();
        latencies.sort_unstable();
        let percentile = |percent: usize| {
            let micros = latencies.get(latencies.len() * percent / 100).copied().unwrap_or_default();
            Duration::from_micros(u64::from(micros))
        };
        Reading { delivered: self.delivered.get(), elapsed, p50: percentile(50), p99: percentile(99) }
    }
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

pub(crate) const STAMP_BYTES: usize = 8;
