//! Callers of the HTTPS door that a custom authorizer knows (AUTH-165 to AUTH-175, AUTH-219, AUTH-222).

use std::sync::Arc;

use http::header::AUTHORIZATION;
use thingstead_core::Scope;
use thingstead_registry::AuthenticationType;
use thingstead_registry::custom_auth::{Attempt, CustomDoor, HttpContext, Refusal};

use super::caller::Caller;
use super::{Arrived, Door};
use crate::model::Operation;
use crate::{ApiDeps, ApiError};

/// Asks the authorizer that the request speaks to; `None` for requests that authenticate in another way, or not at all.
pub(super) async fn identify(
    deps: &ApiDeps,
    door: Door,
    request: &Arrived,
    operation: Option<&Operation>,
) -> Result<Option<Caller>, ApiError> {
    let (Some(peer), Door::Device) = (&request.peer, door) else { return Ok(None) };
    let wanted = request.authentication;
    if wanted != AuthenticationType::Default && !wanted.needs_authorizer() {
        return Ok(None);
    }
    let default = || CustomDoor::of(Scope::new(&deps.settings.account, &deps.settings.region));
    let door = request.custom.clone().unwrap_or_else(default);
    let http = context(request);
    // Requests without credentials belong to the default authorizer, where there is one.
    let alone = || peer.certificate.is_none() && !is_signed(request);
    let meant = wanted.needs_authorizer()
        || peer.certificate.is_none() && deps.registry.is_for_authorizer(&door, &http)
        || alone() && deps.registry.default_authorizer(&door).is_some();
    if !meant {
        return Ok(None);
    }
    if operation.is_none_or(|operation| operation.name != "Publish") {
        let why = "requests that a custom authorizer authenticates may publish only (`POST /topics/TOPIC`)";
        return Err(forbidden(why.to_owned()));
    }
    let now = deps.clock.now();
    let admission = match door.kept.get(&http, now) {
        Some(admission) => admission,
        None => {
            let (name, http) = (peer.server_name.clone(), Arc::new(http));
            let attempt = door.attempt(deps.registry.connection_id(), name, Some(Arc::clone(&http)), None);
            let answer = deps.registry.authenticate(&attempt).await;
            let admission = answer.map_err(|refusal| refused(deps, &attempt, request, &refusal))?;
            door.kept.put(&http, &admission, now);
            admission
        }
    };
    let caller = Caller::new(door.scope, admission.principal);
    Ok(Some(Caller { documents: admission.documents, ..caller }))
}

fn refused(deps: &ApiDeps, attempt: &Attempt, request: &Arrived, refusal: &Refusal) -> ApiError {
    let event = refusal.event(attempt, deps.clock.now()).source(request.remote);
    deps.journal.record(event.with("method", request.method.as_str()).with("path", request.path.as_str()));
    forbidden(refusal.to_string())
}

fn forbidden(why: String) -> ApiError {
    ApiError::new("ForbiddenException", "Forbidden").with("why", why)
}

fn context(request: &Arrived) -> HttpContext {
    let headers = request.headers.iter();
    HttpContext {
        headers: headers
            .map(|(name, value)| {
                (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
            })
            .collect(),
        query: Some(request.query.clone()).filter(|query| !query.is_empty()),
    }
}

/// Whether the request at least claims a SigV4 signature.
fn is_signed(request: &Arrived) -> bool {
    let header = request.headers.get(AUTHORIZATION);
    header.is_some_and(|value| value.as_bytes().starts_with(b"AWS4-"))
        || request.query.contains("X-Amz-Algorithm=")
}
