//! From text to types; the last place where a configuration can fail.

use std::fmt::Display;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use thingstead_broker::{Overlapping, Qos2, Sni, SubscribeDenied};
use thingstead_core::{Limits, Scope};

use super::{ConfigError, Merged, Raw};

/// The settings `THINGSTEAD_…` as the server uses them; DESIGN of each in the table.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "each field is described in the table of settings")]
pub struct Config {
    pub mqtts_addr: Vec<SocketAddr>,
    pub https_addr: Vec<SocketAddr>,
    pub api_addr: Vec<SocketAddr>,
    pub mqtt_addr: Vec<SocketAddr>,
    pub mqtt_policy: Option<String>,
    pub advertised_host: String,
    pub advertise_ports: bool,
    pub sni: Sni,
    pub data_dir: PathBuf,
    pub ephemeral: bool,
    pub seed: Option<PathBuf>,
    pub scope: Scope,
    pub limits: Limits,
    pub session_expiry: Duration,
    pub subscribe_denied: SubscribeDenied,
    pub v3_qos2: Qos2,
    pub overlapping_filters: Overlapping,
    pub version_numbers: bool,
    pub throttles: Throttles,
    pub verify_signatures: bool,
    /// Access key id and secret access key.
    pub access_keys: Vec<(String, String)>,
    pub iam_policies: Option<PathBuf>,
    /// Access keys of Cognito identities.
    pub cognito_identities: Option<PathBuf>,
    pub http_action_urls: HttpActionUrls,
    pub http_destinations: HttpDestinations,
    pub disordered_events: bool,
    pub service_log: Option<PathBuf>,
    /// URLs by function ARN or name.
    pub functions: Vec<(String, String)>,
    pub trust_ca: Vec<PathBuf>,
    pub durability: Durability,
    /// Never 0.
    pub shards: usize,
    pub log: String,
    pub log_json: bool,
}

/// Whether AWS's rates per second are in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Throttles {
    /// No rates.
    Off,
    /// AWS's rates.
    Aws,
}

/// Where HTTP actions may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HttpActionUrls {
    /// Plain http and any port.
    Any,
    /// https on 443 and 8443 only.
    Aws,
}

/// How the destinations of HTTP receivers become ENABLED.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HttpDestinations {
    /// The receiver answers a confirmation, as with AWS.
    Confirm,
    /// At once, for receivers that know nothing of confirmations.
    Auto,
}

/// When a commit counts as done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// When it is synced to disk.
    Full,
    /// When the system has it.
    Relaxed,
}

impl Config {
    /// A server for a test suite that embeds it: everything in memory, every listener, the plain one too, on a free port of the
    /// loopback, one shard. `given` are further settings by key, as in `thingstead.toml`.
    ///
    /// # Errors
    /// An unknown key, or a value that is not allowed.
    pub fn embedded(given: &[(&str, &str)]) -> Result<Self, ConfigError> {
        let free = "127.0.0.1:0";
        let mut values = vec![
            ("mqtts_addr", free),
            ("https_addr", free),
            ("api_addr", free),
            ("mqtt_addr", free),
            ("ephemeral", "true"),
            ("advertise_ports", "true"),
            ("shards", "1"),
        ];
        values.extend_from_slice(given);
        Self::from_merged(&Merged::of(&values)?)
    }

    /// Checks and converts every value.
    ///
    /// # Errors
    /// The first value that is not allowed.
    pub fn from_merged(merged: &Merged) -> Result<Self, ConfigError> {
        let read = Reader(merged);
        let account = read.text("account");
        if !Scope::is_account_id(&account) {
            return read.refuse("account", "12 digits");
        }
        let region = read.text("region");
        if region.is_empty() || !region.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
            return read.refuse("region", "a Region name such as `us-east-1`");
        }
        let shards: usize = read.parse("shards", "a number from 0 to 64")?;
        if shards > 64 {
            return read.refuse("shards", "a number from 0 to 64");
        }
        Ok(Self {
            mqtts_addr: read.addresses("mqtts_addr")?,
            https_addr: read.addresses("https_addr")?,
            api_addr: read.addresses("api_addr")?,
            mqtt_addr: read.addresses("mqtt_addr")?,
            mqtt_policy: read.optional("mqtt_policy"),
            advertised_host: match read.optional("advertised_host") {
                Some(host) if host.strip_prefix("{account}.").unwrap_or(&host).contains(['{', '}']) => {
                    return read.refuse("advertised_host", "a host name, `{account}.` before one, or `*`");
                }
                Some(host) => host,
                None => return read.refuse("advertised_host", "a host name, an address or `*`"),
            },
            advertise_ports: read.flag("advertise_ports")?,
            sni: read.choice(
                "sni",
                &[("optional", Sni::Optional), ("aws", Sni::Aws), ("required", Sni::Required)],
            )?,
            data_dir: read.text("data_dir").into(),
            ephemeral: read.flag("ephemeral")?,
            seed: read.optional("seed").map(PathBuf::from),
            scope: Scope::new(&account, &region),
            limits: read.choice("limits", &[("aws", Limits::Aws), ("relaxed", Limits::Relaxed)])?,
            session_expiry: read.session_expiry()?,
            subscribe_denied: read.choice(
                "subscribe_denied",
                &[("reject", SubscribeDenied::Reject), ("disconnect", SubscribeDenied::Disconnect)],
            )?,
            v3_qos2: read.choice("v3_qos2", &[("disconnect", Qos2::Disconnect), ("ignore", Qos2::Ignore)])?,
            overlapping_filters: read.choice(
                "overlapping_filters",
                &[("one", Overlapping::OneCopy), ("each", Overlapping::OnePerFilter)],
            )?,
            version_numbers: read.flag("version_numbers")?,
            throttles: read.choice("throttles", &[("off", Throttles::Off), ("aws", Throttles::Aws)])?,
            verify_signatures: read.flag("verify_signatures")?,
            access_keys: read.access_keys()?,
            iam_policies: read.optional("iam_policies").map(PathBuf::from),
            cognito_identities: read.optional("cognito_identities").map(PathBuf::from),
            http_action_urls: read
                .choice("http_action_urls", &[("any", HttpActionUrls::Any), ("aws", HttpActionUrls::Aws)])?,
            http_destinations: read.choice(
                "http_destinations",
                &[("confirm", HttpDestinations::Confirm), ("auto", HttpDestinations::Auto)],
            )?,
            disordered_events: read
                .choice("lifecycle_events", &[("ordered", false), ("disordered", true)])?,
            service_log: read.optional("service_log").map(PathBuf::from),
            functions: read.functions()?,
            trust_ca: read.list("trust_ca").map(PathBuf::from).collect(),
            durability: read
                .choice("durability", &[("full", Durability::Full), ("relaxed", Durability::Relaxed)])?,
            shards: match shards {
                0 => std::thread::available_parallelism().map_or(1, usize::from).min(64),
                some => some,
            },
            log: read.text("log"),
            log_json: read.choice("log_format", &[("text", false), ("json", true)])?,
        })
    }
}

struct Reader<'a>(&'a Merged);

impl Reader<'_> {
    fn raw(&self, key: &str) -> &Raw {
        // INVARIANT: `key` is one of the table, and `Merged` holds every setting of the table.
        #[expect(
            clippy::panic,
            reason = "a key outside the table is a mistake of ours that every start would show"
        )]
        self.0.get(key).unwrap_or_else(|| panic!("`{key}` is no setting"))
    }

    fn text(&self, key: &str) -> String {
        self.raw(key).value.trim().to_owned()
    }

    fn optional(&self, key: &str) -> Option<String> {
        Some(self.text(key)).filter(|text| !text.is_empty())
    }

    fn list(&self, key: &str) -> impl Iterator<Item = String> {
        let items: Vec<String> = self.text(key).split(',').map(|item| item.trim().to_owned()).collect();
        items.into_iter().filter(|item| !item.is_empty())
    }

    fn refuse<T>(&self, key: &str, expected: impl Display) -> Result<T, ConfigError> {
        let Raw { setting, value, origin } = self.raw(key).clone();
        Err(ConfigError::BadValue { key: setting.key, value, origin, expected: expected.to_string() })
    }

    fn parse<T: FromStr>(&self, key: &str, expected: &str) -> Result<T, ConfigError> {
        self.text(key).parse().or_else(|_| self.refuse(key, expected))
    }

    fn flag(&self, key: &str) -> Result<bool, ConfigError> {
        match self.text(key).to_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Ok(true),
            "false" | "0" | "no" | "off" | "" => Ok(false),
            _ => self.refuse(key, "true or false"),
        }
    }

    fn choice<T: Copy>(&self, key: &str, choices: &[(&str, T)]) -> Result<T, ConfigError> {
        let text = self.text(key).to_lowercase();
        match choices.iter().find(|(name, _)| *name == text) {
            Some((_, value)) => Ok(*value),
            None => {
                let names: Vec<_> = choices.iter().map(|(name, _)| format!("`{name}`")).collect();
                self.refuse(key, names.join(" or "))
            }
        }
    }

    fn addresses(&self, key: &str) -> Result<Vec<SocketAddr>, ConfigError> {
        let expected = "addresses such as `127.0.0.1:8883` or `[::1]:0`, separated by commas";
        self.list(key)
            .map(|item| {
                item.replace("localhost:", "127.0.0.1:").parse().or_else(|_| self.refuse(key, expected))
            })
            .collect()
    }

    /// MQTT-159, MQTT-160: AWS lets an account choose up to seven days.
    fn session_expiry(&self) -> Result<Duration, ConfigError> {
        const EXPECTED: &str = "seconds from 1 to 604800";
        match self.parse("session_expiry", EXPECTED)? {
            seconds @ 1..=604_800 => Ok(Duration::from_secs(seconds)),
            _ => self.refuse("session_expiry", EXPECTED),
        }
    }

    fn access_keys(&self) -> Result<Vec<(String, String)>, ConfigError> {
        self.list("access_keys")
            .map(|item| match item.split_once(':') {
                Some((id, secret)) if !id.is_empty() && !secret.is_empty() => {
                    Ok((id.to_owned(), secret.to_owned()))
                }
                _ => self.refuse("access_keys", "`ID:SECRET` pairs separated by commas"),
            })
            .collect()
    }

    fn functions(&self) -> Result<Vec<(String, String)>, ConfigError> {
        self.list("functions")
            .map(|item| match item.split_once('=') {
                Some((function, url))
                    if !function.is_empty()
                        && (url.starts_with("http://") || url.starts_with("https://")) =>
                {
                    Ok((function.to_owned(), url.to_owned()))
                }
                _ => self.refuse(
                    "functions",
                    "`ARN=URL` pairs separated by commas, with URLs that begin with `http://` or `https://`",
                ),
            })
            .collect()
    }
}
