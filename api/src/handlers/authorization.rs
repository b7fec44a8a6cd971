//! Asking what policies allow: `TestAuthorization` and `GetEffectivePolicies` (section 4.9).

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use serde::{Deserialize, Serialize};
use thingstead_core::{ClientId, Outcome, PolicyName, Principal, Scope, ThingName, Timestamp};
use thingstead_policy_engine::{Applicable, CertificateFacts, Protocol, ThingFacts};
use thingstead_registry::authority::{Holder, Identities, Source, ThingAttachment};
use thingstead_registry::{Action, Authority, AuthorityRequest, Policy, Registry, Target};

use super::policies::PolicyRow;
use crate::{ApiError, Call};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TestAuthorizationRequest {
    principal: Option<String>,
    cognito_identity_pool_id: Option<String>,
    auth_infos: Vec<AuthInfo>,
    client_id: Option<ClientId>,
    #[serde(default)]
    policy_names_to_add: Vec<String>,
    #[serde(default)]
    policy_names_to_skip: Vec<String>,
}

/// What is asked: one action on each of some ARNs.
#[derive(Clone, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct AuthInfo {
    action_type: Option<ActionType>,
    resources: Vec<String>,
}

#[derive(Clone, Copy, Deserialize, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum ActionType {
    Publish,
    Subscribe,
    Receive,
    Connect,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TestAuthorizationResponse {
    auth_results: Vec<AuthResult>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AuthResult {
    auth_info: AuthInfo,
    allowed: Policies,
    denied: Denied,
    auth_decision: Outcome,
    missing_context_values: BTreeSet<String>,
}

#[derive(Default, Serialize)]
struct Policies {
    policies: Vec<PolicyRow>,
}

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Denied {
    implicit_deny: Policies,
    explicit_deny: Policies,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GetEffectivePoliciesRequest {
    principal: Option<String>,
    cognito_identity_pool_id: Option<String>,
    thing_name: Option<ThingName>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GetEffectivePoliciesResponse {
    effective_policies: Vec<EffectivePolicy>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EffectivePolicy {
    policy_name: PolicyName,
    policy_arn: String,
    policy_document: Arc<str>,
}

/// One result for each info, in order (API-183 – API-185).
pub(crate) async fn test_authorization(
    call: Call,
    input: TestAuthorizationRequest,
) -> Result<TestAuthorizationResponse, ApiError> {
    let registry = &call.deps.registry;
    let target = principal(&call, input.principal.as_deref(), input.cognito_identity_pool_id.as_deref())?;
    let mut added = Vec::new();
    for name in &input.policy_names_to_add {
        registry.get_policy(&call.scope, name)?;
        added.extend(call.deps.authority.policy(&call.scope, name));
    }
    for name in &input.policy_names_to_skip {
        registry.get_policy(&call.scope, name)?;
    }
    let skipped = input.policy_names_to_skip.into_iter().collect();
    let source = Arc::new(Adjusted { source: Arc::clone(&call.deps.authority), added, skipped });
    let asked = AuthorityRequest {
        client: input.client_id,
        ..AuthorityRequest::new(call.scope.clone(), principal_of(&target), Protocol::Mqtt)
    };
    let mut authority = Authority::new(source, asked);
    let results = input.auth_infos.into_iter().map(|info| judged(&call, &mut authority, info));
    Ok(TestAuthorizationResponse { auth_results: results.collect::<Result<_, _>>()? })
}

/// The policies of a principal, and of a thing's groups and their ancestors; each once (API-186).
pub(crate) async fn get_effective_policies(
    call: Call,
    input: GetEffectivePoliciesRequest,
) -> Result<GetEffectivePoliciesResponse, ApiError> {
    let registry = &call.deps.registry;
    let mut holders = Vec::new();
    if input.principal.is_some() || input.cognito_identity_pool_id.is_some() || input.thing_name.is_none() {
        let (principal_arn, pool) = (input.principal.as_deref(), input.cognito_identity_pool_id.as_deref());
        holders.push(principal(&call, principal_arn, pool)?);
    }
    if let Some(thing) = &input.thing_name {
        registry.describe_thing(&call.scope, thing)?;
        let groups = registry.groups_with_ancestors(&call.scope, thing);
        holders.extend(groups.into_iter().map(Target::ThingGroup));
    }
    let mut seen = BTreeSet::new();
    let mut effective_policies = Vec::new();
    for policy in holders.iter().flat_map(|holder| registry.policies_of(&call.scope, holder)) {
        if seen.insert(policy.name.clone()) {
            effective_policies.push(EffectivePolicy::of(&call.scope, &policy));
        }
    }
    Ok(GetEffectivePoliciesResponse { effective_policies })
}

/// The principal that is asked about, which must exist.
fn principal(call: &Call, principal: Option<&str>, pool: Option<&str>) -> Result<Target, ApiError> {
    let Some(text) = principal.or(pool) else {
        return Err(ApiError::invalid_request(
            "one of `principal` and `cognitoIdentityPoolId` must be given",
        ));
    };
    let target = Target::parse(&call.scope, text)?;
    match &target {
        Target::Certificate(id) => drop(call.deps.registry.describe_certificate(&call.scope, id)?),
        Target::Identity(_) => {}
        Target::ThingGroup(_) => {
            return Err(ApiError::invalid_request(format!(
                "`{text}` is a thing group, which is no principal"
            )));
        }
    }
    Ok(target)
}

fn principal_of(target: &Target) -> Principal {
    match target {
        Target::Certificate(id) => Principal::Certificate(id.clone()),
        Target::Identity(id) | Target::ThingGroup(id) => {
            Principal::Cognito { identity_id: Arc::clone(id), authenticated: true }
        }
    }
}

fn judged(call: &Call, authority: &mut Authority, info: AuthInfo) -> Result<AuthResult, ApiError> {
    let action = match info.action_type {
        Some(ActionType::Publish) => Action::Publish,
        Some(ActionType::Subscribe) => Action::Subscribe,
        Some(ActionType::Receive) => Action::Receive,
        Some(ActionType::Connect) => Action::Connect,
        None => return Err(ApiError::invalid_request("`actionType` is missing")),
    };
    let (mut allowing, mut denying) = (BTreeSet::new(), BTreeSet::new());
    let mut missing_context_values = BTreeSet::new();
    let mut auth_decision = Outcome::Allowed;
    let prefix = action.resource(&call.scope, "");
    for arn in &info.resources {
        let subject = arn.strip_prefix(&prefix).ok_or_else(|| {
            ApiError::invalid_request(format!(
                "the resource `{arn}` cannot be judged; expected an ARN that begins `{prefix}`"
            ))
        })?;
        let decision = authority.decide(action, subject);
        let names = decision.because.iter().map(|statement| statement.policy.to_string());
        auth_decision = match (auth_decision, decision.outcome) {
            (Outcome::ExplicitDeny, _) | (_, Outcome::ExplicitDeny) => Outcome::ExplicitDeny,
            (Outcome::ImplicitDeny, _) | (_, Outcome::ImplicitDeny) => Outcome::ImplicitDeny,
            (Outcome::Allowed, Outcome::Allowed) => Outcome::Allowed,
        };
        match decision.outcome {
            Outcome::Allowed => allowing.extend(names),
            Outcome::ExplicitDeny => denying.extend(names),
            Outcome::ImplicitDeny => {}
        }
        let missing = decision.variables.iter().filter(|variable| variable.value.is_none());
        missing_context_values.extend(missing.map(|variable| variable.name.to_string()));
    }
    let implicit = auth_decision == Outcome::ImplicitDeny;
    let considered: BTreeSet<String> =
        authority.policies().iter().filter(|_| implicit).map(|policy| policy.name.to_string()).collect();
    let registry = &call.deps.registry;
    Ok(AuthResult {
        auth_info: info,
        allowed: Policies::of(registry, &call.scope, &allowing),
        denied: Denied {
            implicit_deny: Policies::of(registry, &call.scope, &considered),
            explicit_deny: Policies::of(registry, &call.scope, &denying),
        },
        auth_decision,
        missing_context_values,
    })
}

impl Policies {
    fn of(registry: &Registry, scope: &Scope, names: &BTreeSet<String>) -> Self {
        let found = names.iter().filter_map(|name| registry.get_policy(scope, name).ok());
        Self { policies: found.map(|policy| PolicyRow::of(scope, &policy)).collect() }
    }
}

impl EffectivePolicy {
    fn of(scope: &Scope, policy: &Policy) -> Self {
        Self {
            policy_name: policy.name.clone(),
            policy_arn: policy.arn(scope).to_string(),
            policy_document: policy.default().map(|version| Arc::clone(version.text())).unwrap_or_default(),
        }
    }
}

/// The registry with some policies more and some fewer on every principal.
struct Adjusted {
    source: Arc<dyn Source>,
    added: Vec<Applicable>,
    skipped: BTreeSet<String>,
}

impl Source for Adjusted {
    fn generation(&self, scope: &Scope) -> Arc<AtomicU64> {
        self.source.generation(scope)
    }

    fn now(&self) -> Timestamp {
        self.source.now()
    }

    fn identities(&self) -> Arc<Identities> {
        self.source.identities()
    }

    fn policy(&self, scope: &Scope, name: &str) -> Option<Applicable> {
        self.source.policy(scope, name)
    }

    fn policies_of(&self, scope: &Scope, holder: Holder<'_>) -> Vec<Applicable> {
        let mut policies = self.source.policies_of(scope, holder);
        if !matches!(holder, Holder::ThingGroup(_)) {
            policies.extend(self.added.iter().cloned());
        }
        policies.retain(|policy| !self.skipped.contains(&*policy.name));
        policies
    }

    fn certificate(&self, scope: &Scope, id: &str) -> Option<Arc<CertificateFacts>> {
        self.source.certificate(scope, id)
    }

    fn things_of(&self, scope: &Scope, holder: Holder<'_>) -> Vec<ThingAttachment> {
        self.source.things_of(scope, holder)
    }

    fn thing(&self, scope: &Scope, name: &str) -> Option<ThingFacts> {
        self.source.thing(scope, name)
    }

    fn groups_of(&self, scope: &Scope, thing: &str) -> Vec<Arc<str>> {
        self.source.groups_of(scope, thing)
    }
}
