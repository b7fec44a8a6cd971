//! The door for MQTT over mutual TLS, and what every TLS door does with a certificate that is not let in.

use std::net::SocketAddr;
use std::sync::Arc;

use rustls::{CertificateError, Error, OtherError};
use thingstead_core::journal::{Event, Kind};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::{Usher, accept};
use crate::hub::Hub;
use crate::identity::{Identity, Refusal};
use crate::shard::link::PortableLink;
use crate::shard::mail::{Arrival, Peer};
use crate::tls::handshake::{HandshakeError, Secured, shake};

/// Serves MQTT over TLS with client certificates (MQTT-001, MQTT-032).
pub(crate) async fn serve(
    listener: TcpListener,
    usher: Arc<Usher>,
    config: Arc<rustls::ServerConfig>,
    stop: watch::Receiver<bool>,
) {
    accept(listener, stop, |tcp, address, local| {
        let (usher, config) = (Arc::clone(&usher), Arc::clone(&config));
        tokio::spawn(async move {
            let Some(secured) = secure(&usher.hub, tcp, address, config).await else { return };
            let Some(identity) = identify(&usher.hub, &secured, address) else { return };
            let server_name = secured.server_name.clone();
            show_in(
                &usher,
                secured,
                Peer { identity, address, local, open: false, secure: true, server_name },
            );
        });
    })
    .await;
}

/// Shakes hands in the time there is; a refused certificate leaves its journal event (AUTH-032).
pub(crate) async fn secure(
    hub: &Hub,
    tcp: TcpStream,
    address: SocketAddr,
    config: Arc<rustls::ServerConfig>,
) -> Option<Secured> {
    match tokio::time::timeout(hub.settings.connect_timeout, shake(tcp, config)).await {
        Ok(Ok(secured)) => Some(secured),
        Ok(Err(HandshakeError::Tls(error))) => {
            record_failure(hub, address, &error);
            None
        }
        Ok(Err(error @ HandshakeError::Io(_))) => {
            tracing::debug!(%address, %error, "no handshake");
            None
        }
        Err(_) => {
            tracing::debug!(%address, "the TLS handshake took too long");
            None
        }
    }
}

/// Looks the certificate up again: it may have left ACTIVE since the verifier saw it, and a resumed session would never have
/// shown it to the verifier.
pub(crate) fn identify(hub: &Hub, secured: &Secured, address: SocketAddr) -> Option<Identity> {
    let leaf = secured.tls.peer_certificate()?;
    match hub.gate.admit(leaf) {
        Ok(identity) => Some(identity),
        Err(refusal) => {
            hub.journal.record(refused(hub, address, &refusal));
            None
        }
    }
}

/// Hands a secured connection to a shard.
pub(crate) fn show_in(usher: &Usher, secured: Secured, peer: Peer) {
    let Secured { tcp, tls, plain, .. } = secured;
    match tcp.into_std() {
        Ok(tcp) => {
            let link = PortableLink::Tcp { tcp, tls: Some(tls) };
            usher.show_in(Arrival { link, plain, peer });
        }
        Err(error) => tracing::debug!(%error, "a connection was lost on its way to its shard"),
    }
}

fn record_failure(hub: &Hub, address: SocketAddr, error: &Error) {
    if let Error::InvalidCertificate(CertificateError::Other(OtherError(cause))) = error
        && let Some(refusal) = cause.downcast_ref::<Refusal>()
    {
        return hub.journal.record(refused(hub, address, refusal));
    }
    record_nobody(hub, address, &format!("the TLS handshake failed: {error}"));
}

/// Notes that somebody unknown was not let in.
pub(crate) fn record_nobody(hub: &Hub, address: SocketAddr, why: &str) {
    let event = Event::new(&hub.settings.anonymous_scope, hub.clock.now(), Kind::AuthenticationRefused)
        .why(why.to_owned())
        .source(Some(address))
        .with("reason", "NOT_AUTHENTICATED")
        .with(
            "fix",
            "connect with TLS 1.2 or 1.3, trust the server's root, and show a registered certificate",
        );
    hub.journal.record(event);
}

fn refused(hub: &Hub, address: SocketAddr, refusal: &Refusal) -> Event {
    let scope = refusal.scope().unwrap_or(&hub.settings.anonymous_scope);
    let event = Event::new(scope, hub.clock.now(), Kind::AuthenticationRefused)
        .why(refusal.to_string())
        .source(Some(address))
        .with("reason", refusal.log_reason())
        .with("fix", refusal.fix());
    match refusal.certificate() {
        Some(id) => event.principal(id.shared()),
        None => event,
    }
}
