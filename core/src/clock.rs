//! Time, injected. Only this module reads the system clock, so tests and labs can move time.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// A timestamp of epoch milliseconds.
    #[inline]
    pub const fn from_millis(ms: i64) -> Self {
        Self(ms)
    }

    /// Epoch milliseconds.
    #[inline]
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Epoch seconds, rounded down, as shadow metadata and the APIs' timestamps want them.
    pub const fn as_secs(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// Epoch seconds with milliseconds as fraction, the REST-JSON timestamp form.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1000.0
    }

    /// The time that lies `by` later; saturates at the end of time.
    #[inline]
    pub fn plus(self, by: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX)))
    }

    /// How long it takes from `earlier` until this time; zero when it lies before.
    #[inline]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

/// RFC 3339 in UTC with milliseconds: `2026-11-21T09:21:00.123Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(time) => write!(f, "{time:.3}"),
            Err(_) => write!(f, "{}ms", self.0),
        }
    }
}

/// The one source of time. Cheap to clone; all clones move together.
///
/// Time is the system's time plus an offset that [`Clock::advance`] grows; a frozen clock stands still until it is
/// advanced or thawed. Timers wait with [`Clock::sleep_until`]-like loops over [`Clock::moved`], so a jump fires them at once.
#[derive(Clone)]
pub struct Clock(Arc<Inner>);

struct Inner {
    offset_ms: AtomicI64,
    /// `i64::MIN` while the clock runs, else the time at which it stands.
    frozen_at_ms: AtomicI64,
    /// Serialises movers; readers take no lock.
    moving: Mutex<()>,
    moved: watch::Sender<u64>,
}

const RUNNING: i64 = i64::MIN;

impl Clock {
    /// A clock that shows the system's time.
    pub fn system() -> Self {
        Self(Arc::new(Inner {
            offset_ms: AtomicI64::new(0),
            frozen_at_ms: AtomicI64::new(RUNNING),
            moving: Mutex::new(()),
            moved: watch::channel(0).0,
        }))
    }

    /// A clock that stands at `at` until it is advanced or thawed; for tests.
    pub fn frozen_at(at: Timestamp) -> Self {
        let clock = Self::system();
        clock.0.frozen_at_ms.store(at.0, Ordering::Release);
        clock
    }

    /// The time now.
    #[inline]
    pub fn now(&self) -> Timestamp {
        match self.0.frozen_at_ms.load(Ordering::Acquire) {
            RUNNING => Timestamp(system_ms().saturating_add(self.0.offset_ms.load(Ordering::Acquire))),
            frozen => Timestamp(frozen),
        }
    }

    /// Moves time forward and wakes everybody who waits for it.
    pub fn advance(&self, by: Duration) {
        let _moving = self.0.moving.lock();
        let by_ms = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        let frozen = self.0.frozen_at_ms.load(Ordering::Acquire);
        if frozen == RUNNING {
            let offset = self.0.offset_ms.load(Ordering::Acquire).saturating_add(by_ms);
            self.0.offset_ms.store(offset, Ordering::Release);
        } else {
            self.0.frozen_at_ms.store(frozen.saturating_add(by_ms), Ordering::Release);
        }
        self.0.moved.send_modify(|generation| *generation += 1);
    }

    /// Stops time where it is, or lets it run on from where it stands.
    pub fn freeze(&self, freeze: bool) {
        let _moving = self.0.moving.lock();
        let frozen = self.0.frozen_at_ms.load(Ordering::Acquire);
        if freeze && frozen == RUNNING {
            self.0.frozen_at_ms.store(self.now().0, Ordering::Release);
        } else if !freeze && frozen != RUNNING {
            self.0.offset_ms.store(frozen.saturating_sub(system_ms()), Ordering::Release);
            self.0.frozen_at_ms.store(RUNNING, Ordering::Release);
        }
        self.0.moved.send_modify(|generation| *generation += 1);
    }

    /// Back to the system's time, running.
    pub fn reset(&self) {
        let _moving = self.0.moving.lock();
        self.0.offset_ms.store(0, Ordering::Release);
        self.0.frozen_at_ms.store(RUNNING, Ordering::Release);
        self.0.moved.send_modify(|generation| *generation += 1);
    }

    /// Whether time stands still.
    pub fn is_frozen(&self) -> bool {
        self.0.frozen_at_ms.load(Ordering::Acquire) != RUNNING
    }

    /// How far this clock is ahead of the system's.
    pub fn offset_ms(&self) -> i64 {
        self.now().0.saturating_sub(system_ms())
    }

    /// Changes whenever time was moved by hand. A timer selects on this next to its real sleep and looks at
    /// [`Clock::now`] again.
    pub fn moved(&self) -> watch::Receiver<u64> {
        self.0.moved.subscribe()
    }

    /// How long a timer for `deadline` should really sleep before it looks again; `None` while the clock stands still.
    pub fn real_wait(&self, deadline: Timestamp) -> Option<Duration> {
        let wait = deadline.since(self.now());
        if wait.is_zero() { Some(wait) } else { (!self.is_frozen()).then_some(wait) }
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clock({}{})", self.now(), if self.is_frozen() { ", frozen" } else { "" })
    }
}

/// A reading of real time, which no test moves: for how long a thread was away, not for when something happened.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the system clock")]
pub fn instant() -> Instant {
    Instant::now()
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the system clock")]
fn system_ms() -> i64 {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
        Err(before) => -i64::try_from(before.duration().as_millis()).unwrap_or(i64::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frozen_clock_moves_only_by_hand_and_runs_on_from_there() {
        let clock = Clock::frozen_at(Timestamp::from_millis(1_000));
        assert_eq!(clock.now().as_millis(), 1_000);
        clock.advance(Duration::from_secs(2));
        assert_eq!(clock.now().as_millis(), 3_000);
        assert_eq!(clock.real_wait(Timestamp::from_millis(4_000)), None);
        assert_eq!(clock.real_wait(Timestamp::from_millis(3_000)), Some(Duration::ZERO));
        clock.freeze(false);
        assert!((3_000..4_000).contains(&clock.now().as_millis()));
    }

    #[test]
    fn timestamps_print_as_rfc_3339() {
        assert_eq!(Timestamp::from_millis(1_767_225_600_123).to_string(), "2026-01-01T00:00:00.123Z");
    }
}
