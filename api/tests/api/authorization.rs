//! Asking what policies allow.

use serde_json::{Value, json};

use crate::fixture::Server;

const NONE: Value = Value::Null;
const PREFIX: &str = "arn:aws:iot:us-east-1:000000000000:";

/// A server with a certificate that is attached to the thing `lamp`, which is in the group `leaf` below `root`; the
/// certificate's ARN.
async fn lamp() -> (Server, String) {
    let server = Server::new();
    let certificate = server.call("POST", "/keys-and-certificate", NONE).await.ok();
    let arn = certificate["certificateArn"].as_str().expect("an ARN").to_owned();
    server.call("POST", "/things/lamp", json!({})).await.ok();
    server.call("POST", "/thing-groups/root", json!({})).await.ok();
    server.call("POST", "/thing-groups/leaf", json!({ "parentGroupName": "root" })).await.ok();
    let member = json!({ "thingName": "lamp", "thingGroupName": "leaf" });
    server.call("PUT", "/thing-groups/addThingToThingGroup", member).await.ok();
    let attach = http::Request::builder()
        .method("PUT")
        .uri("/things/lamp/principals")
        .header("x-amzn-principal", &arn)
        .body(axum::body::Body::empty())
        .expect("a request");
    server.send(attach).await.ok();
    (server, arn)
}

async fn policy(server: &Server, name: &str, statement: Value, target: Option<&str>) {
    let document = json!({ "Version": "2012-10-17", "Statement": statement }).to_string();
    server.call("POST", &format!("/policies/{name}"), json!({ "policyDocument": document })).await.ok();
    if let Some(target) = target {
        server.call("PUT", &format!("/target-policies/{name}"), json!({ "target": target })).await.ok();
    }
}

fn statement(effect: &str, action: &str, resource: &str) -> Value {
    let resource = if resource == "*" { "*".to_owned() } else { format!("{PREFIX}{resource}") };
    json!({ "Effect": effect, "Action": action, "Resource": resource })
}

fn names(policies: &Value) -> Vec<&str> {
    let rows = policies["policies"].as_array().expect("rows").iter();
    rows.map(|row| row["policyName"].as_str().expect("a name")).collect()
}

fn info(action: &str, resources: &[&str]) -> Value {
    let resources: Vec<String> = resources.iter().map(|resource| format!("{PREFIX}{resource}")).collect();
    json!({ "actionType": action, "resources": resources })
}

#[tokio::test]
async fn a_test_tells_policy_by_policy() {
    // API-183, API-184, API-185, POLICY-500, POLICY-502, POLICY-503, POLICY-504, POLICY-505, POLICY-506, POLICY-507,
    // POLICY-508, POLICY-509, POLICY-510, POLICY-511, POLICY-512, POLICY-513, POLICY-516
    let (server, arn) = lamp().await;
    let own = "topic/${iot:Connection.Thing.ThingName}";
    policy(&server, "own", statement("Allow", "iot:Publish", own), Some(&arn)).await;
    policy(&server, "no", statement("Deny", "iot:Publish", "topic/x"), Some(&arn)).await;
    let root = format!("{PREFIX}thinggroup/root");
    policy(&server, "group", statement("Allow", "iot:Connect", "client/*"), Some(&root)).await;
    policy(&server, "more", statement("Allow", "iot:Receive", "*"), None).await;
    server
        .call(
            "PUT",
            &format!("/certificates/{}?newStatus=INACTIVE", arn.rsplit('/').next().expect("an id")),
            NONE,
        )
        .await
        .ok();
    let infos = json!([
        info("CONNECT", &["client/lamp"]),
        info("PUBLISH", &["topic/lamp", "topic/x"]),
        info("PUBLISH", &["topic/lamp"]),
        info("RECEIVE", &["topic/lamp"]),
        info("SUBSCRIBE", &["topicfilter/#"]),
    ]);
    let ask = |client: &str, more: Value| {
        let mut body = json!({ "principal": arn, "authInfos": infos });
        body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        let uri = format!("/test-authorization{client}");
        let server = &server;
        async move { server.call("POST", &uri, body).await.ok()["authResults"].clone() }
    };
    let decided = |results: &Value| -> Vec<String> {
        let results = results.as_array().expect("results").iter();
        results.map(|result| result["authDecision"].as_str().expect("a decision").to_owned()).collect()
    };
    let (allowed, explicit, implicit) = ("ALLOWED", "EXPLICIT_DENY", "IMPLICIT_DENY");

    let results = ask("?clientId=lamp", json!({})).await;
    assert_eq!(decided(&results), [allowed, explicit, allowed, implicit, implicit]);
    assert_eq!(results[1]["authInfo"], infos[1]);
    assert_eq!(names(&results[1]["allowed"]), ["own"]);
    assert_eq!(names(&results[1]["denied"]["explicitDeny"]), ["no"]);
    assert_eq!(names(&results[1]["denied"]["implicitDeny"]), ["group"]);
    assert_eq!(
        results[0]["allowed"]["policies"],
        json!([{ "policyName": "group", "policyArn": format!("{PREFIX}policy/group") }])
    );
    assert_eq!(results[2]["missingContextValues"], json!([]));

    let results = ask("", json!({})).await;
    assert_eq!(decided(&results), [implicit, explicit, implicit, implicit, implicit]);
    assert_eq!(results[2]["missingContextValues"], json!(["iot:Connection.Thing.ThingName"]));

    let adjusted = json!({ "policyNamesToAdd": ["more"], "policyNamesToSkip": ["no"] });
    let results = ask("?clientId=lamp", adjusted).await;
    assert_eq!(decided(&results), [allowed, implicit, allowed, allowed, implicit]);
}

#[tokio::test]
async fn a_test_of_what_is_not_there_is_refused() {
    // POLICY-501, POLICY-514, POLICY-515
    let (server, arn) = lamp().await;
    let one = json!([info("CONNECT", &["client/lamp"])]);
    let test = |body: Value| {
        let server = &server;
        async move { server.call("POST", "/test-authorization", body).await }
    };
    for (name, value) in [("policyNamesToAdd", json!(["none"])), ("policyNamesToSkip", json!(["none"]))] {
        let mut body = json!({ "principal": arn, "authInfos": one });
        body[name] = value;
        assert_eq!(test(body).await.status, 404, "{name}");
    }
    let unknown = format!("{PREFIX}cert/{}", "0".repeat(64));
    assert_eq!(test(json!({ "principal": unknown, "authInfos": one })).await.status, 404);
    for infos in [json!([]), json!(vec![one[0].clone(); 11])] {
        assert_eq!(test(json!({ "principal": arn, "authInfos": infos })).await.status, 400);
    }
    let group = format!("{PREFIX}thinggroup/root");
    assert_eq!(test(json!({ "principal": group, "authInfos": one })).await.status, 400);
    assert_eq!(test(json!({ "authInfos": one })).await.status, 400);
    // The pool stands for its unauthenticated role, an administrator unless configured; a named identity needs an IoT policy too.
    let pool = "us-east-1:pool";
    let guest = test(json!({ "cognitoIdentityPoolId": pool, "authInfos": one })).await.ok();
    assert_eq!(guest["authResults"][0]["authDecision"], "ALLOWED");
    let body = json!({ "cognitoIdentityPoolId": pool, "principal": "us-east-1:me", "authInfos": one });
    assert_eq!(test(body).await.ok()["authResults"][0]["authDecision"], "IMPLICIT_DENY");
}

#[tokio::test]
async fn effective_policies_come_from_principal_group_and_thing() {
    // API-186, POLICY-530, POLICY-531, POLICY-532, POLICY-533, POLICY-534, POLICY-535
    let (server, arn) = lamp().await;
    let (root, leaf) = (format!("{PREFIX}thinggroup/root"), format!("{PREFIX}thinggroup/leaf"));
    policy(&server, "own", statement("Allow", "iot:Publish", "*"), Some(&arn)).await;
    policy(&server, "above", statement("Allow", "iot:Connect", "*"), Some(&root)).await;
    policy(&server, "below", statement("Allow", "iot:Receive", "*"), Some(&leaf)).await;
    server.call("PUT", "/target-policies/own", json!({ "target": leaf })).await.ok();
    server.call("PUT", "/target-policies/own", json!({ "target": "us-east-1:me" })).await.ok();
    let effective = |query: &str, body: Value| {
        let uri = format!("/effective-policies{query}");
        let server = &server;
        async move { server.call("POST", &uri, body).await }
    };
    for (query, body, expected) in [
        ("", json!({ "principal": arn }), &["own"][..]),
        ("", json!({ "principal": root }), &["above"]),
        ("", json!({ "principal": "us-east-1:me" }), &["own"]),
        ("?thingName=lamp", json!({}), &["below", "own", "above"]),
        ("?thingName=lamp", json!({ "principal": arn }), &["own", "below", "above"]),
    ] {
        let answer = effective(query, body.clone()).await.ok();
        let mut found: Vec<_> = answer["effectivePolicies"].as_array().expect("rows").iter().collect();
        let first = found.first().expect("a row");
        let text = first["policyDocument"].as_str().expect("a document");
        assert!(text.contains("2012-10-17"), "{first}");
        assert_eq!(
            first["policyArn"],
            format!("{PREFIX}policy/{}", first["policyName"].as_str().expect("a name"))
        );
        found.sort_by_key(|row| row["policyName"].to_string());
        let mut expected = expected.to_vec();
        expected.sort_unstable();
        assert_eq!(
            found.iter().map(|row| row["policyName"].as_str().expect("a name")).collect::<Vec<_>>(),
            expected
        );
    }
    assert_eq!(effective("?thingName=none", json!({})).await.status, 404);
    assert_eq!(effective("", json!({ "principal": format!("{PREFIX}thinggroup/none") })).await.status, 404);
    assert_eq!(effective("", json!({})).await.status, 400);
}
