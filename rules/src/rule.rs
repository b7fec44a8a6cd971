//! A topic rule as a resource: what was given, kept as it was given.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use thingstead_core::topic::Quoted;
use thingstead_core::{Arn, Limits, RuleName, Scope, Timestamp};

use crate::RulesError;
use crate::sql::SqlVersion;

/// A rule as it is stored. `payload` is the API's `TopicRulePayload`, unchanged, so that it reads back as it was written
/// (RULES-343, API-383).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TopicRule {
    /// `ruleName`.
    pub name: RuleName,
    /// `sql`, `actions` and the other members.
    pub payload: Map<String, Value>,
    /// When it was created or last replaced (RULES-336).
    pub created_at: Timestamp,
    /// Switched by `EnableTopicRule` and `DisableTopicRule`.
    pub disabled: bool,
}

/// The members of a payload that are no actions, checked.
#[derive(Debug)]
pub(crate) struct Payload<'a> {
    pub(crate) sql: &'a str,
    pub(crate) version: SqlVersion,
    pub(crate) actions: &'a [Value],
    pub(crate) error_action: Option<&'a Value>,
    pub(crate) disabled: bool,
}

impl TopicRule {
    /// `arn:aws:iot:REGION:ACCOUNT:rule/NAME` (RULES-342).
    pub fn arn(scope: &Scope, name: &str) -> String {
        Arn::iot(scope, format!("rule/{name}")).to_string()
    }

    /// The member `rule` of `GetTopicRule` (RULES-332).
    pub fn to_api(&self) -> Value {
        let mut rule = Map::new();
        rule.insert("ruleName".to_owned(), json!(self.name.as_str()));
        for name in ["sql", "description"] {
            if let Some(value) = self.payload.get(name).filter(|value| !value.is_null()) {
                rule.insert(name.to_owned(), value.clone());
            }
        }
        rule.insert("createdAt".to_owned(), json!(self.created_at.as_secs_f64()));
        rule.insert("actions".to_owned(), self.payload.get("actions").cloned().unwrap_or_else(|| json!([])));
        rule.insert("ruleDisabled".to_owned(), json!(self.disabled));
        let version = self.payload.get("awsIotSqlVersion").and_then(Value::as_str);
        rule.insert("awsIotSqlVersion".to_owned(), json!(version.unwrap_or(DEFAULT_VERSION)));
        if let Some(action) = self.payload.get("errorAction").filter(|value| !value.is_null()) {
            rule.insert("errorAction".to_owned(), action.clone());
        }
        Value::Object(rule)
    }
}

impl<'a> Payload<'a> {
    /// Checks the payload of a rule but for its statement and actions.
    pub(crate) fn of(payload: &'a Map<String, Value>, limits: Limits) -> Result<Self, RulesError> {
        let member = |name: &str| payload.get(name).filter(|value| !value.is_null());
        let text = |name: &str| match member(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str())),
            Some(other) => Err(RulesError::invalid(format!("`{name}` is `{other}`; expected is a text"))),
        };
        let missing = |name: &str| RulesError::invalid(format!("`{name}` is missing"));
        let sql = text("sql")?.ok_or_else(|| missing("sql"))?;
        if sql.trim().is_empty() {
            return Err(RulesError::invalid("`sql` is empty"));
        }
        text("description")?;
        let Some(Value::Array(actions)) = member("actions") else { return Err(missing("actions")) };
        if actions.len() > MAX_ACTIONS && limits.are_aws() {
            return Err(RulesError::invalid(format!(
                "`actions` has {} entries; allowed are 0 to {MAX_ACTIONS}",
                actions.len()
            )));
        }
        let version = text("awsIotSqlVersion")?.unwrap_or(DEFAULT_VERSION);
        let version = version.parse::<SqlVersion>().map_err(|_| {
            RulesError::invalid(format!(
                "`awsIotSqlVersion` is {}; allowed are `2015-10-08`, `2016-03-23`, `beta`",
                Quoted(version)
            ))
        })?;
        let disabled = match member("ruleDisabled") {
            None => false,
            Some(Value::Bool(disabled)) => *disabled,
            Some(other) => {
                return Err(RulesError::invalid(format!(
                    "`ruleDisabled` is `{other}`; expected is true or false"
                )));
            }
        };
        let size = Value::Object(payload.clone()).to_string().len().max(sql.len());
        if size > MAX_BYTES && limits.are_aws() {
            return Err(RulesError::invalid(format!("the rule has {size} bytes; allowed are {MAX_BYTES}")));
        }
        Ok(Self { sql, version, actions, error_action: member("errorAction"), disabled })
    }
}

/// Checks `ruleName` (RULES-322).
pub(crate) fn check_name(name: &str) -> Result<(), RulesError> {
    let well_formed = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if well_formed && (1..=MAX_NAME).contains(&name.len()) {
        return Ok(());
    }
    Err(RulesError::invalid(format!(
        "`ruleName` is {}; expected are 1 to {MAX_NAME} letters, digits and underscores",
        Quoted(name)
    )))
}

/// What a rule without `awsIotSqlVersion` has (RULES-305).
const DEFAULT_VERSION: &str = "2015-10-08";
const MAX_NAME: usize = 128;
/// Actions of one rule (RULES-324).
const MAX_ACTIONS: usize = 10;
/// Bytes of one rule (RULES-435).
const MAX_BYTES: usize = 256 * 1024;
