//! Resumed TLS sessions: quick, and no way around the registry.

use std::net::SocketAddr;

use rustls::{ClientConfig, HandshakeKind};
use thingstead_core::{Event, Kind};
use thingstead_mqtt_wire::{Connect, Packet};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::client::{Client, V3};
use crate::house::scope;
use crate::tls::{Fort, Pair};

const CONNECT: &[u8] = b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01d";

/// Connects, is served, and leaves; how the handshake went.
async fn visit(fort: &Fort, host: &str, door: SocketAddr, config: &ClientConfig) -> Option<HandshakeKind> {
    let mut stream = fort.shake_at(host, door, config.clone()).await.ok()?;
    stream.write_all(CONNECT).await.ok()?;
    let mut answer = [0; 4];
    stream.read_exact(&mut answer).await.ok()?;
    assert_eq!(answer, [0x20, 2, 0, 0]);
    let kind = stream.get_ref().1.handshake_kind();
    let mut client = Client::over(stream, V3);
    // What TLS 1.3 gave the client for the next time comes in with this answer at the latest.
    client.ping().await;
    client.leave().await;
    kind
}

#[tokio::test]
async fn a_client_resumes_with_both_versions_of_tls() {
    // MQTT-029, AUTH-016: no ticket of RFC 5077; what is resumed is a session in the server's memory.
    let fort = Fort::new().await;
    let door = fort.house.bound.mqtts[0];
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        let pair = Pair::device();
        fort.register(&pair, true, "ACTIVE");
        let config = fort.config(Some(&pair), &[version], &[]);
        assert_eq!(visit(&fort, "localhost", door, &config).await, Some(HandshakeKind::Full), "{version:?}");
        for _ in 0..3 {
            let again = visit(&fort, "localhost", door, &config).await;
            assert_eq!(again, Some(HandshakeKind::Resumed), "{version:?}");
        }
        let id = pair.id();
        let ours = |event: &&Event| event.principal.as_deref() == Some(&*id);
        assert_eq!(fort.house.events(Kind::Connected).iter().filter(ours).count(), 4);
    }
}

#[tokio::test]
async fn a_certificate_that_is_no_longer_active_does_not_resume() {
    // MQTT-034, AUTH-030, AUTH-031, AUTH-032, AUTH-301: what the session remembers proves nothing.
    let fort = Fort::new().await;
    let door = fort.house.bound.mqtts[0];
    for (version, status, reason) in [
        (&rustls::version::TLS13, "REVOKED", "DEVICE_CERTIFICATE_REVOKED"),
        (&rustls::version::TLS12, "REVOKED", "DEVICE_CERTIFICATE_REVOKED"),
        (&rustls::version::TLS13, "INACTIVE", "DEVICE_CERTIFICATE_INACTIVE"),
        (&rustls::version::TLS12, "", "DEVICE_CERTIFICATE_NOT_REGISTERED"),
    ] {
        let pair = Pair::device();
        fort.register(&pair, true, "ACTIVE");
        let config = fort.config(Some(&pair), &[version], &[]);
        visit(&fort, "localhost", door, &config).await.expect("served");
        if status.is_empty() {
            fort.house.certificates.0.lock().remove(&pair.id());
        } else {
            fort.register(&pair, false, status);
        }
        let mut stream = fort.shake_at("localhost", door, config.clone()).await.expect("a handshake");
        assert_eq!(stream.get_ref().1.handshake_kind(), Some(HandshakeKind::Resumed));
        let _ = stream.write_all(CONNECT).await;
        assert!(!matches!(stream.read(&mut [0; 16]).await, Ok(1..)), "served after it was {status}");
        let id = pair.id();
        let event = fort
            .house
            .event(Kind::AuthenticationRefused, |event| event.principal.as_deref() == Some(&*id))
            .await;
        assert_eq!(event.to_json()["reason"], reason);
        assert_eq!(event.to_json()["server_name"], "localhost");
        // Active again, it is served again.
        fort.register(&pair, true, "ACTIVE");
        visit(&fort, "localhost", door, &config).await.expect("served");
    }
}

#[tokio::test]
async fn an_expired_certificate_does_not_resume() {
    // AUTH-030
    let fort = Fort::new().await;
    let pair = Pair::new(&rcgen::PKCS_ECDSA_P256_SHA256, |params| {
        params.not_after = rcgen::date_time_ymd(2026, 1, 2);
    });
    fort.register(&pair, true, "ACTIVE");
    let config = fort.config(Some(&pair), rustls::ALL_VERSIONS, &[]);
    let door = fort.house.bound.mqtts[0];
    visit(&fort, "localhost", door, &config).await.expect("served");
    fort.house.advance(48 * 3600);
    assert_eq!(visit(&fort, "localhost", door, &config).await, None);
    let event = fort.house.event(Kind::AuthenticationRefused, |_| true).await;
    assert!(event.why.contains("expired"), "{}", event.why);
}

#[tokio::test]
async fn a_session_of_one_door_does_not_open_another() {
    let fort = Fort::new().await;
    let pair = Pair::device();
    fort.register(&pair, true, "ACTIVE");
    // At the shared port a client may come without a certificate; at the MQTT port that session is worth nothing.
    let nobody = fort.config(None, rustls::ALL_VERSIONS, &[]);
    let mut stream =
        fort.shake_at("localhost", fort.house.bound.https[0], nobody.clone()).await.expect("a handshake");
    stream
        .write_all(b"GET /who HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        .await
        .expect("written");
    stream.read_to_end(&mut Vec::new()).await.expect("an answer");
    assert_eq!(visit(&fort, "localhost", fort.house.bound.mqtts[0], &nobody).await, None);
    assert!(fort.house.events(Kind::Connected).is_empty());
    // The owner of the scope is found anew, too.
    let config = fort.config(Some(&pair), rustls::ALL_VERSIONS, &[]);
    let mut stream =
        fort.shake_at("localhost", fort.house.bound.mqtts[0], config.clone()).await.expect("a handshake");
    let mut connect = bytes::BytesMut::new();
    Packet::Connect(Box::new(Connect::new(V3, "x", 60))).encode(V3, &mut connect).expect("encoded");
    stream.write_all(&connect).await.expect("written");
    stream.read_exact(&mut [0; 4]).await.expect("CONNACK");
    let event = fort.house.event(Kind::Connected, |_| true).await;
    assert_eq!(event.scope, scope());
}
