//! Messages to one client, subscribed or not (MQTT-190, MQTT-244).

use std::sync::Arc;

use thingstead_core::Publication;
use tokio::sync::oneshot;

use super::Delivery;
use crate::direct::DirectError;
use crate::router::route::Frames;
use crate::shard::Shard;
use crate::slots::Key;

impl Shard {
    /// Sends a message to a session's client, if it is connected.
    pub(crate) fn send_directly(&mut self, key: Key, publication: Publication) {
        self.step();
        let qos = publication.message.qos;
        let delivery = Delivery::live(Arc::new(publication), qos, None);
        self.deliver_to_connected(key, delivery, &mut Frames::default());
    }

    /// The same for those who want to know whether it was sent, and when the client has acknowledged it.
    ///
    /// # Errors
    /// Why it was not sent (MQTT-258). A packet beyond the client's own limit counts as sent (MQTT-174).
    pub(crate) fn send_or_refuse(
        &mut self,
        key: Key,
        publication: Publication,
        confirm: Option<oneshot::Sender<()>>,
    ) -> Result<(), DirectError> {
        self.step();
        let limit = self.hub.settings.output_limit;
        let waiting = self.waiting_for(key);
        if waiting > limit {
            let why = format!("the client reads too slowly: {waiting} bytes wait for it");
            return Err(DirectError::NotWritable(why));
        }
        let qos = publication.message.qos;
        let delivery = Delivery { confirm, ..Delivery::live(Arc::new(publication), qos, None) };
        match self.send_now(key, delivery, &mut Frames::default()) {
            Some(unsent) if unsent.is_throttled() => Err(DirectError::Throttled(unsent.to_string())),
            _ => Ok(()),
        }
    }
}
