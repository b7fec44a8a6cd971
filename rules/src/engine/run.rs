//! One rule on one message: judge it, then perform the actions.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use smallvec::SmallVec;
use thingstead_core::journal::{Record, Tale};
use thingstead_core::{Event, Ids, Kind, Origin, Principal, Publication, Timestamp};

use super::functions::lane_of;
use super::metrics::Count;
use super::outcome::{Rest, Step};
use super::refusal::Refusal;
use super::told::Told;
use super::{CompiledRule, Inner};
use crate::actions::Action;
use crate::sql::{Answer, Answers, Call, EvalError, Evaluated, Input, Output, Value};

/// One rule on one message. All that templates and events need, shared by the rule's actions.
#[derive(Clone)]
pub(crate) struct Run {
    pub(crate) rule: Arc<CompiledRule>,
    pub(crate) publication: Arc<Publication>,
    /// `traceid()`, `cloudwatchTraceId` and the log entries' `traceId` (RULES-432).
    pub(crate) trace: u128,
    /// `timestamp()`.
    pub(crate) at: Timestamp,
    pub(crate) ids: Ids,
    /// What the functions of the statement and of templates were answered.
    pub(crate) answers: Answers,
    seed: u128,
    principal: Option<Arc<str>>,
    address: Option<IpAddr>,
    /// Whether the payload is a copy of this run's own, which the journal must not keep.
    owns_payload: bool,
}

/// What the actions receive.
#[derive(Debug)]
pub(crate) struct ResultPayload {
    /// The payload as published, or compact UTF-8 JSON (RULES-363).
    pub(crate) bytes: Bytes,
    /// The values of SET, for the templates (RULES-380).
    pub(crate) variables: Vec<Value>,
}

impl Run {
    pub(crate) fn new(
        inner: &Inner,
        rule: Arc<CompiledRule>,
        publication: &Arc<Publication>,
        trace: u128,
        seed: u128,
    ) -> Self {
        // RULES-473: a republished message comes from no client but from the role's session.
        let (principal, address) = match &publication.origin {
            Origin::Client(sender) | Origin::Http(sender) => (
                Some(principal_of(&sender.principal)),
                sender.address.map(|address| address.ip().to_canonical()),
            ),
            Origin::Service(_) => (None, None),
            Origin::Rule { rule, .. } => (Some(Arc::from(format!("{ROLE_ID}:{rule}"))), None),
        };
        Self {
            at: inner.clock.now(),
            seed,
            ids: inner.ids.clone(),
            publication: Arc::clone(publication),
            answers: Answers::none(),
            rule,
            trace,
            principal,
            address,
            owns_payload: false,
        }
    }

    /// What the statement and the templates are evaluated against.
    pub(crate) fn input(&self) -> Input<'_> {
        let message = &self.publication.message;
        let mut input = Input::new(&message.payload, &message.topic, self.at.as_millis(), self.seed);
        input.client_id = self.client_id();
        input.principal = self.principal.as_deref();
        input.account_id = Some(self.publication.scope.account());
        // RULES-280
        input.trace = matches!(self.publication.origin, Origin::Client(_)).then_some(self.trace);
        input.address = self.address;
        input.properties = message.properties.as_deref();
        input
    }

    /// `clientid()`: of the client that published itself, not of one whose message was republished.
    pub(crate) fn client_id(&self) -> Option<&str> {
        match &self.publication.origin {
            Origin::Client(sender) => sender.client.as_deref(),
            Origin::Http(_) | Origin::Service(_) | Origin::Rule { .. } => None,
        }
    }

    /// The same run with its own copy of the payload, for waiting outside the network buffer.
    pub(crate) fn detached(&self) -> Self {
        let mut run = self.clone();
        let publication = Publication::clone(&run.publication);
        let message = publication.message.detached();
        run.publication = Arc::new(Publication { message, ..publication });
        run.owns_payload = true;
        run
    }

    /// What the actions received, made anew for who asks later: judging a message is a pure function of the run.
    pub(crate) fn result(&self, input: &Input<'_>) -> ResultPayload {
        match self.rule.statement.evaluate(input, &self.answers) {
            Ok(Evaluated::Output(output)) => ResultPayload::of(self, input, output),
            Ok(Evaluated::NoMatch | Evaluated::Needs(_)) | Err(_) => {
                ResultPayload { bytes: Bytes::new(), variables: Vec::new() }
            }
        }
    }

    /// Whether the journal may keep the run, whose payload is then that of the published event.
    pub(crate) const fn may_be_kept(&self) -> bool {
        !self.owns_payload
    }
}

impl ResultPayload {
    fn of(run: &Run, input: &Input<'_>, output: Output) -> Self {
        let bytes = match output.bytes(input) {
            // The payload itself: shared, not copied.
            std::borrow::Cow::Borrowed(_) => run.publication.message.payload.clone(),
            std::borrow::Cow::Owned(bytes) => Bytes::from(bytes),
        };
        Self { bytes, variables: output.variables }
    }
}

impl Tale for Run {
    fn publication(&self) -> &Publication {
        &self.publication
    }

    fn tell(&self, kind: Kind, at: Timestamp, note: u32) -> Event {
        let event = self.event(kind, at);
        match kind {
            Kind::ActionFailed => Refusal::from_note(note).tell(self, event),
            Kind::RuleNotMatched => event.why("the condition of WHERE is not true for this message"),
            _ => event,
        }
    }
}

impl Inner {
    /// Judges a message and starts the actions, on the caller's thread unless the statement looks outward.
    pub(crate) fn begin(self: &Arc<Self>, run: Run, told: &mut Told<'_>) {
        let run = Arc::new(run);
        run.rule.counters.add(Count::TopicMatch);
        if let Some(limit) = self.settings.evaluations_per_second
            && !self.throttle.allows(&run.publication.scope, run.at, limit)
        {
            return self.throttled(&run, told);
        }
        let input = run.input();
        let evaluated = run.rule.statement.evaluate(&input, &run.answers);
        if input.parse_error().is_some() {
            run.rule.counters.add(Count::ParseError);
        }
        if let Some(calls) = self.conclude_or_ask(&run, &input, evaluated, told) {
            self.settle(told);
            self.ask_and_judge(&run, calls);
        }
    }

    /// Acts on what an evaluation came to; the calls when it needs answers.
    fn conclude_or_ask(
        self: &Arc<Self>,
        run: &Arc<Run>,
        input: &Input<'_>,
        evaluated: Result<Evaluated, EvalError>,
        told: &mut Told<'_>,
    ) -> Option<Vec<Call>> {
        match evaluated {
            Ok(Evaluated::Needs(calls)) => return Some(calls),
            Ok(Evaluated::Output(output)) => self.dispatch(run, input, output, told),
            Ok(Evaluated::NoMatch) => self.not_matched(run, told),
            Err(error) => self.failed(run, &error, told),
        }
        None
    }

    /// Serves a statement's functions, then judges again, as often as answers lead to new questions.
    fn ask_and_judge(self: &Arc<Self>, run: &Arc<Run>, calls: Vec<Call>) {
        let (lane, kept) = (self.lanes.lane(&lane_of(&calls)), run.publication.message.payload.len());
        let place = match self.lanes.enter(&lane, kept) {
            Ok(place) => place,
            Err(full) => return self.function_failed(run, full.to_string()),
        };
        let (inner, run) = (Arc::clone(self), run.detached());
        place.run(async move {
            let (mut run, mut calls) = (Arc::new(run), calls);
            for _ in 0..MAX_ROUNDS {
                run = match inner.answer(&run, calls).await {
                    Ok(answered) => Arc::new(answered),
                    Err(why) => return inner.function_failed(&run, why),
                };
                let input = run.input();
                let evaluated = run.rule.statement.evaluate(&input, &run.answers);
                match inner.conclude_or_ask(&run, &input, evaluated, &mut Told::Now) {
                    Some(more) => calls = more,
                    None => return,
                }
            }
            inner.function_failed(&run, format!("its functions ask more than {MAX_ROUNDS} times in a row"));
        });
    }

    /// Makes calls for a run, and writes down each that was made (RULES-427, RULES-428).
    pub(crate) async fn answer(&self, run: &Run, calls: Vec<Call>) -> Result<Run, String> {
        let answered = self.functions.answer(run, calls).await?;
        for (call, answer) in answered.answers.iter().filter(|(call, _)| run.answers.get(call).is_none()) {
            let event = run.event(Kind::FunctionCalled, self.clock.now());
            let event = event.with("function", call.function()).with("target", call.target());
            self.journal.record(match answer {
                Answer::Failed(why) => event.why(why.clone()),
                Answer::Json(_) | Answer::Text(_) | Answer::Bytes(_) => event,
            });
        }
        Ok(answered)
    }

    /// Every action gets the same result; none waits for another (RULES-354, RULES-355).
    fn dispatch(self: &Arc<Self>, run: &Arc<Run>, input: &Input<'_>, output: Output, told: &mut Told<'_>) {
        let rule = &run.rule;
        rule.counters.add(Count::RulesExecuted);
        self.note(Kind::RuleMatched, run, run.at, 0, told);
        let mut left: SmallVec<[(u8, &Arc<Action>); 10]> = (0..).zip(&rule.actions).collect();
        if rule.error_action.is_none() {
            // Nobody asks for the failures: nothing is made for an action whose queue is full.
            let (bytes, changes) = (output.known_size(input), self.state.changes());
            left.retain(|(number, action)| match action.refuses(bytes, changes) {
                Some(full) => {
                    self.refused(run, Refusal::of(*number, full), told);
                    false
                }
                None => true,
            });
        }
        if left.is_empty() {
            return;
        }
        let result = Arc::new(ResultPayload::of(run, input, output));
        // Nobody waits for the last action where there is no error action.
        let rest = rule.error_action.is_some().then(|| Arc::new(Rest::of(left.len())));
        for (number, action) in left {
            let step = Step {
                run: Arc::clone(run),
                result: Arc::clone(&result),
                action: Arc::clone(action),
                number,
                rest: rest.clone(),
            };
            self.act(step, input, told);
        }
    }

    /// RULES-404: no failure.
    fn not_matched(&self, run: &Arc<Run>, told: &mut Told<'_>) {
        run.rule.counters.add(Count::RulesExecuted);
        self.note(Kind::RuleNotMatched, run, run.at, 0, told);
    }

    /// Writes down what became of a run; nothing is made for it where the run itself may be kept.
    #[inline]
    pub(super) fn note(&self, kind: Kind, run: &Arc<Run>, at: Timestamp, note: u32, told: &mut Told<'_>) {
        if run.may_be_kept() {
            let tale: Arc<dyn Tale> = Arc::<Run>::clone(run);
            self.write_down(told, Record::tale(kind, at, tale, note));
        } else {
            self.write_down(told, run.tell(kind, at, note));
        }
    }

    /// RULES-391: no action runs, and no error action.
    fn failed(&self, run: &Run, error: &EvalError, told: &mut Told<'_>) {
        let mut event = run.event(Kind::RuleFailed, run.at).why(error.to_string());
        if let EvalError::Function { function, .. } = error {
            // A call that failed was written down when it was made.
            let failed = |(call, answer): (&Call, &Answer)| {
                call.function() == *function && matches!(answer, Answer::Failed(_))
            };
            let is_told = run.answers.iter().any(failed);
            event = event.with("function", *function).with("told", is_told);
        }
        self.write_down(told, event);
    }

    /// RULES-417, RULES-430.
    fn throttled(&self, run: &Run, told: &mut Told<'_>) {
        run.rule.counters.add(Count::RuleMessageThrottled);
        let why = format!("Message for Rule {} throttled", run.rule.name);
        self.write_down(told, run.event(Kind::RuleFailed, run.at).why(why).with("throttled", true));
    }

    fn function_failed(&self, run: &Run, why: String) {
        self.journal.record(run.event(Kind::RuleFailed, run.at).why(why).with("function", "external"));
    }
}

/// The principal's text; certificates share theirs.
pub(super) fn principal_of(principal: &Principal) -> Arc<str> {
    match principal {
        Principal::Certificate(id) => id.shared(),
        other => Arc::from(other.to_string()),
    }
}

impl std::fmt::Debug for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Run({} on {})", self.rule.name, self.publication.message.topic)
    }
}

/// A statement may ask so often before it has a result.
const MAX_ROUNDS: usize = 16;
/// Stands for the id of the role that republishes; a local server has no roles.
const ROLE_ID: &str = "AROATHINGSTEADRULES00";
