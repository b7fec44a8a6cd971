//! Messages to one client, subscribed or not (MQTT-190, MQTT-244).

use std::sync::Arc;

use thingstead_core::Publication;
use tokio::sync::oneshot;

use super::Delivery;
use crate::router::route::Frames;
use crate::shard::Shard;
use crate::shard::slots::Key;

impl Shard {
    /// Sends a message to a session's client, if it is connected.
    pub(crate) fn send_directly(&mut self, key: Key, publication: Publication) {
        self.step();
        let qos = publication.message.qos;
        let delivery = Delivery::live(Arc::new(publication), qos, None);
        self.deliver_to_connected(key, delivery, &mut Frames::default());
    }

    /// The same, telling when the client has acknowledged it.
    pub(crate) fn send_confirmed(
        &mut self,
        key: Key,
        publication: Publication,
        confirm: oneshot::Sender<()>,
    ) {
        self.step();
        let qos = publication.message.qos;
        let delivery =
            Delivery { confirm: Some(confirm), ..Delivery::live(Arc::new(publication), qos, None) };
        self.deliver_to_connected(key, delivery, &mut Frames::default());
    }
}
