//! Domain configurations and role aliases.

use std::time::Duration;

use serde_json::{Value, json};

use crate::fixture::Server;

const NONE: Value = Value::Null;
const CERTIFICATE: &str = "arn:aws:acm:us-east-1:000000000000:certificate/0a1b2c";

fn path(name: &str) -> String {
    format!("/domainConfigurations/{name}")
}

#[tokio::test]
async fn a_custom_domain_is_created_described_changed_and_deleted() {
    // API-058, API-335, API-336, API-337, API-338, AUTH-272
    let server = Server::new();
    let body = json!({ "domainName": "Things.Example.com", "serverCertificateArns": [CERTIFICATE],
        "tags": [{ "Key": "team", "Value": "a" }] });
    let made = server.call("POST", &path("mine"), body.clone()).await.ok();
    let arn = made["domainConfigurationArn"].as_str().expect("an ARN").to_owned();
    let suffix = arn.strip_prefix("arn:aws:iot:us-east-1:000000000000:domainconfiguration/mine/");
    assert!(suffix.is_some_and(|s| s.len() == 5 && s.bytes().all(|b| b.is_ascii_alphanumeric())), "{arn}");
    let found = server.call("GET", &path("mine"), NONE).await.ok();
    let expected = json!({ "domainConfigurationName": "mine", "domainConfigurationArn": arn, "domainName": "things.example.com",
        "serverCertificates": [{ "serverCertificateArn": CERTIFICATE, "serverCertificateStatus": "VALID" }],
        "domainConfigurationStatus": "ENABLED", "serviceType": "DATA", "domainType": "CUSTOMER_MANAGED",
        "lastStatusChangeDate": found["lastStatusChangeDate"],
        "tlsConfig": { "securityPolicy": "IoTSecurityPolicy_TLS13_1_2_2022_10" },
        "authenticationType": "DEFAULT", "applicationProtocol": "DEFAULT" });
    assert_eq!(found, expected);
    assert!(found["lastStatusChangeDate"].is_number());
    let tags = server.call("GET", &format!("/tags?resourceArn={arn}"), NONE).await.ok();
    assert_eq!(tags["tags"], json!([{ "Key": "team", "Value": "a" }]));

    assert_eq!(
        server.call("POST", &path("mine"), body.clone()).await.error(),
        "ResourceAlreadyExistsException"
    );
    // A host name leads to one endpoint only.
    assert_eq!(server.call("POST", &path("other"), body).await.error(), "ResourceAlreadyExistsException");
    let two = json!({ "domainName": "x.y", "serverCertificateArns": [CERTIFICATE, CERTIFICATE] });
    assert_eq!(server.call("POST", &path("two"), two).await.error(), "InvalidRequestException");

    let enabled = server.call("DELETE", &path("mine"), NONE).await;
    assert_eq!(enabled.error(), "InvalidRequestException");
    let before = found["lastStatusChangeDate"].as_f64().expect("a time");
    server.deps.clock.advance(Duration::from_secs(60));
    let change = json!({ "domainConfigurationStatus": "DISABLED", "authorizerConfig":
        { "defaultAuthorizerName": "gate", "allowAuthorizerOverride": true } });
    assert_eq!(server.call("PUT", &path("mine"), change).await.ok(), made);
    let found = server.call("GET", &path("mine"), NONE).await.ok();
    assert_eq!(found["domainConfigurationStatus"], "DISABLED");
    assert_eq!(found["authorizerConfig"]["defaultAuthorizerName"], "gate");
    assert!((found["lastStatusChangeDate"].as_f64().expect("a time") - before - 60.0).abs() < 0.01);
    server.call("PUT", &path("mine"), json!({ "removeAuthorizerConfig": true })).await.ok();
    assert!(server.call("GET", &path("mine"), NONE).await.ok().get("authorizerConfig").is_none());
    server.call("DELETE", &path("mine"), NONE).await.ok();
    assert_eq!(server.call("GET", &path("mine"), NONE).await.status, 404);
    assert_eq!(server.call("PUT", &path("mine"), json!({})).await.status, 404);
    assert_eq!(server.call("DELETE", &path("mine"), NONE).await.status, 404);
}

#[tokio::test]
async fn a_managed_domain_rests_for_seven_days_before_it_goes() {
    // API-336, API-338
    let server = Server::new();
    server.call("POST", &path("managed"), json!({})).await.ok();
    let found = server.call("GET", &path("managed"), NONE).await.ok();
    assert_eq!(found["domainType"], "AWS_MANAGED");
    let host = found["domainName"].as_str().expect("a name");
    assert!(host.ends_with("-ats.iot.us-east-1.amazonaws.com"), "{host}");
    server.call("PUT", &path("managed"), json!({ "domainConfigurationStatus": "DISABLED" })).await.ok();
    server.deps.clock.advance(Duration::from_secs(7 * 24 * 3600 - 1));
    assert_eq!(server.call("DELETE", &path("managed"), NONE).await.error(), "InvalidRequestException");
    server.deps.clock.advance(Duration::from_secs(1));
    server.call("DELETE", &path("managed"), NONE).await.ok();
}

#[tokio::test]
async fn authentication_and_protocol_must_fit_together() {
    // AUTH-011, MQTT-008, AUTH-061, AUTH-273
    let server = Server::new();
    let protocols = ["SECURE_MQTT", "MQTT_WSS", "HTTPS", "DEFAULT"];
    server.call("POST", &path("one"), json!({ "domainName": "one.lab" })).await.ok();
    for (how, fits) in [
        ("AWS_X509", [true, false, true, false]),
        ("CUSTOM_AUTH_X509", [true, false, true, false]),
        ("AWS_SIGV4", [false, true, true, false]),
        ("CUSTOM_AUTH", [true, true, true, false]),
        ("DEFAULT", [false, false, false, true]),
    ] {
        for (what, fits) in protocols.iter().zip(fits) {
            let body = json!({ "authenticationType": how, "applicationProtocol": what });
            let answer = server.call("PUT", &path("one"), body).await;
            assert_eq!(answer.status == 200, fits, "{how} {what}");
            if !fits {
                assert_eq!(answer.error(), "InvalidRequestException");
            }
        }
    }
    let callback = json!({ "clientCertificateConfig": { "clientCertificateCallbackArn": "arn:aws:lambda:r:1:function:f" } });
    assert_eq!(server.call("PUT", &path("one"), callback.clone()).await.error(), "InvalidRequestException");
    server
        .call(
            "PUT",
            &path("one"),
            json!({ "authenticationType": "AWS_X509", "applicationProtocol": "HTTPS" }),
        )
        .await
        .ok();
    server.call("PUT", &path("one"), callback.clone()).await.ok();
    let found = server.call("GET", &path("one"), NONE).await.ok();
    assert_eq!(found["clientCertificateConfig"], callback["clientCertificateConfig"]);
    assert_eq!(found["applicationProtocol"], "HTTPS");
    for (policy, fits) in [
        ("IoTSecurityPolicy_TLS13_1_3_2022_10", true),
        ("IoTSecurityPolicy_TLS12_1_2_2022_10", true),
        ("IoTSecurityPolicy_TLS12_1_0_2016_01", true),
        ("IoTSecurityPolicy_TLS12_1_0_2015_01", true),
        ("IoTSecurityPolicy_TLS13_1_2_2022_10", true),
        ("TLS13", false),
    ] {
        let answer =
            server.call("PUT", &path("one"), json!({ "tlsConfig": { "securityPolicy": policy } })).await;
        assert_eq!(answer.status == 200, fits, "{policy}");
    }
    for host in ["", "a b", "-a.lab", "127.0.0.1", "a..b", "*.lab"] {
        let answer = server.call("POST", &path("bad"), json!({ "domainName": host })).await;
        assert_eq!(answer.error(), "InvalidRequestException", "{host}");
    }
}

#[tokio::test]
async fn default_endpoints_are_listed_and_fixed() {
    // API-335, API-336, API-338, API-339
    let server = Server::new();
    server
        .call("POST", &path("a-keys"), json!({ "domainName": "k.lab", "serviceType": "CREDENTIAL_PROVIDER" }))
        .await
        .ok();
    let names = |answer: &Value| {
        let rows = answer["domainConfigurations"].as_array().expect("rows").iter();
        rows.map(|row| row["domainConfigurationName"].as_str().expect("a name").to_owned())
            .collect::<Vec<_>>()
    };
    let all = server.call("GET", "/domainConfigurations", NONE).await.ok();
    assert_eq!(names(&all), ["a-keys", "iot:CredentialProvider", "iot:Data", "iot:Data-ATS", "iot:Jobs"]);
    assert_eq!(
        all["domainConfigurations"][3]["domainConfigurationArn"],
        "arn:aws:iot:us-east-1:000000000000:domainconfiguration/iot:Data-ATS"
    );
    let providers = server.call("GET", "/domainConfigurations?serviceType=CREDENTIAL_PROVIDER", NONE).await;
    assert_eq!(names(&providers.ok()), ["a-keys", "iot:CredentialProvider"]);
    let first = server.call("GET", "/domainConfigurations?pageSize=3", NONE).await.ok();
    let marker = first["nextMarker"].as_str().expect("more").replace('=', "%3D");
    let rest = server.call("GET", &format!("/domainConfigurations?pageSize=3&marker={marker}"), NONE).await;
    assert_eq!(names(&rest.ok()), ["iot:Data-ATS", "iot:Jobs"]);
    let found = server.call("GET", &path("iot:Data-ATS"), NONE).await.ok();
    assert_eq!(found["domainType"], "ENDPOINT");
    assert_eq!(found["domainName"], "localhost");
    let refused =
        server.call("PUT", &path("iot:Data-ATS"), json!({ "domainConfigurationStatus": "DISABLED" })).await;
    assert_eq!(refused.error(), "InvalidRequestException");
    assert_eq!(server.call("POST", &path("iot:Mine"), json!({})).await.error(), "InvalidRequestException");
    // Q38
    for n in 0..9 {
        server.call("POST", &path(&format!("n{n}")), json!({})).await.ok();
    }
    let over = server.call("POST", &path("over"), json!({})).await;
    assert_eq!((over.status.as_u16(), over.error()), (410, "LimitExceededException"));
}

#[tokio::test]
async fn role_aliases_are_kept() {
    // API-326, API-327, API-328, API-329, AUTH-239, AUTH-240, AUTH-243
    let server = Server::new();
    let role = "arn:aws:iam::000000000000:role/camera";
    let made = server
        .call("POST", "/role-aliases/Cam", json!({ "roleArn": role, "tags": [{ "Key": "k", "Value": "v" }] }))
        .await
        .ok();
    let arn = "arn:aws:iot:us-east-1:000000000000:rolealias/Cam";
    assert_eq!(made, json!({ "roleAlias": "Cam", "roleAliasArn": arn }));
    let tags = server.call("GET", &format!("/tags?resourceArn={arn}"), NONE).await.ok();
    assert_eq!(tags["tags"], json!([{ "Key": "k", "Value": "v" }]));
    let again = server.call("POST", "/role-aliases/Cam", json!({ "roleArn": role })).await;
    assert_eq!(again.error(), "ResourceAlreadyExistsException");
    assert_eq!(again.message(), "RoleAlias cannot be created - already exists (name=Cam)");
    let found = server.call("GET", "/role-aliases/Cam", NONE).await.ok()["roleAliasDescription"].clone();
    assert_eq!(found["roleArn"], role);
    assert_eq!(found["owner"], "000000000000");
    assert_eq!(found["credentialDurationSeconds"], 3600);
    assert_eq!(found["roleAliasArn"], arn);
    assert_eq!(found["creationDate"], found["lastModifiedDate"]);
    // Names are case-sensitive.
    let unknown = server.call("GET", "/role-aliases/cam", NONE).await;
    assert_eq!((unknown.status.as_u16(), unknown.message()), (404, "RoleAlias not found (name= cam)".into()));
    server.deps.clock.advance(Duration::from_secs(5));
    let changed =
        server.call("PUT", "/role-aliases/Cam", json!({ "credentialDurationSeconds": 43_200 })).await.ok();
    assert_eq!(changed, made);
    let found = server.call("GET", "/role-aliases/Cam", NONE).await.ok()["roleAliasDescription"].clone();
    assert_eq!(
        (found["credentialDurationSeconds"].clone(), found["roleArn"].clone()),
        (json!(43_200), json!(role))
    );
    assert_ne!(found["creationDate"], found["lastModifiedDate"]);
    for seconds in [899, 43_201] {
        let body = json!({ "roleArn": role, "credentialDurationSeconds": seconds });
        assert_eq!(
            server.call("POST", "/role-aliases/bounds", body).await.error(),
            "InvalidRequestException",
            "{seconds}"
        );
    }
    let no_role =
        server.call("POST", "/role-aliases/x", json!({ "roleArn": "arn:aws:iam::1:user/somebody" })).await;
    assert_eq!(no_role.error(), "InvalidRequestException");
    server
        .call("POST", "/role-aliases/a=,@-b", json!({ "roleArn": role, "credentialDurationSeconds": 900 }))
        .await
        .ok();
    let newest = server.call("GET", "/role-aliases", NONE).await.ok();
    assert_eq!(newest["roleAliases"], json!(["a=,@-b", "Cam"]));
    let oldest = server.call("GET", "/role-aliases?isAscendingOrder=true&pageSize=1", NONE).await.ok();
    assert_eq!(oldest["roleAliases"], json!(["Cam"]));
    assert!(oldest["nextMarker"].is_string());
    server.call("DELETE", "/role-aliases/Cam", NONE).await.ok();
    assert_eq!(server.call("DELETE", "/role-aliases/Cam", NONE).await.status, 404);
    for n in 0..99 {
        server.call("POST", &format!("/role-aliases/n{n}"), json!({ "roleArn": role })).await.ok();
    }
    assert_eq!(server.call("POST", "/role-aliases/over", json!({ "roleArn": role })).await.status, 410);
}
