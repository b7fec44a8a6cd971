//! Performs actions: a republish at once, everything else in the queue of its destination.

use std::sync::Arc;
use std::time::Duration;

use thingstead_core::{Message, Origin, Publication};

use super::Inner;
use super::functions::lane_of;
use super::metrics::Count;
use super::outcome::{Resources, Sent, Step};
use super::told::Told;
use crate::actions::aws::{AwsError, sign};
use crate::actions::http::HttpCall;
use crate::actions::send::{HttpAnswer, SendError};
use crate::actions::{AwsCall, Context, Prepared, Unready, Work, url};
use crate::deliveries::SentResponse;
use crate::destination::DestinationStatus;
use crate::sql::{Call, Input};

impl Inner {
    /// Prepares and performs one action.
    pub(crate) fn act(self: &Arc<Self>, step: Step, input: &Input<'_>, told: &mut Told<'_>) {
        if let Some(full) = step.action.refuses(step.result.bytes.len(), self.state.changes()) {
            return self.refuse(&step, full, told);
        }
        let context = Context { run: &step.run, result: &step.result, input };
        match step.action.prepare(&context) {
            Ok(prepared) => self.perform(step, prepared, told),
            Err(Unready::Failed(why)) => {
                let sent = Sent::nothing(&step, why);
                self.ended(&step, sent, told);
            }
            Err(Unready::InvalidUrl(why, url)) => {
                step.run.rule.counters.add(Count::HttpInvalidUrl);
                let sent = Sent { resource: url, ..Sent::nothing(&step, why) };
                self.ended(&step, sent, told);
            }
            Err(Unready::Needs(calls)) => {
                self.settle(told);
                self.ask_and_act(&step, calls);
            }
        }
    }

    /// Makes the calls of an action's templates, then performs it.
    fn ask_and_act(self: &Arc<Self>, step: &Step, calls: Vec<Call>) {
        let lane = self.lanes.lane(&lane_of(&calls));
        let place = match self.lanes.enter(&lane, step.run.publication.message.payload.len()) {
            Ok(place) => place,
            Err(full) => return self.ended(step, Sent::nothing(step, full.to_string()), &mut Told::Now),
        };
        let (inner, waiting) = (Arc::clone(self), step.detached([]));
        place.run(async move {
            match inner.answer(&waiting.run, calls).await {
                Ok(run) => {
                    let run = Arc::new(run);
                    let input = run.input();
                    inner.act(Step { run: Arc::clone(&run), ..waiting }, &input, &mut Told::Now);
                }
                Err(why) => {
                    let sent = Sent::nothing(&waiting, why);
                    inner.ended(&waiting, sent, &mut Told::Now);
                }
            }
        });
    }

    fn perform(self: &Arc<Self>, step: Step, prepared: Prepared, told: &mut Told<'_>) {
        let Prepared { resource, resources, explain, work } = prepared;
        let sent = Sent { resource, resources: Resources::Many(resources), ..Sent::default() };
        if !matches!(work, Work::Publish(_)) {
            self.settle(told);
        }
        match work {
            Work::Publish(message) => self.publish(&step, message, told),
            Work::Aws(calls) => self.queue_aws(step, calls, explain, sent),
            Work::Http(call) if call.batch.is_some() => self.enter_batch(step, *call, explain, sent),
            Work::Http(call) => self.queue_http(step, *call, explain, sent),
            Work::Kafka(call) => self.queue_kafka(step, *call, sent),
        }
    }

    /// RULES-472: the message goes on as one from any client.
    fn publish(self: &Arc<Self>, step: &Step, message: Message, told: &mut Told<'_>) {
        let origin = &step.run.publication.origin;
        let depth = if let Origin::Rule { depth, .. } = origin { depth.saturating_add(1) } else { 1 };
        if depth > MAX_DEPTH {
            // RULES-362
            let why = format!(
                "the message was republished {MAX_DEPTH} times already: rules feed each other in a loop, which ends here"
            );
            let sent = Sent {
                resource: message.topic.to_string(),
                resources: Resources::Topic(message.topic, message.qos),
                failure: Some(why),
                ..Sent::default()
            };
            return self.ended(step, sent, told);
        }
        let at = self.clock.now();
        let (topic, qos) = (Arc::clone(&message.topic), message.qos);
        let origin =
            Origin::Rule { rule: step.run.rule.name.clone(), depth, first: origin.sender().cloned() };
        let scope = step.run.publication.scope.clone();
        self.bus.publish(Publication { scope, message, origin, at });
        self.republished(step, topic, qos, at, told);
    }

    fn queue_aws(
        self: &Arc<Self>,
        step: Step,
        mut calls: Vec<AwsCall>,
        explain: fn(&AwsError) -> String,
        mut sent: Sent,
    ) {
        let Some(first) = calls.first() else {
            sent.attempts = 1;
            return self.ended(&step, sent, &mut Told::Now);
        };
        let changes = self.state.changes();
        let region = step.run.publication.scope.region().to_owned();
        let lane = first.target(&self.settings.aws, &region).url;
        let lane = self.lanes.lane(&format!("{} {}", first.service.id, url::split(&lane).0));
        step.action.will_enter(&lane, changes);
        let kept = calls.iter().map(|call| call.body.len()).sum();
        let place = match self.lanes.enter(&lane, kept) {
            Ok(place) => place,
            Err(full) => {
                sent.failure = Some(full.to_string());
                return self.ended(&step, sent, &mut Told::Now);
            }
        };
        let bodies = calls.iter_mut().map(|call| &mut call.body);
        let (inner, task) = (Arc::clone(self), step.detached(bodies));
        place.run(async move {
            for call in &calls {
                let end = inner.aws.call(call, &region).await;
                sent.attempts += end.attempts;
                sent.request = Some(end.request);
                sent.response = end.response;
                if let Err(error) = end.result {
                    sent.failure = Some(explain(&error));
                    break;
                }
            }
            inner.ended(&task, sent, &mut Told::Now);
        });
    }

    fn queue_http(
        self: &Arc<Self>,
        step: Step,
        mut call: HttpCall,
        explain: fn(&AwsError) -> String,
        mut sent: Sent,
    ) {
        let changes = self.state.changes();
        if let Err(why) = self.check_destination(&step, &call) {
            sent.failure = Some(why);
            return self.ended(&step, sent, &mut Told::Now);
        }
        let lane = self.lanes.lane(&crate::actions::http::lane(&call.request.url));
        step.action.will_enter(&lane, changes);
        let place = match self.lanes.enter(&lane, call.request.body.len()) {
            Ok(place) => place,
            Err(full) => {
                sent.failure = Some(full.to_string());
                return self.ended(&step, sent, &mut Told::Now);
            }
        };
        let (inner, task) = (Arc::clone(self), step.detached([&mut call.request.body]));
        place.run(async move {
            inner.send_http(&task, &call, explain, &mut sent).await;
            inner.ended(&task, sent, &mut Told::Now);
        });
    }

    /// RULES-461.
    pub(super) fn check_destination(&self, step: &Step, call: &HttpCall) -> Result<(), String> {
        if let Some(write) = &call.influx {
            return self.influx_destination(step, write).map(drop);
        }
        self.check_confirmed(step, &call.confirmation_url)
    }

    fn check_confirmed(&self, step: &Step, confirmation_url: &str) -> Result<(), String> {
        let state = self.state.read();
        let scope = state.scope(&step.run.publication.scope);
        let found = scope.and_then(|scope| scope.destination_for(confirmation_url));
        match found.map(|destination| destination.status_at(self.clock.now())) {
            Some((DestinationStatus::Enabled, _)) => Ok(()),
            Some((status, why)) => Err(format!(
                "the destination with confirmation URL `{confirmation_url}` is {}, not ENABLED. {why}",
                status.name()
            )),
            None => Err(format!("there is no destination with confirmation URL `{confirmation_url}`")),
        }
    }

    /// At most three tries within three seconds (RULES-438, RULES-528 to RULES-531).
    pub(super) async fn send_http(
        &self,
        step: &Step,
        call: &HttpCall,
        explain: fn(&AwsError) -> String,
        sent: &mut Sent,
    ) {
        if let Some(write) = &call.influx {
            return self.send_influx(step, call, write, explain, sent).await;
        }
        let counters = &step.run.rule.counters;
        sent.request = Some(call.shown());
        let tries = async {
            loop {
                sent.attempts += 1;
                let mut request = call.request.clone();
                if let Some(signing) = &call.signing {
                    let at = self.clock.now();
                    sign(&mut request, &signing.service, &signing.region, &self.settings.aws, at);
                }
                let answer = self.http.send(&request, HTTP_LIMIT, MAX_ANSWER).await;
                let again = matches!(&answer, Ok(answer) if answer.status == 429 || (500..600).contains(&answer.status));
                if !again || sent.attempts >= HTTP_ATTEMPTS {
                    break answer;
                }
                tokio::time::sleep(HTTP_PAUSE).await;
            }
        };
        let answer = match tokio::time::timeout(HTTP_LIMIT, tries).await {
            Ok(answer) => answer,
            Err(_) => Err(SendError::TimedOut(HTTP_LIMIT.as_millis())),
        };
        if let Ok(answer) = &answer {
            sent.response = Some(SentResponse { status: answer.status, body: answer.body.clone() });
        }
        let error = match answer {
            Ok(HttpAnswer { status: 200..=299, .. }) => return,
            Ok(HttpAnswer { status, body, .. }) => {
                counters.add(match status {
                    400..=499 => Count::HttpCode4xx,
                    500..=599 => Count::HttpCode5xx,
                    _ => Count::HttpCodeOther,
                });
                let message = String::from_utf8_lossy(&body).chars().take(200).collect();
                AwsError::Refused { status, code: String::new(), message }
            }
            Err(error) => {
                match &error {
                    SendError::InvalidUrl(_) => counters.add(Count::HttpInvalidUrl),
                    SendError::TimedOut(_) => counters.add(Count::HttpRequestTimeout),
                    SendError::UnknownHost(_) => counters.add(Count::HttpUnknownHost),
                    _ => {}
                }
                AwsError::NotSent(error)
            }
        };
        sent.failure = Some(explain(&error));
    }
}

/// Republishes in a row before a loop is cut; AWS has no such bound.
pub(crate) const MAX_DEPTH: u32 = 10;
/// All tries of an HTTP request together (RULES-438).
const HTTP_LIMIT: Duration = Duration::from_millis(3_000);
/// Tries of an HTTP request (RULES-528).
const HTTP_ATTEMPTS: u32 = 3;
/// Between two tries.
const HTTP_PAUSE: Duration = Duration::from_millis(50);
/// An answer may be this long (RULES-530).
const MAX_ANSWER: usize = 16_384;
