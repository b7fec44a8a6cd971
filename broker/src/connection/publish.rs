//! PUBLISH (MQTT-083 to MQTT-108, MQTT-144, MQTT-148).

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use thingstead_core::journal::{Cause, Kind};
use thingstead_core::{Decision, Message, Origin, Properties, Publication, QoS, Timestamp, topic};
use thingstead_mqtt_wire::{Packet, PacketId, PubAck, Publish, ReasonCode, Version};

use super::Live;
use crate::access::Action;
use crate::bounds::Bounds;
use crate::ending::{Ending, Reason};
use crate::reserved::{self, Operation};
use crate::router::route::Journey;
use crate::router::services::Awaited;
use crate::settings::Qos2;
use crate::shard::Shard;
use crate::shard::mail::Held;
use crate::slots::Key;
use crate::throttle::{Exceeded, Rates};

/// Why a PUBLISH goes no further.
pub(crate) struct Refused {
    /// What a v5 client is told, by PUBACK for QoS 1 and by DISCONNECT for QoS 0.
    reason: ReasonCode,
    why: Cow<'static, str>,
    decision: Option<Arc<Decision>>,
    /// What happens where no PUBACK can say it.
    manner: Manner,
    /// Whose fault it is.
    cause: Cause,
}

/// How a refusal is told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Manner {
    /// By PUBACK to a v5 client, else by ending the connection.
    Polite,
    /// By ending the connection, whatever else could say it.
    Fatal,
    /// By PUBACK to a v5 client, else not at all.
    Silent,
}

impl Refused {
    fn new(reason: ReasonCode, why: impl Into<Cow<'static, str>>) -> Self {
        Self { reason, why: why.into(), decision: None, manner: Manner::Polite, cause: Cause::Client }
    }

    /// As if a permission were missing.
    pub(crate) fn not_authorized(why: impl Into<Cow<'static, str>>) -> Self {
        Self { cause: Cause::Authorization, ..Self::new(ReasonCode::NotAuthorized, why) }
    }

    /// Because of a rate (MQTT-096).
    pub(crate) fn throttled(exceeded: Exceeded) -> Self {
        let Exceeded { cause, why } = exceeded;
        Self { manner: Manner::Silent, cause, ..Self::new(ReasonCode::QuotaExceeded, why) }
    }

    fn fatal(reason: ReasonCode, why: impl Into<Cow<'static, str>>) -> Self {
        Self { manner: Manner::Fatal, ..Self::new(reason, why) }
    }
}

impl Shard {
    /// Judges a PUBLISH, routes it, acknowledges it.
    pub(crate) fn publish(&mut self, key: Key, publish: Publish) {
        if self.hub.faults.are_set() {
            return self.publish_with_faults(key, publish);
        }
        self.publish_now(key, publish);
    }

    /// The same past all faults.
    pub(crate) fn publish_now(&mut self, key: Key, mut publish: Publish) {
        let (now, bounds) = (self.now, self.hub.bounds);
        let rates = self.hub.settings.throttles.then_some(self.hub.settings.rates);
        let Some(live) = self.connections.get_mut(key).and_then(|connection| connection.live.as_mut()) else {
            return;
        };
        if publish.qos.served().is_none()
            && live.version == Version::V311
            && self.hub.settings.v3_qos2 == Qos2::Ignore
        {
            return;
        }
        let accepted = resolve_alias(live, &mut publish, &bounds)
            .and_then(|()| judge(live, &publish, &bounds))
            .and_then(|qos| throttle(live, &publish, now, rates).map(|()| qos))
            .map(|qos| {
                propagate(live, &mut publish);
                let (scope, origin) = (live.name.scope.clone(), Origin::Client(Arc::clone(&live.sender)));
                (qos, scope, origin, live.session, Arc::clone(&live.space))
            });
        match accepted {
            Err(refused) => self.refuse_publish(key, &publish, refused),
            Ok((qos, scope, origin, session, space)) => {
                let packet_id = publish.packet_id;
                let message = message(publish, qos, now, &bounds);
                let publication = Publication { scope, message, origin, at: now };
                let journey = Journey { from: Some(session), ..Journey::default() };
                let awaited = self.route_in(&space, publication, journey);
                let held = packet_id.and_then(|packet_id| self.acknowledge(key, packet_id, awaited));
                match (awaited, self.turn.requests.back_mut()) {
                    (Awaited::Service, Some(request)) => (request.from, request.held) = (Some(key), held),
                    _ => self.turn.held.extend(held),
                }
            }
        }
    }

    /// PUBACK: at once, or what is to be sent when it is time.
    fn acknowledge(&mut self, key: Key, packet_id: PacketId, awaited: Awaited) -> Option<Held> {
        if awaited == Awaited::Nothing {
            self.put(key, &Packet::PubAck(PubAck::new(packet_id)));
            return None;
        }
        let live = self.connections.get_mut(key)?.live.as_mut()?;
        live.unacknowledged.push(packet_id.get());
        let mut frame = Vec::with_capacity(4);
        if let Err(error) = PubAck::new(packet_id).encode(live.version, &mut frame) {
            tracing::error!(%error, "a PUBACK cannot be encoded");
        }
        self.signal.raise();
        Some(Held { connection: key, frame, packet_id: packet_id.get() })
    }

    pub(crate) fn refuse_publish(&mut self, key: Key, publish: &Publish, refused: Refused) {
        let Some(live) = self.connections.get(key).and_then(|connection| connection.live.as_ref()) else {
            return;
        };
        let (version, wording, name) = (live.version, live.wording, &live.name);
        let event = self
            .event(&name.scope, Kind::PublishRefused)
            .client(Some(name.client.shared()))
            .thing(live.sender.thing.as_ref().map(|thing| thing.shared()))
            .principal(live.sender.principal.shared())
            .source(live.sender.address)
            .topic(Arc::clone(&publish.topic))
            .payload(publish.payload.clone())
            .why(refused.why.clone())
            .with("qos", publish.qos.as_u8());
        let denied = refused.cause == Cause::Authorization;
        let event = match refused.decision {
            Some(decision) => event.decision(decision),
            None => event.caused_by(refused.cause),
        };
        self.record(event);
        match publish.packet_id {
            Some(packet_id) if version.is_v5() && refused.manner != Manner::Fatal => {
                let properties = wording.properties(&refused.why);
                self.put(key, &Packet::PubAck(PubAck { packet_id, reason: refused.reason, properties }));
            }
            _ if refused.manner == Manner::Silent => {}
            _ => {
                let reason = if denied { Reason::AuthError } else { Reason::ClientError };
                self.end(key, Ending::new(reason, refused.why).telling(refused.reason));
            }
        }
    }
}

/// Puts the topic of an alias in, or learns it (MQTT-176).
pub(crate) fn resolve_alias(live: &mut Live, publish: &mut Publish, bounds: &Bounds) -> Result<(), Refused> {
    let Some(alias) = publish.properties.as_ref().and_then(|properties| properties.topic_alias) else {
        return Ok(());
    };
    let invalid = |why: String| Refused::fatal(ReasonCode::TopicAliasInvalid, why);
    if alias == 0 || alias > bounds.topic_alias {
        return Err(invalid(format!("topic alias is {alias}; 1 to {} are allowed", bounds.topic_alias)));
    }
    let index = usize::from(alias) - 1;
    if publish.topic.is_empty() {
        match live.aliases.get(index) {
            Some(Some(known)) => publish.topic = Arc::clone(known),
            _ => return Err(invalid(format!("topic alias {alias} was never given a topic"))),
        }
    } else {
        if live.aliases.len() <= index {
            live.aliases.resize(index + 1, None);
        }
        if let Some(place) = live.aliases.get_mut(index) {
            *place = Some(Arc::clone(&publish.topic));
        }
    }
    Ok(())
}

/// Whether the message may be published, and with which quality of service.
fn judge(live: &mut Live, publish: &Publish, bounds: &Bounds) -> Result<QoS, Refused> {
    let Some(qos) = publish.qos.served() else {
        // MQTT-085, MQTT-086
        return Err(Refused::fatal(ReasonCode::QoSNotSupported, "QoS is 2; 0 and 1 are supported"));
    };
    if publish.payload.len() > bounds.payload {
        // MQTT-097
        let (length, most) = (publish.payload.len(), bounds.payload);
        let why = format!("the payload is {length} bytes long; at most {most} are allowed");
        return Err(Refused::fatal(ReasonCode::PacketTooLarge, why));
    }
    if let Some(packet_id) = publish.packet_id {
        if live.unacknowledged.contains(&packet_id.get()) {
            // MQTT-095
            let why = format!("packet identifier {packet_id} is still in use");
            return Err(Refused::new(ReasonCode::PacketIdentifierInUse, why));
        }
        if live.version.is_v5() && live.unacknowledged.len() >= usize::from(bounds.in_flight) {
            // MQTT-094
            let why = format!("more than {} QoS 1 messages are unacknowledged", bounds.in_flight);
            return Err(Refused::fatal(ReasonCode::ReceiveMaximumExceeded, why));
        }
    }
    check_topic(publish, bounds)?;
    check_properties(publish, bounds)?;
    if publish.retain
        && !publish.payload.is_empty()
        && live.space.retained.is_full_for(&publish.topic, bounds.retained)
    {
        // MQTT-149
        let why = format!("the account has {} retained messages already, as many as it may", bounds.retained);
        return Err(Refused::throttled(Exceeded { cause: Cause::RetainThrottle, why }));
    }
    // POLICY-420, POLICY-421
    let retained = publish.retain.then_some(Action::RetainPublish);
    for action in std::iter::once(Action::Publish).chain(retained) {
        if !live.access.permits(action, &publish.topic) {
            let decision = live.access.decide(action, &publish.topic);
            let why = decision.why.clone().into();
            return Err(Refused {
                reason: ReasonCode::NotAuthorized,
                why,
                decision: Some(decision),
                manner: Manner::Polite,
                cause: Cause::Authorization,
            });
        }
    }
    Ok(qos)
}

/// MQTT-096, MQTT-150, Q06.
fn throttle(live: &mut Live, publish: &Publish, now: Timestamp, rates: Option<Rates>) -> Result<(), Refused> {
    let Some(rates) = rates else { return Ok(()) };
    if !live.rate.take(now, rates.publishes_of_connection) {
        return Err(Refused::throttled(Exceeded::on_connection(&rates)));
    }
    let throttles = &live.space.throttles;
    throttles.publish_in(now, &rates).map_err(Refused::throttled)?;
    if publish.retain {
        throttles.retain(now, &publish.topic, &rates).map_err(Refused::throttled)?;
    }
    Ok(())
}

/// MQTT-099, MQTT-100, MQTT-148, MQTT-187, MQTT-195.
fn check_topic(publish: &Publish, bounds: &Bounds) -> Result<(), Refused> {
    let name = &*publish.topic;
    let refuse = |why: String| Err(Refused::new(ReasonCode::TopicNameInvalid, why));
    if !topic::is_reserved(name) {
        return match bounds.check_topic(name) {
            Ok(()) => Ok(()),
            Err(error) => refuse(format!("the topic {} {error}", topic::Quoted(name))),
        };
    }
    let counted = topic::basic_ingest(name).map_or(name, |ingest| ingest.rest);
    if let Err(error) = bounds.check_topic(counted) {
        return refuse(format!("the topic {} {error}", topic::Quoted(name)));
    }
    if !reserved::supports(Operation::Publish, name) {
        return refuse(format!("the topic {} is reserved and cannot be published to", topic::Quoted(name)));
    }
    if publish.retain {
        return refuse(format!(
            "the topic {} is reserved, where nothing can be retained",
            topic::Quoted(name)
        ));
    }
    Ok(())
}

/// MQTT-184.
fn check_properties(publish: &Publish, bounds: &Bounds) -> Result<(), Refused> {
    let Some(properties) = &publish.properties else { return Ok(()) };
    let user: usize = properties.user_properties.iter().map(|(name, value)| name.len() + value.len()).sum();
    let sizes = [
        (
            "the content type",
            properties.content_type.as_ref().map_or(0, |text| text.len()),
            bounds.content_type,
        ),
        (
            "the correlation data",
            properties.correlation_data.as_ref().map_or(0, Bytes::len),
            bounds.properties,
        ),
        ("all user properties together", user, bounds.properties),
    ];
    for (what, bytes, most) in sizes {
        if bytes > most {
            let why = format!("{what} take {bytes} bytes; at most {most} are allowed");
            return Err(Refused::new(ReasonCode::QuotaExceeded, why));
        }
    }
    Ok(())
}

/// Adds what the type of the publisher's thing says (MQTT-108).
fn propagate(live: &mut Live, publish: &mut Publish) {
    let propagated = live.access.propagated();
    if !propagated.is_empty() {
        let properties = publish.properties.get_or_insert_default();
        properties.user_properties.extend(propagated.iter().cloned());
    }
}

/// The message as it is routed.
fn message(publish: Publish, qos: QoS, now: Timestamp, bounds: &Bounds) -> Message {
    let properties = publish.properties.and_then(|told| {
        let properties = Properties {
            payload_format: told.payload_format_indicator,
            expires_at: told.message_expiry_interval.map(|seconds| {
                // MQTT-178
                now.plus(Duration::from_secs(u64::from(seconds.clamp(1, bounds.message_expiry))))
            }),
            content_type: told.content_type,
            response_topic: told.response_topic,
            correlation_data: told.correlation_data,
            user: told.user_properties,
        };
        (properties != Properties::default()).then(|| Arc::new(properties))
    });
    Message { topic: publish.topic, payload: publish.payload, qos, retain: publish.retain, properties }
}
