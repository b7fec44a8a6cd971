//! A small MQTT client that does what a test says, and nothing by itself.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::BytesMut;
use thingstead_mqtt_wire::{
    ConnAck, Connect, Decoder, Disconnect, Filter, Packet, PacketId, PubAck, Publish, QoS, ReasonCode,
    SubAck, Subscribe, UnsubAck, Unsubscribe, Version,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

pub(crate) const V3: Version = Version::V311;
pub(crate) const V5: Version = Version::V5;

pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

pub(crate) struct Client {
    stream: Box<dyn Stream>,
    decoder: Decoder,
    buffer: BytesMut,
    version: Version,
    last_id: PacketId,
    /// What came while another packet was waited for.
    early: VecDeque<Packet>,
}

impl Client {
    pub(crate) async fn open(address: SocketAddr, version: Version) -> Self {
        Self::over(TcpStream::connect(address).await.expect("a socket"), version)
    }

    pub(crate) fn over(stream: impl Stream + 'static, version: Version) -> Self {
        Self {
            stream: Box::new(stream),
            decoder: Decoder::client(version, usize::MAX),
            buffer: BytesMut::new(),
            version,
            last_id: PacketId::FIRST,
            early: VecDeque::new(),
        }
    }

    /// Connects with a clean session.
    pub(crate) async fn connect(address: SocketAddr, version: Version, id: &str) -> Self {
        let (client, ack) = Self::connect_with(address, Connect::new(version, id, 60)).await;
        assert_eq!(ack.reason, ReasonCode::Success);
        client
    }

    /// Connects with a session that outlives the connection.
    pub(crate) async fn persistent(address: SocketAddr, version: Version, id: &str) -> (Self, ConnAck) {
        Self::connect_with(address, persistent(version, id)).await
    }

    pub(crate) async fn connect_with(address: SocketAddr, connect: Connect) -> (Self, ConnAck) {
        let mut client = Self::open(address, connect.version).await;
        client.send(&Packet::Connect(Box::new(connect))).await;
        let Packet::ConnAck(ack) = client.receive().await else { panic!("no CONNACK") };
        (client, *ack)
    }

    pub(crate) async fn send(&mut self, packet: &Packet) {
        let mut out = Vec::new();
        packet.encode(self.version, &mut out).expect("a frame");
        self.send_bytes(&out).await;
    }

    pub(crate) async fn send_bytes(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.expect("written");
    }

    /// Whether the server still took it.
    pub(crate) async fn try_bytes(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).await.is_ok()
    }

    /// The next packet.
    pub(crate) async fn receive(&mut self) -> Packet {
        self.next(Duration::from_secs(10)).await.expect("a packet").expect("a packet before the end")
    }

    /// `Ok(None)` when the server closed; `Err` when nothing came in time.
    pub(crate) async fn next(
        &mut self,
        wait: Duration,
    ) -> Result<Option<Packet>, tokio::time::error::Elapsed> {
        if let Some(packet) = self.early.pop_front() {
            return Ok(Some(packet));
        }
        self.read(wait).await
    }

    async fn read(&mut self, wait: Duration) -> Result<Option<Packet>, tokio::time::error::Elapsed> {
        tokio::time::timeout(wait, async {
            loop {
                if let Some(packet) = self.decoder.decode(&mut self.buffer).expect("a packet from the server")
                {
                    return Some(packet);
                }
                if self.stream.read_buf(&mut self.buffer).await.unwrap_or(0) == 0 {
                    return None;
                }
            }
        })
        .await
    }

    /// Nothing comes for a moment.
    pub(crate) async fn silent(&mut self) {
        let next = self.next(Duration::from_millis(80)).await;
        assert!(next.is_err(), "{next:?}");
    }

    /// The server closes without another packet.
    pub(crate) async fn closed(&mut self) {
        assert_eq!(self.next(Duration::from_secs(10)).await.expect("an end"), None);
    }

    /// The server says why, then closes.
    pub(crate) async fn disconnected(&mut self) -> ReasonCode {
        let Packet::Disconnect(packet) = self.receive().await else { panic!("no DISCONNECT") };
        self.closed().await;
        packet.reason
    }

    /// The next packet that is no message; messages are kept for later.
    async fn answer(&mut self) -> Packet {
        loop {
            match self
                .read(Duration::from_secs(10))
                .await
                .expect("a packet")
                .expect("a packet before the end")
            {
                message @ Packet::Publish(_) => self.early.push_back(message),
                other => return other,
            }
        }
    }

    fn next_id(&mut self) -> PacketId {
        self.last_id = self.last_id.next();
        self.last_id
    }

    pub(crate) async fn publish(&mut self, topic: &str, payload: &str, qos: QoS) {
        self.publish_with(Publish { qos, ..Publish::new(topic, payload.to_owned()) }).await;
    }

    /// Publishes without waiting.
    pub(crate) async fn publish_with(&mut self, mut publish: Publish) -> Option<PacketId> {
        if publish.qos != QoS::AtMostOnce {
            publish.packet_id = Some(self.next_id());
        }
        let id = publish.packet_id;
        self.send(&Packet::Publish(publish)).await;
        id
    }

    /// Publishes with QoS 1 and waits for the answer.
    pub(crate) async fn acked(&mut self, topic: &str, payload: &str) -> ReasonCode {
        self.acked_with(Publish { qos: QoS::AtLeastOnce, ..Publish::new(topic, payload.to_owned()) }).await
    }

    pub(crate) async fn acked_with(&mut self, publish: Publish) -> ReasonCode {
        let id = self.publish_with(publish).await.expect("QoS 1");
        match self.answer().await {
            Packet::PubAck(ack) => {
                assert_eq!(ack.packet_id, id);
                ack.reason
            }
            other => panic!("{other:?} instead of PUBACK"),
        }
    }

    pub(crate) async fn retain(&mut self, topic: &str, payload: &str) -> ReasonCode {
        let publish =
            Publish { qos: QoS::AtLeastOnce, retain: true, ..Publish::new(topic, payload.to_owned()) };
        self.acked_with(publish).await
    }

    pub(crate) async fn subscribe(&mut self, filter: &str, qos: QoS) -> u8 {
        self.subscribe_to(vec![Filter::new(filter, qos)]).await[0]
    }

    pub(crate) async fn subscribe_to(&mut self, filters: Vec<Filter>) -> Vec<u8> {
        let id = self.next_id();
        self.send(&Packet::Subscribe(Subscribe::new(id, filters))).await;
        match self.answer().await {
            Packet::SubAck(SubAck { packet_id, reasons, .. }) => {
                assert_eq!(packet_id, id);
                reasons.into_iter().map(ReasonCode::as_u8).collect()
            }
            other => panic!("{other:?} instead of SUBACK"),
        }
    }

    pub(crate) async fn unsubscribe(&mut self, filters: &[&str]) -> Vec<u8> {
        let id = self.next_id();
        self.send(&Packet::Unsubscribe(Unsubscribe::new(id, filters.iter().copied()))).await;
        match self.answer().await {
            Packet::UnsubAck(UnsubAck { packet_id, reasons, .. }) => {
                assert_eq!(packet_id, id);
                reasons.into_iter().map(ReasonCode::as_u8).collect()
            }
            other => panic!("{other:?} instead of UNSUBACK"),
        }
    }

    /// The next packet, which is a message; acknowledged.
    pub(crate) async fn message(&mut self) -> Publish {
        let publish = self.unacknowledged().await;
        self.ack(&publish).await;
        publish
    }

    /// The next packet, which is a message.
    pub(crate) async fn unacknowledged(&mut self) -> Publish {
        match self.receive().await {
            Packet::Publish(publish) => publish,
            other => panic!("{other:?} instead of PUBLISH"),
        }
    }

    pub(crate) async fn ack(&mut self, publish: &Publish) {
        if let Some(id) = publish.packet_id {
            self.send(&Packet::PubAck(PubAck::new(id))).await;
        }
    }

    /// The payload of the next message.
    pub(crate) async fn payload(&mut self) -> String {
        String::from_utf8(self.message().await.payload.to_vec()).expect("text")
    }

    /// The payload of the next message as JSON.
    pub(crate) async fn json(&mut self) -> serde_json::Value {
        serde_json::from_slice(&self.message().await.payload).expect("JSON")
    }

    /// Says goodbye and waits until the server has closed.
    pub(crate) async fn leave(mut self) {
        self.send(&Packet::Disconnect(Disconnect::new(ReasonCode::NORMAL_DISCONNECTION))).await;
        self.closed().await;
    }

    pub(crate) async fn ping(&mut self) {
        self.send(&Packet::PingReq).await;
        assert_eq!(self.answer().await, Packet::PingResp);
    }
}

/// A CONNECT for a session that outlives the connection.
pub(crate) fn persistent(version: Version, id: &str) -> Connect {
    let mut connect = Connect::new(version, id, 60);
    connect.clean_start = false;
    if version == V5 {
        connect.properties.session_expiry_interval = Some(600);
    }
    connect
}
