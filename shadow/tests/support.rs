//! A service on a store in memory, and a bus that remembers.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::{Condvar, Mutex};
use thingstead_core::wiring::{Bus, Handled, ReservedService};
use thingstead_core::{
    CertificateId, ClientId, Clock, Journal, Message, Origin, Principal, Publication, Scope, ShadowName,
    ThingName, Timestamp, message::Sender,
};
use thingstead_shadow::{ShadowId, ShadowService, ShadowSettings, TABLES};
use thingstead_store::Store;

pub(crate) const START: i64 = 1_700_000_000;

/// Remembers what is published.
#[derive(Default)]
pub(crate) struct Recorder {
    published: Mutex<Vec<Publication>>,
    more: Condvar,
}

impl Bus for Recorder {
    fn publish(&self, publication: Publication) {
        self.published.lock().push(publication);
        self.more.notify_all();
    }

    fn send_to(&self, _: &str, _: Publication) -> bool {
        false
    }
}

impl Recorder {
    /// Waits until `enough` of what was published, and takes it all.
    pub(crate) fn take_when(&self, enough: impl Fn(&[Publication]) -> bool) -> Vec<Publication> {
        let mut published = self.published.lock();
        while !enough(&published) {
            let timeout = self.more.wait_for(&mut published, Duration::from_secs(20));
            assert!(!timeout.timed_out(), "only these came: {published:#?}");
        }
        std::mem::take(&mut published)
    }

    pub(crate) fn take(&self) -> Vec<Publication> {
        std::mem::take(&mut self.published.lock())
    }
}

pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) bus: Arc<Recorder>,
    pub(crate) clock: Clock,
    pub(crate) journal: Journal,
    pub(crate) service: ShadowService,
    settings: ShadowSettings,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(ShadowSettings::default())
    }

    pub(crate) fn with(settings: ShadowSettings) -> Self {
        Self::on(Store::ephemeral(TABLES).expect("a store"), settings)
    }

    pub(crate) fn on(store: Store, settings: ShadowSettings) -> Self {
        let bus = Arc::new(Recorder::default());
        let clock = Clock::frozen_at(Timestamp::from_millis(START * 1000));
        let journal = Journal::default();
        let service = open(&store, &bus, &clock, &journal, settings);
        Self { store, bus, clock, journal, service, settings }
    }

    /// Forgets the service and opens another on the same store.
    pub(crate) fn reopen(&mut self) {
        self.service = open(&self.store, &self.bus, &self.clock, &self.journal, self.settings);
    }

    /// Publishes on a request topic.
    pub(crate) fn publish(&self, topic: &str, payload: impl Into<Bytes>) {
        assert!(self.service.claims(topic), "{topic}");
        let handled = self.service.handle(&Arc::new(Publication {
            scope: scope(),
            message: Message::new(topic, payload),
            origin: device(),
            at: self.clock.now(),
        }));
        if handled == Handled::Storing {
            self.store.wake();
        }
    }

    /// Publishes on a request topic and gives everything that came of it.
    pub(crate) fn ask(&self, topic: &str, payload: impl Into<Bytes>) -> Vec<(String, String)> {
        self.publish(topic, payload);
        let prefix = topic.rsplit_once('/').expect("a request topic").0;
        // Answers of one shadow leave in order, so whatever comes of the request comes before this get's answer.
        self.publish(&format!("{prefix}/get"), r#"{"clientToken":"that was all"}"#);
        let is_last = |publication: &Publication| {
            text(&publication.message.payload).contains(r#""clientToken":"that was all""#)
        };
        let mut came = self.bus.take_when(|published| published.iter().any(is_last));
        assert!(is_last(&came.pop().expect("at least one")));
        came.into_iter().map(|publication| in_words(&publication)).collect()
    }
}

pub(crate) fn in_words(publication: &Publication) -> (String, String) {
    (publication.message.topic.to_string(), text(&publication.message.payload))
}

pub(crate) fn scope() -> Scope {
    Scope::new("123456789012", "eu-west-1")
}

pub(crate) fn device() -> Origin {
    Origin::Client(Arc::new(Sender {
        client: Some(ClientId::from("lamp-1")),
        principal: Principal::Certificate(CertificateId::from("c0ffee")),
        thing: None,
        address: None,
        session: Arc::from("session-1"),
    }))
}

pub(crate) fn caller() -> Origin {
    Origin::Http(Arc::new(Sender {
        client: None,
        principal: Principal::Iam { unique_id: Arc::from("AIDA1"), arn: Arc::from("arn:aws:iam::1:user/u") },
        thing: None,
        address: None,
        session: Arc::from("request-1"),
    }))
}

pub(crate) fn classic(thing: &str) -> ShadowId {
    ShadowId { scope: scope(), thing: ThingName::from(thing), shadow: None }
}

pub(crate) fn named(thing: &str, shadow: &str) -> ShadowId {
    ShadowId { scope: scope(), thing: ThingName::from(thing), shadow: Some(ShadowName::from(shadow)) }
}

pub(crate) fn text(payload: &[u8]) -> String {
    String::from_utf8(payload.to_vec()).expect("UTF-8")
}

fn open(
    store: &Store,
    bus: &Arc<Recorder>,
    clock: &Clock,
    journal: &Journal,
    settings: ShadowSettings,
) -> ShadowService {
    let bus = Arc::clone(bus);
    ShadowService::open(store.clone(), bus, clock.clone(), journal.clone(), settings).expect("a service")
}
