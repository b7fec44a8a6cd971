//! A server without sockets.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use parking_lot::Mutex;
use serde_json::Value;
use thingstead_api::{AccessKey, ApiDeps, ApiSettings};
use thingstead_broker::{Broker, ClientCertificates, Policies, Standing};
use thingstead_core::sigv4::Secret;
use thingstead_core::wiring::Bus;
use thingstead_core::{CertificateId, Clock, Ids, Journal, PeerIdentity, Publication, Scope, Timestamp};
use thingstead_registry::{Registry, RegistrySettings, TABLES};
use thingstead_rules::{HttpDestinations, Lookups, RuleEngine};
use thingstead_shadow::{ShadowService, ShadowSettings};
use thingstead_store::Store;
use tower::ServiceExt;

/// The server and what it published.
pub(crate) struct Server {
    pub(crate) deps: ApiDeps,
    pub(crate) published: Published,
    router: Router,
    devices: Router,
}

/// Rules here have no functions that look outward.
struct NoLookups;

impl Lookups for NoLookups {
    fn thing_shadow(&self, _: &Scope, _: &str, _: Option<&str>) -> Result<Bytes, String> {
        Err("no shadows".to_owned())
    }

    fn describe_thing(&self, _: &Scope, _: &str) -> Result<Value, String> {
        Err("no things".to_owned())
    }

    fn thing_groups_of(&self, _: &Scope, _: &str) -> Result<Value, String> {
        Err("no groups".to_owned())
    }
}

/// Nobody connects here.
struct NoCertificates;

impl ClientCertificates for NoCertificates {
    fn standing(&self, _: &CertificateId) -> Option<Standing> {
        None
    }
}

/// Everything that went to the broker.
#[derive(Clone)]
pub(crate) struct Published {
    all: Arc<Mutex<Vec<Publication>>>,
    broker: Arc<Broker>,
}

/// An answer, read.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Server {
    pub(crate) fn new() -> Self {
        Self::with(ApiSettings::default())
    }

    /// A server whose clock stands at the time of the recorded requests and that checks signatures against their key.
    pub(crate) fn checking_signatures() -> Self {
        let key = AccessKey { secret: Secret::new(RECORDED.secret()), account: None };
        let keys = HashMap::from([(RECORDED.access_key(), key)]);
        Self::with(ApiSettings { verify_signatures: true, keys, ..ApiSettings::default() })
    }

    pub(crate) fn with(settings: ApiSettings) -> Self {
        let clock = Clock::frozen_at(RECORDED.at());
        let journal = Journal::default();
        let ids = Ids::seeded(7);
        let tables: Vec<_> = [TABLES, thingstead_rules::TABLES, thingstead_broker::TABLES]
            .concat()
            .into_iter()
            .chain(thingstead_shadow::TABLES.iter().copied())
            .collect();
        let store = Store::ephemeral(&tables).expect("a store in memory");
        let registry_settings = RegistrySettings::default();
        let registry =
            Registry::open(store.clone(), clock.clone(), ids.clone(), journal.clone(), registry_settings)
                .expect("no rows yet");
        let broker_deps = thingstead_broker::Deps {
            clock: clock.clone(),
            ids: ids.clone(),
            journal: journal.clone(),
            store: store.clone(),
            access: Arc::new(Policies::new(Arc::new(registry.clone()))),
            certificates: Arc::new(NoCertificates),
        };
        let broker =
            Broker::new(thingstead_broker::Settings { shards: 1, ..Default::default() }, broker_deps);
        let broker = broker.expect("nothing retained yet");
        let published = Published { all: Arc::default(), broker: Arc::clone(&broker) };
        let bus: Arc<dyn Bus> = Arc::new(published.clone());
        let rules = RuleEngine::new(thingstead_rules::Deps {
            store: store.clone(),
            bus: Arc::clone(&bus),
            journal: journal.clone(),
            clock: clock.clone(),
            ids: ids.clone(),
            lookups: Arc::new(NoLookups),
            settings: thingstead_rules::Settings {
                http_destinations: HttpDestinations::Automatic,
                ..thingstead_rules::Settings::default()
            },
        });
        let shadow = ShadowService::open(
            store,
            Arc::clone(&bus),
            clock.clone(),
            journal.clone(),
            ShadowSettings::default(),
        );
        let deps = ApiDeps {
            settings: Arc::new(settings),
            clock,
            ids,
            journal,
            bus,
            broker,
            authority: Arc::new(registry.clone()),
            registry,
            rules: rules.expect("no rules yet"),
            shadow: shadow.expect("no shadows yet"),
            roles: Arc::new(thingstead_core::wiring::NoTokenService),
        };
        let (router, devices) =
            (thingstead_api::router(deps.clone()), thingstead_api::device_router(deps.clone()));
        Self { router, devices, deps, published }
    }

    /// A request at the API port.
    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        Self::answer(&self.router, request).await
    }

    /// A request at the HTTPS door, by a client that showed this certificate.
    pub(crate) async fn send_as(&self, certificate: Option<&str>, mut request: Request<Body>) -> Answer {
        request.extensions_mut().insert(PeerIdentity {
            certificate: certificate.map(CertificateId::from),
            scope: certificate.map(|_| Scope::new("000000000000", "us-east-1")),
            certificate_der: None,
            server_name: Some("localhost".into()),
            alpn: Some("x-amzn-http-ca".into()),
            remote: ([127, 0, 0, 1], 50_000).into(),
        });
        Self::answer(&self.devices, request).await
    }

    /// A request at the HTTPS door, whoever it says it is.
    pub(crate) async fn device(&self, request: Request<Body>) -> Answer {
        Self::answer(&self.devices, request).await
    }

    async fn answer(router: &Router, request: Request<Body>) -> Answer {
        let response = router.clone().oneshot(request).await.expect("the router does not fail");
        let (parts, body) = response.into_parts();
        let body = body.collect().await.expect("a body").to_bytes().to_vec();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    /// An unsigned request with a JSON body, or none for `Value::Null`.
    pub(crate) async fn call(&self, method: &str, uri: &str, body: Value) -> Answer {
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        self.send(Request::builder().method(method).uri(uri).body(body).expect("a request")).await
    }
}

impl Published {
    pub(crate) fn all(&self) -> Vec<Publication> {
        self.all.lock().clone()
    }
}

impl Bus for Published {
    fn publish(&self, publication: Publication) {
        self.all.lock().push(publication.clone());
        self.broker.publish(publication);
    }

    fn send_to(&self, _client: &str, _publication: Publication) -> bool {
        false
    }
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("ASCII"))
    }

    /// The exception's name.
    pub(crate) fn error(&self) -> &str {
        self.header("x-amzn-errortype")
    }

    pub(crate) fn message(&self) -> String {
        self.json()["message"].as_str().expect("a message").to_owned()
    }

    /// The answer, which must be a 200, as JSON.
    pub(crate) fn ok(&self) -> Value {
        assert_eq!(self.status, StatusCode::OK, "{}", String::from_utf8_lossy(&self.body));
        if self.body.is_empty() { Value::Null } else { self.json() }
    }
}

/// What botocore sent, once.
pub(crate) struct Recorded(std::sync::LazyLock<Value>);

pub(crate) static RECORDED: Recorded = Recorded(std::sync::LazyLock::new(|| {
    serde_json::from_str(include_str!("../recorded/requests.json")).expect("the recording is JSON")
}));

impl Recorded {
    pub(crate) fn secret(&self) -> String {
        self.0["secret"].as_str().expect("a secret").to_owned()
    }

    pub(crate) fn access_key(&self) -> String {
        self.0["access_key"].as_str().expect("a key").to_owned()
    }

    pub(crate) fn at(&self) -> Timestamp {
        Timestamp::from_millis(self.0["at_ms"].as_i64().expect("a time"))
    }

    /// The requests to operations.
    pub(crate) fn calls(&self) -> impl Iterator<Item = &Value> {
        self.0["requests"].as_array().expect("requests").iter().filter(|one| one["operation"].is_string())
    }

    /// One of them again.
    pub(crate) fn request(one: &Value) -> Request<Body> {
        let text = |name: &str| one[name].as_str().expect("a text").to_owned();
        let query = text("query");
        let uri = if query.is_empty() { text("path") } else { format!("{}?{query}", text("path")) };
        let mut request = Request::builder().method(text("method").as_str()).uri(uri);
        for (name, value) in one["headers"].as_object().expect("headers") {
            request = request.header(name, value.as_str().expect("a text"));
        }
        request.body(Body::from(STANDARD.decode(text("body_base64")).expect("base64"))).expect("a request")
    }
}
