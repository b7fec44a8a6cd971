//! Static thing groups (section 4.3).

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thingstead_core::Scope;
use thingstead_registry::{Attributes, CreateThingGroup, ThingGroup};

use super::lists::{Empty, Epoch, TokenPage};
use super::tags::{self, Tag};
use super::things::AttributePayloadMember;
use crate::{ApiError, Call};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreateThingGroupRequest {
    thing_group_name: String,
    parent_group_name: Option<String>,
    #[serde(default)]
    thing_group_properties: ThingGroupPropertiesMember,
    #[serde(default)]
    tags: Vec<Tag>,
}

/// `thingGroupProperties` as they are given.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ThingGroupPropertiesMember {
    pub(crate) thing_group_description: Option<String>,
    pub(crate) attribute_payload: Option<AttributePayloadMember>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreateThingGroupResponse {
    thing_group_name: String,
    thing_group_arn: String,
    thing_group_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DescribeThingGroupRequest {
    thing_group_name: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DescribeThingGroupResponse {
    thing_group_name: String,
    thing_group_id: String,
    thing_group_arn: String,
    version: i64,
    thing_group_properties: ThingGroupProperties,
    thing_group_metadata: ThingGroupMetadata,
    /// This and the following of dynamic groups only (API-346).
    index_name: Option<String>,
    query_string: Option<String>,
    query_version: Option<String>,
    status: Option<&'static str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ThingGroupProperties {
    thing_group_description: Option<String>,
    attribute_payload: Option<AttributePayload>,
}

#[derive(Serialize)]
struct AttributePayload {
    attributes: Attributes,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ThingGroupMetadata {
    parent_group_name: Option<String>,
    root_to_parent_thing_groups: Option<Vec<GroupNameAndArn>>,
    creation_date: Epoch,
}

/// A group in a list.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GroupNameAndArn {
    pub(crate) group_name: String,
    pub(crate) group_arn: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListThingGroupsRequest {
    parent_group: Option<String>,
    name_prefix_filter: Option<String>,
    recursive: Option<bool>,
    #[serde(flatten)]
    page: TokenPage,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListThingGroupsResponse {
    pub(crate) thing_groups: Vec<GroupNameAndArn>,
    pub(crate) next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UpdateThingGroupRequest {
    thing_group_name: String,
    #[serde(default)]
    thing_group_properties: ThingGroupPropertiesMember,
    expected_version: Option<i64>,
}

#[derive(Serialize)]
pub(crate) struct UpdateThingGroupResponse {
    pub(crate) version: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeleteThingGroupRequest {
    pub(crate) thing_group_name: String,
    pub(crate) expected_version: Option<i64>,
}

pub(crate) async fn create_thing_group(
    call: Call,
    input: CreateThingGroupRequest,
) -> Result<CreateThingGroupResponse, ApiError> {
    let properties = input.thing_group_properties;
    let request = CreateThingGroup {
        name: input.thing_group_name,
        parent: input.parent_group_name,
        description: properties.thing_group_description,
        attributes: properties
            .attribute_payload
            .and_then(|payload| payload.payload().attributes)
            .unwrap_or_default(),
        tags: tags::checked(input.tags)?,
    };
    let group = call.deps.registry.create_thing_group(&call.scope, request).await?;
    Ok(CreateThingGroupResponse {
        thing_group_name: group.name.clone(),
        thing_group_arn: group.arn(&call.scope).to_string(),
        thing_group_id: group.id.clone(),
    })
}

pub(crate) async fn describe_thing_group(
    call: Call,
    input: DescribeThingGroupRequest,
) -> Result<DescribeThingGroupResponse, ApiError> {
    let described = call.deps.registry.describe_thing_group(&call.scope, &input.thing_group_name)?;
    let group = &described.group;
    let dynamic = group.dynamic.as_ref();
    let ancestors = described.ancestors.iter().map(|above| GroupNameAndArn::of(&call.scope, above)).collect();
    Ok(DescribeThingGroupResponse {
        thing_group_name: group.name.clone(),
        thing_group_id: group.id.clone(),
        thing_group_arn: group.arn(&call.scope).to_string(),
        version: group.version,
        thing_group_properties: ThingGroupProperties {
            thing_group_description: group.description.clone(),
            // API-113
            attribute_payload: (!group.attributes.is_empty())
                .then(|| AttributePayload { attributes: group.attributes.clone() }),
        },
        thing_group_metadata: ThingGroupMetadata {
            parent_group_name: group.parent.clone(),
            root_to_parent_thing_groups: group.parent.is_some().then_some(ancestors),
            creation_date: Epoch(group.created_at),
        },
        index_name: dynamic.map(|dynamic| dynamic.index_name.clone()),
        query_string: dynamic.map(|dynamic| dynamic.query_string.clone()),
        query_version: dynamic.map(|dynamic| dynamic.query_version.clone()),
        // Queries are judged on the things as they are: there is nothing to build.
        status: dynamic.map(|_| "ACTIVE"),
    })
}

pub(crate) async fn list_thing_groups(
    call: Call,
    input: ListThingGroupsRequest,
) -> Result<ListThingGroupsResponse, ApiError> {
    let (parent, prefix) = (input.parent_group.as_deref(), input.name_prefix_filter.as_deref());
    let recursive = input.recursive.unwrap_or(true);
    let registry = &call.deps.registry;
    let page = registry.list_thing_groups(&call.scope, parent, prefix, recursive, &input.page.request())?;
    let page = page.map(|group| GroupNameAndArn::of(&call.scope, &group));
    Ok(ListThingGroupsResponse { thing_groups: page.items, next_token: page.next })
}

pub(crate) async fn update_thing_group(
    call: Call,
    input: UpdateThingGroupRequest,
) -> Result<UpdateThingGroupResponse, ApiError> {
    let properties = input.thing_group_properties;
    let attributes = properties.attribute_payload.map(AttributePayloadMember::payload);
    let (name, description) = (&input.thing_group_name, properties.thing_group_description);
    let registry = &call.deps.registry;
    let version = registry.update_thing_group(
        &call.scope,
        name,
        description,
        attributes.as_ref(),
        input.expected_version,
    );
    Ok(UpdateThingGroupResponse { version: version.await? })
}

pub(crate) async fn delete_thing_group(
    call: Call,
    input: DeleteThingGroupRequest,
) -> Result<Empty, ApiError> {
    let registry = &call.deps.registry;
    registry.delete_thing_group(&call.scope, &input.thing_group_name, input.expected_version).await?;
    Ok(Empty {})
}

impl GroupNameAndArn {
    pub(crate) fn of(scope: &Scope, group: &Arc<ThingGroup>) -> Self {
        Self { group_name: group.name.clone(), group_arn: group.arn(scope).to_string() }
    }
}
