//! `TestAuthorization`: what would be decided, policy by policy (section 8.1 of the policy specification).

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use thingstead_core::{Decision, Outcome, PolicyName};
use thingstead_policy_engine::Applicable;

use super::standing::Standing;
use super::{Action, AuthorityRequest, Source};

/// A question about a principal as it would be with other policies attached. It has no effect on anything (POLICY-517), and
/// the certificate's status makes no difference (POLICY-516).
#[derive(Clone, Debug)]
pub struct AuthorizationTest {
    /// Whose connection is supposed; without a client identifier thing variables have no value (POLICY-511, POLICY-512).
    pub request: AuthorityRequest,
    /// Treated as attached (POLICY-513).
    pub add: Vec<Applicable>,
    /// Treated as not attached, wherever they are.
    pub skip: BTreeSet<PolicyName>,
}

/// The answer for one action on some resources.
#[derive(Clone, Debug)]
pub struct TestedAction {
    /// The worst of all resources (POLICY-505).
    pub outcome: Outcome,
    /// Policies with an applicable `Allow` (POLICY-506).
    pub allowing: Vec<PolicyName>,
    /// Policies with an applicable `Deny` (POLICY-507).
    pub denying: Vec<PolicyName>,
    /// Policies without any applicable statement (POLICY-508).
    pub silent: Vec<PolicyName>,
    /// Variables and condition keys that were needed and had no value (POLICY-510).
    pub missing: Vec<Arc<str>>,
    /// The decision on every resource, in order.
    pub decisions: Vec<Decision>,
}

impl AuthorizationTest {
    /// One answer for each action with its resources, which are full ARNs.
    pub fn run(&self, source: &dyn Source, asked: &[(Action, Vec<String>)]) -> Vec<TestedAction> {
        let standing = self.standing(source);
        asked.iter().map(|(action, resources)| self.tested(&standing, *action, resources)).collect()
    }

    fn standing(&self, source: &dyn Source) -> Standing {
        let Self { request, add, skip } = self;
        let generation = source.generation(&request.scope).load(Ordering::Acquire);
        let mut certificate =
            request.principal.certificate().and_then(|id| source.certificate(&request.scope, id));
        let mut standing = Standing::load(source, request, &mut certificate, generation);
        if let Some(policies) = &mut standing.policies {
            let known: BTreeSet<PolicyName> = policies.iter().map(|policy| policy.name.clone()).collect();
            policies.extend(add.iter().filter(|policy| !known.contains(&policy.name)).cloned());
            policies.retain(|policy| !skip.contains(&policy.name));
        }
        standing.context.now = Some(source.now());
        standing
    }

    fn tested(&self, standing: &Standing, action: Action, resources: &[String]) -> TestedAction {
        let policies = standing.policies.as_deref().unwrap_or_default();
        let (mut allows, mut denies) = (vec![false; policies.len()], vec![false; policies.len()]);
        let mut decisions = Vec::with_capacity(resources.len());
        let mut missing: Vec<Arc<str>> = Vec::new();
        for resource in resources {
            let verdicts = standing.verdicts(action, resource);
            for ((verdict, allows), denies) in verdicts.iter().zip(&mut allows).zip(&mut denies) {
                *allows |= verdict.allows;
                *denies |= verdict.denies;
            }
            let decision = standing.decide(action, resource, &self.request.principal);
            for variable in decision.variables.iter().filter(|variable| variable.value.is_none()) {
                if !missing.contains(&variable.name) {
                    missing.push(Arc::clone(&variable.name));
                }
            }
            decisions.push(decision);
        }
        let named = |wanted: &dyn Fn(bool, bool) -> bool| {
            let flags = allows.iter().zip(&denies);
            let wanted =
                policies.iter().zip(flags).filter(|(_, (allows, denies))| wanted(**allows, **denies));
            wanted.map(|(policy, _)| policy.name.clone()).collect()
        };
        let has = |outcome| decisions.iter().any(|decision| decision.outcome == outcome);
        let outcome =
            [Outcome::ExplicitDeny, Outcome::ImplicitDeny].into_iter().find(|outcome| has(*outcome));
        TestedAction {
            outcome: outcome.unwrap_or(Outcome::Allowed),
            allowing: named(&|allows, _| allows),
            denying: named(&|_, denies| denies),
            silent: named(&|allows, denies| !allows && !denies),
            missing,
            decisions,
        }
    }
}
