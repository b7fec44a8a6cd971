//! Policies and their versions (section 4.6).

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thingstead_core::{PolicyName, Scope};
use thingstead_registry::{Policy, PolicyVersion};

use super::lists::{Empty, Epoch, MarkerPage};
use super::tags::{self, Tag};
use crate::{ApiError, Call};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreatePolicyRequest {
    policy_name: String,
    policy_document: String,
    #[serde(default)]
    tags: Vec<Tag>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreatePolicyResponse {
    policy_name: PolicyName,
    policy_arn: String,
    policy_document: Arc<str>,
    policy_version_id: Arc<str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PolicyRequest {
    policy_name: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GetPolicyResponse {
    policy_name: PolicyName,
    policy_arn: String,
    policy_document: Arc<str>,
    default_version_id: Arc<str>,
    creation_date: Epoch,
    last_modified_date: Epoch,
    generation_id: String,
}

#[derive(Deserialize)]
pub(crate) struct ListPoliciesRequest {
    #[serde(flatten)]
    page: MarkerPage,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListPoliciesResponse {
    policies: Vec<PolicyRow>,
    next_marker: Option<String>,
}

/// A policy in a list.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PolicyRow {
    policy_name: PolicyName,
    policy_arn: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreatePolicyVersionRequest {
    policy_name: String,
    policy_document: String,
    #[serde(default)]
    set_as_default: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreatePolicyVersionResponse {
    policy_arn: String,
    policy_document: Arc<str>,
    policy_version_id: Arc<str>,
    is_default_version: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PolicyVersionRequest {
    policy_name: String,
    policy_version_id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GetPolicyVersionResponse {
    policy_arn: String,
    policy_name: PolicyName,
    policy_document: Arc<str>,
    policy_version_id: Arc<str>,
    is_default_version: bool,
    creation_date: Epoch,
    last_modified_date: Epoch,
    generation_id: String,
}

/// All versions: there are no pages (API-057).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListPolicyVersionsResponse {
    policy_versions: Vec<PolicyVersionRow>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PolicyVersionRow {
    version_id: Arc<str>,
    is_default_version: bool,
    create_date: Epoch,
}

pub(crate) async fn create_policy(
    call: Call,
    input: CreatePolicyRequest,
) -> Result<CreatePolicyResponse, ApiError> {
    let tags = tags::checked(input.tags)?;
    let registry = &call.deps.registry;
    let policy =
        registry.create_policy(&call.scope, &input.policy_name, &input.policy_document, &tags).await?;
    let policy_arn = policy.arn(&call.scope).to_string();
    let version = default_of(&policy)?;
    Ok(CreatePolicyResponse {
        policy_name: policy.name.clone(),
        policy_arn,
        policy_document: Arc::clone(version.text()),
        policy_version_id: version.id(),
    })
}

pub(crate) async fn get_policy(call: Call, input: PolicyRequest) -> Result<GetPolicyResponse, ApiError> {
    let policy = call.deps.registry.get_policy(&call.scope, &input.policy_name)?;
    let version = default_of(&policy)?;
    Ok(GetPolicyResponse {
        policy_name: policy.name.clone(),
        policy_arn: policy.arn(&call.scope).to_string(),
        policy_document: Arc::clone(version.text()),
        default_version_id: version.id(),
        creation_date: Epoch(policy.created_at),
        last_modified_date: Epoch(policy.modified_at),
        generation_id: policy.generation_id.clone(),
    })
}

pub(crate) async fn list_policies(
    call: Call,
    input: ListPoliciesRequest,
) -> Result<ListPoliciesResponse, ApiError> {
    let ascending = input.page.ascending_order;
    let page = call.deps.registry.list_policies(&call.scope, &input.page.request(), ascending)?;
    let page = page.map(|policy| PolicyRow::of(&call.scope, &policy));
    Ok(ListPoliciesResponse { policies: page.items, next_marker: page.next })
}

pub(crate) async fn delete_policy(call: Call, input: PolicyRequest) -> Result<Empty, ApiError> {
    call.deps.registry.delete_policy(&call.scope, &input.policy_name).await?;
    Ok(Empty {})
}

pub(crate) async fn create_policy_version(
    call: Call,
    input: CreatePolicyVersionRequest,
) -> Result<CreatePolicyVersionResponse, ApiError> {
    let registry = &call.deps.registry;
    let (name, document) = (&input.policy_name, &input.policy_document);
    let policy = registry.create_policy_version(&call.scope, name, document, input.set_as_default).await?;
    let newest = policy.versions.last().ok_or_else(|| versionless(&policy))?;
    Ok(CreatePolicyVersionResponse {
        policy_arn: policy.arn(&call.scope).to_string(),
        policy_document: Arc::clone(newest.text()),
        policy_version_id: newest.id(),
        is_default_version: newest.number == policy.default_version,
    })
}

pub(crate) async fn get_policy_version(
    call: Call,
    input: PolicyVersionRequest,
) -> Result<GetPolicyVersionResponse, ApiError> {
    let policy = call.deps.registry.get_policy(&call.scope, &input.policy_name)?;
    let version = policy.version(&input.policy_version_id).ok_or_else(|| {
        let (name, id) = (&policy.name, &input.policy_version_id);
        ApiError::not_found(format!("The policy {name} has no version {id}"))
    })?;
    Ok(GetPolicyVersionResponse {
        policy_arn: policy.arn(&call.scope).to_string(),
        policy_name: policy.name.clone(),
        policy_document: Arc::clone(version.text()),
        policy_version_id: version.id(),
        is_default_version: version.number == policy.default_version,
        creation_date: Epoch(version.created_at),
        last_modified_date: Epoch(version.created_at),
        generation_id: policy.generation_id.clone(),
    })
}

/// Newest first (API-166).
pub(crate) async fn list_policy_versions(
    call: Call,
    input: PolicyRequest,
) -> Result<ListPolicyVersionsResponse, ApiError> {
    let policy = call.deps.registry.get_policy(&call.scope, &input.policy_name)?;
    let row = |version: &PolicyVersion| PolicyVersionRow {
        version_id: version.id(),
        is_default_version: version.number == policy.default_version,
        create_date: Epoch(version.created_at),
    };
    Ok(ListPolicyVersionsResponse { policy_versions: policy.versions.iter().rev().map(row).collect() })
}

pub(crate) async fn set_default_policy_version(
    call: Call,
    input: PolicyVersionRequest,
) -> Result<Empty, ApiError> {
    let registry = &call.deps.registry;
    registry.set_default_policy_version(&call.scope, &input.policy_name, &input.policy_version_id).await?;
    Ok(Empty {})
}

pub(crate) async fn delete_policy_version(
    call: Call,
    input: PolicyVersionRequest,
) -> Result<Empty, ApiError> {
    let registry = &call.deps.registry;
    registry.delete_policy_version(&call.scope, &input.policy_name, &input.policy_version_id).await?;
    Ok(Empty {})
}

impl PolicyRow {
    pub(crate) fn of(scope: &Scope, policy: &Policy) -> Self {
        Self { policy_name: policy.name.clone(), policy_arn: policy.arn(scope).to_string() }
    }
}

fn default_of(policy: &Policy) -> Result<&PolicyVersion, ApiError> {
    policy.default().ok_or_else(|| versionless(policy))
}

fn versionless(policy: &Policy) -> ApiError {
    ApiError::internal(format!("the policy `{}` has no such version", policy.name))
}
