use std::sync::Arc;

use serde_json::{Value, json};
use thingstead_core::{ThingName, Timestamp};
use thingstead_registry::{
    Connectivity, CreateDynamicThingGroup, CreateThing, CreateThingGroup, FieldType, FoundDocuments,
    IndexField, PageRequest, RegistryError, SearchQuery, ThingDocument, ThingGroupIndexing, ThingIndexing,
    ThingIndexingMode, UpdateDynamicThingGroup,
};

use crate::support::{Fleet, World, attributes, run, world};

fn everything() -> ThingIndexing {
    ThingIndexing {
        mode: ThingIndexingMode::RegistryAndShadow,
        connectivity: true,
        named_shadows: true,
        named_shadow_names: vec!["ota".to_owned()],
        custom_fields: vec![
            IndexField { name: "attributes.power".to_owned(), field_type: FieldType::Number },
            IndexField { name: "attributes.room".to_owned(), field_type: FieldType::String },
            IndexField { name: "shadow.reported.on".to_owned(), field_type: FieldType::Boolean },
        ],
        ..ThingIndexing::default()
    }
}

fn configure(w: &World, things: ThingIndexing) {
    let groups = ThingGroupIndexing { on: true, custom_fields: Vec::new() };
    run(w.registry.update_indexing_configuration(&w.scope, Some(things), Some(groups))).expect("configure");
}

/// Four lamps in two rooms.
fn furnish(w: &World) -> Arc<Fleet> {
    for (name, room, power) in
        [("l3", "hall", "40"), ("l1", "hall", "10"), ("l2", "lab", "20"), ("l4", "lab", "x")]
    {
        let request = CreateThing {
            name: name.to_owned(),
            attributes: attributes(&[("room", room), ("power", power)]),
            ..CreateThing::default()
        };
        run(w.registry.create_thing(&w.scope, request)).expect(name);
    }
    for (name, parent) in [("house", None), ("floor", Some("house"))] {
        let request = CreateThingGroup {
            name: name.to_owned(),
            parent: parent.map(str::to_owned),
            description: Some("the whole place".to_owned()),
            ..CreateThingGroup::default()
        };
        run(w.registry.create_thing_group(&w.scope, request)).expect(name);
    }
    run(w.registry.add_thing_to_thing_group(&w.scope, "floor", "l1", false)).expect("add");
    let fleet = Arc::new(Fleet::default());
    let shadow = json!({
        "state": {"desired": {"on": true}, "reported": {"on": false, "temp": 21.5, "tags": ["a", "b"], "nil": null},
                  "delta": {"on": true}},
        "metadata": {"reported": {"on": {"timestamp": 1}}}, "timestamp": 1, "version": 7
    });
    fleet.shadows.write().insert("l1".to_owned(), shadow);
    let other = json!({"state": {"reported": {"on": true}}, "metadata": {}, "timestamp": 1, "version": 1});
    fleet.shadows.write().insert("l2".to_owned(), other.clone());
    fleet.shadows.write().insert("l3~ota".to_owned(), other.clone());
    fleet.shadows.write().insert("ghost".to_owned(), other);
    let connection = Connectivity {
        connected: true,
        at: Timestamp::from_millis(1_700_000_000_000),
        client_id: Some("l1".to_owned()),
        ..Connectivity::default()
    };
    fleet.connections.write().insert("l1".to_owned(), connection);
    w.registry.index_fleet_from(Arc::<Fleet>::clone(&fleet));
    fleet
}

fn query(text: &str) -> SearchQuery {
    SearchQuery { query_string: text.to_owned(), ..SearchQuery::default() }
}

fn search(w: &World, text: &str) -> Result<Vec<ThingDocument>, RegistryError> {
    match w.registry.search_index(&w.scope, &query(text), &PageRequest::default())? {
        FoundDocuments::Things(page) => Ok(page.items),
        FoundDocuments::ThingGroups(_) => panic!("things"),
    }
}

fn names(w: &World, text: &str) -> Vec<String> {
    search(w, text).expect(text).iter().map(|found| found.thing.name.to_string()).collect()
}

#[test]
fn nothing_is_indexed_until_it_is_switched_on() {
    // API-228, API-229, API-230, API-231, API-233, API-234, API-236
    let w = world();
    furnish(&w);
    assert_eq!(w.registry.get_indexing_configuration(&w.scope), Default::default());
    assert!(w.registry.list_indices(&w.scope).is_empty());
    let off = RegistryError::ResourceNotFound(
        "Index AWS_Things does not exist. Please enable index by calling UpdateIndexingConfiguration"
            .to_owned(),
    );
    assert_eq!(search(&w, "*").map(drop), Err(off.clone()));
    assert_eq!(w.registry.describe_index(&w.scope, "AWS_Things").map(drop), Err(off.clone()));
    assert_eq!(w.registry.get_cardinality(&w.scope, &query("*"), None).map(drop), Err(off));

    let update =
        |things: ThingIndexing| run(w.registry.update_indexing_configuration(&w.scope, Some(things), None));
    for bad in [
        ThingIndexing { connectivity: true, ..ThingIndexing::default() },
        ThingIndexing { named_shadows: true, ..ThingIndexing::default() },
        ThingIndexing {
            mode: ThingIndexingMode::Registry,
            custom_fields: vec![IndexField {
                name: "shadow.reported.a".to_owned(),
                field_type: FieldType::Number,
            }],
            ..ThingIndexing::default()
        },
        ThingIndexing {
            mode: ThingIndexingMode::Registry,
            custom_fields: (0..6)
                .map(|n| IndexField { name: format!("attributes.a{n}"), field_type: FieldType::Number })
                .collect(),
            ..ThingIndexing::default()
        },
        ThingIndexing {
            mode: ThingIndexingMode::Registry,
            named_shadow_names: (0..11).map(|n| n.to_string()).collect(),
            ..ThingIndexing::default()
        },
    ] {
        assert_eq!(update(bad.clone()).expect_err("bad").code(), "InvalidRequestException", "{bad:?}");
    }
    let schema = |things: ThingIndexing| {
        update(things).expect("update");
        w.registry.describe_index(&w.scope, "AWS_Things").expect("index").schema
    };
    let of = |mode, connectivity| ThingIndexing { mode, connectivity, ..ThingIndexing::default() };
    assert_eq!(schema(of(ThingIndexingMode::Registry, false)), "REGISTRY");
    assert_eq!(schema(of(ThingIndexingMode::RegistryAndShadow, false)), "REGISTRY_AND_SHADOW");
    assert_eq!(schema(of(ThingIndexingMode::Registry, true)), "REGISTRY_AND_CONNECTIVITY_STATUS");
    assert_eq!(
        schema(of(ThingIndexingMode::RegistryAndShadow, true)),
        "REGISTRY_AND_SHADOW_AND_CONNECTIVITY_STATUS"
    );
    assert_eq!(schema(everything()), "MULTI_INDEXING_MODE");
    assert_eq!(w.registry.list_indices(&w.scope), ["AWS_Things"]);
    let groups = ThingGroupIndexing { on: true, custom_fields: Vec::new() };
    run(w.registry.update_indexing_configuration(&w.scope, None, Some(groups))).expect("groups");
    assert_eq!(w.registry.list_indices(&w.scope), ["AWS_Things", "AWS_ThingGroups"]);
    assert_eq!(w.registry.describe_index(&w.scope, "AWS_ThingGroups").expect("index").schema, "THING_GROUPS");
    assert_eq!(w.registry.get_indexing_configuration(&w.scope).things, everything());
}

#[test]
fn things_are_found_by_everything_that_is_indexed() {
    // API-238, API-239, API-240, API-250, API-252, API-253, API-254, API-255, API-256, API-259
    let w = world();
    let fleet = furnish(&w);
    configure(&w, everything());
    for (text, expected) in [
        ("*", &["l1", "l2", "l3", "l4"][..]),
        ("attributes.room:hall", &["l1", "l3"]),
        ("attributes.power:[15 TO 45]", &["l2", "l3"]),
        ("thingGroupNames:floor", &["l1"]),
        ("registry.thingGroupNames:floor", &["l1"]),
        ("shadow.reported.on:true", &["l2"]),
        ("shadow.desired.on:true", &["l1"]),
        ("shadow.delta.on:*", &["l1"]),
        ("shadow.hasDelta:true", &["l1"]),
        ("shadow.reported.temp:>21", &["l1"]),
        ("shadow.reported.tags:b", &["l1"]),
        ("shadow.reported.nil:*", &[]),
        ("shadow.name.ota.reported.on:true", &["l3"]),
        ("connectivity.connected:true", &["l1"]),
        ("connectivity.connected:false", &["l2", "l3", "l4"]),
        ("connectivity.timestamp:*", &["l1"]),
        ("21.5", &["l1"]),
    ] {
        assert_eq!(names(&w, text), expected, "{text}");
    }
    let found = search(&w, "thingName:l1").expect("l1").remove(0);
    assert_eq!(found.group_names, ["floor"]);
    let shadow: Value = serde_json::from_str(&found.shadow.expect("shadow")).expect("json");
    assert_eq!(
        (&shadow["reported"]["temp"], &shadow["version"], &shadow["hasDelta"]),
        (&json!(21.5), &json!(7), &json!(true))
    );
    assert!(found.connectivity.expect("connectivity").connected);
    let plain = search(&w, "thingName:l4").expect("l4").remove(0);
    assert_eq!(plain.shadow, None);
    assert_eq!(plain.connectivity, Some(Connectivity::default()));
    for bad in ["registry.version:1", "room:hall", "shadow.reported.:1", "attributes.:1", "shadow.name.ota:1"]
    {
        assert_eq!(search(&w, bad).expect_err(bad).code(), "InvalidQueryException", "{bad}");
    }
    let old = SearchQuery { query_version: Some("2016-01-01".to_owned()), ..query("*") };
    let refused = w.registry.search_index(&w.scope, &old, &PageRequest::default());
    assert_eq!(refused.expect_err("version").code(), "InvalidQueryException");

    let first = w.registry.search_index(&w.scope, &query("*"), &PageRequest::first(3)).expect("page");
    let FoundDocuments::Things(first) = first else { panic!("things") };
    assert_eq!(first.items.len(), 3);
    let next = PageRequest { token: first.next, limit: Some(3) };
    let FoundDocuments::Things(rest) = w.registry.search_index(&w.scope, &query("*"), &next).expect("page")
    else {
        panic!("things")
    };
    assert_eq!((rest.items.len(), &*rest.items[0].thing.name, rest.next), (1, "l4", None));

    // What is not indexed is not found and not shown.
    configure(&w, ThingIndexing { mode: ThingIndexingMode::Registry, ..ThingIndexing::default() });
    assert_eq!(names(&w, "shadow.reported.on:*"), Vec::<String>::new());
    let found = search(&w, "thingName:l1").expect("l1").remove(0);
    assert_eq!((found.shadow, found.connectivity), (None, None));
    drop(fleet);
}

#[test]
fn groups_are_found_too() {
    // API-241, API-251
    let w = world();
    furnish(&w);
    configure(&w, everything());
    let groups = |text: &str| {
        let asked = SearchQuery { index_name: Some("AWS_ThingGroups".to_owned()), ..query(text) };
        match w.registry.search_index(&w.scope, &asked, &PageRequest::default()).expect(text) {
            FoundDocuments::ThingGroups(page) => page
                .items
                .into_iter()
                .map(|found| (found.group.name.clone(), found.parent_names))
                .collect::<Vec<_>>(),
            FoundDocuments::Things(_) => panic!("groups"),
        }
    };
    assert_eq!(groups("parentGroupNames:house"), [("floor".to_owned(), vec!["house".to_owned()])]);
    assert_eq!(groups("description:\"whole place\"").len(), 2);
    let asked = SearchQuery { index_name: Some("AWS_ThingGroups".to_owned()), ..query("thingName:x") };
    let refused = w.registry.search_index(&w.scope, &asked, &PageRequest::default());
    assert_eq!(refused.expect_err("field").code(), "InvalidQueryException");
}

#[test]
fn fields_are_aggregated() {
    // API-232, API-260, API-261, API-262, API-263, API-264, API-265
    let w = world();
    furnish(&w);
    configure(&w, everything());
    let r = &w.registry;
    let power = r.get_statistics(&w.scope, &query("*"), Some("attributes.power")).expect("statistics");
    let numbers = power.numbers.expect("numbers");
    assert_eq!((power.count, numbers.sum, numbers.minimum, numbers.maximum), (3, 70.0, 10.0, 40.0));
    assert!((numbers.variance - 1400.0 / 9.0).abs() < 1e-9);
    assert!((numbers.std_deviation.powi(2) - numbers.variance).abs() < 1e-9);
    assert_eq!(numbers.sum_of_squares, 2100.0);
    let rooms = r.get_statistics(&w.scope, &query("*"), Some("attributes.room")).expect("statistics");
    assert_eq!((rooms.count, rooms.numbers), (4, None));
    let on = r.get_statistics(&w.scope, &query("*"), Some("shadow.reported.on")).expect("statistics");
    assert_eq!((on.count, on.numbers.expect("numbers").sum), (2, 1.0));
    let versions = r.get_statistics(&w.scope, &query("*"), None).expect("statistics");
    assert_eq!(versions.count, 4);
    let none = r.get_statistics(&w.scope, &query("nobody"), None).expect("statistics");
    assert_eq!((none.count, none.numbers), (0, None));
    assert_eq!(r.get_cardinality(&w.scope, &query("*"), Some("attributes.room")), Ok(2));
    assert_eq!(r.get_cardinality(&w.scope, &query("nobody"), Some("attributes.room")), Ok(0));
    let percentiles = |text: &str, percents: &[f64]| {
        let found = r.get_percentiles(&w.scope, &query(text), Some("attributes.power"), percents);
        found.expect("percentiles").into_iter().map(|p| (p.percent, p.value)).collect::<Vec<_>>()
    };
    assert_eq!(
        percentiles("*", &[0.0, 50.0, 75.0, 100.0]),
        [(0.0, 10.0), (50.0, 20.0), (75.0, 30.0), (100.0, 40.0)]
    );
    assert_eq!(percentiles("*", &[]).len(), 7);
    assert!(percentiles("nobody", &[]).is_empty());
    let buckets = r.get_buckets_aggregation(&w.scope, &query("*"), "attributes.room", None).expect("buckets");
    let counts: Vec<(&str, u64)> = buckets.buckets.iter().map(|b| (b.key_value.as_str(), b.count)).collect();
    assert_eq!((buckets.total_count, counts), (4, vec![("hall", 2), ("lab", 2)]));
    let one = r.get_buckets_aggregation(&w.scope, &query("*"), "attributes.power", Some(1)).expect("buckets");
    assert_eq!((one.buckets.len(), one.buckets[0].key_value.as_str()), (1, "10"));
    let named = r.get_cardinality(&w.scope, &query("*"), Some("shadow.name.ota.version")).expect("managed");
    assert_eq!(named, 1);
    for (field, code) in
        [("attributes.other", "InvalidAggregationException"), ("x", "InvalidAggregationException")]
    {
        let refused = r.get_cardinality(&w.scope, &query("*"), Some(field));
        assert_eq!(refused.expect_err(field).code(), code);
    }
    let refused = r.get_percentiles(&w.scope, &query("*"), Some("attributes.room"), &[]);
    assert_eq!(refused.expect_err("text").code(), "InvalidAggregationException");
}

#[test]
fn a_query_sees_what_changed_since_the_last_one() {
    // API-065, API-091, API-238, API-242, API-253, API-255, API-256
    let w = world();
    let fleet = furnish(&w);
    configure(&w, everything());
    let all = |texts: &[&str]| texts.iter().map(|text| names(&w, text)).collect::<Vec<_>>();
    let queries =
        ["attributes.room:hall", "shadow.reported.temp:>20", "connectivity.connected:true", "hall", "*"];
    assert_eq!(
        all(&queries),
        [vec!["l1", "l3"], vec!["l1"], vec!["l1"], vec!["l1", "l3"], vec!["l1", "l2", "l3", "l4"]]
    );

    let moved = thingstead_registry::UpdateThing {
        name: "l1".to_owned(),
        attributes: Some(thingstead_registry::AttributePayload {
            attributes: Some(attributes(&[("room", "attic")])),
            merge: true,
        }),
        ..Default::default()
    };
    run(w.registry.update_thing(&w.scope, moved)).expect("update");
    run(w.registry.delete_thing(&w.scope, "l3", None)).expect("delete");
    let new = CreateThing {
        name: "a0".to_owned(),
        attributes: attributes(&[("room", "hall")]),
        ..CreateThing::default()
    };
    run(w.registry.create_thing(&w.scope, new)).expect("create");
    fleet.shadows.write().remove("l1");
    let warm = json!({"state": {"reported": {"temp": 30}}, "metadata": {}, "timestamp": 1, "version": 2});
    fleet.shadows.write().insert("l4".to_owned(), warm);
    for thing in ["l1", "l4"] {
        w.registry.shadow_changed(&w.scope, &ThingName::from(thing));
    }
    fleet.connections.write().clear();
    w.registry.connectivity_changed(&w.scope, &ThingName::from("l1"));
    // Of a name without a thing nothing is found, whatever is told of it.
    w.registry.shadow_changed(&w.scope, &ThingName::from("ghost"));
    assert_eq!(all(&queries), [vec!["a0"], vec!["l4"], vec![], vec!["a0"], vec!["a0", "l1", "l2", "l4"]]);
    assert_eq!(names(&w, "connectivity.connected:false"), ["a0", "l1", "l2", "l4"]);

    run(w.registry.add_thing_to_thing_group(&w.scope, "house", "l4", false)).expect("add");
    assert_eq!(names(&w, "thingGroupNames:house"), ["l4"]);
    run(w.registry.remove_thing_from_thing_group(&w.scope, "house", "l4")).expect("remove");
    assert!(names(&w, "thingGroupNames:house").is_empty());

    // What is not indexed any more is not found, and what is again, is.
    configure(&w, ThingIndexing { mode: ThingIndexingMode::Registry, ..ThingIndexing::default() });
    assert_eq!(all(&queries[..3]), [vec!["a0"], vec![], vec![]]);
    configure(&w, everything());
    assert_eq!(names(&w, "shadow.reported.temp:>20"), ["l4"]);
}

#[test]
fn dynamic_groups_hold_what_their_query_finds() {
    // API-237, API-345, API-346, API-347, API-348, API-114, API-170, API-242, POLICY-037
    let w = world();
    furnish(&w);
    let request = CreateDynamicThingGroup {
        name: "bright".to_owned(),
        query_string: "attributes.power:{15 TO 100]".to_owned(),
        ..CreateDynamicThingGroup::default()
    };
    let create = |request: &CreateDynamicThingGroup| {
        run(w.registry.create_dynamic_thing_group(&w.scope, request.clone()))
    };
    assert_eq!(create(&request).expect_err("index is off").code(), "InvalidRequestException");
    configure(&w, everything());
    let made = create(&request).expect("create");
    assert_eq!(create(&request).expect("again").id, made.id);
    let other = CreateDynamicThingGroup { query_string: "x".to_owned(), ..request.clone() };
    assert_eq!(create(&other).expect_err("other").code(), "ResourceAlreadyExistsException");
    let broken =
        CreateDynamicThingGroup { name: "b".to_owned(), query_string: "(".to_owned(), ..request.clone() };
    assert_eq!(create(&broken).expect_err("query").code(), "InvalidQueryException");
    let members = || {
        let page = w.registry.list_things_in_thing_group(&w.scope, "bright", false, &PageRequest::default());
        page.expect("list").items.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(members(), ["l2", "l3"]);
    let groups = |thing: &str| {
        let page = w.registry.list_thing_groups_for_thing(&w.scope, thing, &PageRequest::default());
        page.expect("list").items.iter().map(|group| group.name.clone()).collect::<Vec<_>>()
    };
    assert_eq!((groups("l2"), groups("l1")), (vec!["bright".to_owned()], vec!["floor".to_owned()]));
    assert_eq!(names(&w, "thingGroupNames:bright"), ["l2", "l3"]);
    let update = UpdateDynamicThingGroup {
        name: "bright".to_owned(),
        query_string: Some("attributes.power:[31 TO 100]".to_owned()),
        expected_version: Some(1),
        ..UpdateDynamicThingGroup::default()
    };
    assert_eq!(run(w.registry.update_dynamic_thing_group(&w.scope, update)), Ok(2));
    assert_eq!(members(), ["l3"]);

    let refusal = "This operation does not support dynamic thing groups. Thing group arn: \
                   arn:aws:iot:eu-west-1:123456789012:thinggroup/bright";
    for refused in [
        run(w.registry.add_thing_to_thing_group(&w.scope, "bright", "l1", false)),
        run(w.registry.delete_thing_group(&w.scope, "bright", None)),
        run(w.registry.update_thing_group(&w.scope, "bright", None, None, None)).map(drop),
        run(w.registry.create_thing_group(
            &w.scope,
            CreateThingGroup {
                name: "below".to_owned(),
                parent: Some("bright".to_owned()),
                ..CreateThingGroup::default()
            },
        ))
        .map(drop),
    ] {
        assert_eq!(refused, Err(RegistryError::InvalidRequest(refusal.to_owned())));
    }
    let document = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
    run(w.registry.create_policy(&w.scope, "p", document, &[])).expect("policy");
    let target = thingstead_registry::Target::ThingGroup("bright".into());
    let attached = run(w.registry.attach_policy(&w.scope, "p", &target));
    assert_eq!(attached, Err(RegistryError::InvalidRequest(refusal.to_owned())));

    let off = run(w.registry.update_indexing_configuration(&w.scope, Some(ThingIndexing::default()), None));
    assert_eq!(off.expect_err("dynamic groups exist").code(), "InvalidRequestException");
    let delete = |name: &str| run(w.registry.delete_dynamic_thing_group(&w.scope, name, None));
    assert_eq!(delete("house").expect_err("static").code(), "InvalidRequestException");
    delete("bright").expect("delete");
    delete("bright").expect("unknown");
}
