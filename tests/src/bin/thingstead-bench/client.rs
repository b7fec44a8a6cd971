//! An MQTT 3.1.1 client that queues, flushes and reads when told to.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::BytesMut;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use thingstead_mqtt_wire::{
    Connect, Decoder, Filter, Packet, PacketId, PubAck, Publish, PublishFrame, QoS, ReasonCode, Subscribe,
    Version,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::Outcome;
use crate::meter::STAMP_BYTES;

/// A connection with both its buffers.
pub(crate) struct Client {
    socket: Box<dyn Socket>,
    decoder: Decoder,
    input: BytesMut,
    output: Vec<u8>,
    next_id: PacketId,
}

trait Socket: AsyncRead + AsyncWrite + Unpin {}
impl<T: AsyncRead + AsyncWrite + Unpin> Socket for T {}

impl Client {
    pub(crate) async fn plain(address: SocketAddr, client_id: &str) -> Outcome<Self> {
        Self::connect(Box::new(tcp(address).await?), Connect::new(Version::V311, client_id, 300)).await
    }

    pub(crate) async fn persistent(address: SocketAddr, client_id: &str) -> Outcome<Self> {
        let connect = Connect { clean_start: false, ..Connect::new(Version::V311, client_id, 300) };
        Self::connect(Box::new(tcp(address).await?), connect).await
    }

    pub(crate) async fn mutual_tls(
        address: SocketAddr,
        config: Arc<ClientConfig>,
        client_id: &str,
    ) -> Outcome<Self> {
        let name = ServerName::try_from("localhost")?;
        let socket = TlsConnector::from(config).connect(name, tcp(address).await?).await?;
        Self::connect(Box::new(socket), Connect::new(Version::V311, client_id, 300)).await
    }

    async fn connect(socket: Box<dyn Socket>, connect: Connect) -> Outcome<Self> {
        let decoder = Decoder::client(Version::V311, 256 * 1024);
        let (input, output) = (BytesMut::with_capacity(16 * 1024), Vec::with_capacity(16 * 1024));
        let mut client = Self { socket, decoder, input, output, next_id: PacketId::FIRST };
        connect.encode(&mut client.output)?;
        match client.answer().await? {
            Packet::ConnAck(connack) if connack.reason == ReasonCode::Success => Ok(client),
            other => Err(format!("CONNECT was answered by {other:?}").into()),
        }
    }

    pub(crate) async fn subscribe(&mut self, filter: &str, qos: QoS) -> Outcome<()> {
        self.subscribe_to(vec![Filter::new(filter, qos)]).await
    }

    /// Up to eight filters.
    pub(crate) async fn subscribe_to(&mut self, filters: Vec<Filter>) -> Outcome<()> {
        Subscribe::new(self.next_id(), filters).encode(Version::V311, &mut self.output)?;
        match self.answer().await? {
            Packet::SubAck(suback) if suback.reasons.iter().all(|reason| !reason.is_error()) => Ok(()),
            other => Err(format!("SUBSCRIBE was answered by {other:?}").into()),
        }
    }

    /// Queues one message, its payload beginning with `stamp`.
    pub(crate) fn queue_publish(&mut self, frame: &PublishFrame, stamp: [u8; STAMP_BYTES]) -> Outcome<()> {
        let id = self.next_id();
        frame.put(Some(id), None, &mut self.output)?;
        let payload = self.output.len() - frame.payload().len();
        if let Some(place) = self.output.get_mut(payload..payload + STAMP_BYTES) {
            place.copy_from_slice(&stamp);
        }
        Ok(())
    }

    /// Queues one message as it is.
    pub(crate) fn queue(&mut self, publish: &Publish) -> Outcome<()> {
        let id = self.next_id();
        Ok(PublishFrame::new(Version::V311, publish)?.put(Some(id), None, &mut self.output)?)
    }

    pub(crate) fn queue_puback(&mut self, id: PacketId) -> Outcome<()> {
        Ok(PubAck::new(id).encode(Version::V311, &mut self.output)?)
    }

    /// Queues what a client says before it goes.
    pub(crate) async fn disconnect(mut self) -> Outcome<()> {
        self.output.extend_from_slice(b"\xe0\x00");
        self.flush().await?;
        Ok(self.socket.shutdown().await?)
    }

    /// Writes what is queued.
    pub(crate) async fn flush(&mut self) -> Outcome<()> {
        if !self.output.is_empty() {
            self.socket.write_all(&self.output).await?;
            self.output.clear();
            self.socket.flush().await?;
        }
        Ok(())
    }

    /// Waits for bytes; cancelling it loses none.
    pub(crate) async fn fill(&mut self) -> Outcome<()> {
        self.input.reserve(16 * 1024);
        match self.socket.read_buf(&mut self.input).await? {
            0 => Err("the broker closed the connection".into()),
            _ => Ok(()),
        }
    }

    /// The next packet that has arrived.
    pub(crate) fn next_packet(&mut self) -> Outcome<Option<Packet>> {
        Ok(self.decoder.decode(&mut self.input)?)
    }

    async fn answer(&mut self) -> Outcome<Packet> {
        self.flush().await?;
        loop {
            if let Some(packet) = self.next_packet()? {
                return Ok(packet);
            }
            self.fill().await?;
        }
    }

    const fn next_id(&mut self) -> PacketId {
        let id = self.next_id;
        self.next_id = id.next();
        id
    }
}

async fn tcp(address: SocketAddr) -> Outcome<TcpStream> {
    let socket = TcpStream::connect(address).await?;
    socket.set_nodelay(true)?;
    Ok(socket)
}
