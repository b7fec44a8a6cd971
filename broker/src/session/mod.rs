//! Sessions: what a client is owed, connected or not.

pub(crate) mod deliver;
pub(crate) mod direct;
pub(crate) mod expiry;
pub(crate) mod open;
pub(crate) mod pace;
pub(crate) mod storage;
pub(crate) mod stored;
pub(crate) mod subscriptions;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use thingstead_core::{Publication, QoS, Timestamp};
use thingstead_mqtt_wire::{PacketId, Version};
use tokio::sync::oneshot;

use self::pace::Pace;
use crate::hub::SessionName;
use crate::router::SessionKey;
use crate::router::shared::Group;
use crate::router::space::Space;
use crate::rows::Row;
use crate::slots::Key;

/// A session.
pub(crate) struct Session {
    /// Where it is.
    pub(crate) key: SessionKey,
    /// Whose.
    pub(crate) name: SessionName,
    /// Its topics.
    pub(crate) space: Arc<Space>,
    /// It can be resumed by the version that made it only (MQTT-157).
    pub(crate) version: Version,
    /// Seconds it outlives its connection; 0 for not at all.
    pub(crate) expiry: u32,
    /// Under which number its messages are stored; `None` when it does not outlive its connection.
    pub(crate) storage: Option<u64>,
    /// By filter as the client wrote it.
    pub(crate) subscriptions: BTreeMap<Arc<str>, Held>,
    /// The client's connection.
    pub(crate) connection: Option<Key>,
    /// Since when there is none.
    pub(crate) left_at: Option<Timestamp>,
    /// QoS 1 deliveries the client has not acknowledged, oldest first.
    pub(crate) in_flight: VecDeque<Outstanding>,
    /// The last packet identifier that was used.
    pub(crate) last_id: PacketId,
    /// QoS 1 deliveries beyond the client's window (MQTT-093).
    pub(crate) waiting: VecDeque<Delivery>,
    /// QoS 1 messages from while the client was away, oldest first.
    pub(crate) stored: VecDeque<Delivery>,
    /// How fast those are sent.
    pub(crate) pace: Pace,
    /// Whether a timer looks at `in_flight`.
    pub(crate) retrying: bool,
    /// Whether a timer looks at `stored`.
    pub(crate) pacing: bool,
}

/// A subscription of a session.
#[derive(Clone)]
pub(crate) struct Held {
    /// Granted.
    pub(crate) qos: QoS,
    /// Not what this client publishes itself.
    pub(crate) no_local: bool,
    /// The group of a shared subscription.
    pub(crate) group: Option<Arc<Group>>,
}

/// A message on its way to one client.
pub(crate) struct Delivery {
    /// What.
    pub(crate) publication: Arc<Publication>,
    /// With which quality of service.
    pub(crate) qos: QoS,
    /// The RETAIN flag: set on copies that a SUBSCRIBE brought about (MQTT-146).
    pub(crate) retain: bool,
    /// Its stored copy.
    pub(crate) row: Option<Row>,
    /// The group through which it came.
    pub(crate) group: Option<Arc<Group>>,
    /// Told when the client acknowledges it.
    pub(crate) confirm: Option<oneshot::Sender<()>>,
}

impl Delivery {
    /// A message to a subscriber as it is published.
    pub(crate) fn live(publication: Arc<Publication>, qos: QoS, row: Option<Row>) -> Self {
        Self { publication, qos, retain: false, row, group: None, confirm: None }
    }
}

/// A delivery the client has not acknowledged.
pub(crate) struct Outstanding {
    /// Under which identifier.
    pub(crate) id: PacketId,
    /// What.
    pub(crate) delivery: Delivery,
    /// When it was first sent.
    pub(crate) first: Timestamp,
    /// When it was last sent.
    pub(crate) last: Timestamp,
}

/// A session that a CONNECT found or made.
pub(crate) struct Opened {
    /// Where it is.
    pub(crate) session: Key,
    /// Whether it was there before.
    pub(crate) present: bool,
}
