//! One publication's way to everybody who wants it.

use std::sync::Arc;

use smallvec::SmallVec;
use thingstead_core::journal::{Cause, Kind, Record};
use thingstead_core::{Origin, Publication, QoS, topic};
use thingstead_mqtt_wire::{PublishFrame, Version};

use super::SessionKey;
use super::services::Awaited;
use super::shared::{Group, Member, Waiting};
use super::space::Space;
use super::trie::{Entry, Matches};
use crate::retained::Stored;
use crate::rows::{self, RETAINED, Row};
use crate::session::Delivery;
use crate::settings::Overlapping;
use crate::shard::Shard;
use crate::shard::mail::{Mail, Target};
use crate::slots::Key;

/// What the router needs to know besides the publication.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Journey {
    /// The publisher's session on this shard, for No Local (MQTT-125).
    pub(crate) from: Option<Key>,
    /// It is a Will: the services behind reserved topics do not take it (MQTT-066).
    pub(crate) will: bool,
}

/// The frames of one publication: encoded once for each version, quality of service and retain flag.
#[derive(Default)]
pub(crate) struct Frames(SmallVec<[(FrameKind, PublishFrame); 1]>);

/// What makes a frame differ from another of the same message.
type FrameKind = (Version, QoS, bool);

impl Frames {
    /// The frame for a receiver; `None` when the message cannot be encoded.
    pub(crate) fn of(
        &mut self,
        publication: &Publication,
        version: Version,
        qos: QoS,
        retain: bool,
        expiry_left: Option<u32>,
    ) -> Option<&PublishFrame> {
        let kind = (version, qos, retain);
        let index = match self.0.iter().position(|(found, _)| *found == kind) {
            Some(index) => index,
            None => {
                match PublishFrame::of(version, &publication.message, qos, retain, expiry_left) {
                    Ok(frame) => self.0.push((kind, frame)),
                    Err(error) => tracing::error!(%error, "a message cannot be encoded"),
                }
                self.0.len().checked_sub(1)?
            }
        };
        self.0.get(index).filter(|(found, _)| *found == kind).map(|(_, frame)| frame)
    }
}

impl Shard {
    /// Routes a publication to retained store, subscribers, services and rules. Says what the PUBACK of a QoS 1 publisher waits for.
    pub(crate) fn route(&mut self, publication: Publication, journey: Journey) -> Awaited {
        let space = self.hub.spaces.of(&publication.scope);
        self.route_in(&space, publication, journey)
    }

    /// The same for those who know the topic space already.
    pub(crate) fn route_in(
        &mut self,
        space: &Space,
        mut publication: Publication,
        journey: Journey,
    ) -> Awaited {
        if self.hub.settings.throttles {
            self.count_answers(space, &publication);
        }
        if topic::basic_ingest(&publication.message.topic).is_some() {
            self.ingest(&Arc::new(publication));
            return Awaited::Nothing;
        }
        let mut matches = std::mem::take(&mut self.matches);
        self.recent.matches(space, &publication.message.topic, &mut matches);
        if publication.message.qos == QoS::AtLeastOnce && matches.keep_messages() {
            publication.message = publication.message.detached();
        }
        let publication = Arc::new(publication);
        self.record(Record::published(&publication));
        let mut stored = false;
        if publication.message.retain && !topic::is_reserved(&publication.message.topic) {
            stored |= self.retain(space, &publication);
        }
        stored |= self.fan_out(&publication, &mut matches, journey);
        matches.clear();
        self.matches = matches;
        self.hand_over(publication, journey, stored)
    }

    /// Basic Ingest: that rule alone (MQTT-193, MQTT-196).
    fn ingest(&mut self, publication: &Arc<Publication>) {
        self.record(Record::published(publication));
        let Some(topic::BasicIngest { rule, .. }) = topic::basic_ingest(&publication.message.topic) else {
            return;
        };
        let rules = self.hub.wiring().and_then(|wiring| wiring.rules.as_ref());
        let found =
            rules.is_some_and(|rules| rules.ingest_and_tell(rule, publication, &mut self.turn.events));
        if !found {
            let sender = publication.origin.sender();
            let event = self
                .event(&publication.scope, Kind::RuleNotFound)
                .client(publication.origin.client().map(|client| client.shared()))
                .topic(Arc::clone(&publication.message.topic))
                .payload(publication.message.payload.clone())
                .why(format!("there is no enabled rule `{rule}`"))
                .with("rule", rule);
            let event = match sender {
                Some(sender) => event.principal(sender.principal.shared()),
                None => event,
            };
            self.record(event);
        }
    }

    /// Stores or clears a retained message.
    fn retain(&mut self, space: &Space, publication: &Publication) -> bool {
        let message = &publication.message;
        let outcome = space.retained.store(message, self.now, self.hub.bounds.retained);
        let kind = match outcome {
            Stored::Kept => Kind::Retained,
            Stored::Cleared => Kind::RetainedCleared,
            Stored::Full => Kind::Dropped,
        };
        let mut event = self
            .event(&publication.scope, kind)
            .client(publication.origin.client().map(|client| client.shared()))
            .topic(Arc::clone(&message.topic))
            .payload(message.payload.clone());
        if outcome == Stored::Full {
            event = event
                .why("the account has as many retained messages as it may; the message was not retained")
                .caused_by(Cause::RetainThrottle);
        }
        self.record(event);
        let (scope, topic, now) = (&publication.scope, message.topic.to_string(), self.now);
        match outcome {
            Stored::Kept => {
                let row = rows::message_row(publication, now);
                self.store(|batch| batch.put(RETAINED, scope, topic, row));
            }
            Stored::Cleared => self.store(|batch| batch.delete(RETAINED, scope, topic)),
            Stored::Full => {}
        }
        outcome != Stored::Full
    }

    /// To the sessions of subscribers, here and on other shards.
    fn fan_out(&mut self, publication: &Arc<Publication>, matches: &mut Matches, journey: Journey) -> bool {
        if matches.entries.len() > 1 {
            matches.entries.sort_unstable_by_key(|entry| (entry.session, std::cmp::Reverse(entry.qos)));
            if self.hub.settings.overlapping == Overlapping::OneCopy {
                // MQTT-124
                matches.entries.dedup_by_key(|entry| entry.session);
            }
        }
        let from = journey.from.map(|key| SessionKey::new(self.id, key));
        let (mut stored, mut row_text) = (false, None);
        let mut frames = Frames::default();
        let mut remote: SmallVec<[(u16, Vec<Target>); 2]> = SmallVec::new();
        for entry in &matches.entries {
            let Entry { session, qos, no_local, storage } = *entry;
            if no_local && from == Some(session) {
                continue;
            }
            let qos = qos.min(publication.message.qos);
            let row = storage.filter(|_| qos == QoS::AtLeastOnce).map(|storage| {
                stored = true;
                self.write_row(publication, storage, &mut row_text)
            });
            if session.shard == self.id {
                let delivery = Delivery::live(Arc::clone(publication), qos, row);
                self.deliver(session.local(), delivery, &mut frames);
                continue;
            }
            let target = Target { session: session.local(), qos, row };
            match remote.last_mut() {
                Some((shard, targets)) if *shard == session.shard => targets.push(target),
                _ => remote.push((session.shard, vec![target])),
            }
        }
        for (shard, targets) in remote {
            self.send(shard, Mail::Deliver { publication: Arc::clone(publication), targets });
        }
        for group in std::mem::take(&mut matches.groups) {
            stored |= self.offer_to_group(publication, group, &mut row_text);
        }
        stored
    }

    /// Writes the copy of a message that a session or group may need later.
    fn write_row(&mut self, publication: &Publication, storage: u64, text: &mut Option<String>) -> Row {
        let row = Row { storage, number: self.hub.next_row() };
        let at = self.now;
        let text = text.get_or_insert_with(|| rows::message_row(publication, at)).clone();
        self.store(|batch| batch.put(rows::QUEUE, &publication.scope, rows::row_key(row), text));
        row
    }

    /// To one member of a shared group; into its queue when nobody takes it and somebody may come (MQTT-131, MQTT-136, MQTT-137).
    fn offer_to_group(
        &mut self,
        publication: &Arc<Publication>,
        group: Arc<Group>,
        text: &mut Option<String>,
    ) -> bool {
        let ids = &self.hub.ids;
        let (candidates, persistent) = group.candidates(|bound| ids.below(bound));
        let row = (persistent && publication.message.qos == QoS::AtLeastOnce)
            .then(|| self.write_row(publication, group.storage, text));
        self.share(Arc::clone(publication), group, candidates, row);
        row.is_some()
    }

    /// Tries the candidates of a group one after the other, wherever they are.
    pub(crate) fn share(
        &mut self,
        publication: Arc<Publication>,
        group: Arc<Group>,
        candidates: Vec<Member>,
        row: Option<Row>,
    ) {
        let mut left = candidates.into_iter();
        while let Some(member) = left.next() {
            if member.session.shard != self.id {
                let candidates = std::iter::once(member).chain(left).collect();
                return self.send(member.session.shard, Mail::Share { publication, group, candidates, row });
            }
            let qos = member.qos.min(publication.message.qos);
            let row = row.filter(|_| qos == QoS::AtLeastOnce);
            if self.deliver_shared(member.session.local(), &publication, &group, qos, row) {
                return;
            }
        }
        self.queue_for_group(publication, &group, row);
    }

    fn queue_for_group(&mut self, publication: Arc<Publication>, group: &Arc<Group>, row: Option<Row>) {
        let event = self
            .event(&publication.scope, if row.is_some() { Kind::Queued } else { Kind::Dropped })
            .topic(Arc::clone(&publication.message.topic))
            .payload(publication.message.payload.clone())
            .with("group", group.name())
            .with("filter", &**group.filter());
        let Some(row) = row else {
            return self
                .record(event.why("no member of the shared group took the message, and it is not queued"));
        };
        if group.push(Waiting { publication: Arc::clone(&publication), row }, self.hub.bounds.group_queue) {
            return self.record(event);
        }
        self.store(|batch| batch.delete(rows::QUEUE, &publication.scope, rows::row_key(row)));
        let mut event = event.why("the shared group's queue is full").caused_by(Cause::QueueThrottle);
        event.kind = Kind::Dropped;
        self.record(event);
    }

    /// What a shadow update brings about counts as publishes of the account's clients (MQTT-192); it is never refused.
    fn count_answers(&self, space: &Space, publication: &Publication) {
        if matches!(publication.origin, Origin::Service("shadow")) {
            // Over the rate it costs the next publish its place, not this one.
            let _ = space.throttles.publish_in(self.now, &self.hub.settings.rates);
        }
    }
}
