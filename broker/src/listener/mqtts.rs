//! The door for MQTT over TLS. Its handshakes are shaken by the shards themselves: a connection that crossed from one thread to
//! another on its way in would cost a wake-up, and two registrations of its socket, more than it has to.

use std::cell::RefCell;
use std::io;
use std::net::{self, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::watch;

use super::https::{self, Door};
use super::{accept, tls};
use crate::identity::Identity;
use crate::shard::Shard;
use crate::shard::link::Link;
use crate::shard::mail::{Mail, Peer};
use crate::shard::thread::drive;
use crate::shard::turnstile::Turnstile;
use crate::tls::handshake::Secured;

/// A listener's surroundings.
#[derive(Clone)]
pub(crate) struct Entrance {
    pub(crate) door: Arc<Door>,
    /// Where whatever turns out not to be plain MQTT is served.
    pub(crate) elsewhere: Handle,
    pub(crate) stop: watch::Receiver<bool>,
}

/// A connection that has not shaken hands.
pub(crate) struct Knock {
    pub(crate) tcp: net::TcpStream,
    pub(crate) address: SocketAddr,
    pub(crate) local: SocketAddr,
    pub(crate) entrance: Entrance,
}

/// The shard that welcomes.
#[derive(Clone)]
pub(crate) struct Host {
    pub(crate) shard: Rc<RefCell<Shard>>,
    pub(crate) turnstile: Rc<Turnstile>,
}

impl Host {
    /// Accepts connections and hands them to all shards in turn.
    pub(crate) async fn listen(self, listener: net::TcpListener, entrance: Entrance) {
        let listener = match TcpListener::from_std(listener) {
            Ok(listener) => listener,
            Err(error) => return tracing::error!(%error, "a listener was lost on its way to its shard"),
        };
        let own = self.shard.borrow().id;
        accept(listener, entrance.stop.clone(), |tcp, address, local| {
            let usher = &entrance.door.usher;
            let next = usher.next();
            let entrance = entrance.clone();
            if next == own {
                tokio::task::spawn_local(self.clone().greet(tcp, address, local, entrance));
                return;
            }
            match tcp.into_std() {
                Ok(tcp) => usher.send(next, Mail::Knocked(Box::new(Knock { tcp, address, local, entrance }))),
                Err(error) => lost(&error),
            }
        })
        .await;
    }

    /// Welcomes a connection that another shard has accepted.
    pub(crate) fn answer(&self, Knock { tcp, address, local, entrance }: Knock) {
        match TcpStream::from_std(tcp) {
            Ok(tcp) => {
                tokio::task::spawn_local(self.clone().greet(tcp, address, local, entrance));
            }
            Err(error) => lost(&error),
        }
    }

    async fn greet(self, tcp: TcpStream, address: SocketAddr, local: SocketAddr, entrance: Entrance) {
        let Entrance { door, elsewhere, stop } = entrance;
        let hub = &door.usher.hub;
        let turnstile = Some(&*self.turnstile);
        let Some(secured) = tls::secure(hub, tcp, address, &door.manners, turnstile).await else { return };
        let identity = tls::identify(hub, &secured, address);
        match identity {
            None if secured.tls.peer_certificate().is_some() => {}
            Some(identity) if https::is_plain_mqtt(&door, &secured) => {
                self.take_in(secured, identity, address, local);
            }
            identity => {
                let Ok(moving) = secured.into_moving().inspect_err(lost) else { return };
                elsewhere.spawn(async move {
                    let Ok(secured) = moving.settle().inspect_err(lost) else { return };
                    https::welcome(&door, secured, identity, (address, local), stop).await;
                });
            }
        }
    }

    fn take_in(&self, secured: Secured, identity: Identity, address: SocketAddr, local: SocketAddr) {
        let Secured { tcp, tls, plain, outgoing, server_name, .. } = secured;
        let peer = Peer { identity, address, local, open: false, secure: true, server_name, custom: None };
        let key = {
            let mut shard = self.shard.borrow_mut();
            shard.step();
            shard.take_in_link(Link::secured(tcp, tls, outgoing), plain, peer)
        };
        drive(&self.shard, key);
    }
}

fn lost(error: &io::Error) {
    tracing::debug!(%error, "a connection was lost on its way to its shard");
}
