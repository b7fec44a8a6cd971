//! The rates of AWS, for those who want to meet them at home.

use std::hash::Hash;
use std::sync::Arc;

use dashmap::DashMap;
use thingstead_core::{Scope, ThingName, Timestamp};

use crate::address::ShadowId;
use crate::document::Rejection;

/// Three limits; `None` is no limit, the default of all three (SHADOW-155 to SHADOW-157).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Throttles {
    /// Requests of one connection for one thing that are not answered yet.
    pub in_flight: Option<u32>,
    /// Requests for one shadow within a second.
    pub shadow_per_second: Option<u32>,
    /// Requests of one account within a second.
    pub account_per_second: Option<u32>,
}

impl Throttles {
    /// As AWS has them: 10, 20, 4000.
    pub const fn aws() -> Self {
        Self { in_flight: Some(10), shadow_per_second: Some(20), account_per_second: Some(4000) }
    }
}

/// The counters.
pub(super) struct Throttle {
    limits: Throttles,
    in_flight: DashMap<(Arc<str>, Scope, ThingName), u32>,
    shadows: DashMap<ShadowId, Second>,
    accounts: DashMap<Scope, Second>,
}

/// How many requests came in which second.
#[derive(Default)]
struct Second {
    second: i64,
    requests: u32,
}

impl Throttle {
    pub(super) fn new(limits: Throttles) -> Self {
        Self { limits, in_flight: DashMap::new(), shadows: DashMap::new(), accounts: DashMap::new() }
    }

    /// Counts a request, of a connection if there is one; [`Throttle::done`] ends it.
    pub(super) fn admit(
        &self,
        id: &ShadowId,
        session: Option<&Arc<str>>,
        now: Timestamp,
    ) -> Result<(), Rejection> {
        count(
            self.limits.account_per_second,
            &self.accounts,
            &id.scope,
            now,
            "requests of the account in a second",
        )?;
        count(self.limits.shadow_per_second, &self.shadows, id, now, "requests for this shadow in a second")?;
        if let (Some(limit), Some(session)) = (self.limits.in_flight, session) {
            let key = (Arc::clone(session), id.scope.clone(), id.thing.clone());
            let mut in_flight = self.in_flight.entry(key).or_default();
            if *in_flight >= limit {
                let what = "requests in flight for this thing on this connection";
                return Err(Rejection::Throttled { limit, what });
            }
            *in_flight += 1;
        }
        Ok(())
    }

    /// An admitted request is answered.
    pub(super) fn done(&self, id: &ShadowId, session: Option<&Arc<str>>) {
        let (Some(_), Some(session)) = (self.limits.in_flight, session) else { return };
        let key = (Arc::clone(session), id.scope.clone(), id.thing.clone());
        if let Some(mut in_flight) = self.in_flight.get_mut(&key) {
            *in_flight = in_flight.saturating_sub(1);
        }
        self.in_flight.remove_if(&key, |_, in_flight| *in_flight == 0);
    }
}

fn count<K: Clone + Eq + Hash>(
    limit: Option<u32>,
    counters: &DashMap<K, Second>,
    key: &K,
    now: Timestamp,
    what: &'static str,
) -> Result<(), Rejection> {
    let Some(limit) = limit else { return Ok(()) };
    if counters.len() > MANY {
        // Seconds that are over count for nothing any more.
        counters.retain(|_, counter| counter.second == now.as_secs());
    }
    let mut counter = counters.entry(key.clone()).or_default();
    if counter.second != now.as_secs() {
        *counter = Second { second: now.as_secs(), requests: 0 };
    }
    if counter.requests >= limit {
        return Err(Rejection::Throttled { limit, what });
    }
    counter.requests += 1;
    Ok(())
}

const MANY: usize = 10_000;
