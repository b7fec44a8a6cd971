//! A shard: one thread that owns whole connections, their sessions and their output buffers.
//!
//! Everything a packet causes on its own shard happens in one call chain over `&mut Shard`, without locks, channels or task
//! switches: the packet is read, judged and routed, frames are appended to the receivers' output buffers, and at the end of the
//! turn each dirty buffer is written once ([`turn`]). Other shards get one batch of [`mail`] a turn.

pub(crate) mod coalescing;
pub(crate) mod letters;
pub(crate) mod link;
pub(crate) mod mail;
pub(crate) mod thread;
pub(crate) mod timers;
pub(crate) mod turn;
pub(crate) mod turnstile;

use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;

use bytes::BytesMut;
use foldhash::fast::RandomState;
use thingstead_core::journal::{Event, Kind, Record};
use thingstead_core::{Payloads, Publication, Scope, Timestamp};
use thingstead_store::Batch;

use self::link::Lent;
use self::mail::{Held, Mail};
use self::timers::Timers;
use self::turn::Signal;
use crate::connection::Connection;
use crate::faults::Waiting;
use crate::hub::{Hub, SessionName};
use crate::presence::Remembered;
use crate::router::recent::Recent;
use crate::router::services::Request;
use crate::router::trie::Matches;
use crate::session::Session;
use crate::slots::{Key, Slots};

/// A shard's whole state.
pub(crate) struct Shard {
    /// Its number.
    pub(crate) id: u16,
    /// What all shards share.
    pub(crate) hub: Arc<Hub>,
    /// Sockets.
    pub(crate) connections: Slots<Connection>,
    /// Sessions, connected or not.
    pub(crate) sessions: Slots<Session>,
    /// The sessions by client.
    pub(crate) by_name: HashMap<SessionName, Key, RandomState>,
    /// What is remembered of clients beyond their sessions.
    pub(crate) remembered: HashMap<SessionName, Remembered, RandomState>,
    /// Those of them that went and are not written down yet.
    pub(crate) departed: Vec<SessionName>,
    /// Lifecycle events that are held back (MQTT-210).
    pub(crate) late_events: Vec<Publication>,
    /// What shall happen when.
    pub(crate) timers: Timers,
    /// The time of this step; the clock is asked once per step.
    pub(crate) now: Timestamp,
    /// What faults hold back.
    pub(crate) waiting: Waiting,
    /// What this turn has gathered.
    pub(crate) turn: Turn,
    /// Tells the turn loop that there is something to do.
    pub(crate) signal: Rc<Signal>,
    /// Buffers lent to whoever reads or writes.
    pub(crate) lent: Lent,
    /// The buffer that packets are read from.
    pub(crate) input: BytesMut,
    /// Where payloads are kept.
    pub(crate) payloads: Payloads,
    /// Output buffers nobody uses.
    pub(crate) spare: Vec<Vec<u8>>,
    /// Matches of the last topics.
    pub(crate) recent: Recent,
    /// Memory of the last match.
    pub(crate) matches: Matches,
}

/// What happened since the last writes.
#[derive(Default)]
pub(crate) struct Turn {
    /// Connections with something to write.
    pub(crate) dirty: Vec<Key>,
    /// Journal events in order.
    pub(crate) events: Vec<Record>,
    /// Letters by shard.
    pub(crate) mail: Vec<Vec<Mail>>,
    /// Changes of the database.
    pub(crate) batch: Batch,
    /// Acknowledgements that wait for `batch`, and for what services have queued.
    pub(crate) held: Vec<Held>,
    /// Empty; where the answers of services are gathered in the next turn.
    pub(crate) answers: Vec<Publication>,
    /// Requests to services, in order.
    pub(crate) requests: VecDeque<Request>,
    /// Services have queued changes in the store.
    pub(crate) storing: bool,
}

impl Shard {
    /// An empty shard.
    pub(crate) fn new(id: u16, hub: Arc<Hub>, signal: Rc<Signal>) -> Self {
        let shards = hub.mailboxes.len();
        let now = hub.clock.now();
        Self {
            id,
            hub,
            connections: Slots::default(),
            sessions: Slots::default(),
            by_name: HashMap::default(),
            remembered: HashMap::default(),
            departed: Vec::new(),
            late_events: Vec::new(),
            timers: Timers::default(),
            waiting: Waiting::default(),
            now,
            turn: Turn { mail: (0..shards).map(|_| Vec::new()).collect(), ..Turn::default() },
            signal,
            lent: Lent::default(),
            input: BytesMut::new(),
            payloads: Payloads::default(),
            spare: Vec::new(),
            recent: Recent::default(),
            matches: Matches::default(),
        }
    }

    /// Asks the clock; the first thing of every step.
    pub(crate) fn step(&mut self) {
        self.now = self.hub.clock.now();
    }

    /// Writes an event down at the end of the turn.
    pub(crate) fn record(&mut self, event: impl Into<Record>) {
        self.turn.events.push(event.into());
        self.signal.raise();
    }

    /// An event of this moment.
    pub(crate) fn event(&self, scope: &Scope, kind: Kind) -> Event {
        Event::new(scope, self.now, kind)
    }

    /// Leaves a letter for a shard, sent at the end of the turn.
    pub(crate) fn send(&mut self, shard: u16, mail: Mail) {
        if let Some(letters) = self.turn.mail.get_mut(usize::from(shard)) {
            letters.push(mail);
        }
        self.signal.raise();
    }

    /// The connection has something to write.
    pub(crate) fn mark(&mut self, key: Key) {
        if let Some(connection) = self.connections.get_mut(key)
            && !connection.dirty
        {
            connection.dirty = true;
            self.turn.dirty.push(key);
            self.signal.raise();
        }
    }

    /// Adds changes to the turn's batch.
    pub(crate) fn store(&mut self, change: impl FnOnce(&mut Batch)) {
        change(&mut self.turn.batch);
        self.signal.raise();
    }
}
