//! Wills: judged at CONNECT, judged again and published when the connection ends without a goodbye (MQTT-060 to MQTT-070).

use std::sync::Arc;
use std::time::Duration;

use thingstead_core::journal::Kind;
use thingstead_core::{Message, Origin, Properties, Publication, Timestamp, topic};
use thingstead_mqtt_wire::{QoS, ReasonCode, Will};

use super::Live;
use super::refuse::Refusal;
use crate::access::{Access, Action};
use crate::bounds::Bounds;
use crate::reserved::{self, Operation};
use crate::router::route::Journey;
use crate::shard::Shard;

/// Whether a CONNECT with this Will may be accepted (MQTT-062 to MQTT-065, POLICY-402, POLICY-403).
pub(crate) fn check(will: &Will, bounds: &Bounds, access: &mut dyn Access) -> Result<(), Refusal> {
    if will.qos == QoS::ExactlyOnce {
        return Err(Refusal::new(ReasonCode::QoSNotSupported, "the Will has QoS 2; 0 and 1 are supported"));
    }
    let name = topic::Quoted(&will.topic);
    let counted = topic::basic_ingest(&will.topic).map_or(&*will.topic, |ingest| ingest.rest);
    if let Err(error) = bounds.check_topic(counted) {
        return Err(Refusal::new(ReasonCode::TopicNameInvalid, format!("the Will's topic {name} {error}")));
    }
    if topic::is_reserved(&will.topic) {
        if !reserved::supports(Operation::Publish, &will.topic) {
            let why = format!("the Will's topic {name} is reserved and cannot be published to");
            return Err(Refusal::new(ReasonCode::TopicNameInvalid, why));
        }
        if will.retain {
            let why = format!("the Will's topic {name} is reserved, where nothing can be retained");
            return Err(Refusal::new(ReasonCode::TopicNameInvalid, why));
        }
    }
    if will.payload.len() > bounds.payload {
        let why = format!(
            "the Will's payload is {} bytes long; at most {} are allowed",
            will.payload.len(),
            bounds.payload
        );
        return Err(Refusal::new(ReasonCode::PacketTooLarge, why));
    }
    let mut needed = vec![Action::Publish];
    if will.retain {
        needed.push(Action::RetainPublish);
    }
    for action in needed {
        if !access.permits(action, &will.topic) {
            let mut decision = Arc::unwrap_or_clone(access.decide(action, &will.topic));
            decision.why = format!("CONNECT brings a Will, which must be allowed, too: {}", decision.why);
            return Err(Refusal::denied(Arc::new(decision)));
        }
    }
    Ok(())
}

impl Shard {
    /// Publishes the Will of a connection that has ended, unless it may no longer be published (POLICY-404).
    pub(crate) fn publish_will(&mut self, live: &mut Live) {
        let Some(will) = live.will.take() else { return };
        let refused = [Some(Action::Publish), will.retain.then_some(Action::RetainPublish)]
            .into_iter()
            .flatten()
            .find(|action| !live.access.permits(*action, &will.topic));
        if let Some(action) = refused {
            let event = self
                .event(&live.name.scope, Kind::PublishRefused)
                .client(Some(live.name.client.shared()))
                .topic(Arc::clone(&will.topic))
                .decision(live.access.decide(action, &will.topic))
                .with("will", true);
            return self.record(event);
        }
        let message = message(&will, self.now, self.hub.bounds.message_expiry);
        let publication = Publication {
            scope: live.name.scope.clone(),
            message,
            origin: Origin::Client(Arc::clone(&live.sender)),
            at: self.now,
        };
        self.route(publication, Journey { will: true, ..Journey::default() });
    }
}

/// The Will as a message; its life begins now (MQTT-068), and its delay is ignored (MQTT-070).
fn message(will: &Will, now: Timestamp, longest: u32) -> Message {
    let told = &will.properties;
    let properties = Properties {
        payload_format: told.payload_format_indicator,
        expires_at: told
            .message_expiry_interval
            .map(|seconds| now.plus(Duration::from_secs(u64::from(seconds.clamp(1, longest))))),
        content_type: told.content_type.clone(),
        response_topic: told.response_topic.clone(),
        correlation_data: told.correlation_data.clone(),
        user: told.user_properties.clone(),
    };
    let empty = properties == Properties::default();
    Message {
        topic: Arc::clone(&will.topic),
        payload: will.payload.clone(),
        qos: will.qos.served().unwrap_or_default(),
        retain: will.retain,
        properties: (!empty).then(|| Arc::new(properties)),
    }
}
