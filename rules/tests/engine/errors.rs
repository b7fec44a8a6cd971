//! Failures and the error action (section 9.3).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use thingstead_core::Kind;
use thingstead_core::wiring::RuleSink as _;
use thingstead_rules::Settings;

use crate::world::{ROLE, Receiver, World, republish};

fn failing_republish() -> Value {
    republish("${no_such_member}")
}

#[tokio::test]
async fn one_message_lists_all_failed_actions() {
    // RULES-390, RULES-392, RULES-393, RULES-394, RULES-395, RULES-396, RULES-397, RULES-398, RULES-401, RULES-358
    let world = World::new();
    let table = json!({"dynamoDB": {
        "roleArn": ROLE, "tableName": "t", "hashKeyField": "id", "hashKeyValue": "${nothing}",
    }});
    let actions = json!([failing_republish(), republish("fine"), table]);
    world.rule_with_error("r", "SELECT a FROM 'in'", actions, republish("failed/${topic()}/${a}")).await;
    let payload = r#"{"a": 1, "b": 2}"#;
    world.publish("in", payload);
    let texts = world.bus.texts();
    assert_eq!(texts.len(), 2);
    assert_eq!(texts[0], ("fine".to_owned(), r#"{"a":1}"#.to_owned()));
    // RULES-399
    assert_eq!(texts[1].0, "failed/in/1");
    let error: Value = serde_json::from_str(&texts[1].1).expect("JSON");
    assert_eq!(error["ruleName"], "r");
    assert_eq!(error["topic"], "in");
    assert_eq!(error["clientId"], "sensor-1");
    assert_eq!(error["sourceIp"], "192.0.2.7");
    assert_eq!(error["base64OriginalPayload"], json!(STANDARD.encode(payload)));
    let matched = world.until(Kind::RuleMatched, 1).await;
    assert_eq!(error["cloudwatchTraceId"], matched[0]["trace_id"]);
    let failures = error["failures"].as_array().expect("failures");
    assert_eq!(failures.len(), 2);
    assert_eq!(failures[0]["failedAction"], "RepublishAction");
    assert_eq!(failures[1]["failedAction"], "DynamoAction");
    assert_eq!(failures[1]["failedResource"], "t");
    for (failure, action) in failures.iter().zip(["republish", "dynamoDB"]) {
        let message = failure["errorMessage"].as_str().expect("a message");
        assert!(message.contains(&format!("Message arrived on: in, Action: {action}")), "{message}");
    }
    assert_eq!(world.metric("Failure"), 2);
    assert_eq!(world.metric("ErrorActionSuccess"), 1);
}

#[tokio::test]
async fn error_messages_of_services_end_with_place_action_and_resource() {
    // RULES-398, RULES-492, RULES-394
    let receiver = Receiver::start().await;
    let mut settings = Settings::default();
    settings.aws.endpoint = Some(receiver.url.clone());
    let world = World::with(settings);
    let s3 = json!({"s3": {"roleArn": ROLE, "bucketName": "b", "key": "k/${topic()}"}});
    world.rule_with_error("r", "SELECT * FROM 'in'", json!([s3]), republish("failed")).await;
    receiver.answer([(
        404,
        "<Error><Code>NoSuchBucket</Code><Message>The specified bucket does not exist</Message></Error>",
    )]);
    world.publish("in", "{}");
    world.until(Kind::ActionSucceeded, 1).await;
    let error: Value = serde_json::from_str(&world.bus.texts()[0].1).expect("JSON");
    let failure = &error["failures"][0];
    assert_eq!((&failure["failedAction"], &failure["failedResource"]), (&json!("S3Action"), &json!("b")));
    let message = failure["errorMessage"].as_str().expect("a message");
    assert!(
        message.starts_with(
            "Failed to put S3 object. The error received was The specified bucket does not exist"
        ),
        "{message}"
    );
    assert!(message.ends_with("Message arrived on: in, Action: s3, Bucket: b, Key: k/in"), "{message}");
}

#[tokio::test]
async fn an_error_action_that_fails_is_not_repeated() {
    // RULES-402, RULES-419
    let world = World::new();
    world.rule_with_error("r", "SELECT * FROM 'in'", json!([failing_republish()]), failing_republish()).await;
    world.publish("in", "{}");
    let failed = world.until(Kind::ActionFailed, 2).await;
    assert_eq!(failed.len(), 2);
    assert_eq!(failed[1]["error_action"], true);
    assert_eq!((world.metric("Failure"), world.metric("ErrorActionFailure")), (1, 1));
    assert!(world.bus.texts().is_empty());
}

#[tokio::test]
async fn without_an_error_action_a_failure_leaves_journal_and_metrics() {
    // RULES-403, RULES-418, RULES-425
    let world = World::new();
    world.rule("r", "SELECT * FROM 'in'", json!([failing_republish(), republish("out")])).await;
    world.publish("in", "{}");
    let failed = world.until(Kind::ActionFailed, 1).await;
    assert_eq!((&failed[0]["rule"], &failed[0]["action"]), (&json!("r"), &json!("republish")));
    assert_eq!((world.metric("Failure"), world.metric("Success")), (1, 1));
}

#[tokio::test]
async fn failures_of_the_statement_run_no_error_action() {
    // RULES-391, RULES-302
    let world = World::new();
    let sql = "SELECT aws_lambda('arn:aws:lambda:eu-west-1:123456789012:function:f', *) AS x FROM 'in'";
    world.rule_with_error("r", sql, json!([republish("out")]), republish("failed")).await;
    world.publish("in", "{}");
    let failed = world.until(Kind::RuleFailed, 1).await;
    assert_eq!(failed[0]["function"], "aws_lambda");
    assert!(failed[0]["why"].as_str().expect("why").contains("AWS_ENDPOINT_URL_LAMBDA"), "{failed:?}");
    assert!(world.bus.texts().is_empty());
}

#[tokio::test]
async fn functions_work_in_the_error_action() {
    // RULES-400
    let world = World::new();
    let error = republish(&format!("failed/${{get_thing_shadow('lamp', '{ROLE}').state.reported.on}}"));
    world.rule_with_error("r", "SELECT * FROM 'in'", json!([failing_republish()]), error).await;
    world.publish("in", "{}");
    world.until(Kind::ActionSucceeded, 1).await;
    assert_eq!(world.bus.texts()[0].0, "failed/true");
}

#[tokio::test]
async fn a_basic_ingest_failure_names_the_topic_as_published() {
    // RULES-396
    let world = World::new();
    world.rule_with_error("r", "SELECT *", json!([failing_republish()]), republish("failed")).await;
    world.engine.basic_ingest("r", &world.message("$aws/rules/r/a/b", "{}"));
    let error: Value = serde_json::from_str(&world.bus.texts()[0].1).expect("JSON");
    assert_eq!(error["topic"], "$aws/rules/r/a/b");
}
