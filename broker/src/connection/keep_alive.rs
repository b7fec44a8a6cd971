//! Silence, slowness and old age.

use std::sync::atomic::Ordering;

use thingstead_core::journal::{Cause, Kind, Protocol};
use thingstead_mqtt_wire::{Packet, ReasonCode};

use crate::ending::{Ending, Reason};
use crate::shard::Shard;
use crate::shard::timers::Timer;
use crate::slots::Key;

impl Shard {
    /// PINGREQ (MQTT-075). It is counted; an event is made only while service logs want pings, since idle fleets do nothing else.
    pub(crate) fn ping(&mut self, key: Key) {
        self.put(key, &Packet::PingResp);
        if !self.hub.pings_told.load(Ordering::Relaxed) {
            return self.hub.journal.tally(Kind::Pinged, Cause::None, Protocol::Mqtt);
        }
        let Some(live) = self.connections.get(key).and_then(|connection| connection.live.as_ref()) else {
            return;
        };
        let event = self
            .event(&live.name.scope, Kind::Pinged)
            .client(Some(live.name.client.shared()))
            .thing(live.sender.thing.as_ref().map(|thing| thing.shared()))
            .principal(live.sender.principal.shared())
            .source(live.sender.address);
        self.record(event);
    }

    /// Ends a connection that was silent for one and a half times its keep alive (MQTT-073), or that has not said CONNECT in
    /// time; else looks again later.
    pub(crate) fn check_silence(&mut self, key: Key) {
        let Some(connection) = self.connections.get(key) else { return };
        let Some(live) = &connection.live else {
            let why = "the client did not send CONNECT in time";
            return self.end(key, Ending::new(Reason::ClientError, why));
        };
        let deadline = live.heard.plus(live.keep_alive * 3 / 2);
        if deadline > self.now {
            return self.timers.add(deadline, Timer::KeepAlive(key));
        }
        let why = format!(
            "the client sent nothing for {} s, one and a half times its keep alive of {} s",
            (live.keep_alive * 3 / 2).as_secs(),
            live.keep_alive.as_secs()
        );
        self.end(key, Ending::new(Reason::KeepAliveTimeout, why).telling(ReasonCode::KeepAliveTimeout));
    }

    /// Ends a connection whose other end has not taken anything for too long.
    pub(crate) fn check_writing(&mut self, key: Key) {
        let Some(connection) = self.connections.get(key) else { return };
        let Some(since) = connection.blocked_since else { return };
        let deadline = since.plus(self.hub.settings.write_timeout);
        if deadline > self.now {
            return self.timers.add(deadline, Timer::Write(key));
        }
        let why = format!(
            "the client has not read for {} s; {} bytes wait for it",
            self.hub.settings.write_timeout.as_secs(),
            connection.waiting()
        );
        if connection.leaving {
            self.connections.remove(key);
        } else {
            self.end(key, Ending::lost(why));
        }
    }

    /// Ends a WebSocket after a day (MQTT-016), unless a custom authorizer says how long it lasts (AUTH-018).
    pub(crate) fn web_socket_is_old(&mut self, key: Key) {
        if self.connections.get(key).is_some_and(|connection| connection.peer.custom.is_some()) {
            return;
        }
        let ending = Ending::new(Reason::WebSocketTtl, "the WebSocket has been open for 86400 s");
        self.end(key, ending);
    }
}
