//! A connection: from the first byte to the last. One file for each packet a client may send.

pub(crate) mod ack;
pub(crate) mod connect;
pub(crate) mod custom;
pub(crate) mod disconnect;
pub(crate) mod keep_alive;
pub(crate) mod publish;
pub(crate) mod receive;
pub(crate) mod refuse;
pub(crate) mod subscribe;
pub(crate) mod throughput;
pub(crate) mod unsubscribe;
pub(crate) mod will;
pub(crate) mod wording;

use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use bytes::BytesMut;
use smallvec::SmallVec;
use thingstead_core::message::Sender;
use thingstead_core::{Scope, Timestamp};
use thingstead_mqtt_wire::{Decoder, Version, Will};

use self::throughput::Throughput;
use self::wording::Wording;
use crate::access::Access;
use crate::hub::SessionName;
use crate::router::space::{Seat, Space};
use crate::shard::link::Link;
use crate::shard::mail::Peer;
use crate::slots::Key;
use crate::throttle::Rate;

/// A socket with what is known about its other end.
pub(crate) struct Connection {
    /// The bytes' way in and out.
    pub(crate) link: Link,
    /// Makes packets of them.
    pub(crate) decoder: Decoder,
    /// The beginning of a packet.
    pub(crate) partial: BytesMut,
    /// Whether `partial` holds bytes nobody has looked at.
    pub(crate) unread: bool,
    /// Bytes of the last seconds (Q09).
    pub(crate) throughput: Throughput,
    /// Frames to write at the end of the turn.
    pub(crate) output: Vec<u8>,
    /// Whether the connection is on the turn's list of those.
    pub(crate) dirty: bool,
    /// Since when the other end has not taken what it was sent.
    pub(crate) blocked_since: Option<Timestamp>,
    /// The connection's task.
    pub(crate) waker: Option<Waker>,
    /// The client sends nothing more; it may still read.
    pub(crate) finished: bool,
    /// Ends when the output is written.
    pub(crate) leaving: bool,
    /// Not read until a custom authorizer has answered.
    pub(crate) asking: bool,
    /// Who is there.
    pub(crate) peer: Peer,
    /// When the first byte came.
    pub(crate) since: Timestamp,
    /// Present from an accepted CONNECT on.
    pub(crate) live: Option<Box<Live>>,
}

/// An accepted connection.
pub(crate) struct Live {
    /// Whose.
    pub(crate) name: SessionName,
    /// Its session on this shard.
    pub(crate) session: Key,
    pub(crate) version: Version,
    /// As rules and the journal see it.
    pub(crate) sender: Arc<Sender>,
    /// What it may do.
    pub(crate) access: Box<dyn Access>,
    /// Its topics.
    pub(crate) space: Arc<Space>,
    /// Its place among the connected clients of its account.
    pub(crate) _seat: Seat,
    /// In force.
    pub(crate) keep_alive: Duration,
    /// As asked for, in seconds.
    pub(crate) keep_alive_asked: u16,
    /// When the client last sent a packet.
    pub(crate) heard: Timestamp,
    /// Published unless the client says goodbye.
    pub(crate) will: Option<Will>,
    /// The client takes no larger packet.
    pub(crate) packet_limit: usize,
    /// Unacknowledged deliveries the client takes.
    pub(crate) window: usize,
    /// Inbound topic aliases, by number less one.
    pub(crate) aliases: Vec<Option<Arc<str>>>,
    /// How failures are told.
    pub(crate) wording: Wording,
    /// Inbound packet identifiers whose acknowledgement waits for the store.
    pub(crate) unacknowledged: SmallVec<[u16; 8]>,
    /// Publishes in this second, in and out.
    pub(crate) rate: Rate,
    /// Of the lifecycle events.
    pub(crate) version_number: u64,
    /// When CONNECT was accepted.
    pub(crate) connected_at: Timestamp,
    /// Clean Session or Clean Start with no expiry.
    pub(crate) clean: bool,
    /// Asked for at CONNECT or changed since, in seconds.
    pub(crate) session_expiry: u32,
    /// How long a custom authorizer's admission holds.
    pub(crate) lease: Option<Box<custom::Lease>>,
}

impl Connection {
    /// Whose account it is in.
    pub(crate) fn scope(&self) -> &Scope {
        &self.peer.identity.scope
    }

    /// The client id, once there is one.
    pub(crate) fn client(&self) -> Option<Arc<str>> {
        self.live.as_ref().map(|live| live.name.client.shared())
    }

    /// What waits for the other end, in bytes.
    pub(crate) fn waiting(&self) -> usize {
        self.output.len() + self.link.backlog()
    }
}
