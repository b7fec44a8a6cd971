//! Asking what policies allow: `TestAuthorization` and `GetEffectivePolicies` (section 4.9).

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thingstead_core::{ClientId, Outcome, PolicyName, Principal, Scope, ThingName};
use thingstead_policy_engine::Protocol;
use thingstead_registry::authority::{AuthorizationTest, TestedAction};
use thingstead_registry::{Action, AuthorityRequest, Policy, Registry, Target};

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
    missing_context_values: Vec<Arc<str>>,
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
    let principal = tested(&call, input.principal.as_deref(), input.cognito_identity_pool_id.as_deref())?;
    let source = call.deps.authority.as_ref();
    let mut add = Vec::new();
    for name in &input.policy_names_to_add {
        registry.get_policy(&call.scope, name)?;
        add.extend(source.policy(&call.scope, name));
    }
    for name in &input.policy_names_to_skip {
        registry.get_policy(&call.scope, name)?;
    }
    let skip = input.policy_names_to_skip.into_iter().map(PolicyName::from).collect();
    let request = AuthorityRequest {
        client: input.client_id,
        ..AuthorityRequest::new(call.scope.clone(), principal, Protocol::Mqtt)
    };
    let asked: Vec<_> = input.auth_infos.iter().map(AuthInfo::asked).collect::<Result<_, _>>()?;
    let tested = AuthorizationTest { request, add, skip }.run(source, &asked);
    let results = input.auth_infos.into_iter().zip(tested);
    let results = results.map(|(info, tested)| AuthResult::of(registry, &call.scope, info, tested));
    Ok(TestAuthorizationResponse { auth_results: results.collect() })
}

/// The policies of a principal, and of a thing's groups and their ancestors; each once (API-186).
pub(crate) async fn get_effective_policies(
    call: Call,
    input: GetEffectivePoliciesRequest,
) -> Result<GetEffectivePoliciesResponse, ApiError> {
    let registry = &call.deps.registry;
    let mut holders = Vec::new();
    // The pool stands for its unauthenticated identities, which carry no IoT policies (POLICY-363).
    if let Some(principal) = &input.principal {
        holders.push(holder(&call, principal)?);
    } else if input.cognito_identity_pool_id.is_none() && input.thing_name.is_none() {
        return Err(ApiError::invalid_request(
            "one of `principal`, `cognitoIdentityPoolId` and `thingName` must be given",
        ));
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

/// Who carries policies: a certificate, a thing group or a Cognito identity, which must exist (POLICY-531).
fn holder(call: &Call, text: &str) -> Result<Target, ApiError> {
    let target = Target::parse(&call.scope, text)?;
    match &target {
        Target::Certificate(id) => drop(call.deps.registry.describe_certificate(&call.scope, id)?),
        Target::ThingGroup(name) => drop(call.deps.registry.describe_thing_group(&call.scope, name)?),
        Target::Identity(_) => {}
    }
    Ok(target)
}

/// Whose connection is supposed; the pool alone stands for its unauthenticated identities (POLICY-515).
fn tested(call: &Call, principal: Option<&str>, pool: Option<&str>) -> Result<Principal, ApiError> {
    let cognito = |identity_id, authenticated| Principal::Cognito { identity_id, authenticated };
    let Some(text) = principal else {
        return match pool {
            Some(pool) => Ok(cognito(Arc::from(pool), false)),
            None => {
                Err(ApiError::invalid_request("one of `principal` and `cognitoIdentityPoolId` must be given"))
            }
        };
    };
    match holder(call, text)? {
        Target::Certificate(id) => Ok(Principal::Certificate(id)),
        Target::Identity(id) => Ok(cognito(id, true)),
        Target::ThingGroup(_) => {
            Err(ApiError::invalid_request(format!("`{text}` is a thing group, which is no principal")))
        }
    }
}

impl AuthInfo {
    /// The action, and the ARNs it is judged on.
    fn asked(&self) -> Result<(Action, Vec<String>), ApiError> {
        let action = match self.action_type {
            Some(ActionType::Publish) => Action::Publish,
            Some(ActionType::Subscribe) => Action::Subscribe,
            Some(ActionType::Receive) => Action::Receive,
            Some(ActionType::Connect) => Action::Connect,
            None => return Err(ApiError::invalid_request("`actionType` is missing")),
        };
        Ok((action, self.resources.clone()))
    }
}

impl AuthResult {
    fn of(registry: &Registry, scope: &Scope, auth_info: AuthInfo, tested: TestedAction) -> Self {
        Self {
            auth_info,
            allowed: Policies::of(registry, scope, &tested.allowing),
            denied: Denied {
                implicit_deny: Policies::of(registry, scope, &tested.silent),
                explicit_deny: Policies::of(registry, scope, &tested.denying),
            },
            auth_decision: tested.outcome,
            missing_context_values: tested.missing,
        }
    }
}

impl Policies {
    fn of(registry: &Registry, scope: &Scope, names: &[PolicyName]) -> Self {
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
