//! Clients that a custom authorizer admits: by CONNECT, by upgrade request, next to a certificate; and for how long.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use serde_json::{Value, json};
use thingstead_core::wiring::{FunctionError, Functions, Invocation, Invoked};
use thingstead_core::{Event, Kind};
use thingstead_mqtt_wire::{ConnAck, Connect, Packet, QoS, ReasonCode, Version, Will, WillProperties};
use thingstead_registry::{
    ApplicationProtocol, AuthenticationType, AuthorizerConfig, AuthorizerStatus, CertificateStatus,
    CreateAuthorizer, CreateDomainConfiguration, DomainSettings, Registry, UpdateAuthorizer,
};

use crate::client::{Client, V3, V5};
use crate::house::scope;
use crate::tls::{Fort, Pair};
use crate::websocket::Web;

const FUNCTION: &str = "arn:aws:lambda:us-east-1:000000000000:function:gate";
const GATE: &str = "u?x-amz-customauthorizer-name=Gate";

/// A function that answers what the test says.
struct Stub {
    answer: Mutex<Result<Value, FunctionError>>,
    events: Mutex<Vec<Value>>,
}

impl Functions for Stub {
    fn invoke(&self, invocation: Invocation) -> Invoked {
        self.events.lock().push(serde_json::from_slice(&invocation.event).expect("JSON"));
        let answer = self.answer.lock().clone();
        // As if it came from somewhere: the shard must go on meanwhile.
        Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(5)).await;
            answer.map(|answer| Bytes::from(answer.to_string()))
        })
    }
}

/// A fort with an ACTIVE authorizer `Gate` without token signatures.
struct Gated {
    fort: Fort,
    registry: Registry,
    stub: Arc<Stub>,
}

impl Gated {
    async fn new() -> Self {
        let (fort, registry) = Fort::registered().await;
        let stub = Arc::new(Stub { answer: Mutex::new(Ok(letting("iot:*", "*"))), events: Mutex::default() });
        registry.call_functions_with(stub.clone());
        let gate = CreateAuthorizer {
            name: "Gate".to_owned(),
            function: FUNCTION.to_owned(),
            status: Some(AuthorizerStatus::Active),
            signing_disabled: true,
            token_key_name: Some("tok".to_owned()),
            ..CreateAuthorizer::default()
        };
        registry.create_authorizer(&scope(), gate).await.expect("created");
        Self { fort, registry, stub }
    }

    fn answers(&self, answer: Value) {
        *self.stub.answer.lock() = Ok(answer);
    }

    fn calls(&self) -> usize {
        self.stub.events.lock().len()
    }

    async fn open(&self, version: Version) -> Client {
        Client::over(self.fort.https(None, &["mqtt"]).await, version)
    }

    async fn connect(&self, connect: Connect) -> (Client, ConnAck) {
        let mut client = self.open(connect.version).await;
        client.send(&Packet::Connect(Box::new(connect))).await;
        let Packet::ConnAck(ack) = client.receive().await else { panic!("no CONNACK") };
        (client, *ack)
    }

    async fn refused(&self, reason: &str) -> Event {
        let is_it = |event: &Event| event.to_json()["reason"] == reason;
        self.fort.house.event(Kind::AuthenticationRefused, is_it).await
    }

    async fn calls_are(&self, count: usize) {
        for _ in 0..500 {
            if self.calls() == count {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{} calls instead of {count}", self.calls());
    }
}

fn letting(action: &str, resource: &str) -> Value {
    json!({
        "isAuthenticated": true,
        "principalId": "alice",
        "policyDocuments": [{
            "Version": "2012-10-17",
            "Statement": [
                { "Effect": "Allow", "Action": ["iot:Connect", "iot:Subscribe", "iot:Receive"], "Resource": "*" },
                { "Effect": "Allow", "Action": action, "Resource": resource },
            ],
        }],
        "disconnectAfterInSeconds": 86_400,
        "refreshAfterInSeconds": 300,
    })
}

fn stranger() -> Value {
    json!({ "isAuthenticated": false })
}

fn connect(version: Version, user_name: &str) -> Connect {
    let mut connect = Connect::new(version, "lamp", 1200);
    connect.user_name = Some(user_name.into());
    connect.password = Some(Bytes::from_static(b"pw"));
    connect
}

#[tokio::test]
async fn connect_carries_what_the_authorizer_is_told() {
    // MQTT-002, MQTT-019, MQTT-021, AUTH-004, AUTH-173, AUTH-191, AUTH-192, AUTH-195, POLICY-367
    let gated = Gated::new().await;
    gated.answers(letting("iot:Publish", "arn:aws:iot:*:*:topic/${iot:ClientId}/*"));
    let mut watcher = Client::connect(gated.fort.house.plain(), V3, "watcher").await;
    watcher.subscribe("$aws/events/presence/#", QoS::AtMostOnce).await;
    for version in [V3, V5] {
        let (mut lamp, ack) = gated.connect(connect(version, GATE)).await;
        assert_eq!(ack.reason, ReasonCode::Success);
        let event = gated.stub.events.lock().pop().expect("a call");
        let expected = json!({
            "signatureVerified": false,
            "protocols": ["tls", "mqtt"],
            "protocolData": {
                "tls": { "serverName": "localhost" },
                "mqtt": { "username": GATE, "password": "cHc=", "clientId": "lamp" },
            },
            "connectionMetadata": event["connectionMetadata"],
        });
        assert_eq!(event, expected);
        assert_eq!(event["connectionMetadata"]["id"].as_str().map(str::len), Some(36));
        assert_eq!(watcher.json().await["principalIdentifier"], "alice");
        // What came right behind CONNECT waits for the answer, and is judged by the answered documents.
        if version == V5 {
            assert_eq!(lamp.acked("lamp/state", "on").await, ReasonCode::Success);
            assert_eq!(lamp.acked("other/state", "on").await, ReasonCode::NotAuthorized);
            let refused = gated.fort.house.event(Kind::PublishRefused, |_| true).await;
            assert!(refused.why.contains("Gate/policyDocuments[0]"), "{}", refused.why);
        }
        lamp.leave().await;
        watcher.json().await;
    }
    let connected = gated.fort.house.event(Kind::Connected, |event| event.client.as_deref() == Some("lamp"));
    assert_eq!(connected.await.to_json()["authorizer"], "Gate");
}

#[tokio::test]
async fn packets_behind_connect_wait_for_the_authorizer() {
    // MQTT-041
    let gated = Gated::new().await;
    let mut lamp = gated.open(V5).await;
    let mut bytes = Vec::new();
    Packet::Connect(Box::new(connect(V5, GATE))).encode(V5, &mut bytes).expect("a frame");
    Packet::PingReq.encode(V5, &mut bytes).expect("a frame");
    lamp.send_bytes(&bytes).await;
    assert!(matches!(lamp.receive().await, Packet::ConnAck(ack) if ack.reason == ReasonCode::Success));
    assert_eq!(lamp.receive().await, Packet::PingResp);
}

#[tokio::test]
async fn every_failure_has_its_code_and_its_reason() {
    // MQTT-020, MQTT-026, MQTT-027, MQTT-257, AUTH-201, AUTH-206, AUTH-221, AUTH-224, AUTH-300
    let gated = Gated::new().await;
    let failed = || Err(FunctionError::Failed("it threw".to_owned()));
    for (answer, user_name, code, reason) in [
        (Ok(stranger()), GATE, 0x86, "NOT_AUTHENTICATED"),
        (Ok(json!({ "isAuthenticated": true })), GATE, 0x87, "CUSTOM_AUTHORIZER_LAMBDA_EXECUTION_ERROR"),
        (failed(), GATE, 0x87, "CUSTOM_AUTHORIZER_LAMBDA_EXECUTION_ERROR"),
        (Ok(stranger()), "u", 0x87, "CUSTOM_AUTHORIZER_NOT_FOUND"),
        (Ok(stranger()), "u?x-amz-customauthorizer-name=None", 0x87, "CUSTOM_AUTHORIZER_NOT_FOUND"),
    ] {
        *gated.stub.answer.lock() = answer;
        let (mut client, ack) = gated.connect(connect(V5, user_name)).await;
        assert_eq!(ack.reason.as_u8(), code, "{reason}");
        assert!(ack.properties.reason_string.is_some());
        client.closed().await;
        let event = gated.refused(reason).await;
        let told = event.to_json();
        assert_eq!(
            (event.client.as_deref(), &told["authentication_type"]),
            (Some("lamp"), &json!("CUSTOM_AUTH"))
        );
        assert_eq!(told["server_name"], "localhost");
        assert!(told["fix"].is_string() && !event.why.is_empty());
        let entry = thingstead_broker::log_entry(&event).expect("logged");
        assert_eq!(
            (&entry["eventType"], &entry["reason"]),
            (&json!("Connection.AuthNError"), &json!(reason))
        );
        assert_eq!(entry["serverNameIndication"], "localhost");
        let mut old = gated.open(V3).await;
        old.send(&Packet::Connect(Box::new(connect(V3, user_name)))).await;
        old.closed().await;
    }
    // Without a user name or password nothing was wrong with them.
    gated.registry.set_default_authorizer(&scope(), "Gate").await.expect("the default");
    gated.answers(stranger());
    let (_, ack) = gated.connect(Connect::new(V5, "lamp", 60)).await;
    assert_eq!(ack.reason.as_u8(), 0x87);
    // POLICY-405: the function knows the client, its documents do not let it connect.
    gated.answers(json!({ "isAuthenticated": true, "principalId": "alice", "policyDocuments": [] }));
    let (_, ack) = gated.connect(connect(V5, GATE)).await;
    assert_eq!(ack.reason.as_u8(), 0x87);
    let refused = gated.fort.house.event(Kind::ConnectRefused, |_| true).await;
    assert!(refused.why.contains("answered no policy document"), "{}", refused.why);
}

#[tokio::test]
async fn a_websocket_speaks_to_an_authorizer_in_its_request_or_in_connect() {
    // MQTT-018, MQTT-027, AUTH-005, AUTH-018, AUTH-172, AUTH-222
    let gated = Gated::new().await;
    let headers = "X-Amz-CustomAuthorizer-Name: Gate\r\ntok: t0k\r\n";
    let (head, web) = Web::open_with(&gated.fort, "?a=b", headers).await;
    let mut web = web.expect(&head);
    let event = gated.stub.events.lock().pop().expect("a call");
    assert_eq!(event["protocols"], json!(["tls", "http", "mqtt"]));
    assert_eq!(
        (&event["token"], &event["protocolData"]["http"]["queryString"]),
        (&json!("t0k"), &json!("?a=b"))
    );
    assert_eq!(event["protocolData"]["http"]["headers"]["x-amz-customauthorizer-name"], "Gate");
    web.send(&Packet::Connect(Box::new(Connect::new(V3, "web", 1200)))).await;
    assert!(matches!(web.receive().await, Packet::ConnAck(ack) if ack.reason == ReasonCode::Success));
    assert_eq!(gated.calls(), 0, "CONNECT asks nobody again");

    let (_, web) = Web::open_with(&gated.fort, "?x-amz-customauthorizer-name=Gate&tok=t0k", "").await;
    assert!(web.is_some());
    let (head, web) = Web::open_with(&gated.fort, "", "").await;
    let mut web = web.expect(&head);
    web.send(&Packet::Connect(Box::new(connect(V3, GATE)))).await;
    assert!(matches!(web.receive().await, Packet::ConnAck(ack) if ack.reason == ReasonCode::Success));
    let event = gated.stub.events.lock().pop().expect("a call");
    assert_eq!(event["protocols"], json!(["tls", "http", "mqtt"]));
    assert_eq!(event["protocolData"]["mqtt"]["clientId"], "lamp");

    gated.answers(stranger());
    let (head, web) = Web::open_with(&gated.fort, "", headers).await;
    assert!(web.is_none() && head.starts_with("HTTP/1.1 403"), "{head}");
    gated.refused("NOT_AUTHENTICATED").await;
    // Where nobody could answer in CONNECT either, an upgrade without a signature is refused as ever (AUTH-106).
    let off = UpdateAuthorizer { status: Some(AuthorizerStatus::Inactive), ..UpdateAuthorizer::default() };
    gated.registry.update_authorizer(&scope(), "Gate", off).await.expect("changed");
    let (head, _) = Web::open_with(&gated.fort, "", "").await;
    assert!(head.starts_with("HTTP/1.1 403"), "{head}");
}

#[tokio::test]
async fn a_refresh_replaces_the_documents_and_asks_with_the_same_credentials() {
    // AUTH-196, AUTH-205, AUTH-215, AUTH-216, MQTT-024, Q37
    let gated = Gated::new().await;
    gated.answers(letting("iot:Publish", "arn:aws:iot:*:*:topic/first"));
    let (mut lamp, _) = gated.connect(connect(V5, GATE)).await;
    assert_eq!(lamp.acked("first", "1").await, ReasonCode::Success);
    assert_eq!(lamp.acked("second", "1").await, ReasonCode::NotAuthorized);
    gated.answers(letting("iot:Publish", "arn:aws:iot:*:*:topic/second"));
    gated.fort.house.advance(299);
    assert_eq!(lamp.acked("first", "2").await, ReasonCode::Success);
    assert_eq!(gated.calls(), 1);
    gated.fort.house.advance(1);
    // The packet after the interval is judged by the new documents already.
    assert_eq!(lamp.acked("first", "3").await, ReasonCode::NotAuthorized);
    assert_eq!(lamp.acked("second", "3").await, ReasonCode::Success);
    gated.calls_are(2).await;
    // An idle connection is asked about as well.
    gated.fort.house.advance(300);
    gated.calls_are(3).await;
    let events = gated.stub.events.lock().clone();
    assert!(events.iter().all(|event| *event == events[0]), "{events:?}");
}

#[tokio::test]
async fn a_refresh_that_fails_ends_the_connection() {
    // AUTH-217, MQTT-024
    for (answer, reason) in [
        (Ok(stranger()), "NOT_AUTHENTICATED"),
        (Ok(json!({ "isAuthenticated": true })), "CUSTOM_AUTHORIZER_LAMBDA_EXECUTION_ERROR"),
        (Err(FunctionError::TimedOut(Duration::from_secs(5))), "CUSTOM_AUTHORIZER_LAMBDA_EXECUTION_ERROR"),
    ] {
        let gated = Gated::new().await;
        let (mut lamp, _) = gated.connect(connect(V5, GATE)).await;
        *gated.stub.answer.lock() = answer;
        gated.fort.house.advance(300);
        assert_eq!(lamp.disconnected().await, ReasonCode::NotAuthorized);
        gated.refused(reason).await;
        let event = gated.fort.house.event(Kind::Disconnected, |_| true).await;
        assert_eq!(event.to_json()["disconnect_reason"], "AUTH_ERROR");
        assert!(event.why.contains("asked again"), "{}", event.why);
    }
}

#[tokio::test]
async fn the_first_answer_says_how_long_the_connection_lasts() {
    // AUTH-204, AUTH-218, MQTT-023, MQTT-201
    let gated = Gated::new().await;
    let (mut watcher, _) =
        Client::connect_with(gated.fort.house.plain(), Connect::new(V3, "watcher", 1200)).await;
    watcher.subscribe("gone", QoS::AtMostOnce).await;
    watcher.subscribe("$aws/events/presence/disconnected/lamp", QoS::AtMostOnce).await;
    let mut answer = letting("iot:*", "*");
    answer["disconnectAfterInSeconds"] = json!(900);
    gated.answers(answer.clone());
    let will = Will {
        topic: "gone".into(),
        payload: Bytes::from_static(b"bye"),
        qos: QoS::AtMostOnce,
        retain: false,
        properties: WillProperties::default(),
    };
    let (mut lamp, _) = gated.connect(Connect { will: Some(will), ..connect(V3, GATE) }).await;
    // Later answers do not change it.
    answer["disconnectAfterInSeconds"] = json!(86_400);
    gated.answers(answer);
    for refreshes in 2..=3 {
        gated.fort.house.advance(300);
        gated.calls_are(refreshes).await;
        lamp.ping().await;
    }
    gated.fort.house.advance(299);
    lamp.ping().await;
    gated.fort.house.advance(1);
    lamp.closed().await;
    let mut heard = [watcher.message().await, watcher.message().await];
    heard.sort_by_key(|message| message.topic.len());
    assert_eq!(&heard[0].payload[..], b"bye");
    let event: Value = serde_json::from_slice(&heard[1].payload).expect("JSON");
    assert_eq!(event["disconnectReason"], "CUSTOMAUTH_TTL_EXPIRATION");
    assert_eq!(
        (&event["principalIdentifier"], &event["clientInitiatedDisconnect"]),
        (&json!("alice"), &json!(false))
    );
}

#[tokio::test]
async fn a_client_that_goes_while_the_authorizer_thinks_leaves_nothing_behind() {
    let gated = Gated::new().await;
    let mut lamp = gated.open(V3).await;
    lamp.send(&Packet::Connect(Box::new(connect(V3, GATE)))).await;
    drop(lamp);
    gated.calls_are(1).await;
    let (mut next, ack) = gated.connect(connect(V5, GATE)).await;
    assert_eq!(ack.reason, ReasonCode::Success);
    next.ping().await;
}

/// An endpoint of one's own.
async fn endpoint(gated: &Gated, how: AuthenticationType, settings: DomainSettings) {
    let request = CreateDomainConfiguration {
        name: "own".to_owned(),
        domain_name: Some("own.example.com".to_owned()),
        settings: DomainSettings {
            authentication_type: Some(how),
            application_protocol: Some(ApplicationProtocol::SecureMqtt),
            ..settings
        },
        ..CreateDomainConfiguration::default()
    };
    gated.registry.create_domain_configuration(&scope(), request).await.expect("an endpoint");
}

/// A CONNECT at that endpoint, on the port for MQTT with certificates.
async fn at_endpoint(gated: &Gated, pair: Option<&Pair>, user_name: &str) -> Option<u8> {
    let config = gated.fort.config(pair, rustls::ALL_VERSIONS, &[]);
    let address = gated.fort.house.bound.mqtts[0];
    let stream = gated.fort.shake_at("own.example.com", address, config).await.ok()?;
    let mut client = Client::over(stream, V5);
    client.send(&Packet::Connect(Box::new(connect(V5, user_name)))).await;
    match client.next(Duration::from_secs(10)).await.expect("an answer or an end") {
        Some(Packet::ConnAck(ack)) => Some(ack.reason.as_u8()),
        _ => None,
    }
}

#[tokio::test]
async fn a_domain_chooses_its_authorizer_on_any_port() {
    // AUTH-010, AUTH-158, AUTH-165, AUTH-166, MQTT-008
    let gated = Gated::new().await;
    let config = AuthorizerConfig {
        default_authorizer_name: Some("Gate".to_owned()),
        allow_authorizer_override: Some(false),
    };
    let settings = DomainSettings { authorizer_config: Some(config), ..DomainSettings::default() };
    endpoint(&gated, AuthenticationType::CustomAuth, settings).await;
    assert_eq!(at_endpoint(&gated, None, "u").await, Some(0));
    assert_eq!(at_endpoint(&gated, None, GATE).await, Some(0));
    let other = "u?x-amz-customauthorizer-name=Other";
    assert_eq!(at_endpoint(&gated, None, other).await, Some(0x87));
    let event = gated.refused("CUSTOM_AUTHORIZER_PARAMETER_INVALID").await;
    assert!(event.why.contains("allows `Gate` only"), "{}", event.why);
}

#[tokio::test]
async fn a_domain_may_want_a_certificate_and_an_authorizer() {
    // AUTH-011, AUTH-197, AUTH-207, POLICY-368
    let gated = Gated::new().await;
    endpoint(&gated, AuthenticationType::CustomAuthX509, DomainSettings::default()).await;
    let pair = Pair::device();
    let active = Some(CertificateStatus::Active);
    gated.registry.register_certificate_without_ca(&scope(), &pair.pem, active).await.expect("registered");
    assert_eq!(at_endpoint(&gated, None, GATE).await, None);
    assert_eq!(at_endpoint(&gated, Some(&pair), GATE).await, Some(0x87));
    let event = gated.refused("CUSTOM_AUTHORIZER_LAMBDA_EXECUTION_ERROR").await;
    assert_eq!(event.to_json()["authentication_type"], "CUSTOM_AUTH_X509");
    assert_eq!(event.principal.as_deref(), Some(&*pair.id()));
    let mut answer = letting("iot:*", "*");
    answer["principalId"] = json!(pair.id());
    gated.answers(answer);
    assert_eq!(at_endpoint(&gated, Some(&pair), GATE).await, Some(0));
    let event = gated.stub.events.lock().pop().expect("a call");
    let tls = &event["protocolData"]["tls"];
    assert_eq!((&tls["principalId"], &tls["serverName"]), (&json!(pair.id()), &json!("own.example.com")));
    assert_eq!(tls["x509CertificatePem"].as_str().map(|pem| pem.lines().count() > 3), Some(true));
    // The certificate's own policies alone do not let it connect, nor do they need to.
    gated.answers(json!({ "isAuthenticated": true, "principalId": pair.id() }));
    assert_eq!(at_endpoint(&gated, Some(&pair), GATE).await, Some(0x87));
    let anything =
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iot:*","Resource":"*"}]}"#;
    gated.registry.create_policy(&scope(), "anything", anything, &[]).await.expect("a policy");
    let target = thingstead_registry::Target::Certificate(pair.id());
    gated.registry.attach_policy(&scope(), "anything", &target).await.expect("attached");
    assert_eq!(at_endpoint(&gated, Some(&pair), GATE).await, Some(0));
}

#[tokio::test]
async fn the_certificate_callback_comes_before_the_authorizer() {
    // AUTH-060, AUTH-061, AUTH-062, AUTH-063, AUTH-064
    let gated = Gated::new().await;
    let settings = DomainSettings {
        client_certificate_callback_arn: Some(FUNCTION.to_owned()),
        ..DomainSettings::default()
    };
    endpoint(&gated, AuthenticationType::CustomAuthX509, settings).await;
    let pair = Pair::device();
    let active = Some(CertificateStatus::Active);
    gated.registry.register_certificate_without_ca(&scope(), &pair.pem, active).await.expect("registered");
    for answer in [Ok(stranger()), Err(FunctionError::TimedOut(Duration::from_secs(5)))] {
        gated.stub.events.lock().clear();
        *gated.stub.answer.lock() = answer;
        assert_eq!(at_endpoint(&gated, Some(&pair), GATE).await, None);
        assert_eq!(gated.calls(), 1, "the authorizer is not asked");
        let event = gated.stub.events.lock()[0].clone();
        assert_eq!(
            (&event["principalId"], &event["serverName"]),
            (&json!(pair.id()), &json!("own.example.com"))
        );
        assert_eq!(event["clientCertificateChain"].as_array().map(Vec::len), Some(1));
    }
    let refused = gated.refused("NOT_AUTHENTICATED").await;
    assert!(refused.why.contains("callback"), "{}", refused.why);
    let mut answer = letting("iot:*", "*");
    answer["principalId"] = json!(pair.id());
    gated.answers(answer);
    assert_eq!(at_endpoint(&gated, Some(&pair), GATE).await, Some(0));
}
