//! The end of a connection, whoever brings it about.

use thingstead_core::journal::Kind;
use thingstead_mqtt_wire::{Disconnect, Packet, ReasonCode, Version};

use crate::ending::Ending;
use crate::shard::Shard;
use crate::slots::Key;

impl Shard {
    /// DISCONNECT from the client (MQTT-061, MQTT-076, MQTT-162).
    pub(crate) fn disconnect(&mut self, key: Key, disconnect: &Disconnect) {
        let maximum = self.longest_expiry();
        let Some(live) = self.connections.get_mut(key).and_then(|connection| connection.live.as_mut()) else {
            return;
        };
        let asked = disconnect.properties.as_ref().and_then(|properties| properties.session_expiry_interval);
        let mut forget = false;
        if let Some(asked) = asked {
            if asked > 0 && live.session_expiry == 0 {
                let why = "DISCONNECT asks for a session expiry although CONNECT asked for none";
                return self.end(key, Ending::error(ReasonCode::ProtocolError, why));
            }
            live.session_expiry = asked.min(maximum);
            forget = asked == 0;
            let (session, expiry) = (live.session, live.session_expiry);
            self.change_expiry(session, expiry);
        }
        let mut ending = Ending::said_goodbye("the client sent DISCONNECT");
        ending.will = disconnect.reason == ReasonCode::DisconnectWithWillMessage;
        ending.forget = forget;
        self.end(key, ending);
    }

    /// Ends a connection: tells the client, gives up what it held, publishes Will and event, then closes.
    pub(crate) fn end(&mut self, key: Key, ending: Ending) {
        let Some(connection) = self.connections.get_mut(key) else { return };
        if connection.leaving {
            // What was to be said has been said; the socket is all that is left.
            if !ending.farewell {
                self.connections.remove(key);
            }
            return;
        }
        connection.leaving = true;
        let peer = connection.peer.clone();
        let since = connection.since;
        let live = connection.live.take();
        if let Some(live) = &live {
            if let (Some(reason), Version::V5) = (ending.tell, live.version) {
                let words = ending.reason_string.unwrap_or(&ending.why);
                let packet = match live.wording.say(words) {
                    Some(text) => Disconnect::with_reason_string(reason, text),
                    None => Disconnect::new(reason),
                };
                self.put_as(key, Version::V5, &Packet::Disconnect(packet));
            }
            let event = self
                .event(&live.name.scope, Kind::Disconnected)
                .client(Some(live.name.client.shared()))
                .thing(live.sender.thing.as_ref().map(|thing| thing.shared()))
                .principal(peer.identity.principal.to_string())
                .why(ending.why.clone())
                .with("disconnect_reason", ending.reason.name())
                .with("session", &*live.sender.session)
                .source(Some(peer.address))
                .with("connected_ms", i64::try_from(self.now.since(since).as_millis()).unwrap_or(i64::MAX));
            let event = match ending.reason.fix() {
                Some(fix) => event.with("fix", fix),
                None => event,
            };
            self.record(event);
        } else {
            tracing::debug!(peer = %peer.address, why = %ending.why, "a connection ended before CONNECT was accepted");
        }
        if let Some(live) = live {
            self.part(key, *live, &ending);
        }
        if ending.farewell {
            self.mark(key);
        } else {
            self.connections.remove(key);
        }
    }

    /// Closes the socket of a connection that has nothing left to say.
    pub(crate) fn leave(&mut self, key: Key) {
        let Some(connection) = self.connections.remove(key) else { return };
        if let Some(waker) = &connection.waker {
            waker.wake_by_ref();
        }
        let finished = connection.finished;
        // Where the client has said all it will, nothing unread is left that would take back what was sent last.
        if let Some(tcp) = connection.link.shut(&mut self.lent)
            && !finished
        {
            tokio::task::spawn_local(crate::shard::link::linger(tcp));
        }
    }
}
