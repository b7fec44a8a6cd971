//! The newest entries, in memory.

use std::collections::VecDeque;

use serde_json::Value;
use thingstead_registry::LogLevel;

use super::level_of;

/// Which entries.
#[derive(Clone, Debug, Default)]
pub struct LogQuery {
    /// Of this `clientId`.
    pub client: Option<String>,
    /// Of this `eventType`.
    pub event_type: Option<String>,
    /// Of this level or a graver one.
    pub level: Option<LogLevel>,
    /// Of this `accountId`.
    pub account: Option<String>,
    /// The newest so many; all that are kept when absent.
    pub limit: Option<usize>,
}

impl LogQuery {
    fn accepts(&self, entry: &Value) -> bool {
        let is = |name: &str, wanted: &Option<String>| {
            wanted.as_deref().is_none_or(|wanted| entry.get(name).and_then(Value::as_str) == Some(wanted))
        };
        is("clientId", &self.client)
            && is("eventType", &self.event_type)
            && is("accountId", &self.account)
            && self.level.is_none_or(|level| level_of(entry) >= level)
    }
}

/// A bounded memory; the oldest entries go first.
#[derive(Default)]
pub(super) struct Kept(VecDeque<Value>);

impl Kept {
    pub(super) fn push(&mut self, entry: Value) {
        if self.0.len() >= MOST {
            self.0.pop_front();
        }
        self.0.push_back(entry);
    }

    /// Oldest first.
    pub(super) fn find(&self, query: &LogQuery) -> Vec<Value> {
        let limit = query.limit.unwrap_or(usize::MAX);
        let mut found: Vec<Value> =
            self.0.iter().rev().filter(|entry| query.accepts(entry)).take(limit).cloned().collect();
        found.reverse();
        found
    }
}

/// So many entries are kept.
const MOST: usize = 10_000;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_oldest_entries_go_first_and_questions_narrow() {
        let mut kept = Kept::default();
        for number in 0..=MOST {
            let level = if number % 2 == 0 { "INFO" } else { "ERROR" };
            kept.push(json!({ "clientId": format!("c{number}"), "logLevel": level, "eventType": "Connect" }));
        }
        assert_eq!(kept.find(&LogQuery::default()).len(), MOST);
        let of = |client: &str| {
            kept.find(&LogQuery { client: Some(client.to_owned()), ..LogQuery::default() }).len()
        };
        assert_eq!((of("c0"), of("c1")), (0, 1));
        let grave = LogQuery { level: Some(LogLevel::Error), limit: Some(2), ..LogQuery::default() };
        let clients: Vec<_> = kept.find(&grave).iter().map(|entry| entry["clientId"].clone()).collect();
        assert_eq!(clients, ["c9997", "c9999"]);
        let other = LogQuery { event_type: Some("Ping".to_owned()), ..LogQuery::default() };
        assert!(kept.find(&other).is_empty());
    }
}
