//! What a door knows about custom authentication at an endpoint, and the certificate callback.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use thingstead_core::journal::{Event, Kind};
use thingstead_core::{Principal, Scope};
use thingstead_registry::AuthenticationType;
use thingstead_registry::custom_auth::{
    AuthorizerChoice, CertificateCallback, CustomDoor, KeptAdmissions, PresentedCertificate,
};

use crate::connection::custom::Authenticator;
use crate::hub::Hub;
use crate::identity::{Endpoint, Identity};
use crate::tls::handshake::Secured;

/// Whose authorizers a connection without other credentials speaks to, and which of them the endpoint prescribes (AUTH-158, AUTH-165,
/// AUTH-166).
pub(super) fn door(
    hub: &Hub,
    secured: &Secured,
    identity: Option<&Identity>,
    how: AuthenticationType,
) -> CustomDoor {
    let both = identity.filter(|_| how == AuthenticationType::CustomAuthX509);
    let scope = both.map(|identity| identity.scope.clone());
    CustomDoor {
        scope: scope.unwrap_or_else(|| scope_of(hub, &secured.endpoint)),
        choice: choice(&secured.endpoint),
        certificate: both.and_then(|identity| {
            let id = identity.principal.certificate()?.clone();
            let der = Bytes::copy_from_slice(secured.tls.peer_certificate()?);
            Some(PresentedCertificate { id, der })
        }),
        kept: KeptAdmissions::default(),
    }
}

/// The owner of the endpoint; clients of the default endpoint belong to the default account.
fn scope_of(hub: &Hub, endpoint: &Endpoint) -> Scope {
    let default = &hub.settings.anonymous_scope;
    match endpoint {
        Endpoint::Configuration { scope, .. } => scope.clone(),
        Endpoint::Account { account, region } => {
            Scope::new(account, region.as_deref().unwrap_or(default.region()))
        }
        Endpoint::Default | Endpoint::Unnamed => default.clone(),
    }
}

fn choice(endpoint: &Endpoint) -> AuthorizerChoice {
    let config = endpoint.configuration().and_then(|configuration| configuration.authorizer_config.as_ref());
    config.map_or_else(AuthorizerChoice::default, |config| AuthorizerChoice {
        default: config.default_authorizer_name.as_deref().map(Arc::from),
        may_override: config.allow_authorizer_override.unwrap_or(false),
    })
}

/// Asks the endpoint's callback about a certificate, before any authorizer or policy is asked (AUTH-060, AUTH-063). `false` when the
/// client must not come in, which is in the journal then.
pub(super) async fn certificate_is_welcome(
    hub: &Hub,
    secured: &Secured,
    identity: Option<&Identity>,
    address: SocketAddr,
) -> bool {
    let configuration = secured.endpoint.configuration();
    let function = configuration.and_then(|it| it.client_certificate_callback_arn.as_deref());
    let (Some(function), Some(Identity { scope, principal: Principal::Certificate(certificate), .. })) =
        (function, identity)
    else {
        return true;
    };
    let callback = CertificateCallback {
        scope: scope.clone(),
        function: function.into(),
        certificate: certificate.clone(),
        server_name: secured.server_name.clone(),
        chain: secured.tls.peer_certificates().iter().map(|der| Bytes::copy_from_slice(der)).collect(),
    };
    let refused = |why: String, reason: &str, fix: String| {
        let event = Event::new(scope, hub.clock.now(), Kind::AuthenticationRefused)
            .why(why)
            .source(Some(address))
            .principal(certificate.shared())
            .with("reason", reason)
            .with("authentication_type", "X509")
            .with("server_name", secured.server_name.as_deref())
            .with("fix", fix);
        hub.journal.record(event);
        false
    };
    let Some(Authenticator { registry, .. }) = hub.authenticator.get() else {
        let why = format!("nobody calls functions here, and the endpoint wants `{function}` to be asked");
        return refused(why, "INTERNAL_SERVER_ERROR", "use another endpoint".to_owned());
    };
    match registry.call_back(&callback).await {
        Ok(()) => true,
        Err(refusal) => refused(refusal.to_string(), refusal.log_reason(), refusal.fix()),
    }
}
