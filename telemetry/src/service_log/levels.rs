//! Whether an entry is wanted, and in which log group (MQTT-252, MQTT-253).

use serde_json::Value;
use thingstead_core::Event;
use thingstead_registry::{LogLevel, LogLevels, LogTarget, Registry};

use super::level_of;

/// What one account wants.
pub(super) struct Levels(LogLevels);

impl From<LogLevels> for Levels {
    fn from(levels: LogLevels) -> Self {
        Self(levels)
    }
}

impl Levels {
    /// Whether any ping would be logged.
    pub(super) fn want_pings(&self) -> bool {
        self.0.events.iter().any(|event| event.event_type == "Ping")
    }

    /// The log group of an entry that is wanted. A level for a target goes before one for the type of event, and that before
    /// the account's; of several targets that fit, the most talkative counts.
    pub(super) fn group_for<'l>(
        &'l self,
        event: &Event,
        entry: &Value,
        registry: &Registry,
    ) -> Option<&'l str> {
        let kind = entry.get("eventType").and_then(Value::as_str).unwrap_or_default();
        let configured = self.0.events.iter().find(|event| event.event_type == kind);
        if configured.is_none() && OPT_IN.contains(&kind) {
            return None;
        }
        let fitting = self.0.targets.iter().filter(|(target, _)| fits(target, event, registry));
        let of_target = fitting.map(|(_, level)| *level).min();
        let of_event = configured.and_then(|event| event.log_level);
        let wanted = of_target.or(of_event).unwrap_or(self.0.default);
        if level_of(entry) < wanted {
            return None;
        }
        Some(configured.and_then(|event| event.log_destination.as_deref()).unwrap_or(self.0.group))
    }
}

fn fits(target: &LogTarget, event: &Event, registry: &Registry) -> bool {
    let Some(name) = target.target_name.as_deref() else { return false };
    match target.target_type.as_str() {
        "CLIENT_ID" => event.client.as_deref() == Some(name),
        "PRINCIPAL_ID" => event.principal.as_deref() == Some(name),
        "SOURCE_IP" => event.source.is_some_and(|source| source.ip().to_string() == name),
        "THING_GROUP" => {
            // A thing counts when its client connects under its name, attached or not.
            let thing = event.thing.as_deref().or(event.client.as_deref());
            thing.is_some_and(|thing| {
                registry.groups_with_ancestors(&event.scope, thing).iter().any(|group| **group == *name)
            })
        }
        _ => false,
    }
}

/// Types of events that are logged only where they are configured by name.
const OPT_IN: &[&str] = &["Ping", "Connection.AuthNError"];

/// `DISABLED` is above every entry's level.
const _: () = assert!((LogLevel::Error as u8) < (LogLevel::Disabled as u8));
