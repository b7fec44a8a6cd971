//! Functions that look outward, served by the engine (sections 5.6 and 2.6).

use serde_json::{Value, json};
use thingstead_core::Kind;
use thingstead_rules::Settings;

use crate::world::{ROLE, Receiver, World, republish};

async fn world_at(receiver: &Receiver, sql: &str) -> World {
    let mut settings = Settings::default();
    settings.aws.endpoint = Some(receiver.url.clone());
    let world = World::with(settings);
    world.rule("r", sql, json!([republish("out")])).await;
    world
}

async fn result(world: &World) -> Value {
    world.until(Kind::ActionSucceeded, 1).await;
    serde_json::from_str(&world.bus.texts()[0].1).expect("JSON")
}

#[tokio::test]
async fn shadows_and_registry_are_asked_of_this_server() {
    // RULES-299, RULES-300, RULES-303
    let world = World::new();
    let sql = format!(
        "SELECT get_thing_shadow(topic(2), '{ROLE}').state.reported.on AS on,
            get_thing_shadow(topic(2), 'wifi', '{ROLE}').state.reported.ssid AS ssid,
            get_registry_data('DescribeThing', topic(2), '{ROLE}').attributes.room AS room,
            get_registry_data('ListThingGroupsForThing', topic(2), '{ROLE}').thingGroups AS groups FROM 'in/+'"
    );
    world.rule("r", &sql, json!([republish("out")])).await;
    world.publish("in/lamp", "{}");
    let expected = json!({"on": true, "ssid": "home", "room": "attic", "groups": [{"groupName": "lamps"}]});
    assert_eq!(result(&world).await, expected);
    world.publish("in/unknown", "{}");
    let failed = world.until(Kind::RuleFailed, 1).await;
    assert!(failed[0]["why"].as_str().expect("why").contains("no shadow exists"), "{failed:?}");
}

#[tokio::test]
async fn a_function_is_invoked_with_the_message_and_its_answer_used() {
    // RULES-290
    let receiver = Receiver::start().await;
    let arn = "arn:aws:lambda:eu-west-1:123456789012:function:f";
    let world = world_at(&receiver, &format!("SELECT aws_lambda('{arn}', *).b AS b FROM 'in'")).await;
    receiver.answer([(200, r#"{"b":7}"#)]);
    world.publish("in", r#"{"a":1}"#);
    assert_eq!(result(&world).await, json!({"b": 7}));
    let asked = receiver.received(1).await[0].clone();
    let encoded = arn.replace(':', "%3A");
    assert_eq!(asked.target(), format!("/2015-03-31/functions/{encoded}/invocations"));
    assert_eq!(asked.header("x-amz-invocation-type"), Some("RequestResponse"));
    assert_eq!(asked.json(), json!({"a": 1}));
}

#[tokio::test]
async fn an_item_comes_as_an_object_with_all_its_digits() {
    // RULES-292
    let receiver = Receiver::start().await;
    let sql = format!("SELECT get_dynamodb('t', 'id', id, '{ROLE}') AS item FROM 'in'");
    let world = world_at(&receiver, &sql).await;
    receiver.answer([(
        200,
        r#"{"Item":{"id":{"S":"x"},"n":{"N":"123456789012345678901234567890"},"l":{"L":[{"BOOL":true},{"NULL":true}]},"m":{"M":{"k":{"SS":["a"]}}}}}"#,
    )]);
    world.publish("in", r#"{"id":"x"}"#);
    world.until(Kind::ActionSucceeded, 1).await;
    assert_eq!(
        world.bus.texts()[0].1,
        r#"{"item":{"id":"x","n":123456789012345678901234567890,"l":[true,null],"m":{"k":["a"]}}}"#
    );
    let asked = receiver.received(1).await[0].clone();
    assert_eq!(asked.header("x-amz-target"), Some("DynamoDB_20120810.GetItem"));
    assert_eq!(asked.json(), json!({"TableName": "t", "Key": {"id": {"S": "x"}}}));
}

#[tokio::test]
async fn secrets_are_asked_once_in_fifteen_minutes() {
    // RULES-295, RULES-297, RULES-298
    let receiver = Receiver::start().await;
    let sql = format!("SELECT get_secret('s', 'SecretString', 'k', '{ROLE}') AS k FROM 'in'");
    let world = world_at(&receiver, &sql).await;
    receiver.answer([
        (200, r#"{"SecretString":"{\"k\":\"v1\"}"}"#),
        (200, r#"{"SecretString":"{\"k\":\"v2\"}"}"#),
    ]);
    for (index, expected) in ["v1", "v1", "v2"].iter().enumerate() {
        if index == 2 {
            world.clock.advance(std::time::Duration::from_secs(15 * 60));
        }
        world.publish("in", "{}");
        world.until(Kind::ActionSucceeded, index + 1).await;
        assert_eq!(world.bus.texts()[index].1, format!(r#"{{"k":"{expected}"}}"#));
    }
    assert_eq!(receiver.received(2).await.len(), 2);
    let sql = format!("SELECT get_secret('b', 'SecretBinary', '{ROLE}') AS b FROM 'in'");
    let world = world_at(&receiver, &sql).await;
    receiver.answer([(200, r#"{"SecretBinary":"AP8="}"#)]);
    world.publish("in", "{}");
    assert_eq!(result(&world).await, json!({"b": "AP8="}));
}

#[tokio::test]
async fn a_prediction_is_passed_on() {
    // RULES-301
    let receiver = Receiver::start().await;
    let sql = format!("SELECT machinelearning_predict('m', '{ROLE}', *).predictedLabel AS label FROM 'in'");
    let world = world_at(&receiver, &sql).await;
    receiver.answer([(200, r#"{"Prediction":{"predictedLabel":"1"}}"#)]);
    world.publish("in", r#"{"a":1}"#);
    assert_eq!(result(&world).await, json!({"label": "1"}));
    assert_eq!(receiver.received(1).await[0].json()["Record"], json!({"a": "1"}));
}

#[tokio::test]
async fn templates_may_look_outward() {
    // RULES-377, RULES-109
    let world = World::new();
    let topic = format!("out/${{get_thing_shadow('lamp', '{ROLE}').state.reported.on}}");
    world.rule("r", "SELECT * FROM 'in'", json!([republish(&topic)])).await;
    world.publish("in", "{}");
    world.until(Kind::ActionSucceeded, 1).await;
    assert_eq!(world.bus.texts()[0].0, "out/true");
}

#[tokio::test]
async fn a_failing_function_ends_the_run() {
    // RULES-302, RULES-391
    let receiver = Receiver::start().await;
    let world = world_at(&receiver, "SELECT aws_lambda('f', *) AS x FROM 'in'").await;
    receiver.answer([(403, r#"{"Message":"not allowed"}"#)]);
    world.publish("in", "{}");
    let failed = world.until(Kind::RuleFailed, 1).await;
    let why = failed[0]["why"].as_str().expect("why");
    assert!(why.contains("aws_lambda") && why.contains("not allowed"), "{why}");
    assert!(world.bus.texts().is_empty());
}
