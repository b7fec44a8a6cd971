//! `influxDB` and its destinations (sections 10 and 11.11).

use std::time::Duration;

use serde_json::{Value, json};
use thingstead_core::Kind;
use thingstead_rules::{HttpActionUrls, Settings};

use crate::world::{NOW, ROLE, Received, Receiver, World, republish};

/// A world with a destination of an InfluxDB server that is ENABLED, secrets and server being one receiver.
async fn world(receiver: &Receiver, version: &str) -> (World, String) {
    let mut settings = Settings::default();
    settings.aws.endpoint = Some(receiver.url.clone());
    let world = World::with(settings);
    receiver.answer([(200, r#"{"SecretString":"{\"token\":\"t1\"}"}"#), (200, "{}")]);
    let arn = destination(&world, receiver, version).await;
    for _ in 0..1_000 {
        if status(&world, &arn).0 != "IN_PROGRESS" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    (world, arn)
}

async fn destination(world: &World, receiver: &Receiver, version: &str) -> String {
    let configuration = json!({"influxDBConfiguration": {
        "endpoint": receiver.url, "influxDBVersion": version, "secretId": "s", "secretKey": "token",
    }});
    let answer = world.engine.create_topic_rule_destination(&world.scope, &configuration).await;
    let destination = answer.expect("a destination")["topicRuleDestination"].clone();
    assert_eq!(destination["status"], "IN_PROGRESS");
    destination["arn"].as_str().expect("an ARN").to_owned()
}

fn status(world: &World, arn: &str) -> (String, String) {
    let answer = world.engine.get_topic_rule_destination(&world.scope, arn).expect("the destination");
    let text = |name: &str| answer["topicRuleDestination"][name].as_str().unwrap_or_default().to_owned();
    (text("status"), text("statusReason"))
}

fn action(arn: &str, more: Value) -> Value {
    let mut action = json!({
        "roleArn": ROLE, "destinationArn": arn, "databaseName": "my db", "tableName": "climate", "organization": "org",
    });
    for (name, value) in more.as_object().expect("members") {
        action[name] = value.clone();
    }
    json!({"influxDB": action})
}

/// The requests that wrote.
fn writes(received: &[Received]) -> Vec<&Received> {
    received.iter().filter(|request| request.target().contains("write")).collect()
}

async fn written(receiver: &Receiver, world: &World) -> String {
    world.until(Kind::ActionSucceeded, 1).await;
    let received = receiver.received(0).await;
    String::from_utf8(writes(&received)[0].body.to_vec()).expect("text")
}

#[tokio::test]
async fn a_server_is_checked_with_its_secret() {
    // RULES-464, RULES-447, RULES-444
    for (version, path, authorization) in
        [("V2", "/api/v2/me", "Token t1"), ("V3", "/api/v3/configure/database?format=json", "Bearer t1")]
    {
        let receiver = Receiver::start().await;
        let (world, arn) = world(&receiver, version).await;
        assert!(arn.contains(":ruledestination/influxdb/"), "{arn}");
        assert_eq!(status(&world, &arn).0, "ENABLED");
        let asked = receiver.received(2).await;
        assert_eq!(asked[1].line, format!("GET {path} HTTP/1.1"));
        assert_eq!(asked[1].header("authorization"), Some(authorization));
        receiver.answer([(401, "")]);
        let refused = destination(&world, &receiver, version).await;
        receiver.received(3).await;
        for _ in 0..1_000 {
            if status(&world, &refused).0 != "IN_PROGRESS" {
                break;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let (state, reason) = status(&world, &refused);
        assert_eq!(state, "ERROR");
        assert!(reason.contains("401"), "{reason}");
    }
}

#[tokio::test]
async fn configurations_are_checked() {
    // RULES-464, RULES-578
    let world = World::with(Settings { http_action_urls: HttpActionUrls::Aws, ..Settings::default() });
    for (endpoint, version, secret) in [
        ("http://localhost:8086", "V2", "s"),
        ("https://example.com:9000", "V2", "s"),
        ("https://example.com:8086", "V1", "s"),
        ("https://example.com:8086", "V2", ""),
        ("", "V2", "s"),
    ] {
        let configuration = json!({"influxDBConfiguration": {
            "endpoint": endpoint, "influxDBVersion": version, "secretId": secret,
        }});
        let refused = world.engine.create_topic_rule_destination(&world.scope, &configuration).await;
        assert_eq!(refused.expect_err("refused").code(), "InvalidRequestException", "{configuration}");
    }
    for port in ["", ":443", ":8443", ":8086", ":8181"] {
        let configuration = json!({"influxDBConfiguration": {
            "endpoint": format!("https://example.com{port}"), "influxDBVersion": "V3", "secretId": "s",
        }});
        world.engine.create_topic_rule_destination(&world.scope, &configuration).await.expect(port);
    }
}

#[tokio::test]
async fn an_object_becomes_a_line() {
    // RULES-570, RULES-571, RULES-572, RULES-579
    let receiver = Receiver::start().await;
    let (world, arn) = world(&receiver, "V2").await;
    let tags = json!({"room": "@{room}", "client id": "${clientid()}", "none": "${missing}", "a": "x y,z=1"});
    let action = action(&arn, json!({"tags": tags, "tableName": "the table"}));
    world.rule("r", "SELECT * FROM 'in'", json!([action])).await;
    let payload = r#"{"timestamp":1700000000000,"room":"attic","i":42,"u":9223372036854775808,"d":1.5,"b":true,
        "f":false,"s":"a \"b\" \\","n":null,"l":[1,"x"],"o":{"k":1},"a b":1}"#;
    world.publish("in", payload);
    let line = written(&receiver, &world).await;
    assert_eq!(
        line,
        concat!(
            r#"the\ table,a=x\ y\,z\=1,client\ id=sensor-1,room=attic "#,
            r#"i=42i,u=9223372036854775808u,d=1.5,b=t,f=f,s="a \"b\" \\",l="[1,\"x\"]",o="{\"k\":1}",a\ b=1i "#,
            "1700000000000"
        )
    );
    let received = receiver.received(0).await;
    let write = writes(&received)[0];
    assert_eq!(write.target(), "/api/v2/write?org=org&bucket=my%20db&precision=ms");
    assert_eq!(write.header("authorization"), Some("Token t1"));
}

#[tokio::test]
async fn a_list_becomes_a_line_each_in_one_request() {
    // RULES-573, RULES-387, RULES-574
    let receiver = Receiver::start().await;
    let (world, arn) = world(&receiver, "V3").await;
    let action = action(&arn, json!({"tableName": "@{kind}", "timestampUnit": "SECONDS"}));
    world.rule("r", "SELECT VALUE points FROM 'in'", json!([action])).await;
    world
        .publish("in", r#"{"points":[{"kind":"a","v":1,"timestamp":5},{"kind":"b","v":2.5,"timestamp":6}]}"#);
    assert_eq!(written(&receiver, &world).await, "a v=1i 5\nb v=2.5 6");
    let received = receiver.received(0).await;
    assert_eq!(writes(&received)[0].target(), "/api/v3/write_lp?db=my%20db&precision=second");
    world.publish("in", r#"{"points":[{"kind":"a","v":1,"timestamp":5},{"kind":"b","v":2.5}]}"#);
    world.until(Kind::ActionFailed, 1).await;
    assert_eq!(writes(&receiver.received(0).await).len(), 1);
}

#[tokio::test]
async fn results_that_make_no_line_fail() {
    // RULES-568, RULES-571, RULES-575
    let receiver = Receiver::start().await;
    let (world, arn) = world(&receiver, "V3").await;
    world.rule("r", "SELECT * FROM 'in'", json!([action(&arn, json!({}))])).await;
    let many: serde_json::Map<String, Value> =
        (0..250).map(|n| (format!("m{n}"), json!(n))).chain([("timestamp".to_owned(), json!(1))]).collect();
    let bad = [
        "no json".to_owned(),
        "7".to_owned(),
        "[1]".to_owned(),
        "[]".to_owned(),
        r#"{"v":1}"#.to_owned(),
        r#"{"v":1,"timestamp":"now"}"#.to_owned(),
        r#"{"v":1,"Timestamp":1}"#.to_owned(),
        r#"{"timestamp":1}"#.to_owned(),
        r#"{"v":18446744073709551616,"timestamp":1}"#.to_owned(),
        r#"{"_v":1,"timestamp":1}"#.to_owned(),
        r#"{"":1,"timestamp":1}"#.to_owned(),
        json!(many).to_string(),
    ];
    for (index, payload) in bad.into_iter().enumerate() {
        world.publish("in", payload);
        world.until(Kind::ActionFailed, index + 1).await;
    }
    assert!(writes(&receiver.received(0).await).is_empty());
}

#[tokio::test]
async fn only_the_error_action_gets_a_timestamp_of_the_engine() {
    // RULES-569
    let receiver = Receiver::start().await;
    let (world, arn) = world(&receiver, "V3").await;
    let error = action(&arn, json!({"tableName": "errors"}));
    world.rule_with_error("r", "SELECT * FROM 'in'", json!([republish("${missing}")]), error).await;
    world.publish("in", "{}");
    let line = written(&receiver, &world).await;
    assert!(line.starts_with("errors ruleName=\"r\","), "{line}");
    assert!(line.ends_with(&format!(" {NOW}")), "{line}");
}

#[tokio::test]
async fn what_the_server_answers_decides_what_happens_next() {
    // RULES-576
    let receiver = Receiver::start().await;
    let (world, arn) = world(&receiver, "V3").await;
    world.rule("r", "SELECT * FROM 'in'", json!([action(&arn, json!({}))])).await;
    let point = r#"{"v":1,"timestamp":1}"#;
    receiver.answer([(503, ""), (503, ""), (204, "")]);
    world.publish("in", point);
    assert_eq!(world.until(Kind::ActionSucceeded, 1).await[0]["attempts"], 3);
    receiver.answer([(401, ""), (200, r#"{"SecretString":"{\"token\":\"t2\"}"}"#), (204, "")]);
    world.publish("in", point);
    assert_eq!(world.until(Kind::ActionSucceeded, 2).await[1]["attempts"], 2);
    let received = receiver.received(0).await;
    assert_eq!(writes(&received).last().expect("a write").header("authorization"), Some("Bearer t2"));
    for (index, status) in [404, 422].into_iter().enumerate() {
        receiver.answer([(status, "why not")]);
        world.publish("in", point);
        let failed = world.until(Kind::ActionFailed, index + 1).await;
        assert_eq!(failed[index]["attempts"], 1);
        assert!(failed[index]["why"].as_str().expect("why").contains("why not"), "{failed:?}");
    }
}

#[tokio::test]
async fn lines_are_batched_and_limits_checked() {
    // RULES-577, RULES-579, RULES-580, RULES-345, RULES-388
    let receiver = Receiver::start().await;
    let (world, arn) = world(&receiver, "V3").await;
    let batch = action(&arn, json!({"batchConfig": {"maxBatchSize": 2, "maxBatchOpenMs": 1_000}}));
    world.rule("r", "SELECT * FROM 'in'", json!([batch])).await;
    for n in [1, 2] {
        world.publish("in", json!({"v": n, "timestamp": n}).to_string());
    }
    let received = receiver.received(3).await;
    assert_eq!(&writes(&received)[0].body[..], b"climate v=1i 1\nclimate v=2i 2");
    let tags: serde_json::Map<String, Value> = (0..499).map(|n| (format!("t{n}"), json!("v"))).collect();
    for more in [
        json!({"batchConfig": {"maxBatchSize": 501}}),
        json!({"batchConfig": {"maxBatchOpenMs": 1_001}}),
        json!({"batchConfig": {"maxBatchSizeBytes": 99}}),
        json!({"databaseName": "${topic()}"}),
        json!({"tags": tags}),
        json!({"tags": {"_x": "v"}}),
        json!({"timestampUnit": "HOURS"}),
    ] {
        let refused = world.try_rule("bad", "SELECT * FROM 'in'", json!([action(&arn, more.clone())])).await;
        assert_eq!(refused.expect_err("refused").code(), "InvalidRequestException", "{more}");
    }
    for table in ["@{a}@{b}", "@{a}${b}"] {
        let action = action(&arn, json!({"tableName": table}));
        let refused = world.try_rule("bad", "SELECT * FROM 'in'", json!([action])).await;
        assert_eq!(refused.expect_err("refused").code(), "SqlParseException", "{table}");
    }
    let v2 = Receiver::start().await;
    let (world, arn) = self::world(&v2, "V2").await;
    world.rule("r", "SELECT * FROM 'in'", json!([action(&arn, json!({"organization": null}))])).await;
    world.publish("in", r#"{"v":1,"timestamp":1}"#);
    let failed = world.until(Kind::ActionFailed, 1).await;
    assert!(failed[0]["why"].as_str().expect("why").contains("organization"), "{failed:?}");
}
