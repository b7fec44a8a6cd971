//! The TLS record layer of one connection, over buffers that the shard lends.
//!
//! An idle connection owns no buffer at all: bytes are read into, and sealed into, memory that belongs to the shard.

use std::sync::Arc;

use bytes::BytesMut;
use rustls::pki_types::CertificateDer;
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{ConnectionState, EncodeError, EncryptError, UnbufferedStatus};

/// A server's end of a TLS connection.
pub(crate) struct Tls {
    connection: UnbufferedServerConnection,
    /// The beginning of a record, or of a handshake message. The TLS library keeps positions in it, so every call gets it back.
    partial: Vec<u8>,
    closed: bool,
}

/// Where [`Tls::open`] stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opened {
    /// The handshake needs more bytes from the client.
    Handshaking,
    /// All that was there has been decrypted.
    Established,
    /// The client sent close_notify.
    Closed,
}

impl Tls {
    /// A connection before its handshake.
    pub(crate) fn new(config: Arc<rustls::ServerConfig>) -> Result<Self, rustls::Error> {
        Ok(Self { connection: UnbufferedServerConnection::new(config)?, partial: Vec::new(), closed: false })
    }

    /// Puts what was left over before bytes that are about to be read.
    pub(crate) fn lead_in(&self, incoming: &mut BytesMut) {
        incoming.extend_from_slice(&self.partial);
    }

    /// Decrypts `incoming`, which began with [`Tls::lead_in`]; appends plaintext to `plain` and whatever TLS itself has to say
    /// to `outgoing`. After an error `outgoing` holds the alert that tells the client.
    pub(crate) fn open(
        &mut self,
        incoming: &mut [u8],
        plain: &mut BytesMut,
        outgoing: &mut Vec<u8>,
    ) -> Result<Opened, rustls::Error> {
        let (used, opened) = self.process(incoming, plain, outgoing);
        self.partial.clear();
        self.partial.extend_from_slice(incoming.get(used..).unwrap_or_default());
        if self.partial.is_empty() && self.partial.capacity() > 0 {
            self.partial = Vec::new();
        }
        self.closed |= matches!(opened, Ok(Opened::Closed));
        opened
    }

    /// Whether the client has sent close_notify: nothing comes after it, though the client may still read.
    pub(crate) const fn is_closed(&self) -> bool {
        self.closed
    }

    fn process(
        &mut self,
        incoming: &mut [u8],
        plain: &mut BytesMut,
        outgoing: &mut Vec<u8>,
    ) -> (usize, Result<Opened, rustls::Error>) {
        let mut used = 0;
        let mut closed = false;
        loop {
            let rest = incoming.get_mut(used..).unwrap_or_default();
            let UnbufferedStatus { mut discard, state } = self.connection.process_tls_records(rest);
            let outcome = match state {
                Err(error) => {
                    used += discard;
                    self.collect_alert(incoming.get_mut(used..).unwrap_or_default(), outgoing);
                    return (used, Err(error));
                }
                Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                    while let Some(record) = traffic.next_record() {
                        match record {
                            Ok(record) => {
                                discard += record.discard;
                                plain.extend_from_slice(record.payload);
                            }
                            Err(error) => return (used + discard, Err(error)),
                        }
                    }
                    None
                }
                Ok(ConnectionState::EncodeTlsData(mut data)) => {
                    encode(&mut data, outgoing);
                    None
                }
                Ok(ConnectionState::TransmitTlsData(data)) => {
                    data.done();
                    None
                }
                // Early data is not offered, so it cannot come; were it to, it would be skipped.
                Ok(ConnectionState::ReadEarlyData(_)) => None,
                Ok(ConnectionState::PeerClosed) => {
                    closed = true;
                    None
                }
                Ok(ConnectionState::Closed) => Some(Opened::Closed),
                Ok(ConnectionState::BlockedHandshake) => Some(Opened::Handshaking),
                Ok(ConnectionState::WriteTraffic(_)) => Some(Opened::Established),
                // The enum may grow; an unknown state is the end rather than a loop.
                Ok(_) => Some(Opened::Closed),
            };
            used += discard;
            if let Some(outcome) = outcome {
                return (used, Ok(if closed { Opened::Closed } else { outcome }));
            }
        }
    }

    /// Encrypts `plain` and appends it to `sealed`.
    ///
    /// # Errors
    /// The connection cannot send any more.
    pub(crate) fn seal(&mut self, plain: &[u8], sealed: &mut Vec<u8>) -> Result<(), Exhausted> {
        self.with_traffic(sealed, |traffic, room| traffic.encrypt(plain, room), sealed_size(plain.len()))
    }

    /// Appends close_notify.
    pub(crate) fn seal_close(&mut self, sealed: &mut Vec<u8>) -> Result<(), Exhausted> {
        self.with_traffic(sealed, |traffic, room| traffic.queue_close_notify(room), sealed_size(2))
    }

    /// The certificate the client proved to own.
    pub(crate) fn peer_certificate(&self) -> Option<&CertificateDer<'static>> {
        self.connection.peer_certificates()?.first()
    }

    /// What the client sent with it, the leaf first.
    pub(crate) fn peer_certificates(&self) -> &[CertificateDer<'static>] {
        self.connection.peer_certificates().unwrap_or_default()
    }

    /// The application protocol both sides agreed on.
    pub(crate) fn protocol(&self) -> Option<&[u8]> {
        self.connection.alpn_protocol()
    }

    /// Whether the handshake's last word is the client's, as it is with TLS 1.3. With TLS 1.2 the client waits for the server's.
    pub(crate) fn ends_with_the_client(&self) -> bool {
        self.connection.protocol_version() == Some(rustls::ProtocolVersion::TLSv1_3)
    }

    fn with_traffic(
        &mut self,
        sealed: &mut Vec<u8>,
        mut write: impl FnMut(
            &mut rustls::unbuffered::WriteTraffic<'_, rustls::server::ServerConnectionData>,
            &mut [u8],
        ) -> Result<usize, EncryptError>,
        room: usize,
    ) -> Result<(), Exhausted> {
        loop {
            let UnbufferedStatus { discard, state } = self.connection.process_tls_records(&mut self.partial);
            let outcome = match state {
                Ok(ConnectionState::WriteTraffic(mut traffic)) => {
                    let start = sealed.len();
                    sealed.resize(start + room, 0);
                    let written = write(&mut traffic, sealed.get_mut(start..).unwrap_or_default());
                    sealed.truncate(start + written.as_ref().copied().unwrap_or(0));
                    Some(written.map(|_| ()).map_err(|_| Exhausted))
                }
                Ok(ConnectionState::EncodeTlsData(mut data)) => {
                    encode(&mut data, sealed);
                    None
                }
                Ok(ConnectionState::TransmitTlsData(data)) => {
                    data.done();
                    None
                }
                Ok(ConnectionState::PeerClosed) => None,
                _ => Some(Err(Exhausted)),
            };
            self.partial.drain(..discard.min(self.partial.len()));
            if let Some(outcome) = outcome {
                return outcome;
            }
        }
    }

    /// Takes the alert out that an error has left. Asked once: the next question would read on behind the error.
    fn collect_alert(&mut self, rest: &mut [u8], outgoing: &mut Vec<u8>) {
        let status = self.connection.process_tls_records(rest);
        if let Ok(ConnectionState::EncodeTlsData(mut data)) = status.state {
            encode(&mut data, outgoing);
        }
    }
}

/// Appends what TLS itself has to say.
fn encode(
    data: &mut rustls::unbuffered::EncodeTlsData<'_, rustls::server::ServerConnectionData>,
    outgoing: &mut Vec<u8>,
) {
    let Err(EncodeError::InsufficientSize(needed)) = data.encode(&mut []) else { return };
    let start = outgoing.len();
    outgoing.resize(start + needed.required_size, 0);
    if data.encode(outgoing.get_mut(start..).unwrap_or_default()).is_err() {
        outgoing.truncate(start);
    }
}

/// The connection cannot encrypt: it never finished its handshake, failed, or used up its keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the tls connection can send nothing more")]
pub(crate) struct Exhausted;

/// Room for `plain` bytes in records of at most 16 KiB, each with header, explicit nonce, content type and tag.
const fn sealed_size(plain: usize) -> usize {
    const RECORD: usize = 16 * 1024;
    const OVERHEAD: usize = 64;
    plain + (plain / RECORD + 1) * OVERHEAD
}
