//! Shadows over HTTPS (SHADOW-160 – SHADOW-172). What is in the documents is the shadow service's business.

use serde::{Deserialize, Serialize};
use thingstead_core::{ShadowName, ThingName};
use thingstead_shadow::{Rejection, ShadowId};

use crate::{ApiError, Call, Document};

/// Which shadow; without a name the classic one (API-274).
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ShadowRequest {
    thing_name: ThingName,
    shadow_name: Option<ShadowName>,
}

/// Which page of a thing's named shadows.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListNamedShadowsRequest {
    thing_name: ThingName,
    page_size: Option<i64>,
    next_token: Option<String>,
}

/// Names in alphabetical order, and when they were listed: epoch seconds.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NamedShadowsResponse {
    results: Vec<ShadowName>,
    timestamp: i64,
    next_token: Option<String>,
}

/// `GetThingShadow`.
pub(crate) async fn get_thing_shadow(call: Call, input: ShadowRequest) -> Result<Document, ApiError> {
    Ok(Document(call.deps.shadow.get(&input.id(&call), call.origin()).await?))
}

/// `UpdateThingShadow` (API-275).
pub(crate) async fn update_thing_shadow(call: Call, input: ShadowRequest) -> Result<Document, ApiError> {
    Ok(Document(call.deps.shadow.update(&input.id(&call), call.payload.clone(), call.origin()).await?))
}

/// `DeleteThingShadow`.
pub(crate) async fn delete_thing_shadow(call: Call, input: ShadowRequest) -> Result<Document, ApiError> {
    Ok(Document(call.deps.shadow.delete(&input.id(&call), call.origin()).await?))
}

/// `ListNamedShadowsForThing` (API-276).
pub(crate) async fn list_named_shadows_for_thing(
    call: Call,
    input: ListNamedShadowsRequest,
) -> Result<NamedShadowsResponse, ApiError> {
    let token = input.next_token.as_deref();
    let page = call.deps.shadow.list_named(&call.scope, &input.thing_name, input.page_size, token).await?;
    Ok(NamedShadowsResponse {
        results: page.results,
        timestamp: page.timestamp.as_secs(),
        next_token: page.next_token,
    })
}

impl ShadowRequest {
    fn id(&self, call: &Call) -> ShadowId {
        ShadowId {
            scope: call.scope.clone(),
            thing: self.thing_name.clone(),
            shadow: self.shadow_name.clone(),
        }
    }
}

impl From<Rejection> for ApiError {
    fn from(rejection: Rejection) -> Self {
        Self::new(rejection.exception(), rejection.message())
    }
}
