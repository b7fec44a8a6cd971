//! The decision: policies pooled, a `Deny` first, then an `Allow` (section 6).

use thingstead_core::Outcome;

use crate::context::Context;
use crate::document::{Applicable, Effect, Statement};

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Such as `iot:Publish`, in any case.
    pub action: &'a str,
    /// The request resource: a full ARN, or `*` (POLICY-107).
    pub resource: &'a str,
    /// The facts.
    pub context: &'a Context,
}

/// Decides without reasons (POLICY-350 to POLICY-354).
pub fn permits(policies: &[Applicable], request: &Request<'_>) -> Outcome {
    let request = Lowered::new(request);
    let mut outcome = Outcome::ImplicitDeny;
    for statement in policies.iter().flat_map(|policy| &policy.document.statements) {
        // Once allowed, only a denial can still change the outcome.
        if (statement.effect == Effect::Deny || outcome == Outcome::ImplicitDeny)
            && statement.applies(&request)
        {
            match statement.effect {
                Effect::Deny => return Outcome::ExplicitDeny,
                Effect::Allow => outcome = Outcome::Allowed,
            }
        }
    }
    outcome
}

/// What one policy has to say to a request, for `TestAuthorization` (POLICY-506 to POLICY-508).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// An `Allow` of it applies.
    pub allows: bool,
    /// A `Deny` of it applies.
    pub denies: bool,
}

/// The verdict of every policy, in order.
pub fn verdicts(policies: &[Applicable], request: &Request<'_>) -> Vec<Verdict> {
    let request = Lowered::new(request);
    policies
        .iter()
        .map(|policy| {
            let applies = |effect| {
                let mut statements = policy.document.statements.iter();
                statements.any(|statement| statement.effect == effect && statement.applies(&request))
            };
            Verdict { allows: applies(Effect::Allow), denies: applies(Effect::Deny) }
        })
        .collect()
}

/// A request whose action is in lower case, as compiled action patterns are.
pub(crate) struct Lowered<'a> {
    pub(crate) action: &'a str,
    pub(crate) lower: String,
    pub(crate) resource: &'a str,
    pub(crate) context: &'a Context,
}

impl<'a> Lowered<'a> {
    pub(crate) fn new(request: &Request<'a>) -> Self {
        let Request { action, resource, context } = *request;
        Self { action, lower: action.to_ascii_lowercase(), resource, context }
    }
}

impl Statement {
    /// POLICY-351.
    pub(crate) fn applies(&self, request: &Lowered<'_>) -> bool {
        self.action_holds(request)
            && self.resource_holds(request)
            && self.condition.iter().all(|test| test.holds(request.context, request.action))
    }

    pub(crate) fn action_holds(&self, request: &Lowered<'_>) -> bool {
        self.actions.holds(|pattern| pattern.lower.covers(&request.lower, request.context, request.action))
    }

    pub(crate) fn resource_holds(&self, request: &Lowered<'_>) -> bool {
        let Lowered { resource, context, action, .. } = request;
        self.resources.holds(|pattern| pattern.covers(resource, context, action))
    }
}
