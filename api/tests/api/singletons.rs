//! What there is one of in an account and Region: logging options and event configurations.

use serde_json::{Value, json};

use crate::fixture::Server;

const NONE: Value = Value::Null;

#[tokio::test]
async fn logging_options_are_absent_until_set() {
    // API-021, API-210, API-211, API-212, API-213, API-214, API-215
    let server = Server::new();
    assert_eq!(server.call("GET", "/loggingOptions", NONE).await.ok(), json!({}));
    let first = json!({ "roleArn": "arn:aws:iam::000000000000:role/logs", "logLevel": "INFO" });
    server.call("POST", "/loggingOptions", first.clone()).await.ok();
    assert_eq!(server.call("GET", "/loggingOptions", NONE).await.ok(), first);

    for (method, uri) in [("GET", "/v2LoggingOptions"), ("GET", "/v2LoggingLevel")] {
        let refused = server.call(method, uri, NONE).await;
        assert_eq!((refused.status.as_u16(), refused.error()), (404, "NotConfiguredException"), "{uri}");
    }
    let options = json!({ "roleArn": "arn:aws:iam::000000000000:role/logs", "defaultLogLevel": "WARN", "disableAllLogs": true });
    server.call("POST", "/v2LoggingOptions", options.clone()).await.ok();
    assert_eq!(server.call("GET", "/v2LoggingOptions", NONE).await.ok(), options);
    server.call("POST", "/v2LoggingOptions", json!({ "defaultLogLevel": "ERROR" })).await.ok();
    let got = server.call("GET", "/v2LoggingOptions", NONE).await.ok();
    assert_eq!(
        (&got["defaultLogLevel"], &got["disableAllLogs"], &got["roleArn"]),
        (&json!("ERROR"), &json!(false), &options["roleArn"])
    );
    assert_eq!(
        server.call("POST", "/v2LoggingOptions", json!({ "defaultLogLevel": "LOUD" })).await.status,
        400
    );

    let target =
        json!({ "logTarget": { "targetType": "CLIENT_ID", "targetName": "lamp" }, "logLevel": "DEBUG" });
    server.call("POST", "/v2LoggingLevel", target.clone()).await.ok();
    let levels = server.call("GET", "/v2LoggingLevel?targetType=CLIENT_ID", NONE).await.ok();
    assert_eq!(levels["logTargetConfigurations"], json!([target]));
    let none = server.call("GET", "/v2LoggingLevel?targetType=SOURCE_IP", NONE).await.ok();
    assert_eq!(none["logTargetConfigurations"], json!([]));
    server.call("DELETE", "/v2LoggingLevel?targetType=CLIENT_ID&targetName=lamp", NONE).await.ok();
    server.call("DELETE", "/v2LoggingLevel?targetType=CLIENT_ID&targetName=lamp", NONE).await.ok();
    let unnamed = json!({ "logTarget": { "targetType": "CLIENT_ID" }, "logLevel": "DEBUG" });
    assert_eq!(server.call("POST", "/v2LoggingLevel", unnamed).await.error(), "InvalidRequestException");
}

#[tokio::test]
async fn event_configurations_are_off_and_change_key_by_key() {
    // API-033, API-216, API-217
    let server = Server::new();
    let first = server.call("GET", "/event-configurations", NONE).await.ok();
    let keys = first["eventConfigurations"].as_object().expect("a map");
    assert_eq!(keys.len(), 11);
    assert!(keys.values().all(|configuration| *configuration == json!({ "Enabled": false })));
    assert!(first.get("creationDate").is_none());
    let change = json!({ "eventConfigurations": { "THING": { "Enabled": true } } });
    server.call("PATCH", "/event-configurations", change).await.ok();
    let change = json!({ "eventConfigurations": { "CERTIFICATE": { "Enabled": true } } });
    server.call("PATCH", "/event-configurations", change).await.ok();
    let changed = server.call("GET", "/event-configurations", NONE).await.ok();
    let on: Vec<_> = changed["eventConfigurations"]
        .as_object()
        .expect("a map")
        .iter()
        .filter(|(_, one)| one["Enabled"] == true)
        .collect();
    assert_eq!(on.len(), 2);
    assert!(changed["creationDate"].is_f64() && changed["lastModifiedDate"].is_f64());
    // MQTT-221, MQTT-222: events of jobs can be switched on; jobs, which would bring them about, are refused by name.
    let jobs = json!({ "eventConfigurations": { "JOB": { "Enabled": true }, "JOB_EXECUTION": { "Enabled": true } } });
    server.call("PATCH", "/event-configurations", jobs).await.ok();
    let changed = server.call("GET", "/event-configurations", NONE).await.ok();
    assert_eq!(changed["eventConfigurations"]["JOB_EXECUTION"], json!({ "Enabled": true }));
    let targets = json!({ "targets": ["arn:aws:iot:us-east-1:000000000000:thing/t"], "document": "{}" });
    let refused = server.call("PUT", "/jobs/j", targets).await;
    assert_eq!((refused.status.as_u16(), refused.error()), (501, "NotImplementedException"));
    assert!(refused.message().contains("CreateJob"), "{refused:?}");
    let unknown = json!({ "eventConfigurations": { "NOTHING": { "Enabled": true } } });
    let refused = server.call("PATCH", "/event-configurations", unknown).await;
    assert!(
        refused
            .message()
            .contains("Map keys must satisfy constraint: [Member must satisfy enum value set: [THING, "),
        "{refused:?}"
    );
}
