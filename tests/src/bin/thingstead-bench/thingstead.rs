//! Thingstead under test: an embedded database in a directory of its own, a registered certificate and a policy.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::certificates::Certificates;
use crate::receivers::Receiver;
use crate::{Outcome, http};

pub(crate) struct Ports {
    pub(crate) plain: u16,
    pub(crate) mutual_tls: u16,
    pub(crate) https: u16,
    pub(crate) api: u16,
}

pub(crate) fn configure(start: &mut Command, directory: &Path, ports: &Ports) -> Outcome<()> {
    fs::create_dir_all(directory)?;
    start
        .current_dir(directory)
        .env("THINGSTEAD_DATA_DIR", directory)
        .env("THINGSTEAD_HTTP_DESTINATIONS", "auto");
    for (name, port) in
        [("MQTT", ports.plain), ("MQTTS", ports.mutual_tls), ("HTTPS", ports.https), ("API", ports.api)]
    {
        start.env(format!("THINGSTEAD_{name}_ADDR"), format!("127.0.0.1:{port}"));
    }
    Ok(())
}

/// What only Thingstead has: its API, and who the device is there.
pub(crate) struct Admin {
    api: u16,
    certificate_arn: String,
}

impl Admin {
    /// One request to the API port.
    pub(crate) async fn send(&self, method: &str, path: &str, body: Option<&Value>) -> Outcome<String> {
        http::send(self.api, method, path, "", body).await
    }

    /// Makes a policy that allows everything with one statement.
    pub(crate) async fn allow_all(&self) -> Outcome<()> {
        let statement = json!({ "Effect": "Allow", "Action": "*", "Resource": "*" });
        let document = json!({ "Version": "2012-10-17", "Statement": [statement] });
        let policy = json!({ "policyDocument": document.to_string() });
        self.send("POST", "/policies/allow-all", Some(&policy)).await.map(drop)
    }

    /// Attaches one of the device's policies and takes the other away.
    pub(crate) async fn switch_policy(&self, to: &str, from: &str) -> Outcome<()> {
        let target = json!({ "target": self.certificate_arn });
        self.send("PUT", &format!("/target-policies/{to}"), Some(&target)).await?;
        self.send("POST", &format!("/target-policies/{from}"), Some(&target)).await.map(drop)
    }
}

/// Waits until it is ready and registers the device. The server's root certificate as PEM is returned, too.
pub(crate) async fn prepare(ports: &Ports, certificates: &Certificates) -> Outcome<(Admin, String)> {
    let mut tries = 0;
    let root = loop {
        match http::send(ports.api, "GET", "/_thingstead/ca.pem", "", None).await {
            Ok(root) => break root,
            Err(error) if tries == 1_000 => return Err(format!("thingstead is not ready: {error}").into()),
            Err(_) => tries += 1,
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    let certificate = json!({ "certificatePem": certificates.device, "status": "ACTIVE" });
    let registered =
        http::send(ports.api, "POST", "/certificate/register-no-ca", "", Some(&certificate)).await?;
    let registered: Value = serde_json::from_str(&registered)?;
    let arn =
        registered.get("certificateArn").and_then(Value::as_str).ok_or("no certificateArn in the answer")?;
    let policy = json!({ "policyDocument": policy().to_string() });
    http::send(ports.api, "POST", "/policies/bench", "", Some(&policy)).await?;
    http::send(ports.api, "PUT", "/target-policies/bench", "", Some(&json!({ "target": arn }))).await?;
    rules(ports.api).await?;
    Ok((Admin { api: ports.api, certificate_arn: arn.to_owned() }, root))
}

/// One rule that carries messages over; and for each kind of receiver one that posts to it, and one that republishes, too.
async fn rules(api: u16) -> Outcome<()> {
    let republish = |topic: &str| json!({"republish": {"roleArn": "arn:aws:iam::000000000000:role/bench", "topic": topic}});
    let mut rules =
        vec![("bench", "bench/rule/in/+".to_owned(), vec![republish("bench/rule/out/${topic(4)}")])];
    for receiver in Receiver::ALL {
        let url = receiver.start()?;
        let post: Vec<Value> = url.into_iter().map(|url| json!({"http": {"url": url}})).collect();
        let (alone, carrying) = (receiver.rule(), receiver.carrying_rule());
        let carry = republish(&format!("bench/rule/{carrying}/out/${{topic(5)}}"));
        rules.push((alone, format!("bench/rule/{alone}/+"), post.clone()));
        rules.push((carrying, format!("bench/rule/{carrying}/in/+"), [post, vec![carry]].concat()));
    }
    for (name, filter, actions) in rules {
        let rule = json!({
            "sql": format!("SELECT * FROM '{filter}'"), "actions": actions, "awsIotSqlVersion": "2016-03-23",
        });
        http::send(api, "POST", &format!("/rules/{name}"), "", Some(&rule)).await?;
    }
    Ok(())
}

/// What a fleet's policy looks like: one statement for each action, a policy variable in the first.
fn policy() -> Value {
    let allow = |action: &str, resources: &[&str]| {
        json!({
            "Effect": "Allow",
            "Action": action,
            "Resource": resources.iter().map(|resource| format!("arn:aws:iot:us-east-1:000000000000:{resource}")).collect::<Vec<_>>(),
        })
    };
    json!({
        "Version": "2012-10-17",
        "Statement": [
            allow("iot:Connect", &["client/${iot:ClientId}"]),
            allow("iot:Publish", &["topic/bench/*", "topic/$aws/things/*"]),
            allow("iot:Subscribe", &["topicfilter/bench/*", "topicfilter/$aws/things/*"]),
            allow("iot:Receive", &["topic/bench/*", "topic/$aws/things/*"]),
        ],
    })
}
