//! One permission decision.

use std::sync::Arc;

use thingstead_core::PolicyName;
use thingstead_policy_engine::{Applicable, Context, Document, Request, evaluate, permits};

use crate::table::Table;

pub(crate) fn measure(table: &mut Table) {
    match fleet_policy() {
        Ok(policy) => {
            let context = Context { client_id: Some(Arc::from("sensor-42")), ..Context::default() };
            let policies = [policy];
            let resource = "arn:aws:iot:us-east-1:000000000000:topic/dt/plant-7/sensor-42/temperature";
            let request = Request { action: "iot:Publish", resource, context: &context };
            let denied =
                Request { resource: "arn:aws:iot:us-east-1:000000000000:topic/dt/plant-7/other", ..request };
            table.line("policy: allowed, four statements, one variable", || permits(&policies, &request));
            table.line("policy: denied, four statements, one variable", || permits(&policies, &denied));
            table.line("policy: denied, with reasons and fix", || evaluate(&policies, &denied));
        }
        Err(error) => table.line(&format!("policy: {error}"), || ()),
    }
}

fn fleet_policy() -> Result<Applicable, Box<dyn std::error::Error>> {
    let text = r#"{
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": "iot:Connect", "Resource": "arn:aws:iot:us-east-1:000000000000:client/${iot:ClientId}"},
            {"Effect": "Allow", "Action": ["iot:Publish", "iot:Receive"], "Resource": "arn:aws:iot:us-east-1:000000000000:topic/dt/*/${iot:ClientId}/*"},
            {"Effect": "Allow", "Action": "iot:Subscribe", "Resource": "arn:aws:iot:us-east-1:000000000000:topicfilter/cmd/${iot:ClientId}/*"},
            {"Effect": "Allow", "Action": "iot:Receive", "Resource": "arn:aws:iot:us-east-1:000000000000:topic/cmd/${iot:ClientId}/*"}
        ]
    }"#;
    Ok(Applicable {
        name: PolicyName::from("fleet"),
        version: Some(Arc::from("1")),
        document: Arc::new(Document::parse(text)?),
    })
}
