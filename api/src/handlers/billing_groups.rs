//! Billing groups (section 5.9).

use serde::{Deserialize, Serialize};
use thingstead_registry::name_or_arn;

use super::lists::{Empty, Epoch, TokenPage};
use super::memberships::ThingNamesResponse;
use super::tags::{self, Tag};
use super::thing_groups::GroupNameAndArn;
use crate::{ApiError, Call};

#[derive(Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct BillingGroupProperties {
    billing_group_description: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreateBillingGroupRequest {
    billing_group_name: String,
    #[serde(default)]
    billing_group_properties: BillingGroupProperties,
    #[serde(default)]
    tags: Vec<Tag>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreateBillingGroupResponse {
    billing_group_name: String,
    billing_group_arn: String,
    billing_group_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DescribeBillingGroupRequest {
    billing_group_name: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DescribeBillingGroupResponse {
    billing_group_name: String,
    billing_group_id: String,
    billing_group_arn: String,
    version: i64,
    billing_group_properties: BillingGroupProperties,
    billing_group_metadata: BillingGroupMetadata,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BillingGroupMetadata {
    creation_date: Epoch,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListBillingGroupsRequest {
    name_prefix_filter: Option<String>,
    #[serde(flatten)]
    page: TokenPage,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListBillingGroupsResponse {
    billing_groups: Vec<GroupNameAndArn>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UpdateBillingGroupRequest {
    billing_group_name: String,
    #[serde(default)]
    billing_group_properties: BillingGroupProperties,
    expected_version: Option<i64>,
}

#[derive(Serialize)]
pub(crate) struct UpdateBillingGroupResponse {
    version: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeleteBillingGroupRequest {
    billing_group_name: String,
    expected_version: Option<i64>,
}

/// A thing and a billing group, each by name or ARN.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ThingAndBillingGroupRequest {
    billing_group_name: Option<String>,
    billing_group_arn: Option<String>,
    thing_name: Option<String>,
    thing_arn: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListThingsInBillingGroupRequest {
    billing_group_name: String,
    #[serde(flatten)]
    page: TokenPage,
}

pub(crate) async fn create_billing_group(
    call: Call,
    input: CreateBillingGroupRequest,
) -> Result<CreateBillingGroupResponse, ApiError> {
    let tags = tags::checked(input.tags)?;
    let (name, description) =
        (&input.billing_group_name, input.billing_group_properties.billing_group_description);
    let group = call.deps.registry.create_billing_group(&call.scope, name, description, &tags).await?;
    Ok(CreateBillingGroupResponse {
        billing_group_name: group.name.clone(),
        billing_group_arn: group.arn(&call.scope).to_string(),
        billing_group_id: group.id.clone(),
    })
}

pub(crate) async fn describe_billing_group(
    call: Call,
    input: DescribeBillingGroupRequest,
) -> Result<DescribeBillingGroupResponse, ApiError> {
    let group = call.deps.registry.describe_billing_group(&call.scope, &input.billing_group_name)?;
    Ok(DescribeBillingGroupResponse {
        billing_group_name: group.name.clone(),
        billing_group_id: group.id.clone(),
        billing_group_arn: group.arn(&call.scope).to_string(),
        version: group.version,
        billing_group_properties: BillingGroupProperties {
            billing_group_description: group.description.clone(),
        },
        billing_group_metadata: BillingGroupMetadata { creation_date: Epoch(group.created_at) },
    })
}

pub(crate) async fn list_billing_groups(
    call: Call,
    input: ListBillingGroupsRequest,
) -> Result<ListBillingGroupsResponse, ApiError> {
    let prefix = input.name_prefix_filter.as_deref();
    let page = call.deps.registry.list_billing_groups(&call.scope, prefix, &input.page.request())?;
    let page = page.map(|group| GroupNameAndArn {
        group_name: group.name.clone(),
        group_arn: group.arn(&call.scope).to_string(),
    });
    Ok(ListBillingGroupsResponse { billing_groups: page.items, next_token: page.next })
}

pub(crate) async fn update_billing_group(
    call: Call,
    input: UpdateBillingGroupRequest,
) -> Result<UpdateBillingGroupResponse, ApiError> {
    let (name, description) =
        (&input.billing_group_name, input.billing_group_properties.billing_group_description);
    let registry = &call.deps.registry;
    let version =
        registry.update_billing_group(&call.scope, name, description, input.expected_version).await?;
    Ok(UpdateBillingGroupResponse { version })
}

pub(crate) async fn delete_billing_group(
    call: Call,
    input: DeleteBillingGroupRequest,
) -> Result<Empty, ApiError> {
    let registry = &call.deps.registry;
    registry.delete_billing_group(&call.scope, &input.billing_group_name, input.expected_version).await?;
    Ok(Empty {})
}

pub(crate) async fn add_thing_to_billing_group(
    call: Call,
    input: ThingAndBillingGroupRequest,
) -> Result<Empty, ApiError> {
    let (thing, group) = input.names(&call)?;
    call.deps.registry.add_thing_to_billing_group(&call.scope, &group, &thing).await?;
    Ok(Empty {})
}

pub(crate) async fn remove_thing_from_billing_group(
    call: Call,
    input: ThingAndBillingGroupRequest,
) -> Result<Empty, ApiError> {
    let (thing, group) = input.names(&call)?;
    call.deps.registry.remove_thing_from_billing_group(&call.scope, &group, &thing).await?;
    Ok(Empty {})
}

pub(crate) async fn list_things_in_billing_group(
    call: Call,
    input: ListThingsInBillingGroupRequest,
) -> Result<ThingNamesResponse, ApiError> {
    let registry = &call.deps.registry;
    let page = registry.list_things_in_billing_group(
        &call.scope,
        &input.billing_group_name,
        &input.page.request(),
    )?;
    Ok(ThingNamesResponse { things: page.items, next_token: page.next })
}

impl ThingAndBillingGroupRequest {
    fn names(&self, call: &Call) -> Result<(String, String), ApiError> {
        let (scope, arn) = (&call.scope, self.thing_arn.as_deref());
        let thing = name_or_arn(scope, "thing", self.thing_name.as_deref(), arn)?;
        let arn = self.billing_group_arn.as_deref();
        let group = name_or_arn(scope, "billinggroup", self.billing_group_name.as_deref(), arn)?;
        Ok((thing, group))
    }
}
