//! Whether the caller of a data-plane operation may do it: the policies of its certificate, or those the configuration
//! gives an IAM identity (MQTT-230, SHADOW-171, AUTH-109).

use std::sync::Arc;

use serde_json::{Map, Value};
use thingstead_core::journal::Kind;
use thingstead_core::{Decision, Event};
use thingstead_policy_engine::Protocol;
use thingstead_registry::{Action, Authority, AuthorityRequest};

use super::Arrived;
use super::caller::Caller;
use crate::model::{Operation, Service};
use crate::{ApiDeps, ApiError};

/// What must be allowed: all of the actions, each on its subject.
type Demand = Vec<(Action, String)>;

/// Answers 403 with the reason, and leaves the decision in the journal, when the caller may not.
pub(super) fn check(
    deps: &ApiDeps,
    caller: &Caller,
    operation: &Operation,
    members: &Map<String, Value>,
    request: &Arrived,
) -> Result<(), ApiError> {
    if operation.service != Service::IotData {
        return Ok(());
    }
    let Some(demand) = demand(&operation.name, members) else {
        // An operation of the data plane that this table forgot is nobody's.
        return Err(ApiError::new("ForbiddenException", format!("`{}` cannot be judged", operation.name)));
    };
    let peer = request.peer.as_ref();
    let asked = AuthorityRequest {
        source_ip: request.remote.map(|remote| remote.ip()),
        domain_name: peer.and_then(|peer| peer.server_name.clone()),
        secure_transport: peer.is_some(),
        documents: caller.documents.clone(),
        session: caller.session.clone(),
        direct_message_topic: text(members, "topic")
            .filter(|_| operation.name == "SendDirectMessage")
            .map(Arc::from),
        include_socket_information: members.get("includeSocketInformation").and_then(Value::as_bool),
        ..AuthorityRequest::new(caller.scope.clone(), caller.principal.clone(), Protocol::Https)
    };
    let mut authority = Authority::new(Arc::clone(&deps.authority), asked);
    for (action, subject) in demand {
        if authority.permits(action, &subject) {
            continue;
        }
        let decision = authority.decide(action, &subject);
        // A publish is a publish, whichever door it came to.
        let kind = if operation.name == "Publish" { Kind::PublishRefused } else { Kind::RequestRefused };
        refused(kind, deps, caller, members, request, &decision);
        // The words clients know (POLICY-429), and ours next to them.
        let error = ApiError::new("ForbiddenException", "Forbidden").with("why", decision.why.clone());
        // POLICY-467
        return Err(if action == Action::SendDirectMessage { error.without_body() } else { error });
    }
    Ok(())
}

fn demand(operation: &str, members: &Map<String, Value>) -> Option<Demand> {
    let member = |name: &str| text(members, name).unwrap_or_default().to_owned();
    let one = |action, name: &str| Some(vec![(action, member(name))]);
    // A grant on the thing alone does not cover its named shadows (POLICY-108, POLICY-109).
    let shadow = |action| {
        let thing = member("thingName");
        let subject = match text(members, "shadowName") {
            Some(name) => format!("{thing}/{name}"),
            None => thing,
        };
        Some(vec![(action, subject)])
    };
    match operation {
        "Publish" => {
            let topic = member("topic");
            let retains = members.get("retain").and_then(Value::as_bool).unwrap_or(false);
            let retain = retains.then(|| (Action::RetainPublish, topic.clone()));
            Some([(Action::Publish, topic)].into_iter().chain(retain).collect())
        }
        "GetThingShadow" => shadow(Action::GetThingShadow),
        "UpdateThingShadow" => shadow(Action::UpdateThingShadow),
        "DeleteThingShadow" => shadow(Action::DeleteThingShadow),
        "ListNamedShadowsForThing" => one(Action::ListNamedShadowsForThing, "thingName"),
        "GetRetainedMessage" => one(Action::GetRetainedMessage, "topic"),
        "ListRetainedMessages" => Some(vec![(Action::ListRetainedMessages, String::new())]),
        "GetConnection" => one(Action::GetConnection, "clientId"),
        "DeleteConnection" => one(Action::DeleteConnection, "clientId"),
        "ListSubscriptions" => one(Action::ListSubscriptions, "clientId"),
        "SendDirectMessage" => one(Action::SendDirectMessage, "clientId"),
        _ => None,
    }
}

fn refused(
    kind: Kind,
    deps: &ApiDeps,
    caller: &Caller,
    members: &Map<String, Value>,
    request: &Arrived,
    decision: &Arc<Decision>,
) {
    let mut event = Event::new(&caller.scope, deps.clock.now(), kind)
        .source(request.remote)
        .principal(caller.principal.to_string())
        .thing(text(members, "thingName").map(Arc::from))
        .with("method", request.method.as_str())
        .with("path", request.path.as_str())
        .decision(Arc::clone(decision));
    if let Some(topic) = text(members, "topic") {
        event = event.topic(topic);
    }
    deps.journal.record(event);
}

fn text<'a>(members: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    members.get(name).and_then(Value::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_of_the_data_plane_is_judged() {
        // SHADOW-171, POLICY-108, POLICY-109, POLICY-430, POLICY-461, MQTT-230, MQTT-233, MQTT-234, MQTT-238, MQTT-246
        let members =
            serde_json::json!({ "topic": "a", "retain": true, "thingName": "t", "shadowName": "s" });
        let members = members.as_object().expect("an object");
        for operation in Service::IotData.model().operations() {
            assert!(demand(&operation.name, members).is_some(), "{}", operation.name);
        }
        let publish = demand("Publish", members).expect("judged");
        assert_eq!(
            publish.iter().map(|(action, _)| *action).collect::<Vec<_>>(),
            [Action::Publish, Action::RetainPublish]
        );
        let shadow = demand("GetThingShadow", members).expect("judged");
        assert_eq!(shadow, [(Action::GetThingShadow, "t/s".to_owned())]);
        let members = serde_json::json!({ "thingName": "t" });
        let classic = demand("GetThingShadow", members.as_object().expect("an object")).expect("judged");
        assert_eq!(classic, [(Action::GetThingShadow, "t".to_owned())]);
    }
}
