//! What every TLS door does: handshakes, and notes about those that are not let in.

use std::net::SocketAddr;

use rustls::{CertificateError, Error, OtherError};
use thingstead_core::journal::{Event, Kind};
use tokio::net::TcpStream;

use super::Usher;
use crate::hub::Hub;
use crate::identity::{Identity, Refusal};
use crate::shard::link::PortableLink;
use crate::shard::mail::{Arrival, Peer};
use crate::shard::turnstile::Turnstile;
use crate::tls::handshake::{Failed, HandshakeError, Secured, shake};
use crate::tls::manners::Manners;

/// Shakes hands in the time there is, step by step where others wait, too; who is refused leaves a journal event (AUTH-032).
pub(crate) async fn secure(
    hub: &Hub,
    tcp: TcpStream,
    address: SocketAddr,
    manners: &Manners,
    turnstile: Option<&Turnstile>,
) -> Option<Secured> {
    match tokio::time::timeout(hub.settings.connect_timeout, shake(tcp, manners, turnstile)).await {
        Ok(Ok(secured)) => Some(secured),
        Ok(Err(Failed { error, server_name })) => {
            let name = server_name.as_deref();
            match error {
                HandshakeError::Refused(refusal) => record_refusal(hub, address, name, &refusal),
                HandshakeError::Tls(error) => record_failure(hub, address, name, &error),
                HandshakeError::Io(error) => tracing::debug!(%address, %error, "no handshake"),
            }
            None
        }
        Err(_) => {
            tracing::debug!(%address, "the TLS handshake took too long");
            None
        }
    }
}

/// Looks the certificate up again: it may have left ACTIVE since the verifier saw it, and a resumed session never shows it to the
/// verifier.
pub(crate) fn identify(hub: &Hub, secured: &Secured, address: SocketAddr) -> Option<Identity> {
    let leaf = secured.tls.peer_certificate()?;
    match hub.gate.admit(leaf, &secured.endpoint) {
        Ok(identity) => Some(identity),
        Err(refusal) => {
            record_refusal(hub, address, secured.server_name.as_deref(), &refusal);
            None
        }
    }
}

/// Hands a secured connection to a shard.
pub(crate) fn show_in(usher: &Usher, secured: Secured, peer: Peer) {
    let Secured { tcp, tls, plain, outgoing, .. } = secured;
    match tcp.into_std() {
        Ok(tcp) => {
            let link = PortableLink::Tcp { tcp, tls: Some(tls), backlog: outgoing };
            usher.show_in(Arrival { link, plain, peer });
        }
        Err(error) => tracing::debug!(%error, "a connection was lost on its way to its shard"),
    }
}

fn record_failure(hub: &Hub, address: SocketAddr, name: Option<&str>, error: &Error) {
    if let Error::InvalidCertificate(CertificateError::Other(OtherError(cause))) = error
        && let Some(refusal) = cause.downcast_ref::<Refusal>()
    {
        return record_refusal(hub, address, name, refusal);
    }
    record_nobody(hub, address, name, &format!("the TLS handshake failed: {error}"));
}

/// Notes that somebody unknown was not let in.
pub(crate) fn record_nobody(hub: &Hub, address: SocketAddr, name: Option<&str>, why: &str) {
    let fix = "connect with TLS 1.2 or 1.3, trust the server's root, and show a registered certificate";
    record_denial(hub, address, name, ("NOT_AUTHENTICATED", why, fix));
}

/// The same with a reason and a fix.
pub(crate) fn record_denial(
    hub: &Hub,
    address: SocketAddr,
    name: Option<&str>,
    (reason, why, fix): (&str, &str, &str),
) {
    let event = Event::new(&hub.settings.anonymous_scope, hub.clock.now(), Kind::AuthenticationRefused)
        .why(why.to_owned())
        .source(Some(address))
        .with("reason", reason)
        .with("fix", fix);
    hub.journal.record(with_name(event, name));
}

/// Notes that a certificate or a host name was not let in.
pub(crate) fn record_refusal(hub: &Hub, address: SocketAddr, name: Option<&str>, refusal: &Refusal) {
    let scope = refusal.scope().unwrap_or(&hub.settings.anonymous_scope);
    let event = Event::new(scope, hub.clock.now(), Kind::AuthenticationRefused)
        .why(refusal.to_string())
        .source(Some(address))
        .with("reason", refusal.log_reason())
        .with("fix", refusal.fix());
    hub.journal.record(with_name(
        match refusal.certificate() {
            Some(id) => event.principal(id.shared()).with("authentication_type", "X509"),
            None => event,
        },
        name,
    ));
}

fn with_name(event: Event, name: Option<&str>) -> Event {
    match name {
        Some(name) => event.with("server_name", name),
        None => event,
    }
}
