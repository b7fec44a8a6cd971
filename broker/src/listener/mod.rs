//! Doors: accepting connections and finding out who is there.

pub(crate) mod custom;
pub(crate) mod https;
pub(crate) mod mqtts;
pub(crate) mod tcp;
pub(crate) mod tls;
pub(crate) mod websocket;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::hub::Hub;
use crate::shard::mail::{Arrival, Mail};

/// Hands connections to shards, one after the other.
pub(crate) struct Usher {
    pub(crate) hub: Arc<Hub>,
    next: AtomicUsize,
}

impl Usher {
    /// For a hub.
    pub(crate) fn new(hub: Arc<Hub>) -> Self {
        Self { hub, next: AtomicUsize::new(0) }
    }

    /// The shard whose turn it is.
    pub(crate) fn next(&self) -> u16 {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        u16::try_from(turn % self.hub.mailboxes.len().max(1)).unwrap_or(0)
    }

    /// Leaves a letter for a shard.
    pub(crate) fn send(&self, shard: u16, mail: Mail) {
        if let Some(mailbox) = self.hub.mailboxes.get(usize::from(shard)) {
            mailbox.push(mail);
        }
    }

    /// Hands a connection to the next shard.
    pub(crate) fn show_in(&self, arrival: Arrival) {
        self.send(self.next(), Mail::Arrived(Box::new(arrival)));
    }
}

/// A listener, or the reason there is none.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address} for {purpose}: {reason}")]
pub struct BindError {
    /// As configured.
    pub address: SocketAddr,
    /// What for.
    pub purpose: &'static str,
    /// The operating system's words.
    pub reason: io::Error,
}

/// Binds an address.
pub(crate) async fn bind(address: SocketAddr, purpose: &'static str) -> Result<TcpListener, BindError> {
    TcpListener::bind(address).await.map_err(|reason| BindError { address, purpose, reason })
}

/// Accepts until the broker stops; `welcome` is called with each connection.
pub(crate) async fn accept(
    listener: TcpListener,
    mut stop: watch::Receiver<bool>,
    welcome: impl Fn(TcpStream, SocketAddr, SocketAddr),
) {
    // Where it listens on one address only, nobody needs to ask each connection.
    let fixed = listener.local_addr().ok().filter(|local| !local.ip().is_unspecified());
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stop| *stop) => return,
        };
        match accepted {
            Ok((tcp, address)) => {
                // Latency counts for more than full segments; a socket that refuses works all the same.
                let _ = tcp.set_nodelay(true);
                let local = fixed.or_else(|| tcp.local_addr().ok()).unwrap_or(address);
                welcome(tcp, address, local);
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                // Out of descriptors: give the others time to close theirs.
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        }
    }
}
