use thingstead_registry::{CertificateStatus, CreateThingGroup, PageRequest, RegistryError, Target};

use crate::support::{World, run, self_signed, world};

const ALLOW: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iot:*","Resource":"*"}]}"#;
const DENY: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"iot:*","Resource":"*"}]}"#;

fn certificate(w: &World) -> Target {
    let pem = self_signed("dev");
    let made =
        run(w.registry.register_certificate_without_ca(&w.scope, &pem, Some(CertificateStatus::Active)));
    Target::Certificate(made.expect("register").id.clone())
}

fn policy(w: &World, name: &str) {
    run(w.registry.create_policy(&w.scope, name, ALLOW, &[])).expect(name);
}

#[test]
fn principals_of_a_policy_are_listed_by_the_time_they_were_attached() {
    // API-056, API-176
    let w = world();
    run(w.registry.create_policy(&w.scope, "p", ALLOW, &[])).expect("policy");
    let names = ["eu-west-1:c", "eu-west-1:a", "eu-west-1:b"];
    for name in names {
        w.clock.advance(std::time::Duration::from_secs(1));
        run(w.registry.attach_policy(&w.scope, "p", &Target::Identity(name.into()))).expect(name);
    }
    let listed = |ascending: bool| {
        let (mut found, mut page) = (Vec::new(), PageRequest::first(2));
        loop {
            let rows = w.registry.list_policy_principals(&w.scope, "p", &page, ascending).expect("page");
            found.extend(rows.items.iter().map(|target| target.text(&w.scope)));
            match rows.next {
                Some(token) => page.token = Some(token),
                None => return found,
            }
        }
    };
    assert_eq!(listed(true), names);
    assert_eq!(listed(false), ["eu-west-1:b", "eu-west-1:a", "eu-west-1:c"]);
}

#[test]
fn a_request_has_an_end_even_where_white_space_does_not_count() {
    // POLICY-032
    let w = world();
    let padded = |characters: usize| format!("{ALLOW}{}", " ".repeat(characters - ALLOW.len()));
    run(w.registry.create_policy(&w.scope, "long", &padded(404_600), &[])).expect("as long as it may be");
    let error =
        run(w.registry.create_policy(&w.scope, "longer", &padded(404_601), &[])).expect_err("too long");
    assert_eq!(error.code(), "InvalidRequestException");
}

#[test]
fn policies_keep_their_text_and_refuse_malformed_ones() {
    // API-156, API-157, API-158, API-159, POLICY-030, POLICY-033, POLICY-038, POLICY-050, POLICY-051, POLICY-052,
    // POLICY-053, POLICY-055, POLICY-059, POLICY-060
    let w = world();
    let text = format!("\n  {ALLOW}\t");
    let made = run(w.registry.create_policy(&w.scope, "p", &text, &[])).expect("create");
    assert_eq!(made.arn(&w.scope).to_string(), "arn:aws:iot:eu-west-1:123456789012:policy/p");
    let default = made.default().expect("default");
    assert_eq!((&*default.id(), &**default.text()), ("1", text.as_str()));
    let again = run(w.registry.create_policy(&w.scope, "p", &text, &[])).expect_err("again");
    assert_eq!(again.message(), "Policy cannot be created - name already exists (name=p)");
    assert_eq!(again.code(), "ResourceAlreadyExistsException");
    let refused = |text: &str| run(w.registry.create_policy(&w.scope, "q", text, &[])).expect_err("refused");
    assert!(refused("no json").message().starts_with("Policy document is Malformed"));
    assert_eq!(
        refused(r#"{"Version":"2012-10-17"}"#).message(),
        "Policy document is Malformed: Invalid policy syntax."
    );
    // What AWS leaves open is told beside its words.
    assert!(matches!(
        refused("{\"Version\":\n\"2012\"}"),
        RegistryError::MalformedPolicy { why, .. }
            if why == "line 2, column 1: `Version` must be `2012-10-17` or `2008-10-17`"
    ));
    let resource =
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iot:*","Resource":"x"}]}"#;
    assert_eq!(
        refused(resource).message(),
        "Policy document is Malformed: The following resources are invalid : x"
    );
    let resource = format!("arn:aws:iot:::topic/{}", "x".repeat(2048));
    let long = ALLOW.replace("\"*\"}", &format!("\"{resource}\"}}"));
    assert_eq!(refused(&long).code(), "MalformedPolicyException");
    let padded = ALLOW.replace(':', &format!(":{}", " ".repeat(1000)));
    run(w.registry.create_policy(&w.scope, "padded", &padded, &[])).expect("white space is free");
    let greengrass = ALLOW.replace("iot:*", "greengrass:Discover");
    run(w.registry.create_policy(&w.scope, "g", &greengrass, &[])).expect("greengrass");
    assert_eq!(
        run(w.registry.create_policy(&w.scope, "a b", ALLOW, &[])).expect_err("name").code(),
        "InvalidRequestException"
    );
    assert_eq!(
        w.registry.get_policy(&w.scope, "none").expect_err("unknown").code(),
        "ResourceNotFoundException"
    );
}

#[test]
fn versions_count_up_and_are_limited() {
    // API-164, API-165, API-166, API-167, API-168, POLICY-034, POLICY-061, POLICY-062, POLICY-063, POLICY-064,
    // POLICY-065, POLICY-066, POLICY-067
    let w = world();
    policy(&w, "p");
    let add = |text: &str, default: bool| run(w.registry.create_policy_version(&w.scope, "p", text, default));
    let set = |id: &str| run(w.registry.set_default_policy_version(&w.scope, "p", id));
    let delete = |id: &str| run(w.registry.delete_policy_version(&w.scope, "p", id));
    let second = add(DENY, false).expect("add");
    assert_eq!(second.default_version, 1);
    assert_eq!(
        &**w.registry.get_policy(&w.scope, "p").expect("get").default().expect("default").text(),
        ALLOW
    );
    let generation = w.registry.generation(&w.scope);
    set("2").expect("set");
    assert!(w.registry.generation(&w.scope) > generation);
    assert_eq!(
        &**w.registry.get_policy(&w.scope, "p").expect("get").default().expect("default").text(),
        DENY
    );
    assert_eq!(
        delete("2"),
        Err(RegistryError::DeleteConflict("Cannot delete the default version of a policy".to_owned()))
    );
    delete("1").expect("delete");
    for n in 3..=6 {
        assert_eq!(add(ALLOW, n == 6).expect("add").last_version, n);
    }
    assert_eq!(
        add(ALLOW, false).expect_err("sixth"),
        RegistryError::VersionsLimitExceeded(
            "The policy p already has the maximum number of versions (5)".to_owned()
        )
    );
    assert_eq!(add("x", false).expect_err("malformed").code(), "MalformedPolicyException");
    assert_eq!(w.registry.get_policy(&w.scope, "p").expect("get").default_version, 6);
    for id in ["1", "9", "06", "x"] {
        assert_eq!(set(id).expect_err(id).code(), "ResourceNotFoundException");
        assert_eq!(delete(id).expect_err(id).code(), "ResourceNotFoundException");
    }
    delete("3").expect("delete");
    assert_eq!(add(ALLOW, false).expect("add").last_version, 7);
    let unknown = run(w.registry.create_policy_version(&w.scope, "none", ALLOW, false));
    assert_eq!(unknown.expect_err("unknown").code(), "ResourceNotFoundException");
}

#[test]
fn attached_or_many_versioned_policies_are_not_deleted() {
    // API-160, API-161, API-162, API-163, POLICY-068
    let w = world();
    policy(&w, "p");
    policy(&w, "q");
    let names = |ascending: bool| {
        let page = w.registry.list_policies(&w.scope, &PageRequest::default(), ascending).expect("list");
        page.items.iter().map(|policy| policy.name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!((names(false), names(true)), (vec!["q".into(), "p".into()], vec!["p".into(), "q".into()]));
    let delete = || run(w.registry.delete_policy(&w.scope, "p"));
    let target = certificate(&w);
    run(w.registry.attach_policy(&w.scope, "p", &target)).expect("attach");
    assert_eq!(
        delete(),
        Err(RegistryError::DeleteConflict(
            "The policy cannot be deleted as the policy is attached to one or more principals (name=p)"
                .to_owned()
        ))
    );
    run(w.registry.detach_policy(&w.scope, "p", &target)).expect("detach");
    run(w.registry.create_policy_version(&w.scope, "p", DENY, false)).expect("version");
    assert_eq!(
        delete(),
        Err(RegistryError::DeleteConflict(
            "The policy cannot be deleted as versions other than than default version exist".to_owned()
        ))
    );
    run(w.registry.delete_policy_version(&w.scope, "p", "2")).expect("version");
    delete().expect("delete");
    assert_eq!(delete().expect_err("gone").code(), "ResourceNotFoundException");
}

#[test]
fn policies_are_attached_to_what_exists() {
    // API-169, API-170, API-171, API-172, API-173, API-174, API-175, API-176, API-177, POLICY-035, POLICY-036,
    // POLICY-069, POLICY-070, POLICY-071, POLICY-072, POLICY-073
    let w = world();
    for n in 0..12 {
        policy(&w, &format!("p{n:02}"));
    }
    let attach = |policy: &str, target: &Target| run(w.registry.attach_policy(&w.scope, policy, target));
    let certificate = certificate(&w);
    let text = certificate.text(&w.scope);
    assert_eq!(Target::parse(&w.scope, &text), Ok(certificate.clone()));
    for n in 0..10 {
        attach(&format!("p{n:02}"), &certificate).expect("attach");
    }
    attach("p00", &certificate).expect("twice");
    assert_eq!(attach("p10", &certificate).expect_err("eleventh").code(), "LimitExceededException");
    let identity =
        Target::parse(&w.scope, "eu-west-1:11111111-2222-3333-4444-555555555555").expect("identity");
    attach("p00", &identity).expect("identity");
    assert_eq!(attach("none", &certificate).expect_err("policy").code(), "ResourceNotFoundException");
    let unknown = Target::Certificate("0".repeat(64).into());
    assert_eq!(attach("p00", &unknown).expect_err("certificate").code(), "ResourceNotFoundException");
    let group = Target::parse(&w.scope, "arn:aws:iot:eu-west-1:123456789012:thinggroup/g").expect("group");
    assert_eq!(
        attach("p00", &group),
        Err(RegistryError::ResourceNotFound(
            "No thing group with ARN arn:aws:iot:eu-west-1:123456789012:thinggroup/g exists".to_owned()
        ))
    );
    for (name, parent) in [("root", None), ("g", Some("root"))] {
        let request = CreateThingGroup {
            name: name.to_owned(),
            parent: parent.map(str::to_owned),
            ..CreateThingGroup::default()
        };
        run(w.registry.create_thing_group(&w.scope, request)).expect(name);
    }
    attach("p00", &group).expect("group");
    attach("p01", &group).expect("group");
    assert_eq!(attach("p02", &group).expect_err("third").code(), "LimitExceededException");
    attach("p05", &Target::ThingGroup("root".into())).expect("root");
    let listed = |target: &Target, recursive: bool| {
        let page = w.registry.list_attached_policies(&w.scope, target, recursive, &PageRequest::first(250));
        page.expect("list").items.iter().map(|policy| policy.name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(listed(&group, false), ["p00", "p01"]);
    assert_eq!(listed(&group, true), ["p00", "p01", "p05"]); // POLICY-075
    assert_eq!(listed(&certificate, true).len(), 10);
    let missing = w.registry.list_attached_policies(&w.scope, &unknown, false, &PageRequest::default());
    assert_eq!(missing.expect_err("unknown").code(), "ResourceNotFoundException");

    let targets =
        w.registry.list_targets_for_policy(&w.scope, "p00", &PageRequest::default()).expect("targets");
    assert_eq!(targets.items.len(), 3);
    let principals = w.registry.list_policy_principals(&w.scope, "p00", &PageRequest::default(), false);
    assert_eq!(principals.expect("principals").items.len(), 2);
    let none = w.registry.list_policy_principals(&w.scope, "none", &PageRequest::default(), false);
    assert!(none.expect("none").items.is_empty());
    let unknown_policy = w.registry.list_targets_for_policy(&w.scope, "none", &PageRequest::default());
    assert_eq!(unknown_policy, Err(RegistryError::ResourceNotFound("Policy not found".to_owned())));

    let detach = |policy: &str, target: &Target| run(w.registry.detach_policy(&w.scope, policy, target));
    detach("p11", &certificate).expect("not attached");
    assert_eq!(detach("none", &certificate).expect_err("policy").code(), "ResourceNotFoundException");
    assert_eq!(detach("p00", &unknown).expect_err("certificate").code(), "ResourceNotFoundException");
    detach("p00", &certificate).expect("detach");
    assert_eq!(listed(&certificate, false).len(), 9);
    for text in ["x", "arn:aws:iot:eu-west-1:123456789012:thing/t", "a b:c"] {
        assert_eq!(Target::parse(&w.scope, text).expect_err(text).code(), "InvalidRequestException");
    }
    let foreign = Target::parse(&w.scope, "arn:aws:iot:eu-west-1:210987654321:cert/x").expect_err("foreign");
    assert_eq!(foreign.code(), "ResourceNotFoundException");
}
