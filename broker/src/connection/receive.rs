//! Reading a connection, and handing its packets out.

use std::io;
use std::task::{Context, Poll};

use bytes::BytesMut;
use thingstead_core::journal::Kind;
use thingstead_mqtt_wire::{Answer, ConnAck, DecodeError, Decoder, Packet, PubAck, ReasonCode};

use super::Connection;
use super::throughput::Throughput;
use crate::ending::{Ending, Reason};
use crate::settings::Settings;
use crate::shard::link::{Link, Read};
use crate::shard::mail::{Arrival, Peer, Settler};
use crate::shard::timers::Timer;
use crate::shard::{Shard, coalescing};
use crate::slots::Key;

impl Shard {
    /// Takes a connection in that has not said CONNECT.
    pub(crate) fn take_in(&mut self, arrival: Arrival) -> io::Result<Key> {
        let Arrival { link, plain, peer } = arrival;
        Ok(self.take_in_link(link.settle()?, plain, peer))
    }

    /// The same with a stream that belongs to this thread already.
    pub(crate) fn take_in_link(&mut self, link: Link, plain: BytesMut, peer: Peer) -> Key {
        let decoder = Decoder::server(self.hub.bounds.packet);
        let key = self.add_connection(link, plain, peer, decoder);
        self.timers.add(self.now.plus(self.hub.settings.connect_timeout), Timer::KeepAlive(key));
        key
    }

    /// Takes a connection in whose CONNECT another shard has read.
    pub(crate) fn settle(&mut self, settler: Settler) -> io::Result<Key> {
        let Settler { arrival: Arrival { link, plain, peer }, decoder, connect } = settler;
        let key = self.add_connection(link.settle()?, plain, peer, decoder);
        self.connect(key, connect);
        Ok(key)
    }

    fn add_connection(&mut self, link: Link, plain: BytesMut, peer: Peer, decoder: Decoder) -> Key {
        let since = self.now;
        let (web_socket, unread) = (link.is_web_socket(), !plain.is_empty());
        let key = self.connections.insert_with(|_| Connection {
            link,
            decoder,
            partial: plain,
            unread,
            throughput: Throughput::default(),
            output: Vec::new(),
            dirty: false,
            blocked_since: None,
            waker: None,
            finished: false,
            leaving: false,
            asking: false,
            peer,
            since,
            live: None,
        });
        if web_socket {
            self.timers.add(since.plus(crate::bounds::WEBSOCKET_LIFE), Timer::TooOld(key));
        }
        key
    }

    /// One poll of a connection's task: writes what was stuck, reads what is there. Ready when the connection is gone.
    pub(crate) fn poll_connection(&mut self, key: Key, cx: &mut Context<'_>) -> Poll<()> {
        self.step();
        for _ in 0..READS {
            let Some(connection) = self.connections.get_mut(key) else { return Poll::Ready(()) };
            if !connection.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
                connection.waker = Some(cx.waker().clone());
            }
            if connection.blocked_since.is_some() && connection.link.poll_writable(cx).is_ready() {
                self.mark(key);
            }
            let Some(connection) = self.connections.get_mut(key) else { return Poll::Ready(()) };
            if connection.leaving || connection.is_full(self.hub.bounds.in_flight) {
                return Poll::Pending;
            }
            if connection.finished && !connection.unread {
                self.end_if_answered(key);
                return Poll::Pending;
            }
            if connection.refresh_is_due(self.now) {
                self.refresh(key);
                return Poll::Pending;
            }
            if self.must_pause(key) || self.is_stuffed(key) {
                return Poll::Pending;
            }
            let Some(connection) = self.connections.get_mut(key) else { return Poll::Ready(()) };
            if std::mem::take(&mut connection.unread) {
                let mut early = std::mem::take(&mut connection.partial);
                self.consume(key, &mut early);
                self.keep(key, early);
                continue;
            }
            // The beginning of a large packet stays where it is, however small the pieces are that come behind it.
            let own = connection.partial.len() > LARGE;
            let mut input = if own {
                std::mem::take(&mut connection.partial)
            } else {
                let mut input = std::mem::take(&mut self.input);
                input.extend_from_slice(&connection.partial);
                input
            };
            let before = input.len();
            let read = connection.link.poll_read(cx, &mut input, &mut self.lent);
            if read.is_ready() {
                connection.partial = BytesMut::new();
            }
            match read {
                Poll::Pending if own => {
                    connection.partial = input;
                    return Poll::Pending;
                }
                Poll::Pending => {
                    input.clear();
                    self.input = input;
                    self.let_tls_speak(key);
                    return Poll::Pending;
                }
                Poll::Ready(read) => {
                    coalescing::note_read();
                    self.count_bytes(key, input.len() - before);
                    self.consume(key, &mut input);
                    if own {
                        self.keep(key, input);
                    } else {
                        if !input.is_empty() {
                            self.keep(key, BytesMut::from(&input[..]));
                        }
                        input.clear();
                        self.input = input;
                    }
                    match read {
                        Ok(Read::Some) => {}
                        Ok(Read::End) => self.finish(key),
                        Ok(Read::Closed) => {
                            self.end(key, Ending::said_goodbye("the client closed the WebSocket"))
                        }
                        Err(error) => {
                            self.end(key, Ending::lost(format!("reading from the client failed: {error}")))
                        }
                    }
                }
            }
        }
        // Others are waiting, too.
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// The client sends nothing more. It may have closed one direction only, so it gets the answers it waits for.
    fn finish(&mut self, key: Key) {
        let Some(connection) = self.connections.get_mut(key) else { return };
        connection.finished = true;
        // What was read is judged before it is asked whether everything is answered; what comes late looks here again.
        if !connection.unread {
            self.end_if_answered(key);
        }
    }

    /// Ends a connection whose client sends nothing more, as soon as all its packets are answered.
    pub(crate) fn end_if_answered(&mut self, key: Key) {
        let Some(connection) = self.connections.get(key) else { return };
        let held = connection.live.as_ref().is_some_and(|live| !live.unacknowledged.is_empty());
        if !connection.leaving && !connection.asking && !connection.unread && !held {
            self.end(key, Ending::hung_up());
        }
    }

    /// Whether more answers wait for the client than may: who reads none of them is not read either. Its socket taking some wakes
    /// it.
    pub(crate) fn is_stuffed(&self, key: Key) -> bool {
        let waiting = self.connections.get(key).map_or(0, Connection::waiting);
        waiting > stuffed_at(&self.hub.settings)
    }

    /// What TLS itself has to say goes along with an answer, unless there is none yet.
    fn let_tls_speak(&mut self, key: Key) {
        let Some(connection) = self.connections.get(key) else { return };
        if connection.blocked_since.is_none() && connection.link.backlog() > 0 {
            self.mark(key);
        }
    }

    /// Handles every whole packet and leaves the rest in `input`.
    fn consume(&mut self, key: Key, input: &mut BytesMut) {
        loop {
            let limit = self.hub.bounds.in_flight;
            let Some(connection) = self.connections.get_mut(key) else { return };
            if connection.leaving {
                return;
            }
            if connection.is_full(limit) {
                connection.unread = true;
                break;
            }
            let payloads = &mut self.payloads;
            match connection.decoder.decode_keeping(input, |payload| payloads.copy(payload)) {
                Ok(None) => break,
                Ok(Some(Packet::Connect(connect))) => {
                    let home = self.home_of(key, &connect);
                    if home == self.id {
                        self.connect(key, *connect);
                    } else {
                        return self.send_home(key, home, *connect, input);
                    }
                }
                Ok(Some(packet)) => self.packet(key, packet),
                Err(error) => self.undecodable(key, &error),
            }
        }
    }

    /// Keeps what is no whole packet yet, or may not be looked at yet.
    fn keep(&mut self, key: Key, rest: BytesMut) {
        if let Some(connection) = self.connections.get_mut(key)
            && !rest.is_empty()
        {
            connection.partial = rest;
        }
    }

    fn packet(&mut self, key: Key, packet: Packet) {
        let now = self.now;
        let Some(live) = self.connections.get_mut(key).and_then(|connection| connection.live.as_mut()) else {
            return;
        };
        if matches!(
            packet,
            Packet::Publish(_)
                | Packet::Subscribe(_)
                | Packet::Unsubscribe(_)
                | Packet::PingReq
                | Packet::PubAck(_)
        ) {
            live.heard = now;
        }
        match packet {
            Packet::Publish(publish) => self.publish(key, publish),
            Packet::PubAck(ack) => self.acknowledged(key, &ack),
            Packet::Subscribe(subscribe) => self.subscribe(key, subscribe),
            Packet::Unsubscribe(unsubscribe) => self.unsubscribe(key, unsubscribe),
            Packet::PingReq => self.ping(key),
            Packet::Disconnect(disconnect) => self.disconnect(key, &disconnect),
            // MQTT-059, MQTT-087
            other => {
                let why = format!("{} is not supported", other.packet_type());
                self.end(key, Ending::error(ReasonCode::ProtocolError, why));
            }
        }
    }

    /// Bytes that are no acceptable packet (MQTT-040, MQTT-042, MQTT-043, MQTT-082).
    fn undecodable(&mut self, key: Key, error: &DecodeError) {
        let Some(connection) = self.connections.get(key) else { return };
        let event = self
            .event(connection.scope(), Kind::Malformed)
            .client(connection.client())
            .principal(connection.peer.identity.principal.to_string())
            .why(error.to_string())
            .source(Some(connection.peer.address))
            .with("section", error.section());
        self.record(event);
        match error.answer() {
            Answer::PubAck(packet_id, reason) => {
                self.put(key, &Packet::PubAck(PubAck { packet_id, reason, properties: None }));
            }
            Answer::ConnAck(version, reason) => {
                self.put_as(key, version, &Packet::ConnAck(Box::new(ConnAck::refused(reason))));
                self.end(key, Ending::error(reason, error.to_string()).silent());
            }
            Answer::Disconnect(reason) => {
                self.end(key, Ending::new(Reason::ClientError, error.to_string()).telling(reason));
            }
            Answer::Close => self.end(key, Ending::new(Reason::ClientError, error.to_string())),
        }
    }

    /// Appends a packet to the connection's output, in its version.
    pub(crate) fn put(&mut self, key: Key, packet: &Packet) {
        if let Some(version) = self.connections.get(key).and_then(|connection| connection.decoder.version()) {
            self.put_as(key, version, packet);
        }
    }

    /// Appends a packet to the connection's output in a version.
    pub(crate) fn put_as(&mut self, key: Key, version: thingstead_mqtt_wire::Version, packet: &Packet) {
        let Some(output) = self.output(key) else { return };
        if let Err(error) = packet.encode(version, output) {
            tracing::error!(%error, packet = %packet.packet_type(), "a packet cannot be encoded");
        }
        self.mark(key);
    }
}

impl Connection {
    /// Whether the client has as many unacknowledged messages out as it may (MQTT-094); v3 clients are not read until some
    /// are acknowledged, v5 clients break the protocol. Nor is anybody read whom an authorizer is being asked about.
    fn is_full(&self, limit: u16) -> bool {
        if self.asking {
            return true;
        }
        self.live
            .as_ref()
            .is_some_and(|live| !live.version.is_v5() && live.unacknowledged.len() >= usize::from(limit))
    }
}

/// Well above what messages fill before they are dropped, so that a slow reader may still publish, and above a window of the largest
/// ones: only answers without end come here.
pub(crate) const fn stuffed_at(settings: &Settings) -> usize {
    settings.output_limit.saturating_mul(4)
}

/// A packet's beginning of so many bytes is no longer copied.
const LARGE: usize = 4 * 1024;
/// A connection is read so many times before others get their turn.
const READS: usize = 4;
