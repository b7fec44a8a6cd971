use thingstead_registry::{
    AttributePayload, CreateThing, PageRequest, RegistryError, Target, ThingFilter, ThingPrincipalType,
    UpdateThing,
};

use crate::support::{World, attributes, invalid, run, world};

fn create(world: &World, name: &str, pairs: &[(&str, &str)]) {
    let request =
        CreateThing { name: name.to_owned(), attributes: attributes(pairs), ..CreateThing::default() };
    run(world.registry.create_thing(&world.scope, request)).expect(name);
}

fn names(world: &World, filter: &ThingFilter) -> Vec<String> {
    let page = world.registry.list_things(&world.scope, filter, &PageRequest::first(250)).expect("list");
    page.items.iter().map(|thing| thing.name.to_string()).collect()
}

#[test]
fn creating_again_finds_the_same_thing_or_a_conflict() {
    // API-060, API-072, API-073, API-074, API-079
    let w = world();
    let request = CreateThing {
        name: "lamp-1".to_owned(),
        attributes: attributes(&[("colour", "red"), ("empty", "")]),
        ..CreateThing::default()
    };
    let first = run(w.registry.create_thing(&w.scope, request.clone())).expect("create");
    assert_eq!(first.version, 1);
    assert_eq!(first.attributes, attributes(&[("colour", "red")]));
    assert_eq!(first.arn(&w.scope).to_string(), "arn:aws:iot:eu-west-1:123456789012:thing/lamp-1");
    let again = run(w.registry.create_thing(&w.scope, request.clone())).expect("create");
    assert_eq!(again, first);

    let other = CreateThing { attributes: attributes(&[("colour", "blue")]), ..request.clone() };
    let error = run(w.registry.create_thing(&w.scope, other)).expect_err("conflict");
    assert_eq!(
        error,
        RegistryError::ResourceAlreadyExists {
            message: "Thing lamp-1 already exists in account with different attributes".to_owned(),
            resource_id: Some("lamp-1".to_owned()),
            resource_arn: Some("arn:aws:iot:eu-west-1:123456789012:thing/lamp-1".to_owned()),
        }
    );
    assert_eq!(w.registry.describe_thing(&w.scope, "lamp-1").expect("thing"), first);

    run(w.registry.delete_thing(&w.scope, "lamp-1", None)).expect("delete");
    let reborn = run(w.registry.create_thing(&w.scope, request)).expect("create");
    assert_ne!(reborn.id, first.id);
}

#[test]
fn names_attributes_and_references_are_judged() {
    // API-061, API-075, API-077, API-078
    let w = world();
    let make = |name: &str, pairs: &[(&str, &str)], type_name: Option<&str>| {
        let request = CreateThing {
            name: name.to_owned(),
            attributes: attributes(pairs),
            type_name: type_name.map(str::to_owned),
            billing_group: None,
        };
        run(w.registry.create_thing(&w.scope, request))
    };
    for (name, pairs) in [
        ("with space", &[][..]),
        ("", &[]),
        ("a", &[("na me", "v")]),
        ("a", &[("n", "with space")]),
        ("a", &[("a", "1"), ("b", "2"), ("c", "3"), ("d", "4")]),
    ] {
        let error = make(name, pairs, None).expect_err("invalid");
        assert_eq!(error.code(), "InvalidRequestException", "{name} {pairs:?}");
    }
    assert!(make(&"x".repeat(129), &[], None).is_err());
    assert!(make("a", &[("n", &"v".repeat(801))], None).is_err());
    assert!(make("a", &[("n", &"v".repeat(800)), ("a.b,c@d/e:f#g-h_i", "x=[1]")], None).is_ok());
    let unknown = make("b", &[], Some("none")).expect_err("type");
    assert_eq!(unknown.code(), "ResourceNotFoundException");
    let request = CreateThing {
        name: "b".to_owned(),
        billing_group: Some("none".to_owned()),
        ..CreateThing::default()
    };
    let unknown = run(w.registry.create_thing(&w.scope, request)).expect_err("billing group");
    assert_eq!(unknown.code(), "ResourceNotFoundException");

    run(w.registry.create_thing_type(&w.scope, "bulb", Default::default(), &[])).expect("type");
    let fifty: Vec<(String, String)> = (0..51).map(|n| (format!("a{n}"), "v".to_owned())).collect();
    let pairs: Vec<(&str, &str)> = fifty.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    assert!(make("many", &pairs, Some("bulb")).is_err());
    assert!(make("many", &pairs[..50], Some("bulb")).is_ok());
}

#[test]
fn updates_merge_or_replace_and_count_versions() {
    // API-063, API-064, API-082, API-083, API-084, API-085, API-086, API-087
    let w = world();
    create(&w, "t", &[("a", "1"), ("b", "2")]);
    let update = |pairs: Option<&[(&str, &str)]>, merge: bool| {
        let payload = AttributePayload { attributes: pairs.map(attributes), merge };
        let request =
            UpdateThing { name: "t".to_owned(), attributes: Some(payload), ..UpdateThing::default() };
        run(w.registry.update_thing(&w.scope, request)).expect("update");
        w.registry.describe_thing(&w.scope, "t").expect("thing").attributes.clone()
    };
    assert_eq!(
        update(Some(&[("b", "3"), ("c", "4")]), true),
        attributes(&[("a", "1"), ("b", "3"), ("c", "4")])
    );
    assert_eq!(update(Some(&[("a", "")]), true), attributes(&[("b", "3"), ("c", "4")]));
    assert_eq!(update(None, false), attributes(&[("b", "3"), ("c", "4")]));
    assert_eq!(update(Some(&[("z", "9")]), false), attributes(&[("z", "9")]));
    assert_eq!(update(Some(&[]), false), attributes(&[]));
    assert_eq!(w.registry.describe_thing(&w.scope, "t").expect("thing").version, 6);

    let stale = UpdateThing { name: "t".to_owned(), expected_version: Some(5), ..UpdateThing::default() };
    assert_eq!(
        run(w.registry.update_thing(&w.scope, stale)),
        Err(RegistryError::VersionConflict(
            "The version for thing t does not match the expected version.".to_owned()
        ))
    );
    assert_eq!(
        run(w.registry.delete_thing(&w.scope, "t", Some(1))).expect_err("version").code(),
        "VersionConflictException"
    );
    let unknown = UpdateThing { name: "none".to_owned(), ..UpdateThing::default() };
    let error = run(w.registry.update_thing(&w.scope, unknown)).expect_err("unknown");
    assert_eq!(error.code(), "ResourceNotFoundException");

    run(w.registry.create_thing_type(&w.scope, "bulb", Default::default(), &[])).expect("type");
    let typed = UpdateThing {
        name: "t".to_owned(),
        type_name: Some("bulb".to_owned()),
        attributes: Some(AttributePayload {
            attributes: Some(attributes(&[("a", "1"), ("b", "2"), ("c", "3"), ("d", "4")])),
            merge: false,
        }),
        ..UpdateThing::default()
    };
    run(w.registry.update_thing(&w.scope, typed)).expect("typed");
    let both = UpdateThing {
        name: "t".to_owned(),
        type_name: Some("bulb".to_owned()),
        remove_type: true,
        ..UpdateThing::default()
    };
    assert_eq!(
        run(w.registry.update_thing(&w.scope, both)).expect_err("both").code(),
        "InvalidRequestException"
    );
    let untyped = UpdateThing { name: "t".to_owned(), remove_type: true, ..UpdateThing::default() };
    let error = run(w.registry.update_thing(&w.scope, untyped.clone())).expect_err("4 attributes");
    assert_eq!(error.code(), "InvalidRequestException");
    let fewer = UpdateThing {
        attributes: Some(AttributePayload { attributes: Some(attributes(&[("a", "1")])), merge: false }),
        ..untyped
    };
    run(w.registry.update_thing(&w.scope, fewer)).expect("untyped");
    assert_eq!(w.registry.describe_thing(&w.scope, "t").expect("thing").type_name, None);
}

#[test]
fn a_thing_with_principals_stays_and_an_unknown_one_is_gone_already() {
    // API-063, API-081, API-088, API-089, API-090
    let w = world();
    assert_eq!(run(w.registry.delete_thing(&w.scope, "none", None)), Ok(()));
    let unknown = w.registry.describe_thing(&w.scope, "none").expect_err("unknown");
    assert_eq!(unknown.code(), "ResourceNotFoundException");
    create(&w, "t", &[]);
    let identity = Target::parse(&w.scope, "eu-west-1:5b1f").expect("identity");
    let kind = ThingPrincipalType::NonExclusiveThing;
    run(w.registry.attach_thing_principal(&w.scope, "t", &identity, kind)).expect("attach");
    assert_eq!(w.registry.describe_thing(&w.scope, "t").expect("thing").version, 1);
    assert_eq!(
        run(w.registry.delete_thing(&w.scope, "t", None)),
        Err(invalid("Cannot delete. Thing t is still attached to one or more principals"))
    );
    run(w.registry.detach_thing_principal(&w.scope, "t", &identity)).expect("detach");
    run(w.registry.delete_thing(&w.scope, "t", None)).expect("delete");
    assert!(w.registry.thing(&w.scope, "t").is_none());
}

#[test]
fn lists_filter_and_page_in_order_of_creation() {
    // API-051, API-052, API-054, API-056, API-093, API-094, API-095, API-096
    let w = world();
    run(w.registry.create_thing_type(&w.scope, "bulb", Default::default(), &[])).expect("type");
    for n in (0..120).rev() {
        let request = CreateThing {
            name: format!("t{n:03}"),
            type_name: (n % 2 == 0).then(|| "bulb".to_owned()),
            attributes: attributes(&[("room", if n < 10 { "kitchen" } else { "kiosk" })]),
            billing_group: None,
        };
        run(w.registry.create_thing(&w.scope, request)).expect("create");
    }
    let all = ThingFilter::default();
    let first = w.registry.list_things(&w.scope, &all, &PageRequest::default()).expect("page");
    assert_eq!((first.items.len(), &*first.items[0].name), (50, "t119"));
    // A deletion and an insert between two pages shift nothing.
    run(w.registry.delete_thing(&w.scope, "t119", None)).expect("delete");
    create(&w, "zz", &[]);
    let next = PageRequest { token: first.next.clone(), limit: Some(30) };
    let second = w.registry.list_things(&w.scope, &all, &next).expect("page");
    assert_eq!((second.items.len(), &*second.items[0].name), (30, "t069"));
    let next = PageRequest { token: second.next.clone(), limit: Some(100) };
    let third = w.registry.list_things(&w.scope, &all, &next).expect("page");
    assert_eq!((third.items.len(), third.next), (41, None));
    assert_eq!(&*third.items[40].name, "zz");

    let by = |value: Option<&str>, by_prefix: bool| ThingFilter {
        attribute_name: Some("room".to_owned()),
        attribute_value: value.map(str::to_owned),
        by_prefix,
        type_name: None,
    };
    assert_eq!(names(&w, &by(Some("kitchen"), false)).len(), 10);
    assert_eq!(names(&w, &by(Some("Kitchen"), false)).len(), 0);
    assert_eq!(names(&w, &by(Some("ki"), false)).len(), 0);
    assert_eq!(names(&w, &by(Some("ki"), true)).len(), 119);
    assert_eq!(names(&w, &by(None, false)).len(), 119);
    let of_type = ThingFilter { type_name: Some("bulb".to_owned()), ..ThingFilter::default() };
    assert_eq!(names(&w, &of_type).len(), 60);
    let combined = ThingFilter { type_name: Some("bulb".to_owned()), ..by(Some("kitchen"), false) };
    assert_eq!(
        w.registry.list_things(&w.scope, &combined, &PageRequest::default()),
        Err(invalid("Listing things by the combination of attribute and thing type is not supported"))
    );
    for token in ["x", "dGhpbmdz", "cG9saWNpZXMgMQ=="] {
        let foreign = PageRequest { token: Some(token.to_owned()), limit: None };
        let error = w.registry.list_things(&w.scope, &all, &foreign).expect_err("token");
        assert_eq!(error.code(), "InvalidRequestException", "{token}");
    }
}

#[test]
fn scopes_see_nothing_of_each_other() {
    // API-046
    let w = world();
    create(&w, "t", &[]);
    for (account, region) in [("123456789012", "us-east-1"), ("210987654321", "eu-west-1")] {
        let other = thingstead_core::Scope::new(account, region);
        assert!(w.registry.thing(&other, "t").is_none());
    }
}
