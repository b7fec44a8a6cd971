//! From an HTTP request to a handler and back.

mod access;
mod caller;
mod cors;
mod custom;
mod input;
mod logged;
mod output;
mod unidentified;
mod uri;
mod validate;

use std::sync::Arc;

use axum::Router;
use axum::extract::{ConnectInfo, Request, State};
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use thingstead_core::journal::Kind;
use thingstead_core::{Event, PeerIdentity};
use thingstead_registry::AuthenticationType;
use thingstead_registry::custom_auth::CustomDoor;

use crate::credentials;
use crate::handlers;
use crate::model::{Model, Operation, Routed, Service};
use crate::{ApiDeps, ApiError, Call, Reply};

use caller::Caller;
use logged::Logged;

/// The API port: everything that is not `/_thingstead`, `/metrics` or `/console`.
pub fn router(deps: ApiDeps) -> Router {
    Router::new().fallback(serve).with_state(Arc::new(Gateway { deps, door: Door::Api }))
}

/// The data plane of the HTTPS door. The door puts a [`PeerIdentity`] on each request; a request without a client
/// certificate must be signed (API-048). The credentials provider answers there, too (AUTH-231).
pub fn device_router(deps: ApiDeps) -> Router {
    let provider = Router::new()
        .route("/role-aliases/{alias}/credentials", axum::routing::get(credentials::provide))
        .with_state(deps.clone());
    Router::new().fallback(serve).with_state(Arc::new(Gateway { deps, door: Door::Device })).merge(provider)
}

struct Gateway {
    deps: ApiDeps,
    door: Door,
}

/// Which door a request came in by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Door {
    /// The API port: all three APIs, SigV4 or nothing.
    Api,
    /// The HTTPS port for devices: data plane only, client certificate or SigV4.
    Device,
}

/// A request with its body, taken apart.
struct Arrived {
    method: Method,
    path: String,
    query: String,
    headers: HeaderMap,
    body: Bytes,
    peer: Option<PeerIdentity>,
    remote: Option<std::net::SocketAddr>,
    /// How the endpoint wants its clients to authenticate.
    authentication: AuthenticationType,
    /// The endpoint, as custom authorizers see it.
    custom: Option<CustomDoor>,
}

/// What is known about a request when it is answered: for the answer's form and for the journal.
struct Known {
    service: Service,
    operation: Option<&'static Operation>,
    caller: Option<Caller>,
    /// The caller's address.
    remote: Option<std::net::SocketAddr>,
    /// What service logs say of the operation.
    logged: Logged,
}

/// A request on its way to its answer. It is dropped without one when its caller closes the connection.
struct Asked<'a> {
    gateway: &'a Gateway,
    known: Known,
    request_id: &'a str,
    answered: bool,
}

impl Drop for Asked<'_> {
    /// MQTT-258: who asked for a confirmation and left before it came.
    fn drop(&mut self) {
        if self.answered || !self.known.logged.awaits_confirmation() {
            return;
        }
        let why = "the caller closed its connection before the client acknowledged the message";
        let error = ApiError::new("GatewayTimeoutException", why);
        let left = Err(error.logged_as("DELIVERY_CONFIRMATION_SENDER_DISCONNECT"));
        self.gateway.note(&self.known, &left, self.request_id);
    }
}

async fn serve(State(gateway): State<Arc<Gateway>>, request: Request) -> Response {
    let request_id: Arc<str> = gateway.deps.ids.uuid().to_string().into();
    if request.method() == Method::OPTIONS {
        return cors::preflight(&request_id);
    }
    let known = Known {
        service: gateway.default_service(),
        operation: None,
        caller: None,
        remote: None,
        logged: Logged::default(),
    };
    let mut asked = Asked { gateway: &gateway, known, request_id: &request_id, answered: false };
    let answer = match arrived(request).await {
        Ok(request) => {
            asked.known.remote = request.remote;
            gateway.answer(&request, &request_id, &mut asked.known).await
        }
        Err(error) => Err(error),
    };
    asked.answered = true;
    let known = &asked.known;
    gateway.note(known, &answer, &request_id);
    match (answer, known.operation) {
        (Ok(reply), Some(operation)) => output::success(operation, reply, &request_id),
        (Ok(_), None) => output::failure(known.service, &ApiError::internal("no operation"), &request_id),
        (Err(error), _) => output::failure(known.service, &error, &request_id),
    }
}

impl Gateway {
    fn default_service(&self) -> Service {
        match self.door {
            Door::Api => Service::Iot,
            Door::Device => Service::IotData,
        }
    }

    async fn answer(
        &self,
        request: &Arrived,
        request_id: &Arc<str>,
        known: &mut Known,
    ) -> Result<Reply, ApiError> {
        let segments = uri::segments(&request.path);
        let claimed = caller::claimed_service(request);
        known.service = self.service(request, claimed.as_deref(), &segments);
        let routed = known.service.model().route(request.method.as_str(), &segments);
        if let Routed::Operation(operation, _) = &routed {
            known.operation = Some(operation);
        }
        // Who asks comes before what is asked: a caller who may not even ask learns nothing about paths.
        let caller = match custom::identify(&self.deps, self.door, request, known.operation).await? {
            Some(caller) => caller,
            None => {
                caller::identify(&self.deps, self.door, request, known.operation).inspect_err(|error| {
                    if self.door == Door::Device {
                        unidentified::note(&self.deps, request, error);
                    }
                })?
            }
        };
        known.caller = Some(caller.clone());
        let (operation, labels) = match routed {
            Routed::Operation(operation, labels) => (operation, labels),
            Routed::OtherMethods => return Err(other_method(known.service, request)),
            Routed::Unknown => return Err(unknown_path(known.service, claimed.as_deref(), request)),
        };
        let Some(handler) = handlers::find(operation) else {
            return Err(ApiError::not_implemented(operation));
        };
        let model: &Model = operation.service.model();
        let input = input::read(model, operation, &labels, request)?;
        known.logged = Logged::asked(operation, &input.members);
        validate::check(model, operation, &input.members, self.deps.settings.limits)?;
        access::check(&self.deps, &caller, operation, &input.members, request)?;
        let call = Call {
            deps: self.deps.clone(),
            scope: caller.scope,
            principal: caller.principal,
            request_id: Arc::clone(request_id),
            payload: input.payload,
            host: header(&request.headers, http::header::HOST.as_str()),
            remote: request.remote,
        };
        handler(call, serde_json::Value::Object(input.members)).await
    }

    /// The API of a request: by the service it is signed for, else by host name, else by path (API-001 – API-003).
    fn service(&self, request: &Arrived, claimed: Option<&str>, segments: &[&str]) -> Service {
        if self.door == Door::Device {
            return Service::IotData;
        }
        let host = header(&request.headers, http::header::HOST.as_str()).unwrap_or_default();
        let named = claimed.and_then(Service::of_signing_name).or_else(|| Service::of_host(&host));
        named.unwrap_or_else(|| {
            let method = request.method.as_str();
            let serves =
                |service: &Service| matches!(service.model().route(method, segments), Routed::Operation(..));
            let knows =
                |service: &Service| !matches!(service.model().route(method, segments), Routed::Unknown);
            let found = Service::ALL.into_iter().find(serves);
            found.or_else(|| Service::ALL.into_iter().find(knows)).unwrap_or(Service::Iot)
        })
    }

    /// Writes changes and refusals into the journal, and what service logs tell; other reads that went well leave nothing.
    fn note(&self, known: &Known, answer: &Result<Reply, ApiError>, request_id: &str) {
        let (status, why) = match answer {
            Ok(_) => {
                let reads = known.operation.is_none_or(|operation| !changes(operation));
                if reads && !known.operation.is_some_and(logged::is_logged) {
                    return;
                }
                (StatusCode::OK.as_u16(), String::new())
            }
            Err(error) => (error.status(known.service), error.why().to_owned()),
        };
        let settings = &self.deps.settings;
        let scope = known.caller.as_ref().map(|caller| caller.scope.clone());
        let scope = scope.unwrap_or_else(|| thingstead_core::Scope::new(&settings.account, &settings.region));
        let mut event = Event::new(&scope, self.deps.clock.now(), Kind::ApiCall)
            .why(why)
            .with("service", known.service.name())
            .with("operation", known.operation.map(|operation| operation.name.clone()))
            .with("status", status)
            .with("request_id", request_id);
        if let Err(error) = answer {
            event = event.with("error", error.name());
        }
        if let Some(caller) = &known.caller {
            event = event.principal(caller.principal.to_string());
        }
        if let Some(operation) = known.operation.filter(|operation| logged::is_logged(operation)) {
            event = known.logged.tell(event.source(known.remote), operation, answer);
        }
        self.deps.journal.record(event);
    }
}

/// Whether an operation of the control plane changes something; the data plane's changes have events of their own.
fn changes(operation: &Operation) -> bool {
    const READING: [&str; 5] = ["Get", "List", "Describe", "Search", "Test"];
    operation.service == Service::Iot && !READING.iter().any(|verb| operation.name.starts_with(verb))
}

async fn arrived(request: Request) -> Result<Arrived, ApiError> {
    let (parts, body) = request.into_parts();
    let body = match Limited::new(body, MAX_BODY).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => {
            let message = format!("the request body is longer than {MAX_BODY} bytes");
            return Err(ApiError::new("RequestEntityTooLargeException", message));
        }
        Err(error) => return Err(ApiError::invalid_request(format!("the request body broke off: {error}"))),
    };
    let peer = parts.extensions.get::<PeerIdentity>().cloned();
    let connection = parts.extensions.get::<ConnectInfo<std::net::SocketAddr>>();
    let remote = connection.map(|info| info.0).or_else(|| peer.as_ref().map(|peer| peer.remote));
    Ok(Arrived {
        method: parts.method,
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: parts.headers,
        body,
        peer,
        remote,
        authentication: parts.extensions.get::<AuthenticationType>().copied().unwrap_or_default(),
        custom: parts.extensions.get::<CustomDoor>().cloned(),
    })
}

/// A path that another method would reach (API-008).
fn other_method(service: Service, request: &Arrived) -> ApiError {
    let message = format!("the path `{}` is not served with the method `{}`", request.path, request.method);
    match service {
        Service::IotData => ApiError::new("MethodNotAllowedException", message),
        Service::Iot | Service::IotJobsData => ApiError::new("UnknownOperationException", message),
    }
}

/// A path that no operation has (API-008).
fn unknown_path(service: Service, claimed: Option<&str>, request: &Arrived) -> ApiError {
    if service == Service::IotData {
        return ApiError::not_found("Not Found");
    }
    let signed = match claimed {
        Some(name) => format!("signed for `{name}`"),
        None => "not signed".to_owned(),
    };
    let message = format!(
        "no operation of `{}` is `{} {}`; the request is {signed}",
        service.name(),
        request.method,
        request.path
    );
    ApiError::new("UnknownOperationException", message)
}

/// A header's value as text.
fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

/// No operation takes more; the largest payloads are 128 KB messages and job documents.
const MAX_BODY: usize = 1024 * 1024;
