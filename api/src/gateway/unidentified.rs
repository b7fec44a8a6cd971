//! Requests of the HTTPS door whose caller is not let in: for `explain`, `why` and the service log (AUTH-111, AUTH-300).

use thingstead_core::journal::Kind;
use thingstead_core::{Event, Scope};

use super::Arrived;
use crate::{ApiDeps, ApiError};

/// Leaves an event that says who was not recognised, why, and what would help.
pub(super) fn note(deps: &ApiDeps, request: &Arrived, error: &ApiError) {
    let peer = request.peer.as_ref();
    let certificate = peer.and_then(|peer| peer.certificate.as_ref());
    let scope = peer.and_then(|peer| peer.scope.clone());
    let scope = scope.unwrap_or_else(|| Scope::new(&deps.settings.account, &deps.settings.region));
    let (reason, fix) = match (certificate, error.name()) {
        (Some(_), _) => ("DEVICE_CERTIFICATE_INACTIVE", ACTIVATE),
        (None, "MissingAuthenticationTokenException") => ("NOT_AUTHENTICATED", IDENTIFY),
        (None, "ExpiredTokenException") => ("SECURITY_TOKEN_EXPIRED", RENEW),
        (None, "InvalidSignatureException") => ("SECURITY_TOKEN_SIGNATURE_MISMATCH", SIGN),
        (None, _) => ("SECURITY_TOKEN_INVALID", SIGN),
    };
    // The message of a mismatch carries the whole request.
    let why = error.why().lines().next().unwrap_or_default().to_owned();
    let event = Event::new(&scope, deps.clock.now(), Kind::AuthenticationRefused)
        .why(why)
        .source(request.remote)
        .with("reason", reason)
        .with("fix", fix)
        .with("authentication_type", if certificate.is_some() { "X509" } else { "SigV4" })
        .with("method", request.method.as_str())
        .with("path", request.path.as_str());
    let event = match certificate {
        Some(certificate) => event.principal(certificate.shared()),
        None => event,
    };
    let name = peer.and_then(|peer| peer.server_name.as_deref());
    deps.journal.record(match name {
        Some(name) => event.with("server_name", name),
        None => event,
    });
}

const ACTIVATE: &str =
    "activate the certificate: `aws iot update-certificate --certificate-id ID --new-status ACTIVE`";
const IDENTIFY: &str = "show a registered client certificate (`curl --cert certificate.pem --key private.key`), sign the request with SigV4 for \
     the service `iotdevicegateway`, or name a custom authorizer in the header `x-amz-customauthorizer-name`";
const RENEW: &str =
    "ask for new credentials: those of a role alias end after its `credentialDurationSeconds`";
const SIGN: &str = "sign the request with SigV4 for the service `iotdevicegateway`, with a key that this server knows and its session token";
