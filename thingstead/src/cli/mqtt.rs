//! A small MQTT 5 client over mutual TLS, for `thingstead pub` and `thingstead sub`.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use thingstead_mqtt_wire::{
    ConnAck, Connect, Decoder, Disconnect, Filter, Packet, PacketId, Publish, QoS, ReasonCode, Subscribe,
    Version,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::Failure;

/// Keep alive in seconds; a ping goes out at half of it.
const KEEP_ALIVE: u16 = 60;
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
const MAX_PACKET: usize = 1024 * 1024;

/// A device kit read back from its files.
pub(super) struct OpenKit {
    host: String,
    port: u16,
    client_id: String,
    tls: Arc<ClientConfig>,
}

impl OpenKit {
    /// Reads `kit.json`, certificate, key and root of a kit in PEM files.
    pub(super) fn read(directory: &Path) -> Result<Self, Failure> {
        let read = |name: &str| {
            let path = directory.join(name);
            std::fs::read(&path).map_err(|error| Failure::file(&path, &error))
        };
        let kit: Value = serde_json::from_slice(&read("kit.json")?)
            .map_err(|error| Failure::new(format!("kit.json is not JSON: {error}")))?;
        let text = |name: &str| {
            kit.get(name).and_then(Value::as_str).map(str::to_owned).ok_or_else(|| missing(name))
        };
        let port = kit.get("port").and_then(Value::as_u64).and_then(|port| u16::try_from(port).ok());
        Ok(Self {
            host: text("host")?,
            port: port.ok_or_else(|| missing("port"))?,
            client_id: text("client_id")?,
            tls: tls_config(&read("root-ca.pem")?, &read("certificate.pem")?, &read("private.key")?)?,
        })
    }

    /// The client id its policy permits.
    pub(super) fn client_id(&self) -> &str {
        &self.client_id
    }
}

fn missing(name: &str) -> Failure {
    Failure::new(format!("kit.json has no valid `{name}`"))
}

fn tls_config(root: &[u8], certificate: &[u8], key: &[u8]) -> Result<Arc<ClientConfig>, Failure> {
    let unusable =
        |what: &str, why: &dyn std::fmt::Display| Failure::new(format!("{what} cannot be used: {why}"));
    let mut roots = RootCertStore::empty();
    for found in CertificateDer::pem_slice_iter(root) {
        let found = found.map_err(|error| unusable("root-ca.pem", &error))?;
        roots.add(found).map_err(|error| unusable("root-ca.pem", &error))?;
    }
    let chain = CertificateDer::pem_slice_iter(certificate).collect::<Result<Vec<_>, _>>();
    let chain = chain.map_err(|error| unusable("certificate.pem", &error))?;
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| unusable("private.key", &error))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_root_certificates(roots).with_client_auth_cert(chain, key))
        .map_err(|error| unusable("the kit's key and certificate", &error))?;
    Ok(Arc::new(config))
}

/// An open MQTT connection.
pub(super) struct Connection {
    stream: TlsStream<TcpStream>,
    decoder: Decoder,
    buffer: BytesMut,
}

impl Connection {
    /// Connects and waits for the server's yes.
    pub(super) async fn open(kit: &OpenKit, client_id: &str) -> Result<Self, Failure> {
        let OpenKit { host, port, .. } = kit;
        let tcp = TcpStream::connect((host.as_str(), *port))
            .await
            .map_err(|error| Failure::new(format!("{host}:{port} does not answer: {error}")))?;
        tcp.set_nodelay(true)?;
        let name = ServerName::try_from(host.clone())
            .map_err(|_| Failure::new(format!("`{host}` in kit.json is no host name")))?;
        let refused = |error: &dyn std::fmt::Display| {
            Failure::new(format!("the server refused the connection ({error}); `thingstead why` says why"))
        };
        let connector = TlsConnector::from(Arc::clone(&kit.tls));
        let stream = connector.connect(name, tcp).await.map_err(|error| refused(&error))?;
        let decoder = Decoder::client(Version::V5, MAX_PACKET);
        let mut connection = Self { stream, decoder, buffer: BytesMut::new() };
        let mut hello = Connect::new(Version::V5, client_id, KEEP_ALIVE);
        hello.clean_start = true;
        connection.send(&Packet::Connect(Box::new(hello))).await?;
        match connection.next_within(ANSWER_WITHIN).await.map_err(|error| refused(&error))? {
            Packet::ConnAck(ack) => connection.welcomed(&ack, client_id),
            other => Err(Failure::new(format!("the server answered CONNECT with {other:?}"))),
        }
    }

    fn welcomed(self, ack: &ConnAck, client_id: &str) -> Result<Self, Failure> {
        if ack.reason == ReasonCode::Success {
            return Ok(self);
        }
        Err(Failure::new(format!(
            "the server refused client id `{client_id}`: {:?}; `thingstead why {client_id}` says why",
            ack.reason
        )))
    }

    /// Publishes, and at QoS 1 waits for the acknowledgement.
    pub(super) async fn publish(
        &mut self,
        topic: &str,
        payload: Bytes,
        qos: QoS,
        retain: bool,
    ) -> Result<(), Failure> {
        let mut publish = Publish::new(topic, payload);
        publish.qos = qos;
        publish.retain = retain;
        publish.packet_id = (qos != QoS::AtMostOnce).then_some(PacketId::FIRST);
        self.send(&Packet::Publish(publish)).await?;
        if qos == QoS::AtMostOnce {
            return Ok(());
        }
        loop {
            match self.next_within(ANSWER_WITHIN).await? {
                Packet::PubAck(ack) if ack.reason == ReasonCode::Success => return Ok(()),
                Packet::PubAck(ack) => {
                    return Err(Failure::new(format!("the server refused the message: {:?}", ack.reason)));
                }
                Packet::Disconnect(bye) => return Err(disconnected(&bye)),
                _ => {}
            }
        }
    }

    /// Subscribes and waits for the grant.
    pub(super) async fn subscribe(&mut self, filter: &str, qos: QoS) -> Result<(), Failure> {
        let subscribe = Subscribe::new(PacketId::FIRST, vec![Filter::new(filter, qos)]);
        self.send(&Packet::Subscribe(subscribe)).await?;
        loop {
            match self.next_within(ANSWER_WITHIN).await? {
                Packet::SubAck(ack) => {
                    let refused = ack.reasons.iter().find(|reason| reason.is_error());
                    return match refused {
                        None => Ok(()),
                        Some(reason) => {
                            Err(Failure::new(format!("the server refused the filter: {reason:?}")))
                        }
                    };
                }
                Packet::Disconnect(bye) => return Err(disconnected(&bye)),
                _ => {}
            }
        }
    }

    /// The next message; pings and acknowledges on the way.
    pub(super) async fn message(&mut self) -> Result<Publish, Failure> {
        loop {
            let half = Duration::from_secs(u64::from(KEEP_ALIVE / 2));
            let packet = match tokio::time::timeout(half, self.next()).await {
                Ok(packet) => packet?,
                Err(_) => {
                    self.send(&Packet::PingReq).await?;
                    continue;
                }
            };
            match packet {
                Packet::Publish(publish) => {
                    if let Some(id) = publish.packet_id {
                        self.send(&Packet::PubAck(thingstead_mqtt_wire::PubAck::new(id))).await?;
                    }
                    return Ok(publish);
                }
                Packet::Disconnect(bye) => return Err(disconnected(&bye)),
                _ => {}
            }
        }
    }

    /// Says goodbye, so that no Will and no error follow.
    pub(super) async fn close(mut self) -> Result<(), Failure> {
        self.send(&Packet::Disconnect(Disconnect::new(ReasonCode::Success))).await?;
        let _ = self.stream.shutdown().await;
        Ok(())
    }

    async fn send(&mut self, packet: &Packet) -> Result<(), Failure> {
        let mut out = BytesMut::new();
        packet.encode(Version::V5, &mut out).map_err(|error| Failure::usage(error.to_string()))?;
        self.stream.write_all(&out).await?;
        Ok(self.stream.flush().await?)
    }

    async fn next_within(&mut self, limit: Duration) -> Result<Packet, Failure> {
        match tokio::time::timeout(limit, self.next()).await {
            Ok(packet) => packet,
            Err(_) => {
                Err(Failure::new(format!("the server did not answer within {} seconds", limit.as_secs())))
            }
        }
    }

    async fn next(&mut self) -> Result<Packet, Failure> {
        loop {
            match self.decoder.decode(&mut self.buffer) {
                Ok(Some(packet)) => return Ok(packet),
                Ok(None) => {}
                Err(error) => {
                    return Err(Failure::new(format!("the server sent a malformed packet: {error}")));
                }
            }
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(Failure::new("the server closed the connection"));
            }
        }
    }
}

fn disconnected(bye: &Disconnect) -> Failure {
    Failure::new(format!("the server ended the connection: {:?}; `thingstead why` says why", bye.reason))
}
