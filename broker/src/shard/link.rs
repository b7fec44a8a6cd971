//! A client's byte stream, whatever carries it: TCP, TLS over TCP, or a WebSocket.

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker, ready};

use axum::extract::ws;
use bytes::{BufMut, Bytes, BytesMut};
use futures_util::{Sink, Stream};
use tokio::io::{AsyncReadExt, AsyncWrite};
use tokio::net::TcpStream;

use crate::tls::records::{Opened, Tls};

/// A byte stream that belongs to a shard.
pub(crate) enum Link {
    /// A socket.
    Tcp(Socket),
    /// A WebSocket; its frames are a byte stream, packets may be split or joined.
    WebSocket(Box<Web>),
}

/// A socket, with its record layer if it has one.
pub(crate) struct Socket {
    tcp: TcpStream,
    tls: Option<Box<Tls>>,
    /// What the kernel did not take, sealed.
    backlog: Vec<u8>,
    /// So many bytes of it the kernel has taken since.
    sent: usize,
}

/// A WebSocket.
pub(crate) struct Web {
    socket: ws::WebSocket,
    /// What the socket did not take.
    backlog: Vec<u8>,
}

/// A byte stream between shards.
pub(crate) enum PortableLink {
    /// A socket.
    Tcp {
        /// It.
        tcp: std::net::TcpStream,
        /// Its record layer.
        tls: Option<Box<Tls>>,
        /// What is to be sent first, sealed.
        backlog: Vec<u8>,
    },
    /// A WebSocket.
    WebSocket(Box<ws::WebSocket>),
}

/// What reading brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Read {
    /// Bytes, or at least something.
    Some,
    /// The stream ended without a goodbye.
    End,
    /// A WebSocket Close frame: the client meant to go (MQTT-017).
    Closed,
}

/// Memory that belongs to the shard and is lent to one connection at a time.
#[derive(Default)]
pub(crate) struct Lent {
    /// Records as they come in.
    pub(crate) incoming: BytesMut,
    /// Records on their way out.
    pub(crate) sealed: Vec<u8>,
}

/// One read takes at most about this much.
pub(crate) const READ: usize = 64 * 1024;
/// A session ticket or an answer to a change of keys is shorter.
const AHEAD: usize = 2 * 1024;

impl PortableLink {
    /// Belongs to the runtime of the calling thread from now on.
    pub(crate) fn settle(self) -> io::Result<Link> {
        Ok(match self {
            Self::Tcp { tcp, tls, backlog } => {
                Link::Tcp(Socket { tcp: TcpStream::from_std(tcp)?, tls, backlog, sent: 0 })
            }
            Self::WebSocket(socket) => {
                Link::WebSocket(Box::new(Web { socket: *socket, backlog: Vec::new() }))
            }
        })
    }
}

impl Link {
    /// A socket of this thread's runtime whose handshake is done; `outgoing` is still to be sent.
    pub(crate) const fn secured(tcp: TcpStream, tls: Box<Tls>, outgoing: Vec<u8>) -> Self {
        Self::Tcp(Socket { tcp, tls: Some(tls), backlog: outgoing, sent: 0 })
    }

    /// Leaves the runtime of the calling thread. Nothing but TLS's own words may wait to be written.
    pub(crate) fn unsettle(self) -> io::Result<PortableLink> {
        Ok(match self {
            Self::Tcp(Socket { tcp, tls, mut backlog, sent }) => {
                backlog.drain(..sent);
                PortableLink::Tcp { tcp: tcp.into_std()?, tls, backlog }
            }
            Self::WebSocket(web) => PortableLink::WebSocket(Box::new(web.socket)),
        })
    }

    /// Whether it is a WebSocket.
    pub(crate) const fn is_web_socket(&self) -> bool {
        matches!(self, Self::WebSocket(_))
    }

    /// Reads once, behind what `input` holds.
    pub(crate) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        input: &mut BytesMut,
        lent: &mut Lent,
    ) -> Poll<io::Result<Read>> {
        match self {
            Self::Tcp(socket) => socket.poll_read(cx, input, lent),
            Self::WebSocket(web) => web.poll_read(cx, input),
        }
    }

    /// Writes as much of `output` as the other end takes now; `true` when nothing is left anywhere.
    pub(crate) fn write(&mut self, output: &mut Vec<u8>, waker: &Waker, lent: &mut Lent) -> io::Result<bool> {
        match self {
            Self::Tcp(socket) => socket.write(output, lent),
            Self::WebSocket(web) => web.write(output, waker),
        }
    }

    /// Resolves when it makes sense to write again.
    pub(crate) fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<()> {
        match self {
            Self::Tcp(socket) => socket.tcp.poll_write_ready(cx).map(|_| ()),
            // A WebSocket wakes the task it was written with.
            Self::WebSocket(_) => Poll::Ready(()),
        }
    }

    /// How many bytes wait in the link itself.
    pub(crate) fn backlog(&self) -> usize {
        match self {
            Self::Tcp(socket) => socket.backlog.len() - socket.sent,
            Self::WebSocket(web) => web.backlog.len(),
        }
    }

    /// Says goodbye in the carrier's own words, and nothing more. What is left of the socket is for lingering.
    pub(crate) fn shut(self, lent: &mut Lent) -> Option<TcpStream> {
        match self {
            Self::Tcp(mut socket) => {
                if let Some(tls) = &mut socket.tls {
                    lent.sealed.clear();
                    if tls.seal_close(&mut lent.sealed).is_ok() {
                        // Best effort: the peer learns of the end by the socket, too.
                        let _ = socket.tcp.try_write(&lent.sealed);
                    }
                }
                Some(socket.tcp)
            }
            Self::WebSocket(mut web) => {
                let mut cx = Context::from_waker(Waker::noop());
                if Pin::new(&mut web.socket).poll_ready(&mut cx).is_ready() {
                    let _ = Pin::new(&mut web.socket).start_send(ws::Message::Close(None));
                }
                let _ = Pin::new(&mut web.socket).poll_flush(&mut cx);
                None
            }
        }
    }
}

impl Socket {
    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        input: &mut BytesMut,
        lent: &mut Lent,
    ) -> Poll<io::Result<Read>> {
        let Some(tls) = &mut self.tls else {
            input.reserve(READ);
            let read = ready!(poll_read_buf(&mut self.tcp, cx, input))?;
            return Poll::Ready(Ok(if read == 0 { Read::End } else { Read::Some }));
        };
        if tls.is_closed() {
            return Poll::Ready(Ok(Read::End));
        }
        let incoming = &mut lent.incoming;
        incoming.clear();
        tls.lead_in(incoming);
        incoming.reserve(READ);
        let read = ready!(poll_read_buf(&mut self.tcp, cx, incoming))?;
        if read == 0 {
            return Poll::Ready(Ok(Read::End));
        }
        let opened = tls.open(incoming, input, &mut self.backlog);
        Poll::Ready(match opened {
            Ok(Opened::Closed) => Ok(Read::End),
            Ok(_) => Ok(Read::Some),
            Err(error) => {
                let _ = self.tcp.try_write(&self.backlog);
                Err(io::Error::new(io::ErrorKind::InvalidData, error))
            }
        })
    }

    fn write(&mut self, output: &mut Vec<u8>, lent: &mut Lent) -> io::Result<bool> {
        // What TLS itself has to say is short, and goes out in one write with what follows.
        let ahead = self.sent == 0 && self.backlog.len() <= AHEAD && self.tls.is_some();
        if !self.backlog.is_empty() && (!ahead || output.is_empty()) {
            // A slow reader takes little at a time, and the rest stays where it is.
            self.sent += try_write(&self.tcp, self.backlog.get(self.sent..).unwrap_or_default())?;
            if self.sent < self.backlog.len() {
                return Ok(false);
            }
            (self.backlog, self.sent) = (Vec::new(), 0);
        }
        if output.is_empty() {
            return Ok(true);
        }
        let bytes = match &mut self.tls {
            None => &*output,
            Some(tls) => {
                lent.sealed.clear();
                if !self.backlog.is_empty() {
                    lent.sealed.append(&mut self.backlog);
                    self.backlog = Vec::new();
                }
                tls.seal(output, &mut lent.sealed)
                    .map_err(|error| io::Error::new(io::ErrorKind::BrokenPipe, error))?;
                &lent.sealed
            }
        };
        let sent = try_write(&self.tcp, bytes)?;
        self.backlog.extend_from_slice(bytes.get(sent..).unwrap_or_default());
        output.clear();
        Ok(self.backlog.is_empty())
    }
}

impl Web {
    fn poll_read(&mut self, cx: &mut Context<'_>, input: &mut BytesMut) -> Poll<io::Result<Read>> {
        loop {
            let message = match ready!(Pin::new(&mut self.socket).poll_next(cx)) {
                None => return Poll::Ready(Ok(Read::End)),
                Some(Err(error)) => return Poll::Ready(Err(io::Error::other(error))),
                Some(Ok(message)) => message,
            };
            match message {
                ws::Message::Binary(bytes) => {
                    input.put(bytes);
                    return Poll::Ready(Ok(Read::Some));
                }
                ws::Message::Close(_) => return Poll::Ready(Ok(Read::Closed)),
                ws::Message::Text(_) => {
                    let why = "a text frame on a WebSocket that carries MQTT; only binary frames are allowed";
                    return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, why)));
                }
                ws::Message::Ping(_) | ws::Message::Pong(_) => {}
            }
        }
    }

    fn write(&mut self, output: &mut Vec<u8>, waker: &Waker) -> io::Result<bool> {
        let mut cx = Context::from_waker(waker);
        self.backlog.append(output);
        loop {
            if self.backlog.is_empty() {
                return match Pin::new(&mut self.socket).poll_flush(&mut cx) {
                    Poll::Pending => Ok(false),
                    Poll::Ready(result) => result.map(|()| true).map_err(io::Error::other),
                };
            }
            match Pin::new(&mut self.socket).poll_ready(&mut cx) {
                Poll::Pending => return Ok(false),
                Poll::Ready(result) => result.map_err(io::Error::other)?,
            }
            let message = ws::Message::Binary(Bytes::from(std::mem::take(&mut self.backlog)));
            Pin::new(&mut self.socket).start_send(message).map_err(io::Error::other)?;
        }
    }
}

/// Closes the sending half and reads until the peer closes, too, so that the kernel does not throw away what was sent last.
pub(crate) async fn linger(mut tcp: TcpStream) {
    let shut = std::future::poll_fn(|cx| Pin::new(&mut tcp).poll_shutdown(cx)).await;
    let mut discarded = [0; 4096];
    let drain = async { while shut.is_ok() && tcp.read(&mut discarded).await.is_ok_and(|read| read > 0) {} };
    // A peer that never closes is no reason to keep the socket.
    let _ = tokio::time::timeout(LINGER, drain).await;
}

const LINGER: std::time::Duration = std::time::Duration::from_secs(2);

fn poll_read_buf(tcp: &mut TcpStream, cx: &mut Context<'_>, into: &mut BytesMut) -> Poll<io::Result<usize>> {
    pin!(tcp.read_buf(into)).poll(cx)
}

fn try_write(tcp: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
    match tcp.try_write(bytes) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
        other => other,
    }
}
