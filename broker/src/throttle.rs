//! Rates per second, for those who want AWS's (`throttles`): MQTT-055, MQTT-096, MQTT-150, MQTT-166.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use thingstead_core::{ClientId, Timestamp};

/// CONNECTs of an account (Q02).
const CONNECTS: u32 = 3000;
/// CONNECTs with one client id (Q03).
const CONNECTS_OF_CLIENT: u32 = 1;
/// Publishes of one connection, in and out (Q08).
const PUBLISHES: u32 = 100;
/// Retained publishes of an account (Q26).
const RETAINED: u32 = 500;
/// Retained publishes to one topic (Q27).
const RETAINED_ON_TOPIC: u32 = 1;
/// Messages stored for offline sessions of an account (Q29).
const QUEUED: u32 = 500;

/// How often something happened in the current second.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rate {
    second: i64,
    count: u32,
}

impl Rate {
    /// Counts one more, unless there have been `most` in this second.
    fn take(&mut self, now: Timestamp, most: u32) -> bool {
        if self.second != now.as_secs() {
            *self = Self { second: now.as_secs(), count: 0 };
        }
        let allowed = self.count < most;
        self.count += u32::from(allowed);
        allowed
    }

    /// Counts a publish of a connection.
    pub(crate) fn publish(&mut self, now: Timestamp) -> bool {
        self.take(now, PUBLISHES)
    }
}

/// What happened in one scope in the current second.
#[derive(Default)]
pub(crate) struct Throttles(Mutex<Counts>);

#[derive(Default)]
struct Counts {
    second: i64,
    connects: Rate,
    retained: Rate,
    queued: Rate,
    by_client: HashMap<ClientId, Rate>,
    by_topic: HashMap<Arc<str>, Rate>,
}

impl Counts {
    /// Names of past seconds are of no use.
    fn at(&mut self, now: Timestamp) -> &mut Self {
        if self.second != now.as_secs() {
            self.second = now.as_secs();
            self.by_client.clear();
            self.by_topic.clear();
        }
        self
    }
}

impl Throttles {
    /// Counts a CONNECT; `Err` says which rate was exceeded.
    pub(crate) fn connect(&self, now: Timestamp, client: &ClientId) -> Result<(), &'static str> {
        let mut counts = self.0.lock();
        let counts = counts.at(now);
        if !counts.by_client.entry(client.clone()).or_default().take(now, CONNECTS_OF_CLIENT) {
            return Err("more than one CONNECT per second with this client id");
        }
        if !counts.connects.take(now, CONNECTS) {
            return Err("more than 3000 CONNECTs per second in this account");
        }
        Ok(())
    }

    /// Counts a retained publish; `Err` says which rate was exceeded.
    pub(crate) fn retain(&self, now: Timestamp, topic: &Arc<str>) -> Result<(), &'static str> {
        let mut counts = self.0.lock();
        let counts = counts.at(now);
        if !counts.by_topic.entry(Arc::clone(topic)).or_default().take(now, RETAINED_ON_TOPIC) {
            return Err("more than one retained publish per second to this topic");
        }
        if !counts.retained.take(now, RETAINED) {
            return Err("more than 500 retained publishes per second in this account");
        }
        Ok(())
    }

    /// Counts a message stored for an offline session.
    pub(crate) fn queue(&self, now: Timestamp) -> bool {
        self.0.lock().queued.take(now, QUEUED)
    }
}
