//! The TLS handshake, from the first byte to the first plaintext.

use std::io;
use std::sync::Arc;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::records::{Opened, Tls};

/// A finished handshake.
pub(crate) struct Secured {
    /// The socket.
    pub(crate) tcp: TcpStream,
    /// Its record layer.
    pub(crate) tls: Box<Tls>,
    /// Plaintext that came along with the end of the handshake.
    pub(crate) plain: BytesMut,
    /// The host name the client asked for.
    pub(crate) server_name: Option<Arc<str>>,
}

/// Why there was no connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HandshakeError {
    /// TLS said no; the alert went out.
    #[error("the tls handshake failed: {0}")]
    Tls(#[from] rustls::Error),
    /// The socket died.
    #[error("the connection broke during the tls handshake: {0}")]
    Io(#[from] io::Error),
}

/// Shakes hands with a client.
pub(crate) async fn shake(
    mut tcp: TcpStream,
    config: Arc<rustls::ServerConfig>,
) -> Result<Secured, HandshakeError> {
    let mut tls = Box::new(Tls::new(config)?);
    let mut incoming = BytesMut::new();
    let mut hello = Hello::default();
    let (mut plain, mut outgoing) = (BytesMut::new(), Vec::new());
    loop {
        incoming.clear();
        tls.lead_in(&mut incoming);
        let before = incoming.len();
        if before > LONGEST {
            let why = "the client's handshake is longer than 64 KiB";
            return Err(rustls::Error::General(why.to_owned()).into());
        }
        incoming.reserve(CHUNK);
        if tcp.read_buf(&mut incoming).await? == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        hello.read(incoming.get(before..).unwrap_or_default());
        let opened = tls.open(&mut incoming, &mut plain, &mut outgoing);
        tcp.write_all(&outgoing).await?;
        outgoing.clear();
        match opened? {
            Opened::Handshaking => {}
            Opened::Established => {
                return Ok(Secured { tcp, tls, plain, server_name: hello.server_name });
            }
            Opened::Closed => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
        }
    }
}

/// Reads the ClientHello next to the connection, which does not tell the host name.
#[derive(Default)]
struct Hello {
    acceptor: rustls::server::Acceptor,
    done: bool,
    server_name: Option<Arc<str>>,
}

impl Hello {
    fn read(&mut self, mut bytes: &[u8]) {
        if self.done {
            return;
        }
        self.done = match self.acceptor.read_tls(&mut bytes) {
            Ok(_) => match self.acceptor.accept() {
                Ok(None) => false,
                Ok(Some(accepted)) => {
                    self.server_name = accepted.client_hello().server_name().map(Arc::from);
                    true
                }
                // The connection finds the same fault and answers it.
                Err(_) => true,
            },
            Err(_) => true,
        };
    }
}

const CHUNK: usize = 8 * 1024;
/// No certificate chain of a device is longer.
const LONGEST: usize = 64 * 1024;
