use std::time::Duration;

use thingstead_registry::{
    CreateThing, PageRequest, RegistryError, RegistrySettings, ThingTypeProperties, UpdateThing,
};

use crate::support::{invalid, run, world_with};

#[test]
fn thing_types_live_from_creation_over_deprecation_to_deletion() {
    // API-076, API-085, API-097, API-098, API-099, API-100, API-101, API-102, API-103, API-104, API-105
    let wait = Duration::from_secs(300);
    let w = world_with(RegistrySettings { thing_type_deletion_wait: wait, ..RegistrySettings::default() });
    let properties = |names: &[&str]| ThingTypeProperties {
        description: Some("a lamp".to_owned()),
        searchable_attributes: Some(names.iter().map(|name| (*name).to_owned()).collect()),
        mqtt5_configuration: None,
    };
    let create = |names: &[&str]| run(w.registry.create_thing_type(&w.scope, "bulb", properties(names), &[]));
    let first = create(&["a", "b"]).expect("create");
    assert_eq!(create(&["b", "a"]).expect("same set").id, first.id);
    assert_eq!(create(&["a"]).expect_err("different").code(), "ResourceAlreadyExistsException");
    let many = properties(&["a", "b", "c", "d"]);
    assert!(run(w.registry.create_thing_type(&w.scope, "many", many, &[])).is_err());
    let unknown = w.registry.describe_thing_type(&w.scope, "none").expect_err("unknown");
    assert_eq!(unknown.code(), "ResourceNotFoundException");
    assert_eq!(
        run(w.registry.update_thing_type(&w.scope, "bulb", properties(&["a"]))),
        Err(invalid("Can only update mqtt5Configuration."))
    );
    let mqtt5 =
        serde_json::json!({"propagatingAttributes": [{"userPropertyKey": "k", "thingAttribute": "a"}]});
    let only =
        ThingTypeProperties { mqtt5_configuration: Some(mqtt5.clone()), ..ThingTypeProperties::default() };
    run(w.registry.update_thing_type(&w.scope, "bulb", only)).expect("update");
    let found = w.registry.describe_thing_type(&w.scope, "bulb").expect("describe");
    assert_eq!(found.properties.mqtt5_configuration, Some(mqtt5));
    assert_eq!(found.deprecated_at, None);

    let thing = |name: &str| CreateThing {
        name: name.to_owned(),
        type_name: Some("bulb".to_owned()),
        ..CreateThing::default()
    };
    run(w.registry.create_thing(&w.scope, thing("t"))).expect("thing");
    run(w.registry.create_thing(&w.scope, CreateThing { name: "u".to_owned(), ..CreateThing::default() }))
        .expect("thing");
    let delete = || run(w.registry.delete_thing_type(&w.scope, "bulb"));
    assert_eq!(delete().expect_err("not deprecated").code(), "InvalidRequestException");
    run(w.registry.deprecate_thing_type(&w.scope, "bulb", false)).expect("deprecate");
    let deprecated = w.registry.describe_thing_type(&w.scope, "bulb").expect("describe");
    assert_eq!(deprecated.deprecated_at, Some(w.clock.now()));
    assert_eq!(
        run(w.registry.create_thing(&w.scope, thing("v"))),
        Err(invalid("Can not create new thing with depreated thing type:bulb"))
    );
    let update =
        UpdateThing { name: "u".to_owned(), type_name: Some("bulb".to_owned()), ..UpdateThing::default() };
    assert_eq!(
        run(w.registry.update_thing(&w.scope, update)),
        Err(invalid("Can not update a thing to use deprecated thing type: bulb"))
    );
    assert_eq!(w.registry.describe_thing(&w.scope, "t").expect("thing").type_name.as_deref(), Some("bulb"));
    let early = delete().expect_err("early");
    assert!(early.message().contains("Please wait for 5 minutes after deprecation and then retry"));
    w.clock.advance(wait);
    assert_eq!(delete().expect_err("in use").code(), "InvalidRequestException");
    run(w.registry.delete_thing(&w.scope, "t", None)).expect("delete thing");
    delete().expect("delete");
    assert!(matches!(delete(), Err(RegistryError::ResourceNotFound(_))));
    assert_eq!(
        run(w.registry.deprecate_thing_type(&w.scope, "bulb", true)).expect_err("unknown").code(),
        "ResourceNotFoundException"
    );
}

#[test]
fn deprecation_can_be_undone_and_lists_take_a_whole_name() {
    // API-101, API-105
    let w = world_with(RegistrySettings::default());
    for name in ["bulb", "bulb2"] {
        run(w.registry.create_thing_type(&w.scope, name, ThingTypeProperties::default(), &[])).expect(name);
    }
    run(w.registry.deprecate_thing_type(&w.scope, "bulb", false)).expect("deprecate");
    run(w.registry.deprecate_thing_type(&w.scope, "bulb", true)).expect("undo");
    assert_eq!(w.registry.describe_thing_type(&w.scope, "bulb").expect("type").deprecated_at, None);
    let list = |name: Option<&str>| {
        let page = w.registry.list_thing_types(&w.scope, name, &PageRequest::default()).expect("list");
        page.items.iter().map(|found| found.name.clone()).collect::<Vec<_>>()
    };
    assert_eq!(list(Some("bulb")), ["bulb"]);
    assert_eq!(list(None), ["bulb", "bulb2"]);
}
