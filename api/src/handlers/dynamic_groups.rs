//! Dynamic thing groups (section 5.10).

use serde::{Deserialize, Serialize};
use thingstead_registry::{CreateDynamicThingGroup, UpdateDynamicThingGroup};

use super::lists::Empty;
use super::tags::{self, Tag};
use super::thing_groups::{DeleteThingGroupRequest, ThingGroupPropertiesMember, UpdateThingGroupResponse};
use super::things::AttributePayloadMember;
use crate::{ApiError, Call};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreateDynamicThingGroupRequest {
    thing_group_name: String,
    #[serde(default)]
    thing_group_properties: ThingGroupPropertiesMember,
    index_name: Option<String>,
    query_string: String,
    query_version: Option<String>,
    #[serde(default)]
    tags: Vec<Tag>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreateDynamicThingGroupResponse {
    thing_group_name: String,
    thing_group_arn: String,
    thing_group_id: String,
    index_name: Option<String>,
    query_string: Option<String>,
    query_version: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UpdateDynamicThingGroupRequest {
    thing_group_name: String,
    #[serde(default)]
    thing_group_properties: ThingGroupPropertiesMember,
    expected_version: Option<i64>,
    index_name: Option<String>,
    query_string: Option<String>,
    query_version: Option<String>,
}

pub(crate) async fn create_dynamic_thing_group(
    call: Call,
    input: CreateDynamicThingGroupRequest,
) -> Result<CreateDynamicThingGroupResponse, ApiError> {
    let properties = input.thing_group_properties;
    let attributes = properties.attribute_payload.and_then(|payload| payload.payload().attributes);
    let request = CreateDynamicThingGroup {
        name: input.thing_group_name,
        index_name: input.index_name,
        query_string: input.query_string,
        query_version: input.query_version,
        description: properties.thing_group_description,
        attributes: attributes.unwrap_or_default(),
        tags: tags::checked(input.tags)?,
    };
    let group = call.deps.registry.create_dynamic_thing_group(&call.scope, request).await?;
    let definition = group.dynamic.as_ref();
    Ok(CreateDynamicThingGroupResponse {
        thing_group_name: group.name.clone(),
        thing_group_arn: group.arn(&call.scope).to_string(),
        thing_group_id: group.id.clone(),
        index_name: definition.map(|definition| definition.index_name.clone()),
        query_string: definition.map(|definition| definition.query_string.clone()),
        query_version: definition.map(|definition| definition.query_version.clone()),
    })
}

pub(crate) async fn update_dynamic_thing_group(
    call: Call,
    input: UpdateDynamicThingGroupRequest,
) -> Result<UpdateThingGroupResponse, ApiError> {
    let properties = input.thing_group_properties;
    let request = UpdateDynamicThingGroup {
        name: input.thing_group_name,
        description: properties.thing_group_description,
        attributes: properties.attribute_payload.map(AttributePayloadMember::payload),
        expected_version: input.expected_version,
        index_name: input.index_name,
        query_string: input.query_string,
        query_version: input.query_version,
    };
    let version = call.deps.registry.update_dynamic_thing_group(&call.scope, request).await?;
    Ok(UpdateThingGroupResponse { version })
}

pub(crate) async fn delete_dynamic_thing_group(
    call: Call,
    input: DeleteThingGroupRequest,
) -> Result<Empty, ApiError> {
    let DeleteThingGroupRequest { thing_group_name, expected_version } = input;
    call.deps.registry.delete_dynamic_thing_group(&call.scope, &thing_group_name, expected_version).await?;
    Ok(Empty {})
}
