//! Actions that were not begun, because the queue of their destination was full. There may be as many as there are messages,
//! so nothing is made for one: the journal keeps a share of the run and a number, and who asks gets the rest told.

use std::any::Any;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::json;
use thingstead_core::journal::{KeptTale, Tale};
use thingstead_core::{Event, Kind};

use super::Inner;
use super::lanes::LaneFull;
use super::outcome::{ERROR_ACTION, Ended, Resources, Step, error_document, with_end, with_place};
use super::run::{ResultPayload, Run};
use super::told::Told;
use crate::actions::{Action, Context, Work, unsent_request};
use crate::deliveries::{Delivery, DeliveryOutcome, SentRequest};
use crate::settings::Settings;

/// Which action of a run was not begun, and how many deliveries waited. As a number it is the note of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    number: u8,
    waiting: u32,
}

/// What an action would have sent.
struct Unsent {
    resource: String,
    resources: Resources,
    request: SentRequest,
}

impl Refusal {
    pub(super) fn of(number: u8, full: LaneFull) -> Self {
        Self { number, waiting: u32::try_from(full.waiting).unwrap_or(MOST).min(MOST) }
    }

    pub(super) fn from_note(note: u32) -> Self {
        let [number, waiting @ ..] = note.to_be_bytes();
        let [a, b, c] = waiting;
        Self { number, waiting: u32::from_be_bytes([0, a, b, c]) }
    }

    const fn note(self) -> u32 {
        let [_, a, b, c] = self.waiting.to_be_bytes();
        u32::from_be_bytes([self.number, a, b, c])
    }

    const fn is_error_action(self) -> bool {
        self.number == ERROR_ACTION
    }

    fn action(self, run: &Run) -> Option<&Arc<Action>> {
        if self.is_error_action() {
            return run.rule.error_action.as_ref();
        }
        run.rule.actions.get(usize::from(self.number))
    }

    fn why(self) -> String {
        LaneFull { waiting: self.waiting as usize }.to_string()
    }

    /// The event of a run whose action was not begun.
    pub(super) fn tell(self, run: &Run, event: Event) -> Event {
        let Some(action) = self.action(run) else { return event.why(self.why()) };
        let unsent = unsent(run, action, self.is_error_action(), None);
        let event = event.why(with_place(&self.why(), run, action, &unsent.resources));
        with_end(event, action, self.is_error_action(), &unsent.resources, 0)
    }

    fn delivery(self, run: &Run, kept: &KeptTale, settings: &Settings) -> Option<Delivery> {
        let action = self.action(run)?;
        let unsent = unsent(run, action, self.is_error_action(), Some(settings));
        Some(Delivery {
            seq: kept.seq,
            at: kept.at,
            scope: run.publication.scope.clone(),
            rule: run.rule.name.clone(),
            action: action.kind.name(),
            error_action: self.is_error_action(),
            request: unsent.request,
            response: None,
            outcome: DeliveryOutcome::Failed,
            why: with_place(&self.why(), run, action, &unsent.resources),
            attempts: 0,
        })
    }
}

impl Inner {
    /// Counts an action that is not begun and writes it down.
    pub(super) fn refused(&self, run: &Arc<Run>, refusal: Refusal, told: &mut Told<'_>) {
        if let Some(action) = refusal.action(run) {
            run.rule.counters.add_action(action.kind, refusal.is_error_action(), false);
        }
        self.note(Kind::ActionFailed, run, run.at, refusal.note(), told);
    }

    /// The same for an action that others of its run wait for.
    pub(super) fn refuse(self: &Arc<Self>, step: &Step, full: LaneFull, told: &mut Told<'_>) {
        let Step { run, action, rest, number, .. } = step;
        self.refused(run, Refusal::of(*number, full), told);
        let Some(rest) = rest else { return };
        let unsent = unsent(run, action, false, None);
        let failed = json!({
            "failedAction": action.kind.failed_action(),
            "failedResource": unsent.resource,
            "errorMessage": with_place(&full.to_string(), run, action, &unsent.resources),
        });
        self.conclude(step, rest, Some(failed), told);
    }
}

/// The delivery that a tale of the journal tells, if it is one that the log of deliveries does not know itself.
pub(crate) fn delivery_of(kept: &KeptTale, settings: &Settings) -> Option<Delivery> {
    let tale: &dyn Any = &*kept.tale;
    if let Some(run) = tale.downcast_ref::<Run>() {
        return Refusal::from_note(kept.note).delivery(run, kept, settings);
    }
    let ended = tale.downcast_ref::<Ended>()?;
    let result = ended.unlogged.as_ref()?;
    let why = ended.failure.as_ref();
    let why = why.map(|why| with_place(why, &ended.run, &ended.action, &ended.resources));
    Some(Delivery {
        seq: kept.seq,
        at: kept.at,
        scope: ended.run.publication.scope.clone(),
        rule: ended.run.rule.name.clone(),
        action: ended.action.kind.name(),
        error_action: ended.error_action,
        request: match &ended.resources {
            Resources::Topic(topic, qos) => SentRequest {
                operation: String::new(),
                method: "PUBLISH".to_owned(),
                url: topic.to_string(),
                headers: vec![("qos".to_owned(), qos.as_u8().to_string())],
                body: result.bytes.clone(),
            },
            Resources::One(..) | Resources::Many(_) => SentRequest::default(),
        },
        response: None,
        outcome: if why.is_some() { DeliveryOutcome::Failed } else { DeliveryOutcome::Delivered },
        why: why.unwrap_or_default(),
        attempts: ended.attempts,
    })
}

/// Whether [`delivery_of`] has a delivery of this rule, or of any.
pub(crate) fn is_delivery(kind: Kind, tale: &dyn Tale, rule: Option<&str>) -> bool {
    let tale: &dyn Any = tale;
    let run = match (kind, tale.downcast_ref::<Ended>()) {
        (Kind::ActionFailed | Kind::ActionSucceeded, Some(Ended { run, unlogged: Some(_), .. })) => {
            Some(&**run)
        }
        (Kind::ActionFailed, None) => tale.downcast_ref::<Run>(),
        _ => None,
    };
    run.is_some_and(|run| rule.is_none_or(|rule| run.rule.name.as_str() == rule))
}

/// Prepares an action that is not performed. `settings` are needed to tell the whole request.
fn unsent(run: &Run, action: &Action, is_error_action: bool, settings: Option<&Settings>) -> Unsent {
    let input = run.input();
    let mut result = run.result(&input);
    if is_error_action {
        // The failures that it would have told stand in events of their own.
        let document = error_document(run, Vec::new());
        result = ResultPayload { bytes: document.to_string().into(), ..result };
    }
    let context = Context { run, result: &result, input: &input };
    let Ok(prepared) = action.prepare(&context) else {
        return Unsent {
            resource: action.unfilled_resource().to_owned(),
            resources: Resources::default(),
            request: SentRequest::default(),
        };
    };
    let mut request = settings
        .and_then(|settings| unsent_request(&prepared.work, settings, run.publication.scope.region()))
        .unwrap_or_default();
    if is_error_action {
        request.body = Bytes::new();
    }
    let resources = match prepared.work {
        Work::Publish(message) => Resources::Topic(message.topic, message.qos),
        Work::Aws(_) | Work::Http(_) | Work::Kafka(_) => Resources::Many(prepared.resources),
    };
    Unsent { resource: prepared.resource, resources, request }
}

/// The most deliveries that a note can say are waiting.
const MOST: u32 = (1 << 24) - 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_fits_into_the_note_of_a_record() {
        for (number, waiting) in [(0, 2_000), (9, 1), (ERROR_ACTION, 0)] {
            let refusal = Refusal::of(number, LaneFull { waiting });
            assert_eq!(Refusal::from_note(refusal.note()), refusal);
            assert_eq!(refusal.waiting as usize, waiting);
        }
        assert_eq!(Refusal::of(3, LaneFull { waiting: usize::MAX }).waiting, MOST);
    }
}
