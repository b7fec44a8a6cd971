//! `republish` (section 11.1).

use bytes::Bytes;
use serde_json::{Value, json};
use thingstead_core::{Kind, Origin, QoS};

use crate::world::{NOW, ROLE, World, republish};

#[tokio::test]
async fn the_result_goes_to_the_target_as_compact_json_at_qos_0_and_is_not_retained() {
    // RULES-467, RULES-470, RULES-471, RULES-363
    let world = World::new();
    world.rule("r", "SELECT temp, topic(2) AS room FROM 'in/+'", json!([republish("out")])).await;
    let mut message = world.message("in/attic", "{ \"temp\" : 21.5 }");
    message.message.retain = true;
    message.message.qos = QoS::AtLeastOnce;
    thingstead_core::wiring::RuleSink::offer(&world.engine, &message);
    let published = world.bus.published();
    assert_eq!(world.bus.texts(), [("out".to_owned(), r#"{"temp":21.5,"room":"attic"}"#.to_owned())]);
    let message = &published[0].message;
    assert_eq!((message.qos, message.retain, message.properties.is_none()), (QoS::AtMostOnce, false, true));
    assert!(
        matches!(&published[0].origin, Origin::Rule { rule, depth: 1, first: Some(_) } if rule.as_str() == "r")
    );
}

#[tokio::test]
async fn two_dollars_stand_for_one_and_templates_are_filled() {
    // RULES-467, RULES-375, RULES-376, RULES-377, RULES-470
    let world = World::new();
    let action = json!({"republish": {
        "roleArn": ROLE, "topic": "$$aws/things/${topic(2)}/shadow/name/${lower(kind)}-${1 + 1}/update", "qos": 1,
    }});
    world.rule("r", "SELECT state FROM 'in/+'", json!([action])).await;
    world.publish("in/lamp", r#"{"state":{"reported":{"on":true}},"kind":"WiFi"}"#);
    let published = world.bus.published();
    assert_eq!(&*published[0].message.topic, "$aws/things/lamp/shadow/name/wifi-2/update");
    assert_eq!(published[0].message.qos, QoS::AtLeastOnce);
}

#[tokio::test]
async fn select_star_republishes_the_bytes_unchanged() {
    // RULES-480, RULES-310
    let world = World::new();
    world.rule("r", "SELECT * FROM 'in'", json!([republish("out")])).await;
    let binary = Bytes::from_static(b"\x00\xff { \"a\" : 1.0 }");
    world.publish("in", binary.clone());
    world.publish("in", "{ \"a\" : 1.0 }");
    let published = world.bus.published();
    assert_eq!(published[0].message.payload, binary);
    assert_eq!(&published[1].message.payload[..], b"{ \"a\" : 1.0 }");
}

#[tokio::test]
async fn headers_become_mqtt_5_properties() {
    // RULES-474, RULES-475, RULES-477
    let world = World::new();
    let action = json!({"republish": {"roleArn": ROLE, "topic": "out", "headers": {
        "payloadFormatIndicator": "UTF8_DATA",
        "contentType": "application/${kind}",
        "responseTopic": "answers/${clientid()}",
        "correlationData": "aGVsbG8=",
        "messageExpiry": "${expiry}",
        "userProperties": [{"key": "a", "value": "${x}"}, {"key": "a", "value": "2"}],
    }}});
    world.rule("r", "SELECT * FROM 'in'", json!([action])).await;
    world.publish("in", r#"{"kind":"json","expiry":60,"x":"1"}"#);
    let published = world.bus.published();
    let properties = published[0].message.properties.as_ref().expect("properties");
    assert_eq!(properties.payload_format, Some(1));
    assert_eq!(properties.content_type.as_deref(), Some("application/json"));
    assert_eq!(properties.response_topic.as_deref(), Some("answers/sensor-1"));
    assert_eq!(properties.correlation_data.as_deref(), Some(&b"hello"[..]));
    assert_eq!(properties.expires_at.map(|at| at.as_millis()), Some(NOW + 60_000));
    let user: Vec<_> = properties.user.iter().map(|(key, value)| (&**key, &**value)).collect();
    assert_eq!(user, [("a", "1"), ("a", "2")]);
}

#[tokio::test]
async fn properties_of_the_incoming_message_are_not_carried_over() {
    // RULES-478
    let world = World::new();
    world.rule("r", "SELECT * FROM 'in'", json!([republish("out")])).await;
    let mut message = world.message("in", "{}");
    message.message.properties = Some(
        thingstead_core::Properties {
            content_type: Some("text/plain".into()),
            user: vec![("k".into(), "v".into())],
            ..Default::default()
        }
        .into(),
    );
    thingstead_core::wiring::RuleSink::offer(&world.engine, &message);
    assert_eq!(world.bus.published()[0].message.properties, None);
}

#[tokio::test]
async fn header_values_that_make_no_sense_are_refused_or_fail() {
    // RULES-475, RULES-476, RULES-477, RULES-345, RULES-474
    let world = World::new();
    let long = "x".repeat(1_025);
    let many: Vec<Value> = (0..101).map(|_| json!({"key": "k", "value": "v"})).collect();
    for headers in [
        json!({"payloadFormatIndicator": "TEXT"}),
        json!({"responseTopic": "a/+"}),
        json!({"contentType": long}),
        json!({"userProperties": []}),
        json!({"userProperties": many}),
        json!({"userProperties": [{"key": "k"}]}),
    ] {
        let action = json!({"republish": {"roleArn": ROLE, "topic": "out", "headers": headers}});
        let error = world.try_rule("bad", "SELECT * FROM 'in'", json!([action])).await.expect_err("refused");
        assert_eq!(error.code(), "InvalidRequestException", "{error}");
    }
    for (member, payload) in [
        ("correlationData", r#"{"v":"***"}"#),
        ("messageExpiry", r#"{"v":"soon"}"#),
        ("responseTopic", r##"{"v":"a/#"}"##),
        ("payloadFormatIndicator", r#"{"v":"TEXT"}"#),
    ] {
        let world = World::new();
        let action = json!({"republish": {"roleArn": ROLE, "topic": "out", "headers": {member: "${v}"}}});
        world.rule("r", "SELECT * FROM 'in'", json!([action])).await;
        world.publish("in", payload);
        let failed = world.until(Kind::ActionFailed, 1).await;
        assert!(failed[0]["why"].as_str().expect("why").contains(member), "{failed:?}");
        assert!(world.bus.texts().is_empty());
    }
}

#[tokio::test]
async fn targets_that_cannot_be_published_to_are_refused_or_fail() {
    // RULES-468, RULES-469, RULES-479, RULES-344
    let world = World::new();
    for topic in [
        "$aws/things/t/shadow/update",
        "a/+",
        "",
        "$$aws/things/t/jobs/x/update",
        "$$aws/things/t/defender/metrics/json",
    ] {
        let error =
            world.try_rule("bad", "SELECT * FROM 'in'", json!([republish(topic)])).await.expect_err(topic);
        assert_eq!(error.code(), "InvalidRequestException", "{error}");
    }
    let qos = json!({"republish": {"roleArn": ROLE, "topic": "out", "qos": 2}});
    assert!(world.try_rule("bad", "SELECT * FROM 'in'", json!([qos])).await.is_err());
    world.rule("r", "SELECT * FROM 'in'", json!([republish("${target}")])).await;
    let long = "x".repeat(257);
    let targets =
        ["", "a/#", "$aws/things/t/shadow/update", "$$aws/things/t/jobs/get", &long, "1/2/3/4/5/6/7/8/9"];
    for (index, target) in targets.iter().enumerate() {
        world.publish("in", json!({"target": target}).to_string());
        let failed = world.until(Kind::ActionFailed, index + 1).await;
        assert!(!failed[index]["why"].as_str().expect("why").is_empty());
    }
    world.publish("in", "{}");
    world.until(Kind::ActionFailed, targets.len() + 1).await;
    assert!(world.bus.texts().is_empty());
    world.publish("in", r#"{"target":"$$aws/things/t/shadow/update"}"#);
    assert_eq!(world.bus.texts()[0].0, "$aws/things/t/shadow/update");
}

#[tokio::test]
async fn a_republished_message_runs_rules_without_a_client_and_with_the_roles_session() {
    // RULES-472, RULES-473, RULES-348
    let world = World::new();
    world
        .rule("first", "SELECT clientid() AS c, principal() AS p FROM 'in'", json!([republish("mid")]))
        .await;
    world
        .rule("second", "SELECT clientid() AS c, principal() AS p FROM 'mid'", json!([republish("out")]))
        .await;
    world.publish("in", "{}");
    let texts = world.bus.texts();
    let payload = |index: usize| serde_json::from_str::<Value>(&texts[index].1).expect("JSON");
    assert_eq!(payload(0), json!({"c": "sensor-1", "p": "c".repeat(64)}));
    assert_eq!(payload(1)["c"], json!("n/a"));
    let principal = payload(1)["p"].as_str().expect("a principal").to_owned();
    assert!(principal.ends_with(":first"), "{principal}");
}

#[tokio::test]
async fn rules_that_feed_each_other_end_after_ten_republishes_and_leave_a_trace() {
    // RULES-362
    let world = World::new();
    world.rule("loop", "SELECT * FROM 'a/#'", json!([republish("a/b")])).await;
    world.publish("a/b", "{}");
    assert_eq!(world.bus.published().len(), 10);
    let failed = world.until(Kind::ActionFailed, 1).await;
    assert!(failed[0]["why"].as_str().expect("why").contains("loop"), "{failed:?}");
}

#[tokio::test]
async fn deliveries_show_what_was_republished() {
    let world = World::new();
    world.rule("r", "SELECT * FROM 'in'", json!([republish("out")])).await;
    world.publish("in", r#"{"a":1}"#);
    let delivery = world.deliveries("r", 1).await[0].to_json();
    assert_eq!(delivery["request"]["method"], "PUBLISH");
    assert_eq!(delivery["request"]["url"], "out");
    assert_eq!(delivery["request"]["body"], json!({"a": 1}));
    assert_eq!((&delivery["outcome"], &delivery["attempts"]), (&json!("delivered"), &json!(1)));
}

#[tokio::test]
async fn a_result_over_128_kib_is_not_republished() {
    // RULES-441
    let world = World::new();
    world.rule("r", "SELECT a, a AS b FROM 'in'", json!([republish("out")])).await;
    world.publish("in", json!({"a": "x".repeat(70_000)}).to_string());
    let failed = world.until(Kind::ActionFailed, 1).await;
    assert!(failed[0]["why"].as_str().expect("why").contains("131072"), "{failed:?}");
    world.publish("in", json!({"a": "x".repeat(60_000)}).to_string());
    assert_eq!(world.bus.published().len(), 1);
}
