//! Floor 3: listeners, TLS, connections, sessions, router, retained messages, queues, presence.
//!
//! [`Broker`] is the handle: the [`Bus`](thingstead_core::wiring::Bus) on which services and rules publish, the
//! [`ConnectionControl`](thingstead_core::wiring::ConnectionControl) of the registry, and the source of the connection APIs.
//!
//! ```text
//! listener -> tls -> shard -> connection -> router -> session -> shard -> link
//! ```
//!
//! Connections, router and sessions are one state machine over `&mut Shard`, told in several files, so they know each other. What
//! they only talk about stands below them and knows none of them: `ending`, `direct`, `rows`, `slots`, `bounds`, `throttle`,
//! `settings`, `reserved`, `endpoint`.

mod access;
mod bounds;
mod broker;
mod connection;
mod connections;
mod direct;
mod ending;
mod endpoint;
mod faults;
mod hub;
mod identity;
mod listener;
mod logs;
mod presence;
mod refusal;
mod remembered;
mod reserved;
mod retained;
mod router;
mod rows;
mod session;
mod settings;
mod shard;
mod slots;
mod throttle;
mod tls;

pub use access::{Access, AccessControl, Action, Asking, Everything, Policies};
pub use broker::{Broker, Deps, StartError};
pub use connections::{ConnectionInfo, SocketInfo, SubscriptionInfo};
pub use direct::{DirectError, DirectMessage};
pub use ending::Reason as DisconnectReason;
pub use identity::{ClientCertificates, Identity, Standing};
pub use listener::BindError;
pub use logs::log_entry;
pub use remembered::Departed;
pub use retained::Retained;
#[doc(hidden)]
pub use router::index::SubscriptionIndex;
pub use settings::{
    Bound, Counts, Doors, Overlapping, Qos2, Settings, Sni, SubscribeDenied, WebSocketAuthentication,
    WebSocketKey,
};
pub use throttle::Rates;
#[doc(hidden)]
pub use tls::handshake::read_hello;
pub use tls::{ServerCertificate, TlsError};

/// The tables that the broker keeps; the store must be opened with them.
pub const TABLES: &[thingstead_store::Table] = &[rows::SESSIONS, rows::QUEUE, rows::RETAINED, rows::CLIENTS];
