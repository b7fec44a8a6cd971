use thingstead_core::Scope;
use thingstead_registry::{
    AttributePayload, CreateThing, CreateThingGroup, PageRequest, RegistryError, Target, name_or_arn,
};

use crate::support::{World, attributes, invalid, run, world};

fn group(w: &World, name: &str, parent: Option<&str>) -> Result<String, RegistryError> {
    let request = CreateThingGroup {
        name: name.to_owned(),
        parent: parent.map(str::to_owned),
        ..CreateThingGroup::default()
    };
    run(w.registry.create_thing_group(&w.scope, request)).map(|group| group.id.clone())
}

fn thing(w: &World, name: &str) {
    let request = CreateThing { name: name.to_owned(), ..CreateThing::default() };
    run(w.registry.create_thing(&w.scope, request)).expect(name);
}

fn add(w: &World, group: &str, thing: &str) -> Result<(), RegistryError> {
    run(w.registry.add_thing_to_thing_group(&w.scope, group, thing, false))
}

/// a > b > c, a > d, and e alone.
fn tree(w: &World) {
    for (name, parent) in [("a", None), ("b", Some("a")), ("c", Some("b")), ("d", Some("a")), ("e", None)] {
        group(w, name, parent).expect(name);
    }
}

#[test]
fn groups_hang_below_each_other() {
    // API-106, API-107, API-108, API-110, API-118, API-119
    let w = world();
    let first = group(&w, "a", None).expect("create");
    assert_eq!(group(&w, "a", None), Ok(first));
    tree(&w);
    let other = group(&w, "b", None).expect_err("other parent");
    assert_eq!(other.message(), "Thing Group b already exists in current account with different properties");
    assert_eq!(other.code(), "ResourceAlreadyExistsException");
    assert_eq!(group(&w, "x", Some("none")).expect_err("parent").code(), "ResourceNotFoundException");
    let described = w.registry.describe_thing_group(&w.scope, "c").expect("describe");
    let above: Vec<_> = described.ancestors.iter().map(|group| group.name.as_str()).collect();
    assert_eq!((described.group.version, above), (1, vec!["a", "b"]));
    let list = |parent, prefix, recursive| {
        let page = w.registry.list_thing_groups(&w.scope, parent, prefix, recursive, &PageRequest::default());
        page.expect("list").items.iter().map(|group| group.name.clone()).collect::<Vec<_>>().join("")
    };
    assert_eq!(list(None, None, true), "abcde");
    assert_eq!(list(None, None, false), "ae");
    assert_eq!(list(Some("a"), None, true), "bcd");
    assert_eq!(list(Some("a"), None, false), "bd");
    assert_eq!(list(Some("a"), Some("d"), true), "d");
    let unknown = w.registry.list_thing_groups(&w.scope, Some("none"), None, true, &PageRequest::default());
    assert_eq!(unknown.expect_err("unknown").code(), "ResourceNotFoundException");
    let mut parent = "c".to_owned();
    for level in 4..=8 {
        let name = format!("l{level}");
        let made = group(&w, &name, Some(&parent));
        assert_eq!(made.is_ok(), level <= 7, "level {level}");
        parent = name;
    }
    for n in 0..101 {
        assert_eq!(group(&w, &format!("child{n}"), Some("e")).is_ok(), n < 100, "child {n}");
    }
}

#[test]
fn group_properties_are_replaced_or_merged() {
    // API-111, API-112, API-063, API-064
    let w = world();
    let request = CreateThingGroup {
        name: "g".to_owned(),
        description: Some("old".to_owned()),
        attributes: attributes(&[("a", "1"), ("b", "2")]),
        ..CreateThingGroup::default()
    };
    run(w.registry.create_thing_group(&w.scope, request)).expect("create");
    let update = |description: Option<&str>, payload: Option<AttributePayload>, expected: Option<i64>| {
        let description = description.map(str::to_owned);
        run(w.registry.update_thing_group(&w.scope, "g", description, payload.as_ref(), expected))
    };
    let now = || w.registry.describe_thing_group(&w.scope, "g").expect("describe").group;
    let payload =
        |pairs: &[(&str, &str)], merge| Some(AttributePayload { attributes: Some(attributes(pairs)), merge });
    assert_eq!(update(Some("new"), payload(&[("a", ""), ("c", "3")], true), Some(1)), Ok(2));
    assert_eq!(now().attributes, attributes(&[("b", "2"), ("c", "3")]));
    assert_eq!(update(None, None, None), Ok(3));
    assert_eq!((now().description.clone(), now().attributes.len()), (None, 2));
    assert_eq!(update(None, payload(&[], false), None), Ok(4));
    assert!(now().attributes.is_empty());
    assert_eq!(update(None, None, Some(1)).expect_err("stale").code(), "VersionConflictException");
}

#[test]
fn groups_with_children_or_policies_stay() {
    // API-115, API-116, API-117
    let w = world();
    tree(&w);
    let delete = |name: &str| run(w.registry.delete_thing_group(&w.scope, name, None));
    assert_eq!(
        delete("a"),
        Err(invalid(" Cannot delete thing group : a when there are still child groups attached to it"))
    );
    let document = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
    run(w.registry.create_policy(&w.scope, "p", document, &[])).expect("policy");
    let target = Target::ThingGroup("c".into());
    run(w.registry.attach_policy(&w.scope, "p", &target)).expect("attach");
    assert_eq!(delete("c").expect_err("policy").code(), "InvalidRequestException");
    run(w.registry.detach_policy(&w.scope, "p", &target)).expect("detach");
    thing(&w, "t");
    add(&w, "c", "t").expect("add");
    assert_eq!(
        run(w.registry.delete_thing_group(&w.scope, "c", Some(7))).expect_err("version").code(),
        "VersionConflictException"
    );
    delete("c").expect("delete");
    let groups =
        w.registry.list_thing_groups_for_thing(&w.scope, "t", &PageRequest::default()).expect("groups");
    assert!(groups.items.is_empty());
    delete("none").expect("unknown");
}

#[test]
fn a_thing_is_in_one_group_of_a_hierarchy() {
    // API-121, API-122, API-123, API-124, API-125, API-126, API-091
    let w = world();
    tree(&w);
    for name in ["t", "u"] {
        thing(&w, name);
    }
    add(&w, "c", "t").expect("add");
    add(&w, "c", "t").expect("twice");
    add(&w, "d", "u").expect("add");
    assert_eq!(add(&w, "d", "t").expect_err("same hierarchy").code(), "InvalidRequestException");
    add(&w, "e", "t").expect("another hierarchy");
    assert_eq!(add(&w, "none", "t").expect_err("group").code(), "ResourceNotFoundException");
    assert_eq!(add(&w, "e", "none").expect_err("thing").code(), "ResourceNotFoundException");
    let things = |group: &str, recursive| {
        let page = w.registry.list_things_in_thing_group(&w.scope, group, recursive, &PageRequest::default());
        page.expect("list").items.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(things("a", false), Vec::<String>::new());
    assert_eq!(things("a", true), ["t", "u"]);
    let groups = |thing: &str| {
        let page = w.registry.list_thing_groups_for_thing(&w.scope, thing, &PageRequest::default());
        page.expect("list").items.iter().map(|group| group.name.clone()).collect::<Vec<_>>()
    };
    assert_eq!(groups("t"), ["c", "e"]);
    let with_ancestors: Vec<String> =
        w.registry.groups_with_ancestors(&w.scope, "t").iter().map(ToString::to_string).collect();
    assert_eq!(with_ancestors, ["a", "b", "c", "e"]);

    let update = |add: &[&str], remove: &[&str]| {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        run(w.registry.update_thing_groups_for_thing(&w.scope, "t", &owned(add), &owned(remove), false))
    };
    assert_eq!(update(&["d", "none"], &["c"]).expect_err("unknown").code(), "ResourceNotFoundException");
    assert_eq!(groups("t"), ["c", "e"]);
    update(&["d"], &["c"]).expect("move");
    assert_eq!(groups("t"), ["d", "e"]);
    for n in 0..9 {
        group(&w, &format!("g{n}"), None).expect("group");
    }
    for n in 0..8 {
        add(&w, &format!("g{n}"), "t").expect("add");
    }
    assert_eq!(add(&w, "g8", "t").expect_err("eleventh").code(), "InvalidRequestException");
    update(&["g8"], &["g0"]).expect("removals count first");

    let remove =
        |group: &str, thing: &str| run(w.registry.remove_thing_from_thing_group(&w.scope, group, thing));
    remove("e", "t").expect("remove");
    remove("e", "t").expect("not a member");
    assert_eq!(remove("none", "t").expect_err("group").code(), "ResourceNotFoundException");
    run(w.registry.delete_thing(&w.scope, "t", None)).expect("delete");
    assert_eq!(things("a", true), ["u"]);
}

#[test]
fn members_are_named_by_name_or_arn() {
    // API-120
    let scope = Scope::new("1", "r");
    let arn = "arn:aws:iot:r:1:thing/t";
    assert_eq!(name_or_arn(&scope, "thing", Some("t"), None), Ok("t".to_owned()));
    assert_eq!(name_or_arn(&scope, "thing", None, Some(arn)), Ok("t".to_owned()));
    assert_eq!(name_or_arn(&scope, "thing", Some("t"), Some(arn)), Ok("t".to_owned()));
    assert_eq!(
        name_or_arn(&scope, "thing", None, None),
        Err(invalid("Both thingArn and thingName are empty. Need to specify at least one of them"))
    );
    assert_eq!(
        name_or_arn(&scope, "thinggroup", None, None),
        Err(invalid(
            " Both thingGroupArn and thingGroupName are empty. Need to specify at least one of them"
        ))
    );
    let code = |name, arn| name_or_arn(&scope, "thing", name, arn).expect_err("refused").code();
    assert_eq!(code(Some("u"), Some(arn)), "InvalidRequestException");
    assert_eq!(code(None, Some("arn:aws:iot:r:1:cert/t")), "InvalidRequestException");
    assert_eq!(code(None, Some("arn:aws:iot:r:2:thing/t")), "ResourceNotFoundException");
}

#[test]
fn billing_groups_hold_things_one_at_a_time() {
    // API-340, API-341, API-342, API-343, API-344, API-080
    let w = world();
    let create = |name: &str, text: &str| {
        run(w.registry.create_billing_group(&w.scope, name, Some(text.to_owned()), &[]))
    };
    let first = create("b1", "x").expect("create");
    assert_eq!(create("b1", "x").expect("again").id, first.id);
    assert_eq!(create("b1", "y").expect_err("different").code(), "ResourceAlreadyExistsException");
    create("c2", "x").expect("create");
    thing(&w, "t");
    let put = |group: &str, thing: &str| run(w.registry.add_thing_to_billing_group(&w.scope, group, thing));
    put("b1", "t").expect("add");
    put("c2", "t").expect("move");
    let found = w.registry.describe_thing(&w.scope, "t").expect("thing");
    assert_eq!((found.billing_group.as_deref(), found.version), (Some("c2"), 1));
    let members = |group: &str| {
        w.registry.list_things_in_billing_group(&w.scope, group, &PageRequest::default()).expect("list").items
    };
    assert_eq!((members("b1").len(), members("c2").len()), (0, 1));
    run(w.registry.remove_thing_from_billing_group(&w.scope, "b1", "t")).expect("not in it");
    assert_eq!(members("c2").len(), 1);
    assert_eq!(put("none", "t").expect_err("group").code(), "ResourceNotFoundException");
    assert_eq!(put("b1", "none").expect_err("thing").code(), "ResourceNotFoundException");
    let update = |expected| run(w.registry.update_billing_group(&w.scope, "c2", None, expected));
    assert_eq!(update(Some(1)), Ok(2));
    assert_eq!(update(Some(1)).expect_err("stale").code(), "VersionConflictException");
    let list = w.registry.list_billing_groups(&w.scope, Some("b"), &PageRequest::default()).expect("list");
    assert_eq!(list.items.len(), 1);
    run(w.registry.delete_billing_group(&w.scope, "c2", Some(2))).expect("delete");
    run(w.registry.delete_billing_group(&w.scope, "c2", None)).expect("unknown");
    assert_eq!(w.registry.describe_thing(&w.scope, "t").expect("thing").billing_group, None);
}
