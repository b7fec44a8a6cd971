//! Bytes that nobody means: at the door of TLS, in a WebSocket's handshake, and as its frames.

use std::sync::Arc;

use rustls::{ClientConfig, ClientConnection, RootCertStore};
use thingstead_broker::Settings;
use thingstead_core::Ids;
use thingstead_mqtt_wire::{Connect, Packet};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::any_hello::any_hello;
use crate::client::V5;
use crate::hostile::stands;
use crate::tls::Fort;
use crate::websocket::Web;

/// Changes a few bytes, cuts, doubles.
fn spoil(ids: &Ids, bytes: &mut Vec<u8>) {
    let below = |bound: usize| usize::try_from(ids.below(bound as u64)).expect("small");
    for _ in 0..=below(4) {
        if bytes.is_empty() {
            return;
        }
        let at = below(bytes.len());
        match below(5) {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, u8::try_from(below(256)).expect("a byte")),
            2 => bytes.extend_from_within(at..(at + 20).min(bytes.len())),
            _ => bytes[at] = u8::try_from(below(256)).expect("a byte"),
        }
    }
}

fn hello(name: &'static str) -> Vec<u8> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    let mut client =
        ClientConnection::new(Arc::new(config), name.try_into().expect("a name")).expect("a client");
    let mut hello = Vec::new();
    client.write_tls(&mut hello).expect("written");
    hello
}

#[test]
fn any_bytes_may_begin_a_tls_connection() {
    // MQTT-030, MQTT-031
    let good = hello("a.thingstead.example");
    assert_eq!(thingstead_broker::read_hello(&[&good]), Some(Some("a.thingstead.example".into())));
    assert_eq!(thingstead_broker::read_hello(&[&good[..good.len() - 1]]), None);
    let ids = Ids::seeded(0x4e110);
    for round in 0..1500 {
        let mut bytes = good.clone();
        spoil(&ids, &mut bytes);
        bytes.insert(0, u8::try_from(round % 256).expect("a byte"));
        any_hello(&bytes);
    }
}

#[tokio::test]
async fn any_request_may_ask_for_a_websocket() {
    // MQTT-011, MQTT-014
    let fort = Fort::with(Settings::default()).await;
    let ids = Ids::seeded(0x3eb);
    let good = b"GET /mqtt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKID%2F20260101%2Fus-east-1%2Fiotdevicegateway%2Faws4_request&X-Amz-Date=20260101T000000Z&X-Amz-SignedHeaders=host&X-Amz-Signature=00 HTTP/1.1\r\nhost: localhost\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-protocol: mqtt\r\n\r\n";
    for _ in 0..80 {
        let mut bytes = good.to_vec();
        spoil(&ids, &mut bytes);
        let mut stream = fort.https(None, &[]).await;
        // The server may close before it has read everything.
        let _ = stream.write_all(&bytes).await;
        let _ = stream.shutdown().await;
        let mut answer = Vec::new();
        let read = tokio::time::timeout(std::time::Duration::from_secs(10), stream.read_to_end(&mut answer));
        let _ = read.await.expect("the server ends it");
    }
    stands(&fort.house, fort.house.plain()).await;
}

#[tokio::test]
async fn any_bytes_may_come_as_frames_of_a_websocket() {
    // MQTT-004, MQTT-082
    let fort = Fort::with(Settings::default()).await;
    let ids = Ids::seeded(0xf4a);
    let query = "?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKID%2F20260101%2Fus-east-1%2Fiotdevicegateway%2Faws4_request&X-Amz-Date=20260101T000000Z&X-Amz-SignedHeaders=host&X-Amz-Signature=00";
    for round in 0..80 {
        let mut connect = Vec::new();
        Packet::Connect(Box::new(Connect::new(V5, format!("w{round}"), 60)))
            .encode(V5, &mut connect)
            .expect("a frame");
        // A masked binary frame with CONNECT and another with PINGREQ.
        let mut bytes = vec![0x82, 0x80 | u8::try_from(connect.len()).expect("short"), 0, 0, 0, 0];
        bytes.extend(connect);
        bytes.extend([0x82, 0x82, 0, 0, 0, 0, 0xc0, 0]);
        spoil(&ids, &mut bytes);
        let (head, web) = Web::open(&fort, None, query).await;
        let Some(web) = web else { panic!("{head}") };
        web.says_any(&bytes).await;
    }
    stands(&fort.house, fort.house.plain()).await;
}
