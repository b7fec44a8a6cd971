//! MQTT over WebSocket (MQTT-011 to MQTT-017): who asks is found out from the signature, then the WebSocket becomes a link of a
//! shard.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Extension, State, WebSocketUpgrade};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use bytes::BytesMut;
use http::{HeaderMap, Method, StatusCode};
use serde_json::json;
use thingstead_core::sigv4::{Claim, Request};
use thingstead_core::{PeerIdentity, Principal, Scope};
use thingstead_registry::AuthenticationType;

use super::Usher;
use super::https::Ends;
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
    uri: http::Uri,
    method: Method,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, axum::extract::ws::rejection::WebSocketUpgradeRejection>,
) -> Response {
    let upgrade = match upgrade {
        Ok(upgrade) => upgrade,
        Err(rejection) => return rejection.into_response(),
    };
    let authenticated = authenticate(&usher, &peer, &method, &uri, &headers);
    let identity = match authenticated.and_then(|identity| fits(ends.authentication, identity)) {
        Ok(identity) => identity,
        Err(why) => return forbidden(&usher, ends, peer.server_name.as_deref(), &why),
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
                },
            });
        })
}

/// Who asks: the owner of the client certificate, or of the signature (MQTT-012, MQTT-013).
fn authenticate(
    usher: &Usher,
    peer: &PeerIdentity,
    method: &Method,
    uri: &http::Uri,
    headers: &HeaderMap,
) -> Result<Identity, String> {
    let hub = &usher.hub;
    let texts: Vec<(&str, String)> = headers
        .iter()
        .map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect();
    let headers: Vec<(&str, &str)> = texts.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let request = Request {
        method: method.as_str(),
        path: uri.path(),
        query: uri.query().unwrap_or(""),
        headers: &headers,
        body: b"",
    };
    let claim = match Claim::of(&request).map_err(|error| error.to_string())? {
        Some(claim) => claim,
        None => {
            let (Some(certificate), Some(scope)) = (&peer.certificate, &peer.scope) else {
                return Err("the request is not signed".to_owned());
            };
            let principal = Principal::Certificate(certificate.clone());
            return Ok(Identity { scope: scope.clone(), principal });
        }
    };
    let mut account = None;
    if let WebSocketAuthentication::Keys(keys) = &hub.settings.websocket {
        let key = keys
            .get(&claim.access_key)
            .ok_or_else(|| format!("the access key id `{}` is unknown", claim.access_key))?;
        claim.verify(&request, &key.secret, hub.clock.now()).map_err(|error| error.to_string())?;
        account = key.account.as_deref();
    }
    let named = Scope::is_account_id(&claim.access_key).then_some(claim.access_key.as_str());
    let account = account.or(named).unwrap_or(hub.settings.anonymous_scope.account());
    let arn = format!("arn:aws:iam::{account}:user/{}", claim.access_key);
    let principal = Principal::Iam { unique_id: claim.access_key.as_str().into(), arn: arn.into() };
    Ok(Identity { scope: Scope::new(account, &claim.region), principal })
}

/// The endpoint may want another kind of identity (AUTH-010).
fn fits(wanted: AuthenticationType, identity: Identity) -> Result<Identity, String> {
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
    Err(format!("the endpoint authenticates by {} only", wanted.name()))
}

/// What an endpoint for WebSockets answers to other requests.
pub(crate) async fn nothing_else() -> Response {
    (StatusCode::NOT_FOUND, [("content-type", "application/json")], r#"{"message":"Not Found"}"#)
        .into_response()
}

/// MQTT-014.
fn forbidden(usher: &Usher, ends: Ends, server_name: Option<&str>, why: &str) -> Response {
    super::tls::record_nobody(&usher.hub, ends.address, server_name, why);
    let id = usher.hub.ids.uuid().to_string();
    let body = json!({ "message": why, "traceId": id }).to_string();
    let headers = [("content-type", "application/json"), ("x-amzn-RequestId", id.as_str())];
    (StatusCode::FORBIDDEN, headers, body).into_response()
}

/// What browsers and SDKs ask for (MQTT-011). Version 1 of the device SDK for JavaScript asks for `mqttv3.1` and gives up when
/// it is not echoed.
const SUBPROTOCOLS: [&str; 2] = ["mqtt", "mqttv3.1"];

/// An idle WebSocket keeps this much.
const BUFFER: usize = 4 * 1024;
