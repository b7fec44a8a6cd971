//! What other threads leave for a shard: one push, one wake-up.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::BytesMut;
use parking_lot::Mutex;
use thingstead_core::wiring::Errand;
use thingstead_core::{CertificateId, Publication, QoS, Scope};
use thingstead_mqtt_wire::{Connect, Decoder};
use thingstead_policy_engine::Applicable;
use thingstead_store::StoreError;
use tokio::sync::{Notify, oneshot};

use super::Shard;
use super::link::PortableLink;
use crate::connection::custom::{Admitted, Custom};
use crate::identity::Identity;
use crate::listener::mqtts::{Entrance, Knock};
use crate::router::shared::{Group, Member};
use crate::rows::Row;
use crate::slots::Key;

/// A letter.
pub(crate) enum Mail {
    /// A connection that has not said CONNECT.
    Arrived(Box<Arrival>),
    /// A listener to accept connections from.
    Listen(std::net::TcpListener, Box<Entrance>),
    /// A connection that has not shaken hands.
    Knocked(Box<Knock>),
    /// A connection whose client's home is here.
    Settle(Box<Settler>),
    /// Route this.
    Publish(Publication),
    /// Another shard routed this; sessions here want it.
    Deliver {
        /// What.
        publication: Arc<Publication>,
        /// To whom.
        targets: Vec<Target>,
    },
    /// One member of a shared group shall have this.
    Share {
        /// What.
        publication: Arc<Publication>,
        /// Of which group.
        group: Arc<Group>,
        /// Who is left to try; the first is here.
        candidates: Vec<Member>,
        /// Its row in the store.
        row: Option<Row>,
    },
    /// A group has messages waiting and this member here is connected.
    GroupReady(Key),
    /// The store has written what acknowledgements waited for.
    Durable {
        /// The acknowledgements.
        held: Vec<Held>,
        /// Whether it worked.
        outcome: Result<(), StoreError>,
    },
    /// A certificate left `ACTIVE` (POLICY-480).
    CertificateGone {
        /// Whose.
        scope: Scope,
        /// Which.
        certificate: CertificateId,
    },
    /// Something that a service does on this thread.
    Errand(Box<dyn Errand>),
    /// Anything else, with an answer of its own.
    Ask(Box<dyn FnOnce(&mut Shard) + Send>),
    /// End every connection; with `forget` also every session.
    CloseAll {
        /// Sessions, queues and all.
        forget: bool,
        /// Answered when it is done.
        done: oneshot::Sender<()>,
    },
}

/// A connection on its way to a shard.
pub(crate) struct Arrival {
    /// The socket.
    pub(crate) link: PortableLink,
    /// What came behind the handshake.
    pub(crate) plain: BytesMut,
    /// Who it is.
    pub(crate) peer: Peer,
}

/// A connection that said CONNECT and moves to its client's home.
pub(crate) struct Settler {
    /// As it arrived; `plain` is what followed CONNECT.
    pub(crate) arrival: Arrival,
    /// Where its decoder stands.
    pub(crate) decoder: Decoder,
    /// What it said.
    pub(crate) connect: Connect,
}

/// The other end.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    /// Who authenticated, and whose topics it sees.
    pub(crate) identity: Identity,
    /// From where.
    pub(crate) address: SocketAddr,
    /// To where.
    pub(crate) local: SocketAddr,
    /// Everything is allowed (the plain listener without a policy).
    pub(crate) open: bool,
    /// Over TLS.
    pub(crate) secure: bool,
    /// The host name the client asked for.
    pub(crate) server_name: Option<Arc<str>>,
    /// Present where a custom authorizer says who it is.
    pub(crate) custom: Option<Arc<Custom>>,
}

impl Peer {
    /// What a custom authorizer lets it do.
    pub(crate) fn documents(&self) -> &[Applicable] {
        self.admitted().map(|admitted| admitted.admission.documents.as_slice()).unwrap_or_default()
    }

    /// The custom authorizer's answer.
    pub(crate) fn admitted(&self) -> Option<&Admitted> {
        self.custom.as_ref()?.admitted.as_ref()
    }
}

/// A session that wants a message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target {
    /// Where on its shard.
    pub(crate) session: Key,
    /// At most with this.
    pub(crate) qos: QoS,
    /// The row of its copy in the store.
    pub(crate) row: Option<Row>,
}

/// An acknowledgement that waits for the store.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    /// For whom.
    pub(crate) connection: Key,
    /// What to send.
    pub(crate) frame: Vec<u8>,
    /// The packet identifier it frees.
    pub(crate) packet_id: u16,
}

/// Where letters lie.
#[derive(Default)]
pub(crate) struct Mailbox {
    letters: Mutex<Vec<Mail>>,
    bell: Notify,
}

impl Mailbox {
    /// Leaves a letter.
    pub(crate) fn push(&self, mail: Mail) {
        self.letters.lock().push(mail);
        self.bell.notify_one();
    }

    /// Leaves a letter without waking anybody; `true` when somebody has to [`Mailbox::ring`].
    pub(crate) fn push_quietly(&self, mail: Mail) -> bool {
        let mut letters = self.letters.lock();
        letters.push(mail);
        letters.len() == 1
    }

    /// Wakes the shard.
    pub(crate) fn ring(&self) {
        self.bell.notify_one();
    }

    /// Leaves several with one wake-up.
    pub(crate) fn push_all(&self, mail: &mut Vec<Mail>) {
        self.letters.lock().append(mail);
        self.bell.notify_one();
    }

    /// Waits for letters and swaps them for `empty`.
    pub(crate) async fn take(&self, empty: &mut Vec<Mail>) {
        loop {
            {
                let mut letters = self.letters.lock();
                if !letters.is_empty() {
                    return std::mem::swap(&mut *letters, empty);
                }
            }
            self.bell.notified().await;
        }
    }
}
