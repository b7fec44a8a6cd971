//! Registry events: what is published when something changed (API-219 to API-225).

use serde_json::{Map, Value, json};

use crate::change::Change;
use crate::event_configurations::EventType;
use crate::state::State;
use crate::thing_groups::{ThingGroup, ancestors};
use crate::thing_types::ThingType;
use crate::things::Thing;

/// What happened to a resource.
#[derive(Clone, Copy)]
pub(crate) enum Happened {
    Created,
    Updated,
    Deleted,
}

impl Happened {
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Created => ("CREATED", "created"),
            Self::Updated => ("UPDATED", "updated"),
            Self::Deleted => ("DELETED", "deleted"),
        }
    }
}

/// What happened to a relation.
#[derive(Clone, Copy)]
pub(crate) enum Joined {
    Added,
    Removed,
}

impl Joined {
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Added => ("ADDED", "added"),
            Self::Removed => ("REMOVED", "removed"),
        }
    }
}

/// API-220.
pub(crate) fn thing(state: &State, change: &mut Change<'_>, thing: &Thing, happened: Happened) {
    let (operation, word) = happened.words();
    let topic = format!("$aws/events/thing/{}/{word}", thing.name);
    announce(state, change, EventType::Thing, topic, operation, |_| {
        json!({
            "thingId": thing.id,
            "thingName": thing.name,
            "versionNumber": thing.version,
            "thingTypeName": thing.type_name,
            "attributes": thing.attributes,
        })
    });
}

/// API-222: tells both halves of a change of type.
pub(crate) fn thing_type_association(
    state: &State,
    change: &mut Change<'_>,
    thing: &Thing,
    before: Option<&str>,
    after: Option<&str>,
) {
    if before == after {
        return;
    }
    for (type_name, joined) in [(before, Joined::Removed), (after, Joined::Added)] {
        let Some(type_name) = type_name else { continue };
        let (operation, word) = joined.words();
        let topic =
            format!("$aws/events/thingTypeAssociation/thing/{}/thingType/{type_name}/{word}", thing.name);
        announce(
            state,
            change,
            EventType::ThingTypeAssociation,
            topic,
            operation,
            |_| json!({"thingId": thing.id, "thingName": thing.name, "thingTypeName": type_name}),
        );
    }
}

/// API-221.
pub(crate) fn thing_type(state: &State, change: &mut Change<'_>, thing_type: &ThingType, happened: Happened) {
    let (operation, word) = happened.words();
    let topic = format!("$aws/events/thingType/{}/{word}", thing_type.name);
    announce(state, change, EventType::ThingType, topic, operation, |_| {
        json!({
            "thingTypeId": thing_type.id,
            "thingTypeName": thing_type.name,
            "isDeprecated": thing_type.deprecated_at.is_some(),
            "deprecationDate": thing_type.deprecated_at,
            "propagatingAttributes": thing_type.properties.propagating(),
            "searchableAttributes": thing_type.properties.searchable_attributes.as_deref().unwrap_or_default(),
            "description": thing_type.properties.description,
        })
    });
}

/// API-223.
pub(crate) fn thing_group(state: &State, change: &mut Change<'_>, group: &ThingGroup, happened: Happened) {
    let (operation, word) = happened.words();
    let topic = format!("$aws/events/thingGroup/{}/{word}", group.name);
    announce(state, change, EventType::ThingGroup, topic, operation, |change| {
        let mut above = ancestors(state, &group.name);
        let parent_id = above.first().map(|parent| parent.id.clone());
        above.reverse();
        let above: Vec<Value> = above
            .iter()
            .map(|above| json!({"groupArn": above.arn(change.scope).to_string(), "groupId": above.id}))
            .collect();
        json!({
            "thingGroupId": group.id,
            "thingGroupName": group.name,
            "versionNumber": group.version,
            "parentGroupName": group.parent,
            "parentGroupId": parent_id,
            "description": group.description,
            "rootToParentThingGroups": above,
            "attributes": group.attributes,
            "dynamicGroupMappingId": group.dynamic.as_ref().map(|_| &group.id),
        })
    });
}

/// API-225.
pub(crate) fn thing_group_hierarchy(
    state: &State,
    change: &mut Change<'_>,
    child: &ThingGroup,
    joined: Joined,
) {
    let Some(parent) = child.parent.as_deref().and_then(|parent| state.thing_groups.get(parent)) else {
        return;
    };
    let (operation, word) = joined.words();
    let topic = format!(
        "$aws/events/thingGroupHierarchy/thingGroup/{}/childThingGroup/{}/{word}",
        parent.name, child.name
    );
    announce(state, change, EventType::ThingGroupHierarchy, topic, operation, |_| {
        json!({
            "thingGroupId": parent.id,
            "thingGroupName": parent.name,
            "childGroupId": child.id,
            "childGroupName": child.name,
        })
    });
}

/// API-224.
pub(crate) fn membership(
    state: &State,
    change: &mut Change<'_>,
    group: &str,
    thing: &str,
    membership: &str,
    joined: Joined,
) {
    let (Some(group), Some(thing)) = (state.thing_groups.get(group), state.things.get(thing)) else { return };
    let (operation, word) = joined.words();
    let topic =
        format!("$aws/events/thingGroupMembership/thingGroup/{}/thing/{}/{word}", group.name, thing.name);
    announce(state, change, EventType::ThingGroupMembership, topic, operation, |change| {
        json!({
            "groupArn": group.arn(change.scope).to_string(),
            "groupId": group.id,
            "thingArn": thing.arn(change.scope).to_string(),
            "thingId": thing.id,
            "membershipId": membership,
        })
    });
}

/// Notes an event that is published when the change is durable, if its type is switched on (API-219).
fn announce(
    state: &State,
    change: &mut Change<'_>,
    event: EventType,
    topic: String,
    operation: &str,
    members: impl FnOnce(&Change<'_>) -> Value,
) {
    if !state.events.is_enabled(event) {
        return;
    }
    let mut payload = Map::new();
    payload.insert("eventType".to_owned(), json!(format!("{}_EVENT", event.name())));
    payload.insert("eventId".to_owned(), json!(change.uuid()));
    payload.insert("timestamp".to_owned(), json!(change.now.as_millis()));
    payload.insert("operation".to_owned(), json!(operation));
    if event != EventType::ThingTypeAssociation {
        payload.insert("accountId".to_owned(), json!(change.scope.account()));
    }
    if let Value::Object(members) = members(change) {
        payload.extend(members);
    }
    change.events.push((topic, Value::Object(payload)));
}
