//! The API port: HTTP and, on the same port, TLS; told apart by the first byte.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Extension;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use thingstead_core::PeerIdentity;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

/// How long a client may take for its TLS handshake or for the headers of a request.
const PATIENCE: Duration = Duration::from_secs(30);
/// The first byte of a TLS handshake record; no HTTP method begins with it.
const TLS_HANDSHAKE: u8 = 0x16;

/// Binds every address.
///
/// # Errors
/// The first address that cannot be bound, with the system's words.
pub(super) async fn bind(addresses: &[SocketAddr]) -> Result<Vec<TcpListener>, (SocketAddr, io::Error)> {
    let mut listeners = Vec::with_capacity(addresses.len());
    for address in addresses {
        listeners.push(TcpListener::bind(address).await.map_err(|error| (*address, error))?);
    }
    Ok(listeners)
}

/// Serves `router` until `stop` turns true; open requests are cut with the runtime.
pub(super) async fn serve(
    listener: TcpListener,
    router: Router,
    tls: Arc<ServerConfig>,
    mut stop: watch::Receiver<bool>,
) {
    let acceptor = TlsAcceptor::from(tls);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stop| *stop) => return,
        };
        match accepted {
            Ok((stream, peer)) => {
                let router = router.clone().layer(Extension(identity(peer)));
                tokio::spawn(converse(stream, router, acceptor.clone()));
            }
            // Out of file descriptors and the like: a pause lets others finish.
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection on the API port");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

async fn converse(stream: TcpStream, router: Router, acceptor: TlsAcceptor) {
    let _ = stream.set_nodelay(true);
    let mut first = [0u8; 1];
    let Ok(Ok(1..)) = tokio::time::timeout(PATIENCE, stream.peek(&mut first)).await else { return };
    if first == [TLS_HANDSHAKE] {
        match tokio::time::timeout(PATIENCE, acceptor.accept(stream)).await {
            Ok(Ok(stream)) => speak(TokioIo::new(stream), router).await,
            Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake on the API port failed"),
            Err(_) => tracing::debug!("a TLS handshake on the API port took too long"),
        }
    } else {
        speak(TokioIo::new(stream), router).await;
    }
}

async fn speak<S>(stream: TokioIo<S>, router: Router)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(PATIENCE);
    let service = TowerToHyperService::new(router);
    if let Err(error) = builder.serve_connection_with_upgrades(stream, service).await {
        tracing::debug!(error, "a conversation on the API port ended early");
    }
}

/// What is known of a caller here: its address.
fn identity(remote: SocketAddr) -> PeerIdentity {
    PeerIdentity {
        certificate: None,
        scope: None,
        certificate_der: None,
        server_name: None,
        alpn: None,
        remote,
    }
}
