//! Which policies are attached to whom (section 4.7), in the present and in the deprecated form.

use serde::{Deserialize, Serialize};
use thingstead_core::Scope;
use thingstead_registry::Target;

use super::lists::{Empty, MarkerPage};
use super::policies::PolicyRow;
use crate::{ApiError, Call};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TargetPolicyRequest {
    policy_name: String,
    target: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PrincipalPolicyRequest {
    policy_name: String,
    principal: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListAttachedPoliciesRequest {
    target: String,
    #[serde(default)]
    recursive: bool,
    #[serde(flatten)]
    page: MarkerPage,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListAttachedPoliciesResponse {
    policies: Vec<PolicyRow>,
    next_marker: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PolicyListRequest {
    policy_name: String,
    #[serde(flatten)]
    page: MarkerPage,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListTargetsForPolicyResponse {
    targets: Vec<String>,
    next_marker: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListPolicyPrincipalsResponse {
    principals: Vec<String>,
    next_marker: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListPrincipalPoliciesRequest {
    principal: String,
    #[serde(flatten)]
    page: MarkerPage,
}

pub(crate) async fn attach_policy(call: Call, input: TargetPolicyRequest) -> Result<Empty, ApiError> {
    let target = Target::parse(&call.scope, &input.target)?;
    call.deps.registry.attach_policy(&call.scope, &input.policy_name, &target).await?;
    Ok(Empty {})
}

pub(crate) async fn detach_policy(call: Call, input: TargetPolicyRequest) -> Result<Empty, ApiError> {
    let target = Target::parse(&call.scope, &input.target)?;
    call.deps.registry.detach_policy(&call.scope, &input.policy_name, &target).await?;
    Ok(Empty {})
}

pub(crate) async fn list_attached_policies(
    call: Call,
    input: ListAttachedPoliciesRequest,
) -> Result<ListAttachedPoliciesResponse, ApiError> {
    let target = Target::parse(&call.scope, &input.target)?;
    let registry = &call.deps.registry;
    let page =
        registry.list_attached_policies(&call.scope, &target, input.recursive, &input.page.request())?;
    let page = page.map(|policy| PolicyRow::of(&call.scope, &policy));
    Ok(ListAttachedPoliciesResponse { policies: page.items, next_marker: page.next })
}

pub(crate) async fn list_targets_for_policy(
    call: Call,
    input: PolicyListRequest,
) -> Result<ListTargetsForPolicyResponse, ApiError> {
    let registry = &call.deps.registry;
    let page = registry.list_targets_for_policy(&call.scope, &input.policy_name, &input.page.request())?;
    let page = page.map(|target| target.text(&call.scope));
    Ok(ListTargetsForPolicyResponse { targets: page.items, next_marker: page.next })
}

pub(crate) async fn attach_principal_policy(
    call: Call,
    input: PrincipalPolicyRequest,
) -> Result<Empty, ApiError> {
    let principal = principal(&call.scope, &input.principal)?;
    call.deps.registry.attach_policy(&call.scope, &input.policy_name, &principal).await?;
    Ok(Empty {})
}

pub(crate) async fn detach_principal_policy(
    call: Call,
    input: PrincipalPolicyRequest,
) -> Result<Empty, ApiError> {
    let principal = principal(&call.scope, &input.principal)?;
    call.deps.registry.detach_policy(&call.scope, &input.policy_name, &principal).await?;
    Ok(Empty {})
}

pub(crate) async fn list_principal_policies(
    call: Call,
    input: ListPrincipalPoliciesRequest,
) -> Result<ListAttachedPoliciesResponse, ApiError> {
    let principal = principal(&call.scope, &input.principal)?;
    let registry = &call.deps.registry;
    let page = registry.list_attached_policies(&call.scope, &principal, false, &input.page.request())?;
    let page = page.map(|policy| PolicyRow::of(&call.scope, &policy));
    Ok(ListAttachedPoliciesResponse { policies: page.items, next_marker: page.next })
}

pub(crate) async fn list_policy_principals(
    call: Call,
    input: PolicyListRequest,
) -> Result<ListPolicyPrincipalsResponse, ApiError> {
    let (registry, ascending) = (&call.deps.registry, input.page.ascending_order);
    let page =
        registry.list_policy_principals(&call.scope, &input.policy_name, &input.page.request(), ascending)?;
    let page = page.map(|target| target.text(&call.scope));
    Ok(ListPolicyPrincipalsResponse { principals: page.items, next_marker: page.next })
}

/// A target of the deprecated operations: no thing group (API-175).
fn principal(scope: &Scope, text: &str) -> Result<Target, ApiError> {
    match Target::parse(scope, text)? {
        Target::ThingGroup(_) => Err(ApiError::invalid_request("The given ARN does not represent a cert")),
        principal => Ok(principal),
    }
}
