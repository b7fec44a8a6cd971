//! Devices as a real registry knows them: policies, things, certificates.

use thingstead_core::{Kind, Scope};
use thingstead_mqtt_wire::{Connect, Packet, Publish, QoS};
use thingstead_registry::{
    CertificateStatus, CreateThing, Registry, Target, ThingPrincipalType, ThingTypeProperties,
};

use crate::client::{Client, V3, V5, persistent};
use crate::house::scope;
use crate::tls::{Fort, Pair};

const Q1: QoS = QoS::AtLeastOnce;

const OWN_TOPICS: &str = r#"{"Version":"2012-10-17","Statement":[
  {"Effect":"Allow","Action":"iot:Connect","Resource":"*",
   "Condition":{"Bool":{"iot:Connection.Thing.IsAttached":"true"}}},
  {"Effect":"Allow","Action":["iot:Publish","iot:Receive"],
   "Resource":"arn:aws:iot:*:*:topic/${iot:Connection.Thing.ThingName}/*"},
  {"Effect":"Allow","Action":"iot:Subscribe",
   "Resource":"arn:aws:iot:*:*:topicfilter/${iot:Connection.Thing.ThingName}/*"}]}"#;
const ANYTHING: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iot:*","Resource":"*"}]}"#;
const TRANSIENT: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iot:*","Resource":"*",
  "Condition":{"ForAllValues:StringNotEquals":{"iot:ConnectAttributes":["PersistentConnect"]}}}]}"#;

/// Registers a device's certificate, with a policy.
async fn admit(registry: &Registry, scope: &Scope, pair: &Pair, policy: &str, document: &str) -> Target {
    let active = Some(CertificateStatus::Active);
    registry.register_certificate_without_ca(scope, &pair.pem, active).await.expect("registered");
    // Several devices share a policy.
    let _ = registry.create_policy(scope, policy, document, &[]).await;
    let target = Target::Certificate(pair.id());
    registry.attach_policy(scope, policy, &target).await.expect("attached");
    target
}

#[tokio::test]
async fn a_device_has_its_own_topics_by_the_name_of_its_thing() {
    // MQTT-048, MQTT-049, MQTT-052, MQTT-205, POLICY-401, POLICY-420, POLICY-483, AUTH-051
    let (fort, registry) = Fort::registered().await;
    let scope = scope();
    let pair = Pair::device();
    let target = admit(&registry, &scope, &pair, "own-topics", OWN_TOPICS).await;
    registry
        .create_thing(&scope, CreateThing { name: "lamp".into(), ..CreateThing::default() })
        .await
        .expect("a thing");
    let mut connect = Connect::new(V5, "lamp", 60);
    connect.user_name = Some("?SDK=iOS&Version=2.6.19".into());
    connect.password = Some(bytes::Bytes::from_static(b"\xff\x00"));
    let (_refused, ack) = fort.connect(&pair, connect.clone()).await;
    assert_eq!(ack.reason.as_u8(), 0x87);
    let exclusive = ThingPrincipalType::ExclusiveThing;
    registry.attach_thing_principal(&scope, "lamp", &target, exclusive).await.expect("attached");
    let mut watcher = Client::connect(fort.house.plain(), V3, "watcher").await;
    watcher.subscribe("$aws/events/presence/#", Q1).await;
    let (mut lamp, ack) = fort.connect(&pair, connect).await;
    assert_eq!(ack.reason.as_u8(), 0);
    let event = watcher.json().await;
    assert_eq!((&event["thingName"], &event["principalIdentifier"]), (&"lamp".into(), &(*pair.id()).into()));
    assert_eq!(lamp.subscribe("lamp/cmd", Q1).await, 1);
    assert_eq!(lamp.subscribe("other/cmd", Q1).await, 0x87);
    assert_eq!(lamp.acked("lamp/cmd", "on").await.as_u8(), 0);
    assert_eq!(lamp.payload().await, "on");
    assert_eq!(lamp.acked("other/cmd", "on").await.as_u8(), 0x87);
    let refused = fort.house.event(Kind::PublishRefused, |_| true).await;
    let decision = refused.detail.decision().expect("a decision").clone();
    assert!(decision.fix.is_some() && !decision.near_misses.is_empty(), "{decision:?}");
    assert_eq!(refused.thing.as_deref(), Some("lamp"));
    registry.detach_thing_principal(&scope, "lamp", &target).await.expect("detached");
    assert_eq!(lamp.acked("lamp/cmd", "off").await.as_u8(), 0x87);
    registry.attach_thing_principal(&scope, "lamp", &target, exclusive).await.expect("attached");
    assert_eq!(lamp.acked("lamp/cmd", "on").await.as_u8(), 0);
    registry.detach_policy(&scope, "own-topics", &target).await.expect("detached");
    assert_eq!(lamp.acked("lamp/cmd", "on").await.as_u8(), 0x87);
}

#[tokio::test]
async fn a_policy_may_forbid_persistent_sessions() {
    // MQTT-053, MQTT-170, POLICY-321
    let (fort, registry) = Fort::registered().await;
    let scope = scope();
    let (transient, free) = (Pair::device(), Pair::device());
    admit(&registry, &scope, &transient, "transient", TRANSIENT).await;
    admit(&registry, &scope, &free, "anything", ANYTHING).await;
    let (_, ack) = fort.connect(&transient, persistent(V5, "c")).await;
    assert_eq!(ack.reason.as_u8(), 0x87);
    let (_, ack) = fort.connect(&transient, Connect::new(V5, "c", 60)).await;
    assert_eq!(ack.reason.as_u8(), 0);
    let mut old = Client::over(fort.mqtts(&transient).await.expect("a handshake"), V3);
    old.send(&Packet::Connect(Box::new(persistent(V3, "c")))).await;
    old.closed().await;
    let (_, ack) = fort.connect(&transient, Connect::new(V3, "c", 60)).await;
    assert_eq!(ack.reason.as_u8(), 0);
    let (client, ack) = fort.connect(&free, persistent(V5, "p")).await;
    assert_eq!((ack.reason.as_u8(), ack.session_present), (0, false));
    client.leave().await;
    let other = Pair::device();
    admit(&registry, &scope, &other, "anything", ANYTHING).await;
    let (_, ack) = fort.connect(&other, persistent(V5, "p")).await;
    assert!(ack.session_present, "the session belongs to the client id, not to the certificate");
}

#[tokio::test]
async fn accounts_do_not_see_each_other() {
    // MQTT-007
    let (fort, registry) = Fort::registered().await;
    let mut clients = Vec::new();
    for account in ["111122223333", "444455556666"] {
        let pair = Pair::device();
        admit(&registry, &Scope::new(account, "us-east-1"), &pair, "anything", ANYTHING).await;
        let (mut client, ack) = fort.connect(&pair, Connect::new(V5, "same-id", 60)).await;
        assert_eq!(ack.reason.as_u8(), 0);
        client.subscribe("t", Q1).await;
        clients.push(client);
    }
    clients[0].retain("t", "mine").await;
    assert_eq!(clients[0].payload().await, "mine");
    clients[1].silent().await;
    clients[1].subscribe("t", Q1).await;
    clients[1].silent().await;
    clients[0].ping().await;
}

#[tokio::test]
async fn deactivating_a_certificate_drops_its_connections() {
    // MQTT-036, POLICY-480, POLICY-481
    let (fort, registry) = Fort::registered().await;
    let pair = Pair::device();
    admit(&registry, &scope(), &pair, "anything", ANYTHING).await;
    let (mut client, _) = fort.connect(&pair, Connect::new(V5, "c", 60)).await;
    let inactive = CertificateStatus::Inactive;
    registry.update_certificate(&scope(), &pair.id(), inactive).await.expect("updated");
    assert_eq!(client.disconnected().await.as_u8(), 0x87);
    registry.update_certificate(&scope(), &pair.id(), CertificateStatus::Active).await.expect("updated");
    let (mut client, ack) = fort.connect(&pair, Connect::new(V5, "c", 60)).await;
    assert_eq!(ack.reason.as_u8(), 0);
    client.ping().await;
}

#[tokio::test]
async fn a_certificate_of_a_known_ca_registers_itself_by_connecting() {
    // MQTT-037, MQTT-038, MQTT-223, AUTH-034, AUTH-035, AUTH-037
    let (fort, registry) = Fort::registered().await;
    let scope = scope();
    let mut watcher = Client::connect(fort.house.plain(), V3, "watcher").await;
    watcher.subscribe("$aws/events/certificates/registered/+", Q1).await;
    let (pair, ca) = Pair::signed();
    let request = thingstead_registry::RegisterCaCertificate {
        ca_certificate: ca,
        sni_only: true,
        active: true,
        auto_registration: true,
        ..thingstead_registry::RegisterCaCertificate::default()
    };
    registry.register_ca_certificate(&scope, request).await.expect("a CA");
    for _ in 0..2 {
        if let Ok(stream) = fort.mqtts(&pair).await {
            let mut client = Client::over(stream, V3);
            client.closed().await;
        }
        let event = watcher.json().await;
        assert_eq!(
            (&event["certificateId"], &event["certificateStatus"]),
            (&(*pair.id()).into(), &"PENDING_ACTIVATION".into())
        );
        assert_eq!(event["awsAccountId"], scope.account());
    }
    registry.update_certificate(&scope, &pair.id(), CertificateStatus::Active).await.expect("activated");
    registry.create_policy(&scope, "anything", ANYTHING, &[]).await.expect("a policy");
    registry.attach_policy(&scope, "anything", &Target::Certificate(pair.id())).await.expect("attached");
    let (mut client, ack) = fort.connect(&pair, Connect::new(V5, "c", 60)).await;
    assert_eq!(ack.reason.as_u8(), 0);
    client.ping().await;
}

#[tokio::test]
async fn propagating_attributes_of_the_thing_type_travel_with_every_message() {
    // MQTT-108
    let (fort, registry) = Fort::registered().await;
    let scope = scope();
    let pair = Pair::device();
    let target = admit(&registry, &scope, &pair, "anything", ANYTHING).await;
    let configuration = |key: &str| {
        let attributes = serde_json::json!({ "propagatingAttributes": [
            { "userPropertyKey": key, "thingAttribute": "site" },
            { "userPropertyKey": "client", "connectionAttribute": "iot:ClientId" },
            { "userPropertyKey": "thing", "connectionAttribute": "iot:Thing.ThingName" },
            { "userPropertyKey": "none", "thingAttribute": "missing" },
        ]});
        ThingTypeProperties { mqtt5_configuration: Some(attributes), ..ThingTypeProperties::default() }
    };
    registry.create_thing_type(&scope, "bulb", configuration("site"), &[]).await.expect("a type");
    let lamp = CreateThing {
        name: "lamp".into(),
        type_name: Some("bulb".into()),
        attributes: [("site".to_owned(), "hall-7".to_owned())].into_iter().collect(),
        ..CreateThing::default()
    };
    registry.create_thing(&scope, lamp).await.expect("a thing");
    registry
        .attach_thing_principal(&scope, "lamp", &target, ThingPrincipalType::ExclusiveThing)
        .await
        .expect("attached");
    let mut watcher = Client::connect(fort.house.plain(), V5, "watcher").await;
    watcher.subscribe("t", Q1).await;
    let (mut lamp, _) = fort.connect(&pair, Connect::new(V3, "lamp", 60)).await;
    assert_eq!(lamp.acked("t", "x").await.as_u8(), 0);
    let told = |publish: Publish| -> Vec<(String, String)> {
        let user = publish.properties.expect("properties").user_properties;
        user.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
    };
    let pair_of = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let connection = [pair_of("client", "lamp"), pair_of("thing", "lamp")];
    let expected = |first: &[(String, String)]| [first, &connection].concat();
    assert_eq!(told(watcher.message().await), expected(&[pair_of("site", "hall-7")]));
    // A change counts at once; what the client says itself comes first.
    registry.update_thing_type(&scope, "bulb", configuration("place")).await.expect("changed");
    drop(lamp);
    let (mut lamp, _) = fort.connect(&pair, Connect::new(V5, "lamp", 60)).await;
    let mut publish = Publish { qos: Q1, ..Publish::new("t", "x") };
    publish.properties.get_or_insert_default().user_properties = vec![("own".into(), "1".into())];
    assert_eq!(lamp.acked_with(publish).await.as_u8(), 0);
    let first = [pair_of("own", "1"), pair_of("place", "hall-7")];
    assert_eq!(told(watcher.message().await), expected(&first));
}
