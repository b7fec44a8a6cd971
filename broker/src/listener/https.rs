//! The TLS door that stands for AWS's ports 443 and 8443: by ALPN it is MQTT, else HTTP, and `/mqtt` becomes a WebSocket
//! (MQTT-002 to MQTT-005, AUTH-003 to AUTH-008).

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::ConnectInfo;
use axum::{Extension, Router};
use bytes::Bytes;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use thingstead_core::PeerIdentity;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tower::ServiceExt;

use super::{Usher, accept, tls, websocket};
use crate::identity::Identity;
use crate::shard::mail::Peer;
use crate::tls::handshake::Secured;
use crate::tls::stream::TlsStream;

/// MQTT with a client certificate.
pub(crate) const ALPN_MQTT_CERTIFICATE: &[u8] = b"x-amzn-mqtt-ca";
/// MQTT with a custom authorizer.
pub(crate) const ALPN_MQTT: &[u8] = b"mqtt";
/// HTTP with a client certificate.
pub(crate) const ALPN_HTTP_CERTIFICATE: &[u8] = b"x-amzn-http-ca";
/// HTTP.
pub(crate) const ALPN_HTTP: &[u8] = b"http/1.1";

/// Serves the shared port. `http` gets every request that is not a WebSocket for MQTT, with the [`PeerIdentity`] and
/// `ConnectInfo<SocketAddr>` among its extensions.
pub(crate) async fn serve(
    listener: TcpListener,
    usher: Arc<Usher>,
    config: Arc<rustls::ServerConfig>,
    http: Router,
    stop: watch::Receiver<bool>,
) {
    let router = websocket::router(Arc::clone(&usher)).fallback_service(http);
    accept(listener, stop.clone(), |tcp, address, local| {
        let (usher, config, router, stop) =
            (Arc::clone(&usher), Arc::clone(&config), router.clone(), stop.clone());
        tokio::spawn(async move {
            let Some(secured) = tls::secure(&usher.hub, tcp, address, config).await else { return };
            let identity = tls::identify(&usher.hub, &secured, address);
            if identity.is_none() && secured.tls.peer_certificate().is_some() {
                return;
            }
            welcome(&usher, secured, identity, Ends { address, local }, router, stop).await;
        });
    })
    .await;
}

/// The two ends of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ends {
    pub(crate) address: SocketAddr,
    pub(crate) local: SocketAddr,
}

async fn welcome(
    usher: &Usher,
    secured: Secured,
    identity: Option<Identity>,
    ends: Ends,
    router: Router,
    stop: watch::Receiver<bool>,
) {
    let Ends { address, local } = ends;
    match (secured.tls.protocol(), identity) {
        (Some(ALPN_MQTT_CERTIFICATE), Some(identity)) => {
            let server_name = secured.server_name.clone();
            tls::show_in(
                usher,
                secured,
                Peer { identity, address, local, open: false, secure: true, server_name },
            );
        }
        (Some(ALPN_MQTT_CERTIFICATE | ALPN_HTTP_CERTIFICATE), None) => {
            tls::record_nobody(
                &usher.hub,
                address,
                "the client showed no certificate where the protocol needs one",
            );
        }
        (Some(ALPN_MQTT), _) => {
            tls::record_nobody(&usher.hub, address, "MQTT with a custom authorizer is not served");
        }
        (protocol, identity) => {
            let alpn = protocol.map(|protocol| String::from_utf8_lossy(protocol).into_owned().into());
            let peer = PeerIdentity {
                certificate: identity.as_ref().and_then(|identity| identity.principal.certificate().cloned()),
                scope: identity.map(|identity| identity.scope),
                certificate_der: secured.tls.peer_certificate().map(|der| Bytes::copy_from_slice(der)),
                server_name: secured.server_name.clone(),
                alpn,
                remote: address,
            };
            let router =
                router.layer(Extension(peer)).layer(Extension(ConnectInfo(address))).layer(Extension(ends));
            serve_http(TlsStream::from(secured), router, stop).await;
        }
    }
}

async fn serve_http(stream: TlsStream, router: Router, mut stop: watch::Receiver<bool>) {
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
