//! How a door shakes hands with a client, chosen by the host name it asks for (MQTT-008, AUTH-014).

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, SupportedProtocolVersion};
use thingstead_registry::{AuthenticationType, DomainConfiguration, SecurityPolicy};

use super::config::{Credential, Manner, TlsError, server_config};
use super::sessions::Sessions;
use super::verifier::Verifier;
use crate::identity::{Endpoint, Gate, Refusal};

/// A door's ways to shake hands. The default endpoint's are made at once, others when they are first asked for.
pub(crate) struct Manners {
    gate: Arc<Gate>,
    credentials: Arc<[Credential]>,
    mandatory: bool,
    protocols: &'static [&'static [u8]],
    sessions: Arc<Sessions>,
    unnamed: Arc<ServerConfig>,
    default: Arc<ServerConfig>,
    /// By host name.
    special: Mutex<HashMap<String, Special>>,
}

struct Special {
    endpoint: Endpoint,
    config: Arc<ServerConfig>,
}

impl Manners {
    /// `mandatory`: whether clients of the default endpoint must show a certificate. `protocols`: what they may agree on.
    ///
    /// # Errors
    /// TLS cannot be offered.
    pub(crate) fn new(
        gate: Arc<Gate>,
        credentials: Arc<[Credential]>,
        mandatory: bool,
        protocols: &'static [&'static [u8]],
    ) -> Result<Self, TlsError> {
        let sessions = Arc::new(Sessions::default());
        let config = |endpoint| {
            server_config(Manner {
                certificates: usual(&credentials),
                versions: versions(SecurityPolicy::default()),
                verifier: Some(Arc::new(Verifier::new(Arc::clone(&gate), endpoint, mandatory))),
                protocols,
                sessions: Arc::clone(&sessions) as _,
            })
        };
        let (unnamed, default) = (config(Endpoint::Unnamed)?, config(Endpoint::Default)?);
        Ok(Self {
            credentials,
            gate,
            mandatory,
            protocols,
            sessions,
            unnamed,
            default,
            special: Mutex::default(),
        })
    }

    /// For hellos that cannot be read, so that the client gets TLS's own answer.
    pub(crate) fn fallback(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.unnamed)
    }

    /// The endpoint of a host name and how its clients are shaken hands with.
    ///
    /// # Errors
    /// Why there is no such endpoint, or none that takes connections.
    pub(crate) fn of(&self, host: Option<&str>) -> Result<(Endpoint, Arc<ServerConfig>), Refusal> {
        let endpoint = self.gate.endpoint(host)?;
        let config = match (&endpoint, host) {
            (Endpoint::Unnamed, _) | (_, None) => Arc::clone(&self.unnamed),
            (Endpoint::Default, _) => Arc::clone(&self.default),
            (special, Some(host)) => self.special(special, host)?,
        };
        Ok((endpoint, config))
    }

    fn special(&self, endpoint: &Endpoint, host: &str) -> Result<Arc<ServerConfig>, Refusal> {
        if let Some(known) = self.special.lock().get(host).filter(|known| known.endpoint == *endpoint) {
            return Ok(Arc::clone(&known.config));
        }
        let config = self.make(endpoint, host).map_err(|error| Refusal::Unusable {
            endpoint: Box::new(endpoint.clone()),
            reason: error.to_string(),
        })?;
        let mut special = self.special.lock();
        // Names of accounts are without number; whoever is forgotten is made again.
        if special.len() >= MOST {
            special.clear();
        }
        let made = Special { endpoint: endpoint.clone(), config: Arc::clone(&config) };
        special.insert(host.to_owned(), made);
        Ok(config)
    }

    fn make(&self, endpoint: &Endpoint, host: &str) -> Result<Arc<ServerConfig>, TlsError> {
        let configuration = endpoint.configuration();
        let how = configuration.map_or(AuthenticationType::Default, |it| it.authentication_type);
        let policy = configuration.map(|it| it.security_policy).unwrap_or_default();
        let mandatory = match how {
            AuthenticationType::Default => Some(self.mandatory),
            how => how.needs_certificate().then_some(true),
        };
        let verifier = mandatory.map(|mandatory| {
            Arc::new(Verifier::new(Arc::clone(&self.gate), endpoint.clone(), mandatory)) as _
        });
        // Where the endpoint decides, ALPN does not (AUTH-010): whatever a client offers is agreed on.
        let fixed = configuration.is_some_and(|it: &DomainConfiguration| !it.follows_port_and_alpn());
        server_config(Manner {
            certificates: self.named(host),
            versions: versions(policy),
            verifier,
            protocols: if fixed { EVERY_PROTOCOL } else { self.protocols },
            sessions: Arc::clone(&self.sessions) as _,
        })
    }

    /// The server's keys with certificates for this name; its usual ones where nobody can issue any.
    fn named(&self, host: &str) -> Vec<Arc<CertifiedKey>> {
        let certified = self.credentials.iter().map(|credential| {
            let chain = self.gate.certify(host, &credential.key)?;
            Some(credential.with_chain(chain))
        });
        certified.collect::<Option<Vec<_>>>().unwrap_or_else(|| usual(&self.credentials))
    }
}

fn usual(credentials: &[Credential]) -> Vec<Arc<CertifiedKey>> {
    credentials.iter().map(|credential| Arc::clone(&credential.certified)).collect()
}

/// MQTT with a client certificate.
pub(crate) const ALPN_MQTT_CERTIFICATE: &[u8] = b"x-amzn-mqtt-ca";
/// MQTT with a custom authorizer.
pub(crate) const ALPN_MQTT: &[u8] = b"mqtt";
/// HTTP with a client certificate.
pub(crate) const ALPN_HTTP_CERTIFICATE: &[u8] = b"x-amzn-http-ca";
/// HTTP.
pub(crate) const ALPN_HTTP: &[u8] = b"http/1.1";

/// What clients may agree on where ALPN says what they want, or does not matter.
pub(crate) const EVERY_PROTOCOL: &[&[u8]] =
    &[ALPN_MQTT_CERTIFICATE, ALPN_MQTT, ALPN_HTTP_CERTIFICATE, ALPN_HTTP];

fn versions(policy: SecurityPolicy) -> &'static [&'static SupportedProtocolVersion] {
    match (policy.speaks_tls13(), policy.speaks_tls12()) {
        (true, true) => &TLS13_AND_12,
        (true, false) => &TLS13,
        (false, _) => &TLS12,
    }
}

static TLS13_AND_12: [&SupportedProtocolVersion; 2] = [&rustls::version::TLS13, &rustls::version::TLS12];
static TLS13: [&SupportedProtocolVersion; 1] = [&rustls::version::TLS13];
static TLS12: [&SupportedProtocolVersion; 1] = [&rustls::version::TLS12];

const MOST: usize = 256;
