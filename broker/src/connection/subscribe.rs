//! SUBSCRIBE (MQTT-109 to MQTT-126, MQTT-133, MQTT-142).

use std::borrow::Cow;
use std::sync::Arc;

use thingstead_core::journal::{Cause, Kind};
use thingstead_core::topic::{self, TopicError};
use thingstead_core::{Decision, QoS};
use thingstead_mqtt_wire::{
    Filter, Packet, PacketId, ReasonCode, RetainHandling, SubAck, Subscribe, Version,
};

use crate::access::Action;
use crate::ending::{Ending, Reason};
use crate::reserved::{self, Operation};
use crate::session::Held as Subscription;
use crate::settings::SubscribeDenied;
use crate::shard::Shard;
use crate::shard::mail::Held;
use crate::slots::Key;
use crate::throttle::Exceeded;

/// Why a filter is not granted.
struct Rejected {
    /// For a v5 SUBACK.
    reason: ReasonCode,
    why: Cow<'static, str>,
    decision: Option<Arc<Decision>>,
    /// Whose fault it is, where no decision says it.
    cause: Cause,
    /// A v3 client is disconnected instead.
    fatal_for_v3: Option<Reason>,
}

impl Rejected {
    /// Because of a rate (Q24, Q32).
    fn throttled(exceeded: Exceeded) -> Self {
        Self {
            reason: ReasonCode::QuotaExceeded,
            why: exceeded.why.into(),
            decision: None,
            cause: exceeded.cause,
            fatal_for_v3: None,
        }
    }
}

/// A filter that was granted.
struct Granted {
    filter: Arc<str>,
    new: bool,
    retain_handling: RetainHandling,
}

impl Shard {
    /// Judges every filter by itself (MQTT-113, POLICY-440).
    pub(crate) fn subscribe(&mut self, key: Key, subscribe: Subscribe) {
        let Some(live) = self.connections.get(key).and_then(|connection| connection.live.as_ref()) else {
            return;
        };
        let (version, wording, session) = (live.version, live.wording, live.session);
        if let Some(ending) = self.unacceptable(&subscribe) {
            return self.end(key, ending);
        }
        if self.is_in_use(key, subscribe.packet_id) {
            let reasons = vec![ReasonCode::PacketIdentifierInUse; subscribe.filters.len()];
            return self.put(key, &Packet::SubAck(SubAck::new(subscribe.packet_id, reasons)));
        }
        let mut reasons = Vec::with_capacity(subscribe.filters.len());
        let mut words = Vec::new();
        let mut granted = Vec::new();
        for wanted in subscribe.filters {
            match self.grant(key, session, &wanted) {
                Ok((qos, new)) => {
                    reasons.push(if qos == QoS::AtLeastOnce {
                        ReasonCode::GrantedQoS1
                    } else {
                        ReasonCode::GRANTED_QOS_0
                    });
                    self.record_subscribed(key, &wanted.filter, qos);
                    granted.push(Granted {
                        filter: wanted.filter,
                        new,
                        retain_handling: wanted.retain_handling,
                    });
                }
                Err(rejected) => {
                    self.record_rejected(key, &wanted.filter, &rejected);
                    if let (Some(reason), Version::V311) = (rejected.fatal_for_v3, version) {
                        return self.end(key, Ending::new(reason, rejected.why));
                    }
                    reasons.push(rejected.reason);
                    words.push(rejected.why);
                }
            }
        }
        let stored = !granted.is_empty() && self.store_session(session);
        let properties = wording.properties(&words.join("; "));
        let ack = Packet::SubAck(SubAck { packet_id: subscribe.packet_id, reasons, properties });
        self.put_or_hold(key, &ack, subscribe.packet_id.get(), stored);
        for granted in &granted {
            let wanted = match granted.retain_handling {
                RetainHandling::Send => true,
                RetainHandling::SendIfNew => granted.new,
                RetainHandling::DoNotSend => false,
            };
            if wanted {
                self.send_retained(session, &granted.filter);
            }
        }
        let filters: Vec<Arc<str>> = granted.into_iter().map(|granted| granted.filter).collect();
        self.announce_subscriptions(key, "subscribed", &filters);
        self.groups_ready(session);
    }

    /// What ends the connection whatever the filters are.
    fn unacceptable(&self, subscribe: &Subscribe) -> Option<Ending> {
        let most = self.hub.bounds.filters;
        if subscribe.filters.len() > most {
            // MQTT-109
            let why =
                format!("SUBSCRIBE has {} filters; at most {most} are allowed", subscribe.filters.len());
            return Some(Ending::error(ReasonCode::QuotaExceeded, why));
        }
        if subscribe.subscription_identifier.is_some() {
            // MQTT-126
            let why = "SUBSCRIBE has a subscription identifier, which is not supported";
            let ending = Ending::error(ReasonCode::SubscriptionIdentifiersNotSupported, why);
            return Some(ending.saying("DISCONNECT: Subscription Id is not supported now"));
        }
        if subscribe.filters.iter().any(|wanted| wanted.qos.served().is_none()) {
            // MQTT-114
            let why = "SUBSCRIBE asks for QoS 2; 0 and 1 are supported";
            return Some(Ending::error(ReasonCode::QoSNotSupported, why));
        }
        None
    }

    fn grant(&mut self, key: Key, session: Key, wanted: &Filter) -> Result<(QoS, bool), Rejected> {
        let filter = &*wanted.filter;
        let quoted = topic::Quoted(filter);
        let malformed = |error: TopicError| Rejected {
            reason: ReasonCode::TopicFilterInvalid,
            why: format!("the filter {quoted} {error}").into(),
            decision: None,
            cause: Cause::Client,
            // MQTT-142: a malformed share rejects the filter in both versions; MQTT-122: the rest closes v3 connections.
            fatal_for_v3: (error != TopicError::MalformedShare).then_some(Reason::ClientError),
        };
        if let Some(flaw) = wanted.flaw {
            return Err(malformed(flaw));
        }
        let share = topic::share_of(filter).map_err(malformed)?;
        let plain = share.map_or(filter, |share| share.filter);
        topic::check_filter(plain).map_err(malformed)?;
        self.hub.bounds.check_topic(plain).map_err(malformed)?;
        if share.is_some_and(|share| share.group.len() > self.hub.bounds.share_name) {
            return Err(malformed(TopicError::MalformedShare));
        }
        if topic::is_reserved(plain) && !reserved::supports(Operation::Subscribe, plain) {
            // MQTT-118, MQTT-119, POLICY-446, POLICY-447
            return Err(Rejected {
                reason: ReasonCode::TopicFilterInvalid,
                why: format!("the filter {quoted} covers no reserved topic that can be subscribed to").into(),
                decision: None,
                cause: Cause::Client,
                fatal_for_v3: Some(Reason::ClientError),
            });
        }
        let denied = self.settings_for_denied();
        let Some(live) = self.connections.get_mut(key).and_then(|connection| connection.live.as_mut()) else {
            return Err(malformed(TopicError::Empty));
        };
        // MQTT-117, MQTT-133: the filter is judged literally, the share's prefix included.
        if !live.access.permits(Action::Subscribe, filter) {
            let decision = live.access.decide(Action::Subscribe, filter);
            return Err(Rejected {
                reason: ReasonCode::NotAuthorized,
                why: decision.why.clone().into(),
                decision: Some(decision),
                cause: Cause::Authorization,
                fatal_for_v3: denied,
            });
        }
        if self.hub.settings.throttles {
            let (now, rates, space) = (self.now, &self.hub.settings.rates, Arc::clone(&live.space));
            let group =
                share.and_then(|share| space.subscriptions.read().find_group(share.filter, share.group));
            let counted = space
                .throttles
                .subscribe(now, rates)
                .and_then(|()| group.map_or(Ok(()), |group| group.change(now, rates)));
            counted.map_err(Rejected::throttled)?;
        }
        let qos = wanted.qos.served().unwrap_or_default();
        let subscription = Subscription { qos, no_local: wanted.no_local, group: None };
        let new = self.add_subscription(session, &wanted.filter, subscription).map_err(|why| Rejected {
            // MQTT-111, MQTT-142
            reason: ReasonCode::QuotaExceeded,
            why: why.into(),
            decision: None,
            cause: Cause::Client,
            fatal_for_v3: None,
        })?;
        Ok((qos, new))
    }

    fn settings_for_denied(&self) -> Option<Reason> {
        (self.hub.settings.subscribe_denied == SubscribeDenied::Disconnect).then_some(Reason::AuthError)
    }

    /// Whether a v5 client uses a packet identifier again whose acknowledgement waits for the store (MQTT-095).
    pub(crate) fn is_in_use(&self, key: Key, packet_id: PacketId) -> bool {
        let live = self.connections.get(key).and_then(|connection| connection.live.as_ref());
        live.is_some_and(|live| live.version.is_v5() && live.unacknowledged.contains(&packet_id.get()))
    }

    /// Sends an acknowledgement now, or when the turn's changes are durable.
    pub(crate) fn put_or_hold(&mut self, key: Key, packet: &Packet, packet_id: u16, hold: bool) {
        if !hold {
            return self.put(key, packet);
        }
        let Some(version) = self.connections.get(key).and_then(|connection| connection.decoder.version())
        else {
            return;
        };
        let mut frame = Vec::new();
        if let Err(error) = packet.encode(version, &mut frame) {
            tracing::error!(%error, packet = %packet.packet_type(), "a packet cannot be encoded");
        }
        if let Some(live) = self.connections.get_mut(key).and_then(|connection| connection.live.as_mut()) {
            live.unacknowledged.push(packet_id);
        }
        self.turn.held.push(Held { connection: key, frame, packet_id });
        self.signal.raise();
    }

    fn record_subscribed(&mut self, key: Key, filter: &Arc<str>, qos: QoS) {
        let Some(live) = self.connections.get(key).and_then(|connection| connection.live.as_ref()) else {
            return;
        };
        let event = self
            .event(&live.name.scope, Kind::Subscribed)
            .client(Some(live.name.client.shared()))
            .thing(live.sender.thing.as_ref().map(|thing| thing.shared()))
            .principal(live.sender.principal.shared())
            .source(live.sender.address)
            .topic(Arc::clone(filter))
            .with("qos", qos.as_u8());
        // What a v5 client is answered is the granted quality of service.
        let event = if live.version.is_v5() { event.with("reason_code", qos.as_u8()) } else { event };
        self.record(event);
    }

    fn record_rejected(&mut self, key: Key, filter: &Arc<str>, rejected: &Rejected) {
        let Some(live) = self.connections.get(key).and_then(|connection| connection.live.as_ref()) else {
            return;
        };
        let event = self
            .event(&live.name.scope, Kind::SubscribeRefused)
            .client(Some(live.name.client.shared()))
            .thing(live.sender.thing.as_ref().map(|thing| thing.shared()))
            .principal(live.sender.principal.shared())
            .source(live.sender.address)
            .topic(Arc::clone(filter))
            .why(rejected.why.clone());
        let event =
            if live.version.is_v5() { event.with("reason_code", rejected.reason.as_u8()) } else { event };
        let event = match &rejected.decision {
            Some(decision) => event.decision(Arc::clone(decision)),
            None => event.caused_by(rejected.cause),
        };
        self.record(event);
    }
}
