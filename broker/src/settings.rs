//! What the broker is told when it starts.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use thingstead_core::sigv4::Secret;
use thingstead_core::{Limits, Scope};

use crate::throttle::Rates;
use crate::tls::ServerCertificate;

/// How the broker behaves. `Settings::default()` is what AWS does by default.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Threads that serve connections; 0 for one per core this process may use.
    pub shards: usize,
    /// Sizes and counts as AWS has them, or lifted (MQTT-249).
    pub limits: Limits,
    /// How much of a kind an account may have under `limits = aws`.
    pub counts: Counts,
    /// Whether rates per second are limited.
    pub throttles: bool,
    /// To how much.
    pub rates: Rates,
    /// Whose topics clients of the plain listener see.
    pub anonymous_scope: Scope,
    /// Whether clients of the plain listener may do everything; else they are judged as the anonymous principal.
    pub anonymous_is_open: bool,
    /// The server's certificates; the first that a client can check is shown to it.
    pub certificates: Vec<ServerCertificate>,
    /// How long a persistent session lives after its client left, and the most a v5 client may ask for (MQTT-159, MQTT-160).
    pub session_expiry: Duration,
    /// What happens to a v3 client whose subscription is denied (MQTT-115, POLICY-442).
    pub subscribe_denied: SubscribeDenied,
    /// What happens to a v3 client that publishes with QoS 2 (MQTT-085).
    pub v3_qos2: Qos2,
    /// One copy per message for a client with overlapping filters, or one per filter (MQTT-124).
    pub overlapping: Overlapping,
    /// Whether MQTT over WebSocket needs a SigV4 signature.
    pub websocket: WebSocketAuthentication,
    /// Who must send a host name in the TLS handshake (MQTT-030).
    pub sni: Sni,
    /// Whether lifecycle events carry `versionNumber` (MQTT-211).
    pub version_numbers: bool,
    /// Whether lifecycle events come late and twice, as AWS warns they may (MQTT-210).
    pub disordered_events: bool,
    /// How long a client may take for its TLS handshake and its CONNECT.
    pub connect_timeout: Duration,
    /// How long a client may leave what it is sent unread before it is cut.
    pub write_timeout: Duration,
    /// At most this many bytes wait for a slow reader; beyond, QoS 0 messages to it are dropped.
    pub output_limit: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            shards: 0,
            limits: Limits::Aws,
            counts: Counts::default(),
            throttles: false,
            rates: Rates::default(),
            anonymous_scope: Scope::new("000000000000", "us-east-1"),
            anonymous_is_open: true,
            certificates: Vec::new(),
            session_expiry: Duration::from_secs(3600),
            subscribe_denied: SubscribeDenied::Reject,
            v3_qos2: Qos2::Disconnect,
            overlapping: Overlapping::OneCopy,
            websocket: WebSocketAuthentication::AnyCredentials,
            sni: Sni::default(),
            version_numbers: true,
            disordered_events: false,
            connect_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(60),
            output_limit: 4 * 1024 * 1024,
        }
    }
}

/// How much of a kind an account may have. `Counts::default()` is AWS's in large Regions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Clients that are connected at the same time (Q04).
    pub connections: usize,
    /// Subscriptions of connected clients and of sessions whose clients are away (Q23).
    pub subscriptions: usize,
    /// Retained messages (Q25).
    pub retained: usize,
}

impl Default for Counts {
    fn default() -> Self {
        Self { connections: 500_000, subscriptions: 500_000, retained: 500_000 }
    }
}

/// A v3 client may not subscribe to a filter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SubscribeDenied {
    /// SUBACK `0x80` for that filter.
    #[default]
    Reject,
    /// The connection is closed with `AUTH_ERROR`.
    Disconnect,
}

/// A v3 client publishes with QoS 2.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Qos2 {
    /// The connection is closed with `CLIENT_ERROR`.
    #[default]
    Disconnect,
    /// The packet is ignored.
    Ignore,
}

/// Several filters of one client match a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overlapping {
    /// One copy with the highest granted quality of service.
    #[default]
    OneCopy,
    /// One copy per filter.
    OnePerFilter,
}

/// Who must send a host name (SNI) in the TLS handshake (MQTT-030, AUTH-013 to AUTH-015).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sni {
    /// Nobody. A certificate of several accounts is the first's where it is active.
    Optional,
    /// Whose account or endpoint depends on it: certificates that were registered without a CA, those of several accounts,
    /// just-in-time registration, custom domains.
    #[default]
    Aws,
    /// Everybody, and the name must be one of this server's.
    Required,
}

/// Who may open a WebSocket without a client certificate.
#[derive(Clone, Debug, Default)]
pub enum WebSocketAuthentication {
    /// Whoever is signed, checked or not; who is not signed is nobody and is refused (AUTH-005).
    #[default]
    AnyCredentials,
    /// Whoever is signed with one of these keys, by access key id (MQTT-012 to MQTT-014).
    Keys(HashMap<String, WebSocketKey>),
}

/// An access key.
#[derive(Clone, Debug)]
pub struct WebSocketKey {
    /// The secret access key.
    pub secret: Secret,
    /// The account it belongs to; `None` for the default account, or the one the key id names.
    pub account: Option<String>,
}

/// Which addresses to listen on; port 0 picks a free port.
#[derive(Clone, Debug, Default)]
pub struct Doors {
    /// MQTT over mutual TLS (row P1).
    pub mqtts: Vec<SocketAddr>,
    /// The TLS port that tells MQTT, WebSocket and HTTPS apart (rows P2 to P9).
    pub https: Vec<SocketAddr>,
    /// MQTT without TLS, for protocol test suites: everybody is the anonymous principal.
    pub mqtt: Vec<SocketAddr>,
}

/// The addresses that were bound, in the order they were asked for.
#[derive(Clone, Debug, Default)]
pub struct Bound {
    /// MQTT over mutual TLS.
    pub mqtts: Vec<SocketAddr>,
    /// The shared TLS port.
    pub https: Vec<SocketAddr>,
    /// Plain MQTT.
    pub mqtt: Vec<SocketAddr>,
}
