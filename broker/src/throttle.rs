//! Rates per second, for those who want AWS's (`throttles`): MQTT-055, MQTT-096, MQTT-150, MQTT-166, Q06, Q07, Q09, Q24, Q32.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use thingstead_core::journal::Cause;
use thingstead_core::{ClientId, Timestamp};

/// How often a second something may happen. `Rates::default()` is AWS's in large Regions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rates {
    /// CONNECTs of an account (Q02).
    pub connects: u32,
    /// CONNECTs with one client id (Q03).
    pub connects_of_client: u32,
    /// Publishes of an account's clients; what their shadow updates bring about counts, too (Q06, MQTT-192).
    pub publishes_in: u32,
    /// Messages to an account's clients (Q07).
    pub publishes_out: u32,
    /// Publishes of one connection, in and out (Q08).
    pub publishes_of_connection: u32,
    /// Bytes that one connection reads and writes (Q09).
    pub bytes_of_connection: usize,
    /// Filters subscribed to in an account (Q24).
    pub subscriptions: u32,
    /// Filters subscribed to and given up in one shared group (Q32).
    pub group_changes: u32,
    /// Retained publishes of an account (Q26).
    pub retained: u32,
    /// Retained publishes to one topic (Q27).
    pub retained_on_topic: u32,
    /// Messages stored for offline sessions of an account (Q29).
    pub queued: u32,
}

impl Default for Rates {
    fn default() -> Self {
        Self {
            connects: 3000,
            connects_of_client: 1,
            publishes_in: 20_000,
            publishes_out: 20_000,
            publishes_of_connection: 100,
            bytes_of_connection: 512 * 1024,
            subscriptions: 3000,
            group_changes: 100,
            retained: 500,
            retained_on_topic: 1,
            queued: 500,
        }
    }
}

/// A rate that was exceeded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Exceeded {
    /// Which kind of rate, for metrics.
    pub(crate) cause: Cause,
    /// For a person.
    pub(crate) why: String,
}

impl Exceeded {
    /// More than `most` of `what`.
    pub(crate) fn new(cause: Cause, most: u32, what: &str) -> Self {
        Self { cause, why: format!("more than {most} {what}") }
    }

    /// More publishes of one connection than it may have in a second (MQTT-096).
    pub(crate) fn on_connection(rates: &Rates) -> Self {
        let what = "publishes per second on this connection";
        Self::new(Cause::ConnectionThrottle, rates.publishes_of_connection, what)
    }
}

/// How often something happened in the current second.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rate {
    second: i64,
    count: u32,
}

impl Rate {
    /// Counts one more, unless there have been `most` in this second.
    pub(crate) fn take(&mut self, now: Timestamp, most: u32) -> bool {
        if self.second != now.as_secs() {
            *self = Self { second: now.as_secs(), count: 0 };
        }
        let allowed = self.count < most;
        self.count += u32::from(allowed);
        allowed
    }
}

/// What happened in one scope in the current second.
#[derive(Default)]
pub(crate) struct Throttles(Mutex<Counts>);

#[derive(Default)]
struct Counts {
    second: i64,
    connects: Rate,
    publishes_in: Rate,
    publishes_out: Rate,
    subscriptions: Rate,
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
    pub(crate) fn connect(&self, now: Timestamp, client: &ClientId, rates: &Rates) -> Result<(), Exceeded> {
        let mut counts = self.0.lock();
        let counts = counts.at(now);
        let most = rates.connects_of_client;
        if !counts.by_client.entry(client.clone()).or_default().take(now, most) {
            let what = "CONNECT per second with this client id";
            return Err(Exceeded::new(Cause::ClientIdThrottle, most, what));
        }
        if !counts.connects.take(now, rates.connects) {
            let what = "CONNECTs per second in this account";
            return Err(Exceeded::new(Cause::Throttle, rates.connects, what));
        }
        Ok(())
    }

    /// Counts a publish of a client.
    pub(crate) fn publish_in(&self, now: Timestamp, rates: &Rates) -> Result<(), Exceeded> {
        if self.0.lock().publishes_in.take(now, rates.publishes_in) {
            return Ok(());
        }
        let what = "publishes per second by the clients of this account";
        Err(Exceeded::new(Cause::Throttle, rates.publishes_in, what))
    }

    /// Counts a message to a client.
    pub(crate) fn publish_out(&self, now: Timestamp, rates: &Rates) -> Result<(), Exceeded> {
        if self.0.lock().publishes_out.take(now, rates.publishes_out) {
            return Ok(());
        }
        let what = "messages per second to the clients of this account";
        Err(Exceeded::new(Cause::Throttle, rates.publishes_out, what))
    }

    /// Counts a filter that is subscribed to.
    pub(crate) fn subscribe(&self, now: Timestamp, rates: &Rates) -> Result<(), Exceeded> {
        if self.0.lock().subscriptions.take(now, rates.subscriptions) {
            return Ok(());
        }
        let what = "subscriptions per second in this account";
        Err(Exceeded::new(Cause::Throttle, rates.subscriptions, what))
    }

    /// Counts a retained publish; `Err` says which rate was exceeded.
    pub(crate) fn retain(&self, now: Timestamp, topic: &Arc<str>, rates: &Rates) -> Result<(), Exceeded> {
        let mut counts = self.0.lock();
        let counts = counts.at(now);
        let most = rates.retained_on_topic;
        if !counts.by_topic.entry(Arc::clone(topic)).or_default().take(now, most) {
            let what = "retained publish per second to this topic";
            return Err(Exceeded::new(Cause::RetainThrottle, most, what));
        }
        if !counts.retained.take(now, rates.retained) {
            let what = "retained publishes per second in this account";
            return Err(Exceeded::new(Cause::RetainThrottle, rates.retained, what));
        }
        Ok(())
    }

    /// Counts a message stored for an offline session.
    pub(crate) fn queue(&self, now: Timestamp, rates: &Rates) -> bool {
        self.0.lock().queued.take(now, rates.queued)
    }
}
