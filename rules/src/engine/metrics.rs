//! Counters in the words of AWS/IoT (RULES-413 to RULES-421).

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use thingstead_core::{RuleName, Scope};

use crate::actions::ActionKind;

/// The counters of all rules.
#[derive(Debug, Default)]
pub(crate) struct Metrics(Mutex<HashMap<(Scope, RuleName), Arc<RuleCounters>>>);

/// The counters of one rule; they survive its replacement.
#[derive(Debug)]
pub(crate) struct RuleCounters {
    counts: Vec<AtomicU64>,
    /// Four counters per kind of action.
    actions: Vec<AtomicU64>,
}

/// What is counted per rule; the names are CloudWatch's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub(crate) enum Count {
    TopicMatch,
    RulesExecuted,
    ParseError,
    RuleNotFound,
    RuleMessageThrottled,
    HttpCodeOther,
    HttpCode4xx,
    HttpCode5xx,
    HttpInvalidUrl,
    HttpRequestTimeout,
    HttpUnknownHost,
}

/// One counter with its dimensions, in the namespace `AWS/IoT`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleMetric {
    /// `MetricName`.
    pub name: &'static str,
    /// Whose rule.
    pub scope: Scope,
    /// The dimension `RuleName`.
    pub rule: RuleName,
    /// The dimension `ActionType`.
    pub action: Option<ActionKind>,
    /// How often since the start.
    pub value: u64,
}

impl RuleMetric {
    /// The CloudWatch namespace of every counter (RULES-421).
    pub const NAMESPACE: &'static str = "AWS/IoT";
}

impl Metrics {
    /// The counters of a rule.
    pub(crate) fn of(&self, scope: &Scope, rule: &RuleName) -> Arc<RuleCounters> {
        let mut rules = self.0.lock();
        if let Some(counters) = rules.get(&(scope.clone(), rule.clone())) {
            return Arc::clone(counters);
        }
        let counters = Arc::new(RuleCounters::default());
        // Basic Ingest names rules that do not exist: such names must not fill the memory.
        if rules.len() < MAX_RULES {
            rules.insert((scope.clone(), rule.clone()), Arc::clone(&counters));
        }
        counters
    }

    /// Every counter that is not zero.
    pub(crate) fn snapshot(&self) -> Vec<RuleMetric> {
        let rules = self.0.lock();
        let mut metrics = Vec::new();
        for ((scope, rule), counters) in rules.iter() {
            let mut push = |name, action, counter: &AtomicU64| {
                let value = counter.load(Ordering::Relaxed);
                if value > 0 {
                    metrics.push(RuleMetric {
                        name,
                        scope: scope.clone(),
                        rule: rule.clone(),
                        action,
                        value,
                    });
                }
            };
            for (name, counter) in COUNT_NAMES.iter().zip(&counters.counts) {
                push(name, None, counter);
            }
            for (index, counter) in counters.actions.iter().enumerate() {
                let kind = ActionKind::ALL.get(index / ACTION_NAMES.len()).copied();
                let name = ACTION_NAMES.get(index % ACTION_NAMES.len()).copied().unwrap_or_default();
                push(name, kind, counter);
            }
        }
        metrics
    }
}

impl RuleCounters {
    /// Counts one.
    pub(crate) fn add(&self, count: Count) {
        if let Some(counter) = self.counts.get(count as usize) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Counts the end of an action.
    pub(crate) fn add_action(&self, kind: ActionKind, error_action: bool, succeeded: bool) {
        let which = usize::from(error_action) * 2 + usize::from(!succeeded);
        if let Some(counter) = self.actions.get(kind as usize * ACTION_NAMES.len() + which) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Default for RuleCounters {
    fn default() -> Self {
        let zeros = |count: usize| (0..count).map(|_| AtomicU64::new(0)).collect();
        Self { counts: zeros(COUNT_NAMES.len()), actions: zeros(ActionKind::ALL.len() * ACTION_NAMES.len()) }
    }
}

/// In the order of [`Count`].
const COUNT_NAMES: &[&str] = &[
    "TopicMatch",
    "RulesExecuted",
    "ParseError",
    "RuleNotFound",
    "RuleMessageThrottled",
    "HttpCode_Other",
    "HttpCode_4XX",
    "HttpCode_5XX",
    "HttpInvalidUrl",
    "HttpRequestTimeout",
    "HttpUnknownHost",
];
/// In the order of [`RuleCounters::add_action`].
const ACTION_NAMES: &[&str] = &["Success", "Failure", "ErrorActionSuccess", "ErrorActionFailure"];
/// Rules that are counted.
const MAX_RULES: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_carry_the_names_and_dimensions_of_cloudwatch() {
        // RULES-413, RULES-418, RULES-419
        let metrics = Metrics::default();
        let scope = Scope::new("1", "r");
        let counters = metrics.of(&scope, &"a".into());
        counters.add(Count::TopicMatch);
        counters.add(Count::HttpUnknownHost);
        counters.add_action(ActionKind::Salesforce, true, false);
        counters.add_action(ActionKind::Republish, false, true);
        let found: Vec<_> =
            metrics.snapshot().into_iter().map(|metric| (metric.name, metric.action)).collect();
        assert_eq!(
            found,
            [
                ("TopicMatch", None),
                ("HttpUnknownHost", None),
                ("Success", Some(ActionKind::Republish)),
                ("ErrorActionFailure", Some(ActionKind::Salesforce)),
            ]
        );
    }
}
