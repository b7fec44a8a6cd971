//! The credentials provider: devices get temporary credentials for the role of a role alias by their certificate (section 14 of
//! the policy specification).

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use serde_json::json;
use thingstead_core::journal::Kind;
use thingstead_core::wiring::{AssumeRole, SessionCredentials};
use thingstead_core::{CertificateId, Decision, Event, PeerIdentity, Scope, ThingName};
use thingstead_policy_engine::Protocol;
use thingstead_registry::authority::Holder;
use thingstead_registry::{
    Action, Assumption, Authority, AuthorityRequest, CertificateStatus, Named, RoleAlias, ServiceType,
};

use crate::ApiDeps;

/// `GET /role-aliases/ALIAS/credentials` (AUTH-231).
pub(crate) async fn provide(
    State(deps): State<ApiDeps>,
    Path(alias): Path<String>,
    peer: Option<axum::Extension<PeerIdentity>>,
    headers: HeaderMap,
) -> Response {
    let peer = peer.map(|axum::Extension(peer)| peer);
    let asked = Asked { deps: &deps, alias: &alias, peer: peer.as_ref() };
    if !asked.is_provider() {
        return asked.not_found();
    }
    match asked.credentials(&headers).await {
        Ok(credentials) => written(&credentials),
        Err(refusal) => {
            asked.note(&refusal);
            // AUTH-236
            answer(StatusCode::FORBIDDEN, &json!({ "message": "Access Denied" }))
        }
    }
}

struct Asked<'a> {
    deps: &'a ApiDeps,
    alias: &'a str,
    peer: Option<&'a PeerIdentity>,
}

/// Why there are no credentials.
struct Refusal {
    scope: Option<Scope>,
    certificate: Option<CertificateId>,
    thing: Option<ThingName>,
    why: String,
    decision: Option<Arc<Decision>>,
}

impl Asked<'_> {
    /// Whether the host name may mean the credentials provider: data endpoints of an unmistakable name do not (AUTH-232, AUTH-237).
    fn is_provider(&self) -> bool {
        let Some(host) = self.peer.and_then(|peer| peer.server_name.as_deref()) else { return true };
        match self.deps.registry.endpoint_named(host) {
            Named::Configuration { configuration, .. } => {
                configuration.service_type == ServiceType::CredentialProvider
            }
            Named::Account { .. } | Named::Default | Named::Unknown => {
                !host.ends_with(".amazonaws.com") || host.contains(".credentials.iot.")
            }
        }
    }

    async fn credentials(&self, headers: &HeaderMap) -> Result<SessionCredentials, Refusal> {
        let (scope, certificate) = self.certificate()?;
        let mut refusal = Refusal {
            scope: Some(scope.clone()),
            certificate: Some(certificate.clone()),
            thing: None,
            why: String::new(),
            decision: None,
        };
        if let Some(thing) = headers.get(THING_NAME) {
            let thing = ThingName::from(String::from_utf8_lossy(thing.as_bytes()).into_owned());
            refusal.thing = Some(thing.clone());
            // AUTH-235
            let things = self.deps.authority.things_of(&scope, Holder::Certificate(&certificate));
            if !things.iter().any(|attachment| attachment.thing == thing) {
                refusal.why = format!(
                    "the header `{THING_NAME}` names thing `{thing}`, which the certificate is not attached to"
                );
                return Err(refusal);
            }
        }
        self.judge(&mut refusal)?;
        let alias = match self.deps.registry.describe_role_alias(&scope, self.alias) {
            Ok(alias) => alias,
            // AUTH-238
            Err(error) => {
                refusal.why = error.to_string();
                return Err(refusal);
            }
        };
        match self.assume(&scope, &certificate, refusal.thing.as_ref(), &alias).await {
            Ok(credentials) => {
                self.told(&scope, &certificate, refusal.thing.as_ref(), &alias, &credentials);
                Ok(credentials)
            }
            Err(why) => Err(Refusal { why, ..refusal }),
        }
    }

    /// The certificate, which may have left ACTIVE since the handshake (AUTH-233).
    fn certificate(&self) -> Result<(Scope, CertificateId), Refusal> {
        let refused = |scope: Option<&Scope>, certificate: Option<&CertificateId>, why: String| Refusal {
            scope: scope.cloned(),
            certificate: certificate.cloned(),
            thing: None,
            why,
            decision: None,
        };
        let identity = self.peer.and_then(|peer| Some((peer.scope.clone()?, peer.certificate.clone()?)));
        let Some((scope, certificate)) = identity else {
            let why = "credentials are given for a client certificate only, and there was none".to_owned();
            return Err(refused(None, None, why));
        };
        let known = self.deps.registry.describe_certificate(&scope, &certificate);
        if known.is_ok_and(|known| known.status == CertificateStatus::Active) {
            return Ok((scope, certificate));
        }
        let why = format!("the certificate {certificate} is not active");
        Err(refused(Some(&scope), Some(&certificate), why))
    }

    /// `iot:AssumeRoleWithCertificate` by the certificate's policies; the named thing's variables have values (AUTH-233, AUTH-242).
    fn judge(&self, refusal: &mut Refusal) -> Result<(), Refusal> {
        let (Some(scope), Some(certificate)) = (refusal.scope.clone(), refusal.certificate.clone()) else {
            return Ok(());
        };
        let principal = thingstead_core::Principal::Certificate(certificate);
        let request = AuthorityRequest {
            source_ip: self.peer.map(|peer| peer.remote.ip()),
            domain_name: self.peer.and_then(|peer| peer.server_name.clone()),
            secure_transport: true,
            named_thing: refusal.thing.clone(),
            ..AuthorityRequest::new(scope.clone(), principal, Protocol::Https)
        };
        let mut authority = Authority::new(Arc::clone(&self.deps.authority), request);
        if authority.permits(Action::AssumeRoleWithCertificate, self.alias) {
            return Ok(());
        }
        Err(Refusal {
            decision: Some(authority.decide(Action::AssumeRoleWithCertificate, self.alias)),
            scope: Some(scope),
            certificate: refusal.certificate.take(),
            thing: refusal.thing.take(),
            why: String::new(),
        })
    }

    /// From the configured STS, else of our own making (AUTH-244); either way this server knows them again.
    async fn assume(
        &self,
        scope: &Scope,
        certificate: &CertificateId,
        thing: Option<&ThingName>,
        alias: &RoleAlias,
    ) -> Result<SessionCredentials, String> {
        let assumption = Assumption {
            role_arn: alias.role_arn.clone(),
            certificate: certificate.clone(),
            thing: thing.cloned(),
        };
        let wanted = AssumeRole {
            scope: scope.clone(),
            role_arn: alias.role_arn.clone(),
            session_name: certificate.to_string(),
            duration_seconds: alias.duration_seconds,
        };
        let registry = &self.deps.registry;
        match self.deps.roles.assume(wanted).await? {
            Some(credentials) => {
                registry
                    .keep_session(scope, &assumption, &credentials)
                    .await
                    .map_err(|error| error.to_string())?;
                Ok(credentials)
            }
            None => registry
                .issue_session(scope, &assumption, alias.duration_seconds)
                .await
                .map_err(|error| error.to_string()),
        }
    }

    fn told(
        &self,
        scope: &Scope,
        certificate: &CertificateId,
        thing: Option<&ThingName>,
        alias: &RoleAlias,
        credentials: &SessionCredentials,
    ) {
        let event = Event::new(scope, self.deps.clock.now(), Kind::ApiCall)
            .principal(certificate.shared())
            .thing(thing.map(ThingName::shared))
            .source(self.peer.map(|peer| peer.remote))
            .with("service", "credentials")
            .with("operation", "AssumeRoleWithCertificate")
            .with("status", 200)
            .with("role_alias", alias.name.as_str())
            .with("role", alias.role_arn.as_str())
            .with("access_key", credentials.access_key.as_str())
            .with("expires_at", credentials.expires_at.to_string());
        self.deps.journal.record(event);
    }

    fn note(&self, refusal: &Refusal) {
        let settings = &self.deps.settings;
        let home = Scope::new(&settings.account, &settings.region);
        let mut event =
            Event::new(refusal.scope.as_ref().unwrap_or(&home), self.deps.clock.now(), Kind::RequestRefused)
                .why(refusal.why.clone())
                .thing(refusal.thing.as_ref().map(ThingName::shared))
                .source(self.peer.map(|peer| peer.remote))
                .with("method", "GET")
                .with("path", format!("/role-aliases/{}/credentials", self.alias));
        if let Some(certificate) = &refusal.certificate {
            event = event.principal(certificate.shared());
        }
        if let Some(decision) = &refusal.decision {
            event = event.decision(Arc::clone(decision));
        }
        self.deps.journal.record(event);
    }

    /// AUTH-237.
    fn not_found(&self) -> Response {
        let trace = self.deps.ids.uuid().to_string();
        answer(StatusCode::NOT_FOUND, &json!({ "message": "Not Found", "traceId": trace }))
    }
}

/// AUTH-234.
fn written(credentials: &SessionCredentials) -> Response {
    let expiration = jiff::Timestamp::from_second(credentials.expires_at.as_secs()).unwrap_or_default();
    answer(
        StatusCode::OK,
        &json!({
            "credentials": {
                "accessKeyId": credentials.access_key,
                "secretAccessKey": credentials.secret.expose(),
                "sessionToken": credentials.session_token,
                "expiration": expiration.to_string(),
            }
        }),
    )
}

fn answer(status: StatusCode, body: &serde_json::Value) -> Response {
    (status, [(http::header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

const THING_NAME: &str = "x-amzn-iot-thingname";
