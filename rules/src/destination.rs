//! Topic rule destinations: who has agreed to be sent to.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use thingstead_core::topic::Quoted;
use thingstead_core::{Arn, Scope, Timestamp};

use crate::RulesError;
use crate::actions::role;
use crate::settings::{HttpActionUrls, Settings};

/// A destination as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Destination {
    /// `arn:aws:iot:REGION:ACCOUNT:ruledestination/KIND/UUID` (RULES-447).
    pub arn: String,
    /// Where it stands.
    pub status: DestinationStatus,
    /// When it was created.
    pub created_at: Timestamp,
    /// When its status changed.
    pub last_updated_at: Timestamp,
    /// Why it stands there, for a person.
    pub status_reason: String,
    /// What it is.
    pub target: DestinationTarget,
    /// What the receiver must hand back; `None` once it was used.
    pub token: Option<String>,
    /// When an action used it.
    #[serde(skip)]
    pub(crate) traffic: Traffic,
}

/// When a destination was last used, in epoch milliseconds; kept in memory, so that sending writes nothing to disk.
#[derive(Clone, Debug, Default)]
pub(crate) struct Traffic(Arc<AtomicI64>);

/// Destinations are compared as resources.
impl PartialEq for Traffic {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// The states of a destination (RULES-445).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DestinationStatus {
    /// Waiting for its confirmation.
    InProgress,
    /// Actions may use it.
    Enabled,
    /// Switched off.
    Disabled,
    /// It was not confirmed.
    Error,
    /// On its way out.
    Deleting,
}

/// What a destination is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum DestinationTarget {
    /// A URL prefix that `http` actions may post to.
    Http {
        /// `confirmationUrl`.
        confirmation_url: String,
    },
    /// An InfluxDB server.
    InfluxDb {
        /// The members of `influxDBConfiguration` as they were given.
        configuration: Map<String, Value>,
    },
    /// A VPC, for Kafka: whoever uses it reaches the brokers as this machine does.
    Vpc {
        /// The members of `vpcConfiguration` as they were given.
        configuration: Map<String, Value>,
    },
}

impl DestinationStatus {
    /// The name in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::InProgress => "IN_PROGRESS",
            Self::Enabled => "ENABLED",
            Self::Disabled => "DISABLED",
            Self::Error => "ERROR",
            Self::Deleting => "DELETING",
        }
    }
}

impl DestinationTarget {
    /// Reads `destinationConfiguration` (RULES-444).
    pub(crate) fn of(configuration: &Value, account: &str, settings: &Settings) -> Result<Self, RulesError> {
        let Value::Object(members) = configuration else {
            return Err(RulesError::invalid("`destinationConfiguration` is missing"));
        };
        let mut set = members.iter().filter(|(_, value)| !value.is_null());
        let (Some((kind, value)), None) = (set.next(), set.next()) else {
            return Err(RulesError::invalid(
                "`destinationConfiguration` must set exactly one of `httpUrlConfiguration`, `vpcConfiguration`, `influxDBConfiguration`",
            ));
        };
        let text = |name: &str| {
            let found = value.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
            found.ok_or_else(|| {
                RulesError::invalid(format!("`destinationConfiguration.{kind}.{name}` is missing"))
            })
        };
        match kind.as_str() {
            "httpUrlConfiguration" => {
                Ok(Self::Http { confirmation_url: text("confirmationUrl")?.to_owned() })
            }
            "vpcConfiguration" => {
                // RULES-462
                text("vpcId")?;
                role::check(text("roleArn")?, account, settings.roles).map_err(|why| {
                    RulesError::invalid(format!("`destinationConfiguration.{kind}.roleArn` {why}"))
                })?;
                if value.get("subnetIds").and_then(Value::as_array).is_none_or(Vec::is_empty) {
                    return Err(RulesError::invalid(
                        "`destinationConfiguration.vpcConfiguration.subnetIds` is missing",
                    ));
                }
                Ok(Self::Vpc { configuration: value.as_object().cloned().unwrap_or_default() })
            }
            "influxDBConfiguration" => {
                // RULES-464
                text("secretId")?;
                let version = text("influxDBVersion")?;
                if !matches!(version, "V2" | "V3") {
                    return Err(RulesError::invalid(format!(
                        "`destinationConfiguration.{kind}.influxDBVersion` is `{version}`; allowed are `V2`, `V3`"
                    )));
                }
                let endpoint = text("endpoint")?;
                check_influx_endpoint(endpoint, settings.http_action_urls).map_err(|why| {
                    RulesError::invalid(format!("`destinationConfiguration.{kind}.endpoint` {why}"))
                })?;
                Ok(Self::InfluxDb { configuration: value.as_object().cloned().unwrap_or_default() })
            }
            other => {
                Err(RulesError::invalid(format!("`destinationConfiguration.{other}` is no destination")))
            }
        }
    }

    const fn kind(&self) -> &'static str {
        match self {
            Self::Http { .. } => "http",
            Self::InfluxDb { .. } => "influxdb",
            Self::Vpc { .. } => "vpc",
        }
    }
}

impl Destination {
    /// A destination that waits for its confirmation.
    pub(crate) fn new(
        scope: &Scope,
        target: DestinationTarget,
        id: &str,
        token: String,
        now: Timestamp,
    ) -> Self {
        let arn = Arn::iot(scope, format!("ruledestination/{}/{id}", target.kind())).to_string();
        Self {
            arn,
            status: DestinationStatus::InProgress,
            created_at: now,
            last_updated_at: now,
            status_reason: String::new(),
            target,
            token: Some(token),
            traffic: Traffic::default(),
        }
    }

    /// Remembers that an action used it.
    pub(crate) fn used(&self, now: Timestamp) {
        self.traffic.0.fetch_max(now.as_millis(), Ordering::Relaxed);
    }

    /// The status at a time: a confirmation that does not come ends in ERROR (RULES-457), a VPC destination that nothing
    /// is sent through in DISABLED (RULES-463).
    pub fn status_at(&self, now: Timestamp) -> (DestinationStatus, &str) {
        let waiting = self.status == DestinationStatus::InProgress;
        if waiting && now.since(self.last_updated_at) >= CONFIRMATION_LIMIT {
            return (DestinationStatus::Error, "the confirmation timed out");
        }
        if self.status == DestinationStatus::Enabled && matches!(self.target, DestinationTarget::Vpc { .. }) {
            let last = self.traffic.0.load(Ordering::Relaxed).max(self.last_updated_at.as_millis());
            if now.since(Timestamp::from_millis(last)) >= IDLE_VPC_LIMIT {
                return (DestinationStatus::Disabled, "nothing was sent through it for 30 days");
            }
        }
        (self.status, &self.status_reason)
    }

    /// The confirmation URL of an `http` destination.
    pub fn confirmation_url(&self) -> Option<&str> {
        match &self.target {
            DestinationTarget::Http { confirmation_url } => Some(confirmation_url),
            DestinationTarget::InfluxDb { .. } | DestinationTarget::Vpc { .. } => None,
        }
    }

    /// The configuration of an InfluxDB destination.
    pub(crate) fn influx(&self) -> Option<&Map<String, Value>> {
        match &self.target {
            DestinationTarget::InfluxDb { configuration } => Some(configuration),
            DestinationTarget::Http { .. } | DestinationTarget::Vpc { .. } => None,
        }
    }

    /// `TopicRuleDestination` of the API, or with `summary` the row of a list.
    pub(crate) fn to_api(&self, now: Timestamp, summary: bool) -> Value {
        let (status, reason) = self.status_at(now);
        let mut out = Map::new();
        out.insert("arn".to_owned(), json!(self.arn));
        out.insert("status".to_owned(), json!(status.name()));
        out.insert("createdAt".to_owned(), json!(self.created_at.as_secs_f64()));
        out.insert("lastUpdatedAt".to_owned(), json!(self.last_updated_at.as_secs_f64()));
        if !reason.is_empty() {
            out.insert("statusReason".to_owned(), json!(reason));
        }
        match &self.target {
            DestinationTarget::Http { confirmation_url } => {
                let name = if summary { "httpUrlSummary" } else { "httpUrlProperties" };
                out.insert(name.to_owned(), json!({"confirmationUrl": confirmation_url}));
            }
            DestinationTarget::InfluxDb { configuration } => {
                let name = if summary { "influxDBSummary" } else { "influxDBProperties" };
                out.insert(name.to_owned(), Value::Object(configuration.clone()));
            }
            DestinationTarget::Vpc { configuration } => {
                let name = if summary { "vpcDestinationSummary" } else { "vpcProperties" };
                out.insert(name.to_owned(), Value::Object(configuration.clone()));
            }
        }
        Value::Object(out)
    }

    /// Moves to another state.
    pub(crate) fn turn(&mut self, status: DestinationStatus, reason: impl Into<String>, now: Timestamp) {
        self.status = status;
        self.status_reason = reason.into();
        self.last_updated_at = now;
    }
}

/// HTTPS on four ports with AWS, anything locally (RULES-578).
fn check_influx_endpoint(endpoint: &str, urls: HttpActionUrls) -> Result<(), String> {
    let uri: http::Uri = endpoint.parse().map_err(|_| format!("is {}, which is no URL", Quoted(endpoint)))?;
    let allowed = match uri.scheme_str() {
        Some("http") => urls == HttpActionUrls::Any,
        Some("https") => {
            urls == HttpActionUrls::Any || matches!(uri.port_u16(), None | Some(443 | 8443 | 8086 | 8181))
        }
        _ => false,
    };
    if allowed {
        return Ok(());
    }
    Err(format!("is {}; it must be https on port 443, 8443, 8086 or 8181", Quoted(endpoint)))
}

/// So long a VPC destination stays ENABLED without traffic (RULES-463).
const IDLE_VPC_LIMIT: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// So long a confirmation may take; AWS names no number.
const CONFIRMATION_LIMIT: Duration = Duration::from_secs(30 * 60);
