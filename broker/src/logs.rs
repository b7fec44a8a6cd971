//! Events of connections as entries of AWS IoT's service log, version 2 (MQTT-251 to MQTT-257).

use serde_json::{Map, Value, json};
use thingstead_core::journal::Cause;
use thingstead_core::{Event, Kind};

/// The log entry that an event of the broker makes; `None` for events that AWS does not log, and for those of others.
pub fn log_entry(event: &Event) -> Option<Value> {
    let entry = match event.kind {
        Kind::Connected => Entry::of(event, "Connect").connected(),
        Kind::ConnectRefused => Entry::of(event, "Connect").refused(),
        Kind::Disconnected => Entry::of(event, "Disconnect").disconnected(),
        Kind::Published => Entry::of(event, "Publish-In").with_topic(),
        Kind::PublishRefused => Entry::of(event, "Publish-In").with_topic().refused(),
        Kind::Delivered => Entry::of(event, "Publish-Out").with_topic(),
        Kind::DeliveryRefused => Entry::of(event, "Publish-Out").with_topic().refused(),
        Kind::Subscribed => Entry::of(event, "Subscribe").with_topic().with_subscription(),
        Kind::SubscribeRefused => Entry::of(event, "Subscribe").with_topic().with_subscription().refused(),
        Kind::Unsubscribed => Entry::of(event, "Unsubscribe"),
        Kind::UnsubscribeRefused => Entry::of(event, "Unsubscribe").refused(),
        Kind::Queued => Entry::of(event, "Queued").queued(),
        Kind::Dropped if event.cause() == Cause::QueueThrottle => {
            Entry::of(event, "Queued").queued().not_queued()
        }
        Kind::Pinged => Entry::of(event, "Ping").pinged(),
        Kind::ApiCall => Entry::of_call(event)?,
        Kind::ShadowAccepted => Entry::of_shadow(event)?,
        Kind::ShadowRejected => Entry::of_shadow(event)?.refused(),
        // AUTH-303
        Kind::AuthenticationRefused if !Entry::of(event, "").names_a_server() => return None,
        Kind::AuthenticationRefused => Entry::of(event, "Connection.AuthNError").not_authenticated(),
        _ => return None,
    };
    // What the server itself publishes is nobody's publish.
    if event.kind == Kind::Published && event.principal.is_none() {
        return None;
    }
    Some(Value::Object(entry.members))
}

struct Entry<'e> {
    event: &'e Event,
    members: Map<String, Value>,
}

impl<'e> Entry<'e> {
    /// What every entry has, told as a success.
    fn of(event: &'e Event, kind: &str) -> Self {
        let at = event.at.to_string();
        let mut entry = Self { event, members: Map::new() };
        entry.set("timestamp", at.trim_end_matches('Z').replace('T', " "));
        entry.set("logLevel", "INFO");
        // One trace for each event: its number in the form of a UUID.
        entry.set("traceId", format!("00000000-0000-4000-8000-{:012x}", event.seq));
        entry.set("accountId", event.scope.account());
        entry.set("status", "Success");
        entry.set("eventType", kind);
        let by_http = event.kind == Kind::ApiCall
            || (event.client.is_none() && matches!(event.kind, Kind::Published | Kind::PublishRefused));
        entry.set("protocol", if by_http { "HTTP" } else { "MQTT" });
        if let Some(client) = &event.client {
            entry.set("clientId", &**client);
        }
        if let Some(principal) = &event.principal {
            entry.set("principalId", &**principal);
        }
        if let Some(source) = &event.source {
            entry.set("sourceIp", source.ip().to_string());
            entry.set("sourcePort", source.port());
        }
        entry
    }

    fn set(&mut self, name: &str, value: impl Into<Value>) {
        self.members.insert(name.to_owned(), value.into());
    }

    fn told(&self, name: &str) -> Option<Value> {
        self.event.detail.members()?.get(name).cloned()
    }

    fn names_a_server(&self) -> bool {
        self.told("server_name").is_some_and(|name| name.is_string())
    }

    fn copy(&mut self, from: &str, to: &str) {
        if let Some(value) = self.told(from) {
            self.set(to, value);
        }
    }

    fn with_topic(mut self) -> Self {
        self.set("topicName", json!(self.event.topic));
        if self.told("retain").is_some() {
            self.set("retain", "True");
        }
        self
    }

    /// With what a v5 client was answered for the filter.
    fn with_subscription(mut self) -> Self {
        if let Some(code) = self.told("reason_code") {
            let subscription = json!({ "topicName": self.event.topic, "reasonCode": code });
            self.set("subscriptions", json!([subscription]));
        }
        self
    }

    fn connected(mut self) -> Self {
        if let Some(thing) = &self.event.thing {
            self.set("thingName", &**thing);
        }
        self.copy("keep_alive", "keepAliveDuration");
        self.copy("session_expiry", "sessionExpiry");
        self.copy("clean_session", "cleanSession");
        self
    }

    /// MQTT-255.
    fn refused(self) -> Self {
        let decision = self.event.detail.decision();
        if decision.is_some() || self.event.cause() == Cause::Authorization {
            let decision = decision.map(|decision| decision.to_explanation());
            let mut entry = self.failed("AUTHORIZATION_FAILURE", "Authorization Failure");
            // Next to what AWS writes: the reasons, as `explain` has them.
            if let Some(decision) = decision {
                entry.set("decision", Value::Object(decision));
            }
            return entry;
        }
        let reason = match self.event.cause() {
            Cause::Server => "INTERNAL_SERVER_ERROR",
            Cause::Throttle | Cause::ClientIdThrottle | Cause::RetainThrottle | Cause::ConnectionThrottle => {
                "THROTTLED"
            }
            _ => "CLIENT_ERROR",
        };
        let why = self.event.why.to_string();
        self.failed(reason, &why)
    }

    /// An operation of the data plane that has an entry of its own (MQTT-254, MQTT-258).
    fn of_call(event: &'e Event) -> Option<Self> {
        let operation = event.detail.members()?.get("operation")?.as_str()?;
        let kind = match operation {
            "DeleteConnection" | "GetConnection" | "ListSubscriptions" | "SendDirectMessage"
            | "GetRetainedMessage" => operation,
            "ListRetainedMessages" => "ListRetainedMessage",
            _ => return None,
        };
        let mut entry = Self::of(event, kind);
        entry.copy("request_id", "traceId");
        if let Some(topic) = &event.topic {
            entry.set("topicName", &**topic);
        }
        for name in ["maxResults", "confirmation", "qos", "lastModifiedDate"] {
            entry.copy(name, name);
        }
        if kind == "SendDirectMessage" {
            let confirmed = entry.told("confirmation") == Some(Value::Bool(true));
            entry.set("confirmation", confirmed);
            if confirmed {
                // The default where none is told (MQTT-245).
                entry.set("timeout", entry.told("timeout").unwrap_or_else(|| json!(5)));
            }
        }
        let reason = entry.told("reason");
        Some(match reason.as_ref().and_then(Value::as_str) {
            Some(reason) => {
                let why = event.why.to_string();
                entry.failed(reason, &why)
            }
            None => entry,
        })
    }

    /// A shadow's request, named as AWS names the operation behind its topic.
    fn of_shadow(event: &'e Event) -> Option<Self> {
        let topic = event.topic.as_deref()?;
        let kind = match topic.rsplit('/').next()? {
            "get" => "GetThingShadow",
            "update" => "UpdateThingShadow",
            "delete" => "DeleteThingShadow",
            _ => return None,
        };
        let mut entry = Self::of(event, kind);
        entry.set("topicName", topic);
        entry.copy("shadow", "deviceShadowName");
        if event.client.is_none() {
            entry.set("protocol", "HTTP");
        }
        Some(entry)
    }

    fn failed(mut self, reason: &str, details: &str) -> Self {
        self.set("logLevel", "ERROR");
        self.set("status", "Failure");
        self.set("reason", reason);
        self.set("details", details);
        self
    }

    fn disconnected(mut self) -> Self {
        self.copy("disconnect_reason", "disconnectReason");
        let reason = self.told("disconnect_reason");
        match reason.as_ref().and_then(Value::as_str).unwrap_or_default() {
            "CLIENT_INITIATED_DISCONNECT" | "SERVER_INITIATED_DISCONNECT" | "API_INITIATED_DISCONNECT" => {
                self
            }
            // MQTT-256: spelled differently from the lifecycle event.
            "DUPLICATE_CLIENTID" => {
                self.failed("DUPLICATE_CLIENT_ID", "A new connection was established with the same client ID")
            }
            reason => {
                let why = self.event.why.to_string();
                self.failed(reason, &why)
            }
        }
    }

    fn queued(mut self) -> Self {
        self.set("topicName", json!(self.event.topic));
        self.set("qos", "1");
        self
    }

    /// MQTT-166.
    fn not_queued(mut self) -> Self {
        let why = self.event.why.to_string();
        self.set("logLevel", "ERROR");
        self.set("status", "Failure");
        self.set("details", why);
        self
    }

    /// A PINGREQ is answered in the same turn.
    fn pinged(mut self) -> Self {
        self.set("logLevel", "DEBUG");
        let at = self.event.at.as_millis();
        self.set("requestTimestamp", at);
        self.set("responseTimestamp", at);
        self.set("latency", 0);
        self
    }

    /// MQTT-257.
    fn not_authenticated(mut self) -> Self {
        self.copy("authentication_type", "authenticationType");
        self.copy("server_name", "serverNameIndication");
        self.copy("target_ip", "targetIp");
        self.copy("target_port", "targetPort");
        let reason = self.told("reason");
        let why = self.event.why.to_string();
        self.failed(reason.as_ref().and_then(Value::as_str).unwrap_or("NOT_AUTHENTICATED"), &why)
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use thingstead_core::{Scope, Timestamp};

    use super::*;
    use crate::access::{Access, Action, Everything};

    fn event(kind: Kind) -> Event {
        Event::new(&Scope::new("111122223333", "eu-west-1"), Timestamp::from_millis(1_767_225_600_123), kind)
            .client(Some("pump-17".into()))
            .principal("ab12")
            .source(Some(SocketAddr::from(([198, 51, 100, 23], 41_822))))
    }

    #[test]
    fn a_publish_is_logged_as_aws_does_it() {
        // MQTT-251, MQTT-254
        let entry =
            log_entry(&event(Kind::Published).topic("plant/7/temp").with("retain", true)).expect("logged");
        let expected = json!({
            "timestamp": "2026-01-01 00:00:00.123", "logLevel": "INFO", "traceId": "00000000-0000-4000-8000-000000000000",
            "accountId": "111122223333", "status": "Success", "eventType": "Publish-In", "protocol": "MQTT",
            "topicName": "plant/7/temp", "clientId": "pump-17", "principalId": "ab12",
            "sourceIp": "198.51.100.23", "sourcePort": 41822, "retain": "True",
        });
        assert_eq!(entry, expected);
        let unretained = log_entry(&event(Kind::Published).topic("t")).expect("logged");
        assert!(unretained.get("retain").is_none());
        assert_eq!(log_entry(&event(Kind::Unsubscribed).topic("t")).expect("logged").get("topicName"), None);
        assert_eq!(log_entry(&event(Kind::RuleMatched)), None);
        let shadow =
            event(Kind::ShadowRejected).topic("$aws/things/lamp/shadow/name/n/update").with("shadow", "n");
        let entry = log_entry(&shadow.why("version 3 is not 2")).expect("logged");
        assert_eq!(
            (&entry["eventType"], &entry["deviceShadowName"]),
            (&json!("UpdateThingShadow"), &json!("n"))
        );
        assert_eq!((&entry["status"], &entry["details"]), (&json!("Failure"), &json!("version 3 is not 2")));
        let read =
            log_entry(&event(Kind::ShadowAccepted).topic("$aws/things/lamp/shadow/get")).expect("logged");
        assert_eq!((&read["eventType"], &read["status"]), (&json!("GetThingShadow"), &json!("Success")));
    }

    #[test]
    fn a_takeover_has_its_own_spelling() {
        // MQTT-255, MQTT-256
        let taken = event(Kind::Disconnected).why("x").with("disconnect_reason", "DUPLICATE_CLIENTID");
        let entry = log_entry(&taken).expect("logged");
        assert_eq!(entry["disconnectReason"], "DUPLICATE_CLIENTID");
        assert_eq!(entry["reason"], "DUPLICATE_CLIENT_ID");
        assert_eq!(entry["details"], "A new connection was established with the same client ID");
        assert_eq!((&entry["logLevel"], &entry["status"]), (&json!("ERROR"), &json!("Failure")));
        let polite = event(Kind::Disconnected).with("disconnect_reason", "CLIENT_INITIATED_DISCONNECT");
        assert_eq!(log_entry(&polite).expect("logged")["status"], "Success");
        let decision = Everything.decide(Action::Publish, "t");
        let denied = event(Kind::PublishRefused).topic("t").decision(decision);
        let entry = log_entry(&denied).expect("logged");
        assert_eq!(entry["reason"], "AUTHORIZATION_FAILURE");
        assert_eq!(entry["details"], "Authorization Failure");
        // AUTH-304: with all reasons next to AWS's two words.
        let decision = &entry["decision"];
        assert_eq!((&decision["asked"]["resource"], decision["why"].is_string()), (&json!("t"), true));
        let refused =
            event(Kind::AuthenticationRefused).why("no").with("reason", "DEVICE_CERTIFICATE_INACTIVE");
        // AUTH-300, AUTH-303
        assert_eq!(log_entry(&refused), None);
        let entry = log_entry(&refused.with("server_name", "a.lab").with("authentication_type", "X509"));
        let entry = entry.expect("logged");
        assert_eq!(
            (&entry["serverNameIndication"], &entry["authenticationType"]),
            (&json!("a.lab"), &json!("X509"))
        );
        assert_eq!(
            (&entry["logLevel"], &entry["clientId"], &entry["principalId"]),
            (&json!("ERROR"), &json!("pump-17"), &json!("ab12"))
        );
        assert_eq!(
            (&entry["eventType"], &entry["reason"]),
            (&json!("Connection.AuthNError"), &json!("DEVICE_CERTIFICATE_INACTIVE"))
        );
    }
}
