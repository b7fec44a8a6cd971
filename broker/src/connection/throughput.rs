//! How many bytes a connection may move in a second (Q09): what is beyond waits, in both directions.

use thingstead_core::Timestamp;

use crate::shard::Shard;
use crate::shard::timers::Timer;
use crate::slots::Key;

/// Bytes that were read and written, less what the time since has made good.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Throughput {
    second: i64,
    bytes: usize,
    /// Whether a timer will wake the connection.
    waiting: bool,
}

impl Throughput {
    fn count(&mut self, now: Timestamp, bytes: usize, most: usize) {
        self.settle(now, most);
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// Whether the connection has to wait.
    fn is_over(&mut self, now: Timestamp, most: usize) -> bool {
        self.settle(now, most);
        self.bytes >= most
    }

    fn settle(&mut self, now: Timestamp, most: usize) {
        let passed = usize::try_from(now.as_secs() - self.second).unwrap_or(0);
        if passed > 0 {
            self.second = now.as_secs();
            self.bytes = self.bytes.saturating_sub(most.saturating_mul(passed));
        }
    }
}

impl Shard {
    /// Counts bytes of a connection, read or written.
    pub(crate) fn count_bytes(&mut self, key: Key, bytes: usize) {
        if bytes == 0 || !self.hub.settings.throttles {
            return;
        }
        let (now, most) = (self.now, self.hub.settings.rates.bytes_of_connection);
        if let Some(connection) = self.connections.get_mut(key) {
            connection.throughput.count(now, bytes, most);
        }
    }

    /// Whether the connection has moved as much in this second as it may; it is woken when it may go on.
    pub(crate) fn must_pause(&mut self, key: Key) -> bool {
        if !self.hub.settings.throttles {
            return false;
        }
        let (now, most) = (self.now, self.hub.settings.rates.bytes_of_connection);
        let Some(connection) = self.connections.get_mut(key) else { return false };
        if !connection.throughput.is_over(now, most) {
            return false;
        }
        if !std::mem::replace(&mut connection.throughput.waiting, true) {
            let next = Timestamp::from_millis((now.as_secs() + 1).saturating_mul(1000));
            self.timers.add(next, Timer::GoOn(key));
        }
        true
    }

    /// A new second: the connection reads and writes again, if it may.
    pub(crate) fn resume_traffic(&mut self, key: Key) {
        let Some(connection) = self.connections.get_mut(key) else { return };
        connection.throughput.waiting = false;
        if self.must_pause(key) {
            return;
        }
        if let Some(waker) = self.connections.get(key).and_then(|connection| connection.waker.as_ref()) {
            waker.wake_by_ref();
        }
        self.mark(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_makes_good_what_a_second_allows() {
        // Q09
        let (mut throughput, at) = (Throughput::default(), |ms| Timestamp::from_millis(ms));
        throughput.count(at(1000), 99, 100);
        assert!(!throughput.is_over(at(1999), 100));
        throughput.count(at(1999), 151, 100);
        assert!(throughput.is_over(at(1999), 100) && throughput.is_over(at(2000), 100));
        assert!(!throughput.is_over(at(3000), 100));
        assert!(!throughput.is_over(at(500), 100), "a clock that is set back makes nobody wait");
    }
}
