//! The credentials provider: by certificate, policy and role alias.

use std::collections::HashMap;
use std::time::Duration;

use axum::body::Body;
use http::Request;
use serde_json::{Value, json};
use thingstead_api::ApiSettings;
use thingstead_core::journal::{Kind, Query};
use thingstead_core::sigv4::{Credentials, PathEncoding, Secret, Signer};
use thingstead_core::{Event, PeerIdentity};

use crate::fixture::{Answer, Server};

const ROLE: &str = "arn:aws:iam::000000000000:role/fleet/camera";

fn ask(alias: &str, thing: Option<&str>) -> Request<Body> {
    let mut request = Request::builder().uri(format!("/role-aliases/{alias}/credentials"));
    if let Some(thing) = thing {
        request = request.header("x-amzn-iot-thingname", thing);
    }
    request.body(Body::empty()).expect("a request")
}

/// A server with an alias, and the id of a certificate whose policy has these statements.
async fn world(settings: ApiSettings, statements: Value) -> (Server, String) {
    let server = Server::with(settings);
    server
        .call("POST", "/role-aliases/cam", json!({ "roleArn": ROLE, "credentialDurationSeconds": 900 }))
        .await
        .ok();
    let made = server.call("POST", "/keys-and-certificate?setAsActive=true", Value::Null).await.ok();
    let document = json!({ "Version": "2012-10-17", "Statement": statements }).to_string();
    server.call("POST", "/policies/device", json!({ "policyDocument": document })).await.ok();
    server.call("PUT", "/target-policies/device", json!({ "target": made["certificateArn"] })).await.ok();
    (server, made["certificateId"].as_str().expect("an id").to_owned())
}

fn allow(alias: &str) -> Value {
    json!([{ "Effect": "Allow", "Action": "iot:AssumeRoleWithCertificate",
        "Resource": format!("arn:aws:iot:us-east-1:000000000000:rolealias/{alias}") }])
}

fn denied(answer: &Answer) {
    assert_eq!((answer.status.as_u16(), answer.json()), (403, json!({ "message": "Access Denied" })));
}

fn refusals(server: &Server) -> Vec<Event> {
    server.deps.journal.find(&Query { kind: Some(Kind::RequestRefused), ..Query::default() })
}

#[tokio::test]
async fn a_certificate_gets_the_credentials_of_its_role() {
    // AUTH-231, AUTH-233, AUTH-234, AUTH-239, AUTH-243, AUTH-244, POLICY-110
    let (server, id) = world(ApiSettings::default(), allow("cam")).await;
    let answer = server.send_as(Some(&id), ask("cam", None)).await;
    assert_eq!(answer.header("content-type"), "application/json");
    let credentials = answer.ok()["credentials"].clone();
    let members: Vec<&String> = credentials.as_object().expect("an object").keys().collect();
    assert_eq!(members, ["accessKeyId", "secretAccessKey", "sessionToken", "expiration"]);
    let key = credentials["accessKeyId"].as_str().expect("a key");
    assert!(key.starts_with("ASIA") && key.len() == 20, "{key}");
    let ends: jiff::Timestamp =
        credentials["expiration"].as_str().expect("a time").parse().expect("ISO 8601");
    assert_eq!(ends.as_second(), server.deps.clock.now().as_secs() + 900);
    assert!(credentials["expiration"].as_str().is_some_and(|text| text.ends_with('Z') && text.len() == 20));
    // Unique each time, and told in the journal.
    let again = server.send_as(Some(&id), ask("cam", None)).await.ok();
    assert_ne!(again["credentials"]["accessKeyId"], credentials["accessKeyId"]);
    let told = server.deps.journal.find(&Query { kind: Some(Kind::ApiCall), ..Query::default() });
    let told = told.iter().map(|event| event.to_json()).find(|event| event["service"] == "credentials");
    assert_eq!(told.expect("told")["role"], ROLE);
    // A change counts for the next request.
    server.call("PUT", "/role-aliases/cam", json!({ "credentialDurationSeconds": 43_200 })).await.ok();
    let longer = server.send_as(Some(&id), ask("cam", None)).await.ok();
    let ends: jiff::Timestamp =
        longer["credentials"]["expiration"].as_str().expect("a time").parse().expect("a time");
    assert_eq!(ends.as_second(), server.deps.clock.now().as_secs() + 43_200);
}

#[tokio::test]
async fn whoever_may_not_is_refused_in_the_same_words() {
    // AUTH-233, AUTH-235, AUTH-236, AUTH-238, AUTH-239
    let (server, id) = world(ApiSettings::default(), allow("*")).await;
    denied(&server.send_as(None, ask("cam", None)).await);
    denied(&server.send_as(Some(&id), ask("unknown", None)).await);
    denied(&server.send_as(Some(&id), ask("Cam", None)).await);
    denied(&server.send_as(Some(&id), ask("cam", Some("lamp"))).await);
    let why: Vec<String> = refusals(&server).iter().map(|event| event.why.to_string()).collect();
    for (why, part) in why.iter().zip(["client certificate", "name= unknown", "name= Cam", "`lamp`"]) {
        assert!(why.contains(part), "{why}");
    }
    server.call("POST", "/things/lamp", json!({})).await.ok();
    denied(&server.send_as(Some(&id), ask("cam", Some("lamp"))).await);
    let arn = format!("arn:aws:iot:us-east-1:000000000000:cert/{id}");
    let attach =
        Request::builder().method("PUT").uri("/things/lamp/principals").header("x-amzn-principal", arn);
    assert_eq!(server.send(attach.body(Body::empty()).expect("a request")).await.status, 200);
    assert_eq!(server.send_as(Some(&id), ask("cam", Some("lamp"))).await.status, 200);
    server.call("PUT", &format!("/certificates/{id}?newStatus=INACTIVE"), Value::Null).await.ok();
    denied(&server.send_as(Some(&id), ask("cam", None)).await);

    let (server, id) = world(ApiSettings::default(), allow("other")).await;
    denied(&server.send_as(Some(&id), ask("cam", None)).await);
    let events = refusals(&server);
    let decision = events[0].detail.decision().expect("a decision with its reasons");
    assert_eq!(&*decision.asked.action, "iot:AssumeRoleWithCertificate");
    assert_eq!(&*decision.asked.resource, "arn:aws:iot:us-east-1:000000000000:rolealias/cam");
    assert!(decision.fix.is_some());
}

#[tokio::test]
async fn the_named_thing_gives_values_to_thing_variables() {
    // AUTH-242, AUTH-235
    let statements = allow("${iot:Connection.Thing.ThingName}");
    let (server, id) = world(ApiSettings::default(), statements).await;
    server.call("POST", "/things/cam", json!({})).await.ok();
    let arn = format!("arn:aws:iot:us-east-1:000000000000:cert/{id}");
    let attach =
        Request::builder().method("PUT").uri("/things/cam/principals").header("x-amzn-principal", arn);
    server.send(attach.body(Body::empty()).expect("a request")).await.ok();
    assert_eq!(server.send_as(Some(&id), ask("cam", Some("cam"))).await.status, 200);
    denied(&server.send_as(Some(&id), ask("cam", None)).await);
}

#[tokio::test]
async fn a_data_endpoint_has_no_credentials() {
    // AUTH-232, AUTH-237
    let (server, id) = world(ApiSettings::default(), allow("cam")).await;
    for (name, kind) in [("keys.lab", "CREDENTIAL_PROVIDER"), ("data.lab", "DATA")] {
        let body = json!({ "domainName": name, "serviceType": kind });
        server.call("POST", &format!("/domainConfigurations/{name}"), body).await.ok();
    }
    for (host, status) in [
        ("localhost", 200),
        ("000000000000.credentials.iot.us-east-1.amazonaws.com", 200),
        ("keys.lab", 200),
        ("000000000000-ats.iot.us-east-1.amazonaws.com", 404),
        ("data.lab", 404),
    ] {
        let mut request = ask("cam", None);
        request.extensions_mut().insert(PeerIdentity {
            certificate: Some(id.as_str().into()),
            scope: Some(thingstead_core::Scope::new("000000000000", "us-east-1")),
            certificate_der: None,
            server_name: Some(host.into()),
            alpn: None,
            remote: ([127, 0, 0, 1], 50_000).into(),
        });
        let answer = server.device(request).await;
        assert_eq!(answer.status, status, "{host}");
        if status == 404 {
            let body = answer.json();
            assert!(body["message"] == "Not Found" && body["traceId"].is_string(), "{body}");
        }
    }
}

#[tokio::test]
async fn the_server_takes_its_credentials_until_they_end() {
    // AUTH-244, AUTH-110: with the session token, verified; as the session of the role.
    let settings = ApiSettings { verify_signatures: true, keys: HashMap::new(), ..ApiSettings::default() };
    let server = Server::with(settings);
    let registry = &server.deps.registry;
    let scope = thingstead_core::Scope::new("000000000000", "us-east-1");
    let assumption = thingstead_registry::Assumption {
        role_arn: ROLE.to_owned(),
        certificate: "abcd".into(),
        thing: None,
    };
    let issued = registry.issue_session(&scope, &assumption, 900).await.expect("issued");
    let call = |secret: &Secret, token: Option<&str>| {
        let credentials = Credentials {
            access_key: issued.access_key.clone(),
            secret: secret.clone(),
            session_token: token.map(str::to_owned),
        };
        let signer = Signer {
            credentials: &credentials,
            region: "us-east-1",
            service: "iotdevicegateway",
            path_encoding: PathEncoding::Twice,
        };
        let unsigned = thingstead_core::sigv4::Request {
            method: "POST",
            path: "/topics/t",
            query: "",
            headers: &[("host", "localhost")],
            body: b"21",
        };
        let mut request = Request::builder().method("POST").uri("/topics/t").header("host", "localhost");
        for (name, value) in signer.sign(&unsigned, server.deps.clock.now()) {
            request = request.header(name, value);
        }
        request.body(Body::from("21")).expect("a request")
    };
    let token = Some(issued.session_token.as_str());
    assert_eq!(server.send(call(&issued.secret, token)).await.status, 200);
    let published = server.published.all();
    let principal = published[0].origin.sender().expect("a sender").principal.to_string();
    assert!(principal.starts_with("AROA") && principal.ends_with(":abcd"), "{principal}");
    let without = server.send(call(&issued.secret, None)).await;
    assert_eq!((without.status.as_u16(), without.error()), (403, "UnrecognizedClientException"));
    let forged = server.send(call(&Secret::new("guess"), token)).await;
    assert_eq!((forged.status.as_u16(), forged.error()), (403, "InvalidSignatureException"));
    server.deps.clock.advance(Duration::from_secs(900));
    let late = server.send(call(&issued.secret, token)).await;
    assert_eq!((late.status.as_u16(), late.error()), (403, "ExpiredTokenException"));
}

#[tokio::test]
async fn a_certificate_of_several_accounts_gets_the_role_of_the_one_its_host_name_chose() {
    // AUTH-245: which account that is the handshake has decided (AUTH-040).
    const OTHER: &str = "999999999999";
    const SIGNED: &str = "AWS4-HMAC-SHA256 Credential=999999999999/20261121/us-east-1/iot/aws4_request, SignedHeaders=host, Signature=00";
    let (server, id) = world(ApiSettings::default(), allow("cam")).await;
    let known = server.call("GET", &format!("/certificates/{id}"), Value::Null).await.ok();
    let pem = &known["certificateDescription"]["certificatePem"];
    let document = json!({ "Version": "2012-10-17", "Statement": { "Effect": "Allow", "Action": "iot:*", "Resource": "*" } });
    let certificate = format!("arn:aws:iot:us-east-1:{OTHER}:cert/{id}");
    for (method, uri, body) in [
        ("POST", "/certificate/register-no-ca", json!({ "certificatePem": pem, "status": "ACTIVE" })),
        ("POST", "/policies/device", json!({ "policyDocument": document.to_string() })),
        ("PUT", "/target-policies/device", json!({ "target": certificate })),
        ("POST", "/role-aliases/cam", json!({ "roleArn": ROLE.replace("000000000000", OTHER) })),
    ] {
        let request = Request::builder().method(method).uri(uri).header("authorization", SIGNED);
        let request = request.header("x-amz-date", "20261121T000000Z").header("host", "localhost");
        server.send(request.body(Body::from(body.to_string())).expect("a request")).await.ok();
    }
    for account in ["000000000000", OTHER] {
        let mut request = ask("cam", None);
        request.extensions_mut().insert(PeerIdentity {
            certificate: Some(id.as_str().into()),
            scope: Some(thingstead_core::Scope::new(account, "us-east-1")),
            certificate_der: None,
            server_name: Some(format!("{account}.localhost").into()),
            alpn: None,
            remote: ([127, 0, 0, 1], 50_000).into(),
        });
        let credentials = server.device(request).await.ok()["credentials"].clone();
        let key = credentials["accessKeyId"].as_str().expect("a key");
        let session = server.deps.registry.role_session(key).expect("kept");
        assert_eq!((session.account().as_str(), session.session_name.as_str()), (account, id.as_str()));
    }
}
