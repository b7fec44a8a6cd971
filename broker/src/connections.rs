//! What the APIs ask about connections, sessions and retained messages (MQTT-233 to MQTT-248).

use std::net::SocketAddr;
use std::sync::Arc;

use thingstead_core::{ClientId, Message, Origin, Publication, QoS, Scope, ThingName, Timestamp};
use thingstead_mqtt_wire::ReasonCode;
use tokio::sync::oneshot;

use crate::access::Action;
use crate::bounds::REMEMBER;
use crate::broker::Broker;
use crate::direct::{DirectError, DirectMessage};
use crate::ending::{Ending, Reason};
use crate::hub::SessionName;
use crate::retained::Retained;
use crate::shard::Shard;
use crate::shard::mail::Mail;

/// A client's connection, now or the last one (MQTT-239).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionInfo {
    /// Whether it is connected.
    pub connected: bool,
    /// Clean Session, or a session that ends with the connection.
    pub clean_session: bool,
    /// As the client asked for it, in seconds.
    pub keep_alive: u16,
    /// Seconds.
    pub session_expiry: u32,
    /// When it was connected; only while it is.
    pub connected_since: Option<Timestamp>,
    /// When it was disconnected; only while it is.
    pub disconnected_since: Option<Timestamp>,
    /// Why; only while it is disconnected (MQTT-240).
    pub disconnect_reason: Option<Reason>,
    /// The thing that is associated.
    pub thing: Option<ThingName>,
    /// Only while it is connected (MQTT-241).
    pub socket: Option<SocketInfo>,
}

/// The two ends of a client's connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SocketInfo {
    /// The client's.
    pub source: SocketAddr,
    /// The server's.
    pub target: SocketAddr,
}

/// A subscription of a client (MQTT-243).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscriptionInfo {
    /// As the client wrote it, `$share/NAME/` included.
    pub filter: Arc<str>,
    /// Granted.
    pub qos: QoS,
}

impl Broker {
    /// The client's connection, now or within the last 30 minutes, or that of its session (MQTT-242); `None` when nothing is
    /// known of it.
    pub async fn connection(&self, scope: &Scope, client: &str) -> Option<ConnectionInfo> {
        self.ask(scope, client, |shard, name| shard.connection_info(name)).await.flatten()
    }

    /// Disconnects a client with `API_INITIATED_DISCONNECT`, or ends its session (MQTT-236, MQTT-237). `false` when it is neither
    /// connected nor has a session.
    pub async fn delete_connection(
        &self,
        scope: &Scope,
        client: &str,
        clean_session: bool,
        prevent_will: bool,
    ) -> bool {
        let delete = move |shard: &mut Shard, name: &SessionName| {
            let Some(&session) = shard.by_name.get(name) else { return false };
            let Some(connection) = shard.sessions.get(session).and_then(|session| session.connection) else {
                if clean_session {
                    shard.end_session(session, "the session was deleted by DeleteConnection");
                }
                return true;
            };
            let mut ending =
                Ending::new(Reason::ApiInitiated, "the connection was deleted by DeleteConnection")
                    .telling(ReasonCode::AdministrativeAction);
            ending.will = !prevent_will;
            ending.forget = clean_session;
            shard.end(connection, ending);
            true
        };
        self.ask(scope, client, delete).await.unwrap_or(false)
    }

    /// The client's subscriptions in the order of filters, also those of an offline session; `None` when there is none.
    pub async fn subscriptions(&self, scope: &Scope, client: &str) -> Option<Vec<SubscriptionInfo>> {
        let list = |shard: &mut Shard, name: &SessionName| {
            let session = shard.sessions.get(*shard.by_name.get(name)?)?;
            let info = |(filter, held): (&Arc<str>, &crate::session::Held)| SubscriptionInfo {
                filter: Arc::clone(filter),
                qos: held.qos,
            };
            Some(session.subscriptions.iter().map(info).collect())
        };
        self.ask(scope, client, list).await.flatten()
    }

    /// Sends a message to one connected client, subscribed or not: no rules run, nothing is queued or retained
    /// (MQTT-244 to MQTT-248).
    ///
    /// # Errors
    /// Why the client does not have it.
    pub async fn send_direct_message(
        &self,
        scope: &Scope,
        client: &str,
        direct: DirectMessage,
    ) -> Result<(), DirectError> {
        let DirectMessage { message, confirmation, sender } = direct;
        self.check_direct(&message)?;
        let qos = if confirmation.is_some() { QoS::AtLeastOnce } else { QoS::AtMostOnce };
        let publication = Publication {
            scope: scope.clone(),
            message: Message { retain: false, ..message.with_qos(qos) },
            origin: Origin::Http(sender),
            at: self.hub.clock.now(),
        };
        let (confirm, confirmed) = oneshot::channel();
        let confirm = confirmation.map(|_| confirm);
        let sent = self
            .ask(scope, client, move |shard, name| shard.send_direct_message(name, publication, confirm))
            .await
            .unwrap_or(Err(DirectError::Stopping));
        sent?;
        let Some(timeout) = confirmation else { return Ok(()) };
        match tokio::time::timeout(timeout, confirmed).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(DirectError::NotConnected),
            Err(_) => Err(DirectError::Timeout),
        }
    }

    /// Resolves when everything that was published so far has been routed, so that a retained message can be read (API-065).
    pub async fn settled(&self) {
        let asked = self.hub.mailboxes.iter().map(|mailbox| {
            let (tell, told) = oneshot::channel();
            mailbox.push(Mail::Ask(Box::new(move |_| {
                let _ = tell.send(());
            })));
            told
        });
        for told in asked.collect::<Vec<_>>() {
            // A shard that has stopped routes nothing any more.
            let _ = told.await;
        }
    }

    /// The retained message of a topic (MQTT-233).
    pub fn retained_message(&self, scope: &Scope, topic: &str) -> Option<Retained> {
        self.hub.spaces.of(scope).retained.get(topic, self.hub.clock.now())
    }

    /// Up to `limit` retained messages with topics behind `after`, in the order of topics (MQTT-234).
    pub fn retained_messages(&self, scope: &Scope, after: Option<&str>, limit: usize) -> Vec<Retained> {
        self.hub.spaces.of(scope).retained.list(after, limit, self.hub.clock.now())
    }

    /// Whether each PINGREQ leaves a journal event, for service logs that want them (`Ping`, MQTT-254); off at first.
    pub fn tell_pings(&self, tell: bool) {
        self.hub.pings_told.store(tell, std::sync::atomic::Ordering::Relaxed);
    }

    /// Counts a publish that comes over HTTP against the account's rates (Q06, Q26, Q27), and looks whether a retained message
    /// finds room (MQTT-149).
    ///
    /// # Errors
    /// Which rate or count it exceeds, as a sentence; the door answers 429.
    pub fn admit_publish(&self, scope: &Scope, message: &Message) -> Result<(), String> {
        let (space, now) = (self.hub.spaces.of(scope), self.hub.clock.now());
        let most = self.hub.bounds.retained;
        if message.retain && !message.payload.is_empty() && space.retained.is_full_for(&message.topic, most) {
            return Err(format!("the account has {most} retained messages already, as many as it may"));
        }
        if !self.hub.settings.throttles {
            return Ok(());
        }
        let rates = &self.hub.settings.rates;
        space.throttles.publish_in(now, rates).map_err(|exceeded| exceeded.why)?;
        if message.retain {
            space.throttles.retain(now, &message.topic, rates).map_err(|exceeded| exceeded.why)?;
        }
        Ok(())
    }

    /// Why the database failed, if it did: a change was not written, so that memory and database differ. Clients are refused from
    /// then on, until the server is started again.
    pub fn damage(&self) -> Option<&str> {
        self.hub.damage.get().map(String::as_str)
    }

    /// Where the broker writes down what happens.
    pub fn journal(&self) -> &thingstead_core::Journal {
        &self.hub.journal
    }

    /// How many clients are connected, in all scopes.
    pub fn connected_clients(&self) -> usize {
        self.hub.connected.len()
    }

    /// The clients of a scope that are connected, in the order of their ids.
    pub fn connected_client_ids(&self, scope: &Scope) -> Vec<ClientId> {
        let mut clients: Vec<ClientId> = self
            .hub
            .connected
            .iter()
            .filter(|entry| entry.key().scope == *scope)
            .map(|entry| entry.key().client.clone())
            .collect();
        clients.sort_unstable();
        clients
    }

    fn check_direct(&self, message: &Message) -> Result<(), DirectError> {
        use thingstead_core::topic;
        let bounds = &self.hub.bounds;
        if topic::is_reserved(&message.topic) {
            return Err(DirectError::InvalidTopic("starts with `$`, which is reserved".to_owned()));
        }
        topic::check_name(&message.topic)
            .and_then(|()| bounds.check_topic(&message.topic))
            .map_err(|error| DirectError::InvalidTopic(error.to_string()))?;
        if message.payload.len() > bounds.payload {
            return Err(DirectError::TooLarge(message.payload.len(), bounds.payload));
        }
        Ok(())
    }

    /// Asks the shard that is the client's home; `None` when the broker is stopping.
    async fn ask<T: Send + 'static>(
        &self,
        scope: &Scope,
        client: &str,
        question: impl FnOnce(&mut Shard, &SessionName) -> T + Send + 'static,
    ) -> Option<T> {
        let name = SessionName { scope: scope.clone(), client: ClientId::from(client) };
        let (answer, answered) = oneshot::channel();
        self.hub.mailboxes.get(usize::from(self.hub.home(&name)))?.push(Mail::Ask(Box::new(move |shard| {
            // Whoever asked may have stopped waiting.
            let _ = answer.send(question(shard, &name));
        })));
        answered.await.ok()
    }
}

impl Shard {
    fn connection_info(&mut self, name: &SessionName) -> Option<ConnectionInfo> {
        let session = self.by_name.get(name).and_then(|key| self.sessions.get(*key));
        let connection =
            session.and_then(|session| session.connection).and_then(|key| self.connections.get(key));
        if let Some((connection, live)) = connection.and_then(|found| Some((found, found.live.as_ref()?))) {
            return Some(ConnectionInfo {
                connected: true,
                clean_session: live.clean,
                keep_alive: live.keep_alive_asked,
                session_expiry: live.session_expiry,
                connected_since: Some(live.connected_at),
                disconnected_since: None,
                disconnect_reason: None,
                thing: live.sender.thing.clone(),
                socket: Some(SocketInfo { source: connection.peer.address, target: connection.peer.local }),
            });
        }
        let left = self.remembered.get(name).and_then(|remembered| remembered.left.as_ref());
        match (left, session) {
            (Some(left), session) if session.is_some() || self.now.since(left.at) < REMEMBER => {
                Some(ConnectionInfo {
                    connected: false,
                    clean_session: left.clean,
                    keep_alive: left.keep_alive,
                    session_expiry: left.session_expiry,
                    connected_since: None,
                    disconnected_since: Some(left.at),
                    disconnect_reason: Some(left.reason),
                    thing: left.thing.clone(),
                    socket: None,
                })
            }
            // A session that was read back after a restart: its last connection is not remembered.
            (None, Some(session)) => Some(ConnectionInfo {
                connected: false,
                clean_session: false,
                keep_alive: 0,
                session_expiry: session.expiry,
                connected_since: None,
                disconnected_since: session.left_at,
                disconnect_reason: None,
                thing: None,
                socket: None,
            }),
            _ => None,
        }
    }

    fn send_direct_message(
        &mut self,
        name: &SessionName,
        publication: Publication,
        confirm: Option<oneshot::Sender<()>>,
    ) -> Result<(), DirectError> {
        let Some(&key) = self.by_name.get(name) else { return Err(DirectError::NotFound) };
        let Some(session) = self.sessions.get(key) else { return Err(DirectError::NotFound) };
        let Some(connection) = session.connection else { return Err(DirectError::NotConnected) };
        let in_flight = session.in_flight.len();
        let live = self.connections.get_mut(connection).and_then(|connection| connection.live.as_mut());
        let Some(live) = live else { return Err(DirectError::NotConnected) };
        if !live.access.permits(Action::Receive, &publication.message.topic) {
            return Err(DirectError::ReceiveDenied);
        }
        match confirm {
            Some(_) if in_flight >= live.window => Err(DirectError::WindowFull),
            confirm => self.send_or_refuse(key, publication, confirm),
        }
    }
}
