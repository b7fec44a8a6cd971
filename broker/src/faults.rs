//! Fault injection: a plan of faults, carried out on CONNECTs, publishes and deliveries.
//!
//! Without a plan a message costs one load of a flag. A message that was meddled with goes on past this module, so that no fault
//! meets the same message twice on one way.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use thingstead_core::faults::{Fault, FaultAction, FaultDirection, FaultPlan, chance};
use thingstead_core::journal::{Cause, Kind};
use thingstead_core::wiring::FaultControl;
use thingstead_core::{Event, Publication, QoS};
use thingstead_mqtt_wire::{Connect, PacketId, Publish, ReasonCode};

use crate::broker::Broker;
use crate::connection::publish::{Refused, resolve_alias};
use crate::connection::refuse::Refusal;
use crate::ending::Ending;
use crate::router::route::Frames;
use crate::session::Delivery;
use crate::session::deliver::Unsent;
use crate::shard::Shard;
use crate::shard::timers::Timer;
use crate::slots::Key;
use crate::throttle::Exceeded;

/// The plan that is in force.
#[derive(Default)]
pub(crate) struct Faults {
    set: AtomicBool,
    running: RwLock<Arc<Running>>,
}

#[derive(Default)]
struct Running {
    plan: FaultPlan,
    /// One for each fault.
    tallies: Vec<Tally>,
}

#[derive(Default)]
struct Tally {
    /// How often it was carried out.
    done: AtomicU64,
    /// How many messages of a client it has concerned, each way.
    concerned: Mutex<HashMap<(FaultDirection, Arc<str>), u64>>,
}

/// A fault that is carried out now.
pub(crate) struct Chosen {
    /// From 1.
    number: usize,
    action: FaultAction,
    direction: FaultDirection,
    delay: Duration,
}

/// What was held back.
pub(crate) enum Postponed {
    /// A CONNECT; nothing else of its connection is read meanwhile.
    Connect(Key, Box<Connect>),
    /// A PUBLISH from a connection.
    Publish(Key, Box<Publish>),
    /// A PUBLISH to the connection of a session.
    Delivery {
        session: Key,
        connection: Key,
        publication: Arc<Publication>,
        qos: QoS,
        retain: bool,
        id: Option<PacketId>,
    },
}

/// Everything that was held back on a shard, by the number in its timer.
#[derive(Default)]
pub(crate) struct Waiting {
    last: u64,
    held: HashMap<u64, Postponed>,
}

impl Faults {
    /// Whether there are any. Asked for every packet.
    #[inline]
    pub(crate) fn are_set(&self) -> bool {
        self.set.load(Ordering::Relaxed)
    }

    fn plan(&self) -> FaultPlan {
        self.running.read().plan.clone()
    }

    pub(crate) fn replace(&self, plan: FaultPlan) {
        let tallies = plan.faults.iter().map(|_| Tally::default()).collect();
        let set = !plan.faults.is_empty();
        *self.running.write() = Arc::new(Running { plan, tallies });
        self.set.store(set, Ordering::Relaxed);
    }

    /// The first fault that hits.
    fn choose(&self, direction: FaultDirection, client: &Arc<str>, topic: Option<&str>) -> Option<Chosen> {
        let running = Arc::clone(&self.running.read());
        let mut faults = running.plan.faults.iter().zip(&running.tallies).enumerate();
        let hit = faults.find(|(index, (fault, tally))| {
            fault.concerns(direction, client, topic)
                && tally.hits(fault, running.plan.seed, *index, direction, client)
        });
        let (index, (fault, _)) = hit?;
        let delay = fault.delay.unwrap_or_default();
        Some(Chosen { number: index + 1, action: fault.action, direction, delay })
    }
}

impl Tally {
    fn hits(
        &self,
        fault: &Fault,
        seed: u64,
        index: usize,
        direction: FaultDirection,
        client: &Arc<str>,
    ) -> bool {
        if fault.probability < 1.0 {
            let mut concerned = self.concerned.lock();
            let count = concerned.entry((direction, Arc::clone(client))).or_default();
            *count += 1;
            if chance(seed, index, direction, client, *count) >= fault.probability {
                return false;
            }
        }
        let Some(times) = fault.times else { return true };
        let taken = |done: u64| (done < times).then_some(done + 1);
        self.done.fetch_update(Ordering::Relaxed, Ordering::Relaxed, taken).is_ok()
    }
}

impl Chosen {
    /// What happened, for the journal and for a client that is told.
    fn why(&self) -> String {
        let Self { number, action, direction, delay } = self;
        let (what, way) = match direction {
            FaultDirection::In => ("the PUBLISH", " on its way in"),
            FaultDirection::Out => ("the PUBLISH", " on its way out"),
            FaultDirection::Connect => ("the CONNECT", ""),
        };
        let happened = match action {
            FaultAction::Drop => format!("{what} was lost{way}"),
            FaultAction::Delay => format!("{what} was held back for {} ms{way}", delay.as_millis()),
            FaultAction::Duplicate => format!("{what} came twice{way}"),
            FaultAction::Disconnect => format!("the connection broke and {what} was lost{way}"),
            FaultAction::Refuse => format!("{what} was refused as if a permission were missing{way}"),
            FaultAction::Throttle => format!("{what} was refused as if a rate were exceeded{way}"),
        };
        format!("fault injection, number {number} (`{action}`): {happened}")
    }

    /// The exceeded rate that it pretends.
    fn exceeded(&self) -> Exceeded {
        Exceeded { cause: Cause::Throttle, why: self.why() }
    }
}

impl Shard {
    /// A CONNECT while there are faults.
    pub(crate) fn connect_with_faults(&mut self, key: Key, connect: Connect) {
        let client = Arc::clone(&connect.client_id);
        let Some(fault) = self.hub.faults.choose(FaultDirection::Connect, &client, None) else {
            return self.connect_now(key, connect);
        };
        let Some(connection) = self.connections.get_mut(key) else { return };
        // Nothing behind the CONNECT is read before it is answered.
        connection.asking = fault.action == FaultAction::Delay;
        let peer = connection.peer.clone();
        let event = self
            .event(&peer.identity.scope, Kind::FaultInjected)
            .client(Some(Arc::clone(&client)).filter(|client| !client.is_empty()))
            .principal(peer.identity.principal.to_string())
            .source(Some(peer.address));
        self.note_fault(event, &fault);
        match fault.action {
            FaultAction::Drop => {
                let late = self.now.plus(self.hub.settings.connect_timeout);
                self.timers.add(late, Timer::KeepAlive(key));
            }
            FaultAction::Delay => self.postpone(fault.delay, Postponed::Connect(key, Box::new(connect))),
            FaultAction::Disconnect => self.end(key, Ending::lost(fault.why())),
            FaultAction::Refuse => {
                let refusal = Refusal::because(ReasonCode::NotAuthorized, fault.why(), Cause::Authorization);
                self.refuse(key, &connect, &client, refusal);
            }
            FaultAction::Throttle => {
                let refusal = Refusal::throttled(ReasonCode::QuotaExceeded, fault.exceeded());
                self.refuse(key, &connect, &client, refusal);
            }
            // Plans have none of these.
            FaultAction::Duplicate => self.connect_now(key, connect),
        }
    }

    /// A PUBLISH from a client while there are faults.
    pub(crate) fn publish_with_faults(&mut self, key: Key, mut publish: Publish) {
        let bounds = self.hub.bounds;
        let Some(live) = self.connections.get_mut(key).and_then(|connection| connection.live.as_mut()) else {
            return;
        };
        // An alias is learned even from a message that is lost. One that is unknown is refused further on.
        let known = resolve_alias(live, &mut publish, &bounds).is_ok();
        let client = live.name.client.shared();
        let fault = self.hub.faults.choose(FaultDirection::In, &client, Some(&publish.topic));
        let Some(fault) = fault.filter(|_| known) else { return self.publish_now(key, publish) };
        let Some(live) = self.connections.get(key).and_then(|connection| connection.live.as_ref()) else {
            return;
        };
        let event = self
            .event(&live.name.scope, Kind::FaultInjected)
            .client(Some(client))
            .thing(live.sender.thing.as_ref().map(|thing| thing.shared()))
            .principal(live.sender.principal.shared())
            .source(live.sender.address)
            .topic(Arc::clone(&publish.topic))
            .payload(publish.payload.clone());
        self.note_fault(event, &fault);
        match fault.action {
            FaultAction::Drop => {}
            FaultAction::Delay => self.postpone(fault.delay, Postponed::Publish(key, Box::new(publish))),
            FaultAction::Duplicate => {
                // The copy is not acknowledged: the client knows of one message.
                self.publish_now(key, Publish { packet_id: None, ..publish.clone() });
                self.publish_now(key, publish);
            }
            FaultAction::Disconnect => self.end(key, Ending::lost(fault.why())),
            FaultAction::Refuse => self.refuse_publish(key, &publish, Refused::not_authorized(fault.why())),
            FaultAction::Throttle => self.refuse_publish(key, &publish, Refused::throttled(fault.exceeded())),
        }
    }

    /// A PUBLISH to a client while there are faults; `None` when it goes on as it should.
    pub(crate) fn meddle_with_delivery(
        &mut self,
        key: Key,
        delivery: &Delivery,
        id: Option<PacketId>,
        frames: &mut Frames,
    ) -> Option<Result<(), Unsent>> {
        let session = self.sessions.get(key)?;
        let (client, connection) = (session.name.client.shared(), session.connection?);
        let publication = &delivery.publication;
        let topic = &publication.message.topic;
        let fault = self.hub.faults.choose(FaultDirection::Out, &client, Some(topic))?;
        let sender = self.connections.get(connection)?.live.as_ref().map(|live| Arc::clone(&live.sender))?;
        let event = self
            .event(&publication.scope, Kind::FaultInjected)
            .client(Some(client))
            .thing(sender.thing.as_ref().map(|thing| thing.shared()))
            .principal(sender.principal.shared())
            .source(sender.address)
            .topic(Arc::clone(topic))
            .payload(publication.message.payload.clone());
        self.note_fault(event, &fault);
        match fault.action {
            FaultAction::Drop => Some(Ok(())),
            FaultAction::Delay => {
                self.postpone(
                    fault.delay,
                    Postponed::Delivery {
                        session: key,
                        connection,
                        publication: Arc::clone(publication),
                        qos: delivery.qos,
                        retain: delivery.retain,
                        id,
                    },
                );
                Some(Ok(()))
            }
            FaultAction::Duplicate => Some(
                self.write_now(key, delivery, id, frames)
                    .and_then(|()| self.write_now(key, delivery, id, frames)),
            ),
            FaultAction::Disconnect => {
                // Whoever delivers is not done with the session yet.
                self.timers.add(self.now, Timer::Break(connection));
                Some(Ok(()))
            }
            FaultAction::Refuse => Some(Err(Unsent::because(Cause::Authorization, fault.why()))),
            FaultAction::Throttle => Some(Err(Unsent::from(fault.exceeded()))),
        }
    }

    /// The connection breaks, as a fault wanted it.
    pub(crate) fn break_connection(&mut self, key: Key) {
        self.end(key, Ending::lost("fault injection broke the connection"));
    }

    /// What was held back goes on.
    pub(crate) fn go_on_with(&mut self, number: u64) {
        match self.waiting.held.remove(&number) {
            None => {}
            Some(Postponed::Connect(key, connect)) => {
                let Some(_) = self.go_on(key) else { return };
                self.connect_now(key, *connect);
            }
            Some(Postponed::Publish(key, publish)) => self.publish_now(key, *publish),
            Some(Postponed::Delivery { session, connection, publication, qos, retain, id }) => {
                let Some(found) = self.sessions.get(session) else { return };
                let outstanding = |id| found.in_flight.iter().any(|outstanding| outstanding.id == id);
                // Who left meanwhile gets QoS 1 messages when they come back, and what was acknowledged is not sent again.
                if found.connection != Some(connection) || id.is_some_and(|id| !outstanding(id)) {
                    return;
                }
                let delivery = Delivery { retain, ..Delivery::live(publication, qos, None) };
                if let Err(unsent) = self.write_now(session, &delivery, id, &mut Frames::default()) {
                    self.dropped(session, &delivery, unsent);
                }
            }
        }
    }

    fn postpone(&mut self, delay: Duration, what: Postponed) {
        self.waiting.last += 1;
        let number = self.waiting.last;
        self.waiting.held.insert(number, what);
        self.timers.add(self.now.plus(delay), Timer::Postponed(number));
    }

    fn note_fault(&mut self, event: Event, fault: &Chosen) {
        let event = event
            .why(fault.why())
            .with("fault", fault.number)
            .with("action", fault.action.name())
            .with("direction", fault.direction.name());
        let delayed = fault.action == FaultAction::Delay;
        let delay = u64::try_from(fault.delay.as_millis()).unwrap_or(u64::MAX);
        self.record(if delayed { event.with("delay_ms", delay) } else { event });
    }
}

impl FaultControl for Broker {
    fn faults(&self) -> FaultPlan {
        self.hub.faults.plan()
    }

    fn set_faults(&self, plan: FaultPlan) {
        self.hub.faults.replace(plan);
    }
}
