//! How the tests ask.

use std::sync::Arc;

use thingstead_core::{Decision, Outcome};
use thingstead_policy_engine::{Applicable, Context, Document, Request, evaluate, permits};

/// The account and Region of all tests.
pub(crate) const PREFIX: &str = "arn:aws:iot:us-east-1:123456789012:";

/// A policy of one version; `A(x)` in the text stands for an ARN of the tests' account.
pub(crate) fn policy(name: &str, text: &str) -> Applicable {
    let text = expanded(text);
    let document = Document::parse(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    Applicable { name: name.into(), version: Some(Arc::from("1")), document: Arc::new(document) }
}

/// A policy of the present language with these statements.
pub(crate) fn statements(text: &str) -> Applicable {
    policy("p", &format!(r#"{{"Version":"2012-10-17","Statement":[{text}]}}"#))
}

/// One `Allow` of everything under a condition.
pub(crate) fn allow_if(condition: &str) -> Applicable {
    statements(&format!(r#"{{"Effect":"Allow","Action":"*","Resource":"*","Condition":{condition}}}"#))
}

pub(crate) fn expanded(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("A(") {
        let (inner, tail) = after.split_once(')').expect("A( is closed");
        out.extend([before, PREFIX, inner]);
        rest = tail;
    }
    out + rest
}

/// The decision; both paths must agree on it.
pub(crate) fn decide(policies: &[Applicable], action: &str, resource: &str, context: &Context) -> Decision {
    let resource = expanded(resource);
    let request = Request { action, resource: &resource, context };
    let decision = evaluate(policies, &request);
    assert_eq!(decision.outcome, permits(policies, &request), "{decision:?}");
    decision
}

pub(crate) fn allowed(policies: &[Applicable], action: &str, resource: &str, context: &Context) -> bool {
    decide(policies, action, resource, context).outcome == Outcome::Allowed
}

pub(crate) fn client(id: &str) -> Context {
    Context { client_id: Some(Arc::from(id)), ..Context::default() }
}
