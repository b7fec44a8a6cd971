//! One shadow in memory: its document, its past, and its answers on their way out.

use std::collections::VecDeque;

use parking_lot::{Mutex, MutexGuard};

use thingstead_core::prefetch;

use super::answer::Answer;
use super::cells::Key;
use super::history::History;
use crate::address::ShadowId;
use crate::document::{ClientToken, Document, Rejected, Rejection, Stored};

/// A shadow behind its lock. Its members lie in this order, so that its memory can be asked for before anything is known of it.
#[repr(C)]
pub(super) struct Cell {
    here: [u8; 0],
    key: Key,
    state: Mutex<State>,
}

/// What the lock guards.
#[derive(Default)]
pub(super) struct State {
    pub(super) stored: Stored,
    pub(super) history: History,
    /// Answers in the order in which they were decided.
    outbox: VecDeque<Outgoing>,
    /// The ticket of the first answer in the outbox.
    first: u64,
    /// Somebody is sending what is ready.
    publishing: bool,
    /// No longer the cell of its shadow.
    gone: bool,
}

/// An answer, and whether it may leave.
pub(super) struct Outgoing {
    answer: Answer,
    /// Set while the change is not durable.
    waiting: Option<Undo>,
}

/// What takes a change back that could not be stored.
struct Undo {
    before: Stored,
    client_token: Option<ClientToken>,
}

impl Cell {
    pub(super) fn holding(id: &ShadowId, stored: Stored) -> Self {
        Self { here: [], key: Key::from(id), state: Mutex::new(State { stored, ..State::default() }) }
    }

    /// Which shadow this is.
    pub(super) const fn key(&self) -> &Key {
        &self.key
    }

    /// Asks the memory for the cell.
    pub(super) fn prefetch(&self) {
        prefetch::first(&self.here, size_of::<Self>());
    }

    /// Asks the memory for what an update visits from here; not while somebody else is at it.
    pub(super) fn prefetch_state(&self) {
        if let Some(state) = self.state.try_lock() {
            state.stored.document().into_iter().for_each(Document::prefetch);
            state.history.prefetch();
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
}

impl State {
    /// Puts an answer behind those that are there, and says by which ticket it is known.
    pub(super) fn enqueue(&mut self, outgoing: Outgoing) -> u64 {
        if self.outbox.capacity() == 0 {
            // Nearly always one waits at a time.
            self.outbox.reserve_exact(1);
        }
        self.outbox.push_back(outgoing);
        self.first + self.outbox.len() as u64 - 1
    }

    /// The change behind this answer is durable.
    pub(super) fn settle(&mut self, ticket: u64) {
        if let Some(outgoing) = self.outgoing(ticket) {
            outgoing.waiting = None;
        }
    }

    /// The change behind this answer was not stored: it is refused, and taken back unless another was made on top of it.
    /// Answers whose shadow was taken back.
    pub(super) fn fail(&mut self, ticket: u64, reason: &str) -> Option<ShadowId> {
        let is_newest = ticket + 1 == self.first + self.outbox.len() as u64
            || self.later_than(ticket).all(|outgoing| outgoing.waiting.is_none());
        let outgoing = self.outgoing(ticket)?;
        let Undo { before, client_token } = outgoing.waiting.take()?;
        let rejection = Rejection::Internal { reason: reason.to_owned() };
        outgoing.answer.refuse(Rejected { rejection, client_token });
        let id = outgoing.answer.asked.id.clone();
        if !is_newest {
            return None;
        }
        self.stored = before;
        self.history.forget_newest();
        Some(id)
    }

    /// Whether the caller shall send what is ready: nobody else is at it.
    pub(super) fn start_publishing(&mut self) -> bool {
        !std::mem::replace(&mut self.publishing, true)
    }

    /// The next answer that may leave; `None` ends the publishing.
    pub(super) fn next_ready(&mut self) -> Option<Answer> {
        if self.outbox.front().is_some_and(|outgoing| outgoing.waiting.is_none()) {
            self.first += 1;
            return self.outbox.pop_front().map(|outgoing| outgoing.answer);
        }
        if self.outbox.is_empty() {
            // The memory of a hundred thousand empty boxes is better spent on who uses it now.
            self.outbox = VecDeque::new();
        }
        self.publishing = false;
        None
    }

    /// Whether there is nothing to keep of this shadow.
    pub(super) fn is_vacant(&self) -> bool {
        matches!(self.stored, Stored::Absent) && self.history.is_empty()
    }

    /// The cell stands for its shadow no more; what is in its outbox still leaves.
    pub(super) const fn leave(&mut self) {
        self.gone = true;
    }

    pub(super) const fn is_gone(&self) -> bool {
        self.gone
    }

    fn outgoing(&mut self, ticket: u64) -> Option<&mut Outgoing> {
        let place = usize::try_from(ticket.checked_sub(self.first)?).ok()?;
        self.outbox.get_mut(place)
    }

    fn later_than(&self, ticket: u64) -> impl Iterator<Item = &Outgoing> {
        let place = usize::try_from(ticket.saturating_sub(self.first)).unwrap_or(usize::MAX);
        self.outbox.iter().skip(place.saturating_add(1))
    }
}

impl Outgoing {
    /// An answer that waits for nothing but those before it.
    pub(super) const fn ready(answer: Answer) -> Self {
        Self { answer, waiting: None }
    }

    /// The answer to a change that is not durable yet.
    pub(super) const fn waiting(answer: Answer, before: Stored, client_token: Option<ClientToken>) -> Self {
        Self { answer, waiting: Some(Undo { before, client_token }) }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use thingstead_core::{Message, Origin, Publication, Scope, ThingName, Timestamp};

    use super::*;
    use crate::address::Operation;
    use crate::service::answer::{Asked, Door, Outcome};

    fn answer() -> Answer {
        let id = ShadowId { scope: Scope::new("1", "r"), thing: ThingName::from("T"), shadow: None };
        let (scope, at) = (id.scope.clone(), Timestamp::from_millis(0));
        let message = Message::new("$aws/things/T/shadow/delete", Bytes::new());
        let request = Arc::new(Publication { scope, message, origin: Origin::Service("test"), at });
        let asked = Asked { id, operation: Operation::Delete, request, at, door: Door::Mqtt };
        asked.answered(Outcome::Deleted { version: 1, accepted: Bytes::from_static(b"{}") })
    }

    fn deleted(version: u64) -> Stored {
        Stored::Deleted { version, at: Timestamp::from_millis(0) }
    }

    fn texts(state: &mut State) -> Vec<String> {
        assert!(state.start_publishing() && !state.start_publishing());
        let mut texts = Vec::new();
        while let Some(answer) = state.next_ready() {
            let (messages, _) = answer.parts(Timestamp::from_millis(0));
            texts.extend(messages.map(|message| String::from_utf8_lossy(&message.payload).into_owned()));
        }
        texts
    }

    #[test]
    fn a_change_that_was_not_stored_is_refused_and_taken_back() {
        // SHADOW-154: 500 `Internal service failure`
        let mut state = State { stored: deleted(2), ..State::default() };
        let ticket = state.enqueue(Outgoing::waiting(answer(), deleted(1), None));
        assert_eq!(state.fail(ticket, "disk full").map(|id| id.thing), Some(ThingName::from("T")));
        assert!(matches!(state.stored, Stored::Deleted { version: 1, .. }));
        assert_eq!(texts(&mut state), [r#"{"code":500,"message":"Internal service failure","timestamp":0}"#]);
    }

    #[test]
    fn a_change_with_another_on_top_stays() {
        let mut state = State { stored: deleted(3), ..State::default() };
        let first = state.enqueue(Outgoing::waiting(answer(), deleted(1), None));
        let second = state.enqueue(Outgoing::waiting(answer(), deleted(2), None));
        assert_eq!(state.fail(first, "disk full"), None);
        assert!(matches!(state.stored, Stored::Deleted { version: 3, .. }));
        state.settle(second);
        assert_eq!(texts(&mut state).len(), 2);
    }

    #[test]
    fn answers_wait_for_those_before_them() {
        let mut state = State::default();
        let first = state.enqueue(Outgoing::waiting(answer(), Stored::Absent, None));
        let second = state.enqueue(Outgoing::waiting(answer(), Stored::Absent, None));
        state.enqueue(Outgoing::ready(answer()));
        state.settle(second);
        assert!(texts(&mut state).is_empty());
        state.settle(first);
        assert_eq!(texts(&mut state).len(), 3);
    }
}
