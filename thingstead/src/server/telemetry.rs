//! The service log and the counters, joined with their sources and their readers.

use std::fs::OpenOptions;
use std::sync::Arc;

use thingstead_broker::Broker;
use thingstead_console::{Counter, LogQuestion};
use thingstead_core::Journal;
use thingstead_registry::Registry;
use thingstead_rules::{LogWriter, RuleEngine};
use thingstead_telemetry::{Destinations, LogQuery, ServiceLog, metrics};

use super::StartError;
use crate::Config;

/// Starts the service log: in memory, in the file of the setting `service_log`, and in CloudWatch Logs where there is one.
pub(super) fn start(
    config: &Config,
    registry: &Registry,
    broker: &Arc<Broker>,
    cloudwatch: Option<LogWriter>,
) -> Result<Arc<ServiceLog>, StartError> {
    let file = config.service_log.as_ref().map(|path| {
        let opened = OpenOptions::new().create(true).append(true).open(path);
        opened.map_err(|error| StartError::File {
            key: "service_log",
            file: path.clone(),
            reason: error.to_string(),
        })
    });
    let destinations = Destinations { file: file.transpose()?, cloudwatch };
    let told = Arc::downgrade(broker);
    let tell_pings = move |tell| {
        if let Some(broker) = told.upgrade() {
            broker.tell_pings(tell);
        }
    };
    ServiceLog::start(broker.journal().clone(), registry.clone(), tell_pings, destinations)
        .map_err(|error| StartError::part("the service log", error))
}

/// A question of the admin API as the log understands it.
pub(super) fn query(question: &LogQuestion) -> LogQuery {
    LogQuery {
        client: question.client.clone(),
        event_type: question.event_type.clone(),
        // The admin API has checked it.
        level: question.level.as_deref().and_then(|level| level.parse().ok()),
        account: question.account.clone(),
        limit: question.limit,
    }
}

/// All counters in AWS's words, those of one name together.
pub(super) fn counters(journal: &Journal, rules: &RuleEngine) -> Vec<Counter> {
    let mut counters = metrics::of_broker(journal);
    let mut of_rules = metrics::of_rules(rules.metrics());
    of_rules.sort_by(|a, b| a.name.cmp(&b.name));
    counters.append(&mut of_rules);
    let shown = |counter: metrics::Counter| Counter {
        name: counter.name,
        help: counter.help,
        labels: counter.labels,
        value: counter.value,
    };
    counters.into_iter().map(shown).collect()
}
