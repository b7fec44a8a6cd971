//! The TLS handshake, from the first byte to the first plaintext.

use std::io;
use std::sync::Arc;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::manners::Manners;
use super::records::{Opened, Tls};
use crate::identity::{Endpoint, Refusal};
use crate::shard::turnstile::Turnstile;

/// A finished handshake.
pub(crate) struct Secured {
    /// The socket.
    pub(crate) tcp: TcpStream,
    /// Its record layer.
    pub(crate) tls: Box<Tls>,
    /// Plaintext that came along with the end of the handshake.
    pub(crate) plain: BytesMut,
    /// What TLS has to say after it, sealed and not yet sent: the ticket of a session with TLS 1.3, for which nobody waits.
    pub(crate) outgoing: Vec<u8>,
    /// The host name the client asked for.
    pub(crate) server_name: Option<Arc<str>>,
    /// The endpoint of that name.
    pub(crate) endpoint: Endpoint,
}

/// A finished handshake between two runtimes.
pub(crate) struct Moving {
    tcp: std::net::TcpStream,
    rest: Rest,
}

type Rest = (Box<Tls>, BytesMut, Vec<u8>, Option<Arc<str>>, Endpoint);

impl Secured {
    /// Leaves the runtime of the calling thread.
    pub(crate) fn into_moving(self) -> io::Result<Moving> {
        let Self { tcp, tls, plain, outgoing, server_name, endpoint } = self;
        Ok(Moving { tcp: tcp.into_std()?, rest: (tls, plain, outgoing, server_name, endpoint) })
    }
}

impl Moving {
    /// Belongs to the runtime of the calling thread from now on.
    pub(crate) fn settle(self) -> io::Result<Secured> {
        let (tls, plain, outgoing, server_name, endpoint) = self.rest;
        Ok(Secured { tcp: TcpStream::from_std(self.tcp)?, tls, plain, outgoing, server_name, endpoint })
    }
}

/// Why there was no connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HandshakeError {
    /// TLS said no; the alert went out.
    #[error("the tls handshake failed: {0}")]
    Tls(#[from] rustls::Error),
    /// The endpoint takes no connections; the alert went out.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The socket died.
    #[error("the connection broke during the tls handshake: {0}")]
    Io(#[from] io::Error),
}

/// A handshake that failed, with the host name the client asked for.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) error: HandshakeError,
    pub(crate) server_name: Option<Arc<str>>,
}

/// Shakes hands with a client; where there is a turnstile, each step waits for its turn.
pub(crate) async fn shake(
    tcp: TcpStream,
    manners: &Manners,
    turnstile: Option<&Turnstile>,
) -> Result<Secured, Failed> {
    let mut hello = Hello::default();
    match converse(tcp, manners, turnstile, &mut hello).await {
        Ok(secured) => Ok(secured),
        Err(error) => Err(Failed { error, server_name: hello.server_name }),
    }
}

async fn converse(
    mut tcp: TcpStream,
    manners: &Manners,
    turnstile: Option<&Turnstile>,
    hello: &mut Hello,
) -> Result<Secured, HandshakeError> {
    let mut begun: Option<(Box<Tls>, Endpoint)> = None;
    let mut incoming = BytesMut::new();
    let (mut plain, mut outgoing) = (BytesMut::new(), Vec::with_capacity(FLIGHT));
    loop {
        if let Some((tls, _)) = &begun {
            incoming.clear();
            tls.lead_in(&mut incoming);
        }
        let before = incoming.len();
        if before > LONGEST {
            let why = "the client's handshake is longer than 64 KiB";
            return Err(rustls::Error::General(why.to_owned()).into());
        }
        incoming.reserve(CHUNK);
        if tcp.read_buf(&mut incoming).await? == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        if let Some(turnstile) = turnstile {
            turnstile.pass().await;
        }
        let (mut tls, endpoint) = match begun.take() {
            Some(begun) => begun,
            None => {
                hello.read(incoming.get(before..).unwrap_or_default());
                match hello.outcome {
                    Outcome::Partial => continue,
                    // The connection finds the same fault and answers it.
                    Outcome::Unreadable => (Box::new(Tls::new(manners.fallback())?), Endpoint::Unnamed),
                    Outcome::Whole => match manners.of(hello.server_name.as_deref()) {
                        Ok((endpoint, config)) => (Box::new(Tls::new(config)?), endpoint),
                        Err(refusal) => {
                            tcp.write_all(UNRECOGNIZED_NAME).await?;
                            return Err(refusal.into());
                        }
                    },
                }
            }
        };
        let opened = tls.open(&mut incoming, &mut plain, &mut outgoing);
        if !(matches!(opened, Ok(Opened::Established)) && tls.ends_with_the_client()) {
            tcp.write_all(&outgoing).await?;
            outgoing.clear();
        }
        match opened? {
            Opened::Handshaking => begun = Some((tls, endpoint)),
            // A client that says all it has to say with its last flight may close its end in the same breath.
            Opened::Closed if plain.is_empty() => {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
            Opened::Established | Opened::Closed => {
                outgoing.shrink_to_fit();
                let server_name = hello.server_name.clone();
                return Ok(Secured { tcp, tls, plain, outgoing, server_name, endpoint });
            }
        }
    }
}

/// Reads the ClientHello before the connection does, since the host name decides which configuration that gets.
#[derive(Default)]
struct Hello {
    acceptor: rustls::server::Acceptor,
    outcome: Outcome,
    server_name: Option<Arc<str>>,
}

#[derive(Clone, Copy, Default)]
enum Outcome {
    #[default]
    Partial,
    Whole,
    Unreadable,
}

impl Hello {
    fn read(&mut self, mut bytes: &[u8]) {
        // The acceptor takes a few kilobytes at a time.
        while !bytes.is_empty() && matches!(self.outcome, Outcome::Partial) {
            self.outcome = match self.acceptor.read_tls(&mut bytes) {
                Ok(_) => match self.acceptor.accept() {
                    Ok(None) => Outcome::Partial,
                    Ok(Some(accepted)) => {
                        self.server_name = accepted.client_hello().server_name().map(Arc::from);
                        Outcome::Whole
                    }
                    Err(_) => Outcome::Unreadable,
                },
                Err(_) => Outcome::Unreadable,
            };
        }
    }
}

/// Reads a ClientHello that comes in pieces, for tests with any bytes: `None` while it is not whole, else the host name it asks
/// for; one that cannot be read asks for none.
#[doc(hidden)]
pub fn read_hello(pieces: &[&[u8]]) -> Option<Option<Arc<str>>> {
    let mut hello = Hello::default();
    for piece in pieces {
        hello.read(piece);
    }
    match hello.outcome {
        Outcome::Partial => None,
        Outcome::Whole | Outcome::Unreadable => Some(hello.server_name),
    }
}

const CHUNK: usize = 8 * 1024;
/// What the server has to say, unless its chain is long.
const FLIGHT: usize = 2 * 1024;
/// No certificate chain of a device is longer.
const LONGEST: usize = 64 * 1024;
/// A fatal alert 112 in a record of its own.
const UNRECOGNIZED_NAME: &[u8] = &[21, 3, 3, 0, 2, 2, 112];
