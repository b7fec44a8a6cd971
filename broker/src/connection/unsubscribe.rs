//! UNSUBSCRIBE (MQTT-110, MQTT-127).

use std::sync::Arc;

use thingstead_core::journal::Kind;
use thingstead_mqtt_wire::{Packet, ReasonCode, UnsubAck, Unsubscribe};

use crate::ending::Ending;
use crate::shard::Shard;
use crate::slots::Key;
use crate::throttle::Exceeded;

impl Shard {
    /// Gives filters up. It needs no permission (POLICY-443).
    pub(crate) fn unsubscribe(&mut self, key: Key, unsubscribe: Unsubscribe) {
        let Some(live) = self.connections.get(key).and_then(|connection| connection.live.as_ref()) else {
            return;
        };
        let (session, version) = (live.session, live.version);
        if unsubscribe.filters.len() > self.hub.bounds.filters {
            // MQTT-110: silence, and nothing happens.
            let (count, most) = (unsubscribe.filters.len(), self.hub.bounds.filters);
            let event = self
                .event(&live.name.scope, Kind::UnsubscribeRefused)
                .client(Some(live.name.client.shared()))
                .principal(live.sender.principal.shared())
                .source(live.sender.address)
                .why(format!(
                    "UNSUBSCRIBE has {count} filters; at most {most} are allowed, so it was ignored"
                ));
            return self.record(event);
        }
        if self.is_in_use(key, unsubscribe.packet_id) {
            let reasons = vec![ReasonCode::PacketIdentifierInUse; unsubscribe.filters.len()];
            let packet_id = unsubscribe.packet_id;
            return self.put(key, &Packet::UnsubAck(UnsubAck { packet_id, reasons, properties: None }));
        }
        if !version.is_v5() && unsubscribe.filters.iter().any(|filter| filter.flaw.is_some()) {
            let why = "UNSUBSCRIBE has a malformed topic filter";
            return self.end(key, Ending::error(ReasonCode::TopicFilterInvalid, why));
        }
        let mut reasons = Vec::with_capacity(unsubscribe.filters.len());
        let mut gone: Vec<Arc<str>> = Vec::new();
        let mut changed = false;
        for filter in unsubscribe.filters {
            if filter.flaw.is_some() {
                reasons.push(ReasonCode::TopicFilterInvalid);
                continue;
            }
            if let Err(exceeded) = self.count_change(session, &filter.filter) {
                self.record_refused(key, &filter.filter, exceeded);
                reasons.push(ReasonCode::UnspecifiedError);
                continue;
            }
            reasons.push(ReasonCode::Success);
            if self.drop_subscription(session, &filter.filter) {
                changed = true;
                self.record_unsubscribed(key, &filter.filter);
            }
            gone.push(filter.filter);
        }
        let stored = changed && self.store_session(session);
        let ack = Packet::UnsubAck(UnsubAck { packet_id: unsubscribe.packet_id, reasons, properties: None });
        self.put_or_hold(key, &ack, unsubscribe.packet_id.get(), stored);
        self.announce_subscriptions(key, "unsubscribed", &gone);
    }

    /// Giving up a subscription of a shared group counts as much as adding one (Q32).
    fn count_change(&self, session: Key, filter: &str) -> Result<(), Exceeded> {
        if !self.hub.settings.throttles {
            return Ok(());
        }
        let held = self.sessions.get(session).and_then(|session| session.subscriptions.get(filter));
        match held.and_then(|held| held.group.as_ref()) {
            Some(group) => group.change(self.now, &self.hub.settings.rates),
            None => Ok(()),
        }
    }

    fn record_refused(&mut self, key: Key, filter: &Arc<str>, exceeded: Exceeded) {
        let Some(live) = self.connections.get(key).and_then(|connection| connection.live.as_ref()) else {
            return;
        };
        let event = self
            .event(&live.name.scope, Kind::UnsubscribeRefused)
            .client(Some(live.name.client.shared()))
            .thing(live.sender.thing.as_ref().map(|thing| thing.shared()))
            .principal(live.sender.principal.shared())
            .source(live.sender.address)
            .topic(Arc::clone(filter))
            .why(exceeded.why)
            .caused_by(exceeded.cause);
        self.record(event);
    }

    fn record_unsubscribed(&mut self, key: Key, filter: &Arc<str>) {
        let Some(live) = self.connections.get(key).and_then(|connection| connection.live.as_ref()) else {
            return;
        };
        let event = self
            .event(&live.name.scope, Kind::Unsubscribed)
            .client(Some(live.name.client.shared()))
            .thing(live.sender.thing.as_ref().map(|thing| thing.shared()))
            .principal(live.sender.principal.shared())
            .source(live.sender.address)
            .topic(Arc::clone(filter));
        self.record(event);
    }
}
