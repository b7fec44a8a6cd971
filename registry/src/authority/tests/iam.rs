//! What IAM policies know about callers with AWS credentials.

use thingstead_core::{Clock, Ids, Journal};
use thingstead_store::Store;

use super::*;
use crate::{Assumption, CreateThing, Registry, RegistrySettings, TABLES, ThingTypeProperties};

const ROLE: &str = "arn:aws:iam::123456789012:role/service/camera";

fn registry(identities: Identities) -> Registry {
    let settings = RegistrySettings { identities: Arc::new(identities), ..RegistrySettings::default() };
    let store = Store::ephemeral(TABLES).expect("a store");
    Registry::open(store, Clock::system(), Ids::seeded(1), Journal::default(), settings).expect("a registry")
}

/// Somebody with a session of the role that a certificate got, naming a thing or not.
async fn session(registry: &Registry, thing: Option<&str>, protocol: Protocol) -> Authority {
    let assumption = Assumption {
        role_arn: ROLE.to_owned(),
        certificate: "c1".into(),
        thing: thing.map(thingstead_core::ThingName::from),
    };
    let credentials = registry.issue_session(&scope(), &assumption, 900).await.expect("issued");
    let session = registry.role_session(&credentials.access_key).expect("kept");
    let principal = session.principal();
    registry.authority(AuthorityRequest {
        session: Some(session),
        client: Some("lamp".into()),
        ..AuthorityRequest::new(scope(), principal, protocol)
    })
}

#[tokio::test]
async fn a_session_of_a_role_alias_carries_its_device_into_iam_policies() {
    // AUTH-241
    let mut identities = Identities::default();
    let own = [
        allow("id", "iot:Publish", "A(topic/id/${credentials-iot:AwsCertificateId})"),
        allow("thing", "iot:Publish", "A(topic/thing/${credentials-iot:ThingName})"),
        allow("type", "iot:Publish", "A(topic/type/${Credentials-IoT:ThingTypeName})"),
        policy(
            "tested",
            r#"{"Effect":"Allow","Action":"iot:Receive","Resource":"*",
                "Condition":{"StringEquals":{"credentials-iot:ThingTypeName":"Light"}}}"#,
        ),
    ];
    identities.grant("camera", own.to_vec());
    let registry = registry(identities);
    let plain = ThingTypeProperties::default();
    registry.create_thing_type(&scope(), "Light", plain, &[]).await.expect("a type");
    for (name, type_name) in [("lamp", Some("Light".to_owned())), ("stone", None)] {
        let thing = CreateThing { name: name.into(), type_name, ..CreateThing::default() };
        registry.create_thing(&scope(), thing).await.expect("a thing");
    }
    for protocol in [Protocol::Mqtt, Protocol::Https] {
        let mut lamp = session(&registry, Some("lamp"), protocol).await;
        for topic in ["id/c1", "thing/lamp", "type/Light"] {
            assert!(lamp.permits(Action::Publish, topic), "{topic}");
        }
        assert!(!lamp.permits(Action::Publish, "thing/stone"));
        assert!(lamp.permits(Action::Receive, "any"));

        let mut stone = session(&registry, Some("stone"), protocol).await;
        assert!(stone.permits(Action::Publish, "thing/stone"));
        assert!(!stone.permits(Action::Receive, "any"));

        let mut nameless = session(&registry, None, protocol).await;
        assert!(nameless.permits(Action::Publish, "id/c1"));
        assert!(!nameless.permits(Action::Publish, "thing/lamp"));
        let decision = nameless.decide(Action::Publish, "thing/lamp");
        let variable =
            decision.variables.iter().find(|v| &*v.name == "credentials-iot:ThingName").expect("told");
        let why = variable.why_absent.as_ref().expect("absent");
        assert!(why.contains("x-amzn-iot-thingname"), "{why}");
    }
}

#[test]
fn the_keys_of_a_session_have_no_value_in_iot_policies() {
    // AUTH-241
    let source = Arc::new(Maps::default());
    source.change(|state| {
        let own = "A(topic/${credentials-iot:AwsCertificateId})";
        let user = "A(topic/${aws:userid}${aws:PrincipalAccount})";
        attach(state, CERT, vec![allow("p", "iot:Publish", own), allow("q", "iot:Publish", user)]);
    });
    let mut device = connection(&source, certificate(), "c");
    assert!(!device.permits(Action::Publish, "c1"));
    let decision = device.decide(Action::Publish, "c1");
    let whys: Vec<&str> = decision.variables.iter().filter_map(|v| v.why_absent.as_deref()).collect();
    assert!(whys.iter().any(|why| why.contains("credentials of a role alias")), "{whys:?}");
    assert!(whys.iter().any(|why| why.contains("sign with AWS credentials")), "{whys:?}");
}

#[tokio::test]
async fn iam_policies_know_who_signed() {
    // AUTH-109, POLICY-362: the global condition keys of IAM.
    let mut identities = Identities::default();
    let keys = [
        ("username", "aws:username"),
        ("userid", "aws:userid"),
        ("arn", "aws:PrincipalArn"),
        ("account", "aws:PrincipalAccount"),
        ("type", "aws:PrincipalType"),
        ("region", "aws:RequestedRegion"),
        ("service", "aws:PrincipalIsAWSService"),
    ];
    let grants: Vec<Applicable> = keys
        .iter()
        .map(|(name, key)| allow(name, "iot:Publish", &format!("A(topic/{name}/${{{key}}})")))
        .collect();
    let temporary = policy(
        "temporary",
        r#"{"Effect":"Allow","Action":"iot:Receive","Resource":"*",
            "Condition":{"Null":{"aws:TokenIssueTime":"false"},"Bool":{"aws:MultiFactorAuthPresent":"false"}}}"#,
    );
    for name in ["camera", "arn:aws:iam::123456789012:user/staff/ann"] {
        identities.grant(name, grants.iter().cloned().chain([temporary.clone()]).collect());
    }
    let registry = registry(identities);
    let ann = Principal::Iam {
        unique_id: "AIDAANN".into(),
        arn: "arn:aws:iam::123456789012:user/staff/ann".into(),
    };
    let mut user = registry.authority(AuthorityRequest::new(scope(), ann, Protocol::Https));
    for topic in [
        "username/ann",
        "userid/AIDAANN",
        "arn/arn:aws:iam::123456789012:user/staff/ann",
        "account/123456789012",
        "type/User",
        "region/us-east-1",
        "service/false",
    ] {
        assert!(user.permits(Action::Publish, topic), "{topic}");
    }
    assert!(!user.permits(Action::Receive, "t"), "a user's own keys are not temporary");

    let mut role = session(&registry, None, Protocol::Https).await;
    let id = role.principal().to_string();
    for topic in [&format!("userid/{id}"), &format!("arn/{ROLE}"), "type/AssumedRole"] {
        assert!(role.permits(Action::Publish, topic), "{topic}");
    }
    assert!(role.permits(Action::Receive, "t"));
    assert!(!role.permits(Action::Publish, "username/c1"), "only users have names");
}
