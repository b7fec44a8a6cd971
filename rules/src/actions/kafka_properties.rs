//! `clientProperties` of the `kafka` action (RULES-515 to RULES-519).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use thingstead_core::topic::Quoted;

use super::kafka::Fields;
use super::{Context, Members, Unready, url};
use crate::RulesError;
use crate::kafka::{Acks, Compression};
use crate::settings::HttpActionUrls;

/// The properties as they were written.
#[derive(Debug)]
pub(crate) struct Properties {
    servers: Vec<String>,
    acks: Acks,
    compression: Compression,
    tls: bool,
    mechanism: Option<Mechanism>,
    secrets: Fields,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mechanism {
    Plain,
    ScramSha512,
}

/// The properties of one message's connection, with secrets in them.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct ClientProperties {
    /// `bootstrap.servers`.
    pub(crate) servers: Vec<String>,
    /// `acks`.
    pub(crate) acks: Acks,
    /// `compression.type`.
    pub(crate) compression: Compression,
    /// `security.protocol`, by the name of the setting.
    pub(crate) tls: Option<Tls>,
    /// User and password, and whether SCRAM proves them.
    pub(crate) sasl: Option<(String, String, bool)>,
}

/// `ssl.*`.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub(crate) struct Tls {
    pub(crate) keystore: Option<Vec<u8>>,
    pub(crate) keystore_password: String,
    pub(crate) key_password: String,
    pub(crate) truststore: Option<Vec<u8>>,
    pub(crate) truststore_password: String,
}

impl Properties {
    pub(crate) fn compile(members: &Members<'_>) -> Result<Self, RulesError> {
        let local = members.compiling.settings.http_action_urls == HttpActionUrls::Any;
        for (name, _) in members.entries() {
            if !KNOWN.contains(&name) {
                return Err(RulesError::invalid(format!(
                    "`{}` is no property of the client; there are {}",
                    members.at(name),
                    KNOWN.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
                )));
            }
        }
        let acks = match members.one_of("acks", &["0", "1"])? {
            Some("0") => Acks::None,
            _ => Acks::Leader,
        };
        let compression = match members.one_of("compression.type", COMPRESSIONS)? {
            Some("gzip") => Compression::Gzip,
            Some("snappy") => Compression::Snappy,
            Some("lz4") => Compression::Lz4,
            Some("zstd") => Compression::Zstd,
            _ => Compression::None,
        };
        // Names as they are, and with the package they have in Java.
        members.one_of("key.serializer", KEY_SERIALIZERS)?;
        members.one_of("value.serializer", VALUE_SERIALIZERS)?;
        let protocols: &[&str] = if local { ANY_PROTOCOL } else { AWS_PROTOCOLS };
        let protocol = members.one_of("security.protocol", protocols)?.unwrap_or("SSL");
        let mechanism = Self::mechanism(members, protocol)?;
        let mut secrets = Fields::new();
        for (name, _) in members.entries().filter(|(name, _)| is_secret(name)) {
            if let Some(field) = members.optional_field(name)? {
                secrets.insert(name.to_owned(), field);
            }
        }
        let properties = Self {
            servers: servers(members, local)?,
            acks,
            compression,
            tls: matches!(protocol, "SSL" | "SASL_SSL"),
            mechanism,
            secrets,
        };
        let needed: &[&str] = match (protocol, mechanism) {
            // RULES-517; a broker on this machine may do without.
            ("SSL", _) if !local => &["ssl.keystore"],
            (_, Some(Mechanism::Plain)) => &["sasl.plain.username", "sasl.plain.password"],
            (_, Some(Mechanism::ScramSha512)) => &["sasl.scram.username", "sasl.scram.password"],
            _ => &[],
        };
        match needed.iter().find(|name| !properties.secrets.contains_key(**name)) {
            Some(name) => Err(members.missing(name)),
            None => Ok(properties),
        }
    }

    /// RULES-516.
    fn mechanism(members: &Members<'_>, protocol: &str) -> Result<Option<Mechanism>, RulesError> {
        let named = members.one_of("sasl.mechanism", &["PLAIN", "SCRAM-SHA-512", "GSSAPI"])?;
        if !protocol.starts_with("SASL_") {
            return Ok(None);
        }
        match named {
            Some("PLAIN") => Ok(Some(Mechanism::Plain)),
            Some("SCRAM-SHA-512") => Ok(Some(Mechanism::ScramSha512)),
            Some(other) => Err(RulesError::NotImplemented(format!(
                "`{}` is `{other}`, which this server does not speak; it speaks `PLAIN` and `SCRAM-SHA-512`",
                members.at("sasl.mechanism")
            ))),
            None => Err(members.missing("sasl.mechanism")),
        }
    }

    /// With the secrets that stand in templates (RULES-518).
    pub(crate) fn fill(&self, context: &Context<'_>) -> Result<ClientProperties, Unready> {
        let text = |name: &str| match self.secrets.get(name) {
            Some(field) => context.fill(field).map(std::borrow::Cow::into_owned),
            None => Ok(String::new()),
        };
        let store = |name: &str| {
            let text = text(name)?;
            if text.is_empty() {
                return Ok(None);
            }
            let compact: String = text.split_whitespace().collect();
            let bytes = STANDARD.decode(compact);
            bytes.map(Some).map_err(|_| Unready::Failed(format!("`{name}` is no keystore in base64")))
        };
        let tls = match self.tls {
            true => Some(Tls {
                keystore: store("ssl.keystore")?,
                keystore_password: text("ssl.keystore.password")?,
                key_password: text("ssl.key.password")?,
                truststore: store("ssl.truststore")?,
                truststore_password: text("ssl.truststore.password")?,
            }),
            false => None,
        };
        let sasl = match self.mechanism {
            Some(Mechanism::Plain) => {
                Some((text("sasl.plain.username")?, text("sasl.plain.password")?, false))
            }
            Some(Mechanism::ScramSha512) => {
                Some((text("sasl.scram.username")?, text("sasl.scram.password")?, true))
            }
            None => None,
        };
        Ok(ClientProperties {
            servers: self.servers.clone(),
            acks: self.acks,
            compression: self.compression,
            tls,
            sasl,
        })
    }
}

impl ClientProperties {
    /// Whether the brokers belong to AWS, where a local server sends nothing.
    pub(crate) fn are_aws(&self) -> bool {
        self.servers.iter().any(|server| url::is_aws_host(server))
    }
}

/// Secrets stay out of logs.
impl std::fmt::Debug for ClientProperties {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ClientProperties({})", self.servers.join(","))
    }
}

/// `bootstrap.servers`: `host:port` with commas between them.
fn servers(members: &Members<'_>, local: bool) -> Result<Vec<String>, RulesError> {
    let text = members.plain("bootstrap.servers")?;
    let servers: Vec<String> =
        text.split(',').map(|server| server.trim().to_owned()).filter(|server| !server.is_empty()).collect();
    let refuse = |why: &str| {
        Err(RulesError::invalid(format!("`{}` is {}; {why}", members.at("bootstrap.servers"), Quoted(text))))
    };
    if servers.is_empty() {
        return refuse("it must name at least one `host:port`");
    }
    for server in &servers {
        let port = match server.rsplit_once(':') {
            Some((host, port)) if !host.is_empty() && !host.contains('/') => port.parse::<u16>().ok(),
            _ => None,
        };
        match port {
            None | Some(0) => return refuse("every broker is written as `host:port`"),
            // RULES-442
            Some(port) if !local && !(9_000..=9_100).contains(&port) => {
                return refuse("brokers listen on ports 9000 to 9100");
            }
            Some(_) => {}
        }
    }
    Ok(servers)
}

/// The properties that take `${get_secret(…)}`.
fn is_secret(name: &str) -> bool {
    name.starts_with("ssl.") || name.starts_with("sasl.") && name != "sasl.mechanism"
}

const KNOWN: &[&str] = &[
    "acks",
    "bootstrap.servers",
    "compression.type",
    "key.serializer",
    "sasl.kerberos.keytab",
    "sasl.kerberos.krb5.kdc",
    "sasl.kerberos.krb5.realm",
    "sasl.kerberos.principal",
    "sasl.kerberos.service.name",
    "sasl.mechanism",
    "sasl.plain.password",
    "sasl.plain.username",
    "sasl.scram.password",
    "sasl.scram.username",
    "security.protocol",
    "ssl.key.password",
    "ssl.keystore",
    "ssl.keystore.password",
    "ssl.truststore",
    "ssl.truststore.password",
    "value.serializer",
];
const COMPRESSIONS: &[&str] = &["none", "gzip", "snappy", "lz4", "zstd"];
const KEY_SERIALIZERS: &[&str] =
    &["StringSerializer", "org.apache.kafka.common.serialization.StringSerializer"];
const VALUE_SERIALIZERS: &[&str] =
    &["ByteBufferSerializer", "org.apache.kafka.common.serialization.ByteBufferSerializer"];
/// RULES-515.
const AWS_PROTOCOLS: &[&str] = &["SSL", "SASL_SSL"];
/// A broker on this machine rarely speaks TLS.
const ANY_PROTOCOL: &[&str] = &["SSL", "SASL_SSL", "PLAINTEXT", "SASL_PLAINTEXT"];
