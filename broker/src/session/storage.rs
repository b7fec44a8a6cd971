//! Sessions as rows of the database.

use std::collections::HashSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thingstead_core::{Timestamp, topic};
use thingstead_mqtt_wire::Version;
use thingstead_store::{Batch, Store, StoreError};

use super::Session;
use crate::router::shared::Group;
use crate::rows::{QUEUE, SESSIONS, parse_row_key};

/// Removes stored copies whose session or group is gone: another thread may have stored them while it ended.
pub(crate) fn sweep(store: &Store) -> Result<(), StoreError> {
    let mut known = HashSet::new();
    store.rows(SESSIONS, |row| {
        let session = row.document.as_text().and_then(|text| serde_json::from_str::<SessionRow>(text).ok());
        let Some(session) = session else { return };
        known.extend(session.storage());
        for subscription in &session.subscriptions {
            if let Ok(Some(share)) = topic::share_of(&subscription.filter) {
                known.insert(Group::new(share.group, share.filter).storage);
            }
        }
    })?;
    let mut batch = Batch::new();
    let mut orphans = 0_usize;
    store.rows(QUEUE, |row| {
        if parse_row_key(&row.key).is_none_or(|found| !known.contains(&found.storage)) {
            orphans += 1;
            batch.delete(QUEUE, &row.scope, row.key);
        }
    })?;
    if orphans > 0 {
        tracing::info!(orphans, "removed stored messages that nobody waits for");
        // Nobody waits for it; what is not removed now is removed at the next start.
        drop(store.commit(batch));
    }
    Ok(())
}

/// A session's row.
#[derive(Serialize, Deserialize)]
pub(crate) struct SessionRow {
    pub(crate) storage: String,
    pub(crate) mqtt_level: u8,
    pub(crate) expiry_seconds: u32,
    pub(crate) left_at_ms: Option<i64>,
    pub(crate) subscriptions: Vec<SubscriptionRow>,
}

/// A subscription in a session's row.
#[derive(Serialize, Deserialize)]
pub(crate) struct SubscriptionRow {
    pub(crate) filter: Arc<str>,
    pub(crate) qos: u8,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) no_local: bool,
}

impl SessionRow {
    /// The row of a session, unless it does not outlive its connection.
    pub(crate) fn of(session: &Session) -> Option<String> {
        let row = Self {
            storage: format!("{:016x}", session.storage?),
            mqtt_level: session.version.level(),
            expiry_seconds: session.expiry,
            left_at_ms: session.left_at.map(Timestamp::as_millis),
            subscriptions: session
                .subscriptions
                .iter()
                .map(|(filter, held)| SubscriptionRow {
                    filter: Arc::clone(filter),
                    qos: held.qos.as_u8(),
                    no_local: held.no_local,
                })
                .collect(),
        };
        serde_json::to_string(&row).ok()
    }

    /// The version that made the session.
    pub(crate) const fn version(&self) -> Version {
        if self.mqtt_level == 5 { Version::V5 } else { Version::V311 }
    }

    /// Under which number its messages are stored.
    pub(crate) fn storage(&self) -> Option<u64> {
        u64::from_str_radix(&self.storage, 16).ok()
    }
}
