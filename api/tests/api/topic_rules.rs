//! Topic rules and their destinations.

use axum::body::Body;
use http::Request;
use serde_json::{Value, json};

use crate::fixture::{RECORDED, Recorded, Server};

const NONE: Value = Value::Null;

fn payload(sql: &str) -> Value {
    json!({ "sql": sql, "actions": [{ "republish": { "topic": "b", "roleArn": "arn:aws:iam::000000000000:role/r" } }] })
}

#[tokio::test]
async fn a_rule_is_kept_as_it_was_given() {
    // API-021, API-190, API-192 (no role is assumed), API-193, API-195, API-197, API-198, API-199
    let server = Server::new();
    let mut given = payload("SELECT * FROM 'plant/+/temp'");
    given["description"] = json!("d");
    given["awsIotSqlVersion"] = json!("2016-03-23");
    given["errorAction"] = given["actions"][0].clone();
    server.call("POST", "/rules/warm", given.clone()).await.ok();
    let twice = server.call("POST", "/rules/warm", given.clone()).await;
    assert_eq!((twice.status.as_u16(), twice.error()), (409, "ResourceAlreadyExistsException"));
    assert!(twice.json()["resourceArn"].as_str().expect("an ARN").ends_with(":rule/warm"));
    let got = server.call("GET", "/rules/warm", NONE).await.ok();
    assert_eq!(got["ruleArn"], "arn:aws:iot:us-east-1:000000000000:rule/warm");
    for member in ["sql", "description", "awsIotSqlVersion", "actions", "errorAction"] {
        assert_eq!(got["rule"][member], given[member], "{member}");
    }
    assert_eq!((&got["rule"]["ruleName"], &got["rule"]["ruleDisabled"]), (&json!("warm"), &json!(false)));
    assert!(got["rule"]["createdAt"].is_f64());
    server.call("POST", "/rules/warm/disable", NONE).await.ok();
    let disabled = server.call("GET", "/rules?ruleDisabled=true", NONE).await.ok();
    assert_eq!(
        (&disabled["rules"][0]["ruleName"], &disabled["rules"][0]["topicPattern"]),
        (&json!("warm"), &json!("plant/+/temp"))
    );
    server.call("POST", "/rules/warm/enable", NONE).await.ok();
    for (topic, found) in [("plant%2F7%2Ftemp", 1), ("plant%2F7", 0)] {
        let listed = server.call("GET", &format!("/rules?topic={topic}"), NONE).await.ok();
        assert_eq!(listed["rules"].as_array().map(Vec::len), Some(found), "{topic}");
    }
    server.call("PATCH", "/rules/warm", payload("SELECT a FROM 'x'")).await.ok();
    let got = server.call("GET", "/rules/warm", NONE).await.ok();
    assert_eq!((&got["rule"]["sql"], got["rule"].get("description")), (&json!("SELECT a FROM 'x'"), None));
    server.call("DELETE", "/rules/warm", NONE).await.ok();
    assert_eq!(server.call("GET", "/rules", NONE).await.ok()["rules"], json!([]));
}

#[tokio::test]
async fn what_is_wrong_with_a_rule_is_said() {
    // API-190, API-191, API-194, API-196
    let server = Server::new();
    let sql = server.call("POST", "/rules/r", payload("SELEC * FROM 'a'")).await;
    assert_eq!((sql.status.as_u16(), sql.error()), (400, "SqlParseException"));
    let name = server.call("POST", "/rules/a-b", payload("SELECT * FROM 'a'")).await;
    assert_eq!((name.status.as_u16(), name.error()), (400, "InvalidRequestException"));
    assert!(name.message().contains("'ruleName'"), "{name:?}");
    let empty = server.call("POST", "/rules/r", json!({ "sql": "", "actions": [] })).await;
    assert_eq!((empty.status.as_u16(), empty.error()), (400, "InvalidRequestException"));
    let missing = server.call("POST", "/rules/r", json!({ "actions": [] })).await;
    assert!(
        missing.message().contains(
            "Value null at 'topicRulePayload.sql' failed to satisfy constraint: Member must not be null"
        ),
        "{missing:?}"
    );
    let unknown = server.call("GET", "/rules/r", NONE).await;
    assert_eq!((unknown.status.as_u16(), unknown.error()), (401, "UnauthorizedException"));
    assert_eq!(unknown.message(), "Access to topic rule 'r' was denied");
    server.call("POST", "/rules/r", json!({ "sql": "SELECT * FROM 'a'", "actions": [] })).await.ok();
    assert_eq!(server.call("GET", "/rules/r", NONE).await.ok()["rule"]["awsIotSqlVersion"], "2015-10-08");
}

#[tokio::test]
async fn tags_of_a_rule_come_in_a_header() {
    // API-015, API-016, API-066, API-070, API-071
    let server = Server::checking_signatures();
    let create = RECORDED.calls().find(|one| one["operation"] == "CreateTopicRule").expect("recorded");
    server.send(Recorded::request(create)).await.ok();
    let server = Server::new();
    let body = payload("SELECT * FROM 'a'").to_string();
    let request = Request::post("/rules/r").header("x-amz-tagging", "a=b%20c&d=").body(Body::from(body));
    server.send(request.expect("a request")).await.ok();
    let arn = "arn:aws:iot:us-east-1:000000000000:rule/r";
    let tags = server.call("GET", &format!("/tags?resourceArn={arn}"), NONE).await.ok();
    assert_eq!(tags["tags"], json!([{ "Key": "a", "Value": "b c" }, { "Key": "d", "Value": "" }]));
    server.call("POST", "/untag", json!({ "resourceArn": arn, "tagKeys": ["a"] })).await.ok();
    server
        .call("POST", "/tags", json!({ "resourceArn": arn, "tags": [{ "Key": "e", "Value": "f" }] }))
        .await
        .ok();
    let tags = server.call("GET", &format!("/tags?resourceArn={arn}"), NONE).await.ok();
    assert_eq!(tags["tags"].as_array().map(Vec::len), Some(2));
    server.call("DELETE", "/rules/r", NONE).await.ok();
    assert_eq!(server.call("GET", &format!("/tags?resourceArn={arn}"), NONE).await.status, 404);
    server.call("POST", "/rules/r", payload("SELECT * FROM 'a'")).await.ok();
    assert_eq!(server.call("GET", &format!("/tags?resourceArn={arn}"), NONE).await.ok()["tags"], json!([]));
}

#[tokio::test]
async fn a_destination_is_made_listed_and_removed() {
    // API-011, API-201, API-204, API-205, API-206, API-207, API-208
    let server = Server::new();
    let body = json!({ "destinationConfiguration": { "httpUrlConfiguration": { "confirmationUrl": "http://127.0.0.1:1/hook" } } });
    let made = server.call("POST", "/destinations", body).await.ok();
    let arn = made["topicRuleDestination"]["arn"].as_str().expect("an ARN").to_owned();
    assert!(arn.starts_with("arn:aws:iot:us-east-1:000000000000:ruledestination/http/"), "{arn}");
    let path = format!("/destinations/{}", arn.replace(':', "%3A"));
    let got = server.call("GET", &path, NONE).await.ok();
    assert_eq!(
        got["topicRuleDestination"]["httpUrlProperties"]["confirmationUrl"],
        "http://127.0.0.1:1/hook"
    );
    let listed = server.call("GET", "/destinations", NONE).await.ok();
    assert_eq!(listed["destinationSummaries"][0]["arn"], arn.as_str());
    server.call("PATCH", "/destinations", json!({ "arn": arn, "status": "DISABLED" })).await.ok();
    assert_eq!(server.call("GET", &path, NONE).await.ok()["topicRuleDestination"]["status"], "DISABLED");
    let token = server.call("GET", "/confirmdestination/a%2Bb/c", NONE).await;
    assert_eq!((token.status.as_u16(), token.error()), (400, "InvalidRequestException"));
    server.call("DELETE", &path, NONE).await.ok();
    let gone = server.call("GET", &path, NONE).await;
    assert_eq!((gone.status.as_u16(), gone.error()), (401, "UnauthorizedException"));
    assert_eq!(gone.message(), format!("Access to TopicRuleDestination '{arn}' was denied"));
}

#[tokio::test]
async fn authorization_is_tested_policy_by_policy() {
    // API-183, API-184, API-185
    let server = Server::new();
    let created = server.call("POST", "/keys-and-certificate?setAsActive=true", NONE).await.ok();
    let arn = &created["certificateArn"];
    for (name, effect, resource) in [("may", "Allow", "topic/a"), ("not", "Deny", "topic/b")] {
        let statement = json!({ "Effect": effect, "Action": "iot:Publish", "Resource": format!("arn:aws:iot:us-east-1:000000000000:{resource}") });
        let document = json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string();
        server.call("POST", &format!("/policies/{name}"), json!({ "policyDocument": document })).await.ok();
    }
    server.call("PUT", "/target-policies/may", json!({ "target": arn })).await.ok();
    let topic = |name: &str| format!("arn:aws:iot:us-east-1:000000000000:topic/{name}");
    let infos = json!([
        { "actionType": "PUBLISH", "resources": [topic("a")] },
        { "actionType": "PUBLISH", "resources": [topic("a"), topic("b")] },
        { "actionType": "CONNECT", "resources": ["arn:aws:iot:us-east-1:000000000000:client/c"] },
    ]);
    let ask = |add: Value| json!({ "principal": arn, "authInfos": infos, "policyNamesToAdd": add });
    let decisions = |answer: &Value| -> Vec<String> {
        answer["authResults"]
            .as_array()
            .expect("results")
            .iter()
            .map(|one| one["authDecision"].as_str().expect("text").to_owned())
            .collect()
    };
    let answer = server.call("POST", "/test-authorization?clientId=c", ask(json!([]))).await.ok();
    assert_eq!(decisions(&answer), ["ALLOWED", "IMPLICIT_DENY", "IMPLICIT_DENY"]);
    assert_eq!(answer["authResults"][0]["allowed"]["policies"][0]["policyName"], "may");
    assert_eq!(answer["authResults"][2]["denied"]["implicitDeny"]["policies"][0]["policyName"], "may");
    let answer = server.call("POST", "/test-authorization?clientId=c", ask(json!(["not"]))).await.ok();
    assert_eq!(decisions(&answer), ["ALLOWED", "EXPLICIT_DENY", "IMPLICIT_DENY"]);
    assert_eq!(answer["authResults"][1]["denied"]["explicitDeny"]["policies"][0]["policyName"], "not");
    assert_eq!(server.call("POST", "/test-authorization", ask(json!(["nope"]))).await.status, 404);
}
