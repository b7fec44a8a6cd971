//! Requests on their way to the services behind reserved topics.

use std::sync::Arc;

use thingstead_core::wiring::{Handled, ReservedService};
use thingstead_core::{Publication, topic};

use super::route::Journey;
use crate::ending::{Ending, Reason};
use crate::shard::Shard;
use crate::shard::mail::Held;
use crate::shard::thread::guard;
use crate::slots::Key;

/// What the acknowledgement of a message waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Awaited {
    /// It may leave.
    Nothing,
    /// What was stored of the message must be durable.
    Durable,
    /// The service to which the message is a request has not seen it yet: it is the last of the turn's requests.
    Service,
}

/// A request that waits for its service until the end of the turn. A turn brings many, and a service that knows which come next
/// waits for their memory once.
pub(crate) struct Request {
    publication: Arc<Publication>,
    service: Arc<dyn ReservedService>,
    /// Copies of the message were stored.
    stored: bool,
    /// Whose connection it came by, and what acknowledges it.
    pub(crate) from: Option<Key>,
    pub(crate) held: Option<Held>,
}

impl Shard {
    /// Services behind reserved topics, then rules.
    pub(super) fn hand_over(
        &mut self,
        publication: Arc<Publication>,
        journey: Journey,
        stored: bool,
    ) -> Awaited {
        let awaited = if stored { Awaited::Durable } else { Awaited::Nothing };
        let Some(wiring) = self.hub.wiring() else { return awaited };
        let topic = &publication.message.topic;
        if topic::is_reserved(topic)
            && !journey.will
            && let Some(service) = wiring.services.iter().find(|service| service.claims(topic))
        {
            let service = Arc::clone(service);
            self.turn.requests.push_back(Request { publication, service, stored, from: None, held: None });
            self.signal.raise();
            return Awaited::Service;
        }
        if let Some(rules) = &wiring.rules {
            rules.offer_and_tell(&publication, &mut self.turn.events);
        }
        awaited
    }

    /// Has the services see to all requests of this turn, in the order in which they came.
    pub(crate) fn serve(&mut self) {
        if !self.turn.requests.is_empty() {
            // A service writes down what it does itself; that a request came is said before.
            self.hub.journal.record_all(self.turn.events.drain(..));
        }
        let mut told = 0_usize;
        while let Some(first) = self.turn.requests.front() {
            if told == 0 {
                let soon = self.turn.requests.iter().take(SOON);
                let same = soon.take_while(|request| Arc::ptr_eq(&request.service, &first.service));
                let mut same = same.inspect(|_| told += 1).map(|request| &*request.publication);
                let _ = guard("what comes next", || first.service.approach(&mut same));
            }
            told = told.saturating_sub(1);
            let Some(request) = self.turn.requests.pop_front() else { return };
            let from = request.from;
            if guard("a request", || self.serve_one(request)).is_none()
                && let Some(key) = from
            {
                self.end(key, Ending::new(Reason::ServerError, "the server failed"));
            }
        }
    }

    fn serve_one(&mut self, Request { publication, service, stored, held, .. }: Request) {
        let handled = service.handle(&publication);
        if let Some(rules) = self.hub.wiring().and_then(|wiring| wiring.rules.as_ref()) {
            rules.offer_and_tell(&publication, &mut self.turn.events);
        }
        let storing = handled == Handled::Storing;
        self.turn.storing |= storing;
        match held {
            Some(held) if stored || storing => self.turn.held.push(held),
            held => self.release(held, &Ok(())),
        }
    }
}

/// A service is told of so many requests at a time: what they need has room in the processor's first cache.
const SOON: usize = 16;
