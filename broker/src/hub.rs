//! What all shards share.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use dashmap::DashMap;
use thingstead_core::wiring::{ReservedService, RuleSink};
use thingstead_core::{ClientId, Clock, Ids, Journal, Scope};
use thingstead_store::{Store, StoreError};

use crate::access::AccessControl;
use crate::bounds::Bounds;
use crate::connection::custom::Authenticator;
use crate::faults::Faults;
use crate::identity::Gate;
use crate::router::space::Spaces;
use crate::settings::Settings;
use crate::shard::mail::Mailbox;
use crate::slots::Key;

/// The broker without its threads.
pub(crate) struct Hub {
    pub(crate) settings: Settings,
    pub(crate) bounds: Bounds,
    pub(crate) clock: Clock,
    pub(crate) ids: Ids,
    pub(crate) journal: Journal,
    pub(crate) store: Store,
    pub(crate) access: Arc<dyn AccessControl>,
    pub(crate) gate: Arc<Gate>,
    pub(crate) spaces: Spaces,
    /// The clients that are connected, and where.
    pub(crate) connected: DashMap<SessionName, Place>,
    /// One for each shard.
    pub(crate) mailboxes: Vec<Mailbox>,
    /// Set when the broker starts to serve.
    pub(crate) wiring: OnceLock<Wiring>,
    /// What shall go wrong.
    pub(crate) faults: Faults,
    /// Whether each PINGREQ leaves a journal event.
    pub(crate) pings_told: AtomicBool,
    /// Who asks custom authorizers.
    pub(crate) authenticator: OnceLock<Authenticator>,
    /// Why the database failed, from the first change that was not written on.
    pub(crate) damage: OnceLock<String>,
    /// The number of the next stored copy of a message.
    pub(crate) next_row: AtomicU64,
}

/// Who else sees messages.
#[derive(Default)]
pub(crate) struct Wiring {
    pub(crate) services: Vec<Arc<dyn ReservedService>>,
    pub(crate) rules: Option<Arc<dyn RuleSink>>,
}

/// A client in its scope: what a session belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct SessionName {
    pub(crate) scope: Scope,
    pub(crate) client: ClientId,
}

/// Where a client is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) shard: u16,
    pub(crate) connection: Key,
    pub(crate) session: Key,
}

impl Hub {
    /// The shard that owns the client's session, now and for ever.
    pub(crate) fn home(&self, name: &SessionName) -> u16 {
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        let shards = self.mailboxes.len().max(1) as u64;
        u16::try_from(hasher.finish() % shards).unwrap_or(0)
    }

    /// The number of the next stored copy: they are sorted by when they were stored.
    pub(crate) fn next_row(&self) -> u64 {
        self.next_row.fetch_add(1, Ordering::Relaxed)
    }

    /// A change was not written: what is in memory will not be there after a restart. Nothing new is accepted from now on.
    pub(crate) fn note_damage(&self, error: &StoreError) {
        // A store that is closed belongs to a server that stops.
        if !matches!(error, StoreError::Closed) && self.damage.set(error.to_string()).is_ok() {
            tracing::error!(%error, "the database failed; no client is accepted until the server is started again");
        }
    }

    /// Who else sees messages.
    pub(crate) fn wiring(&self) -> Option<&Wiring> {
        self.wiring.get()
    }
}
