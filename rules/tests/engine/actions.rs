//! What the actions of AWS services send (sections 11.2 to 11.10).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Value, json};
use thingstead_core::Kind;
use thingstead_rules::Settings;

use crate::world::{NOW, ROLE, Received, Receiver, World};

/// One message through one action at an endpoint; `None` when nothing was sent.
pub(crate) async fn send_to(
    receiver: &Receiver,
    sql: &str,
    action: &Value,
    payload: &[u8],
) -> Result<Vec<Received>, String> {
    let mut settings = Settings::default();
    settings.aws.endpoint = Some(receiver.url.clone());
    let world = World::with(settings);
    world.rule("r", sql, json!([action])).await;
    world.publish("in/lamp", Bytes::copy_from_slice(payload));
    let wait = async {
        loop {
            if let Some(failed) = world.events(Kind::ActionFailed).first() {
                return Err(failed.why.to_string());
            }
            if !world.events(Kind::ActionSucceeded).is_empty() {
                return Ok(());
            }
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
    };
    wait.await?;
    Ok(receiver.received(0).await)
}

pub(crate) async fn send(action: Value, payload: &str) -> Received {
    let receiver = Receiver::start().await;
    let sent = send_to(&receiver, "SELECT * FROM 'in/+'", &action, payload.as_bytes()).await;
    sent.expect("it succeeds").remove(0)
}

/// Why an action fails for a payload.
pub(crate) async fn fails(action: Value, payload: &str) -> String {
    let receiver = Receiver::start().await;
    let sent = send_to(&receiver, "SELECT * FROM 'in/+'", &action, payload.as_bytes()).await;
    sent.expect_err("it fails")
}

pub(crate) async fn refused(action: Value) -> String {
    let world = World::new();
    let error = world.try_rule("r", "SELECT * FROM 'in/+'", json!([action])).await.expect_err("refused");
    assert_eq!(error.code(), "InvalidRequestException", "{error}");
    error.to_string()
}

pub(crate) fn form(request: &Received) -> Vec<(String, String)> {
    let body = String::from_utf8(request.body.to_vec()).expect("a form");
    let decode = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
    let pairs = body.split('&').map(|pair| pair.split_once('=').expect("a pair"));
    pairs.map(|(name, value)| (decode(name), decode(value))).collect()
}

pub(crate) fn b64(text: &str) -> Value {
    json!(STANDARD.encode(text))
}

pub(crate) fn pair(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

#[tokio::test]
async fn without_an_endpoint_a_call_is_recorded_whole_and_counts_as_delivered() {
    let world = World::new();
    let s3 = json!({"s3": {"roleArn": ROLE, "bucketName": "b", "key": "${topic()}"}});
    world.rule("r", "SELECT * FROM 'in/+'", json!([s3])).await;
    world.publish("in/lamp", r#"{"a":1}"#);
    let delivery = world.deliveries("r", 1).await[0].to_json();
    assert_eq!(delivery["outcome"], "recorded");
    assert_eq!(delivery["attempts"], 0);
    assert_eq!(delivery["action"], "s3");
    assert_eq!(delivery["request"]["operation"], "S3.PutObject");
    assert_eq!(delivery["request"]["method"], "PUT");
    assert_eq!(delivery["request"]["url"], "https://s3.eu-west-1.amazonaws.com/b/in/lamp");
    assert_eq!(delivery["request"]["body"], json!({"a": 1}));
    assert_eq!(delivery["response"], Value::Null);
    assert_eq!(world.metric("Success"), 1);
}

#[tokio::test]
async fn calls_are_signed_and_faults_that_pass_are_tried_again() {
    // RULES-357, RULES-361
    let receiver = Receiver::start().await;
    receiver.answer([(503, ""), (400, r#"{"__type":"ThrottlingException"}"#), (200, "{}")]);
    let action = json!({"kinesis": {"roleArn": ROLE, "streamName": "s"}});
    let sent = send_to(&receiver, "SELECT * FROM 'in/+'", &action, b"{}").await.expect("it succeeds");
    assert_eq!(sent.len(), 3);
    let authorization = sent[0].header("authorization").expect("a signature");
    assert!(
        authorization.starts_with("AWS4-HMAC-SHA256 Credential=test/20261121/eu-west-1/kinesis/aws4_request"),
        "{authorization}"
    );
    receiver.answer([(500, ""), (500, ""), (500, "")]);
    let failed = send_to(&receiver, "SELECT * FROM 'in/+'", &action, b"{}").await.expect_err("it fails");
    assert!(failed.contains("500"), "{failed}");
}

#[tokio::test]
async fn lambda_is_invoked_as_an_event() {
    // RULES-481, RULES-482, RULES-483, RULES-485, RULES-486
    let arn = "arn:aws:lambda:eu-west-1:123456789012:function:f:prod";
    let action = json!({"lambda": {"functionArn": arn}});
    let request = send(action.clone(), r#"{"a":1}"#).await;
    let path = format!("/2015-03-31/functions/{}/invocations", arn.replace(':', "%3A"));
    assert_eq!(request.line, format!("POST {path} HTTP/1.1"));
    assert_eq!(request.header("x-amz-invocation-type"), Some("Event"));
    assert_eq!(request.json(), json!({"a": 1}));
    assert!(fails(action.clone(), "no json").await.contains("encode"));
    let receiver = Receiver::start().await;
    receiver.answer([(403, r#"{"Message":"not allowed"}"#)]);
    let why = send_to(&receiver, "SELECT * FROM 'in/+'", &action, b"{}").await.expect_err("it fails");
    assert!(
        why.starts_with(
            "Failed to invoke lambda function. Received Server error from Lambda. The error code is 403"
        ),
        "{why}"
    );
}

#[tokio::test]
async fn s3_stores_one_object_byte_for_byte() {
    // RULES-487, RULES-488, RULES-489, RULES-490, RULES-491, RULES-493
    let receiver = Receiver::start().await;
    let action = json!({"s3": {
        "roleArn": ROLE, "bucketName": "b", "key": "${topic()}/${timestamp()} ä", "cannedAcl": "public-read",
    }});
    let sent = send_to(&receiver, "SELECT * FROM 'in/+'", &action, b"\x00\xff").await.expect("it succeeds");
    assert_eq!(sent[0].line, format!("PUT /b/in/lamp/{NOW}%20%C3%A4 HTTP/1.1"));
    assert_eq!(sent[0].header("x-amz-acl"), Some("public-read"));
    assert_eq!(&sent[0].body[..], b"\x00\xff");
    let request = send(json!({"s3": {"roleArn": ROLE, "bucketName": "b", "key": "k"}}), "{}").await;
    assert_eq!(request.header("x-amz-acl"), None);
    let why =
        fails(json!({"s3": {"roleArn": ROLE, "bucketName": "b", "key": "${missing}"}}), r#"{"a":1}"#).await;
    assert!(why.contains("`key` is empty"), "{why}");
}

#[tokio::test]
async fn sqs_gets_text_or_base64_and_no_fifo_queue() {
    // RULES-494, RULES-495
    let queue = "https://sqs.eu-west-1.amazonaws.com/123456789012/q";
    let request = send(json!({"sqs": {"roleArn": ROLE, "queueUrl": queue}}), r#"{"a":1}"#).await;
    assert_eq!(request.header("x-amz-target"), Some("AmazonSQS.SendMessage"));
    assert_eq!(request.json(), json!({"QueueUrl": queue, "MessageBody": r#"{"a":1}"#}));
    let action = json!({"sqs": {"roleArn": ROLE, "queueUrl": queue, "useBase64": true}});
    assert_eq!(send(action, "x").await.json()["MessageBody"], b64("x"));
    refused(json!({"sqs": {"roleArn": ROLE, "queueUrl": format!("{queue}.fifo")}})).await;
}

#[tokio::test]
async fn a_queue_outside_aws_is_its_own_endpoint() {
    let receiver = Receiver::start().await;
    let world = World::new();
    let queue = format!("{}/000000000000/q", receiver.url);
    let action = json!({"sqs": {"roleArn": ROLE, "queueUrl": queue}});
    world.rule("r", "SELECT * FROM 'in'", json!([action])).await;
    world.publish("in", "x");
    assert_eq!(receiver.received(1).await[0].json(), json!({"QueueUrl": queue, "MessageBody": "x"}));
}

#[tokio::test]
async fn sns_gets_the_text_and_its_structure() {
    // RULES-496, RULES-497
    let arn = "arn:aws:sns:eu-west-1:123456789012:t";
    let request = send(json!({"sns": {"roleArn": ROLE, "targetArn": arn}}), "a&b=ü").await;
    assert_eq!(
        form(&request),
        [
            pair("Action", "Publish"),
            pair("Version", "2010-03-31"),
            pair("TargetArn", arn),
            pair("Message", "a&b=ü"),
        ]
    );
    let action = json!({"sns": {"roleArn": ROLE, "targetArn": arn, "messageFormat": "JSON"}});
    assert!(form(&send(action, "{}").await).contains(&pair("MessageStructure", "json")));
    refused(json!({"sns": {"roleArn": ROLE, "targetArn": format!("{arn}.fifo")}})).await;
    refused(json!({"sns": {"roleArn": ROLE, "targetArn": arn, "messageFormat": "XML"}})).await;
}

#[tokio::test]
async fn dynamodb_stores_the_result_in_one_column() {
    // RULES-498, RULES-499, RULES-500, RULES-501, RULES-502, RULES-503, RULES-504, RULES-507
    let table = |more: Value| {
        let mut action = json!({
            "roleArn": ROLE, "tableName": "t", "hashKeyField": "id", "hashKeyValue": "${topic(2)}",
        });
        for (name, value) in more.as_object().expect("members") {
            action[name] = value.clone();
        }
        json!({"dynamoDB": action})
    };
    let payload = r#"{"n":12345678901234567890.5,"s":"x","b":true,"z":null,"l":[1],"m":{"k":1}}"#;
    let request = send(table(json!({})), payload).await;
    assert_eq!(request.header("x-amz-target"), Some("DynamoDB_20120810.PutItem"));
    assert_eq!(
        request.json(),
        json!({"TableName": "t", "Item": {
            "id": {"S": "lamp"},
            "payload": {"M": {
                "n": {"N": "12345678901234567890.5"}, "s": {"S": "x"}, "b": {"BOOL": true}, "z": {"NULL": true},
                "l": {"L": [{"N": "1"}]}, "m": {"M": {"k": {"N": "1"}}},
            }},
        }})
    );
    let ranged = json!({
        "hashKeyType": "STRING", "rangeKeyField": "at", "rangeKeyValue": "${timestamp()}", "rangeKeyType": "NUMBER",
        "payloadField": "data", "operation": "${op}",
    });
    let key = json!({"id": {"S": "lamp"}, "at": {"N": NOW.to_string()}});
    let request = send(table(ranged.clone()), r#"{"op":"UPDATE"}"#).await;
    assert_eq!(request.header("x-amz-target"), Some("DynamoDB_20120810.UpdateItem"));
    assert_eq!(request.json()["Key"], key);
    assert_eq!(request.json()["ExpressionAttributeNames"], json!({"#column": "data"}));
    let request = send(table(ranged.clone()), r#"{"op":"DELETE"}"#).await;
    assert_eq!(request.header("x-amz-target"), Some("DynamoDB_20120810.DeleteItem"));
    assert_eq!(request.json(), json!({"TableName": "t", "Key": key}));
    assert!(fails(table(ranged), r#"{"op":"UPSERT"}"#).await.contains("`operation` is `UPSERT`"));
    let number = json!({"hashKeyType": "NUMBER"});
    assert!(fails(table(number), "{}").await.contains("no number"));
    let request = send(table(json!({})), "no json").await;
    assert_eq!(request.json()["Item"]["payload"], json!({"B": b64("no json")}));
    refused(table(json!({"hashKeyType": "BINARY"}))).await;
    refused(table(json!({"rangeKeyField": "at"}))).await;
    let receiver = Receiver::start().await;
    receiver.answer([(400, r#"{"__type":"ResourceNotFoundException","message":"no table"}"#)]);
    let why =
        send_to(&receiver, "SELECT * FROM 'in/+'", &table(json!({})), b"{}").await.expect_err("it fails");
    assert!(why.starts_with("Dynamo Insert record failed"), "{why}");
    // RULES-426
    let place = "Action: dynamoDB, Table: t, ItemHashKeyField: id, ItemHashKeyValue: lamp, Operation: INSERT, IsPayloadJSON: true";
    assert!(why.contains(place), "{why}");
}

#[tokio::test]
async fn dynamodb_v2_makes_a_column_of_each_member() {
    // RULES-386, RULES-505, RULES-506, RULES-508
    let action = json!({"dynamoDBv2": {"roleArn": ROLE, "putItem": {"tableName": "${topic(2)}"}}});
    let request = send(action.clone(), r#"{"id":"x","t":21.50}"#).await;
    assert_eq!(request.json(), json!({"TableName": "lamp", "Item": {"id": {"S": "x"}, "t": {"N": "21.50"}}}));
    for payload in ["[1]", "7", "no json"] {
        assert!(fails(action.clone(), payload).await.contains("no object"), "{payload}");
    }
    refused(json!({"dynamoDBv2": {"roleArn": ROLE}})).await;
}

#[tokio::test]
async fn kinesis_puts_one_record() {
    // RULES-509, RULES-510
    let action = json!({"kinesis": {"roleArn": ROLE, "streamName": "s", "partitionKey": "${topic(2)}"}});
    let request = send(action, "x").await;
    assert_eq!(request.header("x-amz-target"), Some("Kinesis_20131202.PutRecord"));
    assert_eq!(request.json(), json!({"StreamName": "s", "Data": b64("x"), "PartitionKey": "lamp"}));
    let request = send(json!({"kinesis": {"roleArn": ROLE, "streamName": "s"}}), "x").await;
    assert_eq!(request.json()["PartitionKey"].as_str().map(str::len), Some(36));
}

#[tokio::test]
async fn firehose_puts_a_record_or_a_batch() {
    // RULES-511, RULES-512, RULES-513, RULES-514
    let stream = |more: Value| {
        let mut action = json!({"roleArn": ROLE, "deliveryStreamName": "d"});
        for (name, value) in more.as_object().expect("members") {
            action[name] = value.clone();
        }
        json!({"firehose": action})
    };
    let request = send(stream(json!({})), "x").await;
    assert_eq!(request.header("x-amz-target"), Some("Firehose_20150804.PutRecord"));
    assert_eq!(request.json(), json!({"DeliveryStreamName": "d", "Record": {"Data": b64("x")}}));
    let request = send(stream(json!({"separator": "\r\n"})), "[1]").await;
    assert_eq!(request.json()["Record"]["Data"], b64("[1]\r\n"));
    let batch = stream(json!({"batchMode": true, "separator": ","}));
    let request = send(batch.clone(), r#"[{"a":1},2]"#).await;
    assert_eq!(request.header("x-amz-target"), Some("Firehose_20150804.PutRecordBatch"));
    assert_eq!(request.json()["Records"], json!([{"Data": b64(r#"{"a":1},"#)}, {"Data": b64("2,")}]));
    let request = send(batch.clone(), r#"{"a":1}"#).await;
    assert_eq!(request.header("x-amz-target"), Some("Firehose_20150804.PutRecord"));
    let many = json!(vec![1; 501]).to_string();
    assert!(fails(batch.clone(), &many).await.contains("501"));
    refused(stream(json!({"separator": ";"}))).await;
    let receiver = Receiver::start().await;
    receiver.answer([(200, r#"{"FailedPutCount":1}"#)]);
    assert!(send_to(&receiver, "SELECT * FROM 'in/+'", &batch, b"[1]").await.is_err());
}

#[tokio::test]
async fn cloudwatch_gets_metrics_and_alarm_states() {
    // RULES-537, RULES-538, RULES-539
    let metric = |value: &str, timestamp: Value| {
        json!({"cloudwatchMetric": {
            "roleArn": ROLE, "metricNamespace": "N", "metricName": "m", "metricValue": value, "metricUnit": "Count",
            "metricTimestamp": timestamp,
        }})
    };
    let request = send(metric("${n}", Value::Null), r#"{"n":1.5}"#).await;
    assert_eq!(
        form(&request),
        [
            pair("Action", "PutMetricData"),
            pair("Version", "2010-08-01"),
            pair("Namespace", "N"),
            pair("MetricData.member.1.MetricName", "m"),
            pair("MetricData.member.1.Value", "1.5"),
            pair("MetricData.member.1.Unit", "Count"),
            pair("MetricData.member.1.Timestamp", "2026-11-21T10:00:00Z"),
        ]
    );
    let request = send(metric("1", json!("${at}")), r#"{"at":1700000000}"#).await;
    assert!(form(&request).contains(&pair("MetricData.member.1.Timestamp", "2023-11-14T22:13:20Z")));
    assert!(fails(metric("${n}", Value::Null), r#"{"n":"many"}"#).await.contains("no number"));
    let alarm = |state: &str| json!({"cloudwatchAlarm": {"roleArn": ROLE, "alarmName": "a", "stateReason": "${why}", "stateValue": state}});
    let request = send(alarm("${state}"), r#"{"why":"hot","state":"ALARM"}"#).await;
    assert_eq!(
        form(&request)[2..],
        [pair("AlarmName", "a"), pair("StateReason", "hot"), pair("StateValue", "ALARM")]
    );
    assert!(fails(alarm("${state}"), r#"{"state":"BAD"}"#).await.contains("INSUFFICIENT_DATA"));
    refused(alarm("BAD")).await;
}

#[tokio::test]
async fn logs_go_to_a_stream_that_the_engine_makes() {
    // RULES-540, RULES-541, RULES-542
    let action =
        |batch: bool| json!({"cloudwatchLogs": {"roleArn": ROLE, "logGroupName": "g", "batchMode": batch}});
    let receiver = Receiver::start().await;
    receiver.answer([(400, r#"{"__type":"ResourceAlreadyExistsException"}"#)]);
    let sent = send_to(&receiver, "SELECT * FROM 'in/+'", &action(false), b"any").await.expect("it succeeds");
    assert_eq!(sent[0].header("x-amz-target"), Some("Logs_20140328.CreateLogStream"));
    assert_eq!(sent[1].header("x-amz-target"), Some("Logs_20140328.PutLogEvents"));
    assert_eq!(sent[0].json()["logStreamName"], sent[1].json()["logStreamName"]);
    assert_eq!(sent[1].json()["logEvents"], json!([{"timestamp": NOW, "message": "any"}]));
    let receiver = Receiver::start().await;
    let events = br#"[{"timestamp":2,"message":"b"},{"timestamp":1,"message":{"c":1}}]"#;
    let sent = send_to(&receiver, "SELECT * FROM 'in/+'", &action(true), events).await.expect("it succeeds");
    assert_eq!(
        sent[1].json()["logEvents"],
        json!([{"timestamp": 1, "message": "{\"c\":1}"}, {"timestamp": 2, "message": "b"}])
    );
    for payload in [r#"{"timestamp":1,"message":"x"}"#, r#"[{"message":"x"}]"#, r#"[1]"#] {
        fails(action(true), payload).await;
    }
    let receiver = Receiver::start().await;
    receiver.answer([(400, r#"{"__type":"ResourceNotFoundException","message":"no group"}"#)]);
    let why = send_to(&receiver, "SELECT * FROM 'in/+'", &action(false), b"x").await.expect_err("it fails");
    assert!(why.contains("no group"), "{why}");
}

#[tokio::test]
async fn step_functions_start_with_the_result() {
    // RULES-551, RULES-552
    let action = json!({"stepFunctions": {
        "roleArn": ROLE, "stateMachineName": "m", "executionNamePrefix": "x-${topic(2)}-",
    }});
    let request = send(action, r#"{"a":1}"#).await;
    assert_eq!(request.header("x-amz-target"), Some("AWSStepFunctions.StartExecution"));
    let body = request.json();
    assert_eq!(body["stateMachineArn"], "arn:aws:states:eu-west-1:123456789012:stateMachine:m");
    assert_eq!(body["input"], r#"{"a":1}"#);
    let name = body["name"].as_str().expect("a name");
    assert!(name.starts_with("x-lamp-") && name.len() == 7 + 36, "{name}");
    let request = send(json!({"stepFunctions": {"roleArn": ROLE, "stateMachineName": "m"}}), "{}").await;
    assert_eq!(request.json().get("name"), None);
}
