//! Which rules run on what, and what is told about it (section 9).

use std::sync::Arc;

use serde_json::{Value, json};
use thingstead_core::wiring::RuleSink as _;
use thingstead_core::{Kind, Origin};
use thingstead_rules::log_entries;

use crate::world::{World, republish};

#[tokio::test]
async fn every_enabled_rule_whose_filter_matches_runs_once_on_its_own() {
    // RULES-351, RULES-352, RULES-354, RULES-080, RULES-079
    let world = World::new();
    world.rule("a", "SELECT * FROM 's/+/t'", json!([republish("a"), republish("a2")])).await;
    world.rule("b", "SELECT * FROM 's/#'", json!([republish("b")])).await;
    world.rule("c", "SELECT * FROM 'S/1/t'", json!([republish("c")])).await;
    world.publish("s/1/t", "{}");
    let mut topics: Vec<_> = world.bus.texts().into_iter().map(|(topic, _)| topic).collect();
    topics.sort();
    assert_eq!(topics, ["a", "a2", "b"]);
}

#[tokio::test]
async fn where_stops_a_rule_without_a_failure() {
    // RULES-404, RULES-081, RULES-413, RULES-414
    let world = World::new();
    world
        .rule_with_error(
            "r",
            "SELECT * FROM 'in' WHERE temp > 30",
            json!([republish("out")]),
            republish("failed"),
        )
        .await;
    for payload in [r#"{"temp":20}"#, "{}", r#"{"temp":31}"#] {
        world.publish("in", payload);
    }
    assert_eq!(world.bus.texts(), [("out".to_owned(), r#"{"temp":31}"#.to_owned())]);
    let not_matched = world.until(Kind::RuleNotMatched, 2).await;
    assert_eq!(not_matched[0]["rule"], "r");
    assert!(!not_matched[0]["why"].as_str().expect("why").is_empty());
    assert_eq!(world.metric("TopicMatch"), 3);
    assert_eq!(world.metric("RulesExecuted"), 3);
    assert_eq!(world.metric("Success"), 1);
}

#[tokio::test]
async fn reserved_topics_run_rules_that_name_them_and_no_wildcard_rule() {
    // RULES-074, RULES-075, RULES-348
    let world = World::new();
    world.rule("all", "SELECT * FROM '#'", json!([republish("all")])).await;
    world
        .rule("shadow", "SELECT * FROM '$aws/things/+/shadow/update/accepted'", json!([republish("shadow")]))
        .await;
    let mut message = world.message("$aws/things/lamp/shadow/update/accepted", "{}");
    message.origin = Origin::Service("shadow");
    world.engine.offer(&message);
    // The republished message itself matches `#`, and so on: one from the shadow's topic, then the loop's.
    assert_eq!(world.bus.texts()[0].0, "shadow");
    let matched = world.until(Kind::RuleMatched, 1).await;
    assert_eq!((&matched[0]["rule"], &matched[0]["client"]), (&json!("shadow"), &Value::Null));
}

#[tokio::test]
async fn basic_ingest_runs_one_rule_whatever_its_filter_says() {
    // RULES-364, RULES-365, RULES-367, RULES-368, RULES-369, RULES-273, RULES-076, RULES-077, MQTT-193, MQTT-194
    let world = World::new();
    let sql = |filter: &str| format!("SELECT topic() AS t, topic(1) AS one {filter} WHERE go = true");
    world.rule("direct", &sql("FROM 'somewhere/else'"), json!([republish("out")])).await;
    world.rule("no_from", &sql(""), json!([republish("out")])).await;
    world.rule("all", "SELECT * FROM '#'", json!([republish("never")])).await;
    world.rule("self", "SELECT * FROM '$aws/rules/self'", json!([republish("never2")])).await;
    world.engine.delete_topic_rule(&world.scope, "all").await.expect("deleted");
    let ingest = |rule: &str, topic: &str, payload: &str| {
        world.engine.basic_ingest(rule, &world.message(topic, payload.to_owned()))
    };
    assert!(ingest("direct", "$aws/rules/direct/a/b", r#"{"go":true}"#));
    assert!(ingest("no_from", "$aws/rules/no_from", r#"{"go":true}"#));
    assert!(ingest("no_from", "$aws/rules/no_from", r#"{"go":false}"#));
    assert_eq!(
        world.bus.texts(),
        [
            ("out".to_owned(), r#"{"t":"a/b","one":"a"}"#.to_owned()),
            ("out".to_owned(), r#"{"t":"","one":""}"#.to_owned()),
        ]
    );
    world.publish("$aws/rules/self", "{}");
    assert_eq!(world.bus.texts().len(), 2);
}

#[tokio::test]
async fn basic_ingest_to_a_missing_or_disabled_rule_leaves_a_trace() {
    // RULES-373, RULES-416, RULES-429
    let world = World::new();
    world.rule("off", "SELECT * FROM 'in'", json!([])).await;
    world.engine.set_topic_rule_disabled(&world.scope, "off", true).await.expect("disabled");
    for rule in ["off", "missing"] {
        let topic = format!("$aws/rules/{rule}/x");
        assert!(!world.engine.basic_ingest(rule, &world.message(&topic, "{}")));
    }
    let events = world.until(Kind::RuleNotFound, 2).await;
    assert_eq!(events[1]["rule"], "missing");
    assert_eq!(events[1]["client"], "sensor-1");
    assert!(events[1]["why"].as_str().expect("why").starts_with("Rule missing not found"));
    assert_eq!(world.metric("RuleNotFound"), 2);
}

#[tokio::test]
async fn one_message_has_one_trace_id_in_every_event_and_in_the_sql() {
    // RULES-423, RULES-425, RULES-426, RULES-431, RULES-432
    let world = World::new();
    world.rule("r", "SELECT traceid() AS trace FROM 'in'", json!([republish("out")])).await;
    world.publish("in", "{}");
    let matched = world.until(Kind::RuleMatched, 1).await[0].clone();
    let succeeded = world.until(Kind::ActionSucceeded, 1).await[0].clone();
    let result: Value = serde_json::from_str(&world.bus.texts()[0].1).expect("JSON");
    for event in [&matched, &succeeded] {
        assert_eq!(event["trace_id"], result["trace"]);
        assert_eq!(event["client"], "sensor-1");
        assert_eq!(event["topic"], "in");
        assert_eq!(event["rule"], "r");
        assert_eq!(event["principal"], json!("c".repeat(64)));
    }
    assert_eq!(succeeded["action"], "republish");
    assert_eq!(succeeded["resources"], json!({"RepublishTopic": "out"}));
    assert_eq!(succeeded["attempts"], 1);
}

#[tokio::test]
async fn the_context_of_a_message_reaches_the_sql() {
    // RULES-277, RULES-278, RULES-279, RULES-281
    let world = World::new();
    let sql = "SELECT clientid() AS c, accountid() AS a, sourceip() AS ip, timestamp() AS t FROM 'in'";
    world.rule("r", sql, json!([republish("out")])).await;
    world.publish("in", "{}");
    let mut over_http = world.message("in", "{}");
    if let Origin::Client(sender) = &over_http.origin {
        let mut sender = (**sender).clone();
        sender.client = None;
        over_http.origin = Origin::Http(Arc::new(sender));
    }
    world.engine.offer(&over_http);
    let results: Vec<Value> =
        world.bus.texts().iter().map(|(_, text)| serde_json::from_str(text).expect("JSON")).collect();
    let t = crate::world::NOW;
    assert_eq!(results[0], json!({"c": "sensor-1", "a": "123456789012", "ip": "192.0.2.7", "t": t}));
    assert_eq!(results[1], json!({"c": "n/a", "a": "123456789012", "ip": "192.0.2.7", "t": t}));
}

#[tokio::test]
async fn templates_read_the_payload_and_variables_not_the_result() {
    // RULES-378, RULES-379, RULES-380, RULES-381, RULES-382, RULES-383, RULES-034
    let world = World::new();
    let topic = "o/${a}/${alias}/${@v}/${get({\"a\":\"}\"}, 'a')}/${missing}/${list}";
    let sql = "SET @v = a + 1 SELECT a + 10 AS alias FROM 'in'";
    world.rule("r", sql, json!([republish(topic)])).await;
    world.publish("in", r#"{"a":1,"list":[1,{"b":2}]}"#);
    assert_eq!(world.bus.texts()[0].0, r#"o/1//2/}//[1,{"b":2}]"#);
}

#[tokio::test]
async fn unreadable_payloads_count_as_parse_errors() {
    // RULES-415, RULES-319
    let world = World::new();
    world.rule("r", "SELECT a FROM 'in'", json!([republish("out")])).await;
    world.publish("in", "not json");
    world.publish("in", r#"{"a":1}"#);
    assert_eq!(world.metric("ParseError"), 1);
}

#[tokio::test]
async fn a_dead_receiver_neither_delays_the_publisher_nor_other_actions() {
    // RULES-356, RULES-354, RULES-355
    let world = World::new();
    // A listener that accepts nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/x", silent.local_addr().expect("an address"));
    let http = json!({"http": {"url": url}});
    world.rule("r", "SELECT * FROM 'in'", json!([http, republish("out")])).await;
    for _ in 0..3_000 {
        world.publish("in", "{}");
    }
    assert_eq!(world.bus.texts().len(), 3_000);
    let full = world.until(Kind::ActionFailed, 1).await;
    assert!(full[0]["why"].as_str().expect("why").contains("waiting for this destination"), "{full:?}");
}

#[tokio::test]
async fn more_than_the_limit_in_a_second_is_throttled_where_that_is_switched_on() {
    // RULES-417, RULES-430, RULES-436, RULES-443
    let settings = thingstead_rules::Settings { evaluations_per_second: Some(2), ..Default::default() };
    let world = World::with(settings);
    world.rule("r", "SELECT * FROM 'in'", json!([republish("out")])).await;
    for _ in 0..3 {
        world.publish("in", "{}");
    }
    assert_eq!((world.bus.texts().len(), world.metric("RuleMessageThrottled")), (2, 1));
    world.clock.advance(std::time::Duration::from_secs(1));
    world.publish("in", "{}");
    assert_eq!(world.bus.texts().len(), 3);
    let entry = log_entries(&world.events(Kind::RuleFailed)[0]).remove(0);
    assert_eq!(entry["eventType"], "RuleMessageThrottled");
    assert_eq!(entry["logLevel"], "ERROR");
    assert_eq!(entry["reason"], "RuleExecutionThrottled");
    assert_eq!(entry["details"], "Message for Rule r throttled");
}

#[tokio::test]
async fn events_become_the_entries_of_the_service_log() {
    // RULES-422, RULES-423, RULES-424, RULES-425, RULES-426, RULES-427, RULES-428, RULES-429, RULES-431
    let world = World::new();
    let actions = json!([republish("out"), republish("${missing}")]);
    world.rule("r", "SELECT * FROM 'in'", actions).await;
    world.rule("f", "SELECT get_thing_shadow('none', 'role') AS x FROM 'in'", json!([])).await;
    world.rule("g", "SELECT get_thing_shadow('lamp', 'role') AS x FROM 'in'", json!([])).await;
    world.publish("in", "{}");
    world.until(Kind::RuleFailed, 1).await;
    world.until(Kind::RuleMatched, 2).await;
    world.engine.basic_ingest("gone", &world.message("$aws/rules/gone", "{}"));
    let entries: Vec<Value> = world.journal.after(0).iter().flat_map(log_entries).collect();
    for entry in &entries {
        for member in ["timestamp", "logLevel", "traceId", "accountId", "status", "eventType"] {
            assert!(entry[member].is_string(), "{member}: {entry}");
        }
    }
    let of = |rule: &str| entries.iter().filter(|entry| entry["ruleName"] == rule).collect::<Vec<_>>();
    let types: Vec<_> = of("r")
        .iter()
        .map(|entry| {
            [&entry["eventType"], &entry["logLevel"], &entry["status"]]
                .map(|text| text.as_str().expect("text"))
        })
        .collect();
    assert_eq!(
        types,
        [
            ["RuleMatch", "INFO", "Success"],
            ["StartingRuleExecution", "DEBUG", "Success"],
            ["RuleExecution", "INFO", "Success"],
            ["StartingRuleExecution", "DEBUG", "Success"],
            ["RuleExecution", "ERROR", "Failure"],
        ]
    );
    let matched = of("r")[0];
    assert_eq!(matched["timestamp"], "2026-11-21 10:00:00.000");
    assert_eq!((&matched["clientId"], &matched["topicName"]), (&json!("sensor-1"), &json!("in")));
    assert_eq!(matched["principalId"], json!("c".repeat(64)));
    assert!(of("r").iter().all(|entry| entry["traceId"] == matched["traceId"]));
    assert_eq!(of("r")[2]["ruleAction"], "RepublishAction");
    assert_eq!(of("r")[2]["resources"], json!({"RepublishTopic": "out"}));
    assert!(of("r")[4]["details"].as_str().is_some_and(|details| !details.is_empty()));
    assert_eq!(of("f").len(), 1, "{:?}", of("f"));
    let function = of("f")[0];
    assert_eq!((&function["eventType"], &function["clientId"]), (&json!("FunctionExecution"), &json!("N/A")));
    assert_eq!(function["ruleAction"], "GetThingShadow");
    assert!(function["reason"].as_str().is_some_and(|reason| reason.contains("no shadow")), "{function}");
    let called = of("g")[0];
    assert_eq!((&called["eventType"], &called["status"]), (&json!("FunctionExecution"), &json!("Success")));
    assert_eq!((&called["ruleAction"], &called["logLevel"]), (&json!("GetThingShadow"), &json!("DEBUG")));
    assert_eq!(of("g")[1]["eventType"], "RuleMatch");
    let gone = of("gone")[0];
    assert_eq!((&gone["eventType"], &gone["reason"]), (&json!("RuleNotFound"), &json!("RuleNotFound")));
    assert_eq!(gone["details"], "Rule gone not found");
}
