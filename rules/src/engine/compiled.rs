//! A rule ready to run.

use std::sync::Arc;

use serde_json::Value;
use thingstead_core::{RuleName, Scope};

use super::Inner;
use super::metrics::RuleCounters;
use crate::RulesError;
use crate::actions::{Action, Compiling};
use crate::rule::{Payload, TopicRule};
use crate::sql::{self, Statement};

/// A rule with its statement parsed and its templates compiled.
#[derive(Debug)]
pub(crate) struct CompiledRule {
    pub(crate) name: RuleName,
    pub(crate) statement: Statement,
    pub(crate) actions: Vec<Arc<Action>>,
    pub(crate) error_action: Option<Arc<Action>>,
    pub(crate) counters: Arc<RuleCounters>,
}

impl CompiledRule {
    /// Compiles a rule, or says what AWS would refuse.
    pub(crate) fn compile(inner: &Inner, scope: &Scope, rule: &TopicRule) -> Result<Self, RulesError> {
        let payload = Payload::of(&rule.payload, inner.settings.limits)?;
        let statement = sql::parse(payload.sql, payload.version).map_err(|error| RulesError::SqlParse {
            message: error.to_string(),
            position: error.position(),
        })?;
        let compile = |value: &Value, path: &str, is_error_action: bool| {
            let (settings, account) = (&*inner.settings, scope.account());
            let compiling = Compiling { statement: &statement, settings, is_error_action, account };
            Action::compile(value, path, compiling).map(Arc::new)
        };
        let numbered = payload.actions.iter().enumerate();
        let actions = numbered
            .map(|(index, value)| compile(value, &format!("actions[{index}]"), false))
            .collect::<Result<Vec<_>, _>>()?;
        let error_action =
            payload.error_action.map(|value| compile(value, "errorAction", true)).transpose()?;
        Ok(Self {
            counters: inner.metrics.of(scope, &rule.name),
            name: rule.name.clone(),
            statement,
            actions,
            error_action,
        })
    }

    /// The filter of FROM; `None` when the rule runs through Basic Ingest only (RULES-077), which includes a filter on
    /// Basic Ingest topics themselves (RULES-076).
    pub(crate) fn filter(&self) -> Option<&str> {
        let filter = self.statement.topic_filter()?;
        (!filter.is_empty() && !filter.starts_with("$aws/rules/")).then_some(filter)
    }

    /// The confirmation URLs that its actions need.
    pub(crate) fn confirmation_urls(&self) -> impl Iterator<Item = &str> {
        let actions = self.actions.iter().chain(&self.error_action);
        actions.filter_map(|action| action.confirmation_url())
    }
}
