//! Logging options of both generations (api.md 4.13). What is logged is decided by the journal; these are what callers set
//! and read back.

use std::collections::BTreeMap;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thingstead_core::Scope;
use thingstead_store::Table;

use crate::change::Change;
use crate::page::{self, DEFAULT_ROWS, Page, PageRequest};
use crate::state::State;
use crate::{Registry, RegistryError, Result};

/// How much is logged (API-213), the most talkative first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[expect(missing_docs, reason = "each is the word of the API in another spelling")]
pub enum LogLevel {
    Debug,
    Info,
    Warn,
    Error,
    Disabled,
}

impl LogLevel {
    /// The name in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Debug => "DEBUG",
            Self::Info => "INFO",
            Self::Warn => "WARN",
            Self::Error => "ERROR",
            Self::Disabled => "DISABLED",
        }
    }
}

impl FromStr for LogLevel {
    type Err = RegistryError;

    fn from_str(text: &str) -> Result<Self> {
        let all = [Self::Debug, Self::Info, Self::Warn, Self::Error, Self::Disabled];
        all.into_iter().find(|level| level.name() == text).ok_or_else(|| {
            RegistryError::invalid(format!(
                "`{text}` is no log level; expected DEBUG, INFO, WARN, ERROR or DISABLED"
            ))
        })
    }
}

/// `SetLoggingOptions`, the first generation (API-210).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LoggingOptions {
    /// The role that writes.
    #[serde(default)]
    pub role_arn: Option<String>,
    /// How much.
    #[serde(default)]
    pub log_level: Option<LogLevel>,
}

/// `SetV2LoggingOptions`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct V2LoggingOptions {
    /// The role that writes.
    #[serde(default)]
    pub role_arn: Option<String>,
    /// How much where no level for a target says otherwise.
    #[serde(default)]
    pub default_log_level: Option<LogLevel>,
    /// Logs nothing at all.
    #[serde(default)]
    pub disable_all_logs: bool,
    /// `eventConfigurations` as they were given.
    #[serde(default)]
    pub event_configurations: Option<Vec<serde_json::Value>>,
}

/// What a level is for: `THING_GROUP`, `CLIENT_ID`, `SOURCE_IP`, `PRINCIPAL_ID` with a name, or `DEFAULT` without (API-214).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogTarget {
    /// Its type.
    pub target_type: String,
    /// Its name.
    #[serde(default)]
    pub target_name: Option<String>,
}

/// What is logged in a scope, for whoever writes the logs (MQTT-252, MQTT-253).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLevels {
    /// The log group of entries whose type of event names none.
    pub group: &'static str,
    /// Where nothing else is said.
    pub default: LogLevel,
    /// By type of event.
    pub events: Vec<EventLogging>,
    /// By client, address, principal or thing group.
    pub targets: Vec<(LogTarget, LogLevel)>,
}

/// An element of `eventConfigurations`: how one type of event is logged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EventLogging {
    /// Such as `Connect` or `Publish-In`.
    pub event_type: String,
    /// How much; the default level where absent.
    #[serde(default)]
    pub log_level: Option<LogLevel>,
    /// The log group; `AWSIotLogsV2` where absent.
    #[serde(default)]
    pub log_destination: Option<String>,
}

/// Everything about logging that was set in a scope.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Logging {
    #[serde(default)]
    first: LoggingOptions,
    #[serde(default)]
    second: Option<V2LoggingOptions>,
    #[serde(default)]
    levels: Vec<(LogTarget, LogLevel)>,
}

impl Registry {
    /// The options of the first generation; empty before they were set (API-210).
    pub fn get_logging_options(&self, scope: &Scope) -> LoggingOptions {
        self.read(scope, |state| state.logging.first.clone())
    }

    /// Sets the options of the first generation.
    ///
    /// # Errors
    /// `InternalFailure`.
    pub async fn set_logging_options(&self, scope: &Scope, options: LoggingOptions) -> Result<()> {
        self.change(scope, |state, change| {
            state.logging.first = options;
            write(state, change);
            Ok(())
        })
        .await
    }

    /// The options of the second generation (API-212).
    ///
    /// # Errors
    /// `NotConfigured` before they were set.
    pub fn get_v2_logging_options(&self, scope: &Scope) -> Result<V2LoggingOptions> {
        self.read(scope, |state| configured(state).cloned())
    }

    /// Sets options of the second generation; what is `None` stays (API-211).
    ///
    /// # Errors
    /// `InternalFailure`.
    pub async fn set_v2_logging_options(&self, scope: &Scope, options: V2LoggingOptions) -> Result<()> {
        self.change(scope, |state, change| {
            let before = state.logging.second.take().unwrap_or_default();
            state.logging.second = Some(V2LoggingOptions {
                role_arn: options.role_arn.or(before.role_arn),
                default_log_level: options.default_log_level.or(before.default_log_level),
                disable_all_logs: options.disable_all_logs,
                event_configurations: options.event_configurations.or(before.event_configurations),
            });
            write(state, change);
            Ok(())
        })
        .await
    }

    /// The scopes in which anything is logged, with what. Options of the first generation count until some of the second are set.
    pub fn log_levels(&self) -> Vec<(Scope, LogLevels)> {
        let scopes = self.scopes_where(|state| state.logging.levels().is_some());
        let levels = |scope: Scope| {
            let levels = self.read(&scope, |state| state.logging.levels())?;
            Some((scope, levels))
        };
        scopes.into_iter().filter_map(levels).collect()
    }

    /// Sets the level of a target (API-214).
    ///
    /// # Errors
    /// `NotConfigured` before the options were set; `InvalidRequest` for an unusable target.
    pub async fn set_v2_logging_level(
        &self,
        scope: &Scope,
        target: LogTarget,
        level: LogLevel,
    ) -> Result<()> {
        self.change(scope, |state, change| {
            configured(state)?;
            check(&target)?;
            state.logging.levels.retain(|(known, _)| *known != target);
            state.logging.levels.push((target, level));
            state.logging.levels.sort_by(|a, b| a.0.cmp(&b.0));
            write(state, change);
            Ok(())
        })
        .await
    }

    /// Removes the level of a target; an unknown one is no error (API-215).
    ///
    /// # Errors
    /// `InternalFailure`.
    pub async fn delete_v2_logging_level(&self, scope: &Scope, target: &LogTarget) -> Result<()> {
        self.change(scope, |state, change| {
            state.logging.levels.retain(|(known, _)| known != target);
            write(state, change);
            Ok(())
        })
        .await
    }

    /// The levels of targets, of one type if that is asked for (API-215).
    ///
    /// # Errors
    /// `NotConfigured` before the options were set; `InvalidRequest` for an unknown token.
    pub fn list_v2_logging_levels(
        &self,
        scope: &Scope,
        target_type: Option<&str>,
        page: &PageRequest,
    ) -> Result<Page<(LogTarget, LogLevel)>> {
        self.read(scope, |state| {
            configured(state)?;
            let rows = state
                .logging
                .levels
                .iter()
                .filter(|(target, _)| target_type.is_none_or(|wanted| target.target_type == wanted));
            let rows: BTreeMap<String, (LogTarget, LogLevel)> = rows
                .map(|(target, level)| {
                    let name = target.target_name.as_deref().unwrap_or_default();
                    (format!("{} {name}", target.target_type), (target.clone(), *level))
                })
                .collect();
            page::by_key("logging-levels", page, DEFAULT_ROWS, rows.into_iter())
        })
    }
}

impl Logging {
    /// `None` when nothing is logged.
    fn levels(&self) -> Option<LogLevels> {
        let Some(options) = &self.second else {
            let level = self.first.log_level.filter(|level| *level != LogLevel::Disabled)?;
            return Some(LogLevels {
                group: FIRST_GROUP,
                default: level,
                events: Vec::new(),
                targets: Vec::new(),
            });
        };
        if options.disable_all_logs {
            return None;
        }
        let is_default = |target: &LogTarget| target.target_type == "DEFAULT";
        let default = self.levels.iter().find(|(target, _)| is_default(target)).map(|(_, level)| *level);
        let events = options.event_configurations.iter().flatten();
        Some(LogLevels {
            group: SECOND_GROUP,
            default: default.or(options.default_log_level).unwrap_or(LogLevel::Disabled),
            events: events.filter_map(|event| serde_json::from_value(event.clone()).ok()).collect(),
            targets: self.levels.iter().filter(|(target, _)| !is_default(target)).cloned().collect(),
        })
    }
}

fn configured(state: &State) -> Result<&V2LoggingOptions> {
    state
        .logging
        .second
        .as_ref()
        .ok_or_else(|| RegistryError::NotConfigured("Logging options are not configured".to_owned()))
}

fn check(target: &LogTarget) -> Result<()> {
    let named = target.target_name.as_ref().is_some_and(|name| !name.is_empty());
    match (target.target_type.as_str(), named) {
        ("DEFAULT", false) | ("THING_GROUP" | "CLIENT_ID" | "SOURCE_IP" | "PRINCIPAL_ID", true) => Ok(()),
        ("DEFAULT", true) => Err(RegistryError::invalid("The log target DEFAULT has no targetName")),
        ("THING_GROUP" | "CLIENT_ID" | "SOURCE_IP" | "PRINCIPAL_ID", false) => {
            Err(RegistryError::invalid(format!("The log target {} needs a targetName", target.target_type)))
        }
        (other, _) => Err(RegistryError::invalid(format!(
            "`{other}` is no log target type; expected DEFAULT, THING_GROUP, CLIENT_ID, SOURCE_IP or PRINCIPAL_ID"
        ))),
    }
}

fn write(state: &State, change: &mut Change<'_>) {
    let row = serde_json::to_string(&state.logging).unwrap_or_default();
    change.batch.put(LOGGING, change.scope, ROW, row);
}

/// Where options of the first generation write (API-210).
const FIRST_GROUP: &str = "AWSIotLogs";
/// Where those of the second write (MQTT-252).
const SECOND_GROUP: &str = "AWSIotLogsV2";
/// One row a scope.
pub(crate) const LOGGING: Table = Table::new("logging_options");
const ROW: &str = "options";
