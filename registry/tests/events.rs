use std::collections::BTreeMap;

use serde_json::{Value, json};
use thingstead_registry::{CreateThing, CreateThingGroup, EventType, UpdateThing};

use crate::support::{Heard, NOW, World, attributes, run, world};

fn enable(w: &World, events: &[EventType]) {
    let changes: BTreeMap<EventType, bool> = events.iter().map(|event| (*event, true)).collect();
    run(w.registry.update_event_configurations(&w.scope, &changes)).expect("enable");
}

fn thing(w: &World, name: &str, type_name: Option<&str>) {
    let request = CreateThing {
        name: name.to_owned(),
        type_name: type_name.map(str::to_owned),
        attributes: attributes(&[("a", "1")]),
        billing_group: None,
    };
    run(w.registry.create_thing(&w.scope, request)).expect(name);
}

/// The payload without what is new every time.
fn body(mut payload: Value) -> Value {
    let members = payload.as_object_mut().expect("object");
    let id = members.remove("eventId").expect("eventId");
    assert_eq!(id.as_str().expect("text").len(), 36);
    for (name, value) in members.iter_mut() {
        if name.ends_with("Id") && name != "accountId" && !value.is_null() {
            *value = json!("ID");
        }
    }
    payload
}

#[test]
fn nothing_is_published_until_it_is_switched_on() {
    // API-216, API-217, MQTT-215
    let w = world();
    let heard = Heard::from(&w);
    let none = w.registry.describe_event_configurations(&w.scope);
    assert!(EventType::ALL.into_iter().all(|event| !none.is_enabled(event)));
    assert_eq!((none.created_at, none.modified_at), (None, None));
    thing(&w, "quiet", None);
    assert!(heard.take().is_empty());
    enable(&w, &[EventType::Thing]);
    w.clock.advance(std::time::Duration::from_secs(1));
    enable(&w, &[EventType::ThingGroup]);
    let some = w.registry.describe_event_configurations(&w.scope);
    assert!(some.is_enabled(EventType::Thing) && some.is_enabled(EventType::ThingGroup));
    assert!(!some.is_enabled(EventType::ThingType));
    assert_eq!((some.created_at, some.modified_at), (Some(NOW), Some(w.clock.now())));
    thing(&w, "loud", None);
    assert_eq!(heard.topics(), ["thing/loud/created"]);
    for event in EventType::ALL {
        assert_eq!(EventType::from_name(event.name()), Some(event));
    }
}

#[test]
fn things_and_types_tell_their_life() {
    // API-219, API-220, API-221, API-222, MQTT-216, MQTT-217, MQTT-218
    let w = world();
    let heard = Heard::from(&w);
    enable(&w, &[EventType::Thing, EventType::ThingType, EventType::ThingTypeAssociation]);
    run(w.registry.create_thing_type(&w.scope, "bulb", Default::default(), &[])).expect("type");
    let told = heard.take();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].0, "$aws/events/thingType/bulb/created");
    assert_eq!(
        body(told[0].1.clone()),
        json!({
            "eventType": "THING_TYPE_EVENT", "timestamp": NOW.as_millis(), "operation": "CREATED",
            "accountId": "123456789012", "thingTypeId": "ID", "thingTypeName": "bulb", "isDeprecated": false,
            "deprecationDate": null, "propagatingAttributes": [], "searchableAttributes": [],
            "description": null
        })
    );
    thing(&w, "t", Some("bulb"));
    let told = heard.take();
    assert_eq!(
        body(told[0].1.clone()),
        json!({
            "eventType": "THING_EVENT", "timestamp": NOW.as_millis(), "operation": "CREATED",
            "accountId": "123456789012", "thingId": "ID", "thingName": "t", "versionNumber": 1,
            "thingTypeName": "bulb", "attributes": {"a": "1"}
        })
    );
    assert_eq!(told[1].0, "$aws/events/thingTypeAssociation/thing/t/thingType/bulb/added");
    assert_eq!(
        body(told[1].1.clone()),
        json!({
            "eventType": "THING_TYPE_ASSOCIATION_EVENT", "timestamp": NOW.as_millis(), "operation": "ADDED",
            "thingId": "ID", "thingName": "t", "thingTypeName": "bulb"
        })
    );
    let untyped = UpdateThing { name: "t".to_owned(), remove_type: true, ..UpdateThing::default() };
    run(w.registry.update_thing(&w.scope, untyped)).expect("update");
    assert_eq!(heard.topics(), ["thing/t/updated", "thingTypeAssociation/thing/t/thingType/bulb/removed"]);
    run(w.registry.delete_thing(&w.scope, "t", None)).expect("delete");
    run(w.registry.delete_thing(&w.scope, "t", None)).expect("again");
    assert_eq!(heard.topics(), ["thing/t/deleted"]);
    run(w.registry.deprecate_thing_type(&w.scope, "bulb", false)).expect("deprecate");
    run(w.registry.deprecate_thing_type(&w.scope, "bulb", true)).expect("undo");
    run(w.registry.deprecate_thing_type(&w.scope, "bulb", false)).expect("deprecate");
    run(w.registry.delete_thing_type(&w.scope, "bulb")).expect("delete");
    let updated = "thingType/bulb/updated";
    assert_eq!(heard.topics(), [updated, updated, updated, "thingType/bulb/deleted"]);
}

#[test]
fn groups_tell_their_life_and_their_members() {
    // API-223, API-224, API-225, MQTT-219, MQTT-220
    let w = world();
    let heard = Heard::from(&w);
    enable(&w, &[EventType::ThingGroup, EventType::ThingGroupMembership, EventType::ThingGroupHierarchy]);
    for (name, parent) in [("a", None), ("b", Some("a"))] {
        let request = CreateThingGroup {
            name: name.to_owned(),
            parent: parent.map(str::to_owned),
            ..CreateThingGroup::default()
        };
        run(w.registry.create_thing_group(&w.scope, request)).expect(name);
    }
    let told = heard.take();
    assert_eq!(
        body(told[1].1.clone()),
        json!({
            "eventType": "THING_GROUP_EVENT", "timestamp": NOW.as_millis(), "operation": "CREATED",
            "accountId": "123456789012", "thingGroupId": "ID", "thingGroupName": "b", "versionNumber": 1,
            "parentGroupName": "a", "parentGroupId": "ID", "description": null,
            "rootToParentThingGroups": told[1].1["rootToParentThingGroups"],
            "attributes": {}, "dynamicGroupMappingId": null
        })
    );
    let above = &told[1].1["rootToParentThingGroups"];
    assert_eq!(above[0]["groupArn"], "arn:aws:iot:eu-west-1:123456789012:thinggroup/a");
    assert_eq!(above[0]["groupId"], told[0].1["thingGroupId"]);
    assert_eq!(told[2].0, "$aws/events/thingGroupHierarchy/thingGroup/a/childThingGroup/b/added");
    assert_eq!(
        body(told[2].1.clone()),
        json!({
            "eventType": "THING_GROUP_HIERARCHY_EVENT", "timestamp": NOW.as_millis(), "operation": "ADDED",
            "accountId": "123456789012", "thingGroupId": "ID", "thingGroupName": "a", "childGroupId": "ID",
            "childGroupName": "b"
        })
    );
    thing(&w, "t", None);
    run(w.registry.add_thing_to_thing_group(&w.scope, "b", "t", false)).expect("add");
    run(w.registry.add_thing_to_thing_group(&w.scope, "b", "t", false)).expect("twice");
    let told = heard.take();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].0, "$aws/events/thingGroupMembership/thingGroup/b/thing/t/added");
    assert_eq!(
        body(told[0].1.clone()),
        json!({
            "eventType": "THING_GROUP_MEMBERSHIP_EVENT", "timestamp": NOW.as_millis(), "operation": "ADDED",
            "accountId": "123456789012", "groupArn": "arn:aws:iot:eu-west-1:123456789012:thinggroup/b",
            "groupId": "ID", "thingArn": "arn:aws:iot:eu-west-1:123456789012:thing/t", "thingId": "ID",
            "membershipId": "ID"
        })
    );
    run(w.registry.update_thing_group(&w.scope, "b", None, None, None)).expect("update");
    run(w.registry.delete_thing_group(&w.scope, "b", None)).expect("delete");
    assert_eq!(
        heard.topics(),
        [
            "thingGroup/b/updated",
            "thingGroupMembership/thingGroup/b/thing/t/removed",
            "thingGroupHierarchy/thingGroup/a/childThingGroup/b/removed",
            "thingGroup/b/deleted"
        ]
    );
}
