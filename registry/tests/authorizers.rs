//! Custom authorizers as resources.

use std::collections::BTreeMap;

use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256};
use thingstead_registry::{
    AuthorizerStatus, CreateAuthorizer, PageRequest, RegistryError, RegistrySettings, UpdateAuthorizer,
};

use crate::support::{World, open, run, world};

pub(crate) const FUNCTION: &str = "arn:aws:lambda:eu-west-1:123456789012:function:gate";

/// One without signed tokens.
pub(crate) fn unsigned(name: &str) -> CreateAuthorizer {
    CreateAuthorizer {
        name: name.to_owned(),
        function: FUNCTION.to_owned(),
        status: Some(AuthorizerStatus::Active),
        signing_disabled: true,
        ..CreateAuthorizer::default()
    }
}

/// One that wants tokens signed with the key.
pub(crate) fn signed(name: &str, key: &KeyPair) -> CreateAuthorizer {
    CreateAuthorizer {
        token_key_name: Some("tok".to_owned()),
        token_signing_public_keys: BTreeMap::from([("first".to_owned(), key.public_key_pem())]),
        signing_disabled: false,
        ..unsigned(name)
    }
}

pub(crate) fn rsa() -> KeyPair {
    KeyPair::generate_for(&PKCS_RSA_SHA256).expect("a key")
}

fn refused(world: &World, asked: CreateAuthorizer) -> RegistryError {
    run(world.registry.create_authorizer(&world.scope, asked)).expect_err("refused")
}

#[test]
fn an_authorizer_is_created_inactive_with_signing_and_found_again_after_a_restart() {
    // AUTH-150, AUTH-151, AUTH-156, AUTH-159, API-330, API-331
    let world = world();
    let key = rsa();
    let asked = CreateAuthorizer { status: None, ..signed("Gate", &key) };
    run(world.registry.create_authorizer(&world.scope, asked)).expect("created");
    run(world.registry.set_default_authorizer(&world.scope, "Gate")).expect("the default");
    let again = open(&world.store, &world.clock, RegistrySettings::default());
    for registry in [&world.registry, &again] {
        let gate = registry.describe_authorizer(&world.scope, "Gate").expect("known");
        assert_eq!(gate.arn(&world.scope).to_string(), "arn:aws:iot:eu-west-1:123456789012:authorizer/Gate");
        assert_eq!(gate.status, AuthorizerStatus::Inactive);
        assert!(!gate.signing_disabled && !gate.enable_caching_for_http);
        assert_eq!(gate.token_signing_public_keys.get("first"), Some(&key.public_key_pem()));
        assert_eq!(registry.describe_default_authorizer(&world.scope).expect("one").name, "Gate");
    }
    let unknown = world.registry.describe_authorizer(&world.scope, "gate").expect_err("names have a case");
    assert_eq!(unknown.code(), "ResourceNotFoundException");
}

#[test]
fn what_makes_no_authorizer_is_refused() {
    // AUTH-150, AUTH-152, AUTH-153, API-330
    let world = world();
    let key = rsa();
    let short =
        "-----BEGIN PUBLIC KEY-----\nMIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQC7\n-----END PUBLIC KEY-----\n";
    let elliptic = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("a key").public_key_pem();
    let with_key = |pem: String| CreateAuthorizer {
        token_signing_public_keys: BTreeMap::from([("first".to_owned(), pem)]),
        ..signed("Gate", &key)
    };
    for (asked, names) in [
        (CreateAuthorizer { name: "a.b".to_owned(), ..unsigned("") }, "authorizerName"),
        (CreateAuthorizer { function: "gate".to_owned(), ..unsigned("Gate") }, "authorizerFunctionArn"),
        (CreateAuthorizer { token_key_name: None, ..signed("Gate", &key) }, "tokenKeyName"),
        (
            CreateAuthorizer { token_signing_public_keys: BTreeMap::new(), ..signed("Gate", &key) },
            "tokenSigningPublicKeys",
        ),
        (with_key(short.to_owned()), "RSA public key of at least 2048 bits"),
        (with_key(elliptic), "RSA public key of at least 2048 bits"),
    ] {
        let error = refused(&world, asked);
        assert_eq!(error.code(), "InvalidRequestException");
        assert!(error.message().contains(names), "{error}");
    }
    run(world.registry.create_authorizer(&world.scope, unsigned("Gate"))).expect("created");
    assert_eq!(refused(&world, unsigned("Gate")).status(), 409);
    for number in 2..=10 {
        let name = format!("Gate{number}");
        run(world.registry.create_authorizer(&world.scope, unsigned(&name))).expect("created");
    }
    assert_eq!(refused(&world, unsigned("Gate11")).status(), 410);
}

#[test]
fn an_active_authorizer_and_the_default_one_cannot_be_deleted() {
    // AUTH-155, AUTH-157, API-332, API-333
    let World { registry, scope, .. } = &world();
    run(registry.create_authorizer(scope, unsigned("Gate"))).expect("created");
    run(registry.create_authorizer(scope, unsigned("Other"))).expect("created");
    let missing = registry.describe_default_authorizer(scope).expect_err("none yet");
    assert_eq!(missing.status(), 404);
    assert_eq!(run(registry.clear_default_authorizer(scope)).expect_err("none yet").status(), 404);
    assert_eq!(run(registry.set_default_authorizer(scope, "None")).expect_err("unknown").status(), 404);
    run(registry.set_default_authorizer(scope, "Gate")).expect("set");
    run(registry.set_default_authorizer(scope, "Gate")).expect("it is already");
    let taken = run(registry.set_default_authorizer(scope, "Other")).expect_err("another is");
    assert_eq!(taken.code(), "ResourceAlreadyExistsException");

    let conflict = run(registry.delete_authorizer(scope, "Gate")).expect_err("active");
    assert_eq!(conflict.code(), "DeleteConflictException");
    let inactive =
        UpdateAuthorizer { status: Some(AuthorizerStatus::Inactive), ..UpdateAuthorizer::default() };
    run(registry.update_authorizer(scope, "Gate", inactive)).expect("updated");
    let conflict = run(registry.delete_authorizer(scope, "Gate")).expect_err("the default");
    assert_eq!(conflict.code(), "DeleteConflictException");
    run(registry.clear_default_authorizer(scope)).expect("cleared");
    run(registry.delete_authorizer(scope, "Gate")).expect("deleted");
    assert_eq!(run(registry.delete_authorizer(scope, "Gate")).expect_err("gone").status(), 404);
}

#[test]
fn all_but_the_signing_can_be_changed() {
    // API-332, AUTH-151
    let world = world();
    let World { registry, scope, clock, .. } = &world;
    let key = rsa();
    run(registry.create_authorizer(scope, signed("Gate", &key))).expect("created");
    clock.advance(std::time::Duration::from_secs(60));
    let other = format!("{FUNCTION}2");
    let change = UpdateAuthorizer {
        function: Some(other.clone()),
        token_key_name: Some("token".to_owned()),
        enable_caching_for_http: Some(true),
        ..UpdateAuthorizer::default()
    };
    let changed = run(registry.update_authorizer(scope, "Gate", change)).expect("changed");
    assert_eq!((&*changed.function, changed.token_key_name.as_deref()), (&*other, Some("token")));
    assert!(changed.enable_caching_for_http && changed.modified_at > changed.created_at);
    let keyless =
        UpdateAuthorizer { token_signing_public_keys: Some(BTreeMap::new()), ..UpdateAuthorizer::default() };
    let error = run(registry.update_authorizer(scope, "Gate", keyless)).expect_err("needs keys");
    assert_eq!(error.code(), "InvalidRequestException");
}

#[test]
fn authorizers_are_listed_by_status_and_have_tags() {
    // API-067, API-332
    let world = world();
    let World { registry, scope, .. } = &world;
    for name in ["A", "B", "C"] {
        let status = if name == "B" { AuthorizerStatus::Inactive } else { AuthorizerStatus::Active };
        let asked = CreateAuthorizer {
            status: Some(status),
            tags: vec![("team".to_owned(), name.to_owned())],
            ..unsigned(name)
        };
        run(registry.create_authorizer(scope, asked)).expect("created");
    }
    let names = |status, newest_first, limit| {
        let page = registry.list_authorizers(scope, status, newest_first, &PageRequest::first(limit));
        let page = page.expect("a page");
        let names: Vec<String> = page.items.iter().map(|authorizer| authorizer.name.clone()).collect();
        (names.join(""), page.next.is_some())
    };
    assert_eq!(names(None, false, 25), ("ABC".to_owned(), false));
    assert_eq!(names(None, true, 2), ("CB".to_owned(), true));
    assert_eq!(names(Some(AuthorizerStatus::Active), false, 25), ("AC".to_owned(), false));
    assert_eq!(names(Some(AuthorizerStatus::Inactive), false, 25), ("B".to_owned(), false));
    let arn = "arn:aws:iot:eu-west-1:123456789012:authorizer/B";
    let tags = registry.list_tags_for_resource(scope, arn).expect("taggable");
    assert_eq!(tags.get("team").map(String::as_str), Some("B"));
    run(registry.delete_authorizer(scope, "B")).expect("deleted");
    assert_eq!(registry.list_tags_for_resource(scope, arn).expect_err("gone").status(), 404);
}
