//! How fast stored messages are sent (MQTT-164, MQTT-138).

use std::time::Duration;

use thingstead_core::Timestamp;

/// A count against the clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    since: Timestamp,
    sent: u64,
}

impl Pace {
    /// Begins to count.
    pub(crate) const fn from(now: Timestamp) -> Self {
        Self { since: now, sent: 0 }
    }

    /// Whether one more may be sent now; counts it if so.
    pub(crate) fn take(&mut self, now: Timestamp, per_second: Option<u64>) -> bool {
        let Some(per_second) = per_second else { return true };
        if self.due(per_second) > now {
            return false;
        }
        self.sent += 1;
        true
    }

    /// When one more may be sent.
    pub(crate) fn due(&self, per_second: u64) -> Timestamp {
        self.since.plus(Duration::from_millis(self.sent.saturating_mul(1000) / per_second.max(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_a_second_and_a_jump_of_time_lets_the_rest_out() {
        // MQTT-164
        let start = Timestamp::from_millis(5_000);
        let mut pace = Pace::from(start);
        assert!(pace.take(start, Some(10)));
        assert!(!pace.take(start, Some(10)));
        assert!(!pace.take(start.plus(Duration::from_millis(99)), Some(10)));
        assert!(pace.take(start.plus(Duration::from_millis(100)), Some(10)));
        let later = start.plus(Duration::from_secs(10));
        assert_eq!((0..1000).filter(|_| pace.take(later, Some(10))).count(), 99);
        assert!(pace.take(start, None));
    }
}
