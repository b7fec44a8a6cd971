//! Which principals belong to a thing (section 4.8).

use serde::{Deserialize, Serialize};
use thingstead_core::ThingName;
use thingstead_registry::{Target, ThingPrincipalType};

use super::lists::{Empty, TokenPage};
use crate::{ApiError, Call};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AttachThingPrincipalRequest {
    thing_name: String,
    principal: String,
    #[serde(default)]
    thing_principal_type: ThingPrincipalType,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DetachThingPrincipalRequest {
    thing_name: String,
    principal: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListThingPrincipalsRequest {
    thing_name: String,
    thing_principal_type: Option<ThingPrincipalType>,
    #[serde(flatten)]
    page: TokenPage,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListThingPrincipalsResponse {
    principals: Vec<String>,
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListThingPrincipalsV2Response {
    thing_principal_objects: Vec<ThingPrincipalObject>,
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ThingPrincipalObject {
    principal: String,
    thing_principal_type: ThingPrincipalType,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListPrincipalThingsRequest {
    principal: String,
    thing_principal_type: Option<ThingPrincipalType>,
    #[serde(flatten)]
    page: TokenPage,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListPrincipalThingsResponse {
    things: Vec<ThingName>,
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListPrincipalThingsV2Response {
    principal_thing_objects: Vec<PrincipalThingObject>,
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PrincipalThingObject {
    thing_name: ThingName,
    thing_principal_type: ThingPrincipalType,
}

pub(crate) async fn attach_thing_principal(
    call: Call,
    input: AttachThingPrincipalRequest,
) -> Result<Empty, ApiError> {
    let principal = Target::parse(&call.scope, &input.principal)?;
    let registry = &call.deps.registry;
    registry
        .attach_thing_principal(&call.scope, &input.thing_name, &principal, input.thing_principal_type)
        .await?;
    Ok(Empty {})
}

pub(crate) async fn detach_thing_principal(
    call: Call,
    input: DetachThingPrincipalRequest,
) -> Result<Empty, ApiError> {
    let principal = Target::parse(&call.scope, &input.principal)?;
    call.deps.registry.detach_thing_principal(&call.scope, &input.thing_name, &principal).await?;
    Ok(Empty {})
}

pub(crate) async fn list_thing_principals(
    call: Call,
    input: ListThingPrincipalsRequest,
) -> Result<ListThingPrincipalsResponse, ApiError> {
    let page = call.deps.registry.list_thing_principals(
        &call.scope,
        &input.thing_name,
        None,
        &input.page.request(),
    )?;
    let page = page.map(|(principal, _)| principal.text(&call.scope));
    Ok(ListThingPrincipalsResponse { principals: page.items, next_token: page.next })
}

pub(crate) async fn list_thing_principals_v2(
    call: Call,
    input: ListThingPrincipalsRequest,
) -> Result<ListThingPrincipalsV2Response, ApiError> {
    let (registry, kind) = (&call.deps.registry, input.thing_principal_type);
    let page = registry.list_thing_principals(&call.scope, &input.thing_name, kind, &input.page.request())?;
    let page = page.map(|(principal, thing_principal_type)| ThingPrincipalObject {
        principal: principal.text(&call.scope),
        thing_principal_type,
    });
    Ok(ListThingPrincipalsV2Response { thing_principal_objects: page.items, next_token: page.next })
}

pub(crate) async fn list_principal_things(
    call: Call,
    input: ListPrincipalThingsRequest,
) -> Result<ListPrincipalThingsResponse, ApiError> {
    let principal = Target::parse(&call.scope, &input.principal)?;
    let page =
        call.deps.registry.list_principal_things(&call.scope, &principal, None, &input.page.request())?;
    let page = page.map(|(thing, _)| thing);
    Ok(ListPrincipalThingsResponse { things: page.items, next_token: page.next })
}

pub(crate) async fn list_principal_things_v2(
    call: Call,
    input: ListPrincipalThingsRequest,
) -> Result<ListPrincipalThingsV2Response, ApiError> {
    let principal = Target::parse(&call.scope, &input.principal)?;
    let (registry, kind) = (&call.deps.registry, input.thing_principal_type);
    let page = registry.list_principal_things(&call.scope, &principal, kind, &input.page.request())?;
    let page = page
        .map(|(thing_name, thing_principal_type)| PrincipalThingObject { thing_name, thing_principal_type });
    Ok(ListPrincipalThingsV2Response { principal_thing_objects: page.items, next_token: page.next })
}
