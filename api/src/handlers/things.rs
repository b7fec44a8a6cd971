//! Things (section 4.1).

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thingstead_core::Scope;
use thingstead_registry::{AttributePayload, Attributes, CreateThing, Thing, ThingFilter, UpdateThing};

use super::lists::{Empty, TokenPage};
use crate::{ApiError, Call};

/// `attributePayload` of things and groups.
#[derive(Default, Deserialize)]
pub(crate) struct AttributePayloadMember {
    attributes: Option<Attributes>,
    #[serde(default)]
    merge: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreateThingRequest {
    thing_name: String,
    thing_type_name: Option<String>,
    attribute_payload: Option<AttributePayloadMember>,
    billing_group_name: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreateThingResponse {
    thing_name: String,
    thing_arn: String,
    thing_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DescribeThingRequest {
    thing_name: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DescribeThingResponse {
    default_client_id: String,
    thing_name: String,
    thing_id: String,
    thing_arn: String,
    thing_type_name: Option<String>,
    attributes: Attributes,
    version: i64,
    billing_group_name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListThingsRequest {
    attribute_name: Option<String>,
    attribute_value: Option<String>,
    thing_type_name: Option<String>,
    #[serde(default)]
    use_prefix_attribute_value: bool,
    #[serde(flatten)]
    page: TokenPage,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListThingsResponse {
    things: Vec<ThingAttribute>,
    next_token: Option<String>,
}

/// A row of `ListThings`; without the id (API-092).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ThingAttribute {
    thing_name: String,
    thing_type_name: Option<String>,
    thing_arn: String,
    attributes: Attributes,
    version: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UpdateThingRequest {
    thing_name: String,
    thing_type_name: Option<String>,
    attribute_payload: Option<AttributePayloadMember>,
    expected_version: Option<i64>,
    #[serde(default)]
    remove_thing_type: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeleteThingRequest {
    thing_name: String,
    expected_version: Option<i64>,
}

pub(crate) async fn create_thing(
    call: Call,
    input: CreateThingRequest,
) -> Result<CreateThingResponse, ApiError> {
    let request = CreateThing {
        name: input.thing_name,
        type_name: input.thing_type_name,
        attributes: input.attribute_payload.and_then(|payload| payload.attributes).unwrap_or_default(),
        billing_group: input.billing_group_name,
    };
    let thing = call.deps.registry.create_thing(&call.scope, request).await?;
    Ok(CreateThingResponse {
        thing_name: thing.name.to_string(),
        thing_arn: thing.arn(&call.scope).to_string(),
        thing_id: thing.id.clone(),
    })
}

pub(crate) async fn describe_thing(
    call: Call,
    input: DescribeThingRequest,
) -> Result<DescribeThingResponse, ApiError> {
    let thing = call.deps.registry.describe_thing(&call.scope, &input.thing_name)?;
    Ok(DescribeThingResponse {
        default_client_id: thing.name.to_string(),
        thing_name: thing.name.to_string(),
        thing_id: thing.id.clone(),
        thing_arn: thing.arn(&call.scope).to_string(),
        thing_type_name: thing.type_name.clone(),
        attributes: thing.attributes.clone(),
        version: thing.version,
        billing_group_name: thing.billing_group.clone(),
    })
}

pub(crate) async fn list_things(
    call: Call,
    input: ListThingsRequest,
) -> Result<ListThingsResponse, ApiError> {
    let filter = ThingFilter {
        attribute_name: input.attribute_name,
        attribute_value: input.attribute_value,
        by_prefix: input.use_prefix_attribute_value,
        type_name: input.thing_type_name,
    };
    let page = call.deps.registry.list_things(&call.scope, &filter, &input.page.request())?;
    let page = page.map(|thing| row(&call.scope, &thing));
    Ok(ListThingsResponse { things: page.items, next_token: page.next })
}

pub(crate) async fn update_thing(call: Call, input: UpdateThingRequest) -> Result<Empty, ApiError> {
    let request = UpdateThing {
        name: input.thing_name,
        type_name: input.thing_type_name,
        attributes: input.attribute_payload.map(AttributePayloadMember::payload),
        expected_version: input.expected_version,
        remove_type: input.remove_thing_type,
    };
    call.deps.registry.update_thing(&call.scope, request).await?;
    Ok(Empty {})
}

pub(crate) async fn delete_thing(call: Call, input: DeleteThingRequest) -> Result<Empty, ApiError> {
    call.deps.registry.delete_thing(&call.scope, &input.thing_name, input.expected_version).await?;
    Ok(Empty {})
}

impl AttributePayloadMember {
    pub(crate) fn payload(self) -> AttributePayload {
        AttributePayload { attributes: self.attributes, merge: self.merge }
    }
}

fn row(scope: &Scope, thing: &Arc<Thing>) -> ThingAttribute {
    ThingAttribute {
        thing_name: thing.name.to_string(),
        thing_type_name: thing.type_name.clone(),
        thing_arn: thing.arn(scope).to_string(),
        attributes: thing.attributes.clone(),
        version: thing.version,
    }
}
