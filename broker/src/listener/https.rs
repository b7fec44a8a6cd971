//! The TLS doors: the one for MQTT, and the one that stands for AWS's ports 443 and 8443. What a connection must be follows from its
//! domain configuration, else from port and ALPN; HTTP requests for `/mqtt` become WebSockets (MQTT-001 to MQTT-005, MQTT-008, AUTH-001
//! to AUTH-008, AUTH-010).

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::ConnectInfo;
use axum::{Extension, Router};
use bytes::Bytes;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use thingstead_core::PeerIdentity;
use thingstead_registry::{ApplicationProtocol, AuthenticationType};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tower::ServiceExt;

use super::{Usher, accept, custom, tls, websocket};
use crate::connection::custom::Custom;
use crate::identity::{Identity, Refusal};
use crate::shard::mail::Peer;
use crate::tls::handshake::Secured;
use crate::tls::manners::{ALPN_HTTP_CERTIFICATE, ALPN_MQTT, ALPN_MQTT_CERTIFICATE, Manners};
use crate::tls::stream::TlsStream;

/// A listener's surroundings.
pub(crate) struct Door {
    pub(crate) kind: DoorKind,
    pub(crate) usher: Arc<Usher>,
    pub(crate) manners: Arc<Manners>,
    /// Gets every request that is not a WebSocket for MQTT, with the [`PeerIdentity`], [`AuthenticationType`] and
    /// `ConnectInfo<SocketAddr>` among its extensions.
    pub(crate) http: Router,
}

/// What a port is for, where nothing else decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DoorKind {
    /// MQTT with a client certificate (AUTH-002).
    Mqtts,
    /// By ALPN (AUTH-003 to AUTH-008).
    Https,
}

/// How a connection authenticates and what it speaks.
type Terms = (AuthenticationType, ApplicationProtocol);

/// The two ends of a connection, and the terms it came in on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ends {
    pub(crate) address: SocketAddr,
    pub(crate) local: SocketAddr,
    /// `DEFAULT` leaves it to the request.
    pub(crate) authentication: AuthenticationType,
}

/// Serves a TLS port.
pub(crate) async fn serve(listener: TcpListener, door: Door, stop: watch::Receiver<bool>) {
    let door = Arc::new(door);
    accept(listener, stop.clone(), |tcp, address, local| {
        let (door, stop) = (Arc::clone(&door), stop.clone());
        tokio::spawn(async move {
            let hub = &door.usher.hub;
            let Some(secured) = tls::secure(hub, tcp, address, &door.manners, None).await else { return };
            let identity = tls::identify(hub, &secured, address);
            if identity.is_none() && secured.tls.peer_certificate().is_some() {
                return;
            }
            welcome(&door, secured, identity, (address, local), stop).await;
        });
    })
    .await;
}

/// Whether this is what most connections are: MQTT with a certificate, where nobody else is to be asked.
pub(super) fn is_plain_mqtt(door: &Door, secured: &Secured) -> bool {
    let configuration = secured.endpoint.configuration();
    terms(door.kind, secured) == (AuthenticationType::AwsX509, ApplicationProtocol::SecureMqtt)
        && secured.endpoint.serves_data()
        && configuration.is_none_or(|it| it.client_certificate_callback_arn.is_none())
}

/// Lets a connection in on its endpoint's terms.
pub(super) async fn welcome(
    door: &Door,
    secured: Secured,
    identity: Option<Identity>,
    (address, local): (SocketAddr, SocketAddr),
    stop: watch::Receiver<bool>,
) {
    let usher = &door.usher;
    let (how, what) = terms(door.kind, &secured);
    if how.needs_certificate() && identity.is_none() {
        let why = "the client showed no certificate where the endpoint needs one";
        return tls::record_nobody(&usher.hub, address, secured.server_name.as_deref(), why);
    }
    if !custom::certificate_is_welcome(&usher.hub, &secured, identity.as_ref(), address).await {
        return;
    }
    match (what, identity) {
        (ApplicationProtocol::SecureMqtt, _) if !secured.endpoint.serves_data() => {
            let refusal = Refusal::Unusable {
                endpoint: Box::new(secured.endpoint.clone()),
                reason: "its service type is not DATA, so MQTT is not served there".to_owned(),
            };
            tls::record_refusal(&usher.hub, address, secured.server_name.as_deref(), &refusal);
        }
        (ApplicationProtocol::SecureMqtt, Some(identity)) if how == AuthenticationType::AwsX509 => {
            let server_name = secured.server_name.clone();
            tls::show_in(
                usher,
                secured,
                Peer { identity, address, local, open: false, secure: true, server_name, custom: None },
            );
        }
        // MQTT-002, AUTH-004: CONNECT will say who it is.
        (ApplicationProtocol::SecureMqtt, identity) => {
            let server_name = secured.server_name.clone();
            let door = custom::door(&usher.hub, &secured, identity.as_ref(), how);
            let both = identity.filter(|_| door.certificate.is_some());
            let identity = both.unwrap_or_else(|| Identity::unknown(&door.scope));
            let custom = Some(Arc::new(Custom::at_connect(door, None)));
            tls::show_in(
                usher,
                secured,
                Peer { identity, address, local, open: false, secure: true, server_name, custom },
            );
        }
        (what, identity) => {
            let router = router(door, what);
            let ends = Ends { address, local, authentication: how };
            let door = custom::door(&usher.hub, &secured, identity.as_ref(), how);
            serve_http(secured, identity, ends, router.layer(Extension(door)), stop).await;
        }
    }
}

/// The endpoint's terms, else those of port and ALPN.
fn terms(kind: DoorKind, secured: &Secured) -> Terms {
    use {ApplicationProtocol as What, AuthenticationType as How};
    if let Some(fixed) = secured.endpoint.fixed() {
        return fixed;
    }
    match (kind, secured.tls.protocol()) {
        (DoorKind::Mqtts, _) | (_, Some(ALPN_MQTT_CERTIFICATE)) => (How::AwsX509, What::SecureMqtt),
        (DoorKind::Https, Some(ALPN_MQTT)) => (How::CustomAuth, What::SecureMqtt),
        (DoorKind::Https, Some(ALPN_HTTP_CERTIFICATE)) => (How::AwsX509, What::Default),
        (DoorKind::Https, _) => (How::Default, What::Default),
    }
}

/// Who answers requests: where the endpoint speaks one of the two, the other is not there.
fn router(door: &Door, what: ApplicationProtocol) -> Router {
    match what {
        ApplicationProtocol::Https => Router::new().fallback_service(door.http.clone()),
        ApplicationProtocol::MqttWss => {
            websocket::router(Arc::clone(&door.usher)).fallback(websocket::nothing_else)
        }
        _ => websocket::router(Arc::clone(&door.usher)).fallback_service(door.http.clone()),
    }
}

async fn serve_http(
    secured: Secured,
    identity: Option<Identity>,
    ends: Ends,
    router: Router,
    stop: watch::Receiver<bool>,
) {
    let protocol = secured.tls.protocol();
    let peer = PeerIdentity {
        certificate: identity.as_ref().and_then(|identity| identity.principal.certificate().cloned()),
        scope: identity.map(|identity| identity.scope),
        certificate_der: secured.tls.peer_certificate().map(|der| Bytes::copy_from_slice(der)),
        server_name: secured.server_name.clone(),
        alpn: protocol.map(|protocol| String::from_utf8_lossy(protocol).into_owned().into()),
        remote: ends.address,
    };
    let router = router
        .layer(Extension(peer))
        .layer(Extension(ConnectInfo(ends.address)))
        .layer(Extension(ends.authentication))
        .layer(Extension(ends));
    converse(TlsStream::from(secured), router, stop).await;
}

async fn converse(stream: TlsStream, router: Router, mut stop: watch::Receiver<bool>) {
    let service = TowerToHyperService::new(
        router
            .map_request(|request: http::Request<hyper::body::Incoming>| request.map(axum::body::Body::new)),
    );
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(std::time::Duration::from_secs(30))
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    tokio::pin!(connection);
    tokio::select! {
        result = &mut connection => {
            if let Err(error) = result {
                tracing::debug!(%error, "an HTTP connection broke");
            }
        }
        () = stopped(&mut stop) => {
            connection.as_mut().graceful_shutdown();
            // Requests under way get a moment.
            let _ = tokio::time::timeout(std::time::Duration::from_secs(2), connection).await;
        }
    }
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error means that the broker is gone, which is the same.
    let _ = stop.wait_for(|stop| *stop).await;
}
