//! How actions end: journal, metrics, deliveries, and at last the error action.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use parking_lot::Mutex;
use serde_json::{Map, Value, json};
use thingstead_core::journal::{Detail, Record, Tale};
use thingstead_core::{Event, Kind, Publication, QoS, Timestamp};

use super::run::{ResultPayload, Run};
use super::told::Told;
use super::{CompiledRule, Inner};
use crate::actions::Action;
use crate::deliveries::{Delivery, DeliveryOutcome, SentRequest, SentResponse};
use crate::sql::functions::uuid_text;

/// One action of one run.
#[derive(Clone)]
pub(crate) struct Step {
    pub(crate) run: Arc<Run>,
    pub(crate) result: Arc<ResultPayload>,
    pub(crate) action: Arc<Action>,
    /// Which of the rule's actions it is.
    pub(crate) number: u8,
    /// What waits for all actions of the run, if anything does: nothing comes after the error action (RULES-402).
    pub(crate) rest: Option<Arc<Rest>>,
}

/// The actions of a run that have not ended, and those that failed.
#[derive(Debug)]
pub(crate) struct Rest(Mutex<(usize, Vec<Value>)>);

/// What was sent for an action, and what came of it.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    pub(crate) resource: String,
    pub(crate) resources: Resources,
    pub(crate) request: Option<SentRequest>,
    pub(crate) response: Option<SentResponse>,
    pub(crate) attempts: u32,
    /// Why it failed; `None` when it did not.
    pub(crate) failure: Option<String>,
}

/// The resources of an action by name (RULES-426).
#[derive(Debug)]
pub(crate) enum Resources {
    /// A single one, which costs nothing to name.
    One(&'static str, Arc<str>),
    /// The topic that a message was republished to.
    Topic(Arc<str>, QoS),
    /// Any number.
    Many(Vec<(&'static str, String)>),
}

/// How an action ended, as long as nobody asks for the event.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(super) run: Arc<Run>,
    pub(super) action: Arc<Action>,
    pub(super) error_action: bool,
    pub(super) resources: Resources,
    pub(super) attempts: u32,
    pub(super) failure: Option<String>,
    /// What it made of the message, for an action that the log of deliveries does not know already.
    pub(super) unlogged: Option<Arc<ResultPayload>>,
}

impl Resources {
    fn iter(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let (one, many) = match self {
            Self::One(name, value) => (Some((*name, &**value)), [].as_slice()),
            Self::Topic(topic, _) => (Some(("RepublishTopic", &**topic)), [].as_slice()),
            Self::Many(many) => (None, many.as_slice()),
        };
        one.into_iter().chain(many.iter().map(|(name, value)| (*name, value.as_str())))
    }
}

impl Default for Resources {
    fn default() -> Self {
        Self::Many(Vec::new())
    }
}

impl Tale for Ended {
    fn publication(&self) -> &Publication {
        &self.run.publication
    }

    fn tell(&self, kind: Kind, at: Timestamp, _note: u32) -> Event {
        let Self { run, action, error_action, resources, attempts, failure, .. } = self;
        let event = run.event(kind, at);
        let event = match failure {
            Some(why) => event.why(with_place(why, run, action, resources)),
            None => event,
        };
        with_end(event, action, *error_action, resources, *attempts)
    }
}

impl Rest {
    /// For a run with so many actions.
    pub(crate) fn of(actions: usize) -> Self {
        Self(Mutex::new((actions, Vec::new())))
    }

    /// One action ended; the failures of all when it was the last one.
    fn ended(&self, failure: Option<Value>) -> Option<Vec<Value>> {
        let mut rest = self.0.lock();
        rest.0 = rest.0.saturating_sub(1);
        rest.1.extend(failure);
        (rest.0 == 0).then(|| std::mem::take(&mut rest.1))
    }
}

impl Step {
    pub(super) const fn is_error_action(&self) -> bool {
        self.number == ERROR_ACTION
    }

    /// The same step with its own copy of the payload, for waiting outside the network buffer; `bodies` of what it sends become
    /// shares of that copy where they are shares of the payload.
    pub(crate) fn detached<'b>(&self, bodies: impl IntoIterator<Item = &'b mut Bytes>) -> Self {
        let run = Arc::new(self.run.detached());
        let (from, to) = (&self.run.publication.message.payload, &run.publication.message.payload);
        let same = |bytes: &Bytes| bytes.as_ptr() == from.as_ptr() && bytes.len() == from.len();
        for body in bodies.into_iter().filter(|body| same(body)) {
            *body = to.clone();
        }
        let mut step = self.clone();
        if same(&step.result.bytes) {
            let variables = step.result.variables.clone();
            step.result = Arc::new(ResultPayload { bytes: to.clone(), variables });
        }
        Self { run, ..step }
    }
}

impl Sent {
    /// Nothing was sent.
    pub(crate) fn nothing(step: &Step, why: impl Into<String>) -> Self {
        Self {
            resource: step.action.unfilled_resource().to_owned(),
            failure: Some(why.into()),
            ..Self::default()
        }
    }
}

impl Inner {
    /// Writes down how an action ended, and runs the error action after the last one when any failed (RULES-390,
    /// RULES-392).
    pub(crate) fn ended(self: &Arc<Self>, step: &Step, sent: Sent, told: &mut Told<'_>) {
        let Step { run, action, rest, .. } = step;
        let Sent { resource, resources, request, response, attempts, failure } = sent;
        let error_action = step.is_error_action();
        // Only an error action asks for the list of failures.
        let is_listed = rest.is_some();
        let message = failure
            .as_ref()
            .filter(|_| is_listed || request.is_some() || !run.may_be_kept())
            .map(|why| with_place(why, run, action, &resources));
        let outcome = match (&failure, attempts) {
            (Some(_), _) => DeliveryOutcome::Failed,
            (None, 0) => DeliveryOutcome::Recorded,
            (None, _) => DeliveryOutcome::Delivered,
        };
        let at = self.clock.now();
        let told_later = request.is_none() && run.may_be_kept();
        let unlogged = told_later.then(|| Arc::clone(&step.result));
        let (mut now, told) = (Told::Now, told);
        let told = if told_later {
            told
        } else {
            // The log names the number of the event.
            self.settle(told);
            &mut now
        };
        let ended = Ended {
            run: Arc::clone(run),
            action: Arc::clone(action),
            error_action,
            resources,
            attempts,
            failure,
            unlogged,
        };
        let seq = self.record(step, ended, at, told);
        if let (false, Some(seq)) = (told_later, seq) {
            self.deliveries.record(Delivery {
                seq,
                at,
                scope: run.publication.scope.clone(),
                rule: run.rule.name.clone(),
                action: action.kind.name(),
                error_action,
                request: request.unwrap_or_default(),
                response,
                outcome,
                why: message.clone().unwrap_or_default(),
                attempts,
            });
        }
        let Some(rest) = rest else { return };
        let failed = message.filter(|_| is_listed).map(|message| {
            json!({
                "failedAction": action.kind.failed_action(),
                "failedResource": resource,
                "errorMessage": message,
            })
        });
        self.conclude(step, rest, failed, told);
    }

    /// An action that was put into a batch has ended for its run.
    pub(crate) fn passed_on(self: &Arc<Self>, step: &Step, rest: &Rest) {
        self.conclude(step, rest, None, &mut Told::Now);
    }

    /// Writes down how a batch ended; its runs have gone on without it.
    pub(crate) fn batch_recorded(self: &Arc<Self>, step: &Step, sent: Sent) {
        let alone = Step { rest: None, ..step.clone() };
        self.ended(&alone, sent, &mut Told::Now);
    }

    pub(super) fn conclude(
        self: &Arc<Self>,
        step: &Step,
        rest: &Rest,
        failed: Option<Value>,
        told: &mut Told<'_>,
    ) {
        if let Some(failures) = rest.ended(failed)
            && !failures.is_empty()
        {
            self.run_error_action(step, || error_document(&step.run, failures), told);
        }
    }

    /// Runs the error action of a run, if its rule has one (RULES-403).
    pub(crate) fn run_error_action(
        self: &Arc<Self>,
        step: &Step,
        document: impl FnOnce() -> Value,
        told: &mut Told<'_>,
    ) {
        let run = &step.run;
        let Some(action) = run.rule.error_action.clone() else { return };
        let bytes = document().to_string().into();
        let result = Arc::new(ResultPayload { bytes, variables: step.result.variables.clone() });
        let step = Step { run: Arc::clone(run), result, action, number: ERROR_ACTION, rest: None };
        self.act(step, &run.input(), told);
    }

    /// A message was republished; nothing is made for a reader who may never come.
    pub(super) fn republished(
        self: &Arc<Self>,
        step: &Step,
        topic: Arc<str>,
        qos: QoS,
        at: Timestamp,
        told: &mut Told<'_>,
    ) {
        let ended = Ended {
            run: Arc::clone(&step.run),
            action: Arc::clone(&step.action),
            error_action: step.is_error_action(),
            resources: Resources::Topic(topic, qos),
            attempts: 1,
            failure: None,
            unlogged: Some(Arc::clone(&step.result)),
        };
        self.record(step, ended, at, told);
        if let Some(rest) = &step.rest {
            self.conclude(step, rest, None, told);
        }
    }

    /// Counts the end of an action and writes it down; the answer is the number of its event.
    fn record(&self, step: &Step, ended: Ended, at: Timestamp, told: &mut Told<'_>) -> Option<u64> {
        let succeeded = ended.failure.is_none();
        step.run.rule.counters.add_action(step.action.kind, ended.error_action, succeeded);
        let kind = if succeeded { Kind::ActionSucceeded } else { Kind::ActionFailed };
        if step.run.may_be_kept() {
            self.write_down(told, Record::tale(kind, at, Arc::new(ended), 0))
        } else {
            self.write_down(told, ended.tell(kind, at, 0))
        }
    }
}

/// What the event of an action's end tells besides its run.
pub(super) fn with_end(
    event: Event,
    action: &Action,
    error_action: bool,
    resources: &Resources,
    attempts: u32,
) -> Event {
    let mut event = event.with("action", action.kind.name());
    if error_action {
        event = event.with("error_action", true);
    }
    let resources: Map<String, Value> =
        resources.iter().map(|(name, value)| (name.to_owned(), json!(value))).collect();
    event.with("resources", resources).with("attempts", attempts)
}

/// [`Step::number`] of the error action; rules have at most ten others.
pub(super) const ERROR_ACTION: u8 = u8::MAX;

impl Run {
    /// `traceid()`, `cloudwatchTraceId` and the log entries' `traceId` (RULES-432).
    fn trace_id(&self) -> String {
        uuid_text(self.trace)
    }

    /// An event about this run: client, thing, topic, rule and trace id.
    pub(crate) fn event(&self, kind: Kind, at: thingstead_core::Timestamp) -> Event {
        let sender = self.publication.origin.sender();
        let mut event = Event::new(&self.publication.scope, at, kind)
            .client(self.publication.origin.client().map(thingstead_core::ClientId::shared))
            .thing(sender.and_then(|sender| sender.thing.as_ref()).map(thingstead_core::ThingName::shared))
            .topic(Arc::clone(&self.publication.message.topic));
        // Room for what actions add: the map is not grown member by member.
        let mut members = Map::with_capacity(6);
        members.insert("rule".to_owned(), json!(self.rule.name.as_str()));
        members.insert("trace_id".to_owned(), json!(self.trace_id()));
        event.detail = Detail::Members(Box::new(members));
        if let Some(sender) = sender {
            event = event.principal(super::run::principal_of(&sender.principal));
        }
        event
    }
}

/// The payload of the error action (RULES-393 to RULES-396).
pub(super) fn error_document(run: &Run, failures: Vec<Value>) -> Value {
    let mut document = metadata(run);
    let members = document.as_object_mut();
    if let Some(members) = members {
        members.insert("topic".to_owned(), json!(run.publication.message.topic));
        members.insert("failures".to_owned(), Value::Array(failures));
    }
    document
}

/// The payload of the error action of a batch (RULES-405, RULES-406): entries with their ids and runs.
pub(crate) fn batch_error_document(
    rule: &CompiledRule,
    entries: &[(String, Arc<Run>)],
    topic: Option<&str>,
    mut failure: Map<String, Value>,
) -> Value {
    let payloads: Vec<Value> = entries
        .iter()
        .map(|(id, run)| {
            let mut entry = metadata(run);
            if let Some(members) = entry.as_object_mut() {
                members.shift_remove("ruleName");
                members.insert("id".to_owned(), json!(id));
                if topic.is_none() {
                    members.insert("topic".to_owned(), json!(run.publication.message.topic));
                }
            }
            entry
        })
        .collect();
    let ids: Vec<&str> = entries.iter().map(|(id, _)| id.as_str()).collect();
    failure.insert("affectedIds".to_owned(), json!(ids));
    let mut document = Map::new();
    document.insert("ruleName".to_owned(), json!(rule.name.as_str()));
    if let Some(topic) = topic {
        document.insert("topic".to_owned(), json!(topic));
    }
    document.insert("payloadsWithMetadata".to_owned(), Value::Array(payloads));
    document.insert("failures".to_owned(), json!([failure]));
    Value::Object(document)
}

fn metadata(run: &Run) -> Value {
    let origin = &run.publication.origin;
    let address = origin.sender().and_then(|sender| sender.address);
    let mut members = Map::new();
    members.insert("ruleName".to_owned(), json!(run.rule.name.as_str()));
    members.insert("cloudwatchTraceId".to_owned(), json!(run.trace_id()));
    members.insert("clientId".to_owned(), json!(run.client_id().unwrap_or("N/A")));
    if let Some(address) = address {
        members.insert("sourceIp".to_owned(), json!(address.ip().to_string()));
    }
    members
        .insert("base64OriginalPayload".to_owned(), json!(STANDARD.encode(&run.publication.message.payload)));
    Value::Object(members)
}

/// The message with the arrival topic, the action and its resource at its end (RULES-398).
pub(crate) fn with_place(why: &str, run: &Run, action: &Action, resources: &Resources) -> String {
    let mut message = why.trim_end_matches('.').to_owned();
    message.push_str(&format!(
        ". Message arrived on: {}, Action: {}",
        run.publication.message.topic, action.kind
    ));
    for (name, value) in resources.iter() {
        message.push_str(&format!(", {name}: {value}"));
    }
    message
}
