//! Any text as a policy, any text as a client and a resource: never a panic, both paths agree, and the fix that is offered
//! really allows.
//!
//! The fuzz target and the seeded tests run the same function.

use std::sync::Arc;

use thingstead_core::Outcome;
use thingstead_policy_engine::{Applicable, Context, Document, Request, evaluate, fix, permits};

/// The first two lines are the client identifier and the resource, the rest is the policy.
pub(crate) fn any_policy(text: &str) {
    let mut parts = text.splitn(3, '\n');
    let (Some(client), Some(resource), Some(policy)) = (parts.next(), parts.next(), parts.next()) else {
        return;
    };
    let mut policies: Vec<Applicable> = match Document::parse(policy) {
        Ok(document) => vec![named(document)],
        Err(error) => {
            assert!(error.aws_message().starts_with("Policy document is Malformed"));
            return;
        }
    };
    let context = Context { client_id: Some(Arc::from(client)), ..Context::default() };
    for action in ["iot:Publish", "iot:Connect"] {
        let request = Request { action, resource, context: &context };
        let decision = evaluate(&policies, &request);
        assert_eq!(decision.outcome, permits(&policies, &request));
        assert_eq!(decision.fix.is_none(), decision.is_allowed());
        let grant = fix::grant(action, resource).statement;
        if let Ok(document) = Document::parse(&format!(r#"{{"Version":"2012-10-17","Statement":{grant}}}"#)) {
            policies.push(named(document));
            let outcome = permits(&policies, &request);
            assert_eq!(outcome == Outcome::ExplicitDeny, decision.outcome == Outcome::ExplicitDeny);
            assert_ne!(outcome, Outcome::ImplicitDeny);
        }
    }
}

fn named(document: Document) -> Applicable {
    Applicable { name: "fuzzed".into(), version: None, document: Arc::new(document) }
}
