//! Mutual TLS: who gets in, and the port that tells protocols apart.

use std::net::SocketAddr;
use std::sync::Arc;

use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, SignatureAlgorithm};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{AlertDescription, ClientConfig, RootCertStore, SupportedProtocolVersion};
use sha2::{Digest, Sha256};
use thingstead_broker::{Doors, ServerCertificate, Settings, Standing, TABLES};
use thingstead_core::wiring::ConnectionControl;
use thingstead_core::{CertificateId, Kind};
use thingstead_mqtt_wire::{ConnAck, Connect, Packet, QoS, ReasonCode};
use thingstead_registry::{Registry, RegistrySettings};
use thingstead_store::Store;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::client::{Client, V3, V5};
use crate::house::{House, scope};

/// A house with TLS doors, and what clients must trust.
pub(crate) struct Fort {
    pub(crate) house: House,
    roots: RootCertStore,
}

/// A certificate with its key.
pub(crate) struct Pair {
    der: CertificateDer<'static>,
    key: KeyPair,
    pub(crate) pem: String,
}

impl Pair {
    pub(crate) fn new(
        algorithm: &'static SignatureAlgorithm,
        change: impl FnOnce(&mut CertificateParams),
    ) -> Self {
        let key = KeyPair::generate_for(algorithm).expect("a key");
        let mut params =
            CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()]).expect("parameters");
        change(&mut params);
        let certificate = params.self_signed(&key).expect("a certificate");
        Self { der: certificate.der().clone(), pem: certificate.pem(), key }
    }

    pub(crate) fn device() -> Self {
        Self::new(&PKCS_ECDSA_P256_SHA256, |_| {})
    }

    /// A certificate that a CA of one's own has signed, and the CA's.
    pub(crate) fn signed() -> (Self, String) {
        let (ca_key, key) = (KeyPair::generate().expect("a key"), KeyPair::generate().expect("a key"));
        let mut ca = CertificateParams::new(Vec::new()).expect("parameters");
        ca.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        ca.distinguished_name.push(rcgen::DnType::CommonName, "factory");
        let ca_pem = ca.self_signed(&ca_key).expect("a certificate").pem();
        let issuer = rcgen::Issuer::from_params(&ca, &ca_key);
        let params = CertificateParams::new(vec!["device".to_owned()]).expect("parameters");
        let certificate = params.signed_by(&key, &issuer).expect("a certificate");
        (Self { der: certificate.der().clone(), pem: certificate.pem(), key }, ca_pem)
    }

    pub(crate) fn id(&self) -> CertificateId {
        hex::encode(Sha256::digest(&self.der)).into()
    }

    fn key(&self) -> PrivateKeyDer<'static> {
        PrivatePkcs8KeyDer::from(self.key.serialize_der()).into()
    }
}

impl Fort {
    pub(crate) async fn new() -> Self {
        Self::with(Settings::default()).await
    }

    pub(crate) async fn with(settings: Settings) -> Self {
        let (settings, doors, roots) = Self::plan(settings);
        let store = Store::ephemeral(TABLES).expect("a store");
        Self { house: House::build(settings, store, doors).await, roots }
    }

    /// With a real registry.
    pub(crate) async fn registered() -> (Self, Registry) {
        Self::registered_with(Settings::default()).await
    }

    pub(crate) async fn registered_with(settings: Settings) -> (Self, Registry) {
        Self::registered_as(settings, RegistrySettings::default()).await
    }

    /// With a registry of settings of its own.
    pub(crate) async fn registered_as(settings: Settings, about: RegistrySettings) -> (Self, Registry) {
        let (settings, doors, mut roots) = Self::plan(settings);
        let (house, registry) = House::registered(settings, doors, about).await;
        let root = registry.ca().root_pem(house.clock.now()).expect("a root");
        roots.add(CertificateDer::from_pem_slice(root.as_bytes()).expect("DER")).expect("a root");
        (Self { house, roots }, registry)
    }

    fn plan(settings: Settings) -> (Settings, Doors, RootCertStore) {
        let pairs = [Pair::device(), Pair::new(&PKCS_RSA_SHA256, |_| {})];
        let mut roots = RootCertStore::empty();
        let mut certificates = Vec::new();
        for pair in &pairs {
            roots.add(pair.der.clone()).expect("a root");
            certificates.push(ServerCertificate { chain: vec![pair.der.clone()], key: pair.key() });
        }
        let local = SocketAddr::from(([127, 0, 0, 1], 0));
        let doors = Doors { mqtts: vec![local], https: vec![local], mqtt: Vec::new() };
        (Settings { certificates, ..settings }, doors, roots)
    }

    /// A TLS connection to the MQTT port, for a client that says what it likes.
    pub(crate) async fn mqtts(&self, pair: &Pair) -> std::io::Result<TlsStream<TcpStream>> {
        self.shake(self.house.bound.mqtts[0], self.config(Some(pair), rustls::ALL_VERSIONS, &[])).await
    }

    /// Connects with a certificate.
    pub(crate) async fn connect(&self, pair: &Pair, connect: Connect) -> (Client, ConnAck) {
        let mut client = Client::over(self.mqtts(pair).await.expect("a handshake"), connect.version);
        client.send(&Packet::Connect(Box::new(connect))).await;
        let Packet::ConnAck(ack) = client.receive().await else { panic!("no CONNACK") };
        (client, *ack)
    }

    pub(crate) fn register(&self, pair: &Pair, active: bool, status: &'static str) {
        let standing = Standing { scope: scope(), active, status, sni_only: false };
        self.house.certificates.0.lock().insert(pair.id(), standing);
    }

    pub(crate) fn config(
        &self,
        pair: Option<&Pair>,
        versions: &[&'static SupportedProtocolVersion],
        alpn: &[&str],
    ) -> ClientConfig {
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(versions)
            .expect("versions")
            .with_root_certificates(self.roots.clone());
        let mut config = match pair {
            Some(pair) => {
                builder.with_client_auth_cert(vec![pair.der.clone()], pair.key()).expect("a certificate")
            }
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        config
    }

    async fn shake(
        &self,
        address: SocketAddr,
        config: ClientConfig,
    ) -> std::io::Result<TlsStream<TcpStream>> {
        self.shake_at("localhost", address, config).await
    }

    /// A handshake with a host name; an address sends no SNI.
    pub(crate) async fn shake_at(
        &self,
        name: &str,
        address: SocketAddr,
        config: ClientConfig,
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let tcp = TcpStream::connect(address).await?;
        let name = ServerName::try_from(name.to_owned()).expect("a name");
        TlsConnector::from(Arc::new(config)).connect(name, tcp).await
    }

    /// A TLS connection to the shared port.
    pub(crate) async fn https(&self, pair: Option<&Pair>, alpn: &[&str]) -> TlsStream<TcpStream> {
        let config = self.config(pair, rustls::ALL_VERSIONS, alpn);
        self.shake(self.house.bound.https[0], config).await.expect("a handshake")
    }

    /// The alert that a handshake on the MQTT port ends with.
    async fn alert(
        &self,
        pair: Option<&Pair>,
        version: &'static SupportedProtocolVersion,
    ) -> AlertDescription {
        let config = self.config(pair, &[version], &[]);
        let error = match self.shake(self.house.bound.mqtts[0], config).await {
            Err(error) => error,
            // In TLS 1.3 the client has finished before the server looks at its certificate.
            Ok(mut stream) => stream.read(&mut [0; 16]).await.expect_err("refused"),
        };
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
        match inner {
            Some(rustls::Error::AlertReceived(alert)) => *alert,
            _ => panic!("{error:?}"),
        }
    }
}

#[tokio::test]
async fn a_registered_active_certificate_gets_in() {
    // MQTT-001, MQTT-028, MQTT-033, AUTH-002, AUTH-012, AUTH-030, AUTH-033, AUTH-045, MQTT-206, AUTH-050
    let fort = Fort::new().await;
    for (pair, version) in [
        (Pair::device(), &rustls::version::TLS13),
        (Pair::device(), &rustls::version::TLS12),
        (Pair::new(&PKCS_RSA_SHA256, |_| {}), &rustls::version::TLS13),
        (Pair::new(&PKCS_RSA_SHA256, |_| {}), &rustls::version::TLS12),
    ] {
        fort.register(&pair, true, "ACTIVE");
        let config = fort.config(Some(&pair), &[version], &[]);
        let stream = fort.shake(fort.house.bound.mqtts[0], config).await.expect("a handshake");
        let mut client = Client::over(stream, V5);
        client.send(&Packet::Connect(Box::new(Connect::new(V5, "c", 60)))).await;
        assert!(matches!(client.receive().await, Packet::ConnAck(ack) if ack.reason == ReasonCode::Success));
        client.subscribe("big", QoS::AtLeastOnce).await;
        let payload = "x".repeat(100_000);
        client.acked("big", &payload).await;
        assert_eq!(client.payload().await, payload);
        client.leave().await;
        let id = pair.id();
        let is_ours = |event: &thingstead_core::Event| event.principal.as_deref() == Some(&*id);
        fort.house.event(Kind::Connected, is_ours).await;
        fort.house
            .event(Kind::Disconnected, |event| is_ours(event) && event.why.contains("DISCONNECT"))
            .await;
    }
}

#[tokio::test]
async fn any_other_certificate_is_refused_in_the_handshake() {
    // MQTT-032, MQTT-033, MQTT-034, MQTT-035, MQTT-257, AUTH-031, AUTH-032, AUTH-038
    let fort = Fort::new().await;
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        let (unknown, inactive, revoked) = (Pair::device(), Pair::device(), Pair::device());
        let expired = Pair::new(&PKCS_ECDSA_P256_SHA256, |params| {
            params.not_after = rcgen::date_time_ymd(2020, 1, 1);
        });
        fort.register(&inactive, false, "INACTIVE");
        fort.register(&revoked, false, "REVOKED");
        fort.register(&expired, true, "ACTIVE");
        for (pair, reason) in [
            (&unknown, "DEVICE_CERTIFICATE_NOT_REGISTERED"),
            (&inactive, "DEVICE_CERTIFICATE_INACTIVE"),
            (&revoked, "DEVICE_CERTIFICATE_REVOKED"),
            (&expired, "DEVICE_CERTIFICATE_INACTIVE"),
        ] {
            assert_eq!(
                fort.alert(Some(pair), version).await,
                AlertDescription::CertificateUnknown,
                "{reason}"
            );
            let id = pair.id();
            let refused = |event: &thingstead_core::Event| event.principal.as_deref() == Some(&*id);
            let event = fort.house.event(Kind::AuthenticationRefused, refused).await;
            assert_eq!(event.to_json()["reason"], reason);
            assert!(event.why.contains(&*id), "{}", event.why);
        }
        assert_eq!(fort.alert(None, version).await, AlertDescription::CertificateRequired);
    }
}

#[tokio::test]
async fn connections_of_a_certificate_end_when_it_leaves_active() {
    // MQTT-036, POLICY-480, POLICY-481
    let fort = Fort::new().await;
    let (pair, other) = (Pair::device(), Pair::device());
    let mut clients = Vec::new();
    for (id, pair, version) in [("a", &pair, V5), ("b", &pair, V3), ("c", &other, V5)] {
        fort.register(pair, true, "ACTIVE");
        let config = fort.config(Some(pair), rustls::ALL_VERSIONS, &[]);
        let stream = fort.shake(fort.house.bound.mqtts[0], config).await.expect("a handshake");
        let mut client = Client::over(stream, version);
        client.send(&Packet::Connect(Box::new(Connect::new(version, id, 60)))).await;
        client.receive().await;
        clients.push(client);
    }
    fort.house.broker.certificate_left_active(&scope(), &pair.id());
    assert_eq!(clients[0].disconnected().await.as_u8(), 0x87);
    clients[1].closed().await;
    clients[2].ping().await;
    let event = fort.house.event(Kind::Disconnected, |event| event.client.as_deref() == Some("a")).await;
    assert_eq!(event.to_json()["disconnect_reason"], "AUTH_ERROR");
}

#[tokio::test]
async fn the_shared_port_tells_protocols_apart() {
    // MQTT-001, MQTT-003, MQTT-004, MQTT-005, AUTH-001, AUTH-003, AUTH-006, AUTH-007
    let fort = Fort::new().await;
    let pair = Pair::device();
    fort.register(&pair, true, "ACTIVE");
    let stream = fort.https(Some(&pair), &["x-amzn-mqtt-ca"]).await;
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"x-amzn-mqtt-ca"[..]));
    let mut client = Client::over(stream, V3);
    client.send(&Packet::Connect(Box::new(Connect::new(V3, "c", 60)))).await;
    assert!(matches!(client.receive().await, Packet::ConnAck(_)));
    client.ping().await;
    for (pair, alpn, expected) in [
        (Some(&pair), &["x-amzn-http-ca"][..], Some(pair.id().to_string())),
        (Some(&pair), &["http/1.1"], Some(pair.id().to_string())),
        (Some(&pair), &[], Some(pair.id().to_string())),
        (None, &[], Some("None".to_owned())),
        (None, &["x-amzn-http-ca"], None),
        (None, &["x-amzn-mqtt-ca"], None),
        (None, &["mqtt"], None),
    ] {
        let mut stream = fort.https(pair, alpn).await;
        let request = b"GET /who HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
        let mut answer = Vec::new();
        // Where the door closes at once, writing or reading may fail first.
        let written = stream.write_all(request).await;
        let read = stream.read_to_end(&mut answer).await;
        let answer = String::from_utf8_lossy(&answer);
        match expected {
            Some(expected) => {
                assert!(written.is_ok() && answer.starts_with("HTTP/1.1 200"), "{alpn:?} {read:?} {answer}");
                assert!(answer.contains(&expected) && answer.contains("localhost"), "{answer}");
            }
            None => assert!(answer.is_empty(), "{alpn:?} {answer}"),
        }
    }
    let mut raw = fort.https(None, &[]).await;
    raw.write_all(b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01d\r\n\r\n").await.expect("written");
    let mut answer = Vec::new();
    // Whether hyper answers 400 or just closes is its own business.
    let _ = raw.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"\x20"), "raw MQTT is not served there");
}

#[tokio::test]
async fn a_broken_handshake_leaves_a_note() {
    let fort = Fort::new().await;
    let mut tcp = TcpStream::connect(fort.house.bound.mqtts[0]).await.expect("a socket");
    tcp.write_all(b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01d").await.expect("written");
    let event = fort.house.event(Kind::AuthenticationRefused, |_| true).await;
    assert!(event.why.contains("handshake failed"), "{}", event.why);
}
