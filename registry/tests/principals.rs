use thingstead_registry::{
    CertificateStatus, CreateThing, PageRequest, RegistryError, Target, ThingPrincipalType,
};

use crate::support::{World, run, self_signed, world};

const SHARED: ThingPrincipalType = ThingPrincipalType::NonExclusiveThing;
const EXCLUSIVE: ThingPrincipalType = ThingPrincipalType::ExclusiveThing;

fn certificate(w: &World) -> Target {
    let pem = self_signed("dev");
    let made =
        run(w.registry.register_certificate_without_ca(&w.scope, &pem, Some(CertificateStatus::Active)));
    Target::Certificate(made.expect("register").id.clone())
}

fn things(w: &World, names: &[&str]) {
    for name in names {
        let request = CreateThing { name: (*name).to_owned(), ..CreateThing::default() };
        run(w.registry.create_thing(&w.scope, request)).expect(name);
    }
}

#[test]
fn principals_are_attached_shared_or_exclusively() {
    // API-178, API-179, API-180, API-181, API-182, POLICY-232, POLICY-233, POLICY-483
    let w = world();
    things(&w, &["a", "b"]);
    let (one, two) = (certificate(&w), certificate(&w));
    let attach = |thing: &str, principal: &Target, kind| {
        run(w.registry.attach_thing_principal(&w.scope, thing, principal, kind))
    };
    attach("a", &one, SHARED).expect("attach");
    attach("a", &one, SHARED).expect("twice");
    attach("b", &one, SHARED).expect("another");
    assert_eq!(attach("a", &one, EXCLUSIVE).expect_err("others exist").code(), "InvalidRequestException");
    attach("a", &two, EXCLUSIVE).expect("exclusive");
    assert_eq!(attach("b", &two, SHARED).expect_err("exclusive").code(), "InvalidRequestException");
    assert_eq!(attach("none", &one, SHARED).expect_err("thing").code(), "ResourceNotFoundException");
    let unknown = Target::Certificate("0".repeat(64).into());
    assert_eq!(attach("a", &unknown, SHARED).expect_err("certificate").code(), "ResourceNotFoundException");

    let principals = |kind| {
        let page =
            w.registry.list_thing_principals(&w.scope, "a", kind, &PageRequest::default()).expect("list");
        page.items
    };
    assert_eq!(principals(None).len(), 2);
    assert_eq!(principals(Some(EXCLUSIVE)), [(two.clone(), EXCLUSIVE)]);
    assert_eq!(
        w.registry.list_thing_principals(&w.scope, "none", None, &PageRequest::default()),
        Err(RegistryError::ResourceNotFound(
            "Failed to list principals for thing none because the thing does not exist in your account"
                .to_owned()
        ))
    );
    let of = |principal: &Target| {
        w.registry.list_principal_things(&w.scope, principal, None, &PageRequest::default()).map(|page| {
            page.items.into_iter().map(|(thing, kind)| (thing.to_string(), kind)).collect::<Vec<_>>()
        })
    };
    assert_eq!(of(&one), Ok(vec![("a".to_owned(), SHARED), ("b".to_owned(), SHARED)]));
    assert_eq!(of(&certificate(&w)), Ok(vec![]));
    assert_eq!(of(&unknown).expect_err("unknown").code(), "ResourceNotFoundException");

    let generation = w.registry.generation(&w.scope);
    let detach = |thing: &str| run(w.registry.detach_thing_principal(&w.scope, thing, &one));
    detach("a").expect("detach");
    assert!(w.registry.generation(&w.scope) > generation);
    assert_eq!(detach("a").expect_err("not attached").code(), "ResourceNotFoundException");
    assert_eq!(detach("none").expect_err("thing").code(), "ResourceNotFoundException");
}

#[test]
fn a_connection_belongs_to_its_exclusive_thing_or_to_the_one_named_like_it() {
    // POLICY-230, POLICY-231, POLICY-239, POLICY-241
    let w = world();
    things(&w, &["a", "b", "c"]);
    let (shared, exclusive) = (certificate(&w), certificate(&w));
    let identity = Target::parse(&w.scope, "eu-west-1:abc").expect("identity");
    for (thing, principal, kind) in [
        ("a", &shared, SHARED),
        ("b", &shared, SHARED),
        ("c", &exclusive, EXCLUSIVE),
        ("a", &identity, SHARED),
    ] {
        run(w.registry.attach_thing_principal(&w.scope, thing, principal, kind)).expect(thing);
    }
    let thing = |principal: &Target, client: Option<&str>| {
        w.registry.associated_thing(&w.scope, principal, client).map(|thing| thing.name.to_string())
    };
    for (principal, client, expected) in [
        (&shared, Some("a"), Some("a")),
        (&shared, Some("b"), Some("b")),
        (&shared, Some("c"), None),
        (&shared, None, None),
        (&exclusive, Some("a"), Some("c")),
        (&exclusive, None, Some("c")),
        (&identity, Some("a"), Some("a")),
        (&identity, Some("b"), None),
    ] {
        assert_eq!(thing(principal, client).as_deref(), expected, "{principal} {client:?}");
    }
}
