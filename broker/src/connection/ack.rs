//! PUBACK from a client, and what the store has made durable.

use thingstead_mqtt_wire::PubAck;
use thingstead_store::StoreError;

use crate::ending::{Ending, Reason};
use crate::shard::Shard;
use crate::shard::mail::Held;
use crate::slots::Key;

impl Shard {
    /// The client has a delivery; one that waited may go (MQTT-093). An identifier that is not in use is ignored.
    pub(crate) fn acknowledged(&mut self, key: Key, ack: &PubAck) {
        let Some(live) = self.connections.get(key).and_then(|connection| connection.live.as_ref()) else {
            return;
        };
        let session = live.session;
        self.delivered(session, ack.packet_id.get());
    }

    /// The store has written what these acknowledgements promise.
    pub(crate) fn release(&mut self, held: impl IntoIterator<Item = Held>, outcome: &Result<(), StoreError>) {
        for Held { connection: key, frame, packet_id } in held {
            let Some(connection) = self.connections.get_mut(key) else { continue };
            // Nothing comes behind a DISCONNECT.
            let Some(live) = &mut connection.live else { continue };
            live.unacknowledged.retain(|id| *id != packet_id);
            // Who waits for this may be read again, or has nothing more to wait for.
            if (connection.unread || connection.finished)
                && let Some(waker) = &connection.waker
            {
                waker.wake_by_ref();
            }
            match outcome {
                Ok(()) => {
                    if let Some(output) = self.output(key) {
                        output.extend_from_slice(&frame);
                    }
                    self.mark(key);
                }
                Err(error) => {
                    let why = format!("the database could not store what was to be acknowledged: {error}");
                    self.end(key, Ending::new(Reason::ServerError, why));
                }
            }
        }
    }
}
