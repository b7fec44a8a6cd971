//! Rules as resources (section 8).

use serde_json::{Value, json};
use thingstead_core::wiring::Reload as _;
use thingstead_core::{Limits, Scope};
use thingstead_rules::{ListTopicRules, Page, RulesError, Settings, TopicRule};

use crate::world::{NOW, ROLE, World, republish};

#[tokio::test]
async fn a_rule_reads_back_as_it_was_written() {
    // RULES-321, RULES-323, RULES-332, RULES-342, RULES-343, RULES-305
    let world = World::new();
    let sql = "SELECT  *\n FROM 'in/+'  WHERE a > 1";
    let payload = json!({
        "sql": sql,
        "description": "d",
        "actions": [
            {"republish": {"roleArn": ROLE, "topic": "out", "qos": 1}},
            {"lambda": {"functionArn": "arn:aws:lambda:eu-west-1:123456789012:function:f"}},
        ],
        "errorAction": republish("failed"),
    });
    world.engine.create_topic_rule(&world.scope, "r_1", &payload).await.expect("a rule");
    let got = world.engine.get_topic_rule(&world.scope, "r_1").expect("the rule");
    assert_eq!(got["ruleArn"], "arn:aws:iot:eu-west-1:123456789012:rule/r_1");
    let rule = &got["rule"];
    for member in ["sql", "description", "actions", "errorAction"] {
        assert_eq!(rule[member], payload[member], "{member}");
    }
    assert_eq!(rule["ruleName"], "r_1");
    assert_eq!(rule["ruleDisabled"], false);
    assert_eq!(rule["awsIotSqlVersion"], "2015-10-08");
    assert_eq!(rule["createdAt"], json!(NOW as f64 / 1000.0));
}

#[tokio::test]
async fn names_are_letters_digits_and_underscores() {
    // RULES-322
    let world = World::new();
    for name in ["a-b", "", "a b", "ä", &"x".repeat(129)] {
        let error = world.try_rule(name, "SELECT * FROM 'in'", json!([])).await.expect_err(name);
        assert_eq!((error.code(), error.status()), ("InvalidRequestException", 400));
    }
    world.rule(&"x".repeat(128), "SELECT * FROM 'in'", json!([])).await;
}

#[tokio::test]
async fn a_statement_that_does_not_parse_is_refused_with_its_place() {
    // RULES-326, RULES-384, RULES-388, RULES-389
    let world = World::new();
    let error = world.try_rule("r", "SELECT *\nFORM 'in'", json!([])).await.expect_err("refused");
    assert_eq!((error.code(), error.status()), ("SqlParseException", 400));
    assert!(error.to_string().contains("line 2, column 1"), "{error}");
    let RulesError::SqlParse { position, .. } = &error else { panic!("{error:?}") };
    assert_eq!((position.line, position.column), (2, 1));
    for topic in [
        "out/${topic(}",
        "out/@{name}",
        "${nosuch(1)}",
        "${decode(*, 'proto', 'bucket', 'key', 'file', 'Message').a}",
    ] {
        let error =
            world.try_rule("r", "SELECT * FROM 'in'", json!([republish(topic)])).await.expect_err(topic);
        assert_eq!(error.code(), "SqlParseException");
        assert!(error.to_string().contains("actions[0].republish.topic"), "{error}");
    }
    assert!(!world.engine.has_topic_rule(&world.scope, "r"));
}

#[tokio::test]
async fn other_invalid_input_names_the_member() {
    // RULES-306, RULES-324, RULES-325, RULES-327, RULES-344, RULES-385, RULES-434, RULES-435
    let world = World::new();
    let eleven: Vec<Value> = (0..11).map(|_| republish("out")).collect();
    let sql = "SELECT * FROM 'in'";
    for (payload, part) in [
        (json!({"actions": []}), "`sql` is missing"),
        (json!({"sql": " ", "actions": []}), "`sql` is empty"),
        (json!({"sql": sql}), "`actions` is missing"),
        (json!({"sql": sql, "actions": eleven}), "11 entries"),
        (json!({"sql": sql, "actions": [], "awsIotSqlVersion": "2020-01-01"}), "2020-01-01"),
        (json!({"sql": sql, "actions": [{}]}), "exactly one action"),
        (json!({"sql": sql, "actions": [{"lambda": {"functionArn": "f"}, "sns": {}}]}), "lambda, sns"),
        (json!({"sql": sql, "actions": [{"teleport": {}}]}), "teleport"),
        (json!({"sql": sql, "actions": [{"s3": {"roleArn": ROLE, "bucketName": "b"}}]}), "actions[0].s3.key"),
        (
            json!({"sql": sql, "actions": [{"s3": {"roleArn": ROLE, "bucketName": "b", "key": "k", "cannedAcl": "secret"}}]}),
            "cannedAcl",
        ),
        (
            json!({"sql": sql, "actions": [{"sqs": {"roleArn": "${role}", "queueUrl": "q"}}]}),
            "takes no substitution templates",
        ),
        (
            json!({"sql": sql, "actions": [], "errorAction": {"sqs": {"roleArn": ROLE}}}),
            "errorAction.sqs.queueUrl",
        ),
        (json!({"sql": sql, "actions": [], "description": "x".repeat(256 * 1024)}), "bytes"),
    ] {
        let error = world.engine.create_topic_rule(&world.scope, "r", &payload).await.expect_err(part);
        assert_eq!(error.code(), "InvalidRequestException", "{error}");
        assert!(error.to_string().contains(part), "`{error}` does not name `{part}`");
    }
    world.rule("r", sql, json!([])).await;
    let relaxed = World::with(Settings { limits: Limits::Relaxed, ..Settings::default() });
    relaxed.rule("r", sql, json!(eleven)).await;
}

#[tokio::test]
async fn a_name_that_exists_is_refused_and_a_replacement_merges_nothing() {
    // RULES-328, RULES-335, RULES-336, RULES-309
    let world = World::new();
    world.rule("r", "SELECT * FROM 'in'", json!([republish("old")])).await;
    let error = world.try_rule("r", "SELECT * FROM 'in'", json!([])).await.expect_err("refused");
    let RulesError::ResourceAlreadyExists { resource_id, resource_arn, .. } = &error else {
        panic!("{error:?}")
    };
    assert_eq!((error.code(), error.status()), ("ResourceAlreadyExistsException", 409));
    assert_eq!(resource_id, "r");
    assert_eq!(*resource_arn, TopicRule::arn(&world.scope, "r"));
    world.clock.advance(std::time::Duration::from_secs(5));
    let payload = json!({"sql": "SELECT a FROM 'other'", "actions": [republish("new")]});
    world.engine.replace_topic_rule(&world.scope, "r", &payload).await.expect("replaced");
    let rule = world.engine.get_topic_rule(&world.scope, "r").expect("the rule")["rule"].clone();
    assert_eq!(rule["awsIotSqlVersion"], "2015-10-08");
    assert_eq!(rule["createdAt"], json!((NOW + 5_000) as f64 / 1000.0));
    // RULES-360
    world.publish("in", "{}");
    world.publish("other", r#"{"a":1,"b":2}"#);
    assert_eq!(world.bus.texts(), [("new".to_owned(), r#"{"a":1}"#.to_owned())]);
}

#[tokio::test]
async fn a_missing_rule_is_access_denied_but_for_delete() {
    // RULES-333, RULES-334
    let world = World::new();
    let payload = json!({"sql": "SELECT * FROM 'in'", "actions": []});
    let errors = [
        world.engine.get_topic_rule(&world.scope, "r").expect_err("get"),
        world.engine.replace_topic_rule(&world.scope, "r", &payload).await.expect_err("replace"),
        world.engine.set_topic_rule_disabled(&world.scope, "r", true).await.expect_err("disable"),
        world.engine.set_topic_rule_disabled(&world.scope, "r", false).await.expect_err("enable"),
    ];
    for error in errors {
        assert_eq!((error.code(), error.status()), ("UnauthorizedException", 401));
        assert_eq!(error.to_string(), "Access to topic rule 'r' was denied");
    }
    world.engine.delete_topic_rule(&world.scope, "r").await.expect("delete");
}

#[tokio::test]
async fn rules_are_switched_and_deleted_and_stay_in_their_scope() {
    // RULES-337, RULES-338, RULES-353, RULES-360
    let world = World::new();
    world.rule("r", "SELECT * FROM 'in'", json!([republish("out")])).await;
    let count = || {
        world.publish("in", "{}");
        world.bus.texts().len()
    };
    assert_eq!(count(), 1);
    world.engine.set_topic_rule_disabled(&world.scope, "r", true).await.expect("disabled");
    assert_eq!(count(), 1);
    world.engine.set_topic_rule_disabled(&world.scope, "r", false).await.expect("enabled");
    assert_eq!(count(), 2);
    let mut elsewhere = world.message("in", "{}");
    elsewhere.scope = Scope::new("123456789012", "us-east-1");
    thingstead_core::wiring::RuleSink::offer(&world.engine, &elsewhere);
    assert_eq!(world.bus.texts().len(), 2);
    assert!(world.engine.get_topic_rule(&elsewhere.scope, "r").is_err());
    world.engine.delete_topic_rule(&world.scope, "r").await.expect("deleted");
    assert_eq!(count(), 2);
    assert!(!world.engine.has_topic_rule(&world.scope, "r"));
    let payload = json!({"sql": "SELECT * FROM 'in'", "actions": [republish("out")], "ruleDisabled": true});
    world.engine.create_topic_rule(&world.scope, "r", &payload).await.expect("created");
    assert_eq!(count(), 2);
}

#[tokio::test]
async fn lists_are_filtered_and_cut_into_pages() {
    // RULES-339, RULES-340, RULES-341
    let world = World::new();
    for (name, filter) in [("a", "s/+"), ("b", "s/#"), ("c", "t/1"), ("d", "s/1")] {
        world.rule(name, &format!("SELECT * FROM '{filter}'"), json!([])).await;
    }
    world.rule("e", "SELECT *", json!([])).await;
    world.engine.set_topic_rule_disabled(&world.scope, "b", true).await.expect("disabled");
    let list = |wanted: &ListTopicRules| world.engine.list_topic_rules(&world.scope, wanted).expect("a page");
    let names = |page: &Value| {
        let rules = page["rules"].as_array().expect("rules").clone();
        rules.iter().map(|rule| rule["ruleName"].as_str().expect("a name").to_owned()).collect::<Vec<_>>()
    };
    let all = list(&ListTopicRules::default());
    assert_eq!(names(&all), ["a", "b", "c", "d", "e"]);
    assert_eq!(
        all["rules"][1],
        json!({
            "ruleArn": TopicRule::arn(&world.scope, "b"),
            "ruleName": "b",
            "topicPattern": "s/#",
            "createdAt": NOW as f64 / 1000.0,
            "ruleDisabled": true,
        })
    );
    let on_topic = ListTopicRules { topic: Some("s/1".to_owned()), ..ListTopicRules::default() };
    assert_eq!(names(&list(&on_topic)), ["a", "b", "d"]);
    let enabled = ListTopicRules { rule_disabled: Some(false), ..on_topic };
    assert_eq!(names(&list(&enabled)), ["a", "d"]);
    let mut page =
        ListTopicRules { page: Page { max_results: Some(2), next_token: None }, ..ListTopicRules::default() };
    let mut seen = Vec::new();
    loop {
        let found = list(&page);
        seen.extend(names(&found));
        match found.get("nextToken") {
            Some(token) => page.page.next_token = token.as_str().map(str::to_owned),
            None => break,
        }
    }
    assert_eq!(seen, ["a", "b", "c", "d", "e"]);
    for (max_results, next_token) in [(Some(0), None), (Some(10_001), None), (None, Some("!".to_owned()))] {
        let wanted = ListTopicRules { page: Page { max_results, next_token }, ..ListTopicRules::default() };
        let error = world.engine.list_topic_rules(&world.scope, &wanted).expect_err("refused");
        assert_eq!(error.code(), "InvalidRequestException");
    }
}

#[tokio::test]
async fn rules_and_destinations_survive_a_restart_and_a_restore() {
    // RULES-360
    let world = World::new();
    world.rule("kept", "SELECT * FROM 'in'", json!([republish("out")])).await;
    let configuration = json!({"httpUrlConfiguration": {"confirmationUrl": "http://localhost:9/a"}});
    world.engine.create_topic_rule_destination(&world.scope, &configuration).await.expect("a destination");
    let again = World::over(world.store.clone(), Settings::default());
    again.publish("in", "{}");
    assert_eq!(again.bus.texts().len(), 1);
    let page = again.engine.list_topic_rule_destinations(&again.scope, &Page::default()).expect("a page");
    assert_eq!(page["destinationSummaries"].as_array().map(Vec::len), Some(1));
    world.store.snapshot("s").await.expect("saved");
    world.rule("later", "SELECT * FROM 'in'", json!([])).await;
    world.store.restore("s").await.expect("restored");
    world.engine.reload().expect("reloaded");
    assert!(world.engine.has_topic_rule(&world.scope, "kept"));
    assert!(!world.engine.has_topic_rule(&world.scope, "later"));
}

#[tokio::test]
async fn an_account_has_a_thousand_rules() {
    // RULES-433
    let world = World::new();
    for number in 0..1_000 {
        world.rule(&format!("r{number}"), "SELECT * FROM 'in'", json!([])).await;
    }
    let error = world.try_rule("r1000", "SELECT * FROM 'in'", json!([])).await.expect_err("refused");
    assert_eq!(error.code(), "InvalidRequestException");
}
