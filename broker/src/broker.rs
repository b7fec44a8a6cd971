//! The broker as everybody else sees it.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use dashmap::DashMap;
use parking_lot::Mutex;
use thingstead_core::faults::FaultPlan;
use thingstead_core::wiring::{Bus, ConnectionControl, Errand, Reload, ReservedService, RuleSink};
use thingstead_core::{CertificateId, ClientId, Clock, Ids, Journal, Publication, Scope};
use thingstead_registry::Registry;
use thingstead_store::{Store, StoreError};
use tokio::sync::{oneshot, watch};

use crate::access::AccessControl;
use crate::bounds::Bounds;
use crate::connection::custom::Authenticator;
use crate::faults::Faults;
use crate::hub::{Hub, SessionName, Wiring};
use crate::identity::{ClientCertificates, Gate};
use crate::listener::https::{self, DoorKind};
use crate::listener::mqtts::Entrance;
use crate::listener::{self, BindError, Usher};
use crate::retained::Retained;
use crate::router::space::Spaces;
use crate::rows::{CLIENTS, QUEUE, RETAINED, SESSIONS, read_message_row};
use crate::session::storage::sweep;
use crate::settings::{Bound, Doors, Settings};
use crate::shard::mail::{Mail, Mailbox};
use crate::shard::turn::Inbox;
use crate::tls::config::{Credential, TlsError};
use crate::tls::manners::{ALPN_MQTT_CERTIFICATE, EVERY_PROTOCOL, Manners};

/// What the broker stands on.
pub struct Deps {
    /// The time.
    pub clock: Clock,
    /// Session identifiers, generated client ids, choices among the members of shared groups.
    pub ids: Ids,
    /// Where everything is written down.
    pub journal: Journal,
    /// Sessions, queues and retained messages; opened with [`crate::TABLES`].
    pub store: Store,
    /// Permissions.
    pub access: Arc<dyn AccessControl>,
    /// Client certificates.
    pub certificates: Arc<dyn ClientCertificates>,
}

/// Why the broker does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address cannot be bound.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// TLS cannot be offered.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The database cannot be read.
    #[error("retained messages cannot be read: {0}")]
    Store(#[from] StoreError),
    /// A thread cannot be started.
    #[error("a shard's thread cannot be started: {0}")]
    Thread(#[from] std::io::Error),
    /// `serve` was called twice.
    #[error("the broker is serving already")]
    Serving,
}

/// The broker. It routes messages from the moment it is made; clients come in when it serves.
pub struct Broker {
    pub(crate) hub: Arc<Hub>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    stop: watch::Sender<bool>,
    /// Doors close before shards do.
    doors: watch::Sender<bool>,
}

impl Broker {
    /// Makes a broker and starts its threads.
    ///
    /// # Errors
    /// The retained messages cannot be read, or a thread cannot be started.
    pub fn new(settings: Settings, deps: Deps) -> Result<Arc<Self>, StartError> {
        let shards = match settings.shards {
            0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            count => count,
        };
        let gate = Arc::new(Gate::new(deps.certificates, deps.clock.clone(), settings.sni));
        // Rows of stored messages are numbered by when they were stored, over restarts, too.
        let first_row = u64::try_from(deps.clock.now().as_millis()).unwrap_or(0) << 20;
        let hub = Arc::new(Hub {
            bounds: Bounds::of(settings.limits, &settings.counts),
            settings,
            clock: deps.clock,
            ids: deps.ids,
            journal: deps.journal,
            store: deps.store,
            access: deps.access,
            gate,
            spaces: Spaces::default(),
            connected: DashMap::new(),
            mailboxes: (0..shards.min(usize::from(u16::MAX))).map(|_| Mailbox::default()).collect(),
            wiring: std::sync::OnceLock::new(),
            faults: Faults::default(),
            pings_told: false.into(),
            authenticator: std::sync::OnceLock::new(),
            next_row: first_row.into(),
            damage: std::sync::OnceLock::new(),
        });
        let broker = Arc::new(Self {
            hub,
            threads: Mutex::default(),
            stop: watch::channel(false).0,
            doors: watch::channel(false).0,
        });
        broker.load_retained()?;
        sweep(&broker.hub.store)?;
        for id in 0..broker.hub.mailboxes.len() {
            let id = u16::try_from(id).unwrap_or(u16::MAX);
            let thread = crate::shard::thread::start(id, Arc::clone(&broker.hub), broker.stop.subscribe())?;
            broker.threads.lock().push(thread);
        }
        Ok(broker)
    }

    /// Opens the doors. `services` and `rules` see messages from now on; `http` serves the requests of the shared TLS port.
    /// Must be called on a tokio runtime, which accepts connections, shakes hands and serves HTTP.
    ///
    /// # Errors
    /// An address cannot be bound, TLS cannot be offered, or the broker is serving already.
    pub async fn serve(
        self: &Arc<Self>,
        doors: &Doors,
        services: Vec<Arc<dyn ReservedService>>,
        rules: Option<Arc<dyn RuleSink>>,
        http: Router,
    ) -> Result<Bound, StartError> {
        self.hub.wiring.set(Wiring { services, rules }).map_err(|_| StartError::Serving)?;
        let usher = Arc::new(Usher::new(Arc::clone(&self.hub)));
        let mut bound = Bound::default();
        let credentials = match doors.mqtts.is_empty() && doors.https.is_empty() {
            true => Arc::default(),
            false => Credential::read(&self.hub.settings.certificates)?,
        };
        for address in &doors.mqtt {
            let listener = listener::bind(*address, "MQTT without TLS").await?;
            bound.mqtt.push(listener.local_addr()?);
            tokio::spawn(listener::tcp::serve(listener, Arc::clone(&usher), self.doors.subscribe()));
        }
        for (kind, addresses) in [(DoorKind::Mqtts, &doors.mqtts), (DoorKind::Https, &doors.https)] {
            if addresses.is_empty() {
                continue;
            }
            let (purpose, mandatory, protocols): (_, _, &[&[u8]]) = match kind {
                DoorKind::Mqtts => ("MQTT over TLS", true, &[ALPN_MQTT_CERTIFICATE]),
                DoorKind::Https => ("HTTPS and MQTT by ALPN", false, EVERY_PROTOCOL),
            };
            let (gate, credentials) = (Arc::clone(&self.hub.gate), Arc::clone(&credentials));
            let manners = Arc::new(Manners::new(gate, credentials, mandatory, protocols)?);
            for (turn, address) in (0_u16..).zip(addresses) {
                let listener = listener::bind(*address, purpose).await?;
                let list = match kind {
                    DoorKind::Mqtts => &mut bound.mqtts,
                    DoorKind::Https => &mut bound.https,
                };
                list.push(listener.local_addr()?);
                let door = https::Door {
                    kind,
                    usher: Arc::clone(&usher),
                    manners: Arc::clone(&manners),
                    http: http.clone(),
                };
                let stop = self.doors.subscribe();
                match kind {
                    DoorKind::Https => {
                        tokio::spawn(https::serve(listener, door, stop));
                    }
                    DoorKind::Mqtts => {
                        let (door, elsewhere) = (Arc::new(door), tokio::runtime::Handle::current());
                        let entrance = Box::new(Entrance { door, elsewhere, stop });
                        let shard = turn % u16::try_from(self.hub.mailboxes.len()).unwrap_or(u16::MAX).max(1);
                        usher.send(shard, Mail::Listen(listener.into_std()?, entrance));
                    }
                }
            }
        }
        Ok(bound)
    }

    /// Joins the broker with the registry whose custom authorizers admit clients; without it no door asks them. Must be called on
    /// a tokio runtime, on which they are asked. The second call changes nothing.
    pub fn authenticate_with(&self, registry: Registry) {
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => {
                if self.hub.authenticator.set(Authenticator { registry, runtime }).is_err() {
                    tracing::warn!("the broker was joined with custom authorizers twice");
                }
            }
            Err(error) => tracing::error!(%error, "custom authorizers are not asked"),
        }
    }

    /// Closes the doors, says goodbye to every client (MQTT-080) and stops the threads. Sessions stay in the database.
    pub async fn shutdown(&self) {
        self.doors.send_replace(true);
        self.close_all(false).await;
        // What the clients are told goes out at the end of the shards' turns.
        tokio::time::sleep(Duration::from_millis(50)).await;
        let _ = self.hub.store.flush().await;
        self.stop.send_replace(true);
        let threads = std::mem::take(&mut *self.threads.lock());
        for thread in threads {
            // A shard that panicked is gone already.
            let _ = tokio::task::spawn_blocking(move || thread.join()).await;
        }
    }

    async fn close_all(&self, forget: bool) {
        for done in self.send_close_all(forget) {
            let _ = done.await;
        }
    }

    fn send_close_all(&self, forget: bool) -> Vec<oneshot::Receiver<()>> {
        self.hub
            .mailboxes
            .iter()
            .map(|mailbox| {
                let (done, receiver) = oneshot::channel();
                mailbox.push(Mail::CloseAll { forget, done });
                receiver
            })
            .collect()
    }

    fn load_retained(&self) -> Result<(), StoreError> {
        self.hub.store.rows(RETAINED, |row| {
            let text = row.document.as_text().unwrap_or_default();
            match read_message_row(&row.scope, text) {
                Some(publication) => {
                    let retained = Retained { stored_at: publication.at, message: publication.message };
                    self.hub.spaces.of(&row.scope).retained.load(retained);
                }
                None => tracing::warn!(topic = %row.key, "a damaged retained message was skipped"),
            }
        })
    }
}

impl Bus for Broker {
    fn publish(&self, publication: Publication) {
        let Err(publication) = Inbox::offer(&self.hub, publication) else { return };
        // One thread's messages stay in order: they all go to the same shard.
        let shard = thread_number() % self.hub.mailboxes.len().max(1);
        if let Some(mailbox) = self.hub.mailboxes.get(shard) {
            mailbox.push(Mail::Publish(publication));
        }
    }

    fn send_to(&self, client: &str, publication: Publication) -> bool {
        let name = SessionName { scope: publication.scope.clone(), client: ClientId::from(client) };
        let Some(place) = self.hub.connected.get(&name).map(|place| *place) else { return false };
        let Some(mailbox) = self.hub.mailboxes.get(usize::from(place.shard)) else { return false };
        mailbox.push(Mail::Ask(Box::new(move |shard| {
            shard.send_directly(place.session, publication);
        })));
        true
    }

    fn leave(&self, place: u64, errand: Box<dyn Errand>) -> bool {
        self.mailbox(place).is_some_and(|mailbox| mailbox.push_quietly(Mail::Errand(errand)))
    }

    fn ring(&self, place: u64) {
        if let Some(mailbox) = self.mailbox(place) {
            mailbox.ring();
        }
    }

    fn is_at(&self, place: u64) -> bool {
        Inbox::is_of(&self.hub, self.shard_of(place))
    }
}

impl ConnectionControl for Broker {
    fn certificate_left_active(&self, scope: &Scope, certificate: &str) {
        for mailbox in &self.hub.mailboxes {
            let (scope, certificate) = (scope.clone(), CertificateId::from(certificate));
            mailbox.push(Mail::CertificateGone { scope, certificate });
        }
    }

    fn reset(&self) {
        self.hub.faults.replace(FaultPlan::default());
        self.forget_everything();
        let mut batch = thingstead_store::Batch::new();
        for table in [SESSIONS, QUEUE, RETAINED, CLIENTS] {
            batch.clear(table);
        }
        // The writer logs a failure; what is in memory is forgotten all the same.
        drop(self.hub.store.commit(batch));
    }
}

impl Broker {
    /// The shard that errands of a place are left for.
    fn mailbox(&self, place: u64) -> Option<&Mailbox> {
        self.hub.mailboxes.get(self.shard_of(place))
    }

    fn shard_of(&self, place: u64) -> usize {
        let shards = self.hub.mailboxes.len().max(1) as u64;
        usize::try_from(place % shards).unwrap_or(0)
    }

    fn forget_everything(&self) {
        let receivers = self.send_close_all(true);
        for receiver in receivers {
            wait_for(receiver);
        }
        self.hub.connected.clear();
        self.hub.spaces.clear();
    }
}

impl Reload for Broker {
    fn reload(&self) -> Result<(), String> {
        self.forget_everything();
        self.load_retained().map_err(|error| error.to_string())?;
        let mut receivers = Vec::new();
        for mailbox in &self.hub.mailboxes {
            let (done, receiver) = oneshot::channel();
            mailbox.push(Mail::Ask(Box::new(move |shard| {
                shard.load_sessions();
                let _ = done.send(());
            })));
            receivers.push(receiver);
        }
        for receiver in receivers {
            wait_for(receiver);
        }
        Ok(())
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.doors.send_replace(true);
        self.stop.send_replace(true);
    }
}

/// Waits on a thread that is not a shard's; on a runtime's worker, which must not block, it spins politely.
fn wait_for(mut receiver: oneshot::Receiver<()>) {
    // A shard answers within a turn; ten seconds mean that it is gone.
    for _ in 0..10_000 {
        match receiver.try_recv() {
            Ok(()) | Err(oneshot::error::TryRecvError::Closed) => return,
            Err(oneshot::error::TryRecvError::Empty) => std::thread::sleep(Duration::from_millis(1)),
        }
    }
    tracing::error!("a shard does not answer");
}

fn thread_number() -> usize {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static NUMBER: usize = NEXT.fetch_add(1, Ordering::Relaxed);
    }
    NUMBER.with(|number| *number)
}
