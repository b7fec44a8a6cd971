//! Which registry events are published (api.md 4.14).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thingstead_core::{Scope, Timestamp};
use thingstead_store::Table;

use crate::{Registry, Result};

/// A group of events that can be switched on; the key in the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "each is the word of the API in another spelling")]
pub enum EventType {
    Thing,
    ThingGroup,
    ThingType,
    ThingGroupMembership,
    ThingGroupHierarchy,
    ThingTypeAssociation,
    Job,
    JobExecution,
    Policy,
    Certificate,
    CaCertificate,
}

impl EventType {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Thing,
        Self::ThingGroup,
        Self::ThingType,
        Self::ThingGroupMembership,
        Self::ThingGroupHierarchy,
        Self::ThingTypeAssociation,
        Self::Job,
        Self::JobExecution,
        Self::Policy,
        Self::Certificate,
        Self::CaCertificate,
    ];

    /// The key in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Thing => "THING",
            Self::ThingGroup => "THING_GROUP",
            Self::ThingType => "THING_TYPE",
            Self::ThingGroupMembership => "THING_GROUP_MEMBERSHIP",
            Self::ThingGroupHierarchy => "THING_GROUP_HIERARCHY",
            Self::ThingTypeAssociation => "THING_TYPE_ASSOCIATION",
            Self::Job => "JOB",
            Self::JobExecution => "JOB_EXECUTION",
            Self::Policy => "POLICY",
            Self::Certificate => "CERTIFICATE",
            Self::CaCertificate => "CA_CERTIFICATE",
        }
    }

    /// The type of that key.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|event| event.name() == name)
    }
}

/// What is switched on; nothing at first (API-216).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EventConfigurations {
    enabled: BTreeMap<EventType, bool>,
    /// When they were first changed.
    #[serde(rename = "creationDate", default)]
    pub created_at: Option<Timestamp>,
    /// When they were last changed.
    #[serde(rename = "lastModifiedDate", default)]
    pub modified_at: Option<Timestamp>,
}

impl EventConfigurations {
    /// Whether events of a type are published.
    pub fn is_enabled(&self, event: EventType) -> bool {
        self.enabled.get(&event).copied().unwrap_or(false)
    }
}

impl Registry {
    /// Which events are published (API-216).
    pub fn describe_event_configurations(&self, scope: &Scope) -> EventConfigurations {
        self.read(scope, |state| state.events.clone())
    }

    /// Switches the given types on or off and leaves the others (API-217).
    ///
    /// # Errors
    /// `InternalFailure`.
    pub async fn update_event_configurations(
        &self,
        scope: &Scope,
        changes: &BTreeMap<EventType, bool>,
    ) -> Result<()> {
        self.change(scope, |state, change| {
            state.events.enabled.extend(changes);
            state.events.created_at.get_or_insert(change.now);
            state.events.modified_at = Some(change.now);
            let row = serde_json::to_string(&state.events).unwrap_or_default();
            change.batch.put(EVENT_CONFIGURATIONS, scope, ROW, row);
            Ok(())
        })
        .await
    }
}

/// One row a scope.
pub(crate) const EVENT_CONFIGURATIONS: Table = Table::new("event_configurations");
const ROW: &str = "configurations";
