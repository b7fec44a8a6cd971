use thingstead_core::wiring::Reload;
use thingstead_registry::{
    CertificateStatus, CreateThing, CreateThingGroup, PageRequest, RegisterCaCertificate, RegistrySettings,
    Target, ThingFilter, ThingPrincipalType,
};

use crate::support::{Ca, World, attributes, open, run, self_signed, world};

const ALLOW: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iot:*","Resource":"*"}]}"#;

/// One of everything; the certificate.
fn furnish(w: &World) -> Target {
    let tags = [("k".to_owned(), "v".to_owned())];
    run(async {
        w.registry.create_thing_type(&w.scope, "bulb", Default::default(), &tags).await.expect("type");
        w.registry.create_billing_group(&w.scope, "bill", None, &tags).await.expect("billing");
        for name in ["z", "a"] {
            let request = CreateThing {
                name: name.to_owned(),
                type_name: Some("bulb".to_owned()),
                attributes: attributes(&[("room", "1")]),
                billing_group: Some("bill".to_owned()),
            };
            w.registry.create_thing(&w.scope, request).await.expect("thing");
        }
        let group = CreateThingGroup { name: "g".to_owned(), ..CreateThingGroup::default() };
        w.registry.create_thing_group(&w.scope, group).await.expect("group");
        w.registry.add_thing_to_thing_group(&w.scope, "g", "z", false).await.expect("add");
        w.registry.create_policy(&w.scope, "p", ALLOW, &[]).await.expect("policy");
        w.registry.create_policy_version(&w.scope, "p", ALLOW, true).await.expect("version");
        let status = Some(CertificateStatus::Active);
        let certificate =
            w.registry.register_certificate_without_ca(&w.scope, &self_signed("d"), status).await;
        let target = Target::Certificate(certificate.expect("certificate").id.clone());
        w.registry.attach_policy(&w.scope, "p", &target).await.expect("attach");
        let kind = ThingPrincipalType::ExclusiveThing;
        w.registry.attach_thing_principal(&w.scope, "z", &target, kind).await.expect("attach");
        let ca = RegisterCaCertificate {
            ca_certificate: Ca::new("ca").pem,
            sni_only: true,
            active: true,
            ..RegisterCaCertificate::default()
        };
        w.registry.register_ca_certificate(&w.scope, ca).await.expect("ca");
        w.registry.get_registration_code(&w.scope).await.expect("code");
        target
    })
}

/// What a reader can see, as text.
fn view(w: &World, target: &Target) -> String {
    let (r, s, page) = (&w.registry, &w.scope, PageRequest::default());
    let Target::Certificate(id) = target else { panic!("a certificate") };
    let fingerprint: [u8; 32] = hex::decode(&**id).expect("hex").try_into().expect("32");
    format!(
        "{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}",
        r.list_things(s, &ThingFilter::default(), &page),
        r.list_thing_types(s, None, &page),
        r.describe_thing_group(s, "g"),
        r.list_things_in_thing_group(s, "g", false, &page),
        r.list_things_in_billing_group(s, "bill", &page),
        r.get_policy(s, "p").map(|p| (p.default_version, p.last_version, p.versions.len(), p.created_at)),
        r.list_attached_policies(s, target, false, &page).map(|p| p.items.len()),
        r.associated_thing(s, target, None),
        r.lookup(&fingerprint),
        r.list_ca_certificates(s, None, &page, false),
        run(r.get_registration_code(s)),
        r.list_tags_for_resource(s, &thingstead_core::Arn::iot(s, "thingtype/bulb").to_string()),
    )
}

#[test]
fn everything_is_there_after_a_restart() {
    let w = world();
    let target = furnish(&w);
    let before = view(&w, &target);
    let World { registry, clock, store, scope } = w;
    drop(registry);
    let registry = open(&store, &clock, RegistrySettings::default());
    let again = World { registry, clock, store, scope };
    assert_eq!(view(&again, &target), before);
    // The order of creation goes on where it stopped.
    let request = CreateThing { name: "m".to_owned(), ..CreateThing::default() };
    run(again.registry.create_thing(&again.scope, request)).expect("create");
    let names = again.registry.list_things(&again.scope, &ThingFilter::default(), &PageRequest::default());
    let names: Vec<_> = names.expect("list").items.iter().map(|thing| thing.name.to_string()).collect();
    assert_eq!(names, ["z", "a", "m"]);
}

#[test]
fn a_restored_snapshot_is_what_readers_see_after_reload() {
    let w = world();
    let target = furnish(&w);
    let before = view(&w, &target);
    w.store.snapshot("s").wait().expect("snapshot");
    let elsewhere = thingstead_core::Scope::new("1", "r");
    let request = CreateThing { name: "new".to_owned(), ..CreateThing::default() };
    run(w.registry.create_thing(&elsewhere, request)).expect("create");
    run(w.registry.delete_thing(&w.scope, "a", None)).expect("delete");
    run(w.registry.update_certificate(
        &w.scope,
        match &target {
            Target::Certificate(id) => id,
            _ => panic!("a certificate"),
        },
        CertificateStatus::Revoked,
    ))
    .expect("revoke");
    assert_ne!(view(&w, &target), before);
    let counter = w.registry.generation_counter(&w.scope);
    let generation = w.registry.generation(&w.scope);
    w.store.restore("s").wait().expect("restore");
    w.registry.reload().expect("reload");
    assert_eq!(view(&w, &target), before);
    assert!(w.registry.thing(&elsewhere, "new").is_none());
    assert!(w.registry.generation(&w.scope) > generation);
    assert_eq!(counter.load(std::sync::atomic::Ordering::Acquire), w.registry.generation(&w.scope));
}
