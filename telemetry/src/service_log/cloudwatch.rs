//! Entries on their way to CloudWatch Logs: gathered, bounded, sent in the order of time.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use thingstead_core::{Scope, Timestamp};
use thingstead_rules::{LogEvent, LogWriter};
use tokio::sync::mpsc;

/// A bounded queue in front of a task that sends.
pub(super) struct Outbox {
    queue: mpsc::Sender<Parcel>,
    /// Entries that found the queue full.
    lost: AtomicU64,
}

struct Parcel {
    scope: Scope,
    group: String,
    event: LogEvent,
}

impl Outbox {
    /// Starts the task that sends; it ends with the outbox, after what is queued.
    pub(super) fn start(writer: LogWriter) -> Self {
        let (queue, parcels) = mpsc::channel(QUEUED);
        tokio::spawn(send(writer, parcels));
        Self { queue, lost: AtomicU64::new(0) }
    }

    /// Queues an entry; one that finds the queue full is lost, which is told once a thousand times.
    pub(super) fn put(&self, scope: &Scope, group: &str, at: Timestamp, message: String) {
        let event = LogEvent { at, message };
        if self.queue.try_send(Parcel { scope: scope.clone(), group: group.to_owned(), event }).is_err()
            && self.lost.fetch_add(1, Ordering::Relaxed).is_multiple_of(1000)
        {
            tracing::warn!("CloudWatch Logs does not keep up; entries of the service log are not sent");
        }
    }
}

async fn send(writer: LogWriter, mut parcels: mpsc::Receiver<Parcel>) {
    let mut received = Vec::new();
    while parcels.recv_many(&mut received, MOST_EVENTS).await > 0 {
        let mut batches: HashMap<(Scope, String), Vec<LogEvent>> = HashMap::new();
        for Parcel { scope, group, event } in received.drain(..) {
            batches.entry((scope, group)).or_default().push(event);
        }
        for ((scope, group), events) in batches {
            for events in portions(events) {
                if let Err(error) = writer.put(&scope, &group, events).await {
                    tracing::warn!(%group, %error, "entries of the service log were not sent");
                }
            }
        }
        // A busy moment's entries go together.
        tokio::time::sleep(GATHER).await;
    }
}

/// Portions that one call takes, each in the order of time.
fn portions(mut events: Vec<LogEvent>) -> Vec<Vec<LogEvent>> {
    events.sort_by_key(|event| event.at);
    let mut portions = Vec::new();
    let (mut portion, mut bytes) = (Vec::new(), 0);
    for event in events {
        let weight = event.message.len() + EVENT_WEIGHT;
        if !portion.is_empty() && bytes + weight > MOST_BYTES {
            portions.push(std::mem::take(&mut portion));
            bytes = 0;
        }
        bytes += weight;
        portion.push(event);
    }
    if !portion.is_empty() {
        portions.push(portion);
    }
    portions
}

/// Entries that may wait.
const QUEUED: usize = 50_000;
/// Entries of one call.
const MOST_EVENTS: usize = 5000;
/// Bytes of one call.
const MOST_BYTES: usize = 1_000_000;
/// What an entry counts beyond its text.
const EVENT_WEIGHT: usize = 26;
/// The pause between calls.
const GATHER: Duration = Duration::from_millis(200);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn portions_are_bounded_and_in_the_order_of_time() {
        let event = |at, length| LogEvent { at: Timestamp::from_millis(at), message: "x".repeat(length) };
        let portions = portions(vec![event(3, 600_000), event(1, 300_000), event(2, 300_000)]);
        let times: Vec<Vec<i64>> = portions
            .iter()
            .map(|portion| portion.iter().map(|event| event.at.as_millis()).collect())
            .collect();
        assert_eq!(times, [vec![1, 2], vec![3]]);
    }
}
