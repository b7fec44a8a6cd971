//! The metrics of the CloudWatch namespace `AWS/IoT`, counted since the start (MQTT-259, RULES-413 to RULES-421).
//!
//! A name keeps its words: `PublishIn.Success` with `Protocol=MQTT` is `aws_iot_publish_in_success{protocol="MQTT"}`, a rule's
//! `TopicMatch` is `aws_iot_topic_match{rule_name="…"}`. Metrics of the broker are there from the start, with 0; those of rules
//! appear when they count something.

use thingstead_core::journal::{Cause, Protocol, Tally};
use thingstead_core::{Journal, Kind};
use thingstead_rules::RuleMetric;

/// One counter with its dimensions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counter {
    /// In Prometheus's form, without `_total`.
    pub name: String,
    /// CloudWatch's name.
    pub help: String,
    /// Dimensions in snake_case, with their values.
    pub labels: Vec<(&'static str, String)>,
    /// How often since the start.
    pub value: u64,
}

/// Every metric of the broker.
pub fn of_broker(journal: &Journal) -> Vec<Counter> {
    let tallies = journal.tallies();
    let mut counters = Vec::new();
    for (metric, kinds, causes) in METRICS {
        let protocols: &[(&str, Protocol)] = if has_http(metric) { &[MQTT, HTTP] } else { &[MQTT] };
        for (label, protocol) in protocols {
            let counts = |tally: &&Tally| {
                kinds.contains(&tally.kind)
                    && causes.contains(&tally.cause)
                    && (tally.protocol == *protocol
                        // What is queued for a group or retained by the server itself is MQTT's.
                        || (tally.protocol == Protocol::Inside && *protocol == Protocol::Mqtt && !is_publish(metric)))
            };
            counters.push(Counter {
                name: name(metric),
                help: (*metric).to_owned(),
                labels: vec![("protocol", (*label).to_owned())],
                value: tallies.iter().filter(counts).map(|tally| tally.count).sum(),
            });
        }
    }
    counters
}

/// The metrics of rules, as the rules engine counts them.
pub fn of_rules(metrics: Vec<RuleMetric>) -> Vec<Counter> {
    let counter = |metric: RuleMetric| {
        let mut labels = vec![
            ("account", metric.scope.account().to_owned()),
            ("region", metric.scope.region().to_owned()),
            ("rule_name", metric.rule.to_string()),
        ];
        labels.extend(metric.action.map(|action| ("action_type", action.name().to_owned())));
        Counter { name: name(metric.name), help: metric.name.to_owned(), labels, value: metric.value }
    };
    metrics.into_iter().map(counter).collect()
}

/// `PublishIn.AuthError` as `aws_iot_publish_in_auth_error`.
fn name(metric: &str) -> String {
    let mut name = "aws_iot".to_owned();
    let mut before = '.';
    let mut letters = metric.chars().peekable();
    while let Some(letter) = letters.next() {
        let word_follows = letters.peek().is_some_and(char::is_ascii_lowercase);
        let begins = letter.is_ascii_uppercase() && (before.is_ascii_lowercase() || word_follows);
        if begins || !before.is_ascii_alphanumeric() {
            name.push('_');
        }
        if letter.is_ascii_alphanumeric() {
            name.push(letter.to_ascii_lowercase());
            before = letter;
        } else if let Some(next) = letters.next() {
            name.push('_');
            name.push(next.to_ascii_lowercase());
            before = next;
        }
    }
    name
}

fn has_http(metric: &str) -> bool {
    metric.starts_with("Publish")
}

fn is_publish(metric: &str) -> bool {
    metric.starts_with("PublishIn.")
}

const MQTT: (&str, Protocol) = ("MQTT", Protocol::Mqtt);
const HTTP: (&str, Protocol) = ("HTTP", Protocol::Http);

/// Which events each metric counts.
const METRICS: &[(&str, &[Kind], &[Cause])] = {
    use Cause::{
        Authorization, Client, ClientIdThrottle, ConnectionThrottle, None, QueueThrottle,
        RetainAuthorization, RetainThrottle, Server, Throttle,
    };
    &[
        ("Connect.Success", &[Kind::Connected], &[None]),
        ("Connect.AuthError", &[Kind::ConnectRefused], &[Authorization, RetainAuthorization]),
        ("Connect.ClientError", &[Kind::ConnectRefused], &[Client]),
        ("Connect.ServerError", &[Kind::ConnectRefused], &[Server]),
        ("Connect.Throttle", &[Kind::ConnectRefused], &[Throttle]),
        ("Connect.ClientIDThrottle", &[Kind::ConnectRefused], &[ClientIdThrottle]),
        ("PublishIn.Success", &[Kind::Published], &[None]),
        ("PublishIn.AuthError", &[Kind::PublishRefused], &[Authorization, RetainAuthorization]),
        ("PublishIn.ClientError", &[Kind::PublishRefused], &[Client]),
        ("PublishIn.ServerError", &[Kind::PublishRefused], &[Server]),
        ("PublishIn.Throttle", &[Kind::PublishRefused], &[Throttle]),
        ("PublishOut.Success", &[Kind::Delivered], &[None]),
        ("PublishOut.AuthError", &[Kind::DeliveryRefused], &[Authorization, RetainAuthorization]),
        ("PublishOut.ClientError", &[Kind::Dropped], &[Client]),
        ("PublishOut.Throttle", &[Kind::Dropped], &[Throttle]),
        ("PublishRetained.Success", &[Kind::Retained, Kind::RetainedCleared], &[None]),
        ("PublishRetained.AuthError", &[Kind::PublishRefused], &[RetainAuthorization]),
        ("PublishRetained.ServerError", &[Kind::Dropped], &[Server]),
        ("PublishRetained.Throttle", &[Kind::PublishRefused, Kind::Dropped], &[RetainThrottle]),
        ("Subscribe.Success", &[Kind::Subscribed], &[None]),
        ("Subscribe.AuthError", &[Kind::SubscribeRefused], &[Authorization, RetainAuthorization]),
        ("Subscribe.ClientError", &[Kind::SubscribeRefused], &[Client]),
        ("Subscribe.ServerError", &[Kind::SubscribeRefused], &[Server]),
        ("Subscribe.Throttle", &[Kind::SubscribeRefused], &[Throttle]),
        ("Unsubscribe.Success", &[Kind::Unsubscribed], &[None]),
        ("Unsubscribe.ClientError", &[Kind::UnsubscribeRefused], &[Client]),
        ("Unsubscribe.ServerError", &[Kind::UnsubscribeRefused], &[Server]),
        ("Unsubscribe.Throttle", &[Kind::UnsubscribeRefused], &[Throttle]),
        ("Queued.Success", &[Kind::Queued], &[None]),
        ("Queued.Throttle", &[Kind::Dropped], &[QueueThrottle]),
        ("Queued.ServerError", &[Kind::SessionEnded], &[Server]),
        ("Ping.Success", &[Kind::Pinged], &[None]),
        ("Throttle.Exceeded", &[Kind::PublishRefused, Kind::Dropped], &[ConnectionThrottle]),
        ("Connection.AuthNError", &[Kind::AuthenticationRefused], &[Client, Authorization, Server]),
    ]
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_of_the_broker_has_a_counter() {
        // MQTT-259
        let journal = Journal::default();
        journal.tally(Kind::Published, Cause::None, Protocol::Mqtt);
        journal.tally(Kind::Published, Cause::None, Protocol::Http);
        journal.tally(Kind::Published, Cause::None, Protocol::Inside);
        journal.tally(Kind::Queued, Cause::None, Protocol::Inside);
        journal.tally(Kind::ConnectRefused, Cause::ClientIdThrottle, Protocol::Mqtt);
        journal.tally(Kind::Dropped, Cause::ConnectionThrottle, Protocol::Mqtt);
        let counters = of_broker(&journal);
        let value = |name: &str, protocol: &str| {
            let found = counters.iter().find(|counter| {
                counter.help == name && counter.labels == [("protocol", protocol.to_owned())]
            });
            found.unwrap_or_else(|| panic!("no {name} over {protocol}")).value
        };
        assert_eq!((value("PublishIn.Success", "MQTT"), value("PublishIn.Success", "HTTP")), (1, 1));
        assert_eq!(value("Queued.Success", "MQTT"), 1);
        assert_eq!((value("Connect.ClientIDThrottle", "MQTT"), value("Connect.ClientError", "MQTT")), (1, 0));
        assert_eq!(value("Throttle.Exceeded", "MQTT"), 1);
        let groups: &[(&str, &str)] = &[
            ("Connect.", "Success AuthError ClientError ServerError Throttle ClientIDThrottle"),
            ("PublishIn.", "Success AuthError ClientError ServerError Throttle"),
            ("Subscribe.", "Success AuthError ClientError ServerError Throttle"),
            ("PublishOut.", "Success AuthError ClientError Throttle"),
            ("PublishRetained.", "Success AuthError ServerError Throttle"),
            ("Unsubscribe.", "Success ClientError ServerError Throttle"),
            ("Queued.", "Success Throttle ServerError"),
            ("", "Ping.Success Throttle.Exceeded Connection.AuthNError"),
        ];
        for (prefix, ends) in groups {
            for end in ends.split(' ') {
                value(&format!("{prefix}{end}"), "MQTT");
            }
        }
    }

    #[test]
    fn names_keep_their_words() {
        for (metric, expected) in [
            ("PublishIn.Success", "aws_iot_publish_in_success"),
            ("Connect.ClientIDThrottle", "aws_iot_connect_client_id_throttle"),
            ("Connection.AuthNError", "aws_iot_connection_auth_n_error"),
            ("HttpCode_4XX", "aws_iot_http_code_4xx"),
            ("TopicMatch", "aws_iot_topic_match"),
            ("RuleNotFound", "aws_iot_rule_not_found"),
        ] {
            assert_eq!(name(metric), expected);
        }
    }
}
