//! Role aliases (section 5.6).

use serde::{Deserialize, Serialize};
use thingstead_core::Scope;
use thingstead_registry::RoleAlias;

use super::lists::{Empty, Epoch, MarkerPage};
use super::tags::{self, Tag};
use crate::{ApiError, Call};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreateRoleAliasRequest {
    role_alias: String,
    role_arn: String,
    credential_duration_seconds: Option<u32>,
    #[serde(default)]
    tags: Vec<Tag>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RoleAliasNameAndArn {
    role_alias: String,
    role_alias_arn: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RoleAliasRequest {
    role_alias: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DescribeRoleAliasResponse {
    role_alias_description: RoleAliasDescription,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RoleAliasDescription {
    role_alias: String,
    role_alias_arn: String,
    role_arn: String,
    owner: String,
    credential_duration_seconds: u32,
    creation_date: Epoch,
    last_modified_date: Epoch,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UpdateRoleAliasRequest {
    role_alias: String,
    role_arn: Option<String>,
    credential_duration_seconds: Option<u32>,
}

#[derive(Deserialize)]
pub(crate) struct ListRoleAliasesRequest {
    #[serde(flatten)]
    page: MarkerPage,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListRoleAliasesResponse {
    role_aliases: Vec<String>,
    next_marker: Option<String>,
}

pub(crate) async fn create_role_alias(
    call: Call,
    input: CreateRoleAliasRequest,
) -> Result<RoleAliasNameAndArn, ApiError> {
    let tags = tags::checked(input.tags)?;
    let CreateRoleAliasRequest { role_alias, role_arn, credential_duration_seconds, .. } = input;
    let registry = &call.deps.registry;
    let alias = registry
        .create_role_alias(&call.scope, &role_alias, &role_arn, credential_duration_seconds, &tags)
        .await?;
    Ok(named(&alias, &call.scope))
}

pub(crate) async fn describe_role_alias(
    call: Call,
    input: RoleAliasRequest,
) -> Result<DescribeRoleAliasResponse, ApiError> {
    let alias = call.deps.registry.describe_role_alias(&call.scope, &input.role_alias)?;
    Ok(DescribeRoleAliasResponse {
        role_alias_description: RoleAliasDescription {
            role_alias: alias.name.clone(),
            role_alias_arn: alias.arn(&call.scope).to_string(),
            role_arn: alias.role_arn.clone(),
            owner: call.scope.account().to_owned(),
            credential_duration_seconds: alias.duration_seconds,
            creation_date: Epoch(alias.created_at),
            last_modified_date: Epoch(alias.modified_at),
        },
    })
}

pub(crate) async fn update_role_alias(
    call: Call,
    input: UpdateRoleAliasRequest,
) -> Result<RoleAliasNameAndArn, ApiError> {
    let UpdateRoleAliasRequest { role_alias, role_arn, credential_duration_seconds } = input;
    let registry = &call.deps.registry;
    let alias =
        registry.update_role_alias(&call.scope, &role_alias, role_arn, credential_duration_seconds).await?;
    Ok(named(&alias, &call.scope))
}

pub(crate) async fn delete_role_alias(call: Call, input: RoleAliasRequest) -> Result<Empty, ApiError> {
    call.deps.registry.delete_role_alias(&call.scope, &input.role_alias).await?;
    Ok(Empty {})
}

pub(crate) async fn list_role_aliases(
    call: Call,
    input: ListRoleAliasesRequest,
) -> Result<ListRoleAliasesResponse, ApiError> {
    let ascending = input.page.ascending_order;
    let page = call.deps.registry.list_role_aliases(&call.scope, &input.page.request(), ascending)?;
    let page = page.map(|alias| alias.name.clone());
    Ok(ListRoleAliasesResponse { role_aliases: page.items, next_marker: page.next })
}

fn named(alias: &RoleAlias, scope: &Scope) -> RoleAliasNameAndArn {
    RoleAliasNameAndArn { role_alias: alias.name.clone(), role_alias_arn: alias.arn(scope).to_string() }
}
