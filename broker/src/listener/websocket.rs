//! MQTT over WebSocket (MQTT-011 to MQTT-017): who asks is found out from the signature, then the WebSocket becomes a link of a
//! shard.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Extension, State, WebSocketUpgrade};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use bytes::BytesMut;
use http::{HeaderMap, StatusCode};
use serde_json::json;
use thingstead_core::sigv4::{Claim, Request, SignatureError};
use thingstead_core::{PeerIdentity, Principal, Scope};
use thingstead_registry::AuthenticationType;
use thingstead_registry::custom_auth::{Attempt, CustomDoor, HttpContext, MqttContext, Refusal};

use super::Usher;
use super::https::Ends;
use crate::connection::custom::{Admitted, Authenticator, Custom};
use crate::identity::Identity;
use crate::settings::WebSocketAuthentication;
use crate::shard::link::PortableLink;
use crate::shard::mail::{Arrival, Peer};

/// The router for `/mqtt`.
pub(crate) fn router(usher: Arc<Usher>) -> Router {
    Router::new().route("/mqtt", any(upgrade)).with_state(usher)
}

async fn upgrade(
    State(usher): State<Arc<Usher>>,
    Extension(peer): Extension<PeerIdentity>,
    Extension(ends): Extension<Ends>,
    Extension(door): Extension<CustomDoor>,
    parts: http::request::Parts,
    upgrade: Result<WebSocketUpgrade, axum::extract::ws::rejection::WebSocketUpgradeRejection>,
) -> Response {
    let upgrade = match upgrade {
        Ok(upgrade) => upgrade,
        Err(rejection) => return rejection.into_response(),
    };
    let (identity, custom) = match admit(&usher, door, &peer, ends.authentication, &parts).await {
        Ok(admitted) => admitted,
        Err(refused) => return refused.answer(&usher, ends, peer.server_name.as_deref()),
    };
    let packet = usher.hub.bounds.packet;
    upgrade
        .protocols(SUBPROTOCOLS)
        .read_buffer_size(BUFFER)
        .write_buffer_size(0)
        .max_message_size(packet.saturating_mul(2))
        .max_frame_size(packet.saturating_mul(2))
        .on_upgrade(move |socket| async move {
            usher.show_in(Arrival {
                link: PortableLink::WebSocket(Box::new(socket)),
                plain: BytesMut::new(),
                peer: Peer {
                    identity,
                    address: ends.address,
                    local: ends.local,
                    open: false,
                    secure: true,
                    server_name: peer.server_name,
                    custom: custom.map(Arc::new),
                },
            });
        })
}

/// Lets in who is signed or showed a certificate; asks the custom authorizer that the request speaks to; and lets in whoever will
/// speak to one in CONNECT, where there is one (AUTH-005, AUTH-172).
async fn admit(
    usher: &Usher,
    door: CustomDoor,
    peer: &PeerIdentity,
    wanted: AuthenticationType,
    request: &http::request::Parts,
) -> Result<(Identity, Option<Custom>), Refused> {
    let hub = &usher.hub;
    let own = || authenticate(usher, peer, request)?.map(|identity| fits(wanted, identity)).transpose();
    let allowed = wanted == AuthenticationType::Default || wanted.needs_authorizer();
    let Some(Authenticator { registry, .. }) = hub.authenticator.get().filter(|_| allowed) else {
        return own()?.map(|identity| (identity, None)).ok_or_else(Refused::unsigned);
    };
    let http = HttpContext {
        headers: texts(&request.headers).map(|(name, value)| (name.to_owned(), value)).collect(),
        query: request.uri.query().map(str::to_owned),
    };
    let (scope, speaks_to_one) = (door.scope.clone(), registry.is_for_authorizer(&door, &http));
    let mut custom = Custom::at_connect(door, Some(Arc::new(http)));
    if speaks_to_one {
        let attempt = custom.attempt(registry, peer.server_name.as_ref(), MqttContext::default());
        let admission = match registry.authenticate(&attempt).await {
            Ok(admission) => admission,
            Err(refusal) => return Err(Refused::Custom(Box::new((attempt, refusal)))),
        };
        let identity = Identity::new(scope, admission.principal.clone());
        custom.admitted = Some(Admitted { attempt, admission });
        return Ok((identity, Some(custom)));
    }
    let identity = if wanted.needs_authorizer() { None } else { own()? };
    match identity {
        Some(identity) => Ok((identity, None)),
        None if wanted.needs_authorizer() || registry.has_active_authorizer(&scope) => {
            Ok((Identity::unknown(&scope), Some(custom)))
        }
        None => Err(Refused::unsigned()),
    }
}

/// Why an upgrade is refused.
enum Refused {
    /// No certificate, and no signature or a bad one.
    Signature(Denied),
    /// By a custom authorizer, or on the way to it.
    Custom(Box<(Attempt, Refusal)>),
}

impl From<Denied> for Refused {
    fn from(denied: Denied) -> Self {
        Self::Signature(denied)
    }
}

impl Refused {
    fn unsigned() -> Self {
        Self::Signature(Denied::new("NOT_AUTHENTICATED", "the request is not signed"))
    }

    /// MQTT-014, MQTT-027, AUTH-222.
    fn answer(&self, usher: &Usher, ends: Ends, server_name: Option<&str>) -> Response {
        let hub = &usher.hub;
        let id = hub.ids.uuid().to_string();
        let body = match self {
            Self::Signature(Denied { reason, why }) => {
                super::tls::record_denial(hub, ends.address, server_name, (reason, why, SIGN));
                json!({ "message": why, "traceId": id })
            }
            Self::Custom(refused) => {
                let (attempt, refusal) = &**refused;
                hub.journal.record(refusal.event(attempt, hub.clock.now()).source(Some(ends.address)));
                json!({ "message": "Forbidden", "traceId": id, "why": refusal.to_string() })
            }
        };
        let headers = [("content-type", "application/json"), ("x-amzn-RequestId", id.as_str())];
        (StatusCode::FORBIDDEN, headers, body.to_string()).into_response()
    }
}

/// Who asks: the owner of the client certificate, or of the signature (MQTT-012, MQTT-013); `None` without either.
fn authenticate(
    usher: &Usher,
    peer: &PeerIdentity,
    request: &http::request::Parts,
) -> Result<Option<Identity>, Denied> {
    let (uri, method, headers) = (&request.uri, &request.method, &request.headers);
    let hub = &usher.hub;
    let texts: Vec<(&str, String)> = texts(headers).collect();
    let headers: Vec<(&str, &str)> = texts.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let request = Request {
        method: method.as_str(),
        path: uri.path(),
        query: uri.query().unwrap_or(""),
        headers: &headers,
        body: b"",
    };
    let claim = match Claim::of(&request).map_err(Denied::malformed)? {
        Some(claim) => claim,
        None => {
            let (Some(certificate), Some(scope)) = (&peer.certificate, &peer.scope) else {
                return Ok(None);
            };
            let principal = Principal::Certificate(certificate.clone());
            return Ok(Some(Identity::new(scope.clone(), principal)));
        }
    };
    let mut account = None;
    if let Some(session) = hub.gate.role_session(&claim.access_key) {
        let strict = matches!(hub.settings.websocket, WebSocketAuthentication::Keys(_));
        session
            .check(claim.session_token.as_deref(), strict, hub.clock.now())
            .map_err(|refusal| Denied::new(refusal.log_reason(), refusal.to_string()))?;
        if strict {
            claim.verify(&request, &session.secret(), hub.clock.now()).map_err(Denied::unverified)?;
        }
        let scope = Scope::new(&session.account(), &claim.region);
        return Ok(Some(Identity { scope, principal: session.principal(), session: Some(session) }));
    }
    if let WebSocketAuthentication::Keys(keys) = &hub.settings.websocket {
        let key = keys.get(&claim.access_key).ok_or_else(|| {
            let why = format!("the access key id `{}` is unknown", claim.access_key);
            Denied::new("SECURITY_TOKEN_INVALID", why)
        })?;
        claim.verify(&request, &key.secret, hub.clock.now()).map_err(Denied::unverified)?;
        account = key.account.as_deref();
    }
    let named = Scope::is_account_id(&claim.access_key).then_some(claim.access_key.as_str());
    let account = account.or(named).unwrap_or(hub.settings.anonymous_scope.account());
    let principal = hub.gate.principal_of_access_key(account, &claim.access_key);
    Ok(Some(Identity::new(Scope::new(account, &claim.region), principal)))
}

/// The endpoint may want another kind of identity (AUTH-010).
fn fits(wanted: AuthenticationType, identity: Identity) -> Result<Identity, Denied> {
    let by_certificate = identity.principal.certificate().is_some();
    let fits = match wanted {
        AuthenticationType::Default => true,
        AuthenticationType::AwsSigv4 => !by_certificate,
        AuthenticationType::AwsX509 => by_certificate,
        AuthenticationType::CustomAuth | AuthenticationType::CustomAuthX509 => false,
    };
    if fits {
        return Ok(identity);
    }
    let why = format!("the endpoint authenticates by {} only", wanted.name());
    Err(Denied::new("NOT_AUTHENTICATED", why))
}

/// What an endpoint for WebSockets answers to other requests.
pub(crate) async fn nothing_else() -> Response {
    (StatusCode::NOT_FOUND, [("content-type", "application/json")], r#"{"message":"Not Found"}"#)
        .into_response()
}

fn texts(headers: &HeaderMap) -> impl Iterator<Item = (&str, String)> {
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    headers.iter().map(move |(name, value)| (name.as_str(), text(value)))
}

/// Why nobody was recognised by a signature.
struct Denied {
    /// The reason in service logs (AUTH-111).
    reason: &'static str,
    why: String,
}

impl Denied {
    fn new(reason: &'static str, why: impl Into<String>) -> Self {
        Self { reason, why: why.into() }
    }

    fn malformed(error: SignatureError) -> Self {
        Self::new("SECURITY_TOKEN_INVALID", error.to_string())
    }

    fn unverified(error: SignatureError) -> Self {
        let reason = match error {
            SignatureError::Expired { .. } | SignatureError::Skewed { .. } => "SECURITY_TOKEN_EXPIRED",
            _ => "SECURITY_TOKEN_SIGNATURE_MISMATCH",
        };
        Self::new(reason, error.to_string())
    }
}

const SIGN: &str =
    "sign the request with SigV4 for the service `iotdevicegateway`, with a key that this server knows";

/// What browsers and SDKs ask for (MQTT-011). Version 1 of the device SDK for JavaScript asks for `mqttv3.1` and gives up when
/// it is not echoed.
const SUBPROTOCOLS: [&str; 2] = ["mqtt", "mqttv3.1"];

/// An idle WebSocket keeps this much.
const BUFFER: usize = 4 * 1024;
