//! Topic rule destinations (section 10).

use std::time::Duration;

use serde_json::{Value, json};
use thingstead_core::Kind;
use thingstead_rules::{HttpActionUrls, Page, RulesError, Settings};

use crate::world::{NOW, ROLE, Receiver, World};

fn http(url: &str) -> Value {
    json!({"httpUrlConfiguration": {"confirmationUrl": url}})
}

async fn create(world: &World, configuration: &Value) -> Value {
    let answer = world.engine.create_topic_rule_destination(&world.scope, configuration).await;
    answer.expect("a destination")["topicRuleDestination"].clone()
}

fn status(world: &World, arn: &str) -> (String, String) {
    let answer = world.engine.get_topic_rule_destination(&world.scope, arn).expect("the destination");
    let destination = &answer["topicRuleDestination"];
    let text = |name: &str| destination[name].as_str().unwrap_or_default().to_owned();
    (text("status"), text("statusReason"))
}

async fn update(world: &World, arn: &str, status: &str) -> Result<(), RulesError> {
    world.engine.update_topic_rule_destination(&world.scope, arn, status).await
}

#[tokio::test]
async fn a_receiver_confirms_and_only_then_gets_messages() {
    // RULES-446, RULES-447, RULES-449, RULES-450, RULES-451, RULES-453, RULES-458, RULES-459, RULES-461
    let receiver = Receiver::start().await;
    let world =
        World::with(Settings { api_url: Some("http://localhost:4566/".to_owned()), ..Settings::default() });
    let url = format!("{}/base", receiver.url);
    let destination = create(&world, &http(&url)).await;
    let arn = destination["arn"].as_str().expect("an ARN").to_owned();
    assert!(arn.starts_with("arn:aws:iot:eu-west-1:123456789012:ruledestination/http/"), "{arn}");
    assert_eq!(destination["status"], "IN_PROGRESS");
    assert_eq!(destination["httpUrlProperties"], json!({"confirmationUrl": url}));
    assert_eq!(destination["createdAt"], json!(NOW as f64 / 1000.0));
    let asked = receiver.received(1).await[0].clone();
    let body = asked.json();
    let token = body["confirmationToken"].as_str().expect("a token").to_owned();
    assert_eq!(asked.line, format!("POST /base/?confirmationToken={token} HTTP/1.1"));
    assert_eq!(asked.header("x-amz-rules-engine-message-type"), Some("DestinationConfirmation"));
    assert_eq!(asked.header("x-amz-rules-engine-destination-arn"), Some(&*arn));
    assert_eq!(asked.header("content-type"), Some("application/json"));
    assert_eq!(body["arn"], json!(arn));
    assert_eq!(body["messageType"], "DestinationConfirmation");
    assert_eq!(body["enableUrl"], json!(format!("http://localhost:4566/confirmdestination/{token}")));

    let action = |path: &str| json!({"http": {"url": format!("{url}/{path}"), "confirmationUrl": url}});
    world.rule("a", "SELECT * FROM 'in'", json!([action("a")])).await;
    world.rule("b", "SELECT * FROM 'in'", json!([action("b")])).await;
    world.publish("in", "{}");
    let failed = world.until(Kind::ActionFailed, 2).await;
    assert!(failed[0]["why"].as_str().expect("why").contains("IN_PROGRESS"), "{failed:?}");
    let wrong = world.engine.confirm_topic_rule_destination("wrong").await.expect_err("refused");
    assert_eq!(wrong.code(), "InvalidRequestException");
    world.engine.confirm_topic_rule_destination(&token).await.expect("confirmed");
    assert_eq!(status(&world, &arn).0, "ENABLED");
    assert!(world.engine.confirm_topic_rule_destination(&token).await.is_err(), "a token works once");
    world.publish("in", "{}");
    let received = receiver.received(3).await;
    let mut targets: Vec<_> = received[1..].iter().map(|request| request.target().to_owned()).collect();
    targets.sort();
    assert_eq!(targets, ["/base/a", "/base/b"]);
}

#[tokio::test]
async fn statuses_change_only_along_their_ways() {
    // RULES-454, RULES-455, RULES-456, RULES-445, RULES-448
    let receiver = Receiver::start().await;
    let world = World::with(Settings::default());
    let arn = create(&world, &http(&receiver.url)).await["arn"].as_str().expect("an ARN").to_owned();
    for status in ["ENABLED", "DISABLED", "GONE", "ERROR"] {
        assert_eq!(update(&world, &arn, status).await.expect_err(status).code(), "InvalidRequestException");
    }
    let token = |request: &Value| request["confirmationToken"].as_str().expect("a token").to_owned();
    let first = token(&receiver.received(1).await[0].json());
    update(&world, &arn, "IN_PROGRESS").await.expect("asked anew");
    let second = token(&receiver.received(2).await[1].json());
    assert_ne!(first, second);
    assert!(world.engine.confirm_topic_rule_destination(&first).await.is_err());
    world.engine.confirm_topic_rule_destination(&second).await.expect("confirmed");
    update(&world, &arn, "ENABLED").await.expect("the page of enableUrl asks for it");
    update(&world, &arn, "DISABLED").await.expect("disabled");
    assert_eq!(status(&world, &arn).0, "DISABLED");
    update(&world, &arn, "ENABLED").await.expect("enabled without a confirmation");
    assert_eq!(status(&world, &arn).0, "ENABLED");
    assert_eq!(receiver.received(2).await.len(), 2);
    world.engine.delete_topic_rule_destination(&world.scope, &arn).await.expect("deleted");
    let error = world.engine.get_topic_rule_destination(&world.scope, &arn).expect_err("gone");
    assert_eq!(error.code(), "UnauthorizedException");
    assert_eq!(error.to_string(), format!("Access to TopicRuleDestination '{arn}' was denied"));
    assert!(update(&world, &arn, "ENABLED").await.is_err());
    assert!(world.engine.delete_topic_rule_destination(&world.scope, &arn).await.is_err());
}

#[tokio::test]
async fn a_confirmation_that_does_not_come_ends_in_error() {
    // RULES-457
    let receiver = Receiver::start().await;
    let world = World::with(Settings::default());
    let arn = create(&world, &http(&receiver.url)).await["arn"].as_str().expect("an ARN").to_owned();
    let body = receiver.received(1).await[0].json();
    world.clock.advance(Duration::from_secs(30 * 60));
    let (state, reason) = status(&world, &arn);
    assert_eq!(state, "ERROR");
    assert!(reason.contains("timed out"), "{reason}");
    let token = body["confirmationToken"].as_str().expect("a token");
    assert!(world.engine.confirm_topic_rule_destination(token).await.is_err());
    receiver.answer([(500, "")]);
    let url = format!("{}/other", receiver.url);
    let arn = create(&world, &http(&url)).await["arn"].as_str().expect("an ARN").to_owned();
    receiver.received(2).await;
    let mut patience = 1_000;
    while status(&world, &arn).0 == "IN_PROGRESS" && patience > 0 {
        tokio::time::sleep(Duration::from_millis(2)).await;
        patience -= 1;
    }
    let (state, reason) = status(&world, &arn);
    assert_eq!(state, "ERROR");
    assert!(reason.contains("500"), "{reason}");
}

#[tokio::test]
async fn an_http_action_makes_the_destination_it_needs() {
    // RULES-460, RULES-466, RULES-525
    let receiver = Receiver::start().await;
    let world = World::with(Settings::default());
    let url = format!("{}/x", receiver.url);
    world.rule("a", "SELECT * FROM 'in'", json!([{"http": {"url": url}}])).await;
    world.rule("b", "SELECT * FROM 'in'", json!([{"http": {"url": url}}])).await;
    let page = world.engine.list_topic_rule_destinations(&world.scope, &Page::default()).expect("a page");
    let rows = page["destinationSummaries"].as_array().expect("rows").clone();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0]["httpUrlSummary"], json!({"confirmationUrl": url}));
    let error =
        world.engine.create_topic_rule_destination(&world.scope, &http(&url)).await.expect_err("refused");
    let RulesError::ResourceAlreadyExists { resource_arn, .. } = error else { panic!("{error:?}") };
    assert_eq!(json!(resource_arn), rows[0]["arn"]);
}

#[tokio::test]
async fn vpc_destinations_need_no_confirmation() {
    // RULES-462, RULES-444, RULES-447
    let world = World::new();
    let vpc =
        json!({"vpcId": "vpc-1", "subnetIds": ["subnet-1"], "roleArn": ROLE, "securityGroups": ["sg-1"]});
    let destination = create(&world, &json!({"vpcConfiguration": vpc})).await;
    assert_eq!((&destination["status"], &destination["vpcProperties"]), (&json!("IN_PROGRESS"), &vpc));
    let arn = destination["arn"].as_str().expect("an ARN");
    assert!(arn.contains(":ruledestination/vpc/"), "{arn}");
    assert_eq!(status(&world, arn).0, "ENABLED");
    for configuration in [
        json!({}),
        json!({"vpcConfiguration": vpc, "httpUrlConfiguration": {"confirmationUrl": "https://example.com"}}),
        json!({"vpcConfiguration": {"vpcId": "vpc-1", "subnetIds": [], "roleArn": ROLE}}),
        json!({"vpcConfiguration": {"subnetIds": ["s"], "roleArn": ROLE}}),
        json!({"httpUrlConfiguration": {}}),
        json!({"httpUrlConfiguration": {"confirmationUrl": "ftp://example.com"}}),
    ] {
        let error = world.engine.create_topic_rule_destination(&world.scope, &configuration).await;
        assert_eq!(error.expect_err("refused").code(), "InvalidRequestException", "{configuration}");
    }
}

#[tokio::test]
async fn confirmation_urls_follow_the_setting_and_lists_are_cut() {
    // RULES-437, RULES-448
    let world = World::with(Settings { http_action_urls: HttpActionUrls::Aws, ..Settings::default() });
    let refused = world.engine.create_topic_rule_destination(&world.scope, &http("http://localhost:1")).await;
    assert_eq!(refused.expect_err("refused").code(), "InvalidRequestException");
    let world = World::new();
    for number in 0..3 {
        create(&world, &http(&format!("http://localhost:9/{number}"))).await;
    }
    let page = Page { max_results: Some(2), next_token: None };
    let first = world.engine.list_topic_rule_destinations(&world.scope, &page).expect("a page");
    assert_eq!(first["destinationSummaries"].as_array().map(Vec::len), Some(2));
    let token = first["nextToken"].as_str().map(str::to_owned);
    let page = Page { max_results: Some(2), next_token: token };
    let second = world.engine.list_topic_rule_destinations(&world.scope, &page).expect("a page");
    assert_eq!(second["destinationSummaries"].as_array().map(Vec::len), Some(1));
    assert_eq!(second.get("nextToken"), None);
    let page = Page { max_results: Some(1_001), next_token: None };
    assert!(world.engine.list_topic_rule_destinations(&world.scope, &page).is_err());
}

#[tokio::test]
async fn tokens_are_bounded_and_an_account_has_a_thousand_destinations() {
    // RULES-439, RULES-452, RULES-458
    let world = World::new();
    for token in [String::new(), "t".repeat(2_049), "unknown".to_owned()] {
        let error = world.engine.confirm_topic_rule_destination(&token).await.expect_err("refused");
        assert_eq!((error.code(), error.status()), ("InvalidRequestException", 400));
    }
    for number in 0..1_000 {
        create(&world, &http(&format!("http://localhost:9/{number}"))).await;
    }
    let refused =
        world.engine.create_topic_rule_destination(&world.scope, &http("http://localhost:9/x")).await;
    assert_eq!(refused.expect_err("refused").code(), "InvalidRequestException");
}
