//! The `kafka` action (section 11.6). What goes over the wire is judged by independent clients in `tests/clients`.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::{Value, json};
use thingstead_core::Kind;
use thingstead_rules::{HttpActionUrls, RulesError, Settings};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::world::{Receiver, World, republish};

/// A broker of one topic with three partitions, which it leads all. It keeps requests and answers Produce as told.
#[derive(Clone)]
struct Broker {
    address: String,
    requests: Arc<Mutex<Vec<Request>>>,
    codes: Arc<Mutex<VecDeque<i16>>>,
}

/// The key of the API and the body.
type Request = (i16, Vec<u8>);

impl Broker {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let broker = Self { address, requests: Arc::default(), codes: Arc::default() };
        let served = broker.clone();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(served.clone().serve(socket));
            }
        });
        broker
    }

    async fn serve(self, mut socket: tokio::net::TcpStream) {
        while let Ok(length) = socket.read_u32().await {
            let mut frame = vec![0; length as usize];
            if socket.read_exact(&mut frame).await.is_err() {
                return;
            }
            let key = i16::from_be_bytes([frame[0], frame[1]]);
            let client = usize::from(u16::from_be_bytes([frame[8], frame[9]]));
            let body = frame[10 + client..].to_vec();
            let waits = key != 0 || body[2..4] != [0, 0];
            self.requests.lock().push((key, body));
            if !waits {
                continue;
            }
            let mut answer = frame[4..8].to_vec();
            answer.extend(self.answer(key));
            let mut out = (answer.len() as u32).to_be_bytes().to_vec();
            out.extend(answer);
            if socket.write_all(&out).await.is_err() {
                return;
            }
        }
    }

    fn answer(&self, key: i16) -> Vec<u8> {
        let text = |text: &str| [&(text.len() as u16).to_be_bytes()[..], text.as_bytes()].concat();
        let number = |number: i32| number.to_be_bytes().to_vec();
        match key {
            3 => {
                let (host, port) = self.address.split_once(':').expect("host:port");
                let mut out = [number(0), number(1), number(7), text(host)].concat();
                out.extend(number(port.parse().expect("a port")));
                out.extend([text(""), text("cluster"), number(7), number(1)].concat());
                out.extend([vec![0, 0], text("readings"), vec![0], number(3)].concat());
                for partition in 0..3 {
                    out.extend([vec![0, 0], number(partition), number(7), number(0), number(0)].concat());
                }
                out
            }
            0 => {
                let code = self.codes.lock().pop_front().unwrap_or(0);
                let mut out = [number(1), text("readings"), number(1), number(0)].concat();
                out.extend(code.to_be_bytes());
                out.extend(41_i64.to_be_bytes());
                out.extend((-1_i64).to_be_bytes());
                out.extend(number(0));
                out
            }
            17 => [vec![0, 0], number(1), text("PLAIN")].concat(),
            _ => [vec![0, 0], text(""), number(0)].concat(),
        }
    }

    fn of(&self, key: i16) -> Vec<Vec<u8>> {
        let requests = self.requests.lock();
        requests.iter().filter(|(found, _)| *found == key).map(|(_, body)| body.clone()).collect()
    }

    fn plaintext(&self, destination: &str) -> Value {
        action(destination, &json!({"bootstrap.servers": self.address, "security.protocol": "PLAINTEXT"}))
    }
}

fn action(destination: &str, properties: &Value) -> Value {
    json!({"kafka": {"destinationArn": destination, "topic": "readings", "clientProperties": properties}})
}

fn with(mut action: Value, more: Value) -> Value {
    for (name, value) in more.as_object().expect("members") {
        action["kafka"][name] = value.clone();
    }
    action
}

pub(crate) async fn vpc(world: &World) -> String {
    let configuration = json!({"vpcConfiguration": {
        "subnetIds": ["subnet-1"], "securityGroups": ["sg-1"], "vpcId": "vpc-1",
        "roleArn": "arn:aws:iam::123456789012:role/vpc",
    }});
    let answer = world.engine.create_topic_rule_destination(&world.scope, &configuration).await;
    let answer = answer.expect("a destination");
    answer["topicRuleDestination"]["arn"].as_str().expect("an ARN").to_owned()
}

const VPC: &str =
    "arn:aws:iot:eu-west-1:123456789012:ruledestination/vpc/3f0e7f5c-0000-4000-8000-000000000000";

#[tokio::test]
async fn properties_are_checked_when_the_rule_is_created() {
    // RULES-515, RULES-516, RULES-517, RULES-518, RULES-519, RULES-442
    let aws = World::with(Settings { http_action_urls: HttpActionUrls::Aws, ..Settings::default() });
    let store = "${get_secret('s', 'SecretBinary', 'arn:aws:iam::123456789012:role/r')}";
    let good = json!({
        "acks": "1", "bootstrap.servers": "b-1.example.com:9094, b-2.example.com:9094", "compression.type": "none",
        "key.serializer": "org.apache.kafka.common.serialization.StringSerializer",
        "value.serializer": "ByteBufferSerializer", "security.protocol": "SSL",
        "ssl.keystore": store, "ssl.keystore.password": "p", "ssl.key.password": store, "ssl.truststore": store,
    });
    aws.try_rule("good", "SELECT * FROM 'a'", json!([action(VPC, &good)])).await.expect("all properties");
    let mut least = json!({"bootstrap.servers": "b:9000", "ssl.keystore": store});
    aws.try_rule("least", "SELECT * FROM 'a'", json!([action(VPC, &least)])).await.expect("the least");
    for (name, value, named) in [
        (
            "bootstrap.servers",
            json!(null),
            "`actions[0].kafka.clientProperties.bootstrap.servers` is missing",
        ),
        ("bootstrap.servers", json!("b:9092,b:9101"), "9000 to 9100"),
        ("bootstrap.servers", json!("b"), "`host:port`"),
        ("bootstrap.servers", json!("${topic()}:9092"), "takes no substitution templates"),
        ("security.protocol", json!("PLAINTEXT"), "allowed are `SSL`, `SASL_SSL`"),
        ("acks", json!("all"), "allowed are `0`, `1`"),
        ("compression.type", json!("brotli"), "`zstd`"),
        ("key.serializer", json!("IntegerSerializer"), "`StringSerializer`"),
        ("value.serializer", json!("StringSerializer"), "`ByteBufferSerializer`"),
        ("ssl.keystore", json!(null), "ssl.keystore` is missing"),
        ("ssl.keystore", json!("${get_secret("), "line 1"),
        ("batch.size", json!("1"), "is no property of the client"),
    ] {
        least["bootstrap.servers"] = json!("b:9000");
        least["ssl.keystore"] = json!(store);
        let mut wrong = least.clone();
        wrong[name] = value;
        let refused = aws.try_rule("wrong", "SELECT * FROM 'a'", json!([action(VPC, &wrong)])).await;
        let error = refused.expect_err(name);
        assert!(matches!(error.status(), 400), "{error:?}");
        assert!(error.to_string().contains(named), "{error}");
    }
    for (mechanism, more, missing) in [
        (json!(null), json!({}), "sasl.mechanism"),
        (json!("PLAIN"), json!({"sasl.plain.username": "u"}), "sasl.plain.password"),
        (json!("SCRAM-SHA-512"), json!({"sasl.scram.password": "p"}), "sasl.scram.username"),
    ] {
        let mut sasl = json!({"bootstrap.servers": "b:9096", "security.protocol": "SASL_SSL"});
        sasl["sasl.mechanism"] = mechanism;
        for (name, value) in more.as_object().expect("members") {
            sasl[name] = value.clone();
        }
        let refused = aws.try_rule("wrong", "SELECT * FROM 'a'", json!([action(VPC, &sasl)])).await;
        let error = refused.expect_err(missing).to_string();
        assert!(error.contains(missing) && error.contains("is missing"), "{error}");
    }
    let kerberos =
        json!({"bootstrap.servers": "b:9096", "security.protocol": "SASL_SSL", "sasl.mechanism": "GSSAPI"});
    let refused = aws.try_rule("wrong", "SELECT * FROM 'a'", json!([action(VPC, &kerberos)])).await;
    assert!(matches!(refused, Err(RulesError::NotImplemented(_))), "{refused:?}");
}

#[tokio::test]
async fn members_are_checked_when_the_rule_is_created() {
    // RULES-520, RULES-521
    let world = World::new();
    let base = action(VPC, &json!({"bootstrap.servers": "b:9092", "security.protocol": "PLAINTEXT"}));
    let header = |key: String| json!({"key": key, "value": "v"});
    let many = |count: usize| json!({"headers": vec![header("k".to_owned()); count]});
    for (more, allowed) in [
        (many(1), true),
        (many(100), true),
        (many(0), false),
        (many(101), false),
        (json!({"headers": [header("k".repeat(16_384))]}), true),
        (json!({"headers": [header("k".repeat(16_385))]}), false),
        (json!({"partition": "x"}), false),
        (json!({"topic": "no spaces"}), false),
        (json!({"topic": null}), false),
        (json!({"clientProperties": null}), false),
        (json!({"destinationArn": "arn:aws:iot:eu-west-1:123456789012:ruledestination/http/1"}), false),
        (json!({"destinationArn": null}), false),
    ] {
        let actions = json!([with(base.clone(), more.clone())]);
        let made = world.try_rule("r", "SELECT * FROM 'a'", actions).await;
        assert_eq!(made.is_ok(), allowed, "{more}: {made:?}");
        drop(world.engine.delete_topic_rule(&world.scope, "r").await);
    }
}

#[tokio::test]
async fn a_record_reaches_the_leader_and_its_place_is_written_down() {
    // RULES-509, RULES-520, RULES-521
    let (world, broker) = (World::new(), Broker::start().await);
    let action = with(
        broker.plaintext(&vpc(&world).await),
        json!({"key": "${clientid()}", "partition": "${p}", "headers": [{"key": "room", "value": "${topic(2)}"}]}),
    );
    world.rule("r", "SELECT * FROM 'in/+'", json!([action])).await;
    world.publish("in/attic", r#"{"p":2}"#);
    let delivery = world.deliveries("r", 1).await.remove(0);
    assert_eq!(delivery.outcome.name(), "delivered", "{delivery:?}");
    let place: Value = serde_json::from_slice(&delivery.response.expect("a place").body).expect("JSON");
    assert_eq!(place, json!({"topic": "readings", "partition": 2, "offset": 41}));
    let produce = &broker.of(0)[0];
    let text = String::from_utf8_lossy(produce);
    for part in ["readings", "sensor-1", "room", "attic", r#"{"p":2}"#] {
        assert!(text.contains(part), "{part} in {text}");
    }
    let event = &world.until(Kind::ActionSucceeded, 1).await[0];
    assert_eq!(event["resources"]["Topic"], "readings");
    // The connection and the leaders are kept.
    world.publish("in/attic", r#"{"p":1}"#);
    world.deliveries("r", 2).await;
    assert_eq!(broker.of(3).len(), 1);
    world.publish("in/attic", r#"{"p":3}"#);
    let failed = world.until(Kind::ActionFailed, 1).await;
    let why = failed[0]["why"].as_str().expect("why");
    assert!(why.contains("KafkaAction") && why.contains("there is no partition 3"), "{why}");
}

#[tokio::test]
async fn a_leader_that_moved_is_looked_for_again_and_other_refusals_end_it() {
    // RULES-357, RULES-358, RULES-390, RULES-397
    let (world, broker) = (World::new(), Broker::start().await);
    let action = broker.plaintext(&vpc(&world).await);
    world.rule_with_error("r", "SELECT * FROM 'in'", json!([action]), republish("errors")).await;
    broker.codes.lock().push_back(6);
    world.publish("in", "{}");
    let delivery = world.deliveries("r", 1).await.remove(0);
    assert_eq!((delivery.outcome.name(), delivery.attempts), ("delivered", 2));
    assert_eq!(broker.of(3).len(), 2);
    broker.codes.lock().push_back(29);
    world.publish("in", "{}");
    let event = world.until(Kind::ActionFailed, 1).await.remove(0);
    assert!(event["why"].as_str().expect("why").contains("TOPIC_AUTHORIZATION_FAILED"), "{event}");
    world.until(Kind::ActionSucceeded, 2).await;
    let document: Value = serde_json::from_str(&world.bus.texts()[0].1).expect("JSON");
    assert_eq!(document["failures"][0]["failedAction"], "KafkaAction");
    assert_eq!(document["failures"][0]["failedResource"], "readings");
}

#[tokio::test]
async fn with_acks_0_nothing_is_waited_for() {
    // RULES-515
    let (world, broker) = (World::new(), Broker::start().await);
    let mut action = broker.plaintext(&vpc(&world).await);
    action["kafka"]["clientProperties"]["acks"] = json!("0");
    world.rule("r", "SELECT * FROM 'in'", json!([action])).await;
    world.publish("in", "{}");
    let delivery = world.deliveries("r", 1).await.remove(0);
    let place: Value = serde_json::from_slice(&delivery.response.expect("a place").body).expect("JSON");
    assert_eq!(place["offset"], Value::Null);
    assert_eq!(broker.of(0)[0][2..4], [0, 0]);
}

#[tokio::test]
async fn secrets_come_from_get_secret_and_are_written_down_nowhere() {
    // RULES-516, RULES-518
    let secrets = Receiver::start().await;
    secrets.answer([(200, r#"{"SecretString":"{\"password\":\"hush\"}"}"#)]);
    let mut settings = Settings::default();
    settings.aws.endpoint = Some(secrets.url.clone());
    let (world, broker) = (World::with(settings), Broker::start().await);
    let mut action = broker.plaintext(&vpc(&world).await);
    let password = "${get_secret('s', 'SecretString', 'password', 'arn:aws:iam::123456789012:role/r')}";
    for (name, value) in [
        ("security.protocol", "SASL_PLAINTEXT"),
        ("sasl.mechanism", "PLAIN"),
        ("sasl.plain.username", "user"),
        ("sasl.plain.password", password),
    ] {
        action["kafka"]["clientProperties"][name] = json!(value);
    }
    world.rule("r", "SELECT * FROM 'in'", json!([action])).await;
    world.publish("in", "{}");
    let delivery = world.deliveries("r", 1).await.remove(0);
    assert_eq!(delivery.outcome.name(), "delivered", "{delivery:?}");
    assert_eq!(&broker.of(36)[0][4..], b"\0user\0hush");
    assert!(!delivery.to_json().to_string().contains("hush"));
    let journal: Vec<Value> = world.journal.after(0).iter().map(thingstead_core::Event::to_json).collect();
    assert!(!json!(journal).to_string().contains("hush"));
}

#[tokio::test]
async fn brokers_of_aws_are_never_called() {
    let world = World::new();
    let action = action(
        &vpc(&world).await,
        &json!({"bootstrap.servers": "b-1.demo.abc.c2.kafka.us-east-1.amazonaws.com:9094"}),
    );
    world.rule("r", "SELECT * FROM 'in'", json!([with(action, json!({"key": "k"}))])).await;
    world.publish("in", r#"{"a":1}"#);
    let delivery = world.deliveries("r", 1).await.remove(0);
    assert_eq!((delivery.outcome.name(), delivery.attempts), ("recorded", 0));
    assert_eq!(delivery.request.headers, [("key".to_owned(), "k".to_owned())]);
    assert_eq!(&delivery.request.body[..], br#"{"a":1}"#);
}

#[tokio::test]
async fn the_destination_must_be_enabled_and_is_disabled_after_30_idle_days() {
    // RULES-521, RULES-461, RULES-462, RULES-463
    let (world, broker) = (World::new(), Broker::start().await);
    let arn = vpc(&world).await;
    world.rule("r", "SELECT * FROM 'in'", json!([broker.plaintext(&arn)])).await;
    world.rule("gone", "SELECT * FROM 'gone'", json!([broker.plaintext(VPC)])).await;
    let day = Duration::from_secs(24 * 60 * 60);
    let status = |world: &World| {
        let answer = world.engine.get_topic_rule_destination(&world.scope, &arn).expect("the destination");
        answer["topicRuleDestination"]["status"].as_str().expect("a status").to_owned()
    };
    world.clock.advance(day * 29);
    world.publish("in", "{}");
    world.until(Kind::ActionSucceeded, 1).await;
    world.clock.advance(day * 29);
    assert_eq!(status(&world), "ENABLED");
    world.clock.advance(day);
    assert_eq!(status(&world), "DISABLED");
    world.publish("in", "{}");
    world.publish("gone", "{}");
    let failed = world.until(Kind::ActionFailed, 2).await;
    let whys: Vec<&str> = failed.iter().map(|event| event["why"].as_str().expect("why")).collect();
    assert!(whys[0].contains("DISABLED, not ENABLED. nothing was sent through it for 30 days"), "{whys:?}");
    assert!(whys[1].contains("there is no destination"), "{whys:?}");
    world.engine.update_topic_rule_destination(&world.scope, &arn, "ENABLED").await.expect("enabled again");
    world.publish("in", "{}");
    world.until(Kind::ActionSucceeded, 2).await;
}

#[tokio::test]
async fn a_dead_broker_fails_the_action_with_the_reason() {
    let world = World::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    drop(listener);
    let action =
        action(&vpc(&world).await, &json!({"bootstrap.servers": address, "security.protocol": "PLAINTEXT"}));
    world.rule("r", "SELECT * FROM 'in'", json!([action])).await;
    world.publish("in", "{}");
    let event = world.until(Kind::ActionFailed, 1).await.remove(0);
    assert!(event["why"].as_str().expect("why").contains("cannot connect"), "{event}");
    assert_eq!(event["attempts"], 3);
}
