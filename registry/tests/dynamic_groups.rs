use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use thingstead_core::{ThingName, Timestamp};
use thingstead_registry::{
    AttributePayload, Connectivity, CreateDynamicThingGroup, CreateThing, CreateThingGroup, EventType,
    PageRequest, RegistrySettings, ThingIndexing, ThingIndexingMode, UpdateThing,
};

use crate::support::{Fleet, Heard, World, attributes, open, run, world};

fn indexed() -> World {
    let w = world();
    let things = ThingIndexing {
        mode: ThingIndexingMode::RegistryAndShadow,
        connectivity: true,
        ..ThingIndexing::default()
    };
    run(w.registry.update_indexing_configuration(&w.scope, Some(things), None)).expect("configure");
    w
}

fn dynamic(w: &World, name: &str, query: &str) {
    let request = CreateDynamicThingGroup {
        name: name.to_owned(),
        query_string: query.to_owned(),
        ..CreateDynamicThingGroup::default()
    };
    run(w.registry.create_dynamic_thing_group(&w.scope, request)).expect(name);
}

fn create(w: &World, name: &str, room: &str) {
    let request = CreateThing {
        name: name.to_owned(),
        attributes: attributes(&[("room", room)]),
        ..CreateThing::default()
    };
    run(w.registry.create_thing(&w.scope, request)).expect(name);
}

fn move_to(w: &World, name: &str, room: &str) {
    let payload = AttributePayload { attributes: Some(attributes(&[("room", room)])), merge: false };
    let request = UpdateThing { name: name.to_owned(), attributes: Some(payload), ..UpdateThing::default() };
    run(w.registry.update_thing(&w.scope, request)).expect(name);
}

fn members(w: &World, group: &str) -> Vec<String> {
    let page = w.registry.list_things_in_thing_group(&w.scope, group, false, &PageRequest::default());
    page.expect("list").items.iter().map(ToString::to_string).collect()
}

fn groups(w: &World, thing: &str) -> Vec<String> {
    let page = w.registry.list_thing_groups_for_thing(&w.scope, thing, &PageRequest::default());
    page.expect("list").items.iter().map(|group| group.name.clone()).collect()
}

fn hear_memberships(w: &World) -> Arc<Heard> {
    let heard = Heard::from(w);
    let events = [(EventType::ThingGroupMembership, true)].into();
    run(w.registry.update_event_configurations(&w.scope, &events)).expect("enable");
    heard
}

/// Waits for what another thread does.
#[expect(clippy::disallowed_methods, reason = "it waits in real time")]
fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(10);
    while !holds() {
        assert!(Instant::now() < end, "{what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn joining_and_leaving_a_dynamic_group_is_told() {
    // API-224, API-091
    let w = indexed();
    let heard = hear_memberships(&w);
    create(&w, "l1", "hall");
    dynamic(&w, "hall", "attributes.room:hall");
    assert_eq!(heard.topics(), ["thingGroupMembership/thingGroup/hall/thing/l1/added"]);
    create(&w, "l2", "hall");
    create(&w, "l3", "lab");
    let events = heard.take();
    let [(topic, payload)] = events.as_slice() else { panic!("one event, not {events:?}") };
    assert_eq!(topic, "$aws/events/thingGroupMembership/thingGroup/hall/thing/l2/added");
    let described = w.registry.describe_thing_group(&w.scope, "hall").expect("group").group;
    assert_eq!(payload["groupId"], described.id.as_str());
    assert_eq!(payload["operation"], "ADDED");
    let membership = payload["membershipId"].as_str().expect("an id").to_owned();
    move_to(&w, "l2", "lab");
    move_to(&w, "l3", "hall");
    let events = heard.take();
    assert_eq!(events[0].1["operation"], "REMOVED");
    assert_eq!(events[0].1["membershipId"], membership.as_str());
    assert_eq!(events[1].0, "$aws/events/thingGroupMembership/thingGroup/hall/thing/l3/added");
    run(w.registry.delete_thing(&w.scope, "l3", None)).expect("delete");
    assert_eq!(heard.topics(), ["thingGroupMembership/thingGroup/hall/thing/l3/removed"]);
    run(w.registry.delete_dynamic_thing_group(&w.scope, "hall", None)).expect("delete");
    assert_eq!(heard.topics(), ["thingGroupMembership/thingGroup/hall/thing/l1/removed"]);
    // Nothing changed: nothing is told.
    dynamic(&w, "hall", "attributes.room:hall");
    heard.take();
    move_to(&w, "l1", "hall");
    assert!(heard.topics().is_empty());
}

#[test]
fn a_thing_is_in_ten_groups_and_older_dynamic_ones_come_first() {
    // API-122, API-126, API-349
    let w = indexed();
    create(&w, "t", "hall");
    for at in 0..8 {
        let group = CreateThingGroup { name: format!("static-{at}"), ..CreateThingGroup::default() };
        run(w.registry.create_thing_group(&w.scope, group)).expect("group");
        run(w.registry.add_thing_to_thing_group(&w.scope, &format!("static-{at}"), "t", false)).expect("add");
    }
    dynamic(&w, "elsewhere", "attributes.room:lab");
    dynamic(&w, "z-first", "attributes.room:*");
    dynamic(&w, "b-second", "thingName:t");
    dynamic(&w, "a-third", "thingName:t");
    let of =
        |w: &World| groups(w, "t").into_iter().filter(|name| !name.starts_with("static")).collect::<Vec<_>>();
    // The third finds no room, and creating it succeeds all the same.
    assert_eq!(of(&w), ["b-second", "z-first"]);
    // The oldest of all takes a place as soon as its query fits: the newest leaves.
    move_to(&w, "t", "lab");
    assert_eq!(of(&w), ["elsewhere", "z-first"]);

    let nine = CreateThingGroup { name: "static-8".to_owned(), ..CreateThingGroup::default() };
    run(w.registry.create_thing_group(&w.scope, nine)).expect("group");
    let refused = run(w.registry.add_thing_to_thing_group(&w.scope, "static-8", "t", false));
    assert_eq!(refused.expect_err("an 11th").code(), "InvalidRequestException");
    let add = ["static-8".to_owned()];
    let refused = run(w.registry.update_thing_groups_for_thing(&w.scope, "t", &add, &[], false));
    assert_eq!(refused.expect_err("an 11th").code(), "InvalidRequestException");
    run(w.registry.update_thing_groups_for_thing(&w.scope, "t", &add, &[], true)).expect("override");
    assert_eq!(of(&w), ["elsewhere"]);
    run(w.registry.remove_thing_from_thing_group(&w.scope, "static-8", "t")).expect("remove");
    assert_eq!(of(&w), ["elsewhere", "z-first"]);
    run(w.registry.add_thing_to_thing_group(&w.scope, "static-8", "t", true)).expect("override");
    assert_eq!(of(&w), ["elsewhere"]);

    // No dynamic group is left to be left.
    let ten = CreateThingGroup { name: "static-9".to_owned(), ..CreateThingGroup::default() };
    run(w.registry.create_thing_group(&w.scope, ten)).expect("group");
    run(w.registry.add_thing_to_thing_group(&w.scope, "static-9", "t", true)).expect("the tenth");
    assert!(of(&w).is_empty());
    let more = CreateThingGroup { name: "static-10".to_owned(), ..CreateThingGroup::default() };
    run(w.registry.create_thing_group(&w.scope, more)).expect("group");
    let refused = run(w.registry.add_thing_to_thing_group(&w.scope, "static-10", "t", true));
    assert_eq!(refused.expect_err("an 11th").code(), "InvalidRequestException");
}

#[test]
fn groups_follow_shadows_and_connections() {
    // API-224, API-349
    let w = indexed();
    let heard = hear_memberships(&w);
    let fleet = Arc::new(Fleet::default());
    w.registry.index_fleet_from(Arc::<Fleet>::clone(&fleet));
    create(&w, "l1", "hall");
    create(&w, "l2", "hall");
    dynamic(&w, "online", "connectivity.connected:true");
    dynamic(&w, "hot", "shadow.reported.temp:>30");
    assert!(members(&w, "online").is_empty() && members(&w, "hot").is_empty());

    let on = Connectivity { connected: true, at: Timestamp::from_millis(1), ..Connectivity::default() };
    fleet.connections.write().insert("l1".to_owned(), on);
    w.registry.connectivity_changed(&w.scope, &ThingName::from("l1"));
    eventually("l1 is online", || members(&w, "online") == ["l1"]);
    let generation = w.registry.generation(&w.scope);
    let hot = json!({"state": {"reported": {"temp": 31}}, "metadata": {}, "timestamp": 1, "version": 1});
    fleet.shadows.write().insert("l2".to_owned(), hot);
    w.registry.shadow_changed(&w.scope, &ThingName::from("l2"));
    eventually("l2 is hot", || members(&w, "hot") == ["l2"]);
    fleet.connections.write().clear();
    w.registry.connectivity_changed(&w.scope, &ThingName::from("l1"));
    eventually("l1 is offline", || members(&w, "online").is_empty());
    // Dynamic groups carry no policies, so nobody's permissions are judged anew.
    assert_eq!(w.registry.generation(&w.scope), generation);
    let mut topics = Vec::new();
    eventually("three events", || {
        topics.extend(heard.topics());
        topics.len() == 3
    });
    let told = ["online/thing/l1/added", "hot/thing/l2/added", "online/thing/l1/removed"];
    assert_eq!(topics, told.map(|tail| format!("thingGroupMembership/thingGroup/{tail}")));
}

#[test]
fn memberships_outlive_a_restart_and_follow_what_changed_meanwhile() {
    // API-060, API-349
    let w = indexed();
    create(&w, "l1", "hall");
    dynamic(&w, "hall", "attributes.room:hall");
    dynamic(&w, "online", "connectivity.connected:true");
    let again = open(&w.store, &w.clock, RegistrySettings::default());
    let w = World { registry: again, clock: w.clock.clone(), store: w.store.clone(), scope: w.scope.clone() };
    assert_eq!(members(&w, "hall"), ["l1"]);
    let fleet = Arc::new(Fleet::default());
    let on = Connectivity { connected: true, at: Timestamp::from_millis(1), ..Connectivity::default() };
    fleet.connections.write().insert("l1".to_owned(), on);
    w.registry.index_fleet_from(fleet);
    eventually("l1 is online", || members(&w, "online") == ["l1"]);
    move_to(&w, "l1", "lab");
    assert!(members(&w, "hall").is_empty());
}
