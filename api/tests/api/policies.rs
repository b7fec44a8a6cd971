//! Policies, their versions and attachments.

use serde_json::{Value, json};

use crate::fixture::Server;

const NONE: Value = Value::Null;
const OPEN: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iot:*","Resource":"*"}]}"#;

async fn create(server: &Server, name: &str) -> Value {
    server.call("POST", &format!("/policies/{name}"), json!({ "policyDocument": OPEN })).await.ok()
}

#[tokio::test]
async fn a_policy_and_its_versions() {
    // API-156, API-158, API-159, API-160, API-162, API-163, API-164, API-166, API-167
    let server = Server::new();
    let created = create(&server, "p").await;
    assert_eq!(
        created,
        json!({
            "policyName": "p", "policyArn": "arn:aws:iot:us-east-1:000000000000:policy/p", "policyDocument": OPEN,
            "policyVersionId": "1"
        })
    );
    let twice = server.call("POST", "/policies/p", json!({ "policyDocument": OPEN })).await;
    assert_eq!((twice.status.as_u16(), twice.error()), (409, "ResourceAlreadyExistsException"));
    assert_eq!(twice.message(), "Policy cannot be created - name already exists (name=p)");
    let malformed = server.call("POST", "/policies/q", json!({ "policyDocument": "{}" })).await;
    assert_eq!((malformed.status.as_u16(), malformed.error()), (400, "MalformedPolicyException"));

    let second = server
        .call("POST", "/policies/p/version?setAsDefault=true", json!({ "policyDocument": OPEN }))
        .await
        .ok();
    assert_eq!((&second["policyVersionId"], &second["isDefaultVersion"]), (&json!("2"), &json!(true)));
    let got = server.call("GET", "/policies/p", NONE).await.ok();
    assert_eq!((&got["defaultVersionId"], &got["policyDocument"]), (&json!("2"), &json!(OPEN)));
    let versions = server.call("GET", "/policies/p/version", NONE).await.ok();
    let ids: Vec<_> = versions["policyVersions"]
        .as_array()
        .expect("rows")
        .iter()
        .map(|row| row["versionId"].clone())
        .collect();
    assert_eq!(ids, [json!("2"), json!("1")]);
    assert_eq!(server.call("GET", "/policies/p/version/1", NONE).await.ok()["isDefaultVersion"], false);
    assert_eq!(server.call("GET", "/policies/p/version/9", NONE).await.status, 404);
    let held = server.call("DELETE", "/policies/p", NONE).await;
    assert_eq!((held.status.as_u16(), held.error()), (409, "DeleteConflictException"));
    let default = server.call("DELETE", "/policies/p/version/2", NONE).await;
    assert_eq!((default.status.as_u16(), default.error()), (409, "DeleteConflictException"));
    server.call("PATCH", "/policies/p/version/1", NONE).await.ok();
    server.call("DELETE", "/policies/p/version/2", NONE).await.ok();
    create(&server, "q").await;
    let listed = server.call("GET", "/policies", NONE).await.ok();
    assert_eq!(
        (&listed["policies"][0]["policyName"], &listed["policies"][1]["policyName"]),
        (&json!("q"), &json!("p"))
    );
    server.call("DELETE", "/policies/p", NONE).await.ok();
    assert_eq!(server.call("DELETE", "/policies/p", NONE).await.status, 404);
}

#[tokio::test]
async fn policies_are_attached_in_both_forms() {
    // API-015, API-161, API-169, API-170, API-172, API-173, API-174, API-175, API-176
    let server = Server::new();
    create(&server, "p").await;
    let certificate = server.call("POST", "/keys-and-certificate", NONE).await.ok();
    let arn = certificate["certificateArn"].as_str().expect("an ARN").to_owned();
    let with_header = |method: &str, uri: &str, name: &str, value: &str| {
        let request = http::Request::builder().method(method).uri(uri).header(name, value);
        request.body(axum::body::Body::empty()).expect("a request")
    };
    server.call("PUT", "/target-policies/p", json!({ "target": arn })).await.ok();
    server.call("PUT", "/target-policies/p", json!({ "target": arn })).await.ok();
    for path in [
        format!("/attached-policies/{}", arn.replace('/', "%2F").replace(':', "%3A")),
        format!("/attached-policies/{arn}"),
    ] {
        let attached = server.call("POST", &path, NONE).await.ok();
        assert_eq!(attached["policies"][0]["policyName"], "p", "{path}");
    }
    let targets = server.call("POST", "/policy-targets/p", NONE).await.ok();
    assert_eq!(targets["targets"], json!([arn]));
    let principals =
        server.send(with_header("GET", "/policy-principals", "x-amzn-iot-policy", "p")).await.ok();
    assert_eq!(principals["principals"], json!([arn]));
    let none =
        server.send(with_header("GET", "/policy-principals", "x-amzn-iot-policy", "unknown")).await.ok();
    assert_eq!(none["principals"], json!([]));
    let policies =
        server.send(with_header("GET", "/principal-policies", "x-amzn-iot-principal", &arn)).await.ok();
    assert_eq!(policies["policies"][0]["policyName"], "p");
    let held = server.call("DELETE", "/policies/p", NONE).await;
    assert_eq!(
        held.message(),
        "The policy cannot be deleted as the policy is attached to one or more principals (name=p)"
    );
    server.send(with_header("DELETE", "/principal-policies/p", "x-amzn-iot-principal", &arn)).await.ok();
    assert_eq!(server.call("POST", "/policy-targets/p", NONE).await.ok()["targets"], json!([]));
    server.call("POST", "/target-policies/p", json!({ "target": arn })).await.ok();
    // POLICY-074: certificates and Cognito identities, in the header only.
    for principal in [arn.as_str(), "us-east-1:00000000-0000-4000-8000-000000000001"] {
        let attach = with_header("PUT", "/principal-policies/p", "x-amzn-iot-principal", principal);
        server.send(attach).await.ok();
        assert_eq!(server.call("POST", "/policy-targets/p", NONE).await.ok()["targets"], json!([principal]));
        server.call("POST", "/target-policies/p", json!({ "target": principal })).await.ok();
    }
    assert_eq!(
        server.call("PUT", "/principal-policies/p", json!({ "principal": arn })).await.status,
        400,
        "the header is missing"
    );
    let group = "arn:aws:iot:us-east-1:000000000000:thinggroup/g";
    let refused =
        server.send(with_header("PUT", "/principal-policies/p", "x-amzn-iot-principal", group)).await;
    assert_eq!(
        (refused.status.as_u16(), refused.message().as_str()),
        (400, "The given ARN does not represent a cert")
    );
    assert_eq!(server.call("PUT", "/target-policies/nope", json!({ "target": arn })).await.status, 404);
    assert_eq!(
        server
            .call("PUT", "/target-policies/p", json!({ "target": arn.replace("cert/", "cert/00") }))
            .await
            .status,
        404
    );
    assert_eq!(server.call("PUT", "/target-policies/p", json!({})).await.status, 400);
}

#[tokio::test]
async fn effective_policies_name_each_once() {
    // API-186
    let server = Server::new();
    create(&server, "p").await;
    create(&server, "q").await;
    let certificate = server.call("POST", "/keys-and-certificate", NONE).await.ok();
    let arn = certificate["certificateArn"].as_str().expect("an ARN");
    server.call("POST", "/things/t", json!({})).await.ok();
    server.call("POST", "/thing-groups/g", json!({})).await.ok();
    server
        .call("PUT", "/thing-groups/addThingToThingGroup", json!({ "thingName": "t", "thingGroupName": "g" }))
        .await
        .ok();
    let group = "arn:aws:iot:us-east-1:000000000000:thinggroup/g";
    for (policy, target) in [("p", arn), ("p", group), ("q", group)] {
        server.call("PUT", &format!("/target-policies/{policy}"), json!({ "target": target })).await.ok();
    }
    let names = |answer: Value| -> Vec<String> {
        let rows = answer["effectivePolicies"].as_array().expect("rows").iter();
        rows.map(|row| row["policyName"].as_str().expect("a name").to_owned()).collect()
    };
    let body = json!({ "principal": arn });
    assert_eq!(names(server.call("POST", "/effective-policies", body.clone()).await.ok()), ["p"]);
    assert_eq!(
        names(server.call("POST", "/effective-policies?thingName=t", body.clone()).await.ok()),
        ["p", "q"]
    );
    assert_eq!(server.call("POST", "/effective-policies?thingName=nope", body).await.status, 404);
}
