//! Thing types (section 4.2).

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thingstead_core::Scope;
use thingstead_registry::{ThingType, ThingTypeProperties};

use super::lists::{Empty, Epoch, TokenPage};
use super::tags::{self, Tag};
use crate::{ApiError, Call};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreateThingTypeRequest {
    thing_type_name: String,
    #[serde(default)]
    thing_type_properties: ThingTypeProperties,
    #[serde(default)]
    tags: Vec<Tag>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreateThingTypeResponse {
    thing_type_name: String,
    thing_type_arn: String,
    thing_type_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ThingTypeRequest {
    thing_type_name: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ThingTypeDefinition {
    thing_type_name: String,
    /// Of `DescribeThingType` only.
    thing_type_id: Option<String>,
    thing_type_arn: String,
    thing_type_properties: ThingTypeProperties,
    thing_type_metadata: ThingTypeMetadata,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ThingTypeMetadata {
    deprecated: bool,
    deprecation_date: Option<Epoch>,
    creation_date: Epoch,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListThingTypesRequest {
    thing_type_name: Option<String>,
    #[serde(flatten)]
    page: TokenPage,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListThingTypesResponse {
    thing_types: Vec<ThingTypeDefinition>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UpdateThingTypeRequest {
    thing_type_name: String,
    #[serde(default)]
    thing_type_properties: ThingTypeProperties,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeprecateThingTypeRequest {
    thing_type_name: String,
    #[serde(default)]
    undo_deprecate: bool,
}

pub(crate) async fn create_thing_type(
    call: Call,
    input: CreateThingTypeRequest,
) -> Result<CreateThingTypeResponse, ApiError> {
    let tags = tags::checked(input.tags)?;
    let registry = &call.deps.registry;
    let (name, properties) = (&input.thing_type_name, input.thing_type_properties);
    let created = registry.create_thing_type(&call.scope, name, properties, &tags).await?;
    Ok(CreateThingTypeResponse {
        thing_type_name: created.name.clone(),
        thing_type_arn: created.arn(&call.scope).to_string(),
        thing_type_id: created.id.clone(),
    })
}

pub(crate) async fn describe_thing_type(
    call: Call,
    input: ThingTypeRequest,
) -> Result<ThingTypeDefinition, ApiError> {
    let found = call.deps.registry.describe_thing_type(&call.scope, &input.thing_type_name)?;
    Ok(ThingTypeDefinition { thing_type_id: Some(found.id.clone()), ..definition(&call.scope, &found) })
}

pub(crate) async fn list_thing_types(
    call: Call,
    input: ListThingTypesRequest,
) -> Result<ListThingTypesResponse, ApiError> {
    let name = input.thing_type_name.as_deref();
    let page = call.deps.registry.list_thing_types(&call.scope, name, &input.page.request())?;
    let page = page.map(|found| definition(&call.scope, &found));
    Ok(ListThingTypesResponse { thing_types: page.items, next_token: page.next })
}

pub(crate) async fn update_thing_type(call: Call, input: UpdateThingTypeRequest) -> Result<Empty, ApiError> {
    let registry = &call.deps.registry;
    registry.update_thing_type(&call.scope, &input.thing_type_name, input.thing_type_properties).await?;
    Ok(Empty {})
}

pub(crate) async fn deprecate_thing_type(
    call: Call,
    input: DeprecateThingTypeRequest,
) -> Result<Empty, ApiError> {
    call.deps
        .registry
        .deprecate_thing_type(&call.scope, &input.thing_type_name, input.undo_deprecate)
        .await?;
    Ok(Empty {})
}

pub(crate) async fn delete_thing_type(call: Call, input: ThingTypeRequest) -> Result<Empty, ApiError> {
    call.deps.registry.delete_thing_type(&call.scope, &input.thing_type_name).await?;
    Ok(Empty {})
}

fn definition(scope: &Scope, found: &Arc<ThingType>) -> ThingTypeDefinition {
    ThingTypeDefinition {
        thing_type_name: found.name.clone(),
        thing_type_id: None,
        thing_type_arn: found.arn(scope).to_string(),
        thing_type_properties: found.properties.clone(),
        thing_type_metadata: ThingTypeMetadata {
            deprecated: found.deprecated_at.is_some(),
            deprecation_date: found.deprecated_at.map(Epoch),
            creation_date: Epoch(found.created_at),
        },
    }
}
