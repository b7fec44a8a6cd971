//! Endpoints by host name: domain configurations, accounts, and who must send a host name at all.

use std::net::SocketAddr;

use thingstead_broker::{Settings, Sni};
use thingstead_core::{Event, Kind, Scope};
use thingstead_mqtt_wire::QoS;
use thingstead_registry::{
    ApplicationProtocol, AuthenticationType, CertificateStatus, CreateDomainConfiguration,
    DomainConfigurationStatus, DomainSettings, RegisterCaCertificate, Registry, ServiceType, Target,
    UpdateDomainConfiguration,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::client::{Client, V3};
use crate::house::scope;
use crate::tls::{Fort, Pair};

const CONNECT: &[u8] = b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01d";
const REQUEST: &[u8] = b"GET /who HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
const UPGRADE: &[u8] =
    b"GET /mqtt HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
      sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\nsec-websocket-protocol: mqtt\r\n\
      authorization: AWS4-HMAC-SHA256 Credential=AKID/20260101/us-east-1/iotdevicegateway/aws4_request, SignedHeaders=host, Signature=00\r\n\
      x-amz-date: 20260101T000000Z\r\n\r\n";
const ANYTHING: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iot:*","Resource":"*"}]}"#;

struct Site {
    fort: Fort,
    registry: Registry,
}

impl Site {
    async fn new(sni: Sni) -> Self {
        let (fort, registry) = Fort::registered_with(Settings { sni, ..Settings::default() }).await;
        Self { fort, registry }
    }

    async fn admit(&self, scope: &Scope, pair: &Pair) {
        let active = Some(CertificateStatus::Active);
        self.registry.register_certificate_without_ca(scope, &pair.pem, active).await.expect("registered");
        let _ = self.registry.create_policy(scope, "anything", ANYTHING, &[]).await;
        self.registry
            .attach_policy(scope, "anything", &Target::Certificate(pair.id()))
            .await
            .expect("attached");
    }

    async fn endpoint(&self, scope: &Scope, host: &str, settings: DomainSettings) {
        let request = CreateDomainConfiguration {
            name: host.to_owned(),
            domain_name: Some(host.to_owned()),
            settings,
            ..CreateDomainConfiguration::default()
        };
        self.registry.create_domain_configuration(scope, request).await.expect("an endpoint");
    }

    /// What is answered to some bytes, or nothing where there is no connection.
    async fn says(
        &self,
        host: &str,
        door: SocketAddr,
        pair: Option<&Pair>,
        alpn: &[&str],
        bytes: &[u8],
    ) -> Vec<u8> {
        let config = self.fort.config(pair, rustls::ALL_VERSIONS, alpn);
        let Ok(mut stream) = self.fort.shake_at(host, door, config).await else { return Vec::new() };
        if stream.write_all(bytes).await.is_err() {
            return Vec::new();
        }
        let mut answer = [0; 12];
        let count = stream.read(&mut answer).await.unwrap_or(0);
        answer[..count].to_vec()
    }

    async fn is_served_mqtt(&self, host: &str, pair: &Pair) -> bool {
        self.says(host, self.mqtts(), Some(pair), &[], CONNECT).await == [0x20, 2, 0, 0]
    }

    fn mqtts(&self) -> SocketAddr {
        self.fort.house.bound.mqtts[0]
    }

    fn https(&self) -> SocketAddr {
        self.fort.house.bound.https[0]
    }

    async fn refused(&self, reason: &str) -> Event {
        self.fort.house.event(Kind::AuthenticationRefused, |event| event.to_json()["reason"] == reason).await
    }
}

fn wants(how: AuthenticationType, what: ApplicationProtocol) -> DomainSettings {
    DomainSettings {
        authentication_type: Some(how),
        application_protocol: Some(what),
        ..DomainSettings::default()
    }
}

#[tokio::test]
async fn a_custom_domain_is_served_until_it_is_disabled() {
    // MQTT-009, MQTT-010, AUTH-015, AUTH-017, AUTH-302: with a certificate of the server's own root for that name.
    let site = Site::new(Sni::default()).await;
    let pair = Pair::device();
    site.admit(&scope(), &pair).await;
    site.endpoint(&scope(), "things.example.com", DomainSettings::default()).await;
    let config = site.fort.config(Some(&pair), rustls::ALL_VERSIONS, &[]);
    let stream = site.fort.shake_at("Things.Example.com", site.mqtts(), config).await.expect("trusted");
    let mut custom = Client::over(stream, V3);
    custom.send_bytes(CONNECT).await;
    custom.receive().await;
    custom.subscribe("t", QoS::AtLeastOnce).await;
    let mut usual = Client::connect(site.fort.house.plain(), V3, "usual").await;
    usual.acked("t", "hello").await;
    assert_eq!(custom.payload().await, "hello");
    // By ALPN on the shared port as well.
    let answer =
        site.says("things.example.com", site.https(), Some(&pair), &["x-amzn-mqtt-ca"], CONNECT).await;
    assert_eq!(answer, [0x20, 2, 0, 0]);

    let off = UpdateDomainConfiguration {
        status: Some(DomainConfigurationStatus::Disabled),
        ..UpdateDomainConfiguration::default()
    };
    site.registry.update_domain_configuration(&scope(), "things.example.com", off).await.expect("disabled");
    assert!(!site.is_served_mqtt("things.example.com", &pair).await);
    let event = site.refused("DOMAIN_CONFIGURATION_DISABLED").await;
    assert_eq!(event.to_json()["server_name"], "things.example.com");
    assert!(event.why.contains("`things.example.com`"), "{}", event.why);
    assert!(site.is_served_mqtt("localhost", &pair).await);
}

#[tokio::test]
async fn the_endpoint_decides_and_not_port_or_alpn() {
    // MQTT-008, AUTH-010
    use {ApplicationProtocol as What, AuthenticationType as How};
    let site = Site::new(Sni::default()).await;
    let pair = Pair::device();
    site.admit(&scope(), &pair).await;
    for (host, how, what) in [
        ("mqtt.lab", How::AwsX509, What::SecureMqtt),
        ("http.lab", How::AwsX509, What::Https),
        ("ws.lab", How::AwsSigv4, What::MqttWss),
        ("signed.lab", How::AwsSigv4, What::Https),
    ] {
        site.endpoint(&scope(), host, wants(how, what)).await;
    }
    let connack = &[0x20, 2, 0, 0][..];
    let (ok, switching, not_found) = (&b"HTTP/1.1 200"[..], &b"HTTP/1.1 101"[..], &b"HTTP/1.1 404"[..]);
    let nothing = &b""[..];
    for door in [site.mqtts(), site.https()] {
        for (host, pair, alpn, bytes, expected) in [
            ("mqtt.lab", Some(&pair), &[][..], CONNECT, connack),
            ("mqtt.lab", Some(&pair), &["mqtt"], CONNECT, connack),
            ("mqtt.lab", Some(&pair), &["x-amzn-http-ca"], CONNECT, connack),
            ("mqtt.lab", None, &["mqtt"], CONNECT, nothing),
            ("http.lab", Some(&pair), &[], REQUEST, ok),
            ("http.lab", Some(&pair), &["x-amzn-mqtt-ca"], REQUEST, ok),
            ("http.lab", None, &[], REQUEST, nothing),
            // Only one protocol is spoken there.
            ("http.lab", Some(&pair), &[], UPGRADE, not_found),
            ("ws.lab", None, &[], REQUEST, not_found),
            ("ws.lab", None, &[], UPGRADE, switching),
            ("ws.lab", Some(&pair), &[], UPGRADE, switching),
            ("signed.lab", None, &["http/1.1"], REQUEST, ok),
            ("signed.lab", None, &[], UPGRADE, not_found),
        ] {
            let answer = site.says(host, door, pair, alpn, bytes).await;
            assert_eq!(
                String::from_utf8_lossy(&answer),
                String::from_utf8_lossy(expected),
                "{host} {alpn:?} {:?}",
                String::from_utf8_lossy(bytes)
            );
        }
    }
    // A device that shows a certificate where nobody asks for it stays unknown.
    let config = site.fort.config(Some(&pair), rustls::ALL_VERSIONS, &[]);
    let mut stream = site.fort.shake_at("signed.lab", site.https(), config).await.expect("a handshake");
    stream.write_all(REQUEST).await.expect("written");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    assert!(answer.contains("None") && answer.contains("signed.lab"), "{answer}");
}

#[tokio::test]
async fn security_policies_restrict_the_versions_of_tls() {
    // AUTH-273, AUTH-274, MQTT-028
    let site = Site::new(Sni::default()).await;
    let pair = Pair::device();
    site.admit(&scope(), &pair).await;
    let (new, old) = (&rustls::version::TLS13, &rustls::version::TLS12);
    for (n, (policy, fits)) in [
        ("IoTSecurityPolicy_TLS13_1_3_2022_10", [true, false]),
        ("IoTSecurityPolicy_TLS13_1_2_2022_10", [true, true]),
        ("IoTSecurityPolicy_TLS12_1_2_2022_10", [false, true]),
    ]
    .into_iter()
    .enumerate()
    {
        let host = format!("tls{n}.lab");
        let settings =
            DomainSettings { security_policy: Some(policy.to_owned()), ..DomainSettings::default() };
        site.endpoint(&scope(), &host, settings).await;
        for (version, fits) in [(new, fits[0]), (old, fits[1])] {
            let config = site.fort.config(Some(&pair), &[version], &[]);
            let shaken = site.fort.shake_at(&host, site.mqtts(), config).await;
            assert_eq!(shaken.is_ok(), fits, "{policy} {version:?}");
        }
    }
    // A change counts for the next handshake.
    let update = UpdateDomainConfiguration {
        settings: DomainSettings {
            security_policy: Some("IoTSecurityPolicy_TLS13_1_3_2022_10".to_owned()),
            ..DomainSettings::default()
        },
        ..UpdateDomainConfiguration::default()
    };
    site.registry.update_domain_configuration(&scope(), "tls1.lab", update).await.expect("updated");
    let config = site.fort.config(Some(&pair), &[old], &[]);
    assert!(site.fort.shake_at("tls1.lab", site.mqtts(), config).await.is_err());
}

#[tokio::test]
async fn the_host_name_chooses_among_the_accounts_of_a_certificate() {
    // AUTH-014, AUTH-015, AUTH-040, PROV-019, MQTT-031, AUTH-301
    let site = Site::new(Sni::default()).await;
    let (a, b) = (Scope::new("111122223333", "us-east-1"), Scope::new("444455556666", "us-east-1"));
    let (shared, only_a) = (Pair::device(), Pair::device());
    site.admit(&a, &shared).await;
    site.admit(&b, &shared).await;
    site.admit(&a, &only_a).await;
    site.endpoint(&b, "b.example.com", DomainSettings::default()).await;
    for (host, owner) in [
        ("111122223333.localhost", Some(&a)),
        ("444455556666.localhost", Some(&b)),
        ("444455556666-ats.iot.us-east-1.amazonaws.com", Some(&b)),
        ("b.example.com", Some(&b)),
        ("localhost", None),
    ] {
        let before = site.fort.house.events(Kind::Connected).len();
        assert_eq!(site.is_served_mqtt(host, &shared).await, owner.is_some(), "{host}");
        if let Some(owner) = owner {
            let events = site.fort.house.events(Kind::Connected);
            assert_eq!((events.len(), &events[before].scope), (before + 1, owner), "{host}");
        }
    }
    let event = site.refused("SNI_MISUSED").await;
    assert!(event.why.contains("111122223333, 444455556666"), "{}", event.why);
    assert!(site.is_served_mqtt("localhost", &only_a).await);
    for host in ["444455556666.localhost", "b.example.com", "444455556666-ats.iot.us-east-1.amazonaws.com"] {
        assert!(!site.is_served_mqtt(host, &only_a).await, "{host}");
        let named = |event: &Event| {
            event.principal.as_deref() == Some(&*only_a.id()) && event.to_json()["server_name"] == host
        };
        let event = site.fort.house.event(Kind::AuthenticationRefused, named).await;
        assert_eq!((&event.to_json()["reason"], &event.scope), (&"SNI_MISUSED".into(), &a));
    }
}

#[tokio::test]
async fn a_certificate_without_a_ca_needs_a_host_name() {
    // AUTH-013, AUTH-014, AUTH-042, PROV-017, MQTT-030
    let issued = Pair::device();
    for (sni, sni_only_unnamed, issued_unnamed, stranger) in [
        (Sni::Optional, true, true, true),
        (Sni::Aws, false, true, true),
        (Sni::Required, false, false, false),
    ] {
        let site = Site::new(sni).await;
        let pair = Pair::device();
        site.admit(&scope(), &pair).await;
        assert!(site.is_served_mqtt("localhost", &pair).await);
        assert_eq!(site.is_served_mqtt("127.0.0.1", &pair).await, sni_only_unnamed, "{sni:?}");
        if !sni_only_unnamed {
            assert!(
                site.refused("SNI_MISUSED").await.to_json()["fix"]
                    .as_str()
                    .expect("a fix")
                    .contains("host name")
            );
        }
        // One in DEFAULT mode: signed by a CA whose owner proved to have its key, or issued by the service.
        let fort = Fort::with(Settings { sni, ..Settings::default() }).await;
        fort.register(&issued, true, "ACTIVE");
        let config = fort.config(Some(&issued), rustls::ALL_VERSIONS, &[]);
        let served = match fort.shake_at("127.0.0.1", fort.house.bound.mqtts[0], config).await {
            Err(_) => false,
            Ok(mut stream) => {
                let _ = stream.write_all(CONNECT).await;
                matches!(stream.read(&mut [0; 4]).await, Ok(4))
            }
        };
        assert_eq!(served, issued_unnamed, "{sni:?}");
        // The name of a container is nobody's endpoint, and yet it leads here.
        let config = site.fort.config(Some(&pair), rustls::ALL_VERSIONS, &[]);
        let shaken = site.fort.shake_at("broker-1", site.mqtts(), config).await;
        let unknown_name = |error: &std::io::Error| {
            let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
            inner == Some(&rustls::Error::AlertReceived(rustls::AlertDescription::UnrecognisedName))
        };
        let refused = shaken.as_ref().err().is_some_and(unknown_name);
        assert_eq!(!refused, stranger, "{sni:?} {shaken:?}");
    }
}

#[tokio::test]
async fn the_host_name_chooses_the_account_that_a_certificate_registers_itself_in() {
    // AUTH-037, AUTH-041, PROV-018, PROV-041, PROV-063
    let site = Site::new(Sni::default()).await;
    let (pair, ca) = Pair::signed();
    let (a, b) = (Scope::new("111122223333", "us-east-1"), Scope::new("444455556666", "us-east-1"));
    for scope in [&a, &b] {
        let request = RegisterCaCertificate {
            ca_certificate: ca.clone(),
            sni_only: true,
            active: true,
            auto_registration: true,
            ..RegisterCaCertificate::default()
        };
        site.registry.register_ca_certificate(scope, request).await.expect("any number of accounts");
    }
    let status =
        |scope: &Scope| site.registry.describe_certificate(scope, &pair.id()).map(|it| it.status).ok();
    for host in ["localhost", "127.0.0.1"] {
        assert!(!site.is_served_mqtt(host, &pair).await);
        assert_eq!((status(&a), status(&b)), (None, None), "{host}");
    }
    assert!(!site.is_served_mqtt("444455556666.localhost", &pair).await);
    assert_eq!((status(&a), status(&b)), (None, Some(CertificateStatus::PendingActivation)));
    site.registry.update_certificate(&b, &pair.id(), CertificateStatus::Active).await.expect("activated");
    assert!(!site.is_served_mqtt("111122223333.localhost", &pair).await);
    assert_eq!(status(&a), Some(CertificateStatus::PendingActivation));
}

#[tokio::test]
async fn an_endpoint_of_another_service_speaks_no_mqtt() {
    // AUTH-302
    let site = Site::new(Sni::default()).await;
    let pair = Pair::device();
    site.admit(&scope(), &pair).await;
    let request = CreateDomainConfiguration {
        name: "keys".to_owned(),
        domain_name: Some("keys.lab".to_owned()),
        service_type: ServiceType::CredentialProvider,
        ..CreateDomainConfiguration::default()
    };
    site.registry.create_domain_configuration(&scope(), request).await.expect("an endpoint");
    assert!(!site.is_served_mqtt("keys.lab", &pair).await);
    let event = site.refused("DOMAIN_CONFIGURATION_INVALID").await;
    assert!(event.why.contains("DATA"), "{}", event.why);
}

#[tokio::test]
async fn one_certificate_serves_many_clients() {
    // AUTH-052
    let site = Site::new(Sni::default()).await;
    let pair = Pair::device();
    site.admit(&scope(), &pair).await;
    let mut clients = Vec::new();
    for id in ["a", "b", "c"] {
        let connect = thingstead_mqtt_wire::Connect::new(V3, id, 60);
        let (client, ack) = site.fort.connect(&pair, connect).await;
        assert_eq!(ack.reason.as_u8(), 0);
        clients.push(client);
    }
    for client in &mut clients {
        client.ping().await;
    }
}

#[tokio::test]
async fn nobody_is_asked_whether_a_certificate_was_revoked_elsewhere() {
    // AUTH-048
    let site = Site::new(Sni::default()).await;
    let lists = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let uri = format!("http://{}/list.crl", lists.local_addr().expect("an address"));
    let pair = Pair::new(&rcgen::PKCS_ECDSA_P256_SHA256, |params| {
        params.crl_distribution_points = vec![rcgen::CrlDistributionPoint { uris: vec![uri] }];
    });
    site.admit(&scope(), &pair).await;
    assert!(site.is_served_mqtt("localhost", &pair).await);
    let asked = tokio::time::timeout(std::time::Duration::from_millis(50), lists.accept()).await;
    assert!(asked.is_err(), "somebody asked for the list of revoked certificates");
}

#[tokio::test]
async fn a_connection_with_a_certificate_lives_as_long_as_it_likes() {
    // AUTH-018: 24 hours are the limit of signatures only.
    let site = Site::new(Sni::default()).await;
    let pair = Pair::device();
    site.admit(&scope(), &pair).await;
    let (mut client, ack) =
        site.fort.connect(&pair, thingstead_mqtt_wire::Connect::new(V3, "old", 1200)).await;
    assert_eq!(ack.reason.as_u8(), 0);
    for _ in 0..100 {
        site.fort.house.advance(1000);
        client.ping().await;
    }
}
