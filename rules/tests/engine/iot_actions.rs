//! What the actions of IoT, time-series, search and foreign services send (sections 11.9 and 11.10), and who takes bytes.

use serde_json::{Value, json};

use crate::actions::{b64, fails, refused, send, send_to};
use crate::world::{NOW, ROLE, Receiver, World};

#[tokio::test]
async fn iot_events_and_analytics_take_messages_and_batches() {
    // RULES-543, RULES-544, RULES-545, RULES-546
    let events = |more: Value| {
        let mut action = json!({"roleArn": ROLE, "inputName": "i"});
        for (name, value) in more.as_object().expect("members") {
            action[name] = value.clone();
        }
        json!({"iotEvents": action})
    };
    let request = send(events(json!({"messageId": "${topic(2)}"})), r#"{"a":1}"#).await;
    assert_eq!(request.line, "POST /inputs/messages HTTP/1.1");
    let message = json!({"messageId": "lamp", "inputName": "i", "payload": b64(r#"{"a":1}"#)});
    assert_eq!(request.json(), json!({"messages": [message]}));
    let request = send(events(json!({})), "{}").await;
    assert_eq!(request.json()["messages"][0]["messageId"].as_str().map(str::len), Some(36));
    let batch = events(json!({"batchMode": true}));
    let request = send(batch.clone(), r#"[{"a":1},{"a":2}]"#).await;
    assert_eq!(request.json()["messages"][1]["payload"], b64(r#"{"a":2}"#));
    fails(batch, &json!(vec![json!({}); 11]).to_string()).await;
    fails(events(json!({})), "no json").await;
    refused(events(json!({"batchMode": true, "messageId": "x"}))).await;
    let receiver = Receiver::start().await;
    receiver
        .answer([(200, r#"{"BatchPutMessageErrorEntries":[{"errorCode":"ResourceNotFoundException"}]}"#)]);
    let why = send_to(&receiver, "SELECT * FROM 'in/+'", &events(json!({})), b"{}").await;
    assert!(why.expect_err("it fails").contains("ResourceNotFoundException"));

    let analytics = json!({"iotAnalytics": {"roleArn": ROLE, "channelName": "c", "batchMode": true}});
    let request = send(analytics.clone(), r#"[1,2]"#).await;
    assert_eq!(request.line, "POST /messages/batch HTTP/1.1");
    assert_eq!(request.json()["channelName"], "c");
    assert_eq!(request.json()["messages"].as_array().map(Vec::len), Some(2));
    fails(analytics, &json!(vec![1; 101]).to_string()).await;
}

#[tokio::test]
async fn site_wise_gets_what_the_templates_say() {
    // RULES-547, RULES-548, RULES-549, RULES-550
    let action =
        |entry: Value| json!({"iotSiteWise": {"roleArn": ROLE, "putAssetPropertyValueEntries": [entry]}});
    let value = json!({
        "value": {"doubleValue": "${t}"}, "quality": "GOOD",
        "timestamp": {"timeInSeconds": "${floor(timestamp() / 1E3)}", "offsetInNanos": "5"},
    });
    let entry = json!({"propertyAlias": "/${topic(2)}/t", "propertyValues": [value]});
    let request = send(action(entry), r#"{"t":21.5,"secret":1}"#).await;
    assert_eq!(request.line, "POST /properties HTTP/1.1");
    let mut body = request.json();
    let id = body["entries"][0]["entryId"].take();
    assert_eq!(id.as_str().map(str::len), Some(36));
    assert_eq!(
        body,
        json!({"entries": [{"entryId": null, "propertyAlias": "/lamp/t", "propertyValues": [{
            "value": {"doubleValue": 21.5},
            "timestamp": {"timeInSeconds": NOW / 1000, "offsetInNanos": 5},
            "quality": "GOOD",
        }]}]})
    );
    let with = |value: Value| json!({"assetId": "a", "propertyId": "p", "propertyValues": [value]});
    let at = json!({"timeInSeconds": "1"});
    assert!(
        fails(action(with(json!({"value": {"integerValue": "${t}"}, "timestamp": at}))), r#"{"t":"x"}"#)
            .await
            .contains("integerValue")
    );
    refused(action(
        json!({"assetId": "a", "propertyValues": [{"value": {"stringValue": "x"}, "timestamp": at}]}),
    ))
    .await;
    refused(action(json!({"propertyAlias": "a", "propertyValues": []}))).await;
    refused(action(with(json!({"value": {}, "timestamp": at})))).await;
    refused(action(with(json!({"value": {"stringValue": "x"}})))).await;
    refused(action(with(json!({"value": {"stringValue": "x"}, "timestamp": at, "quality": "FINE"})))).await;
}

#[tokio::test]
async fn timestream_makes_a_record_of_each_member() {
    // RULES-556, RULES-557, RULES-558, RULES-559, RULES-560, RULES-561, RULES-562
    let action = |more: Value| {
        let mut action = json!({
            "roleArn": ROLE, "databaseName": "d", "tableName": "t",
            "dimensions": [{"name": "device", "value": "${topic(2)}"}],
        });
        for (name, value) in more.as_object().expect("members") {
            action[name] = value.clone();
        }
        json!({"timestream": action})
    };
    let receiver = Receiver::start().await;
    let payload = br#"{"b":true,"i":3,"whole":10.0,"d":1.5,"s":"true","a":[1],"z":null}"#;
    let sql = "SELECT b, i, whole, d, s, a, z FROM 'in/+'";
    let sent = send_to(&receiver, sql, &action(json!({})), payload).await.expect("it succeeds");
    assert_eq!(sent[0].header("x-amz-target"), Some("Timestream_20181101.WriteRecords"));
    let body = sent[0].json();
    assert_eq!(
        body["CommonAttributes"],
        json!({
            "Dimensions": [{"Name": "device", "Value": "lamp", "DimensionValueType": "VARCHAR"}],
            "Time": NOW.to_string(), "TimeUnit": "MILLISECONDS",
        })
    );
    let record = |name: &str, value: &str, kind: &str| json!({"MeasureName": name, "MeasureValue": value, "MeasureValueType": kind});
    assert_eq!(
        body["Records"],
        json!([
            record("b", "true", "BOOLEAN"),
            record("i", "3", "BIGINT"),
            record("whole", "10", "BIGINT"),
            record("d", "1.5", "DOUBLE"),
            record("s", "true", "VARCHAR"),
            record("a", "[1]", "VARCHAR"),
        ])
    );
    let timed = action(json!({"timestamp": {"value": "${at}", "unit": "SECONDS"}}));
    let body = send(timed.clone(), r#"{"at":5}"#).await.json();
    assert_eq!(
        (&body["CommonAttributes"]["Time"], &body["CommonAttributes"]["TimeUnit"]),
        (&json!("5"), &json!("SECONDS"))
    );
    fails(timed, r#"{"at":"soon"}"#).await;
    fails(action(json!({})), "[1]").await;
    let many: serde_json::Map<String, Value> = (0..101).map(|n| (format!("m{n}"), json!(n))).collect();
    assert!(fails(action(json!({})), &json!(many).to_string()).await.contains("101"));
    for name in ["measure_name", "measure_value::double", "time", "ts_x", "a:b"] {
        refused(action(json!({"dimensions": [{"name": name, "value": "v"}]}))).await;
    }
    refused(action(json!({"dimensions": []}))).await;
    refused(action(json!({"timestamp": {"value": "1", "unit": "HOURS"}}))).await;
    let too_many: Vec<Value> = (0..129).map(|n| json!({"name": format!("d{n}"), "value": "v"})).collect();
    // RULES-345
    refused(action(json!({"dimensions": too_many}))).await;
}

#[tokio::test]
async fn documents_go_to_search_domains() {
    // RULES-563, RULES-564, RULES-566
    for name in ["openSearch", "elasticsearch"] {
        let receiver = Receiver::start().await;
        let action = |endpoint: &str| json!({name: {"roleArn": ROLE, "endpoint": endpoint, "index": "i", "type": "t", "id": "${newuuid()}"}});
        let world = World::new();
        world.rule("r", "SELECT * FROM 'in'", json!([action(&receiver.url)])).await;
        world.publish("in", r#"{"a":1}"#);
        let request = receiver.received(1).await.remove(0);
        assert!(request.line.starts_with("PUT /i/t/"), "{}", request.line);
        assert!(request.header("authorization").expect("signed").contains("/es/aws4_request"));
        assert_eq!(request.json(), json!({"a": 1}));
        refused(action("ftp://x")).await;
        // A domain of AWS is out of reach.
        world
            .rule(
                "aws",
                "SELECT * FROM 'aws'",
                json!([action("https://search-x.eu-west-1.es.amazonaws.com")]),
            )
            .await;
        world.publish("aws", "{}");
        assert_eq!(world.deliveries("aws", 1).await[0].attempts, 0);
    }
}

#[tokio::test]
async fn trackers_get_positions() {
    // RULES-553, RULES-554, RULES-555
    let action = |member: &str, timestamp: Value| {
        json!({"location": {
            "roleArn": ROLE, "trackerName": "t", "deviceId": "${topic(2)}", "latitude": "${lat}", "longitude": "${long}",
            member: timestamp,
        }})
    };
    let request = send(action("timestamp", Value::Null), r#"{"lat":-23.5,"long":"100.25"}"#).await;
    assert_eq!(request.line, "POST /tracking/v0/trackers/t/positions HTTP/1.1");
    let update = |time: &str| json!({"Updates": [{"DeviceId": "lamp", "Position": [100.25, -23.5], "SampleTime": time}]});
    assert_eq!(request.json(), update("2026-11-21T10:00:00.000Z"));
    let position = r#"{"lat":-23.5,"long":100.25,"at":1700000000}"#;
    for (member, timestamp) in [
        ("timestamp", json!({"value": "${at}", "unit": "SECONDS"})),
        ("sampleTime", json!({"value": "${at * 1000}"})),
        ("timestamp", json!({"value": "${at * 1000000}", "unit": "MICROSECONDS"})),
        ("timestamp", json!({"value": "${at * 1000000000}", "unit": "NANOSECONDS"})),
    ] {
        assert_eq!(
            send(action(member, timestamp), position).await.json(),
            update("2023-11-14T22:13:20.000Z")
        );
    }
    fails(action("timestamp", Value::Null), r#"{"lat":"north","long":1}"#).await;
    fails(action("timestamp", Value::Null), r#"{"lat":91,"long":1}"#).await;
    refused(action("timestamp", json!({"value": "1", "unit": "HOURS"}))).await;
}

#[tokio::test]
async fn salesforce_is_recorded_unless_an_endpoint_stands_in() {
    // RULES-567, RULES-345
    let url = "https://ingestion-abc.prod.sfdcnow.com/streams/s1/t1/event";
    let action = |url: &str, token: &str| json!({"salesforce": {"url": url, "token": token}});
    let token = "t".repeat(40);
    let request = send(action(url, &token), r#"{"a":1}"#).await;
    assert_eq!(request.line, "POST /streams/s1/t1/event HTTP/1.1");
    assert_eq!(request.header("authorization"), Some(&*format!("Bearer {token}")));
    let world = World::new();
    world.rule("r", "SELECT * FROM 'in'", json!([action(url, &token)])).await;
    world.publish("in", "{}");
    let delivery = world.deliveries("r", 1).await[0].to_json();
    assert_eq!((&delivery["outcome"], &delivery["request"]["url"]), (&json!("recorded"), &json!(url)));
    assert!(!delivery.to_string().contains(&token));
    refused(action(url, "short")).await;
    refused(action("https://example.com/", &token)).await;
}

#[tokio::test]
async fn actions_that_need_json_refuse_bytes_and_others_take_them() {
    // RULES-320, RULES-485
    let receiver = Receiver::start().await;
    for action in [
        json!({"kinesis": {"roleArn": ROLE, "streamName": "s"}}),
        json!({"firehose": {"roleArn": ROLE, "deliveryStreamName": "s"}}),
        json!({"sqs": {"roleArn": ROLE, "queueUrl": "q", "useBase64": true}}),
        json!({"dynamoDB": {"roleArn": ROLE, "tableName": "t", "hashKeyField": "i", "hashKeyValue": "1"}}),
    ] {
        let sent = send_to(&receiver, "SELECT * FROM 'in/+'", &action, b"\x00\xff").await;
        assert!(sent.is_ok(), "{action}: {sent:?}");
    }
    for action in [
        json!({"lambda": {"functionArn": "f"}}),
        json!({"dynamoDBv2": {"roleArn": ROLE, "putItem": {"tableName": "t"}}}),
        json!({"iotEvents": {"roleArn": ROLE, "inputName": "i"}}),
        json!({"timestream": {"roleArn": ROLE, "databaseName": "d", "tableName": "t", "dimensions": [{"name": "n", "value": "v"}]}}),
    ] {
        let sent = send_to(&receiver, "SELECT * FROM 'in/+'", &action, b"\x00\xff").await;
        assert!(sent.is_err(), "{action}");
    }
}
