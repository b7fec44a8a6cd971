//! Starting: each part in the order in which the next one needs it.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use axum::Router;
use parking_lot::RwLock;
use thingstead_api::{AccessKey, AdvertisedPorts, ApiDeps, ApiSettings};
use thingstead_broker::{Broker, Doors, Policies, WebSocketAuthentication, WebSocketKey};
use thingstead_console::{AdminDeps, Endpoints};
use thingstead_core::sigv4::Secret;
use thingstead_core::wiring::{ConnectionControl, Reload, ReservedService, RuleSink};
use thingstead_core::{Clock, Ids, Journal};
use thingstead_registry::{Registry, RegistrySettings, ServerCa, ServerCertificates, ServerNames};
use thingstead_rules::{AwsSettings, LogWriter, RuleEngine};
use thingstead_shadow::{ShadowService, ShadowSettings};
use thingstead_store::{Store, Table};
use tokio::sync::watch;

use super::fleet::Fleet;
use super::identities::identities;
use super::lookups::Inside;
use super::operations::WholeServer;
use super::{Server, StartError, Surroundings, api_port, endpoints, seed, telemetry, tls};
use crate::Config;
use crate::config::{Durability, HttpActionUrls, HttpDestinations, Throttles};

/// See [`Server::start`].
pub(super) async fn start(config: Config, surroundings: Surroundings) -> Result<Server, StartError> {
    let Surroundings { clock, ids, variables } = surroundings;
    let journal = Journal::default();
    let (store, ca, certificates, host_names) = {
        let (config, clock, ids) = (config.clone(), clock.clone(), ids.clone());
        // Opening the database and making keys block for tens of milliseconds.
        tokio::task::spawn_blocking(move || open_data(&config, &clock, &ids))
            .await
            .map_err(|error| StartError::part("the database", error))??
    };
    let ca_pem: Arc<str> =
        ca.root_pem(clock.now()).map_err(|error| StartError::part("the CA", error))?.into();
    // Bound before anything is planted, so that a second server fails early and the ports can be advertised.
    let api_listeners = api_port::bind(&config.api_addr).await.map_err(|(address, error)| {
        StartError::Bind { key: "api_addr", address, reason: error.to_string() }
    })?;
    let api_bound: Vec<SocketAddr> =
        api_listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect();

    let registry_settings = RegistrySettings {
        limits: config.limits,
        ca,
        endpoints: thingstead_registry::Endpoints::all(&config.advertised_host),
        host_names,
        identities: Arc::new(identities(&config)?),
        thing_type_deletion_wait: if config.limits.are_aws() {
            Duration::from_secs(300)
        } else {
            Duration::ZERO
        },
    };
    let registry =
        Registry::open(store.clone(), clock.clone(), ids.clone(), journal.clone(), registry_settings)
            .map_err(|error| StartError::part("the registry", error))?;
    let broker = Broker::new(
        broker_settings(&config, &certificates),
        thingstead_broker::Deps {
            clock: clock.clone(),
            ids: ids.clone(),
            journal: journal.clone(),
            store: store.clone(),
            access: Arc::new(Policies::new(Arc::new(registry.clone()))),
            certificates: Arc::new(registry.clone()),
        },
    )
    .map_err(|error| StartError::part("the broker", error))?;
    registry.follow_connections(Arc::clone(&broker) as Arc<dyn ConnectionControl>);
    registry.publish_events_to(broker.clone());
    let shadow = ShadowService::open(
        store.clone(),
        broker.clone(),
        clock.clone(),
        journal.clone(),
        shadow_settings(&config),
    )
    .map_err(|error| StartError::part("the shadow service", error))?;
    let cloudwatch = LogWriter::new(
        &AwsSettings::from_variables(variables.clone()),
        &tls::extra_roots(&config.trust_ca)?,
        clock.clone(),
    );
    let rules = RuleEngine::new(thingstead_rules::Deps {
        store: store.clone(),
        bus: broker.clone(),
        journal: journal.clone(),
        clock: clock.clone(),
        ids: ids.clone(),
        lookups: Arc::new(Inside { shadow: shadow.clone(), registry: registry.clone() }),
        settings: rule_settings(&config, variables, &api_bound)?,
    })
    .map_err(|error| StartError::part("the rules engine", error))?;
    registry.call_functions_with(Arc::new(rules.clone()));
    broker.authenticate_with(registry.clone());

    let api = ApiDeps {
        settings: Arc::new(api_settings(&config, &api_bound)),
        clock: clock.clone(),
        ids,
        journal: journal.clone(),
        bus: broker.clone(),
        broker: broker.clone(),
        registry: registry.clone(),
        authority: Arc::new(registry.clone()),
        shadow: shadow.clone(),
        rules: rules.clone(),
        roles: Arc::new(rules.clone()),
    };
    let api_router = thingstead_api::router(api.clone());
    plant(&config, &store, &api_router).await?;

    let doors = Doors {
        mqtts: config.mqtts_addr.clone(),
        https: config.https_addr.clone(),
        mqtt: config.mqtt_addr.clone(),
    };
    let services: Vec<Arc<dyn ReservedService>> = vec![Arc::new(shadow.clone())];
    let fleet = Arc::new(Fleet {
        shadow: shadow.clone(),
        registry: registry.clone(),
        rules: Arc::new(rules.clone()),
        last: RwLock::default(),
    });
    fleet.recall(broker.departed().map_err(|error| StartError::part("the broker", error))?);
    registry.index_fleet_from(fleet.clone());
    let following = registry.clone();
    shadow.follow(move |id| following.shadow_changed(&id.scope, &id.thing));
    let sink: Arc<dyn RuleSink> = fleet.clone();
    let bound = broker
        .serve(&doors, services, Some(sink), thingstead_api::device_router(api))
        .await
        .map_err(|error| named_bind(&config, error))?;
    let bound = Endpoints { mqtts: bound.mqtts, https: bound.https, api: api_bound, mqtt: bound.mqtt };
    let service_log = telemetry::start(&config, &registry, &broker, cloudwatch)?;
    let whole = Arc::new(WholeServer {
        store,
        broker: broker.clone(),
        rules: rules.clone(),
        shadow: shadow.clone(),
        scope: config.scope.clone(),
        service_log: service_log.clone(),
        registry: registry.clone(),
        caches: vec![
            Arc::new(registry) as Arc<dyn Reload>,
            Arc::new(shadow.clone()),
            Arc::new(rules),
            broker.clone(),
            fleet,
            service_log,
        ],
        ready: AtomicBool::new(false),
    });
    let shared = Arc::new(RwLock::new(bound.clone()));
    let admin = AdminDeps {
        journal: journal.clone(),
        clock: clock.clone(),
        endpoints: Arc::clone(&shared),
        ca_pem: Arc::clone(&ca_pem),
        operations: whole.clone(),
        faults: broker.clone(),
    };
    let router: Router = thingstead_console::router(admin).fallback_service(api_router);
    let stop = watch::channel(false).0;
    let api_tls = tls::api_config(&certificates.ecdsa)?;
    let mut tasks: Vec<_> = api_listeners
        .into_iter()
        .map(|listener| {
            tokio::spawn(api_port::serve(listener, router.clone(), Arc::clone(&api_tls), stop.subscribe()))
        })
        .collect();
    tasks.push(tokio::spawn(shadow.clone().keep_history()));
    if !config.ephemeral {
        endpoints::write(&config.data_dir, &bound).map_err(|error| data_error(&config.data_dir, error))?;
    }
    whole.set_ready();
    Ok(Server { endpoints: shared, ca_pem, clock, journal, broker, shadow, whole, stop, tasks })
}

type Data = (Store, Arc<ServerCa>, ServerCertificates, ServerNames);

fn open_data(config: &Config, clock: &Clock, ids: &Ids) -> Result<Data, StartError> {
    let tables: Vec<Table> = [
        thingstead_registry::TABLES,
        thingstead_broker::TABLES,
        thingstead_shadow::TABLES,
        thingstead_rules::TABLES,
    ]
    .concat();
    let (store, ca) = if config.ephemeral {
        let store = Store::ephemeral(&tables).map_err(|error| StartError::part("the database", error))?;
        (store, ServerCa::in_memory())
    } else {
        let durability = match config.durability {
            Durability::Full => thingstead_store::Durability::Full,
            Durability::Relaxed => thingstead_store::Durability::Relaxed,
        };
        let directory = &config.data_dir;
        let store =
            Store::open(directory, &tables, durability).map_err(|error| data_error(directory, error))?;
        let ca = ServerCa::open(directory, clock.now()).map_err(|error| data_error(directory, error))?;
        (store, ca)
    };
    let advertised = &config.advertised_host;
    let mut names = match advertised.strip_prefix("{account}.") {
        Some(parent) => vec![parent.to_owned(), format!("*.{parent}")],
        None => vec![advertised.clone()],
    };
    names.extend(gethostname::gethostname().into_string());
    let names = ServerNames::new(&[config.scope.region()], &names);
    let certificates = ca
        .server_certificates(&names, clock.now(), ids)
        .map_err(|error| data_error(&config.data_dir, error))?;
    Ok((store, Arc::new(ca), certificates, names))
}

/// The first start of a database plants the seed and keeps the state that `reset` goes back to.
async fn plant(config: &Config, store: &Store, api: &Router) -> Result<(), StartError> {
    if store.has_snapshot(Store::SEEDED) {
        return Ok(());
    }
    if let Some(path) = &config.seed {
        let planted = seed::plant(path, api).await?;
        tracing::info!(planted, seed = %path.display(), "planted the seed");
    }
    store.snapshot(Store::SEEDED).await.map_err(|error| data_error(&config.data_dir, error))
}

fn data_error(directory: &Path, error: impl ToString) -> StartError {
    StartError::Data { directory: directory.to_path_buf(), reason: error.to_string() }
}

/// Which setting an address that cannot be bound came from.
fn named_bind(config: &Config, error: thingstead_broker::StartError) -> StartError {
    let thingstead_broker::StartError::Bind(bind) = &error else {
        return StartError::part("the broker", error);
    };
    let lists = [
        ("mqtts_addr", &config.mqtts_addr),
        ("https_addr", &config.https_addr),
        ("mqtt_addr", &config.mqtt_addr),
    ];
    let key = lists.iter().find(|(_, addresses)| addresses.contains(&bind.address)).map(|(key, _)| *key);
    StartError::Bind {
        key: key.unwrap_or("mqtts_addr"),
        address: bind.address,
        reason: bind.reason.to_string(),
    }
}

fn broker_settings(config: &Config, certificates: &ServerCertificates) -> thingstead_broker::Settings {
    let shown = |certificate: &thingstead_registry::ServerCertificate| thingstead_broker::ServerCertificate {
        chain: certificate.chain.clone(),
        key: certificate.key.clone_key(),
    };
    thingstead_broker::Settings {
        shards: config.shards,
        limits: config.limits,
        throttles: config.throttles == Throttles::Aws,
        disordered_events: config.disordered_events,
        sni: config.sni,
        websocket: websocket_keys(config),
        session_expiry: config.session_expiry,
        subscribe_denied: config.subscribe_denied,
        v3_qos2: config.v3_qos2,
        overlapping: config.overlapping_filters,
        version_numbers: config.version_numbers,
        anonymous_scope: config.scope.clone(),
        certificates: vec![shown(&certificates.ecdsa), shown(&certificates.rsa)],
        ..thingstead_broker::Settings::default()
    }
}

/// Signatures of WebSockets are checked where those of the APIs are.
fn websocket_keys(config: &Config) -> WebSocketAuthentication {
    if !config.verify_signatures {
        return WebSocketAuthentication::AnyCredentials;
    }
    let keys = config.access_keys.iter().map(|(id, secret)| {
        (id.clone(), WebSocketKey { secret: Secret::new(secret.clone()), account: None })
    });
    WebSocketAuthentication::Keys(keys.collect())
}

fn shadow_settings(config: &Config) -> ShadowSettings {
    let mut settings = ShadowSettings { limits: config.limits.into(), ..ShadowSettings::default() };
    if config.throttles == Throttles::Aws {
        settings.throttles = thingstead_shadow::Throttles::aws();
    }
    settings
}

fn rule_settings(
    config: &Config,
    variables: Vec<(String, String)>,
    api: &[SocketAddr],
) -> Result<thingstead_rules::Settings, StartError> {
    Ok(thingstead_rules::Settings {
        limits: config.limits,
        http_action_urls: match config.http_action_urls {
            HttpActionUrls::Any => thingstead_rules::HttpActionUrls::Any,
            HttpActionUrls::Aws => thingstead_rules::HttpActionUrls::Aws,
        },
        http_destinations: match config.http_destinations {
            HttpDestinations::Confirm => thingstead_rules::HttpDestinations::Confirmed,
            HttpDestinations::Auto => thingstead_rules::HttpDestinations::Automatic,
        },
        roles: match config.verify_signatures {
            // Whoever is known by a key has an account, and roles of others are not theirs to pass.
            true => thingstead_rules::Roles::OwnAccount,
            false => thingstead_rules::Roles::WellFormed,
        },
        aws: AwsSettings {
            functions: config.functions.iter().cloned().collect(),
            ..AwsSettings::from_variables(variables)
        },
        trust_ca: tls::extra_roots(&config.trust_ca)?,
        api_url: api.first().map(|address| format!("http://localhost:{}", address.port())),
        evaluations_per_second: (config.throttles == Throttles::Aws)
            .then_some(thingstead_rules::Settings::AWS_EVALUATIONS_PER_SECOND),
    })
}

fn api_settings(config: &Config, api: &[SocketAddr]) -> ApiSettings {
    let keys = config
        .access_keys
        .iter()
        .map(|(id, secret)| (id.clone(), AccessKey { secret: Secret::new(secret.clone()), account: None }));
    ApiSettings {
        account: config.scope.account().to_owned(),
        region: config.scope.region().to_owned(),
        verify_signatures: config.verify_signatures,
        keys: keys.collect::<HashMap<_, _>>(),
        advertised_host: config.advertised_host.clone(),
        advertised_ports: advertised_ports(config, api),
        limits: config.limits,
    }
}

fn advertised_ports(config: &Config, api: &[SocketAddr]) -> Option<AdvertisedPorts> {
    let ports = AdvertisedPorts { https: config.https_addr.first()?.port(), api: api.first()?.port() };
    config.advertise_ports.then_some(ports)
}
