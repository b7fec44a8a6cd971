//! The log of deliveries: what actions sent, what came back, and how it ended. Bounded, in memory, for the admin API.

use std::collections::VecDeque;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use parking_lot::Mutex;
use serde_json::{Map, Value, json};
use thingstead_core::{Journal, RuleName, Scope, Timestamp};

use crate::engine::{delivery_of, is_delivery};
use crate::settings::Settings;

/// How a delivery ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryOutcome {
    /// The target took it.
    Delivered,
    /// No endpoint is configured for the service: it would have been sent like this.
    Recorded,
    /// All attempts failed.
    Failed,
}

impl DeliveryOutcome {
    /// The name in the admin API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Recorded => "recorded",
            Self::Failed => "failed",
        }
    }
}

/// A request as it was, or would be, sent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SentRequest {
    /// `SERVICE.OPERATION` of AWS's APIs, such as `S3.PutObject`; empty for other requests.
    pub operation: String,
    /// `PUBLISH` for republish, else the HTTP method.
    pub method: String,
    /// The topic for republish, else the whole URL.
    pub url: String,
    /// In the order sent; credentials are left out.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
}

/// An answer as it came.
#[derive(Clone, Debug, PartialEq)]
pub struct SentResponse {
    /// The HTTP status.
    pub status: u16,
    /// The body, cut after 16 KiB.
    pub body: Bytes,
}

/// One delivery of one action.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The number of the journal's event that tells of its end.
    pub seq: u64,
    /// When it ended.
    pub at: Timestamp,
    /// Whose rule.
    pub scope: Scope,
    /// The rule.
    pub rule: RuleName,
    /// The member name of the action, such as `s3`.
    pub action: &'static str,
    /// Whether it was the rule's error action.
    pub error_action: bool,
    /// The last request.
    pub request: SentRequest,
    /// Its answer, if there was one.
    pub response: Option<SentResponse>,
    /// How it ended.
    pub outcome: DeliveryOutcome,
    /// Why it failed, for a person.
    pub why: String,
    /// Requests sent; 0 when it was recorded only.
    pub attempts: u32,
}

impl Delivery {
    /// The admin API's form.
    pub fn to_json(&self) -> Value {
        json!({
            "seq": self.seq,
            "at": self.at.to_string(),
            "at_ms": self.at.as_millis(),
            "account": self.scope.account(),
            "region": self.scope.region(),
            "rule": self.rule.as_str(),
            "action": self.action,
            "error_action": self.error_action,
            "request": self.request.to_json(),
            "response": self.response.as_ref().map(SentResponse::to_json),
            "outcome": self.outcome.name(),
            "why": self.why,
            "attempts": self.attempts,
        })
    }

    fn weight(&self) -> usize {
        let headers: usize = self.request.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
        self.request.body.len()
            + self.request.url.len()
            + headers
            + self.response.as_ref().map_or(0, |response| response.body.len())
            + 256
    }
}

impl SentRequest {
    fn to_json(&self) -> Value {
        let headers: Map<String, Value> =
            self.headers.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
        let mut out = Map::new();
        if !self.operation.is_empty() {
            out.insert("operation".to_owned(), json!(self.operation));
        }
        out.insert("method".to_owned(), json!(self.method));
        out.insert("url".to_owned(), json!(self.url));
        out.insert("headers".to_owned(), Value::Object(headers));
        body_into(&mut out, &self.body);
        Value::Object(out)
    }
}

impl SentResponse {
    fn to_json(&self) -> Value {
        let mut out = Map::new();
        out.insert("status".to_owned(), json!(self.status));
        body_into(&mut out, &self.body);
        Value::Object(out)
    }
}

/// JSON as a value, text as a string, anything else as `body_base64`.
fn body_into(out: &mut Map<String, Value>, body: &[u8]) {
    match (serde_json::from_slice::<Value>(body), std::str::from_utf8(body)) {
        (Ok(value), _) => out.insert("body".to_owned(), value),
        (Err(_), Ok(text)) => out.insert("body".to_owned(), json!(text)),
        (Err(_), Err(_)) => out.insert("body_base64".to_owned(), json!(STANDARD.encode(body))),
    };
}

/// The newest deliveries. Cheap to clone; all clones share one log.
///
/// What went over a wire is kept here, whole. What did not (a message republished, an action that was not begun) can be as
/// frequent as messages are and is told from the journal, which keeps a share of the message.
#[derive(Clone)]
pub struct Deliveries {
    log: Arc<Mutex<Log>>,
    journal: Journal,
    settings: Arc<Settings>,
}

#[derive(Default)]
struct Log {
    kept: VecDeque<Delivery>,
    bytes: usize,
    /// The newest event of the journal when everything was forgotten.
    forgotten: u64,
}

impl Deliveries {
    pub(crate) fn new(journal: Journal, settings: Arc<Settings>) -> Self {
        Self { log: Arc::default(), journal, settings }
    }

    /// Writes a delivery down.
    pub(crate) fn record(&self, delivery: Delivery) {
        let mut log = self.log.lock();
        log.bytes += delivery.weight();
        log.kept.push_back(delivery);
        while log.kept.len() > MAX_DELIVERIES || log.bytes > MAX_BYTES {
            match log.kept.pop_front() {
                Some(oldest) => log.bytes -= oldest.weight(),
                None => break,
            }
        }
    }

    /// The deliveries kept, oldest first; of one rule when it is named. At most the newest 2,000 of those that went over a wire,
    /// and of those that did not.
    pub fn list(&self, rule: Option<&str>) -> Vec<Delivery> {
        let log = self.log.lock();
        let forgotten = log.forgotten;
        let is_wanted = |delivery: &&Delivery| rule.is_none_or(|rule| delivery.rule.as_str() == rule);
        let mut found: Vec<Delivery> = log.kept.iter().filter(is_wanted).cloned().collect();
        drop(log);
        let tales = self.journal.tales(|kind, tale| is_delivery(kind, tale, rule), MAX_DELIVERIES);
        let tales = tales.iter().filter(|kept| kept.seq > forgotten);
        found.extend(tales.filter_map(|kept| delivery_of(kept, &self.settings)));
        found.sort_by_key(|delivery| delivery.seq);
        found
    }

    /// Forgets everything; for `reset`.
    pub fn clear(&self) {
        *self.log.lock() = Log { forgotten: self.journal.newest(), ..Log::default() };
    }
}

impl std::fmt::Debug for Deliveries {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Deliveries({})", self.log.lock().kept.len())
    }
}

/// At most this many deliveries are kept.
const MAX_DELIVERIES: usize = 2_000;
/// At most this many bytes of requests and answers are kept.
const MAX_BYTES: usize = 16 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn delivery(rule: &str, body: Vec<u8>) -> Delivery {
        Delivery {
            seq: 0,
            at: Timestamp::from_millis(1_000),
            scope: Scope::new("123456789012", "eu-west-1"),
            rule: rule.into(),
            action: "s3",
            error_action: false,
            request: SentRequest { method: "PUT".to_owned(), body: body.into(), ..SentRequest::default() },
            response: Some(SentResponse { status: 200, body: Bytes::from_static(b"\xff") }),
            outcome: DeliveryOutcome::Delivered,
            why: String::new(),
            attempts: 1,
        }
    }

    #[test]
    fn the_log_is_bounded_in_bytes_and_filtered_by_rule() {
        let log = Deliveries::new(Journal::default(), Arc::default());
        for _ in 0..5 {
            log.record(delivery("a", vec![b'x'; MAX_BYTES / 4]));
        }
        log.record(Delivery { seq: 6, ..delivery("b", b"{\"t\":1}".to_vec()) });
        assert_eq!(log.list(Some("a")).len(), 3);
        let of_b = log.list(Some("b"));
        assert_eq!(of_b.iter().map(|delivery| delivery.seq).collect::<Vec<_>>(), [6]);
        let json = of_b[0].to_json();
        assert_eq!(json["request"]["body"], json!({"t": 1}));
        assert_eq!(json["response"]["body_base64"], json!("/w=="));
    }
}
