//! Decisions on a made-up registry; those on the real one are in `stored`.

mod cognito;
mod iam;
mod stored;

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use thingstead_core::{PolicyName, Timestamp};
use thingstead_policy_engine::{Document, ThingFacts};

use super::*;

/// A registry of a few maps.
#[derive(Default)]
struct Maps {
    generation: Arc<AtomicU64>,
    now: Mutex<Timestamp>,
    state: Mutex<State>,
    reads: Mutex<usize>,
}

#[derive(Default)]
struct State {
    identities: Identities,
    policies: HashMap<String, Vec<Applicable>>,
    things: HashMap<String, Vec<ThingAttachment>>,
    facts: HashMap<String, ThingFacts>,
    groups: HashMap<String, Vec<Arc<str>>>,
}

impl Maps {
    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock());
        self.generation.fetch_add(1, Ordering::AcqRel);
    }
}

fn key(holder: Holder<'_>) -> String {
    format!("{holder:?}")
}

impl Source for Maps {
    fn generation(&self, _: &Scope) -> Arc<AtomicU64> {
        Arc::clone(&self.generation)
    }

    fn now(&self) -> Timestamp {
        *self.now.lock()
    }

    fn identities(&self) -> Arc<Identities> {
        Arc::new(self.state.lock().identities.clone())
    }

    fn policy(&self, _: &Scope, name: &str) -> Option<Applicable> {
        self.state.lock().policies.values().flatten().find(|policy| policy.name.as_str() == name).cloned()
    }

    fn policies_of(&self, _: &Scope, holder: Holder<'_>) -> Vec<Applicable> {
        *self.reads.lock() += 1;
        self.state.lock().policies.get(&key(holder)).cloned().unwrap_or_default()
    }

    fn certificate(&self, _: &Scope, id: &str) -> Option<Arc<CertificateFacts>> {
        Some(Arc::new(CertificateFacts::new(Some(id), None)))
    }

    fn things_of(&self, _: &Scope, holder: Holder<'_>) -> Vec<ThingAttachment> {
        self.state.lock().things.get(&key(holder)).cloned().unwrap_or_default()
    }

    fn thing(&self, _: &Scope, name: &str) -> Option<ThingFacts> {
        self.state.lock().facts.get(name).cloned()
    }

    fn groups_of(&self, _: &Scope, thing: &str) -> Vec<Arc<str>> {
        self.state.lock().groups.get(thing).cloned().unwrap_or_default()
    }
}

const CERT: Holder<'static> = Holder::Certificate("c1");

pub(super) fn scope() -> Scope {
    Scope::new("123456789012", "us-east-1")
}

fn policy(name: &str, statements: &str) -> Applicable {
    let text = format!(r#"{{"Version":"2012-10-17","Statement":[{statements}]}}"#);
    let text = expanded(&text);
    let document = Document::parse(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
    Applicable { name: name.into(), version: Some("1".into()), document: Arc::new(document) }
}

/// `A(x)` is short for the ARN of `x`.
fn expanded(text: &str) -> String {
    text.replace("A(", "arn:aws:iot:us-east-1:123456789012:").replace(')', "")
}

fn allow(name: &str, action: &str, resource: &str) -> Applicable {
    policy(name, &format!(r#"{{"Effect":"Allow","Action":"{action}","Resource":"{resource}"}}"#))
}

fn deny(name: &str, action: &str, resource: &str) -> Applicable {
    policy(name, &format!(r#"{{"Effect":"Deny","Action":"{action}","Resource":"{resource}"}}"#))
}

fn connection(source: &Arc<Maps>, principal: Principal, client: &str) -> Authority {
    let mut request = AuthorityRequest::new(scope(), principal, Protocol::Mqtt);
    request.client = Some(client.into());
    Authority::new(Arc::clone(source) as Arc<dyn Source>, request)
}

fn certificate() -> Principal {
    Principal::Certificate("c1".into())
}

fn attach(state: &mut State, holder: Holder<'_>, policies: Vec<Applicable>) {
    state.policies.insert(key(holder), policies);
}

fn thing(state: &mut State, name: &str, exclusive: bool) {
    let attachment = ThingAttachment { thing: name.into(), exclusive };
    state.things.entry(key(CERT)).or_default().push(attachment);
    let attributes = BTreeMap::from([(Arc::from("site"), Arc::from("north"))]);
    state.facts.insert(name.into(), ThingFacts { name: name.into(), type_name: None, attributes });
}

#[test]
fn a_certificate_without_policies_may_do_nothing_and_is_told_so() {
    // POLICY-356, POLICY-350
    let source = Arc::new(Maps::default());
    let mut authority = connection(&source, certificate(), "c");
    assert!(!authority.permits(Action::Connect, "c"));
    let decision = authority.decide(Action::Connect, "c");
    assert!(decision.why.contains("no policy is attached to certificate `c1`"), "{}", decision.why);
    assert!(decision.fix.as_ref().is_some_and(|fix| fix.contains("client/c")));
}

#[test]
fn every_change_counts_for_the_next_packet() {
    // POLICY-065, POLICY-066, POLICY-369
    let source = Arc::new(Maps::default());
    let mut authority = connection(&source, certificate(), "c");
    assert!(!authority.permits(Action::Publish, "a"));
    source.change(|state| attach(state, CERT, vec![allow("p", "iot:Publish", "A(topic/a)")]));
    assert!(authority.permits(Action::Publish, "a"));
    source.change(|state| attach(state, CERT, vec![]));
    assert!(!authority.permits(Action::Publish, "a"));
}

#[test]
fn decisions_are_remembered_and_their_number_is_bounded() {
    let source = Arc::new(Maps::default());
    source.change(|state| attach(state, CERT, vec![allow("p", "iot:Publish", "A(topic/*)")]));
    let mut authority = connection(&source, certificate(), "c");
    for i in 0..1000 {
        assert!(authority.permits(Action::Publish, &format!("t/{i}")));
        assert!(!authority.permits(Action::Receive, &format!("t/{i}")));
    }
    assert!(authority.known.len() <= known::MAX_SUBJECTS);
    assert_eq!(*source.reads.lock(), 1);
}

#[test]
fn a_connection_belongs_to_the_thing_of_its_client_identifier() {
    // POLICY-230, POLICY-234, POLICY-239, POLICY-357, POLICY-358
    let source = Arc::new(Maps::default());
    source.change(|state| {
        let own = "A(topic/${iot:Connection.Thing.Attributes[site]}/${iot:Connection.Thing.ThingName})";
        attach(state, CERT, vec![allow("own", "iot:Publish", own)]);
        attach(state, Holder::ThingGroup("root"), vec![allow("root", "iot:Receive", "*")]);
        attach(state, Holder::ThingGroup("leaf"), vec![deny("leaf", "iot:Receive", "A(topic/secret)")]);
        thing(state, "lamp", false);
        state.groups.insert("lamp".into(), vec!["leaf".into(), "root".into()]);
    });
    let mut lamp = connection(&source, certificate(), "lamp");
    assert_eq!(lamp.thing(), Some("lamp".into()));
    assert!(lamp.permits(Action::Publish, "north/lamp"));
    assert!(lamp.permits(Action::Receive, "any"));
    assert!(!lamp.permits(Action::Receive, "secret"));
    assert_eq!(lamp.policies().len(), 3);

    let mut other = connection(&source, certificate(), "other");
    assert_eq!(other.thing(), None);
    assert!(!other.permits(Action::Receive, "any"));
    let decision = other.decide(Action::Publish, "north/lamp");
    assert!(
        decision.variables.iter().any(|v| v.why_absent.as_ref().is_some_and(|why| why.contains("`other`"))),
        "{decision:?}"
    );
    // POLICY-483
    source.change(|state| state.things.clear());
    assert_eq!(lamp.thing(), None);
    assert!(!lamp.permits(Action::Publish, "north/lamp"));
}

#[test]
fn an_exclusive_attachment_associates_every_client_identifier() {
    // POLICY-231, POLICY-359
    let source = Arc::new(Maps::default());
    source.change(|state| {
        attach(state, Holder::ThingGroup("g"), vec![allow("g", "iot:Publish", "*")]);
        thing(state, "lamp", true);
        state.groups.insert("lamp".into(), vec!["g".into()]);
    });
    let mut authority = connection(&source, certificate(), "whatever");
    assert_eq!(authority.thing(), Some("lamp".into()));
    assert!(authority.permits(Action::Publish, "t"));
}

#[test]
fn https_has_no_thing_and_no_group_policies_but_for_the_thing_a_credentials_request_names() {
    // POLICY-240, POLICY-361, AUTH-242
    let source = Arc::new(Maps::default());
    source.change(|state| {
        let alias = "A(rolealias/${iot:Connection.Thing.ThingName})";
        attach(state, CERT, vec![allow("p", "iot:AssumeRoleWithCertificate", alias)]);
        attach(state, Holder::ThingGroup("g"), vec![allow("g", "iot:Publish", "*")]);
        thing(state, "lamp", true);
        state.groups.insert("lamp".into(), vec!["g".into()]);
    });
    let request = AuthorityRequest::new(scope(), certificate(), Protocol::Https);
    let mut plain = Authority::new(Arc::clone(&source) as Arc<dyn Source>, request.clone());
    assert!(!plain.permits(Action::AssumeRoleWithCertificate, "lamp"));
    assert!(!plain.permits(Action::Publish, "t"));
    assert_eq!(plain.thing(), None);
    for (named, expected) in [("lamp", true), ("other", false)] {
        let request = AuthorityRequest { named_thing: Some(named.into()), ..request.clone() };
        let mut authority = Authority::new(Arc::clone(&source) as Arc<dyn Source>, request);
        assert_eq!(authority.permits(Action::AssumeRoleWithCertificate, "lamp"), expected, "{named}");
        assert!(!authority.permits(Action::Publish, "t"));
    }
}

#[test]
fn iam_identities_are_governed_by_iam_policies_alone() {
    // POLICY-242, POLICY-362, AUTH-109
    let source = Arc::new(Maps::default());
    let iam =
        |id: &str| Principal::Iam { unique_id: id.into(), arn: format!("arn:aws:iam::1:user/{id}").into() };
    source.change(|state| {
        state.identities.grant("arn:aws:iam::1:user/reader", vec![allow("r", "iot:Subscribe", "*")]);
        state.identities.grant("nobody", vec![]);
    });
    for (id, publish, subscribe) in [("admin", true, true), ("reader", false, true), ("nobody", false, false)]
    {
        let mut authority = connection(&source, iam(id), "c");
        assert_eq!(authority.permits(Action::Publish, "t"), publish, "{id}");
        assert_eq!(authority.permits(Action::Subscribe, "t"), subscribe, "{id}");
        assert_eq!(authority.decide(Action::Publish, "t").is_allowed(), publish, "{id}");
        assert_eq!(authority.thing(), None);
    }
}

#[test]
fn an_authenticated_cognito_identity_needs_role_and_policy() {
    // POLICY-227, POLICY-363, POLICY-364, POLICY-365, POLICY-366
    let source = Arc::new(Maps::default());
    let cognito = |authenticated| Principal::Cognito { identity_id: "us-east-1:u".into(), authenticated };
    let mut known = connection(&source, cognito(true), "c");
    assert!(!known.permits(Action::Publish, "t"));
    assert!(known.permits(Action::ListRetainedMessages, ""));
    assert!(known.decide(Action::Publish, "t").why.contains("needs one next to its role"));
    assert!(connection(&source, cognito(false), "c").permits(Action::Publish, "t"));
    let own = "A(topic/${cognito-identity.amazonaws.com:sub})";
    source.change(|state| {
        attach(state, Holder::Identity("us-east-1:u"), vec![allow("p", "iot:Publish", own)]);
    });
    assert!(known.permits(Action::Publish, "us-east-1:u"));
    assert!(!known.permits(Action::Publish, "t"));
    source.change(|state| state.identities.grant("us-east-1:u", vec![deny("d", "iot:Publish", "*")]));
    assert!(!known.permits(Action::Publish, "us-east-1:u"));
    assert_eq!(known.decide(Action::Publish, "us-east-1:u").outcome, Outcome::ExplicitDeny);
}

#[test]
fn a_custom_authorizers_documents_stand_alone_or_beside_the_certificates() {
    // POLICY-367, POLICY-368, AUTH-208, AUTH-209, AUTH-215
    let source = Arc::new(Maps::default());
    source.change(|state| {
        attach(state, CERT, vec![allow("cert", "iot:Subscribe", "*")]);
        thing(state, "lamp", false);
    });
    let custom = |certificate| Principal::Custom { principal_id: "me".into(), certificate };
    let mut alone = connection(&source, custom(None), "lamp");
    assert!(alone.decide(Action::Publish, "t").why.contains("no policy document for `me`"));
    alone.set_documents(vec![allow("d", "iot:Publish", "A(topic/${iot:ClientId})")]);
    assert!(alone.permits(Action::Publish, "lamp"));
    assert!(!alone.permits(Action::Subscribe, "t"));
    assert_eq!(alone.thing(), None);
    alone.set_documents(vec![]);
    assert!(!alone.permits(Action::Publish, "lamp"));

    let mut both = connection(&source, custom(Some("c1".into())), "lamp");
    both.set_documents(vec![deny("d", "iot:Subscribe", "A(topicfilter/x)")]);
    assert!(both.permits(Action::Subscribe, "t"));
    assert!(!both.permits(Action::Subscribe, "x"));
    assert_eq!(both.thing(), Some("lamp".into()));
}

#[test]
fn clients_of_the_plain_listener_may_do_everything_unless_a_policy_is_named() {
    let source = Arc::new(Maps::default());
    let mut authority = connection(&source, Principal::Anonymous, "c");
    assert!(authority.permits(Action::Publish, "t"));
    source.change(|state| {
        state.identities.anonymous_policy = Some("guests".into());
        attach(state, Holder::ThingGroup("-"), vec![allow("guests", "iot:Publish", "A(topic/open)")]);
    });
    assert!(authority.permits(Action::Publish, "open"));
    assert!(!authority.permits(Action::Publish, "t"));
    source.change(|state| state.identities.anonymous_policy = Some("gone".into()));
    assert!(!authority.permits(Action::Publish, "open"));
}

#[test]
fn delivery_to_a_shared_subscriber_takes_either_form_of_the_topic() {
    // POLICY-138
    let source = Arc::new(Maps::default());
    for (policies, expected) in [
        (vec![allow("p", "iot:Receive", "A(topic/t)")], true),
        (vec![allow("p", "iot:Receive", "A(topic/$share/g/t)")], true),
        (vec![allow("p", "iot:Receive", "A(topic/$share/other/t)")], false),
        (vec![allow("p", "iot:Receive", "*"), deny("d", "iot:Receive", "A(topic/t)")], false),
        (vec![allow("p", "iot:Receive", "*"), deny("d", "iot:Receive", "A(topic/$share/*)")], false),
    ] {
        source.change(|state| attach(state, CERT, policies.clone()));
        let mut authority = connection(&source, certificate(), "c");
        for _ in 0..2 {
            assert_eq!(authority.permits_delivery("t", Some("g")), expected, "{policies:?}");
        }
        assert_eq!(authority.decide_delivery("t", Some("g")).is_allowed(), expected);
    }
    source.change(|state| attach(state, CERT, vec![allow("p", "iot:Receive", "A(topic/$share/g/t)")]));
    let mut authority = connection(&source, certificate(), "c");
    assert!(!authority.permits_delivery("t", None));
}

#[test]
fn a_decision_that_depends_on_the_time_is_not_remembered() {
    // POLICY-328
    let source = Arc::new(Maps::default());
    let until = r#"{"Effect":"Allow","Action":"iot:Publish","Resource":"*","Condition":{"DateLessThan":{"aws:CurrentTime":"1970-01-01T00:00:10Z"}}}"#;
    source.change(|state| attach(state, CERT, vec![policy("p", until)]));
    let mut authority = connection(&source, certificate(), "c");
    assert!(authority.permits(Action::Publish, "t"));
    *source.now.lock() = Timestamp::from_millis(10_000);
    assert!(!authority.permits(Action::Publish, "t"));
}

#[test]
fn connect_attributes_and_the_will_topic_are_facts_of_connect() {
    // POLICY-320, POLICY-323
    let source = Arc::new(Maps::default());
    let condition = r#"{"Effect":"Allow","Action":["iot:Connect","iot:Publish"],"Resource":"*","Condition":{
        "ForAllValues:StringEquals":{"iot:ConnectAttributes":["LastWill"]},
        "ArnEquals":{"iot:LastWillTopic":"A(topic/will/*)"}}}"#;
    source.change(|state| attach(state, CERT, vec![policy("p", condition)]));
    for (persistent, will, expected) in
        [(false, "will/c", true), (true, "will/c", false), (false, "elsewhere", false)]
    {
        let mut request = AuthorityRequest::new(scope(), certificate(), Protocol::Mqtt);
        request.connect_attributes = connect_attributes(persistent, true);
        request.last_will_topic = Some(will.into());
        let mut authority = Authority::new(Arc::clone(&source) as Arc<dyn Source>, request);
        assert_eq!(authority.permits(Action::Connect, "c"), expected, "{persistent} {will}");
        assert!(!authority.permits(Action::Publish, "t"));
    }
    assert!(connect_attributes(false, false).is_empty());
}

#[test]
fn actions_are_judged_on_their_resources() {
    // POLICY-100, POLICY-101, POLICY-102, POLICY-103, POLICY-104, POLICY-105, POLICY-106, POLICY-107, POLICY-108, POLICY-109,
    // POLICY-110, POLICY-111, POLICY-113, POLICY-114, POLICY-115, POLICY-116, POLICY-117, POLICY-134, POLICY-136
    let prefix = "arn:aws:iot:us-east-1:123456789012:";
    for (action, subject, expected) in [
        (Action::Connect, "c", "client/c"),
        (Action::Publish, "$aws/things/t/shadow/update", "topic/$aws/things/t/shadow/update"),
        (Action::Receive, "/a//b:c/", "topic//a//b:c/"),
        (Action::RetainPublish, "a", "topic/a"),
        (Action::Subscribe, "$share/g/a/#", "topicfilter/$share/g/a/#"),
        (Action::GetRetainedMessage, "a", "topic/a"),
        (Action::GetThingShadow, "t", "thing/t"),
        (Action::UpdateThingShadow, "t/s", "thing/t/s"),
        (Action::ListNamedShadowsForThing, "t", "thing/t"),
        (Action::DescribeJobExecution, "t", "thing/t"),
        (Action::AssumeRoleWithCertificate, "r", "rolealias/r"),
        (Action::DeleteConnection, "c", "client/c"),
        (Action::GetConnection, "c", "client/c"),
        (Action::ListSubscriptions, "c", "client/c"),
        (Action::SendDirectMessage, "c", "client/c"),
    ] {
        assert_eq!(action.resource(&scope(), subject), format!("{prefix}{expected}"));
    }
    assert_eq!(Action::ListRetainedMessages.resource(&scope(), "x"), "*");
    let ours = Action::ALL.map(|action| (action.name(), action.resource_type()));
    assert_eq!(ours.as_slice(), thingstead_policy_engine::JUDGED_ACTIONS);
    assert_eq!(Action::UpdateJobExecution.name(), "iotjobsdata:UpdateJobExecution");
}

#[test]
fn a_test_names_the_policies_that_allow_deny_and_have_nothing_to_say() {
    // POLICY-502 to POLICY-508, POLICY-510 to POLICY-513, POLICY-516, POLICY-517
    let source = Arc::new(Maps::default());
    source.change(|state| {
        let own = "A(topic/${iot:Connection.Thing.ThingName})";
        let other = allow("other", "iot:Connect", "*");
        attach(
            state,
            CERT,
            vec![allow("own", "iot:Publish", own), deny("no", "iot:Publish", "A(topic/x)"), other],
        );
        attach(state, Holder::ThingGroup("g"), vec![allow("group", "iot:Publish", "*")]);
        thing(state, "lamp", false);
        state.groups.insert("lamp".into(), vec!["g".into()]);
    });
    let names = |names: &[PolicyName]| names.iter().map(|name| name.to_string()).collect::<Vec<_>>();
    let topics = |topics: &[&str]| {
        let arns = topics.iter().map(|topic| Action::Publish.resource(&scope(), topic)).collect();
        [(Action::Publish, arns)]
    };
    let mut test = AuthorizationTest {
        request: AuthorityRequest::new(scope(), certificate(), Protocol::Mqtt),
        add: Vec::new(),
        skip: Default::default(),
    };
    let tested = test.run(source.as_ref(), &topics(&["lamp"])).remove(0);
    assert_eq!(tested.outcome, Outcome::ImplicitDeny);
    assert_eq!(names(&tested.silent), ["own", "no", "other"]);
    assert_eq!(tested.missing, [Arc::from("iot:Connection.Thing.ThingName")]);

    test.request.client = Some("lamp".into());
    let tested = test.run(source.as_ref(), &topics(&["lamp", "x"])).remove(0);
    assert_eq!(tested.outcome, Outcome::ExplicitDeny);
    assert_eq!(names(&tested.allowing), ["own", "group"]);
    assert_eq!(names(&tested.denying), ["no"]);
    assert_eq!(names(&tested.silent), ["other"]);
    assert!(tested.missing.is_empty());
    assert_eq!(tested.decisions.len(), 2);

    test.skip.insert("no".into());
    test.skip.insert("group".into());
    let tested = test.run(source.as_ref(), &topics(&["lamp", "x"])).remove(0);
    assert_eq!(tested.outcome, Outcome::ImplicitDeny);
    test.add.push(allow("more", "iot:*", "A(topic/x)"));
    assert_eq!(test.run(source.as_ref(), &topics(&["lamp", "x"])).remove(0).outcome, Outcome::Allowed);
}
