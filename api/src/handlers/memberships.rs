//! Which things are in which groups (section 4.3).

use serde::{Deserialize, Serialize};
use thingstead_core::ThingName;
use thingstead_registry::name_or_arn;

use super::lists::{Empty, TokenPage};
use super::thing_groups::{GroupNameAndArn, ListThingGroupsResponse};
use crate::{ApiError, Call};

/// A thing and a group, each by name or ARN (API-120).
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ThingAndGroupRequest {
    thing_group_name: Option<String>,
    thing_group_arn: Option<String>,
    thing_name: Option<String>,
    thing_arn: Option<String>,
    #[serde(default)]
    override_dynamic_groups: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UpdateThingGroupsForThingRequest {
    thing_name: Option<String>,
    #[serde(default)]
    thing_groups_to_add: Vec<String>,
    #[serde(default)]
    thing_groups_to_remove: Vec<String>,
    #[serde(default)]
    override_dynamic_groups: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListThingsInThingGroupRequest {
    thing_group_name: String,
    #[serde(default)]
    recursive: bool,
    #[serde(flatten)]
    page: TokenPage,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ThingNamesResponse {
    pub(crate) things: Vec<ThingName>,
    pub(crate) next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListThingGroupsForThingRequest {
    thing_name: String,
    #[serde(flatten)]
    page: TokenPage,
}

pub(crate) async fn add_thing_to_thing_group(
    call: Call,
    input: ThingAndGroupRequest,
) -> Result<Empty, ApiError> {
    let (thing, group) = input.names(&call)?;
    let registry = &call.deps.registry;
    registry.add_thing_to_thing_group(&call.scope, &group, &thing, input.override_dynamic_groups).await?;
    Ok(Empty {})
}

pub(crate) async fn remove_thing_from_thing_group(
    call: Call,
    input: ThingAndGroupRequest,
) -> Result<Empty, ApiError> {
    let (thing, group) = input.names(&call)?;
    call.deps.registry.remove_thing_from_thing_group(&call.scope, &group, &thing).await?;
    Ok(Empty {})
}

pub(crate) async fn update_thing_groups_for_thing(
    call: Call,
    input: UpdateThingGroupsForThingRequest,
) -> Result<Empty, ApiError> {
    let Some(thing) = &input.thing_name else {
        return Err(ApiError::invalid_request("thingName is empty. Need to specify it"));
    };
    let (add, remove) = (&input.thing_groups_to_add, &input.thing_groups_to_remove);
    let registry = &call.deps.registry;
    let override_dynamic = input.override_dynamic_groups;
    registry.update_thing_groups_for_thing(&call.scope, thing, add, remove, override_dynamic).await?;
    Ok(Empty {})
}

pub(crate) async fn list_things_in_thing_group(
    call: Call,
    input: ListThingsInThingGroupRequest,
) -> Result<ThingNamesResponse, ApiError> {
    let (registry, name) = (&call.deps.registry, &input.thing_group_name);
    let page =
        registry.list_things_in_thing_group(&call.scope, name, input.recursive, &input.page.request())?;
    Ok(ThingNamesResponse { things: page.items, next_token: page.next })
}

pub(crate) async fn list_thing_groups_for_thing(
    call: Call,
    input: ListThingGroupsForThingRequest,
) -> Result<ListThingGroupsResponse, ApiError> {
    let registry = &call.deps.registry;
    let page = registry.list_thing_groups_for_thing(&call.scope, &input.thing_name, &input.page.request())?;
    let page = page.map(|group| GroupNameAndArn::of(&call.scope, &group));
    Ok(ListThingGroupsResponse { thing_groups: page.items, next_token: page.next })
}

impl ThingAndGroupRequest {
    /// The names of the thing and of the group.
    fn names(&self, call: &Call) -> Result<(String, String), ApiError> {
        let (scope, arn) = (&call.scope, self.thing_arn.as_deref());
        let thing = name_or_arn(scope, "thing", self.thing_name.as_deref(), arn)?;
        let arn = self.thing_group_arn.as_deref();
        let group = name_or_arn(scope, "thinggroup", self.thing_group_name.as_deref(), arn)?;
        Ok((thing, group))
    }
}
