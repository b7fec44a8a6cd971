//! What a request gets: messages, a reply over HTTP, one line in the journal.

use std::sync::Arc;

use bytes::Bytes;
use thingstead_core::journal::{Record, Tale};
use thingstead_core::{Event, Kind, Message, Publication, QoS, Timestamp};
use tokio::sync::oneshot;

use crate::address::{self, Operation, ShadowId};
use crate::document::{Rejected, Rejection};

/// A request.
pub(super) struct Asked {
    pub(super) id: ShadowId,
    pub(super) operation: Operation,
    /// As it was published, or would have been.
    pub(super) request: Arc<Publication>,
    pub(super) at: Timestamp,
    pub(super) door: Door,
}

/// A client and a principal, as they are shown.
type Who = (Option<Arc<str>>, Option<Arc<str>>);

/// By which door a request came, and so where its answer goes.
pub(super) enum Door {
    /// A publish on a request topic: answered on the answer topics.
    Mqtt,
    /// A call: answered to the caller.
    Http(Option<Caller>),
}

/// A request and what became of it.
pub(super) struct Answer {
    pub(super) asked: Asked,
    outcome: Outcome,
}

/// What a caller over HTTP is told; nothing for a request by MQTT.
pub(super) struct Reply(Option<(Caller, Told)>);

type Caller = oneshot::Sender<Told>;
type Told = Result<Bytes, Rejection>;

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
    pub(super) const fn answered(self, outcome: Outcome) -> Answer {
        Answer { asked: self, outcome }
    }

    pub(super) const fn refused(self, rejected: Rejected) -> Answer {
        self.answered(Outcome::Refused(rejected))
    }

    /// The connection that asked, for the limit on requests in flight.
    pub(super) fn session(&self) -> Option<&Arc<str>> {
        match self.door {
            Door::Mqtt => self.request.origin.sender().map(|sender| &sender.session),
            Door::Http(_) => None,
        }
    }

    /// The client and the principal at the start of the chain.
    pub(super) fn who(&self) -> Who {
        let origin = &self.request.origin;
        let client = origin.client().map(thingstead_core::ClientId::shared);
        (client, origin.sender().map(|sender| sender.principal.shared()))
    }
}

impl Asked {
    fn refusal(&self, rejected: &Rejected) -> Event {
        event_of(&self.request, &self.id.thing, self.id.shadow.as_deref(), self.at, Kind::ShadowRejected)
            .why(rejected.rejection.to_string())
            .with("code", rejected.rejection.code())
            .with("message", rejected.rejection.message())
            .with("fix", rejected.rejection.fix())
    }
}

/// What an accepted request brought about, until somebody asks.
#[derive(Debug)]
struct Story {
    /// Whose topic names the shadow.
    request: Arc<Publication>,
    done: Done,
}

/// With the version.
#[derive(Clone, Copy, Debug)]
enum Done {
    Updated(u64),
    UpdatedWithDelta(u64),
    Read(u64),
    Deleted(u64),
}

impl Tale for Story {
    fn publication(&self) -> &Publication {
        &self.request
    }

    fn thing(&self) -> Option<&str> {
        address::request(&self.request.message.topic).map(|(thing, _, _)| thing)
    }

    fn payload(&self) -> Option<&Bytes> {
        Some(&self.request.message.payload)
    }

    fn tell(&self, kind: Kind, at: Timestamp, _note: u32) -> Event {
        let (version, why) = match self.done {
            Done::UpdatedWithDelta(version) => {
                (version, format!("version {version}; desired and reported differ, so a delta went out"))
            }
            Done::Updated(version) => {
                (version, format!("version {version}; reported covers desired, so no delta went out"))
            }
            Done::Read(version) => (version, format!("version {version} was read")),
            Done::Deleted(version) => (version, format!("version {version} was deleted")),
        };
        // No request to a shadow has a topic of another kind.
        let asked = address::request(&self.request.message.topic);
        let (thing, shadow) = asked.map_or(("", None), |(thing, shadow, _)| (thing, shadow));
        event_of(&self.request, thing, shadow, at, kind).why(why).with("version", version)
    }
}

fn event_of(request: &Publication, thing: &str, shadow: Option<&str>, at: Timestamp, kind: Kind) -> Event {
    let mut event = Event::new(&request.scope, at, kind)
        .client(request.origin.client().map(thingstead_core::ClientId::shared))
        .thing(Some(Arc::from(thing)))
        .topic(Arc::clone(&request.message.topic))
        .payload(request.message.payload.clone());
    event.principal = request.origin.sender().map(|sender| sender.principal.shared());
    match shadow {
        Some(shadow) => event.with("shadow", shadow),
        None => event,
    }
}

impl Answer {
    /// Turns an answer that was not to be into a refusal.
    pub(super) fn refuse(&mut self, rejected: Rejected) {
        self.outcome = Outcome::Refused(rejected);
    }

    /// The messages to publish, in their order (SHADOW-034, SHADOW-035), at QoS 1, not retained (SHADOW-025, SHADOW-026); and what
    /// the caller is told, if there is one, after that.
    pub(super) fn parts(self, now: Timestamp) -> (impl Iterator<Item = Message>, Reply) {
        let Asked { id, operation, door, .. } = self.asked;
        let caller = match door {
            Door::Http(caller) => Some(caller),
            Door::Mqtt => None,
        };
        let over_http = caller.is_some();
        let reply = Reply(caller.flatten().map(|caller| {
            let told = match &self.outcome {
                Outcome::Updated { accepted, .. } | Outcome::Deleted { accepted, .. } => Ok(accepted.clone()),
                Outcome::Got { document, .. } => Ok(document.clone()),
                Outcome::Refused(rejected) => Err(rejected.rejection.clone()),
            };
            (caller, told)
        }));
        let messages = match self.outcome {
            Outcome::Updated { accepted, delta, documents, .. } => [
                Some(("update/accepted", accepted)),
                delta.map(|delta| ("update/delta", delta)),
                Some(("update/documents", documents)),
            ],
            Outcome::Deleted { accepted, .. } => [Some(("delete/accepted", accepted)), None, None],
            Outcome::Got { .. } | Outcome::Refused(_) if over_http => [None, None, None],
            Outcome::Got { document, .. } => [Some(("get/accepted", document)), None, None],
            Outcome::Refused(rejected) => {
                let topic = match operation {
                    Operation::Get => "get/rejected",
                    Operation::Update => "update/rejected",
                    Operation::Delete => "delete/rejected",
                };
                [Some((topic, rejected.payload(now))), None, None]
            }
        };
        let messages = messages
            .into_iter()
            .flatten()
            .map(move |(topic, payload)| Message::new(id.topic(topic), payload).with_qos(QoS::AtLeastOnce));
        (messages, reply)
    }

    /// The line in the journal.
    pub(super) fn record(&self) -> Record {
        let Asked { request, at, .. } = &self.asked;
        let outcome = match &self.outcome {
            Outcome::Refused(rejected) => return self.asked.refusal(rejected).into(),
            Outcome::Updated { version, delta: Some(_), .. } => Done::UpdatedWithDelta(*version),
            Outcome::Updated { version, delta: None, .. } => Done::Updated(*version),
            Outcome::Got { version, .. } => Done::Read(*version),
            Outcome::Deleted { version, .. } => Done::Deleted(*version),
        };
        let story = Story { request: Arc::clone(request), done: outcome };
        Record::tale(Kind::ShadowAccepted, *at, Arc::new(story), 0)
    }
}

impl Reply {
    /// Tells the caller, if there is one.
    pub(super) fn send(self) {
        if let Some((caller, told)) = self.0 {
            // A caller that went away needs no answer.
            let _ = caller.send(told);
        }
    }
}
