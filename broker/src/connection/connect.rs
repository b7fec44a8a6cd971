//! CONNECT (MQTT-040 to MQTT-059).

use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use thingstead_core::journal::{Cause, Kind};
use thingstead_core::message::Sender;
use thingstead_core::{ClientId, topic};
use thingstead_mqtt_wire::{ConnAck, ConnAckProperties, Connect, Packet, ReasonCode, Version};

use super::refuse::Refusal;
use super::wording::Wording;
use super::{Live, will};
use crate::access::{Access, Action, Asking, Everything};
use crate::bounds;
use crate::ending::{Ending, Reason};
use crate::hub::{Place, SessionName};
use crate::router::space::Seat;
use crate::session::Opened;
use crate::shard::Shard;
use crate::shard::mail::{Arrival, Mail, Peer, Settler};
use crate::shard::timers::Timer;
use crate::slots::Key;
use crate::throttle::{Exceeded, Rate};

/// On what an accepted client is connected.
struct Terms {
    access: Box<dyn Access>,
    session_id: Arc<str>,
    seat: Seat,
    /// Whether its id was made here.
    assigned: bool,
    /// How long its session outlives the connection, in seconds.
    expiry: u32,
}

impl Shard {
    /// The shard that owns the client's session. A client without an id stays where it is: its id is made there.
    pub(crate) fn home_of(&self, key: Key, connect: &Connect) -> u16 {
        match self.connections.get(key) {
            Some(connection) if !connect.client_id.is_empty() => {
                let client = ClientId::from(Arc::clone(&connect.client_id));
                self.hub.home(&SessionName { scope: connection.scope().clone(), client })
            }
            _ => self.id,
        }
    }

    /// Moves a connection to another shard.
    pub(crate) fn send_home(&mut self, key: Key, home: u16, connect: Connect, input: &mut BytesMut) {
        let Some(connection) = self.connections.remove(key) else { return };
        let plain = BytesMut::from(&input[..]);
        if let Some(waker) = &connection.waker {
            waker.wake_by_ref();
        }
        match connection.link.unsettle() {
            Ok(link) => {
                let arrival = Arrival { link, plain, peer: connection.peer };
                let settler = Settler { arrival, decoder: connection.decoder, connect };
                self.send(home, Mail::Settle(Box::new(settler)));
            }
            Err(error) => tracing::debug!(%error, "a connection was lost on its way to its shard"),
        }
    }

    /// Handles CONNECT on the client's home shard.
    pub(crate) fn connect(&mut self, key: Key, connect: Connect) {
        if self.hub.faults.are_set() {
            return self.connect_with_faults(key, connect);
        }
        self.connect_now(key, connect);
    }

    /// The same past all faults.
    pub(crate) fn connect_now(&mut self, key: Key, connect: Connect) {
        let Some(connection) = self.connections.get(key) else { return };
        let peer = connection.peer.clone();
        let assigned = connect.client_id.is_empty();
        // An id made here must have its home here, too, or the next CONNECT with it would not find the session.
        let client = if assigned {
            self.make_client_id(&peer)
        } else {
            ClientId::from(Arc::clone(&connect.client_id))
        };
        let acceptable = self.acceptable(&connect, &client);
        if acceptable.is_ok() && self.needs_authorizer(key) {
            return self.ask_authorizer(key, connect);
        }
        let acceptable = acceptable.and_then(|()| self.throttle_connect(&peer, &client));
        if let Err(refusal) = acceptable {
            return self.refuse(key, &connect, &client, refusal);
        }
        let expiry = self.granted_expiry(&connect);
        let asking = Asking {
            scope: peer.identity.scope.clone(),
            principal: peer.identity.principal.clone(),
            session: peer.identity.session.clone(),
            client: client.clone(),
            persistent: expiry > 0,
            will_topic: connect.will.as_ref().map(|will| Arc::clone(&will.topic)),
            address: Some(peer.address),
            secure: peer.secure,
            server_name: peer.server_name.clone(),
            documents: peer.documents().to_vec(),
        };
        let mut access: Box<dyn Access> =
            if peer.open { Box::new(Everything) } else { self.hub.access.open(&asking) };
        let session_id: Arc<str> = self.hub.ids.uuid().to_string().into();
        let judged = if access.permits(Action::Connect, &client) {
            connect.will.as_ref().map_or(Ok(()), |will| will::check(will, &self.hub.bounds, &mut *access))
        } else {
            Err(Refusal::denied(access.decide(Action::Connect, &client)))
        };
        if let Err(refusal) = judged {
            if refusal.decision.is_some() {
                self.connect_failed(&asking, access.exclusive_thing().as_ref(), &session_id);
            }
            return self.refuse(key, &connect, &client, refusal);
        }
        let name = SessionName { scope: peer.identity.scope.clone(), client };
        let Some(seat) = self.seat(&name) else {
            let why = format!(
                "the account has {} connections already, as many as it may",
                self.hub.bounds.connections
            );
            let refusal =
                Refusal::throttled(ReasonCode::QuotaExceeded, Exceeded { cause: Cause::Throttle, why });
            return self.refuse(key, &connect, &name.client, refusal);
        };
        self.accept(key, connect, name, Terms { access, session_id, seat, assigned, expiry });
        self.begin_lease(key, asking);
    }

    fn accept(&mut self, key: Key, connect: Connect, name: SessionName, terms: Terms) {
        let Terms { mut access, session_id, seat, assigned, expiry } = terms;
        self.take_over(&name);
        let Some(connection) = self.connections.get(key) else { return };
        let peer = connection.peer.clone();
        let (version, now) = (connect.version, self.now);
        let space = self.hub.spaces.of(&name.scope);
        let Opened { session, present } =
            self.open_session(&name, &space, version, connect.clean_start, expiry, key);
        let sender = Arc::new(Sender {
            client: Some(name.client.clone()),
            principal: peer.identity.principal.clone(),
            thing: access.thing(),
            address: Some(peer.address),
            session: session_id,
        });
        let version_number = self.next_version(&name);
        let keep_alive = bounds::keep_alive(connect.keep_alive);
        let told = &connect.properties;
        let live = Box::new(Live {
            session,
            version,
            sender,
            access,
            space,
            _seat: seat,
            keep_alive: Duration::from_secs(u64::from(keep_alive)),
            keep_alive_asked: connect.keep_alive,
            heard: now,
            packet_limit: told.maximum_packet_size.map_or(usize::MAX, |bytes| bytes as usize),
            window: usize::from(told.receive_maximum.unwrap_or(u16::MAX).min(self.hub.bounds.in_flight)),
            aliases: Vec::new(),
            wording: Wording::of(&connect),
            unacknowledged: smallvec::SmallVec::new(),
            rate: Rate::default(),
            version_number,
            connected_at: now,
            clean: expiry == 0,
            session_expiry: expiry,
            lease: None,
            will: connect.will.clone(),
            name: name.clone(),
        });
        let event = self
            .event(&name.scope, Kind::Connected)
            .client(Some(name.client.shared()))
            .thing(live.sender.thing.as_ref().map(|thing| thing.shared()))
            .principal(peer.identity.principal.to_string())
            .with("protocol", version.to_string())
            .with("session", &*live.sender.session)
            .with("session_present", present)
            .with("keep_alive", keep_alive)
            .with("clean_session", expiry == 0)
            .with("session_expiry", expiry)
            .source(Some(peer.address));
        let event = match peer.admitted() {
            Some(admitted) => event.with("authorizer", &*admitted.admission.authorizer),
            None => event,
        };
        self.record(event);
        let properties = self.connack_properties(&connect, &name, assigned, expiry, keep_alive);
        let place = Place { shard: self.id, connection: key, session };
        self.hub.connected.insert(name.clone(), place);
        self.timers.add(now.plus(live.keep_alive * 3 / 2), Timer::KeepAlive(key));
        if let Some(connection) = self.connections.get_mut(key) {
            connection.live = Some(live);
        }
        self.put(key, &Packet::ConnAck(Box::new(ConnAck::accepted(present, properties))));
        self.announce_connected(key);
        self.resume(session);
    }

    /// The connection that a client has.
    fn connection_of(&self, name: &SessionName) -> Option<Key> {
        self.by_name.get(name).and_then(|session| self.sessions.get(*session))?.connection
    }

    /// A place among the connected clients of the account (Q04); who takes over an older connection needs no further one.
    fn seat(&self, name: &SessionName) -> Option<Seat> {
        let most = match self.connection_of(name) {
            Some(_) => usize::MAX,
            None => self.hub.bounds.connections,
        };
        self.hub.spaces.of(&name.scope).seat(most)
    }

    /// Ends an older connection of the same client (MQTT-056, POLICY-411).
    fn take_over(&mut self, name: &SessionName) {
        if let Some(older) = self.connection_of(name) {
            let why = "a new connection was established with the same client id";
            self.end(
                older,
                Ending::new(Reason::DuplicateClientId, why).telling(ReasonCode::SessionTakenOver),
            );
        }
    }

    /// What has nothing to do with permissions.
    fn acceptable(&self, connect: &Connect, client: &str) -> Result<(), Refusal> {
        let bounds = &self.hub.bounds;
        if let Some(damage) = self.hub.damage.get() {
            let why = format!("the server cannot store anything: {damage}");
            return Err(Refusal::failed(ReasonCode::UnspecifiedError, why));
        }
        if connect.properties.authentication_method.is_some() {
            // MQTT-059
            let why = "CONNECT has an authentication method, which is not supported";
            return Err(Refusal::new(ReasonCode::BadAuthenticationMethod, why));
        }
        if client.len() > bounds.client_id {
            // MQTT-044
            let (length, most) = (client.len(), bounds.client_id);
            let why = format!("the client id is {length} bytes long; at most {most} are allowed");
            return Err(Refusal::new(ReasonCode::ClientIdentifierNotValid, why));
        }
        if client.starts_with('$') {
            // MQTT-045
            let why = format!("the client id {} starts with `$`, which is reserved", topic::Quoted(client));
            return Err(Refusal::new(ReasonCode::ClientIdentifierNotValid, why));
        }
        if connect.client_id.is_empty() && connect.version == Version::V311 && !connect.clean_start {
            // MQTT-047
            let why = "an empty client id needs a clean session";
            return Err(Refusal::new(ReasonCode::ClientIdentifierNotValid, why));
        }
        if let Some(bytes) =
            connect.properties.maximum_packet_size.filter(|bytes| *bytes < bounds.client_packet)
        {
            // MQTT-054
            let why = format!("maximum packet size is {bytes}; at least {} is needed", bounds.client_packet);
            return Err(Refusal::new(ReasonCode::ProtocolError, why));
        }
        Ok(())
    }

    /// MQTT-055.
    fn throttle_connect(&self, peer: &Peer, client: &ClientId) -> Result<(), Refusal> {
        if !self.hub.settings.throttles {
            return Ok(());
        }
        let throttles = &self.hub.spaces.of(&peer.identity.scope).throttles;
        throttles
            .connect(self.now, client, &self.hub.settings.rates)
            .map_err(|exceeded| Refusal::throttled(ReasonCode::QuotaExceeded, exceeded))
    }

    fn make_client_id(&self, peer: &Peer) -> ClientId {
        loop {
            let client = ClientId::from(self.hub.ids.uuid().to_string());
            let name = SessionName { scope: peer.identity.scope.clone(), client };
            if self.hub.home(&name) == self.id && !self.by_name.contains_key(&name) {
                return name.client;
            }
        }
    }

    /// How long the session will outlive the connection, in seconds (MQTT-155, MQTT-156, MQTT-159, MQTT-160).
    fn granted_expiry(&self, connect: &Connect) -> u32 {
        match connect.version {
            Version::V311 if connect.clean_start => 0,
            Version::V311 => self.longest_expiry(),
            Version::V5 => connect.properties.session_expiry_interval.unwrap_or(0).min(self.longest_expiry()),
        }
    }

    /// The account's session expiry in seconds.
    pub(crate) fn longest_expiry(&self) -> u32 {
        u32::try_from(self.hub.settings.session_expiry.as_secs()).unwrap_or(u32::MAX)
    }

    /// MQTT-171, MQTT-172, MQTT-072, MQTT-160, MQTT-046.
    fn connack_properties(
        &self,
        connect: &Connect,
        name: &SessionName,
        assigned: bool,
        expiry: u32,
        keep_alive: u16,
    ) -> ConnAckProperties {
        let bounds = &self.hub.bounds;
        ConnAckProperties {
            session_expiry_interval: connect
                .properties
                .session_expiry_interval
                .filter(|asked| *asked != expiry)
                .map(|_| expiry),
            receive_maximum: Some(bounds.in_flight),
            maximum_qos: Some(1),
            retain_available: Some(true),
            maximum_packet_size: Some(u32::try_from(bounds.packet).unwrap_or(u32::MAX)),
            assigned_client_identifier: assigned.then(|| name.client.shared()),
            topic_alias_maximum: Some(bounds.topic_alias),
            wildcard_subscription_available: Some(true),
            subscription_identifier_available: Some(false),
            shared_subscription_available: Some(true),
            server_keep_alive: (keep_alive != connect.keep_alive).then_some(keep_alive),
            ..ConnAckProperties::default()
        }
    }
}
