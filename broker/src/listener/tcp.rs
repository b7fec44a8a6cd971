//! The door without TLS, for protocol test suites: everybody is the anonymous principal.

use std::sync::Arc;

use bytes::BytesMut;
use thingstead_core::Principal;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::{Usher, accept};
use crate::identity::Identity;
use crate::shard::link::PortableLink;
use crate::shard::mail::{Arrival, Peer};

/// Serves MQTT without TLS.
pub(crate) async fn serve(listener: TcpListener, usher: Arc<Usher>, stop: watch::Receiver<bool>) {
    let identity = Identity::new(usher.hub.settings.anonymous_scope.clone(), Principal::Anonymous);
    let open = usher.hub.settings.anonymous_is_open;
    accept(listener, stop, |tcp, address, local| match tcp.into_std() {
        Ok(tcp) => usher.show_in(Arrival {
            link: PortableLink::Tcp { tcp, tls: None, backlog: Vec::new() },
            plain: BytesMut::new(),
            peer: Peer {
                identity: identity.clone(),
                address,
                local,
                open,
                secure: false,
                server_name: None,
                custom: None,
            },
        }),
        Err(error) => tracing::debug!(%error, "a connection was lost on its way to its shard"),
    })
    .await;
}
