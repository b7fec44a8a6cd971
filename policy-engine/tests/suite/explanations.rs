//! What a person is told about a decision.

use std::sync::Arc;

use thingstead_core::decision::Position;
use thingstead_core::{Decision, Outcome};
use thingstead_policy_engine::{Applicable, Context, ThingContext, ThingFacts, any_of};

use crate::asking::{client, decide, expanded, policy, statements};

fn about(policies: &[Applicable], action: &str, resource: &str) -> Decision {
    decide(policies, action, resource, &client("dev1"))
}

fn says(decision: &Decision, expected: &str) {
    assert!(decision.why.contains(expected), "{}", decision.why);
}

#[test]
fn an_allowance_names_its_statement() {
    let text = "{\"Version\":\"2012-10-17\",\n \"Statement\":[\n  {\"Effect\":\"Deny\",\"Action\":\"iot:Connect\",\"Resource\":\"*\"},\n  {\"Sid\":\"Own\",\"Effect\":\"Allow\",\"Action\":\"iot:Publish\",\"Resource\":\"A(topic/${iot:ClientId})\"}]}";
    let decision = about(&[policy("fleet", text)], "iot:Publish", "A(topic/dev1)");
    assert_eq!(decision.outcome, Outcome::Allowed);
    let because = decision.because.first().expect("a statement");
    assert_eq!((because.statement, because.sid.as_deref()), (1, Some("Own")));
    assert_eq!(because.position, Position { line: 4, column: 3 });
    assert_eq!(decision.why, "statement 2 (`Own`) of policy `fleet` version 1 allows it");
    let variable = decision.variables.first().expect("a variable");
    assert_eq!((&*variable.name, variable.value.as_deref()), ("iot:ClientId", Some("dev1")));
    assert_eq!(decision.fix, None);
}

#[test]
fn every_denial_is_named() {
    // POLICY-352, POLICY-354
    let policies = [
        policy("a", r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#),
        policy("b", r#"{"Statement":{"Effect":"Deny","Action":"iot:Publish","Resource":"*"}}"#),
        policy("c", r#"{"Statement":{"Sid":"No","Effect":"Deny","NotAction":"iot:Connect","Resource":"*"}}"#),
    ];
    let decision = about(&policies, "iot:Publish", "A(topic/x)");
    assert_eq!(decision.outcome, Outcome::ExplicitDeny);
    assert_eq!(decision.because.iter().map(|s| &*s.policy).collect::<Vec<_>>(), ["b", "c"]);
    says(&decision, "statement 1 of policy `b` version 1 denies it (its `Resource` `*` covers `arn:");
    let fix = decision.fix.expect("a fix");
    assert!(
        fix.contains("remove statement 1 of policy `b` version 1 and statement 1 (`No`) of policy `c`"),
        "{fix}"
    );
    assert!(!fix.contains("then add"), "{fix}");
}

#[test]
fn the_nearest_statement_comes_first() {
    let policies = [statements(
        r#"{"Effect":"Allow","Action":"iot:Connect","Resource":"*"},
           {"Effect":"Allow","Action":"iot:Publish","Resource":"A(topic/far)"},
           {"Effect":"Allow","Action":"iot:Publish","Resource":["A(topic/x)","A(topic/near/*)"]},
           {"Effect":"Allow","Action":"iot:Publish","Resource":"*","Condition":{"StringEquals":{"iot:ClientId":"dev2"}}}"#,
    )];
    let decision = about(&policies, "iot:Publish", "A(topic/near)");
    let order: Vec<(usize, &str)> =
        decision.near_misses.iter().map(|miss| (miss.statement.statement, &*miss.element)).collect();
    assert_eq!(order, [(3, "Condition"), (2, "Resource"), (1, "Resource"), (0, "Action")]);
    says(&decision, "`StringEquals` on `iot:ClientId` asks for `dev2`, the request has `dev1`");
    assert!(decision.near_misses[1].why.contains("begins below `near`"), "{}", decision.near_misses[1].why);
}

#[test]
fn what_is_there_is_mended_before_something_is_added() {
    // POLICY-004, POLICY-101, POLICY-168, POLICY-169, POLICY-177, POLICY-211, POLICY-213
    let allow = |action: &str, resource: &str| {
        format!(r#"{{"Effect":"Allow","Action":"{action}","Resource":"{resource}"}}"#)
    };
    for (action, pattern, asked, first) in [
        (
            "iot:Subscribe",
            "A(topic/a)",
            "A(topicfilter/a)",
            "add `A(topicfilter/a)` next to `A(topic/a)` in policy `p`, or add this statement",
        ),
        ("iot:Publish", "A(topic/a/+/c)", "A(topic/a/b/c)", "write `A(topic/a/*/c)` for `A(topic/a/+/c)`"),
        ("iot:Publish", "A(topic/a/#)", "A(topic/a/b/c)", "write `A(topic/a/*)` for `A(topic/a/#)`"),
        (
            "iot:Publish",
            "arn:aws:iot:eu-west-1:999999999999:topic/*",
            "A(topic/a)",
            "write `A(topic/*)` for `arn:aws:iot:eu-west-1:999999999999:topic/*`",
        ),
        ("iot:Publish", "A(a/b)", "A(topic/a/b)", "write `A(topic/a/b)` for `A(a/b)`"),
        (
            "iot:Publish",
            "A(topic/$(iot:ClientId))",
            "A(topic/dev1)",
            "write `A(topic/${iot:ClientId})` for `A(topic/$(iot:ClientId))`",
        ),
        (
            "iot:Connect",
            "A(client/${iot:Thing.ThingName})",
            "A(client/dev1)",
            "write `A(client/${iot:Connection.Thing.ThingName})` for",
        ),
        (
            "iot:Connect",
            "A(client/dev2)",
            "A(client/dev1)",
            "connect with the client identifier `dev2`, or add",
        ),
    ] {
        let parentheses = pattern.contains("$(");
        let (pattern, first) = if parentheses {
            let start = "arn:aws:iot:us-east-1:123456789012:topic/";
            let written = format!("{start}$(iot:ClientId)");
            (written.clone(), format!("write `{start}${{iot:ClientId}}` for `{written}`"))
        } else {
            (expanded(pattern), expanded(first))
        };
        let document = format!(r#"{{"Version":"2012-10-17","Statement":{}}}"#, allow(action, &pattern));
        let thing = ThingFacts { name: "dev1".into(), ..ThingFacts::default() };
        let context = Context { thing: ThingContext::Associated(Arc::new(thing)), ..client("dev1") };
        let policy = policy("p", &document);
        let decision = decide(&[policy], action, asked, &context);
        let fix = decision.fix.expect("a fix");
        assert!(fix.starts_with(&first), "{fix}");
    }
    let old =
        policy("p", r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"A(topic/${iot:ClientId})"}}"#);
    let fix = about(&[old], "iot:Publish", "A(topic/dev1)").fix.expect("a fix");
    assert!(fix.starts_with("put `\"Version\": \"2012-10-17\"` into policy `p`, or add"), "{fix}");
    // What would not help is not proposed.
    let far = statements(&allow("iot:Publish", "arn:aws:iot:eu-west-1:123456789012:topic/b"));
    let fix = about(&[far], "iot:Publish", "A(topic/a)").fix.expect("a fix");
    assert!(fix.starts_with("add this statement"), "{fix}");
}

#[test]
fn a_statement_about_a_related_action_is_nearer_than_any_other() {
    // POLICY-370, POLICY-460, POLICY-462, POLICY-056
    for (granted, action, resource, says) in [
        ("iot:Subscribe", "iot:Receive", "A(topic/a)", "each delivery needs `iot:Receive`"),
        (
            "iot:UpdateThingShadow",
            "iot:Publish",
            "A(topic/$aws/things/t/shadow/update)",
            "over MQTT a shadow is its topics",
        ),
        (
            "iotjobsdata:DescribeJobExecution",
            "iot:Publish",
            "A(topic/$aws/things/t/jobs/x/get)",
            "over MQTT jobs are their topics",
        ),
        ("iot:Publish", "iot:GetThingShadow", "A(thing/t)", "over HTTPS shadows need `iot:GetThingShadow`"),
        ("iot:Pub", "iot:Publish", "A(topic/a)", "is `iot:Publish` meant?"),
    ] {
        let both = format!(
            r#"{{"Effect":"Allow","Action":"iot:Connect","Resource":"*"}},{{"Effect":"Allow","Action":"{granted}","Resource":"*"}}"#
        );
        let decision = about(&[statements(&both)], action, resource);
        assert_eq!(decision.near_misses.first().map(|miss| miss.statement.statement), Some(1), "{granted}");
        says_in(&decision.why, says);
    }
}

fn says_in(text: &str, expected: &str) {
    assert!(text.contains(expected), "{text}");
}

#[test]
fn the_closest_of_several_resources_is_named() {
    let own = statements(
        r#"{"Effect":"Allow","Action":"*","Resource":["A(topic/${iot:ClientId}/*)","A(topic/$aws/*)","A(topic/dev2/up)"]}"#,
    );
    let own = std::slice::from_ref(&own);
    says(&about(own, "iot:Publish", "A(topic/dev2)"), "topic/dev2/up`, the closest of 3, does not cover");
    // Of equally close ones the first.
    says(&about(own, "iot:Publish", "A(topic/else)"), "topic/dev1/*`), the closest of 3, does not cover");
}

#[test]
fn usual_mistakes_are_explained() {
    // POLICY-004, POLICY-107, POLICY-109, POLICY-130, POLICY-136, POLICY-162, POLICY-164, POLICY-168, POLICY-169,
    // POLICY-170, POLICY-177, POLICY-178, POLICY-211, POLICY-370
    for (granted, pattern, action, resource, hint) in [
        (
            "iot:Subscribe",
            "A(topic/a/#)",
            "iot:Subscribe",
            "A(topicfilter/a/#)",
            "judged on `topicfilter/FILTER`",
        ),
        ("iot:Publish", "A(topicfilter/a)", "iot:Publish", "A(topic/a)", "judged on `topic/TOPIC`"),
        ("iot:Publish", "A(topic/a/+)", "iot:Publish", "A(topic/a/b)", "the wildcard is `*`"),
        ("iot:Subscribe", "A(topicfilter/a/+)", "iot:Subscribe", "A(topicfilter/a/b)", "compared as text"),
        ("iot:Publish", "A(topic/a/*)", "iot:Publish", "A(topic/a)", "begins below `a`"),
        ("iot:Publish", "A(topic/a)", "iot:Publish", "A(topic/a/b)", "covers the whole name"),
        ("iot:Connect", "A(client/Dev1)", "iot:Connect", "A(client/dev1)", "case-sensitive"),
        (
            "iot:Publish",
            "arn:aws:iot:eu-west-1:123456789012:topic/a",
            "iot:Publish",
            "A(topic/a)",
            "Region `eu-west-1`",
        ),
        (
            "iot:Publish",
            "arn:aws:iot:us-east-1:999999999999:topic/a",
            "iot:Publish",
            "A(topic/a)",
            "account `999999999999`",
        ),
        ("iot:Publish", "arn:aws:iot:us-east-1", "iot:Publish", "A(topic/a)", "fewer than six"),
        (
            "iot:Subscribe",
            "A(topicfilter/a)",
            "iot:Subscribe",
            "A(topicfilter/$share/g/a)",
            "`$share/GROUP/`",
        ),
        ("iot:GetThingShadow", "A(thing/t)", "iot:GetThingShadow", "A(thing/t/s)", "named shadow"),
        ("iot:ListRetainedMessages", "A(topic/*)", "iot:ListRetainedMessages", "*", "has no resource"),
        ("iot:Connect", "A(topic/a)", "iot:Connect", "A(client/a)", "judged on `client/…`"),
        ("iot:Publish", "*", "iot:RetainPublish", "A(topic/a)", "needs `iot:RetainPublish`"),
        ("iot:Subscribe", "*", "iot:Receive", "A(topic/a)", "needs `iot:Receive`"),
        ("Publish", "*", "iot:Publish", "A(topic/a)", "prefix: `iot:Publish`"),
        ("iot:DescribeJobExecution", "*", "iotjobsdata:DescribeJobExecution", "A(thing/t)", "`iotjobsdata:`"),
    ] {
        let text = format!(r#"{{"Effect":"Allow","Action":"{granted}","Resource":"{pattern}"}}"#);
        let decision = about(&[statements(&text)], action, resource);
        assert_eq!(decision.outcome, Outcome::ImplicitDeny, "{text}");
        says(&decision, hint);
    }
    let old =
        policy("p", r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"A(topic/${iot:ClientId})"}}"#);
    says(&about(&[old], "iot:Publish", "A(topic/dev1)"), r#"without `"Version": "2012-10-17"`"#);
    let round = r#"{"Effect":"Allow","Action":"*","Resource":"arn:aws:iot:us-east-1:123456789012:topic/$(iot:ClientId)"}"#;
    says(&about(&[statements(round)], "iot:Publish", "A(topic/dev1)"), "written with braces");
}

#[test]
fn a_variable_without_value_tells_why() {
    // POLICY-207, POLICY-213, POLICY-214, POLICY-222, POLICY-235, POLICY-236, POLICY-237, POLICY-239, POLICY-240, POLICY-251, POLICY-254
    let thing = ThingFacts {
        name: Arc::from("lamp"),
        attributes: [(Arc::from("Site"), Arc::from("x"))].into(),
        ..ThingFacts::default()
    };
    let lamp = Context { thing: ThingContext::Associated(Arc::new(thing)), ..client("lamp") };
    let https = Context {
        thing: ThingContext::Unavailable,
        protocol: thingstead_policy_engine::Protocol::Https,
        ..Context::default()
    };
    let nobody = Context { thing: ThingContext::NotAssociated(Arc::from("the reason")), ..client("c") };
    for (variable, context, expected) in [
        ("iot:Connection.Thing.ThingTypeName", &lamp, "thing `lamp` has no thing type"),
        (
            "iot:Connection.Thing.Attributes[site]",
            &lamp,
            "it has `Site`, and attribute names are case-sensitive",
        ),
        ("iot:Connection.Thing.Attributes[gone]", &lamp, "thing `lamp` has no attribute `gone`"),
        ("iot:Connection.Thing.ThingName", &nobody, "the reason"),
        ("iot:Connection.Thing.ThingName", &https, "MQTT only"),
        ("iot:ClientId", &https, "carries no client identifier"),
        ("iot:Certificate.Subject.CommonName", &lamp, "no client certificate"),
        ("iot:Thing.ThingName", &lamp, "`iot:Connection.Thing.ThingName`"),
        // POLICY-245: an attribute, propagated or not, has this one name only.
        ("iot:Thing.Site", &lamp, "no request of a device has a key of this name"),
        ("iot:ClientId, 'x'", &lamp, "default values"),
        ("iot:ConnectAttributes", &lamp, "exists for `iot:Connect` only"),
    ] {
        let text = format!(r#"{{"Effect":"Allow","Action":"*","Resource":"A(topic/${{{variable}}})"}}"#);
        let decision = decide(&[statements(&text)], "iot:Publish", "A(topic/x)", context);
        says(&decision, "covers nothing, because");
        says(&decision, expected);
        let resolved = decision.variables.first().expect("a variable");
        assert!(
            resolved.value.is_none()
                && resolved.why_absent.as_ref().is_some_and(|why| why.contains(expected))
        );
    }
    let unclosed = statements(r#"{"Effect":"Allow","Action":"*","Resource":"A(topic/${iot:ClientId)"}"#);
    says(&about(&[unclosed], "iot:Publish", "A(topic/dev1)"), "not closed");
}

#[test]
fn a_denial_that_never_applies_is_pointed_out() {
    // POLICY-207
    let policies = [statements(
        r#"{"Effect":"Allow","Action":"*","Resource":"*"},
           {"Effect":"Deny","Action":"iot:Publish","Resource":"A(topic/${iot:Connection.Thing.ThingName})"}"#,
    )];
    let decision = about(&policies, "iot:Publish", "A(topic/dev1)");
    assert_eq!(decision.outcome, Outcome::Allowed);
    assert!(decision.near_misses[0].why.contains("has no value"), "{decision:?}");
}

#[test]
fn a_connection_without_its_thing_is_advised_to_belong_to_it() {
    let own = [statements(
        r#"{"Effect":"Allow","Action":"iot:Publish","Resource":"A(topic/${iot:Connection.Thing.ThingName})"},
           {"Effect":"Allow","Action":"iot:Connect","Resource":"*","Condition":{"Bool":{"iot:Connection.Thing.IsAttached":"true"}}}"#,
    )];
    for (action, resource, expected) in [
        ("iot:Publish", "A(topic/dev1)", true),
        ("iot:Connect", "A(client/dev1)", true),
        ("iot:Receive", "A(topic/dev1)", false),
    ] {
        let fix = about(&own, action, resource).fix.expect("a fix");
        assert_eq!(fix.starts_with("let the connection belong to its thing"), expected, "{fix}");
        assert!(fix.contains("add this statement to policy `p`"), "{fix}");
    }
}

#[test]
fn conditions_are_worded_by_what_they_do() {
    // POLICY-262, POLICY-282, POLICY-290
    let mut facts = thingstead_policy_engine::CertificateFacts::new(None, None);
    let organization = thingstead_policy_engine::CertificateField::Organization;
    facts.push(thingstead_policy_engine::CertificatePart::Subject, organization, "Acme, Inc.");
    let context = Context { certificate: Some(Arc::new(facts)), ..client("dev1") };
    for (condition, expected) in [
        (
            r#"{"StringNotEquals":{"iot:ClientId":["dev1","x"]}}"#,
            "excludes `dev1`, `x`, the request has `dev1`",
        ),
        (r#"{"StringEquals":{"iot:ClientId":"dev*"}}"#, "`StringLike` has wildcards"),
        (r#"{"StringEquals":{"iot:Certificate.Subject.Organization":"Acme, Inc."}}"#, "follow a backslash"),
        (r#"{"NumericEquals":{"iot:ClientId":"ten"}}"#, "cannot be read as what `NumericEquals` compares"),
        (r#"{"StringEquals":{"iot:ClientId":[]}}"#, "asks for no value at all"),
    ] {
        let decision = decide(&[crate::asking::allow_if(condition)], "iot:Publish", "A(topic/x)", &context);
        says(&decision, expected);
    }
}

#[test]
fn without_policies_the_answer_says_so() {
    // POLICY-350
    let decision = about(&[], "iot:Connect", "A(client/dev1)");
    says(&decision, "no policy applies");
    assert_eq!(
        decision.fix.as_deref(),
        Some(
            r#"attach a policy with this statement: {"Effect":"Allow","Action":"iot:Connect","Resource":"arn:aws:iot:us-east-1:123456789012:client/dev1"}"#
        )
    );
}

#[test]
fn of_two_forms_a_denial_wins_and_an_allowance_suffices() {
    // POLICY-138
    let granted = [statements(r#"{"Effect":"Allow","Action":"*","Resource":"A(topic/$share/g/t)"}"#)];
    let forms = |policies: &[Applicable]| {
        any_of(
            about(policies, "iot:Receive", "A(topic/t)"),
            about(policies, "iot:Receive", "A(topic/$share/g/t)"),
        )
        .outcome
    };
    assert_eq!(forms(&granted), Outcome::Allowed);
    let denied = statements(r#"{"Effect":"Deny","Action":"*","Resource":"A(topic/t)"}"#);
    assert_eq!(forms(&[granted[0].clone(), denied]), Outcome::ExplicitDeny);
    assert_eq!(forms(&[]), Outcome::ImplicitDeny);
}
