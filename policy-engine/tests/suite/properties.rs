//! What holds for all policies and requests.

use std::sync::Arc;

use proptest::prelude::*;
use thingstead_core::Outcome;
use thingstead_policy_engine::{Applicable, Context, Document, Request, evaluate, fix, permits};

use crate::any_policy::any_policy;
use crate::asking::{PREFIX, client};

/// Text from characters that mean something somewhere.
fn text() -> impl Strategy<Value = String> {
    proptest::collection::vec(
        prop::sample::select(&['a', 'b', '/', ':', '*', '?', '$', '{', '}', '+', '#', 'é', '\\', '"'][..]),
        0..8,
    )
    .prop_map(String::from_iter)
}

fn name() -> impl Strategy<Value = String> {
    proptest::collection::vec(prop::sample::select(&['a', 'b', '/'][..]), 0..5).prop_map(String::from_iter)
}

fn pattern() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => name(),
        2 => text(),
        1 => Just("*".to_owned()),
        1 => Just("${iot:ClientId}/*".to_owned()),
        1 => Just("a?${iot:Connection.Thing.ThingName}".to_owned()),
    ]
}

fn statement() -> impl Strategy<Value = serde_json::Value> {
    let action = prop::sample::select(&["iot:Publish", "iot:*", "*", "iot:Connect"][..]);
    let condition = prop_oneof![
        3 => Just(serde_json::json!({})),
        1 => Just(serde_json::json!({"StringEquals": {"iot:ClientId": ["a", "${iot:Nothing}"]}})),
        1 => Just(serde_json::json!({"StringNotLike": {"iot:ClientId": "a*"}})),
        1 => Just(serde_json::json!({"ForAllValues:StringEquals": {"iot:ConnectAttributes": []}})),
    ];
    (any::<bool>(), any::<bool>(), any::<bool>(), action, prop::collection::vec(pattern(), 1..3), condition)
        .prop_map(|(allow, not_action, not_resource, action, patterns, condition)| {
            let resources: Vec<String> = patterns.iter().map(|p| format!("{PREFIX}topic/{p}")).collect();
            serde_json::json!({
                "Effect": if allow { "Allow" } else { "Deny" },
                if not_action { "NotAction" } else { "Action" }: action,
                if not_resource { "NotResource" } else { "Resource" }: resources,
                "Condition": condition,
            })
        })
}

fn document(statements: &[serde_json::Value], version: &str) -> Applicable {
    let text = serde_json::json!({"Version": version, "Statement": statements}).to_string();
    let document = Document::parse(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    Applicable { name: "p".into(), version: None, document: Arc::new(document) }
}

fn ask(policies: &[Applicable], topic: &str, context: &Context) -> Outcome {
    let resource = format!("{PREFIX}topic/{topic}");
    permits(policies, &Request { action: "iot:Publish", resource: &resource, context })
}

/// Wildcard matching as its definition reads, one character at a time.
fn covers(pattern: &[char], text: &[char]) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, None) => true,
        (Some((&'*', rest)), _) => (0..=text.len()).any(|taken| covers(rest, &text[taken..])),
        (Some((&'?', rest)), Some((_, text))) => covers(rest, text),
        (Some((a, rest)), Some((b, text))) => a == b && covers(rest, text),
        _ => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn order_and_distribution_over_policies_make_no_difference(
        statements in prop::collection::vec(statement(), 1..5), topic in name(), seed in any::<u64>(),
    ) {
        // POLICY-008, POLICY-354
        let context = client("a");
        let expected = ask(&[document(&statements, "2012-10-17")], &topic, &context);
        let mut shuffled = statements.clone();
        let at = usize::try_from(seed % statements.len() as u64).expect("small");
        shuffled.rotate_left(at);
        shuffled.reverse();
        prop_assert_eq!(ask(&[document(&shuffled, "2012-10-17")], &topic, &context), expected);
        let apart: Vec<Applicable> = statements.iter().map(|s| document(std::slice::from_ref(s), "2012-10-17")).collect();
        prop_assert_eq!(ask(&apart, &topic, &context), expected);
    }

    #[test]
    fn adding_a_denial_never_allows(
        statements in prop::collection::vec(statement(), 1..5), extra in statement(), topic in name(),
    ) {
        // POLICY-352
        let context = client("a");
        let before = ask(&[document(&statements, "2012-10-17")], &topic, &context);
        let mut extra = extra;
        extra["Effect"] = "Deny".into();
        let mut more = statements.clone();
        more.push(extra);
        let after = ask(&[document(&more, "2012-10-17")], &topic, &context);
        prop_assert!(after != Outcome::Allowed || before == Outcome::Allowed);
        if before == Outcome::ExplicitDeny {
            prop_assert_eq!(after, before);
        }
    }

    #[test]
    fn patterns_cover_what_their_definition_says(pattern in "[ab/é*?]{0,8}", topic in "[ab/é]{0,8}") {
        // POLICY-160, POLICY-161, POLICY-162, POLICY-176
        let policy = document(&[serde_json::json!({
            "Effect": "Allow", "Action": "*", "Resource": format!("{PREFIX}topic/{pattern}"),
        })], "2008-10-17");
        let chars = |text: &str| text.chars().collect::<Vec<_>>();
        let expected = covers(&chars(&pattern), &chars(&topic));
        prop_assert_eq!(ask(&[policy], &topic, &client("c")).is_allowed(), expected);
    }

    #[test]
    fn inserted_text_never_acts_as_a_wildcard(client_id in text(), topic in text()) {
        // POLICY-205
        let policy = document(&[serde_json::json!({
            "Effect": "Allow", "Action": "*", "Resource": format!("{PREFIX}topic/${{iot:ClientId}}"),
        })], "2012-10-17");
        let allowed = ask(&[policy], &topic, &client(&client_id)).is_allowed();
        prop_assert_eq!(allowed, client_id == topic);
    }

    #[test]
    fn escaped_text_covers_itself_alone(wanted in text(), topic in text()) {
        // POLICY-210
        let policy = document(&[serde_json::json!({
            "Effect": "Allow", "Action": "*", "Resource": format!("{PREFIX}topic/{}", fix::escape(&wanted)),
        })], "2012-10-17");
        prop_assert_eq!(ask(std::slice::from_ref(&policy), &wanted, &client("c")), Outcome::Allowed);
        prop_assert_eq!(ask(&[policy], &topic, &client("c")).is_allowed(), wanted == topic);
    }

    #[test]
    fn both_paths_agree_and_the_fix_of_an_implicit_denial_allows(
        statements in prop::collection::vec(statement(), 1..4), topic in text(), old in any::<bool>(),
    ) {
        let context = client("a");
        let mut policies = vec![document(&statements, if old { "2008-10-17" } else { "2012-10-17" })];
        let resource = format!("{PREFIX}topic/{topic}");
        let request = Request { action: "iot:Publish", resource: &resource, context: &context };
        let decision = evaluate(&policies, &request);
        prop_assert_eq!(decision.outcome, permits(&policies, &request));
        prop_assert!(!decision.why.is_empty());
        prop_assert_eq!(decision.fix.is_none(), decision.is_allowed());
        let grant = fix::grant(request.action, request.resource);
        let statement: serde_json::Value = serde_json::from_str(&grant.statement).expect("JSON");
        policies.push(document(&[statement], "2012-10-17"));
        let expected = if decision.outcome == Outcome::ExplicitDeny { Outcome::ExplicitDeny } else { Outcome::Allowed };
        prop_assert_eq!(permits(&policies, &request), expected);
    }

    #[test]
    fn any_text_is_parsed_or_refused_with_a_place_in_it(text in any::<String>()) {
        // POLICY-050
        if let Err(error) = Document::parse(&text) {
            let lines = u32::try_from(text.split('\n').count()).expect("small");
            prop_assert!((1..=lines).contains(&error.position.line));
            prop_assert!(error.aws_message().starts_with("Policy document is Malformed"));
        }
    }

    #[test]
    fn a_damaged_document_is_never_taken_for_a_document_by_accident(at in 0usize..200, with in any::<char>()) {
        let good = format!(r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":"iot:Publish","Resource":"{PREFIX}topic/a"}}]}}"#);
        let mut chars: Vec<char> = good.chars().collect();
        let length = chars.len();
        chars[at % length] = with;
        let text: String = chars.into_iter().collect();
        if let Ok(document) = Document::parse(&text) {
            prop_assert_eq!(document.statement_count(), 1);
        }
    }
}

#[test]
fn what_the_fuzz_target_checks_holds_for_seeded_texts() {
    let config =
        proptest::test_runner::Config { cases: 1_000, failure_persistence: None, ..Default::default() };
    let seed = b"the thing meets at the old place";
    let rng = proptest::test_runner::TestRng::from_seed(proptest::test_runner::RngAlgorithm::ChaCha, seed);
    let statements = prop::collection::vec(statement(), 0..3);
    let damage = prop::collection::vec((any::<prop::sample::Index>(), any::<char>()), 0..2);
    proptest::test_runner::TestRunner::new_with_rng(config, rng)
        .run(&(text(), text(), statements, damage), |(client, topic, statements, damage)| {
            let policy = serde_json::json!({ "Version": "2012-10-17", "Statement": statements }).to_string();
            let mut letters: Vec<char> = policy.chars().collect();
            for (at, letter) in damage {
                let at = at.index(letters.len());
                letters[at] = letter;
            }
            any_policy(&format!("{client}\n{PREFIX}topic/{topic}\n{}", String::from_iter(letters)));
            Ok(())
        })
        .unwrap();
}
