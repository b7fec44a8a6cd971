//! A TLS connection as an ordinary byte stream, for HTTP.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::handshake::Secured;
use super::records::{Opened, Tls};

/// Reads and writes plaintext.
pub(crate) struct TlsStream {
    tcp: TcpStream,
    tls: Box<Tls>,
    /// Plaintext nobody has read yet.
    plain: BytesMut,
    /// Sealed bytes on their way out, from `sent` on.
    outgoing: Vec<u8>,
    sent: usize,
    ended: bool,
    closed: bool,
}

impl From<Secured> for TlsStream {
    fn from(secured: Secured) -> Self {
        let Secured { tcp, tls, plain, outgoing, .. } = secured;
        let ended = tls.is_closed();
        Self { tcp, tls, plain, outgoing, sent: 0, ended, closed: false }
    }
}

impl TlsStream {
    fn poll_outgoing(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(rest) = self.outgoing.get(self.sent..).filter(|rest| !rest.is_empty()) {
            let written = ready!(Pin::new(&mut self.tcp).poll_write(cx, rest))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.sent += written;
        }
        self.outgoing.clear();
        self.sent = 0;
        Poll::Ready(Ok(()))
    }

    fn open(&mut self, incoming: &mut BytesMut) -> io::Result<()> {
        match self.tls.open(incoming, &mut self.plain, &mut self.outgoing) {
            Ok(Opened::Closed) => {
                self.ended = true;
                Ok(())
            }
            Ok(_) => Ok(()),
            Err(error) => Err(io::Error::new(io::ErrorKind::InvalidData, error)),
        }
    }
}

impl AsyncRead for TlsStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        loop {
            if !this.plain.is_empty() {
                let count = this.plain.len().min(into.remaining());
                into.put_slice(&this.plain.split_to(count));
                return Poll::Ready(Ok(()));
            }
            if this.ended {
                return Poll::Ready(Ok(()));
            }
            let mut chunk = [0; CHUNK];
            let mut buffer = ReadBuf::new(&mut chunk);
            match Pin::new(&mut this.tcp).poll_read(cx, &mut buffer) {
                Poll::Ready(result) => result?,
                Poll::Pending => {
                    // What TLS itself has to say must not wait for the next write.
                    if let Poll::Ready(Err(error)) = this.poll_outgoing(cx) {
                        return Poll::Ready(Err(error));
                    }
                    return Poll::Pending;
                }
            }
            if buffer.filled().is_empty() {
                this.ended = true;
                return Poll::Ready(Ok(()));
            }
            let mut incoming = BytesMut::new();
            this.tls.lead_in(&mut incoming);
            incoming.extend_from_slice(buffer.filled());
            this.open(&mut incoming)?;
        }
    }
}

impl AsyncWrite for TlsStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if this.outgoing.len() - this.sent >= ENOUGH {
            ready!(this.poll_outgoing(cx))?;
        }
        let taken = bytes.get(..bytes.len().min(ENOUGH)).unwrap_or_default();
        this.tls
            .seal(taken, &mut this.outgoing)
            .map_err(|error| io::Error::new(io::ErrorKind::BrokenPipe, error))?;
        if let Poll::Ready(Err(error)) = this.poll_outgoing(cx) {
            return Poll::Ready(Err(error));
        }
        Poll::Ready(Ok(taken.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_outgoing(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if !this.closed {
            this.closed = true;
            // A connection that cannot seal any more has nothing to say goodbye with.
            let _ = this.tls.seal_close(&mut this.outgoing);
        }
        ready!(this.poll_outgoing(cx))?;
        Pin::new(&mut this.tcp).poll_shutdown(cx)
    }
}

const CHUNK: usize = 8 * 1024;
/// No more plaintext than this is sealed ahead of the socket.
const ENOUGH: usize = 64 * 1024;
