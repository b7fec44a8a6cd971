//! What is remembered of clients that went away, over restarts (MQTT-209, MQTT-239 to MQTT-242).

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thingstead_core::{ClientId, Scope, ThingName, Timestamp};
use thingstead_store::StoreError;
use tokio::sync::oneshot;

use crate::bounds::REMEMBER;
use crate::broker::Broker;
use crate::ending::Reason;
use crate::hub::SessionName;
use crate::presence::{Left, Remembered};
use crate::rows::CLIENTS;
use crate::shard::Shard;
use crate::shard::mail::Mail;
use crate::shard::timers::Timer;

/// A client that went away, for those who keep an account of connections over restarts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Departed {
    /// Whose account.
    pub scope: Scope,
    /// Which client.
    pub client: ClientId,
    /// When.
    pub at: Timestamp,
    /// Why.
    pub reason: Reason,
}

impl Broker {
    /// The clients whose last connection ended not long ago, as the database has them.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn departed(&self) -> Result<Vec<Departed>, StoreError> {
        let mut departed = Vec::new();
        self.hub.store.rows(CLIENTS, |row| {
            let left = row.document.as_text().and_then(ClientRow::read).and_then(|client| client.left);
            if let Some(Left { at, reason, .. }) = left {
                departed.push(Departed { scope: row.scope, client: ClientId::from(row.key), at, reason });
            }
        })?;
        Ok(departed)
    }

    /// Resolves when every client that has gone so far is on its way to the database, before whatever is queued there next.
    pub async fn save_departed(&self) {
        let asked = self.hub.mailboxes.iter().map(|mailbox| {
            let (tell, told) = oneshot::channel();
            mailbox.push(Mail::Ask(Box::new(move |shard| {
                shard.save_departed();
                shard.commit();
                // Whoever asked may have stopped waiting.
                let _ = tell.send(());
            })));
            told
        });
        for told in asked.collect::<Vec<_>>() {
            // A shard that has stopped has written everything down.
            let _ = told.await;
        }
    }
}

impl Shard {
    /// Has what is remembered of a client whose connection ended written down soon. A row of its own for each that goes, each
    /// waiting for the disk, would cost a reconnecting fleet more than its handshakes.
    pub(crate) fn save_later(&mut self, name: &SessionName) {
        let Some(remembered) = self.remembered.get_mut(name) else { return };
        if std::mem::replace(&mut remembered.unsaved, true) {
            return;
        }
        if self.departed.is_empty() {
            self.timers.add(self.now.plus(SAVED_WITHIN), Timer::Departed);
        }
        self.departed.push(name.clone());
    }

    /// Writes down what is remembered of the clients that went since the last time.
    pub(crate) fn save_departed(&mut self) {
        for name in std::mem::take(&mut self.departed) {
            let Some(remembered) = self.remembered.get_mut(&name) else { continue };
            remembered.unsaved = false;
            if let Some(row) = ClientRow::of(remembered) {
                let SessionName { scope, client } = name;
                self.store(|batch| batch.put(CLIENTS, &scope, client.to_string(), row));
            }
        }
    }

    /// Reads back what was remembered when the server stopped.
    pub(crate) fn load_remembered(&mut self) {
        let hub = Arc::clone(&self.hub);
        let loaded = hub.store.rows(CLIENTS, |row| {
            let name = SessionName { scope: row.scope, client: ClientId::from(row.key) };
            if hub.home(&name) == self.id
                && let Some(remembered) = row.document.as_text().and_then(ClientRow::read)
            {
                self.remembered.insert(name, remembered);
            }
        });
        if let Err(error) = loaded {
            tracing::error!(%error, "what is remembered of clients cannot be read");
        }
        if !self.remembered.is_empty() {
            self.timers.add(self.now.plus(REMEMBER), Timer::Forget);
        }
    }
}

/// A row.
#[derive(Serialize, Deserialize)]
struct ClientRow {
    next_version: u64,
    left_at_ms: i64,
    reason: String,
    clean: bool,
    keep_alive: u16,
    session_expiry: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    thing: Option<String>,
}

impl ClientRow {
    fn of(remembered: &Remembered) -> Option<String> {
        let left = remembered.left.as_ref()?;
        let row = Self {
            next_version: remembered.next_version,
            left_at_ms: left.at.as_millis(),
            reason: left.reason.name().to_owned(),
            clean: left.clean,
            keep_alive: left.keep_alive,
            session_expiry: left.session_expiry,
            thing: left.thing.as_ref().map(ToString::to_string),
        };
        serde_json::to_string(&row).ok()
    }

    fn read(text: &str) -> Option<Remembered> {
        let row: Self = serde_json::from_str(text).ok()?;
        let left = Left {
            at: Timestamp::from_millis(row.left_at_ms),
            reason: Reason::from_name(&row.reason)?,
            clean: row.clean,
            keep_alive: row.keep_alive,
            session_expiry: row.session_expiry,
            thing: row.thing.as_deref().map(ThingName::from),
        };
        let next_version = row.next_version + SKIPPED;
        Some(Remembered { next_version, left: Some(left), unsaved: false })
    }
}

/// Who goes is written down this soon; a server that is killed forgets those of its last second.
const SAVED_WITHIN: Duration = Duration::from_secs(1);
/// A server that was killed had no time to write down how often the client came back in that second: so many version numbers
/// are skipped, and they still rise (MQTT-209).
const SKIPPED: u64 = 100;
