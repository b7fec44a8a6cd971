//! Batches of `http` actions: messages of one rule and URL in one JSON array (RULES-533 to RULES-536).

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use serde_json::{Map, Value, json};

use super::Inner;
use super::outcome::{Resources, Sent, Step, batch_error_document, with_place};
use super::run::Run;
use super::told::Told;
use crate::actions::AwsError;
use crate::actions::http::{HttpCall, Joining};

/// The open batches of an engine.
#[derive(Debug, Default)]
pub(crate) struct Batches {
    open: Mutex<HashMap<Key, Batch>>,
    opened: AtomicU64,
}

/// One batch holds messages of one rule (as it was when they came), action and URL, and of one topic unless they mix.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    /// The address of the compiled action, which no other living action has.
    action: usize,
    url: String,
    topic: Option<Arc<str>>,
}

struct Batch {
    number: u64,
    bytes: usize,
    entries: Vec<(String, Arc<Run>)>,
    payloads: Vec<String>,
    /// The newest message's step and request; its headers are sent (RULES-535).
    last: (Step, HttpCall, fn(&AwsError) -> String),
}

impl Inner {
    /// Puts a message into its batch. For the run the action has then succeeded; a batch that fails has an error action of
    /// its own (RULES-405).
    pub(super) fn enter_batch(
        self: &Arc<Self>,
        step: Step,
        mut call: HttpCall,
        explain: fn(&AwsError) -> String,
        sent: Sent,
    ) {
        let Some(config) = call.batch else { return };
        let changes = self.state.changes();
        if let Err(why) = self.check_destination(&step, &call) {
            let sent = Sent { failure: Some(why), ..sent };
            return self.ended(&step, sent, &mut Told::Now);
        }
        let lane = self.lanes.lane(&crate::actions::http::lane(&call.request.url));
        step.action.will_enter(&lane, changes);
        let step = step.detached([&mut call.request.body]);
        let key = Key {
            action: Arc::as_ptr(&step.action).addr(),
            url: call.request.url.clone(),
            topic: (!config.across_topics).then(|| Arc::clone(&step.run.publication.message.topic)),
        };
        let payload = match call.joining {
            Joining::Array => json_text(&call.request.body),
            Joining::Lines => String::from_utf8_lossy(&call.request.body).into_owned(),
        };
        let (mut due, mut opened) = (Vec::new(), None);
        {
            let mut open = self.batches.open.lock();
            if open.get(&key).is_some_and(|batch| batch.bytes + payload.len() > config.bytes)
                && let Some(full) = open.remove(&key)
            {
                due.push(full);
            }
            let batch = open.entry(key.clone()).or_insert_with(|| {
                let number = self.batches.opened.fetch_add(1, Ordering::Relaxed);
                opened = Some(number);
                Batch {
                    number,
                    bytes: 0,
                    entries: Vec::new(),
                    payloads: Vec::new(),
                    last: (step.clone(), call.clone(), explain),
                }
            });
            batch.bytes += payload.len();
            batch.entries.push((self.ids.uuid().to_string(), Arc::clone(&step.run)));
            batch.payloads.push(payload);
            batch.last = (step.clone(), call, explain);
            if (batch.payloads.len() >= config.size || batch.bytes >= config.bytes)
                && let Some(full) = open.remove(&key)
            {
                opened = None;
                due.push(full);
            }
        }
        for batch in due {
            self.send_batch(batch, config.across_topics);
        }
        if let Some(number) = opened {
            let inner = Arc::clone(self);
            self.lanes.spawn_timer(async move {
                tokio::time::sleep(config.open).await;
                let mut open = inner.batches.open.lock();
                let ours = open.get(&key).is_some_and(|batch| batch.number == number);
                let batch = if ours { open.remove(&key) } else { None };
                drop(open);
                if let Some(batch) = batch {
                    inner.send_batch(batch, config.across_topics);
                }
            });
        }
        if let Some(rest) = &step.rest {
            self.passed_on(&step, rest);
        }
    }

    fn send_batch(self: &Arc<Self>, batch: Batch, across_topics: bool) {
        let Batch { entries, payloads, last: (step, mut call, explain), .. } = batch;
        call.request.body = match call.joining {
            Joining::Array => format!("[{}]", payloads.join(",")).into(),
            Joining::Lines => payloads.join("\n").into(),
        };
        let lane = crate::actions::http::lane(&call.request.url);
        let (inner, kept) = (Arc::clone(self), call.request.body.len());
        let task = (step.clone(), entries.clone());
        let queued = self.lanes.spawn(&lane, kept, async move {
            let (step, entries) = task;
            let mut sent = Sent::default();
            inner.send_http(&step, &call, explain, &mut sent).await;
            inner.batch_ended(&step, &entries, across_topics, sent);
        });
        if let Err(full) = queued {
            let sent = Sent { failure: Some(full.to_string()), ..Sent::default() };
            self.batch_ended(&step, &entries, across_topics, sent);
        }
    }

    /// One end for all messages of the batch, and one error action (RULES-405, RULES-406).
    fn batch_ended(
        self: &Arc<Self>,
        step: &Step,
        entries: &[(String, Arc<Run>)],
        across_topics: bool,
        mut sent: Sent,
    ) {
        let url = sent.request.as_ref().map(|request| request.url.clone()).unwrap_or_default();
        sent.resource.clone_from(&url);
        sent.resources = Resources::One("Url", Arc::from(url.as_str()));
        let failure = sent.failure.as_ref().map(|why| {
            let mut failure = Map::new();
            failure.insert("failedAction".to_owned(), json!(step.action.kind.failed_action()));
            failure.insert("failedResource".to_owned(), json!(url));
            let message = with_place(why, &step.run, &step.action, &sent.resources);
            failure.insert("errorMessage".to_owned(), Value::String(message));
            failure
        });
        self.batch_recorded(step, sent);
        if let Some(failure) = failure {
            let topic = (!across_topics).then(|| &*step.run.publication.message.topic);
            let document = || batch_error_document(&step.run.rule, entries, topic, failure);
            self.run_error_action(step, document, &mut Told::Now);
        }
    }
}

impl std::fmt::Debug for Batch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Batch({} messages)", self.payloads.len())
    }
}

/// JSON as it is, other text as a JSON string.
fn json_text(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    match serde_json::from_str::<&serde_json::value::RawValue>(&text) {
        Ok(_) => text.into_owned(),
        Err(_) => Value::String(text.into_owned()).to_string(),
    }
}
