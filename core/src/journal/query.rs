//! Questions to the journal.

use std::sync::Arc;

use jsonpath_rust::parser::errors::JsonPathError;
use jsonpath_rust::parser::model::JpQuery;
use jsonpath_rust::parser::parse_json_path;
use jsonpath_rust::query::js_path_process;
use serde_json::Value;

use super::record::Facts;
use super::{Event, Kind};
use crate::{Timestamp, topic};

/// Which events are wanted; an absent field accepts everything.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// Of this kind.
    pub kind: Option<Kind>,
    /// Of this client.
    pub client: Option<String>,
    /// Of this thing.
    pub thing: Option<String>,
    /// Whose topic this MQTT filter matches, or whose filter equals it.
    pub topic: Option<String>,
    /// Whose JSON payload this path finds something in.
    pub jsonpath: Option<Path>,
    /// Not before this time.
    pub since: Option<Timestamp>,
    /// After this sequence number.
    pub after_seq: Option<u64>,
    /// Of this principal (certificate id).
    pub principal: Option<String>,
    /// Of this account.
    pub account: Option<String>,
    /// At most this many, the newest.
    pub limit: Option<usize>,
}

/// A compiled JSONPath (RFC 9535).
#[derive(Clone, Debug)]
pub struct Path {
    text: Arc<str>,
    query: Arc<JpQuery>,
}

impl Path {
    /// Whether the path finds anything in `value`.
    pub fn finds(&self, value: &Value) -> bool {
        js_path_process(&self.query, value).is_ok_and(|found| !found.is_empty())
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// A question that makes no sense.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum QueryError {
    /// No such kind.
    #[error("`kind` is `{0}`, which is no kind of event")]
    UnknownKind(String),
    /// The JSONPath does not parse.
    #[error("`jsonpath` is `{path}`, which does not parse: {reason}")]
    BadPath {
        /// As it was written.
        path: String,
        /// The parser's words.
        reason: String,
    },
    /// The topic filter is malformed.
    #[error("`topic` is `{filter}`, which {reason}")]
    BadTopic {
        /// As it was written.
        filter: String,
        /// What is wrong.
        reason: topic::TopicError,
    },
}

impl std::str::FromStr for Path {
    type Err = QueryError;

    fn from_str(text: &str) -> Result<Self, QueryError> {
        let bad =
            |error: JsonPathError| QueryError::BadPath { path: text.to_owned(), reason: error.to_string() };
        Ok(Self { text: Arc::from(text), query: Arc::new(parse_json_path(text).map_err(bad)?) })
    }
}

/// An event that is almost what a [`Query`] asks for.
#[derive(Clone, Debug)]
pub struct NearMiss {
    /// The event.
    pub event: Event,
    /// The one thing that differs: `topic`, `jsonpath`, `denied` or `client`.
    pub differs: &'static str,
    /// In a sentence.
    pub why: String,
}

impl Query {
    /// Checks the parts that can be malformed.
    pub fn check(&self) -> Result<(), QueryError> {
        if let Some(filter) = &self.topic {
            topic::check_filter(filter)
                .map_err(|reason| QueryError::BadTopic { filter: filter.clone(), reason })?;
        }
        Ok(())
    }

    /// Whether the event is wanted.
    pub fn accepts(&self, event: &Event) -> bool {
        self.accepts_all_but_payload(&event.facts()) && self.path_accepts(event.payload.as_deref())
    }

    /// Whether everything but the payload is wanted: what can be said quickly.
    pub(super) fn accepts_all_but_payload(&self, facts: &Facts<'_>) -> bool {
        self.kind.is_none_or(|kind| kind == facts.kind)
            && self.frame_accepts(facts)
            && self.client_accepts(facts)
            && self.topic_accepts(facts)
    }

    /// The events of `candidates` that fail in exactly one of topic, JSONPath, client, or that were refused instead of done.
    pub fn near_misses(&self, candidates: impl IntoIterator<Item = Event>) -> Vec<NearMiss> {
        candidates.into_iter().filter_map(|event| self.near_miss(event)).collect()
    }

    fn near_miss(&self, event: Event) -> Option<NearMiss> {
        let facts = event.facts();
        if !self.frame_accepts(&facts) {
            return None;
        }
        let refused_instead =
            self.kind.is_some_and(|kind| kind != facts.kind && refusal_of(kind) == Some(facts.kind));
        if !refused_instead && self.kind.is_some_and(|kind| kind != facts.kind) {
            return None;
        }
        let misses = [
            (refused_instead, "denied"),
            (!self.client_accepts(&facts), "client"),
            (!self.topic_accepts(&facts), "topic"),
            (!self.path_accepts(facts.payload), "jsonpath"),
        ];
        let mut missed = misses.iter().filter(|(missed, _)| *missed).map(|(_, name)| *name);
        let (differs, None) = (missed.next()?, missed.next()) else { return None };
        let why = match differs {
            "denied" => format!("it was refused: {}", event.why),
            "client" => format!(
                "the client was `{}`, not `{}`",
                event.client.as_deref().unwrap_or("(none)"),
                self.client.as_deref().unwrap_or("")
            ),
            "topic" => format!(
                "the topic was `{}`, which `{}` does not match",
                event.topic.as_deref().unwrap_or("(none)"),
                self.topic.as_deref().unwrap_or("")
            ),
            _ => format!("the payload has nothing at `{}`", self.jsonpath.as_ref().map_or("", Path::text)),
        };
        Some(NearMiss { event, differs, why })
    }

    fn frame_accepts(&self, facts: &Facts<'_>) -> bool {
        self.since.is_none_or(|since| facts.at >= since)
            && self.after_seq.is_none_or(|seq| facts.seq > seq)
            && same(self.thing.as_deref(), facts.thing)
            && same(self.principal.as_deref(), facts.principal)
            && self.account.as_deref().is_none_or(|account| account == facts.scope.account())
    }

    fn client_accepts(&self, facts: &Facts<'_>) -> bool {
        same(self.client.as_deref(), facts.client)
    }

    fn topic_accepts(&self, facts: &Facts<'_>) -> bool {
        self.topic.as_deref().is_none_or(|filter| {
            facts.topic.is_some_and(|topic| filter == topic || topic::matches(filter, topic))
        })
    }

    pub(super) fn path_accepts(&self, payload: Option<&[u8]>) -> bool {
        self.jsonpath.as_ref().is_none_or(|path| {
            serde_json::from_slice::<Value>(payload.unwrap_or_default()).is_ok_and(|value| path.finds(&value))
        })
    }
}

fn same(wanted: Option<&str>, found: Option<&str>) -> bool {
    wanted.is_none_or(|wanted| found == Some(wanted))
}

/// The kind an event has when what was wanted did not happen.
fn refusal_of(kind: Kind) -> Option<Kind> {
    Some(match kind {
        Kind::Connected => Kind::ConnectRefused,
        Kind::Published => Kind::PublishRefused,
        Kind::Subscribed => Kind::SubscribeRefused,
        Kind::Delivered => Kind::DeliveryRefused,
        Kind::ShadowAccepted => Kind::ShadowRejected,
        Kind::RuleMatched => Kind::RuleNotMatched,
        Kind::ActionSucceeded => Kind::ActionFailed,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Scope;

    fn published(client: &str, topic: &str, payload: &'static str) -> Event {
        Event::new(&Scope::new("1", "r"), Timestamp::from_millis(1), Kind::Published)
            .client(Some(client.into()))
            .topic(topic)
            .payload(bytes::Bytes::from_static(payload.as_bytes()))
    }

    #[test]
    fn a_query_accepts_by_filter_and_path_and_names_what_differs() {
        let query = Query {
            kind: Some(Kind::Published),
            client: Some("a".to_owned()),
            topic: Some("t/+".to_owned()),
            jsonpath: Some("$.temp[?@>30]".parse().or_else(|_| "$.temp".parse()).expect("a path")),
            ..Query::default()
        };
        assert!(query.accepts(&published("a", "t/1", r#"{"temp":[31]}"#)));
        let mut denied = published("a", "t/1", r#"{"temp":[31]}"#).why("no policy");
        denied.kind = Kind::PublishRefused;
        let events = [
            published("b", "t/1", r#"{"temp":[31]}"#),
            published("a", "u/1", r#"{"temp":[31]}"#),
            published("a", "t/1", r#"{"temp":[1]}"#),
            denied,
            published("b", "u/1", r#"{"temp":[31]}"#),
        ];
        let differs: Vec<_> = query.near_misses(events).into_iter().map(|miss| miss.differs).collect();
        assert_eq!(differs, ["client", "topic", "jsonpath", "denied"]);
        assert!("$.[".parse::<Path>().is_err());
    }
}
