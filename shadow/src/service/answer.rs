//! What a request gets: messages, a reply over HTTP, one line in the journal.

use std::cell::OnceCell;
use std::sync::Arc;

use bytes::Bytes;
use thingstead_core::{Event, Kind, Message, Origin, Publication, QoS, Timestamp};
use tokio::sync::oneshot;

use crate::address::{Operation, ShadowId};
use crate::document::{Rejected, Rejection};

/// A request.
pub(super) struct Asked {
    pub(super) id: ShadowId,
    pub(super) operation: Operation,
    pub(super) payload: Bytes,
    pub(super) origin: Origin,
    pub(super) at: Timestamp,
    pub(super) door: Door,
    /// Written out once, for the history and the journal.
    who: OnceCell<Who>,
}

/// A client and a principal, as they are shown.
type Who = (Option<Arc<str>>, Option<Arc<str>>);

/// By which door a request came, and so where its answer goes.
pub(super) enum Door {
    /// A publish on a request topic: answered on the answer topics.
    Mqtt,
    /// A call: answered to the caller.
    Http(Option<oneshot::Sender<Result<Bytes, Rejection>>>),
}

/// A request and what became of it.
pub(super) struct Answer {
    pub(super) asked: Asked,
    outcome: Outcome,
}

/// The line in the journal for a request to a shadow that cannot be.
pub(super) fn misnamed(request: &Publication, at: Timestamp, why: String) -> Event {
    let mut event = Event::new(&request.scope, at, Kind::ShadowRejected)
        .client(request.origin.client().map(thingstead_core::ClientId::shared))
        .topic(Arc::clone(&request.message.topic))
        .payload(Bytes::copy_from_slice(&request.message.payload))
        .why(why)
        .with("fix", "use the thing's name, and a shadow name with the characters allowed");
    event.principal = request.origin.sender().map(|sender| Arc::from(sender.principal.to_string()));
    event
}

/// What became of a request.
pub(super) enum Outcome {
    Updated { version: u64, accepted: Bytes, delta: Option<Bytes>, documents: Bytes },
    Got { version: u64, document: Bytes },
    Deleted { version: u64, accepted: Bytes },
    Refused(Rejected),
}

impl Asked {
    pub(super) const fn new(
        id: ShadowId,
        operation: Operation,
        payload: Bytes,
        origin: Origin,
        at: Timestamp,
        door: Door,
    ) -> Self {
        Self { id, operation, payload, origin, at, door, who: OnceCell::new() }
    }

    pub(super) const fn answered(self, outcome: Outcome) -> Answer {
        Answer { asked: self, outcome }
    }

    pub(super) const fn refused(self, rejected: Rejected) -> Answer {
        self.answered(Outcome::Refused(rejected))
    }

    /// The connection that asked, for the limit on requests in flight.
    pub(super) fn session(&self) -> Option<&Arc<str>> {
        match self.door {
            Door::Mqtt => self.origin.sender().map(|sender| &sender.session),
            Door::Http(_) => None,
        }
    }

    /// The client and the principal at the start of the chain.
    pub(super) fn who(&self) -> Who {
        let written = || {
            let client = self.origin.client().map(thingstead_core::ClientId::shared);
            let principal = self.origin.sender().map(|sender| Arc::from(sender.principal.to_string()));
            (client, principal)
        };
        self.who.get_or_init(written).clone()
    }
}

impl Answer {
    /// Turns an answer that was not to be into a refusal.
    pub(super) fn refuse(&mut self, rejected: Rejected) {
        self.outcome = Outcome::Refused(rejected);
    }

    /// The messages to publish, in their order (SHADOW-034, SHADOW-035), at QoS 1, not retained (SHADOW-025, SHADOW-026).
    pub(super) fn messages(&self, now: Timestamp) -> impl Iterator<Item = Message> {
        let over_http = matches!(self.asked.door, Door::Http(_));
        let messages = match &self.outcome {
            Outcome::Updated { accepted, delta, documents, .. } => [
                Some(("update/accepted", accepted.clone())),
                delta.clone().map(|delta| ("update/delta", delta)),
                Some(("update/documents", documents.clone())),
            ],
            Outcome::Deleted { accepted, .. } => [Some(("delete/accepted", accepted.clone())), None, None],
            Outcome::Got { .. } | Outcome::Refused(_) if over_http => [None, None, None],
            Outcome::Got { document, .. } => [Some(("get/accepted", document.clone())), None, None],
            Outcome::Refused(rejected) => {
                let topic = match self.asked.operation {
                    Operation::Get => "get/rejected",
                    Operation::Update => "update/rejected",
                    Operation::Delete => "delete/rejected",
                };
                [Some((topic, rejected.payload(now))), None, None]
            }
        };
        let id = &self.asked.id;
        messages
            .into_iter()
            .flatten()
            .map(|(topic, payload)| Message::new(id.topic(topic), payload).with_qos(QoS::AtLeastOnce))
    }

    /// The line in the journal.
    pub(super) fn event(&self) -> Event {
        let asked = &self.asked;
        let kind = match self.outcome {
            Outcome::Refused(_) => Kind::ShadowRejected,
            _ => Kind::ShadowAccepted,
        };
        let (client, principal) = asked.who();
        let mut event = Event::new(&asked.id.scope, asked.at, kind)
            .client(client)
            .thing(Some(asked.id.thing.shared()))
            .topic(asked.id.topic(asked.operation.name()))
            .payload(Bytes::copy_from_slice(&asked.payload));
        event.principal = principal;
        if let Some(shadow) = &asked.id.shadow {
            event = event.with("shadow", &**shadow);
        }
        match &self.outcome {
            Outcome::Updated { version, delta, .. } => {
                let why = match delta {
                    Some(_) => format!("version {version}; desired and reported differ, so a delta went out"),
                    None => format!("version {version}; reported covers desired, so no delta went out"),
                };
                event.why(why).with("version", *version)
            }
            Outcome::Got { version, .. } => {
                event.why(format!("version {version} was read")).with("version", *version)
            }
            Outcome::Deleted { version, .. } => {
                event.why(format!("version {version} was deleted")).with("version", *version)
            }
            Outcome::Refused(rejected) => event
                .why(rejected.rejection.to_string())
                .with("code", rejected.rejection.code())
                .with("message", rejected.rejection.message())
                .with("fix", rejected.rejection.fix()),
        }
    }

    /// Tells the caller, if there is one.
    pub(super) fn reply(self) {
        let Door::Http(Some(reply)) = self.asked.door else { return };
        // A caller that went away needs no answer.
        let _ = reply.send(match self.outcome {
            Outcome::Updated { accepted, .. } | Outcome::Deleted { accepted, .. } => Ok(accepted),
            Outcome::Got { document, .. } => Ok(document),
            Outcome::Refused(rejected) => Err(rejected.rejection),
        });
    }
}
