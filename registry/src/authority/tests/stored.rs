//! Decisions on what the registry really holds: each change counts for the next question.

use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
use thingstead_core::{Clock, Ids, Journal, ThingName};
use thingstead_store::Store;

use crate::authority::tests::{expanded, scope};
use crate::authority::{Action, Authority, AuthorityRequest};
use crate::{
    AttributePayload, CertificateStatus, CreateThing, CreateThingGroup, Registry, RegistrySettings, TABLES,
    Target, ThingPrincipalType, UpdateThing,
};
use thingstead_core::{CertificateId, Principal};
use thingstead_policy_engine::Protocol;

struct Fixture {
    registry: Registry,
    certificate: CertificateId,
}

impl Fixture {
    async fn new() -> Self {
        let store = Store::ephemeral(TABLES).expect("a store");
        let (clock, ids) = (Clock::system(), Ids::seeded(1));
        let journal = Journal::new(thingstead_core::journal::Capacity::default());
        let registry =
            Registry::open(store, clock, ids, journal, RegistrySettings::default()).expect("a registry");
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "edge");
        let pem = params.self_signed(&KeyPair::generate().expect("a key")).expect("a certificate").pem();
        let active = Some(CertificateStatus::Active);
        let certificate =
            registry.register_certificate_without_ca(&scope(), &pem, active).await.expect("registered");
        Self { registry, certificate: certificate.id.clone() }
    }

    fn target(&self) -> Target {
        Target::Certificate(self.certificate.clone())
    }

    async fn policy(&self, name: &str, statement: &str) {
        let text = expanded(&format!(r#"{{"Version":"2012-10-17","Statement":{statement}}}"#));
        self.registry.create_policy(&scope(), name, &text, &[]).await.expect("a policy");
    }

    async fn thing(&self, name: &str) {
        let request = CreateThing { name: name.into(), ..CreateThing::default() };
        self.registry.create_thing(&scope(), request).await.expect("a thing");
        let kind = ThingPrincipalType::NonExclusiveThing;
        self.registry.attach_thing_principal(&scope(), name, &self.target(), kind).await.expect("attached");
    }

    fn connection(&self, client: &str) -> Authority {
        let principal = Principal::Certificate(self.certificate.clone());
        let mut request = AuthorityRequest::new(scope(), principal, Protocol::Mqtt);
        request.client = Some(client.into());
        self.registry.authority(request)
    }
}

#[tokio::test]
async fn policies_their_default_versions_and_attachments_count_at_once() {
    // POLICY-065, POLICY-066, POLICY-355, POLICY-369
    let fixture = Fixture::new().await;
    let mut authority = fixture.connection("c");
    let (registry, scope, target) = (&fixture.registry, scope(), fixture.target());
    fixture.policy("p", r#"{"Effect":"Allow","Action":"iot:Publish","Resource":"A(topic/${iot:Certificate.Subject.CommonName})"}"#).await;
    assert!(!authority.permits(Action::Publish, "edge"));
    registry.attach_policy(&scope, "p", &target).await.expect("attached");
    assert!(authority.permits(Action::Publish, "edge"));
    let second =
        expanded(r#"{"Statement":{"Effect":"Allow","Action":"iot:Publish","Resource":"A(topic/second)"}}"#);
    registry.create_policy_version(&scope, "p", &second, false).await.expect("a version");
    assert!(!authority.permits(Action::Publish, "second"));
    registry.set_default_policy_version(&scope, "p", "2").await.expect("the default");
    assert!(authority.permits(Action::Publish, "second"));
    assert!(!authority.permits(Action::Publish, "edge"));
    let decision = authority.decide(Action::Publish, "second");
    assert_eq!(decision.because[0].version.as_deref(), Some("2"));
    registry.detach_policy(&scope, "p", &target).await.expect("detached");
    assert!(!authority.permits(Action::Publish, "second"));
}

#[tokio::test]
async fn things_their_attributes_and_groups_count_at_once() {
    // POLICY-215, POLICY-357, POLICY-358, POLICY-360, POLICY-483
    let fixture = Fixture::new().await;
    let (registry, scope) = (&fixture.registry, scope());
    fixture.policy("own", r#"{"Effect":"Allow","Action":"iot:Publish","Resource":"A(topic/${iot:Connection.Thing.Attributes[site]})"}"#).await;
    fixture.policy("group", r#"{"Effect":"Allow","Action":"iot:Receive","Resource":"*"}"#).await;
    registry.attach_policy(&scope, "own", &fixture.target()).await.expect("attached");
    fixture.thing("lamp").await;
    for (name, parent) in [("root", None), ("leaf", Some("root".to_owned()))] {
        let request = CreateThingGroup { name: name.into(), parent, ..CreateThingGroup::default() };
        registry.create_thing_group(&scope, request).await.expect("a group");
    }
    registry.attach_policy(&scope, "group", &Target::ThingGroup("root".into())).await.expect("attached");
    let mut lamp = fixture.connection("lamp");
    let mut other = fixture.connection("other");
    assert_eq!(lamp.thing(), Some(ThingName::from("lamp")));
    assert_eq!(other.thing(), None);
    assert!(!lamp.permits(Action::Publish, "north"));
    let attributes = Some([("site".to_owned(), "north".to_owned())].into());
    let change = UpdateThing {
        name: "lamp".into(),
        attributes: Some(AttributePayload { attributes, merge: true }),
        ..UpdateThing::default()
    };
    registry.update_thing(&scope, change).await.expect("updated");
    assert!(lamp.permits(Action::Publish, "north"));
    assert!(!other.permits(Action::Publish, "north"));

    assert!(!lamp.permits(Action::Receive, "t"));
    registry.add_thing_to_thing_group(&scope, "leaf", "lamp", false).await.expect("a member");
    assert!(lamp.permits(Action::Receive, "t"));
    assert!(!other.permits(Action::Receive, "t"));
    registry.remove_thing_from_thing_group(&scope, "leaf", "lamp").await.expect("no member");
    assert!(!lamp.permits(Action::Receive, "t"));

    registry.detach_thing_principal(&scope, "lamp", &fixture.target()).await.expect("detached");
    assert_eq!(lamp.thing(), None);
    assert!(!lamp.permits(Action::Publish, "north"));
}

#[tokio::test]
async fn attachments_are_not_exclusive_unless_they_say_so() {
    // POLICY-230, POLICY-231, POLICY-232, POLICY-233, POLICY-241
    let fixture = Fixture::new().await;
    let (registry, scope) = (&fixture.registry, scope());
    assert_eq!(ThingPrincipalType::default(), ThingPrincipalType::NonExclusiveThing);
    fixture.thing("lamp").await;
    assert_eq!(fixture.connection("other").thing(), None);
    let exclusive = ThingPrincipalType::ExclusiveThing;
    registry.attach_thing_principal(&scope, "lamp", &fixture.target(), exclusive).await.expect("exclusive");
    assert_eq!(fixture.connection("other").thing(), Some(ThingName::from("lamp")));
    registry
        .create_thing(&scope, CreateThing { name: "two".into(), ..CreateThing::default() })
        .await
        .expect("a thing");
    let kind = ThingPrincipalType::NonExclusiveThing;
    assert!(registry.attach_thing_principal(&scope, "two", &fixture.target(), kind).await.is_err());

    let identity = Target::Identity("us-east-1:u".into());
    registry.attach_thing_principal(&scope, "two", &identity, kind).await.expect("attached");
    let cognito = Principal::Cognito { identity_id: "us-east-1:u".into(), authenticated: true };
    let mut request = AuthorityRequest::new(scope.clone(), cognito, Protocol::Mqtt);
    request.client = Some("two".into());
    assert_eq!(registry.authority(request).thing(), Some(ThingName::from("two")));
}

#[tokio::test]
async fn a_principal_of_another_account_has_nothing_here() {
    // POLICY-371
    let fixture = Fixture::new().await;
    let registry = &fixture.registry;
    fixture.policy("p", r#"{"Effect":"Allow","Action":"*","Resource":"*"}"#).await;
    registry.attach_policy(&scope(), "p", &fixture.target()).await.expect("attached");
    assert!(fixture.connection("c").permits(Action::Connect, "c"));
    let elsewhere = thingstead_core::Scope::new("999999999999", "us-east-1");
    let principal = Principal::Certificate(fixture.certificate.clone());
    let request = AuthorityRequest::new(elsewhere, principal, Protocol::Mqtt);
    assert!(!registry.authority(request).permits(Action::Connect, "c"));
}
