//! One permission decision.

use std::sync::Arc;

use thingstead_core::{ClientId, Clock, Ids, Journal, PolicyName, Principal, Scope};
use thingstead_policy_engine::{Applicable, Context, Document, Protocol, Request, evaluate, permits};
use thingstead_registry::{Action, Authority, AuthorityRequest, Registry, RegistrySettings, TABLES};
use thingstead_store::Store;

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
    match connection() {
        Ok(mut connection) => {
            let topics: Vec<String> =
                (0..16).map(|n| format!("dt/plant-7/sensor-42/temperature/{n}")).collect();
            let (mut turn, mut judged) = (0, 0_u32);
            table.line("authority: a decision known for this connection and topic", || {
                turn = (turn + 1) % topics.len();
                topics.get(turn).is_some_and(|topic| connection.permits(Action::Publish, topic))
            });
            table.line("authority: a topic judged for the first time", || {
                judged = judged.wrapping_add(1);
                connection.permits(Action::Publish, &format!("dt/plant-7/sensor-42/{judged}"))
            });
        }
        Err(error) => table.line(&format!("authority: {error}"), || ()),
    }
}

/// The permissions of a connection on a real registry; its policy is what a custom authorizer answered.
fn connection() -> Result<Authority, Box<dyn std::error::Error>> {
    let (store, clock, ids) = (Store::ephemeral(TABLES)?, Clock::system(), Ids::seeded(1));
    let registry = Registry::open(store, clock, ids, Journal::default(), RegistrySettings::default())?;
    let principal = Principal::Custom { principal_id: Arc::from("fleet"), certificate: None };
    let scope = Scope::new("000000000000", "us-east-1");
    let mut request = AuthorityRequest::new(scope, principal, Protocol::Mqtt);
    request.client = Some(ClientId::from("sensor-42"));
    request.documents = vec![fleet_policy()?];
    Ok(registry.authority(request))
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
