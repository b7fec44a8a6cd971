//! Cognito identities over WebSocket, known by their access keys.

use std::sync::Arc;

use thingstead_broker::Settings;
use thingstead_core::Kind;
use thingstead_mqtt_wire::{Connect, Packet, Publish, QoS, Version};
use thingstead_policy_engine::{Applicable, Document};
use thingstead_registry::authority::Identities;
use thingstead_registry::{CreateThing, Registry, RegistrySettings, Target, ThingPrincipalType};

use crate::client::{Client, V3, V5};
use crate::house::scope;
use crate::tls::Fort;
use crate::websocket::Web;

const USER: &str = "us-east-1:00000000-0000-4000-8000-000000000001";
const GUEST: &str = "us-east-1:00000000-0000-4000-8000-000000000002";
const OWN: &str = r#"{"Version":"2012-10-17","Statement":[
  {"Effect":"Allow","Action":"iot:Connect","Resource":"*"},
  {"Effect":"Allow","Action":"iot:Publish","Resource":"arn:aws:iot:*:*:topic/${cognito-identity.amazonaws.com:sub}/*"}]}"#;
const ANYTHING: &str =
    r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iot:*","Resource":"*"}}"#;
const THINGS: &str = r#"{"Version":"2012-10-17","Statement":[
  {"Effect":"Allow","Action":"iot:Connect","Resource":"*"},
  {"Effect":"Allow","Action":"iot:Publish","Resource":"arn:aws:iot:*:*:topic/${iot:Connection.Thing.ThingName}/*"}]}"#;

async fn fort() -> (Fort, Registry) {
    let mut identities = Identities::default();
    identities.assign("AKIAUSER", USER, true);
    identities.assign("AKIAGUEST", GUEST, false);
    let document = Arc::new(Document::parse(OWN).expect("a policy"));
    let role = Applicable { name: "guests".into(), version: None, document };
    identities.grant(GUEST, vec![role]);
    let about = RegistrySettings { identities: Arc::new(identities), ..RegistrySettings::default() };
    Fort::registered_as(Settings::default(), about).await
}

async fn opened(fort: &Fort, access_key: &str, version: Version) -> Web {
    let query = format!(
        "?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={access_key}%2F20260101%2Fus-east-1%2Fiotdevicegateway\
         %2Faws4_request&X-Amz-Date=20260101T000000Z&X-Amz-SignedHeaders=host&X-Amz-Signature=00"
    );
    let (head, web) = Web::open(fort, None, &query).await;
    web.unwrap_or_else(|| panic!("{head}")).speaking(version)
}

/// The socket after CONNECT.
async fn connecting(fort: &Fort, access_key: &str, version: Version, client: &str) -> Web {
    let mut web = opened(fort, access_key, version).await;
    web.send(&Packet::Connect(Box::new(Connect::new(version, client, 60)))).await;
    web
}

async fn connected(fort: &Fort, access_key: &str, version: Version, client: &str) -> (Web, u8) {
    let mut web = connecting(fort, access_key, version, client).await;
    let Packet::ConnAck(ack) = web.receive().await else { panic!("no CONNACK") };
    (web, ack.reason.as_u8())
}

/// The reason code of the PUBACK.
async fn acked(web: &mut Web, topic: &str) -> u8 {
    let publish = Publish {
        qos: QoS::AtLeastOnce,
        packet_id: Some(thingstead_mqtt_wire::PacketId::FIRST),
        ..Publish::new(topic, "x")
    };
    web.send(&Packet::Publish(publish)).await;
    let Packet::PubAck(ack) = web.receive().await else { panic!("no PUBACK") };
    ack.reason.as_u8()
}

#[tokio::test]
async fn an_authenticated_identity_without_policy_is_let_in_by_no_version() {
    // AUTH-130, AUTH-133, AUTH-134, POLICY-366
    let (fort, registry) = fort().await;
    assert!(connecting(&fort, "AKIAUSER", V3, "old").await.ends_unanswered().await);
    assert_eq!(connected(&fort, "AKIAUSER", V5, "new").await.1, 0x87);
    let refused = fort.house.event(Kind::ConnectRefused, |_| true).await;
    let decision = refused.detail.decision().expect("a decision").clone();
    assert!(decision.why.contains("the attached IoT policies: no policy is attached"), "{}", decision.why);
    assert_eq!(refused.principal.as_deref(), Some(USER));

    // AUTH-132: attached to the identity id.
    registry.create_policy(&scope(), "own", OWN, &[]).await.expect("a policy");
    registry.attach_policy(&scope(), "own", &Target::Identity(USER.into())).await.expect("attached");
    let (_old, reason) = connected(&fort, "AKIAUSER", V3, "old").await;
    assert_eq!(reason, 0);
    let (mut new, reason) = connected(&fort, "AKIAUSER", V5, "new").await;
    assert_eq!(reason, 0);
    assert_eq!(acked(&mut new, &format!("{USER}/state")).await, 0);
    assert_eq!(acked(&mut new, &format!("{GUEST}/state")).await, 0x87);
}

#[tokio::test]
async fn an_identity_that_nobody_logged_in_to_has_its_role_alone() {
    // AUTH-131, POLICY-363, POLICY-227
    let (fort, registry) = fort().await;
    let (mut guest, reason) = connected(&fort, "AKIAGUEST", V5, "guest").await;
    assert_eq!(reason, 0);
    assert_eq!(acked(&mut guest, &format!("{GUEST}/state")).await, 0);
    assert_eq!(acked(&mut guest, "other").await, 0x87);
    registry.create_policy(&scope(), "all", ANYTHING, &[]).await.expect("a policy");
    registry.attach_policy(&scope(), "all", &Target::Identity(GUEST.into())).await.expect("attached");
    assert_eq!(acked(&mut guest, "other").await, 0x87);
}

#[tokio::test]
async fn an_identity_belongs_to_the_thing_it_is_attached_to() {
    // POLICY-241, AUTH-132, MQTT-206
    let (fort, registry) = fort().await;
    let identity = Target::Identity(USER.into());
    registry.create_policy(&scope(), "things", THINGS, &[]).await.expect("a policy");
    registry.attach_policy(&scope(), "things", &identity).await.expect("attached");
    registry
        .create_thing(&scope(), CreateThing { name: "lamp".into(), ..CreateThing::default() })
        .await
        .expect("a thing");
    let kind = ThingPrincipalType::NonExclusiveThing;
    registry.attach_thing_principal(&scope(), "lamp", &identity, kind).await.expect("attached");
    let mut watcher = Client::connect(fort.house.plain(), V3, "watcher").await;
    watcher.subscribe("$aws/events/presence/#", QoS::AtLeastOnce).await;
    let (mut web, reason) = connected(&fort, "AKIAUSER", V5, "lamp").await;
    assert_eq!(reason, 0);
    assert_eq!(watcher.json().await["principalIdentifier"], USER);
    assert_eq!(acked(&mut web, "lamp/state").await, 0);
    registry.detach_thing_principal(&scope(), "lamp", &identity).await.expect("detached");
    assert_eq!(acked(&mut web, "lamp/state").await, 0x87);
}
