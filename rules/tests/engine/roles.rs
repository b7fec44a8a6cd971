//! Roles, accounts and permissions (sections 9.4 and 8): what can be judged here, and what the services judge.

use serde_json::{Value, json};
use thingstead_core::Kind;
use thingstead_rules::{Roles, Settings};

use crate::world::{ROLE, Receiver, World, republish};

fn at(receiver: &Receiver) -> World {
    let mut settings = Settings::default();
    settings.aws.endpoint = Some(receiver.url.clone());
    World::with(settings)
}

/// Every action that the API model demands a role of, without it.
fn actions() -> Vec<(&'static str, Value)> {
    vec![
        ("cloudwatchAlarm", json!({"alarmName": "a", "stateReason": "r", "stateValue": "OK"})),
        ("cloudwatchLogs", json!({"logGroupName": "g"})),
        (
            "cloudwatchMetric",
            json!({"metricNamespace": "n", "metricName": "m", "metricValue": "1", "metricUnit": "None"}),
        ),
        ("dynamoDB", json!({"tableName": "t", "hashKeyField": "k", "hashKeyValue": "v"})),
        ("dynamoDBv2", json!({"putItem": {"tableName": "t"}})),
        ("elasticsearch", json!({"endpoint": "https://e", "index": "i", "type": "t", "id": "1"})),
        ("firehose", json!({"deliveryStreamName": "d"})),
        ("influxDB", json!({"destinationArn": "a", "databaseName": "d", "tableName": "t"})),
        ("iotEvents", json!({"inputName": "i"})),
        (
            "iotSiteWise",
            json!({"putAssetPropertyValueEntries": [{"propertyAlias": "a", "propertyValues": [
                {"value": {"stringValue": "v"}, "timestamp": {"timeInSeconds": "1"}}]}]}),
        ),
        ("kinesis", json!({"streamName": "s"})),
        ("location", json!({"trackerName": "t", "deviceId": "d", "latitude": "1", "longitude": "2"})),
        ("openSearch", json!({"endpoint": "https://e", "index": "i", "type": "t", "id": "1"})),
        ("republish", json!({"topic": "t"})),
        ("s3", json!({"bucketName": "b", "key": "k"})),
        ("sns", json!({"targetArn": "arn:aws:sns:eu-west-1:123456789012:t"})),
        ("sqs", json!({"queueUrl": "q"})),
        ("stepFunctions", json!({"stateMachineName": "s"})),
        (
            "timestream",
            json!({"databaseName": "d", "tableName": "t", "dimensions": [{"name": "n", "value": "v"}]}),
        ),
    ]
}

async fn refusal(world: &World, action: &Value) -> Option<String> {
    let made = world.try_rule("r", "SELECT * FROM 'in'", json!([action])).await;
    drop(world.engine.delete_topic_rule(&world.scope, "r").await);
    made.err().map(|error| {
        assert_eq!((error.code(), error.status()), ("InvalidRequestException", 400), "{error}");
        error.to_string()
    })
}

#[tokio::test]
async fn a_role_is_demanded_where_the_api_demands_it_and_must_be_one() {
    // RULES-330, RULES-385
    let world = World::new();
    for (name, members) in actions() {
        let with = |role: Value| {
            let mut members = members.clone();
            members["roleArn"] = role;
            json!({name: members})
        };
        assert_eq!(refusal(&world, &with(json!(ROLE))).await, None, "{name}");
        let missing = refusal(&world, &json!({name: members})).await.expect(name);
        assert!(missing.contains(&format!("`actions[0].{name}.roleArn` is missing")), "{missing}");
        let wrong = refusal(&world, &with(json!("rules"))).await.expect(name);
        assert!(wrong.contains("`rules`, which is no ARN of a role"), "{wrong}");
        let template = refusal(&world, &with(json!("${role}"))).await.expect(name);
        assert!(template.contains("takes no substitution templates"), "{template}");
    }
    let signing = |role: &str| json!({"sigv4": {"signingRegion": "r", "serviceName": "s", "roleArn": role}});
    let http = |role: &str| json!({"http": {"url": "https://example.com", "auth": signing(role)}});
    assert_eq!(refusal(&world, &http(ROLE)).await, None);
    assert!(refusal(&world, &http("rules")).await.is_some_and(|why| why.contains("auth.sigv4.roleArn")));
    let vpc = json!({"vpcConfiguration": {"subnetIds": ["s"], "vpcId": "v", "roleArn": "rules"}});
    let refused = world.engine.create_topic_rule_destination(&world.scope, &vpc).await;
    assert!(refused.expect_err("refused").to_string().contains("no ARN of a role"));
}

#[tokio::test]
async fn roles_of_other_accounts_are_refused_where_accounts_mean_something() {
    // RULES-409
    let other = json!({"sqs": {"roleArn": "arn:aws:iam::999999999999:role/r", "queueUrl": "q"}});
    assert_eq!(refusal(&World::new(), &other).await, None);
    let world = World::with(Settings { roles: Roles::OwnAccount, ..Settings::default() });
    let why = refusal(&world, &other).await.expect("refused");
    assert!(why.contains("999999999999") && why.contains("cannot be passed"), "{why}");
    // RULES-331: a function is invoked by its own policy; there is no role to pass.
    let lambda = json!({"lambda": {"functionArn": "arn:aws:lambda:eu-west-1:999999999999:function:f"}});
    assert_eq!(refusal(&world, &lambda).await, None);
}

#[tokio::test]
async fn what_a_service_refuses_for_want_of_permission_is_told_in_its_words() {
    // RULES-410, RULES-411, RULES-484, RULES-486
    let receiver = Receiver::start().await;
    let world = at(&receiver);
    let said = "User: arn:aws:sts::123456789012:assumed-role/r/IoT is not authorized to perform: sqs:SendMessage on \
        resource: arn:aws:sqs:eu-west-1:999999999999:q";
    let queue = "https://sqs.eu-west-1.amazonaws.com/999999999999/q";
    world.rule("r", "SELECT * FROM 'in'", json!([{"sqs": {"roleArn": ROLE, "queueUrl": queue}}])).await;
    let body: &'static str = Box::leak(
        format!(r#"{{"__type":"com.amazonaws.sqs#AccessDeniedException","message":"{said}"}}"#)
            .into_boxed_str(),
    );
    receiver.answer([(403, body)]);
    world.publish("in", "{}");
    let event = world.until(Kind::ActionFailed, 1).await.remove(0);
    assert!(event["why"].as_str().expect("why").contains(said), "{event}");
    // The queue of another account is asked as it was named; its own policy decides.
    let asked = String::from_utf8_lossy(&receiver.received(1).await[0].body).into_owned();
    assert!(asked.contains("999999999999"), "{asked}");
    let function = "arn:aws:lambda:eu-west-1:123456789012:function:f";
    world.rule("l", "SELECT * FROM 'l'", json!([{"lambda": {"functionArn": function}}])).await;
    receiver.answer([(403, r#"{"__type":"AccessDeniedException","message":"no"}"#)]);
    world.publish("l", "{}");
    let event = world.until(Kind::ActionFailed, 2).await.remove(1);
    assert!(event["why"].as_str().expect("why").contains("The error code is 403"), "{event}");
}

#[tokio::test]
async fn a_republished_message_is_never_one_to_retain() {
    // RULES-412, RULES-471
    let world = World::new();
    world.rule("r", "SELECT * FROM 'in'", json!([republish("out")])).await;
    let mut message = world.message("in", "{}");
    message.message.retain = true;
    thingstead_core::wiring::RuleSink::offer(&world.engine, &message);
    assert!(!world.bus.published()[0].message.retain);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_at_the_same_time_come_one_after_the_other() {
    // RULES-329, API-200: nothing conflicts, and the rule that stays is one of those that were put, whole.
    let world = World::new();
    world.rule("r", "SELECT * FROM 'in'", json!([republish("out/first")])).await;
    let replaced = (0..20).map(|number| {
        let (engine, scope) = (world.engine.clone(), world.scope.clone());
        tokio::spawn(async move {
            let payload = json!({
                "sql": format!("SELECT {number} AS n FROM 'in'"), "description": number.to_string(),
                "actions": [republish(&format!("out/{number}"))], "awsIotSqlVersion": "2016-03-23",
            });
            engine.replace_topic_rule(&scope, "r", &payload).await
        })
    });
    for task in replaced.collect::<Vec<_>>() {
        task.await.expect("no panic").expect("replaced");
    }
    let kept = world.engine.get_topic_rule(&world.scope, "r").expect("the rule")["rule"].clone();
    let number = kept["description"].as_str().expect("a number").to_owned();
    assert_eq!(kept["sql"], format!("SELECT {number} AS n FROM 'in'"));
    world.publish("in", "{}");
    assert_eq!(world.bus.texts(), [(format!("out/{number}"), format!(r#"{{"n":{number}}}"#))]);
}

#[tokio::test]
async fn every_message_arrives_in_whichever_order() {
    // RULES-359
    let receiver = Receiver::start().await;
    let world = at(&receiver);
    let action = json!({"sqs": {"roleArn": ROLE, "queueUrl": "https://sqs.eu-west-1.amazonaws.com/1/q"}});
    world.rule("r", "SELECT n FROM 'in'", json!([action])).await;
    for n in 0..100 {
        world.publish("in", format!(r#"{{"n":{n}}}"#));
    }
    let mut found: Vec<u64> = receiver
        .received(100)
        .await
        .iter()
        .map(|request| {
            let body: Value = request.json();
            let message: Value =
                serde_json::from_str(body["MessageBody"].as_str().expect("text")).expect("JSON");
            message["n"].as_u64().expect("a number")
        })
        .collect();
    found.sort_unstable();
    assert_eq!(found, (0..100).collect::<Vec<_>>());
}

#[tokio::test]
async fn search_domains_inside_a_vpc_are_not_reached() {
    // RULES-565
    let world = World::new();
    let action = json!({"openSearch": {
        "roleArn": ROLE, "endpoint": "https://vpc-d-abc.eu-west-1.es.amazonaws.com", "index": "i", "type": "t",
        "id": "1",
    }});
    world.rule("r", "SELECT * FROM 'in'", json!([action])).await;
    world.publish("in", "{}");
    let delivery = world.deliveries("r", 1).await.remove(0);
    assert_eq!((delivery.outcome.name(), delivery.attempts), ("recorded", 0));
}

#[tokio::test]
async fn a_changed_descriptor_set_is_seen_after_15_minutes() {
    // RULES-263
    let receiver = Receiver::start().await;
    let world = at(&receiver);
    let sql = "SELECT VALUE decode(*, 'proto', 'b', 'k', 'r.proto', 'Reading') FROM 'in'";
    world.rule("r", sql, json!([republish("out")])).await;
    // `message Reading { int32 celsius = 1; }`, then `message Reading { int32 degrees = 1; }`
    let set = |member: &str| {
        let bytes = [b"\n-\n\x07r.proto\"\x1a\n\x07Reading\x12\x0f\n\x07", member.as_bytes()].concat();
        let bytes = [&bytes[..], b"\x18\x01 \x01(\x05b\x06proto3"].concat();
        let text: &'static str = Box::leak(String::from_utf8(bytes).expect("text").into_boxed_str());
        text
    };
    receiver.answer([(200, set("celsius")), (200, set("degrees"))]);
    let send = |count: usize| {
        world.publish("in", vec![8, 21]);
        world.until(Kind::ActionSucceeded, count)
    };
    send(1).await;
    send(2).await;
    world.clock.advance(std::time::Duration::from_secs(15 * 60));
    send(3).await;
    assert_eq!(receiver.received(2).await.len(), 2);
    let results: Vec<String> = world.bus.texts().into_iter().map(|(_, payload)| payload).collect();
    assert_eq!(results, [r#"{"celsius":21}"#, r#"{"celsius":21}"#, r#"{"degrees":21}"#]);
}

#[tokio::test]
async fn where_iam_can_be_asked_a_role_must_trust_the_service() {
    // RULES-330, RULES-408
    let iam = Receiver::start().await;
    let mut settings = Settings::default();
    settings.aws.endpoints.insert("IAM".to_owned(), iam.url.clone());
    let world = World::with(settings);
    let answer = |service: &str| {
        let document = json!({"Statement": [{
            "Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole",
        }]});
        let document = document.to_string().replace('"', "%22").replace('{', "%7B").replace('}', "%7D");
        let text = format!(
            "<GetRoleResponse><GetRoleResult><Role><RoleName>r</RoleName><Arn>{ROLE}</Arn>\
             <AssumeRolePolicyDocument>{document}</AssumeRolePolicyDocument></Role></GetRoleResult></GetRoleResponse>"
        );
        (200, &*text.leak())
    };
    let unable = format!(
        "AWS IoT (iot.amazonaws.com) is unable to assume role (sts:AssumeRole) on resource: {ROLE}. "
    );
    let gone =
        "<ErrorResponse><Error><Code>NoSuchEntity</Code><Message>no role r</Message></Error></ErrorResponse>";
    for (answer, why) in [
        (answer("lambda.amazonaws.com"), "its trust policy does not let iot.amazonaws.com assume it"),
        ((404, gone), "IAM answered: no role r"),
        ((200, "<Arn>arn:aws:iam::123456789012:role/other</Arn>"), "role/other` by that name"),
    ] {
        iam.answer([answer]);
        let error =
            world.try_rule("r", "SELECT * FROM 'in'", json!([republish("out")])).await.expect_err("refused");
        assert_eq!(error.code(), "InvalidRequestException");
        let message = error.to_string();
        assert!(message.starts_with(&unable) && message.contains(why), "{message}");
    }
    // What is wrong with the statement goes before.
    let asked = iam.received(3).await.len();
    assert!(world.try_rule("r", "SELCT", json!([republish("out")])).await.is_err());
    assert_eq!(iam.received(asked).await.len(), asked);
    iam.answer([answer("iot.amazonaws.com")]);
    world.rule("r", "SELECT * FROM 'in'", json!([republish("out")])).await;
    let request = iam.received(4).await.remove(3);
    assert_eq!(&request.body[..], b"Action=GetRole&Version=2010-05-08&RoleName=r");
    // A rule without roles asks nobody.
    world.rule("l", "SELECT * FROM 'in'", json!([{"lambda": {"functionArn": "f"}}])).await;
    assert_eq!(iam.received(4).await.len(), 4);
}
