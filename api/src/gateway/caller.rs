//! Who calls: from a signature, a client certificate, or nothing.

use std::sync::Arc;

use http::HeaderMap;
use thingstead_core::sigv4::{Claim, Request, SignatureError};
use thingstead_core::{Principal, Scope};
use thingstead_policy_engine::Applicable;
use thingstead_registry::{CertificateStatus, RoleSession, SessionRefusal};

use super::{Arrived, Door};
use crate::model::Operation;
use crate::{ApiDeps, ApiError};

/// An identified caller and the scope it acts in.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    pub(super) scope: Scope,
    pub(super) principal: Principal,
    /// The session of a role whose temporary credentials signed (AUTH-241).
    pub(super) session: Option<Arc<RoleSession>>,
    /// What a custom authorizer lets it do.
    pub(super) documents: Vec<Applicable>,
}

impl Caller {
    pub(super) fn new(scope: Scope, principal: Principal) -> Self {
        Self { scope, principal, session: None, documents: Vec::new() }
    }
}

/// The service name of the signature, if there is a well-formed one.
pub(super) fn claimed_service(request: &Arrived) -> Option<String> {
    with_signed(request, Claim::of).ok().flatten().map(|claim| claim.service)
}

/// Who calls.
///
/// A client certificate on the device door is an identity of its own. Signatures are checked where the settings say so;
/// elsewhere any credentials do, and none on the API port.
pub(super) fn identify(
    deps: &ApiDeps,
    door: Door,
    request: &Arrived,
    operation: Option<&Operation>,
) -> Result<Caller, ApiError> {
    if let (Door::Device, Some(peer)) = (door, &request.peer)
        && let (Some(certificate), Some(scope)) = (&peer.certificate, &peer.scope)
    {
        // The handshake checked it too, but a connection may outlive that (POLICY-480).
        let known = deps.registry.describe_certificate(scope, certificate);
        let active = known.is_ok_and(|known| known.status == CertificateStatus::Active);
        if !active {
            let message = format!("the certificate {certificate} is not active");
            return Err(ApiError::new("ForbiddenException", message));
        }
        return Ok(Caller::new(scope.clone(), Principal::Certificate(certificate.clone())));
    }
    let settings = &deps.settings;
    let claim = match with_signed(request, Claim::of) {
        Ok(claim) => claim,
        Err(error) if settings.verify_signatures || door == Door::Device => return Err(refused(&error)),
        Err(_) => None,
    };
    let Some(claim) = claim else {
        // The confirmation of a rule destination is a plain link (API-202).
        let open = operation.is_some_and(|operation| operation.name == "ConfirmTopicRuleDestination");
        if door == Door::Device || settings.verify_signatures && !open {
            return Err(ApiError::new("MissingAuthenticationTokenException", "Missing Authentication Token"));
        }
        let scope = Scope::new(&settings.account, &settings.region);
        let principal = root_of(&scope);
        return Ok(Caller::new(scope, principal));
    };
    if !is_region(&claim.region) {
        let message = format!("the credential scope names the Region `{}`, which is none", claim.region);
        return Err(ApiError::new("InvalidSignatureException", message));
    }
    if let Some(session) = deps.registry.role_session(&claim.access_key) {
        return of_session(deps, session, &claim, request);
    }
    let key = settings.keys.get(&claim.access_key);
    if settings.verify_signatures {
        let Some(key) = key else {
            let message = "The security token included in the request is invalid.";
            return Err(ApiError::new("UnrecognizedClientException", message));
        };
        with_signed(request, |signed| claim.verify(signed, &key.secret, deps.clock.now()))
            .map_err(|error| refused(&error))?;
    }
    let account = key.and_then(|key| key.account.as_deref());
    let named = Scope::is_account_id(&claim.access_key).then_some(claim.access_key.as_str());
    let account = account.or(named).unwrap_or(&settings.account);
    let scope = Scope::new(account, &claim.region);
    let principal = deps.registry.principal_of_access_key(account, &claim.access_key);
    Ok(Caller::new(scope, principal))
}

/// Somebody with temporary credentials that the credentials provider gave out. They end in any case; their signature and token
/// are checked where the settings say so (AUTH-244).
fn of_session(
    deps: &ApiDeps,
    session: Arc<RoleSession>,
    claim: &Claim,
    request: &Arrived,
) -> Result<Caller, ApiError> {
    let (now, strict) = (deps.clock.now(), deps.settings.verify_signatures);
    session.check(claim.session_token.as_deref(), strict, now).map_err(|refusal| {
        let (name, message) = match refusal {
            SessionRefusal::Expired { .. } => {
                ("ExpiredTokenException", "The security token included in the request is expired")
            }
            SessionRefusal::Invalid(_) => {
                ("UnrecognizedClientException", "The security token included in the request is invalid.")
            }
        };
        ApiError::new(name, message).with("why", refusal.to_string())
    })?;
    if strict {
        with_signed(request, |signed| claim.verify(signed, &session.secret(), now))
            .map_err(|error| refused(&error))?;
    }
    let caller = Caller::new(Scope::new(&session.account(), &claim.region), session.principal());
    Ok(Caller { session: Some(session), ..caller })
}

fn root_of(scope: &Scope) -> Principal {
    let arn = format!("arn:aws:iam::{}:root", scope.account());
    Principal::Iam { unique_id: scope.account().into(), arn: arn.into() }
}

/// Letters, digits and hyphens: a Region becomes part of ARNs and of database keys.
fn is_region(text: &str) -> bool {
    (1..=32).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// API-045.
fn refused(error: &SignatureError) -> ApiError {
    match error {
        SignatureError::Incomplete(_) | SignatureError::Scope(_) | SignatureError::Algorithm(_) => {
            ApiError::new("IncompleteSignatureException", error.to_string())
        }
        SignatureError::Mismatch { canonical_request } => {
            let message = format!(
                "The request signature we calculated does not match the signature you provided. Check your AWS Secret \
                 Access Key and signing method. The canonical string for this request should have been\n'{canonical_request}'"
            );
            ApiError::new("InvalidSignatureException", message)
        }
        other => ApiError::new("InvalidSignatureException", other.to_string()),
    }
}

fn with_signed<T>(request: &Arrived, look: impl FnOnce(&Request<'_>) -> T) -> T {
    let headers = texts(&request.headers);
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_ref())).collect();
    look(&Request {
        method: request.method.as_str(),
        path: &request.path,
        query: &request.query,
        headers: &headers,
        body: &request.body,
    })
}

fn texts(headers: &HeaderMap) -> Vec<(&str, std::borrow::Cow<'_, str>)> {
    headers.iter().map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value.as_bytes()))).collect()
}
