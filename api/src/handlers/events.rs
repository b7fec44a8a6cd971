//! Which registry events are published (section 4.14).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thingstead_registry::EventType;

use super::lists::{Empty, Epoch, NoMembers};
use crate::{ApiError, Call};

/// Capitalised on the wire (API-033).
#[derive(Clone, Copy, Deserialize, Serialize)]
struct Configuration {
    #[serde(rename = "Enabled", default)]
    enabled: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DescribeEventConfigurationsResponse {
    event_configurations: BTreeMap<&'static str, Configuration>,
    creation_date: Option<Epoch>,
    last_modified_date: Option<Epoch>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UpdateEventConfigurationsRequest {
    #[serde(default)]
    event_configurations: BTreeMap<String, Configuration>,
}

/// All keys, with what is on (API-216).
pub(crate) async fn describe_event_configurations(
    call: Call,
    _input: NoMembers,
) -> Result<DescribeEventConfigurationsResponse, ApiError> {
    let found = call.deps.registry.describe_event_configurations(&call.scope);
    let row = |event: EventType| (event.name(), Configuration { enabled: found.is_enabled(event) });
    Ok(DescribeEventConfigurationsResponse {
        event_configurations: EventType::ALL.into_iter().map(row).collect(),
        creation_date: found.created_at.map(Epoch),
        last_modified_date: found.modified_at.map(Epoch),
    })
}

/// Changes only the keys given (API-217).
pub(crate) async fn update_event_configurations(
    call: Call,
    input: UpdateEventConfigurationsRequest,
) -> Result<Empty, ApiError> {
    let mut changes = BTreeMap::new();
    for (name, configuration) in input.event_configurations {
        let event = EventType::from_name(&name)
            .ok_or_else(|| ApiError::invalid_request(format!("`{name}` is no type of event")))?;
        changes.insert(event, configuration.enabled);
    }
    call.deps.registry.update_event_configurations(&call.scope, &changes).await?;
    Ok(Empty {})
}
