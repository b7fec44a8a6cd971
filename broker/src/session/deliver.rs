//! One message to one session (MQTT-088 to MQTT-093, MQTT-106, MQTT-163, MQTT-174).

use std::borrow::Cow;
use std::sync::Arc;

use thingstead_core::journal::{Cause, Kind, Record};
use thingstead_core::{Publication, QoS, topic};
use thingstead_mqtt_wire::Version;

use super::stored::life_left;
use super::{Delivery, Outstanding};
use crate::bounds::{RETRY_AFTER, RETRY_V3, RETRY_V5};
use crate::connection::Connection;
use crate::router::route::Frames;
use crate::router::shared::Group;
use crate::rows::Row;
use crate::shard::Shard;
use crate::shard::timers::Timer;
use crate::slots::Key;
use crate::throttle::Exceeded;

impl Shard {
    /// Delivers to a session: sends, or stores for later where that is possible.
    pub(crate) fn deliver(&mut self, key: Key, delivery: Delivery, frames: &mut Frames) {
        let Some(session) = self.sessions.get_mut(key) else {
            return self.forget_row(&delivery);
        };
        if session.connection.is_some() {
            return self.deliver_to_connected(key, delivery, frames);
        }
        // MQTT-163: QoS 0 on either side is not stored.
        if delivery.row.is_none() || session.storage.is_none() {
            return;
        }
        if self.hub.settings.throttles && !session.space.throttles.queue(self.now, &self.hub.settings.rates) {
            // MQTT-166
            let why = "Throttled while queueing offline message".to_owned();
            self.dropped(key, &delivery, Exceeded { cause: Cause::QueueThrottle, why });
            return self.forget_row(&delivery);
        }
        let (scope, client) = (session.name.scope.clone(), session.name.client.shared());
        let message = &delivery.publication.message;
        let (topic, payload) = (Arc::clone(&message.topic), message.payload.clone());
        session.stored.push_back(delivery);
        let event = self.event(&scope, Kind::Queued).client(Some(client)).topic(topic).payload(payload);
        self.record(event);
    }

    /// Delivers to a session whose client is there: sends at once, or when the window opens.
    pub(crate) fn deliver_to_connected(&mut self, key: Key, delivery: Delivery, frames: &mut Frames) {
        if !self.may_receive(key, &delivery) {
            return self.forget_row(&delivery);
        }
        if delivery.qos == QoS::AtMostOnce {
            return self.send_at_most_once(key, &delivery, frames);
        }
        let window = self.window(key);
        let Some(session) = self.sessions.get_mut(key) else { return };
        if session.in_flight.len() >= window || !session.waiting.is_empty() {
            if delivery.row.is_none() && session.waiting.len() >= WAITING {
                let why = format!("the client acknowledges too slowly: {WAITING} messages wait for it");
                return self.dropped(key, &delivery, why);
            }
            session.waiting.push_back(delivery);
            return;
        }
        self.send_at_least_once(key, delivery, frames);
    }

    /// A message through a shared group; `false` when this member cannot take it and another should (POLICY-456).
    pub(crate) fn deliver_shared(
        &mut self,
        key: Key,
        publication: &Arc<Publication>,
        group: &Arc<Group>,
        qos: QoS,
        row: Option<Row>,
    ) -> bool {
        let connected = self.sessions.get(key).is_some_and(|session| session.connection.is_some());
        if !connected {
            return false;
        }
        let delivery =
            Delivery { group: Some(Arc::clone(group)), ..Delivery::live(Arc::clone(publication), qos, row) };
        if !self.may_receive(key, &delivery) {
            return false;
        }
        let mut frames = Frames::default();
        if qos == QoS::AtMostOnce {
            self.send_at_most_once(key, &delivery, &mut frames);
            return true;
        }
        let window = self.window(key);
        if self.sessions.get(key).is_none_or(|session| session.in_flight.len() >= window) {
            return false;
        }
        self.send_at_least_once(key, delivery, &mut frames);
        true
    }

    /// `iot:Receive`, for every single delivery (POLICY-450); a refusal leaves nothing but a journal event.
    fn may_receive(&mut self, key: Key, delivery: &Delivery) -> bool {
        let Some(session) = self.sessions.get(key) else { return false };
        let Some(connection) = session.connection else { return false };
        let Some(live) = self.connections.get_mut(connection).and_then(|connection| connection.live.as_mut())
        else {
            return false;
        };
        let message = &delivery.publication.message;
        let share = delivery.group.as_ref().map(|group| group.name());
        if live.access.permits_delivery(&message.topic, share) {
            return true;
        }
        let decision = live.access.decide_delivery(&message.topic, share);
        let (client, thing) =
            (live.name.client.shared(), live.sender.thing.as_ref().map(|thing| thing.shared()));
        let (principal, source) = (live.sender.principal.shared(), live.sender.address);
        let event = self
            .event(&delivery.publication.scope, Kind::DeliveryRefused)
            .client(Some(client))
            .thing(thing)
            .principal(principal)
            .source(source)
            .topic(Arc::clone(&message.topic))
            .payload(message.payload.clone())
            .decision(decision);
        self.record(event);
        false
    }

    /// How many bytes wait for the session's client.
    pub(crate) fn waiting_for(&self, key: Key) -> usize {
        let connection = self.sessions.get(key).and_then(|session| session.connection);
        let connection = connection.and_then(|connection| self.connections.get(connection));
        connection.map_or(0, Connection::waiting)
    }

    fn send_at_most_once(&mut self, key: Key, delivery: &Delivery, frames: &mut Frames) {
        let limit = self.hub.settings.output_limit;
        let waiting = self.waiting_for(key);
        if waiting > limit {
            return self.dropped(
                key,
                delivery,
                format!("the client reads too slowly: {waiting} bytes wait for it"),
            );
        }
        if let Err(unsent) = self.write(key, delivery, None, frames) {
            self.dropped(key, delivery, unsent);
        }
    }

    /// Sends past windows and queues; answers why not, after the journal has it.
    pub(crate) fn send_now(&mut self, key: Key, delivery: Delivery, frames: &mut Frames) -> Option<Unsent> {
        if delivery.qos == QoS::AtLeastOnce {
            return self.send_at_least_once(key, delivery, frames);
        }
        let unsent = self.write(key, &delivery, None, frames).err()?;
        self.dropped(key, &delivery, unsent.clone());
        Some(unsent)
    }

    fn send_at_least_once(&mut self, key: Key, delivery: Delivery, frames: &mut Frames) -> Option<Unsent> {
        let now = self.now;
        let session = self.sessions.get_mut(key)?;
        let mut id = session.last_id.next();
        while session.in_flight.iter().any(|outstanding| outstanding.id == id) {
            id = id.next();
        }
        session.last_id = id;
        if let Err(unsent) = self.write(key, &delivery, Some(id), frames) {
            self.dropped(key, &delivery, unsent.clone());
            self.forget_row(&delivery);
            return Some(unsent);
        }
        let session = self.sessions.get_mut(key)?;
        session.in_flight.push_back(Outstanding { id, delivery, first: now, last: now });
        if !session.retrying {
            session.retrying = true;
            self.timers.add(now.plus(RETRY_AFTER), Timer::Retry(key));
        }
        None
    }

    /// Appends the frame to the output of the session's connection.
    fn write(
        &mut self,
        key: Key,
        delivery: &Delivery,
        id: Option<thingstead_mqtt_wire::PacketId>,
        frames: &mut Frames,
    ) -> Result<(), Unsent> {
        if self.hub.faults.are_set()
            && let Some(outcome) = self.meddle_with_delivery(key, delivery, id, frames)
        {
            return outcome;
        }
        self.write_now(key, delivery, id, frames)
    }

    /// The same past all faults.
    pub(crate) fn write_now(
        &mut self,
        key: Key,
        delivery: &Delivery,
        id: Option<thingstead_mqtt_wire::PacketId>,
        frames: &mut Frames,
    ) -> Result<(), Unsent> {
        let Some(connection_key) = self.sessions.get(key).and_then(|session| session.connection) else {
            return Err("the client is not connected".into());
        };
        let publication = &delivery.publication;
        let Some(left) = life_left(publication.message.expires_at(), self.now) else {
            // MQTT-168, MQTT-181
            return Err("the message expired".into());
        };
        let Some(connection) = self.connections.get_mut(connection_key) else {
            return Err("the client is not connected".into());
        };
        let Some(live) = &mut connection.live else { return Err("the client is not connected".into()) };
        if self.hub.settings.throttles {
            // MQTT-096, Q07
            let rates = &self.hub.settings.rates;
            if !live.rate.take(self.now, rates.publishes_of_connection) {
                return Err(Exceeded::on_connection(rates).into());
            }
            live.space.throttles.publish_out(self.now, rates)?;
        }
        let Some(frame) = frames.of(publication, live.version, delivery.qos, delivery.retain, left) else {
            return Err("the message cannot be encoded".into());
        };
        if frame.len() > live.packet_limit {
            // MQTT-174
            let (bytes, most) = (frame.len(), live.packet_limit);
            return Err(format!("the packet has {bytes} bytes; the client takes at most {most}").into());
        }
        if connection.output.capacity() == 0
            && let Some(spare) = self.spare.pop()
        {
            connection.output = spare;
        }
        if let Err(error) = frame.put(id, left, &mut connection.output) {
            return Err(format!("the message cannot be encoded: {error}").into());
        }
        if !connection.dirty {
            connection.dirty = true;
            self.turn.dirty.push(connection_key);
        }
        self.turn.events.push(Record::delivered(publication, &live.sender, self.now));
        self.signal.raise();
        Ok(())
    }

    pub(crate) fn dropped(&mut self, key: Key, delivery: &Delivery, why: impl Into<Unsent>) {
        let Unsent { cause, why } = why.into();
        let client = self.sessions.get(key).map(|session| session.name.client.shared());
        let message = &delivery.publication.message;
        let event = self
            .event(&delivery.publication.scope, Kind::Dropped)
            .client(client)
            .topic(Arc::clone(&message.topic))
            .payload(message.payload.clone())
            .why(why)
            .caused_by(cause);
        self.record(event);
    }

    /// The client acknowledged a delivery: the next ones may go.
    pub(crate) fn delivered(&mut self, key: Key, id: u16) {
        let Some(session) = self.sessions.get_mut(key) else { return };
        let Some(index) = session.in_flight.iter().position(|outstanding| outstanding.id.get() == id) else {
            return;
        };
        let Some(outstanding) = session.in_flight.remove(index) else { return };
        self.forget_row(&outstanding.delivery);
        if let Some(confirm) = outstanding.delivery.confirm {
            // Whoever asked may have stopped waiting.
            let _ = confirm.send(());
        }
        self.fill(key);
    }

    /// Sends what waits for the window.
    pub(crate) fn fill(&mut self, key: Key) {
        let window = self.window(key);
        let mut frames;
        loop {
            let Some(session) = self.sessions.get_mut(key) else { return };
            if session.in_flight.len() >= window {
                return;
            }
            let Some(delivery) = session.waiting.pop_front() else { break };
            frames = Frames::default();
            self.send_at_least_once(key, delivery, &mut frames);
        }
        if self.sessions.get(key).is_some_and(|session| !session.pacing) {
            self.send_stored(key);
        }
    }

    /// Sends unacknowledged deliveries again, with the same identifier and without DUP (MQTT-088, MQTT-089); gives up those
    /// that are too old (MQTT-090).
    pub(crate) fn retry(&mut self, key: Key) {
        let now = self.now;
        let Some(session) = self.sessions.get_mut(key) else { return };
        session.retrying = false;
        if session.connection.is_none() {
            return;
        }
        let longest = if session.version == Version::V5 { RETRY_V5 } else { RETRY_V3 };
        let mut in_flight = std::mem::take(&mut session.in_flight);
        let mut next = None;
        in_flight.retain_mut(|outstanding| {
            let delivery = &outstanding.delivery;
            let given_up = if now.since(outstanding.first) >= longest {
                Some("the client did not acknowledge the message in time".into())
            } else if now.since(outstanding.last) >= RETRY_AFTER {
                outstanding.last = now;
                self.write(key, delivery, Some(outstanding.id), &mut Frames::default()).err()
            } else {
                None
            };
            match given_up {
                Some(why) => {
                    self.dropped(key, delivery, why);
                    self.forget_row(delivery);
                    false
                }
                None => {
                    let due = outstanding.last.plus(RETRY_AFTER);
                    next = Some(next.map_or(due, |next: thingstead_core::Timestamp| next.min(due)));
                    true
                }
            }
        });
        self.signal.raise();
        let Some(session) = self.sessions.get_mut(key) else { return };
        session.in_flight = in_flight;
        if let Some(next) = next {
            session.retrying = true;
            self.timers.add(next, Timer::Retry(key));
        }
        self.fill(key);
    }

    /// The retained message of exactly this filter's topic (MQTT-145, MQTT-146); none for wildcards and shares (MQTT-135).
    pub(crate) fn send_retained(&mut self, key: Key, filter: &str) {
        if filter.starts_with("$share/") || topic::check_name(filter).is_err() {
            return;
        }
        let Some(session) = self.sessions.get(key) else { return };
        let Some(retained) = session.space.retained.get(filter, self.now) else { return };
        let Some(held) = session.subscriptions.get(filter) else { return };
        let qos = held.qos.min(retained.message.qos);
        let publication = Publication {
            scope: session.name.scope.clone(),
            message: retained.message,
            origin: thingstead_core::Origin::Service("retained"),
            at: retained.stored_at,
        };
        let delivery = Delivery { retain: true, ..Delivery::live(Arc::new(publication), qos, None) };
        self.deliver_to_connected(key, delivery, &mut Frames::default());
    }
}

/// Why a message is not sent.
#[derive(Clone, Debug)]
pub(crate) struct Unsent {
    /// Whose fault it is.
    cause: Cause,
    /// For a person.
    why: Cow<'static, str>,
}

impl Unsent {
    /// Because of something else than the client.
    pub(crate) fn because(cause: Cause, why: String) -> Self {
        Self { cause, why: why.into() }
    }

    /// Because of a rate.
    pub(crate) fn is_throttled(&self) -> bool {
        matches!(self.cause, Cause::Throttle | Cause::ConnectionThrottle)
    }
}

impl std::fmt::Display for Unsent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.why)
    }
}

impl From<&'static str> for Unsent {
    fn from(why: &'static str) -> Self {
        Self { cause: Cause::Client, why: why.into() }
    }
}

impl From<String> for Unsent {
    fn from(why: String) -> Self {
        Self { cause: Cause::Client, why: why.into() }
    }
}

impl From<Exceeded> for Unsent {
    fn from(exceeded: Exceeded) -> Self {
        Self { cause: exceeded.cause, why: exceeded.why.into() }
    }
}

/// So many messages wait for a window to open; what is stored does not count.
const WAITING: usize = 10_000;
