//! What the journal keeps of what happened. Messages are nearly everything that happens to a busy broker, and each is
//! kept as a share of the publication itself; the [`Event`] that tells of it is made when somebody asks.

use std::any::Any;
use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;

use super::{Cause, Detail, Event, Kind, Protocol};
use crate::message::Sender;
use crate::{Publication, Scope, Timestamp};

/// One thing that happened, in the form in which it is written down.
#[derive(Clone, Debug)]
pub struct Record {
    at: Timestamp,
    /// What it counts towards [`Capacity::bytes`](super::Capacity).
    bytes: u32,
    kind: Kind,
    cause: Cause,
    protocol: Protocol,
    what: What,
}

#[derive(Clone, Debug)]
enum What {
    /// Anything.
    Event(Box<Event>),
    /// The publication was accepted, or written to a receiver.
    Message { publication: Arc<Publication>, receiver: Option<Arc<Sender>> },
    /// Something about a publication, and which of the things that may have become of it.
    Tale { tale: Arc<dyn Tale>, note: u32 },
}

/// What became of a publication, told as an event only when somebody asks. The journal keeps all of it meanwhile: it must not
/// hold on to payloads that are not kept with the [`Kind::Published`] event anyway.
///
/// Several records may share one tale: each has a kind and a note, a number whose meaning is the tale's own. So the second and
/// third thing that became of a publication cost no memory of their own.
pub trait Tale: Any + std::fmt::Debug + Send + Sync {
    /// What it is about: scope, client, topic and principal of the event are those of the publication.
    fn publication(&self) -> &Publication;

    /// The event's thing: mostly the sender's.
    fn thing(&self) -> Option<&str> {
        self.publication().origin.sender()?.thing.as_deref()
    }

    /// The event's payload, where it has one.
    fn payload(&self) -> Option<&Bytes> {
        None
    }

    /// The whole event; its thing and payload are those above.
    fn tell(&self, kind: Kind, at: Timestamp, note: u32) -> Event;
}

/// One tale as the journal keeps it, for who knows its type.
#[derive(Clone, Debug)]
pub struct KeptTale {
    /// The number of its event.
    pub seq: u64,
    /// When it happened.
    pub at: Timestamp,
    /// What happened.
    pub kind: Kind,
    /// What was written down with it.
    pub note: u32,
    /// The tale; upcast to [`Any`] to find out what it is.
    pub tale: Arc<dyn Tale>,
}

/// What questions compare, without the cost of an event.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts<'a> {
    pub(super) seq: u64,
    pub(super) at: Timestamp,
    pub(super) scope: &'a Scope,
    pub(super) kind: Kind,
    pub(super) client: Option<&'a str>,
    pub(super) thing: Option<&'a str>,
    pub(super) topic: Option<&'a str>,
    pub(super) payload: Option<&'a [u8]>,
    pub(super) principal: Option<&'a str>,
}

impl Record {
    /// [`Kind::Published`]: the router accepted a message, when the publication says.
    #[inline]
    pub fn published(publication: &Arc<Publication>) -> Self {
        Self::message(publication.at, publication, None)
    }

    /// [`Kind::Delivered`]: a message was written to a subscriber.
    #[inline]
    pub fn delivered(publication: &Arc<Publication>, receiver: &Arc<Sender>, at: Timestamp) -> Self {
        Self::message(at, publication, Some(Arc::clone(receiver)))
    }

    /// Something about a publication, of a kind that is no refusal; `note` is for the tale.
    #[inline]
    pub fn tale(kind: Kind, at: Timestamp, tale: Arc<dyn Tale>, note: u32) -> Self {
        let publication = tale.publication();
        let payload = tale.payload().map_or(0, Bytes::len);
        let (bytes, protocol) = (weight(payload, publication.message.topic.len()), protocol(publication));
        Self { at, bytes, kind, cause: Cause::None, protocol, what: What::Tale { tale, note } }
    }

    #[inline]
    fn message(at: Timestamp, publication: &Arc<Publication>, receiver: Option<Arc<Sender>>) -> Self {
        let message = &publication.message;
        let properties = message.properties.as_ref().map_or(0, |properties| properties.weight());
        let bytes = weight(message.payload.len() + properties, message.topic.len());
        let (kind, protocol) = match &receiver {
            Some(_) => (Kind::Delivered, Protocol::Mqtt),
            None => (Kind::Published, protocol(publication)),
        };
        let what = What::Message { publication: Arc::clone(publication), receiver };
        Self { at, bytes, kind, cause: Cause::None, protocol, what }
    }

    /// What it counts in bytes.
    #[inline]
    pub(super) const fn bytes(&self) -> usize {
        self.bytes as usize
    }

    /// What kind of thing happened.
    #[inline]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// [`Event::cause`].
    #[inline]
    pub const fn cause(&self) -> Cause {
        self.cause
    }

    /// [`Event::protocol`].
    #[inline]
    pub const fn protocol(&self) -> Protocol {
        self.protocol
    }

    pub(super) fn facts(&self, seq: u64) -> Facts<'_> {
        match &self.what {
            What::Event(event) => Facts { seq, ..event.facts() },
            What::Message { publication, receiver } => {
                let who = receiver.as_ref().or_else(|| publication.origin.sender());
                Facts {
                    seq,
                    at: self.at,
                    scope: &publication.scope,
                    kind: self.kind,
                    client: who.and_then(|who| who.client.as_deref()),
                    thing: who.and_then(|who| who.thing.as_deref()),
                    topic: Some(&publication.message.topic),
                    payload: Some(&publication.message.payload),
                    principal: who.map(|who| who.principal.as_str()),
                }
            }
            What::Tale { tale, .. } => {
                let publication = tale.publication();
                let who = publication.origin.sender();
                Facts {
                    seq,
                    at: self.at,
                    scope: &publication.scope,
                    kind: self.kind,
                    client: who.and_then(|who| who.client.as_deref()),
                    thing: tale.thing(),
                    topic: Some(&publication.message.topic),
                    payload: tale.payload().map(|payload| &**payload),
                    principal: who.map(|who| who.principal.as_str()),
                }
            }
        }
    }

    /// The event under its number.
    pub(super) fn event(&self, seq: u64) -> Event {
        match &self.what {
            What::Event(event) => Event { seq, ..(**event).clone() },
            What::Message { publication, receiver } => {
                let who = receiver.as_ref().or_else(|| publication.origin.sender());
                let message = &publication.message;
                let event = Event {
                    seq,
                    at: self.at,
                    scope: publication.scope.clone(),
                    kind: self.kind,
                    client: who.and_then(|who| who.client.as_ref()).map(|client| client.shared()),
                    thing: who.and_then(|who| who.thing.as_ref()).map(|thing| thing.shared()),
                    topic: Some(Arc::clone(&message.topic)),
                    payload: Some(message.payload.clone()),
                    principal: who.map(|who| who.principal.shared()),
                    source: who.and_then(|who| who.address),
                    why: Cow::Borrowed(""),
                    detail: Detail::None,
                };
                if message.retain && receiver.is_none() { event.with("retain", true) } else { event }
            }
            What::Tale { tale, note } => Event { seq, ..tale.tell(self.kind, self.at, *note) },
        }
    }

    /// The tale under its number, if it is one.
    pub(super) fn kept_tale(&self, seq: u64) -> Option<KeptTale> {
        let What::Tale { tale, note } = &self.what else { return None };
        Some(KeptTale { seq, at: self.at, kind: self.kind, note: *note, tale: Arc::clone(tale) })
    }

    /// The tale, if it is one.
    pub(super) fn as_tale(&self) -> Option<&dyn Tale> {
        match &self.what {
            What::Tale { tale, .. } => Some(&**tale),
            What::Event(_) | What::Message { .. } => None,
        }
    }
}

impl From<Event> for Record {
    fn from(event: Event) -> Self {
        let payload = event.payload.as_ref().map_or(0, Bytes::len);
        let bytes = weight(payload, event.topic.as_ref().map_or(0, |topic| topic.len()));
        let (kind, cause, protocol) = (event.kind, event.cause(), event.protocol());
        Self { at: event.at, bytes, kind, cause, protocol, what: What::Event(Box::new(event)) }
    }
}

impl Event {
    pub(super) fn facts(&self) -> Facts<'_> {
        Facts {
            seq: self.seq,
            at: self.at,
            scope: &self.scope,
            kind: self.kind,
            client: self.client.as_deref(),
            thing: self.thing.as_deref(),
            topic: self.topic.as_deref(),
            payload: self.payload.as_deref(),
            principal: self.principal.as_deref(),
        }
    }
}

#[inline]
fn protocol(publication: &Publication) -> Protocol {
    match publication.origin.sender() {
        Some(sender) if sender.client.is_some() => Protocol::Mqtt,
        Some(_) => Protocol::Http,
        None => Protocol::Inside,
    }
}

#[inline]
fn weight(payload: usize, topic: usize) -> u32 {
    u32::try_from(payload + topic + 64).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ClientId, Message, Origin, Principal, ThingName};

    fn sender(client: &str) -> Arc<Sender> {
        Arc::new(Sender {
            client: Some(ClientId::from(client)),
            principal: Principal::Anonymous,
            thing: Some(ThingName::from("lamp")),
            address: Some(([127, 0, 0, 1], 7).into()),
            session: "s".into(),
        })
    }

    #[test]
    fn a_message_tells_the_same_as_an_event_written_out() {
        let scope = Scope::new("1", "r");
        let publication = Arc::new(Publication {
            scope: scope.clone(),
            message: Message { retain: true, ..Message::new("a/b", "23") },
            origin: Origin::Client(sender("publisher")),
            at: Timestamp::from_millis(5),
        });
        let written_out = |client: &str, at: i64, kind| {
            Event::new(&scope, Timestamp::from_millis(at), kind)
                .client(Some(client.into()))
                .thing(Some("lamp".into()))
                .topic("a/b")
                .payload("23".into())
                .principal("anonymous")
                .source(Some(([127, 0, 0, 1], 7).into()))
        };
        let published = written_out("publisher", 5, Kind::Published).with("retain", true);
        let delivered = written_out("reader", 9, Kind::Delivered);
        let records = [
            (Record::published(&publication), published),
            (Record::delivered(&publication, &sender("reader"), Timestamp::from_millis(9)), delivered),
        ];
        for (record, event) in records {
            let event = Event { seq: 3, ..event };
            assert_eq!(record.event(3).to_json(), event.to_json());
            assert_eq!(format!("{:?}", record.facts(3)), format!("{:?}", event.facts()));
            let told = (event.kind, event.cause(), event.protocol());
            assert_eq!((record.kind(), record.cause(), record.protocol()), told);
            assert_eq!(record.bytes(), Record::from(event).bytes());
        }
    }

    #[derive(Debug)]
    struct Matched(Publication);

    impl Tale for Matched {
        fn publication(&self) -> &Publication {
            &self.0
        }

        fn tell(&self, kind: Kind, at: Timestamp, note: u32) -> Event {
            let sender = self.0.origin.sender();
            Event::new(&self.0.scope, at, kind)
                .client(self.0.origin.client().map(ClientId::shared))
                .thing(sender.and_then(|sender| sender.thing.as_ref()).map(ThingName::shared))
                .topic(Arc::clone(&self.0.message.topic))
                .principal("anonymous")
                .with("rule", "r")
                .with("note", note)
        }
    }

    #[test]
    fn questions_find_a_tale_by_what_its_event_tells() {
        let (scope, at) = (Scope::new("1", "r"), Timestamp::from_millis(5));
        let publication = Publication {
            scope,
            message: Message::new("a/b", "23"),
            origin: Origin::Rule { rule: "first".into(), depth: 1, first: Some(sender("publisher")) },
            at,
        };
        let tale = Arc::new(Matched(publication));
        let event = Event { seq: 3, ..tale.tell(Kind::RuleMatched, at, 7) };
        let record = Record::tale(Kind::RuleMatched, at, tale, 7);
        assert_eq!(record.event(3).to_json(), event.to_json());
        assert_eq!(format!("{:?}", record.facts(3)), format!("{:?}", event.facts()));
        let told = (event.kind, event.cause(), event.protocol());
        assert_eq!((record.kind(), record.cause(), record.protocol()), told);
        assert_eq!(record.bytes(), Record::from(event).bytes());
        let kept = record.kept_tale(3).expect("a tale");
        assert_eq!((kept.seq, kept.note, kept.kind), (3, 7, Kind::RuleMatched));
        let tale: &dyn Any = &*kept.tale;
        assert!(tale.is::<Matched>());
    }
}
