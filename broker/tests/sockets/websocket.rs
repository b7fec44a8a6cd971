//! MQTT over WebSocket on the shared port.

use std::collections::HashMap;

use bytes::{Buf, BytesMut};
use thingstead_broker::{Settings, WebSocketAuthentication, WebSocketKey};
use thingstead_core::Kind;
use thingstead_core::sigv4::{Credentials, PathEncoding, Request, Secret, Signer};
use thingstead_mqtt_wire::{Connect, Decoder, Packet, QoS, Version, Will, WillProperties};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::client::{Client, V3};
use crate::tls::{Fort, Pair};

/// Just enough of RFC 6455.
pub(crate) struct Web {
    stream: TlsStream<TcpStream>,
    buffer: BytesMut,
    packets: BytesMut,
    decoder: Decoder,
    version: Version,
}

impl Web {
    /// The status line and headers; the socket when it was upgraded.
    pub(crate) async fn open(fort: &Fort, pair: Option<&Pair>, query: &str) -> (String, Option<Self>) {
        Self::open_as(fort, pair, query, "mqtt").await
    }

    /// Without a certificate, with more headers: lines that end with CRLF.
    pub(crate) async fn open_with(fort: &Fort, query: &str, headers: &str) -> (String, Option<Self>) {
        let subprotocol = format!("mqtt\r\n{headers}");
        Self::open_as(fort, None, query, subprotocol.trim_end()).await
    }

    async fn open_as(
        fort: &Fort,
        pair: Option<&Pair>,
        query: &str,
        subprotocol: &str,
    ) -> (String, Option<Self>) {
        let mut stream = fort.https(pair, &[]).await;
        let request = format!(
            "GET /mqtt{query} HTTP/1.1\r\nhost: localhost\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             sec-websocket-protocol: {subprotocol}\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.expect("written");
        let mut buffer = BytesMut::new();
        while !buffer.windows(4).any(|four| four == b"\r\n\r\n") {
            assert_ne!(stream.read_buf(&mut buffer).await.expect("an answer"), 0);
        }
        let end = buffer.windows(4).position(|four| four == b"\r\n\r\n").expect("an end") + 4;
        let head = String::from_utf8(buffer.split_to(end).to_vec()).expect("text");
        if !head.starts_with("HTTP/1.1 101") {
            return (head, None);
        }
        let decoder = Decoder::client(V3, usize::MAX);
        (head, Some(Self { stream, buffer, packets: BytesMut::new(), decoder, version: V3 }))
    }

    /// Speaks another version from here on.
    pub(crate) fn speaking(self, version: Version) -> Self {
        Self { decoder: Decoder::client(version, usize::MAX), version, ..self }
    }

    /// Whether the server ends the connection, with no packet before.
    pub(crate) async fn ends_unanswered(mut self) -> bool {
        while self.stream.read_buf(&mut self.buffer).await.is_ok_and(|count| count > 0) {}
        // At most a frame that says good-bye.
        self.buffer.first().is_none_or(|opcode| *opcode == 0x88)
    }

    /// Sends bytes that need not be frames, closes its end, and reads until the server closes, too.
    pub(crate) async fn says_any(mut self, bytes: &[u8]) {
        // The server may have closed before it has read everything.
        let _ = self.stream.write_all(bytes).await;
        let _ = self.stream.shutdown().await;
        let drain =
            async { while self.stream.read_buf(&mut self.buffer).await.is_ok_and(|count| count > 0) {} };
        tokio::time::timeout(std::time::Duration::from_secs(10), drain).await.expect("the server ends it");
    }

    async fn frame(&mut self, opcode: u8, payload: &[u8]) {
        let mut frame = vec![0x80 | opcode];
        if payload.len() < 126 {
            frame.push(0x80 | payload.len() as u8);
        } else {
            frame.push(0x80 | 126);
            frame.extend((payload.len() as u16).to_be_bytes());
        }
        frame.extend([0; 4]);
        frame.extend(payload);
        self.stream.write_all(&frame).await.expect("written");
    }

    pub(crate) async fn send(&mut self, packet: &Packet) {
        let mut bytes = Vec::new();
        packet.encode(self.version, &mut bytes).expect("a frame");
        // Packets may be split over frames.
        let (head, tail) = bytes.split_at(1);
        self.frame(2, head).await;
        self.frame(2, tail).await;
    }

    pub(crate) async fn receive(&mut self) -> Packet {
        loop {
            if let Some(packet) = self.decoder.decode(&mut self.packets).expect("a packet") {
                return packet;
            }
            let (head, length) = loop {
                match *self.buffer {
                    [_, length @ ..126, ..] if self.buffer.len() >= 2 + usize::from(length) => {
                        break (2, usize::from(length));
                    }
                    [_, 126, high, low, ..] => {
                        let length = usize::from(u16::from_be_bytes([high, low]));
                        if self.buffer.len() >= 4 + length {
                            break (4, length);
                        }
                    }
                    _ => {}
                }
                assert_ne!(self.stream.read_buf(&mut self.buffer).await.expect("a frame"), 0, "closed");
            };
            assert_eq!(self.buffer[0], 0x82, "a binary frame");
            self.buffer.advance(head);
            self.packets.extend_from_slice(&self.buffer.split_to(length));
        }
    }
}

fn will() -> Connect {
    let will = Will {
        topic: "w".into(),
        payload: bytes::Bytes::from_static(b"gone"),
        qos: QoS::AtMostOnce,
        retain: false,
        properties: WillProperties::default(),
    };
    Connect { will: Some(will), ..Connect::new(V3, "web", 1200) }
}

#[tokio::test]
async fn mqtt_travels_over_a_websocket() {
    // MQTT-004, MQTT-011, MQTT-015, MQTT-016, MQTT-017
    let fort = Fort::new().await;
    let (mut watcher, _) = Client::connect_with(fort.house.plain(), Connect::new(V3, "watcher", 1200)).await;
    watcher.subscribe("w", QoS::AtMostOnce).await;
    let query = "?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=000000000000%2F20260101%2Fus-east-1%2Fiotdevicegateway\
                 %2Faws4_request&X-Amz-Date=20260101T000000Z&X-Amz-SignedHeaders=host&X-Amz-Signature=00";
    for goodbye in [true, false] {
        let (head, web) = Web::open(&fort, None, query).await;
        assert!(head.to_lowercase().contains("sec-websocket-protocol: mqtt"), "{head}");
        let mut web = web.expect("upgraded");
        web.send(&Packet::Connect(Box::new(will()))).await;
        assert!(matches!(web.receive().await, Packet::ConnAck(_)));
        web.send(&Packet::PingReq).await;
        assert_eq!(web.receive().await, Packet::PingResp);
        if goodbye {
            web.frame(8, &[]).await;
            let event = fort.house.event(Kind::Disconnected, |_| true).await;
            assert_eq!(event.to_json()["disconnect_reason"], "CLIENT_INITIATED_DISCONNECT");
            watcher.silent().await;
        } else {
            fort.house.advance(1);
            for _ in 0..50 {
                web.send(&Packet::PingReq).await;
                web.receive().await;
                watcher.ping().await;
                fort.house.advance(1728);
            }
            let old = |event: &thingstead_core::Event| {
                event.to_json()["disconnect_reason"] == "WEBSOCKET_TTL_EXPIRATION"
            };
            fort.house.event(Kind::Disconnected, old).await;
            assert_eq!(watcher.payload().await, "gone");
        }
    }
}

#[tokio::test]
async fn the_subprotocol_is_echoed() {
    // MQTT-011, AUTH-105; `mqttv3.1` is what version 1 of the device SDK for JavaScript asks for.
    let fort = Fort::new().await;
    let pair = Pair::device();
    fort.register(&pair, true, "ACTIVE");
    for subprotocol in ["mqtt", "mqttv3.1"] {
        let (head, web) = Web::open_as(&fort, Some(&pair), "", subprotocol).await;
        assert!(web.is_some(), "{head}");
        assert!(
            head.to_lowercase().contains(&format!("sec-websocket-protocol: {subprotocol}\r\n")),
            "{head}"
        );
    }
    let (head, _) = Web::open_as(&fort, Some(&pair), "", "stomp").await;
    assert!(!head.to_lowercase().contains("sec-websocket-protocol"), "{head}");
}

#[tokio::test]
async fn a_websocket_needs_an_identity() {
    // MQTT-012, MQTT-013, MQTT-014, AUTH-005
    let mut keys = HashMap::new();
    keys.insert("AKIDEXAMPLE".to_owned(), WebSocketKey { secret: Secret::new("secret"), account: None });
    let settings = Settings { websocket: WebSocketAuthentication::Keys(keys), ..Settings::default() };
    let fort = Fort::with(settings).await;
    let request =
        Request { method: "GET", path: "/mqtt", query: "", headers: &[("host", "localhost")], body: b"" };
    let presign = |secret: &str, age_seconds: i64| {
        let credentials = Credentials {
            access_key: "AKIDEXAMPLE".to_owned(),
            secret: Secret::new(secret),
            session_token: None,
        };
        let signer = Signer {
            credentials: &credentials,
            region: "us-east-1",
            service: "iotdevicegateway",
            path_encoding: PathEncoding::Twice,
        };
        let at =
            thingstead_core::Timestamp::from_millis(fort.house.clock.now().as_millis() - age_seconds * 1000);
        format!("?{}", signer.presign(&request, at, 300))
    };
    for (query, pair) in [(String::new(), None), (presign("wrong", 0), None), (presign("secret", 900), None)]
    {
        let (head, web) = Web::open(&fort, pair, &query).await;
        assert!(web.is_none() && head.starts_with("HTTP/1.1 403"), "{head}");
        assert!(head.to_lowercase().contains("x-amzn-requestid"), "{head}");
    }
    let (head, web) = Web::open(&fort, None, &presign("secret", 0)).await;
    assert!(web.is_some(), "{head}");
    let pair = Pair::device();
    fort.register(&pair, true, "ACTIVE");
    let (head, web) = Web::open(&fort, Some(&pair), "").await;
    assert!(web.is_some(), "{head}");
}
