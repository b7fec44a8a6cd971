//! How many rules an account may run in a second, where that is limited.

use std::collections::HashMap;

use parking_lot::Mutex;
use thingstead_core::{Scope, Timestamp};

/// Counts evaluations per scope and second of the injected clock.
#[derive(Debug, Default)]
pub(crate) struct Throttle(Mutex<HashMap<Scope, (i64, u32)>>);

impl Throttle {
    /// Whether one more evaluation is allowed now.
    pub(crate) fn allows(&self, scope: &Scope, now: Timestamp, limit: u32) -> bool {
        let mut scopes = self.0.lock();
        let (second, count) = scopes.entry(scope.clone()).or_insert((now.as_secs(), 0));
        if *second != now.as_secs() {
            (*second, *count) = (now.as_secs(), 0);
        }
        *count = count.saturating_add(1);
        *count <= limit
    }
}
