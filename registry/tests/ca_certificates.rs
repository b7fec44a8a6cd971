use thingstead_core::Scope;
use thingstead_registry::{
    CaCertificate, CertificateMode, CertificateStatus, PageRequest, RegisterCaCertificate,
    RegistrationConfig, RegistryError, Result, UpdateCaCertificate,
};

use crate::support::{Ca, World, invalid, run, self_signed, world};

fn register(w: &World, request: RegisterCaCertificate) -> Result<std::sync::Arc<CaCertificate>> {
    run(w.registry.register_ca_certificate(&w.scope, request))
}

fn request(ca: &Ca, verification: Option<String>) -> RegisterCaCertificate {
    RegisterCaCertificate {
        ca_certificate: ca.pem.clone(),
        verification_certificate: verification,
        ..RegisterCaCertificate::default()
    }
}

#[test]
fn the_registration_code_stays_until_it_is_deleted() {
    // API-144, API-145, PROV-036
    let w = world();
    let get = || run(w.registry.get_registration_code(&w.scope)).expect("code");
    let code = get();
    assert!(code.len() == 64 && code.bytes().all(|b| b.is_ascii_hexdigit()));
    assert_eq!(get(), code);
    let elsewhere = run(w.registry.get_registration_code(&Scope::new("1", "r"))).expect("code");
    assert_ne!(elsewhere, code);
    run(w.registry.delete_registration_code(&w.scope)).expect("delete");
    let none = run(w.registry.delete_registration_code(&w.scope)).expect_err("none");
    assert_eq!(none.code(), "ResourceNotFoundException");
    assert_ne!(get(), code);
}

#[test]
fn the_owner_of_a_ca_must_prove_to_have_its_key() {
    // API-059, API-146, API-147, API-148, PROV-037, PROV-038, PROV-039, PROV-040, PROV-042, PROV-043, PROV-044
    let w = world();
    let ca = Ca::new("factory");
    let code = run(w.registry.get_registration_code(&w.scope)).expect("code");
    let refused =
        |verification: Option<String>| register(&w, request(&ca, verification)).expect_err("refused");
    assert_eq!(refused(None).code(), "InvalidRequestException");
    assert_eq!(refused(Some("x".to_owned())).code(), "CertificateValidationException");
    assert_eq!(refused(Some(self_signed(&code))).code(), "CertificateValidationException");
    assert_eq!(refused(Some(ca.signs("wrong"))).code(), "RegistrationCodeValidationException");
    let sni_only = RegisterCaCertificate { sni_only: true, ..request(&ca, Some(ca.signs(&code))) };
    assert_eq!(register(&w, sni_only).expect_err("both").code(), "InvalidRequestException");

    let made = register(&w, request(&ca, Some(ca.signs(&code)))).expect("register");
    assert_eq!(
        made.arn(&w.scope).to_string(),
        format!("arn:aws:iot:eu-west-1:123456789012:cacert/{}", made.id)
    );
    assert_eq!((made.status, made.mode), (CertificateStatus::Inactive, CertificateMode::Default));
    assert!(!made.auto_registration);
    let again = register(&w, request(&ca, Some(ca.signs(&code)))).expect_err("again");
    assert_eq!(again.code(), "ResourceAlreadyExistsException");
    let bad = RegisterCaCertificate { ca_certificate: "x".to_owned(), ..request(&ca, None) };
    assert_eq!(register(&w, bad).expect_err("bad").code(), "CertificateValidationException");
}

#[test]
fn ten_cas_may_share_a_subject() {
    // API-149, PROV-045
    let w = world();
    for n in 0..11 {
        let made = register(&w, RegisterCaCertificate { sni_only: true, ..request(&Ca::new("same"), None) });
        assert_eq!(made.is_ok(), n < 10, "{n}");
        if n == 10 {
            assert_eq!(made.expect_err("eleventh").code(), "LimitExceededException");
        }
    }
    register(&w, RegisterCaCertificate { sni_only: true, ..request(&Ca::new("other"), None) })
        .expect("other");
}

#[test]
fn a_ca_is_updated_listed_and_deleted() {
    // API-150, API-151, API-152, API-153, API-154, PROV-047, PROV-048, PROV-049
    let w = world();
    let config = RegistrationConfig {
        template_body: Some("{}".to_owned()),
        role_arn: Some("arn:aws:iam::123456789012:role/r".to_owned()),
        template_name: None,
    };
    let base = RegisterCaCertificate { sni_only: true, active: true, ..request(&Ca::new("a"), None) };
    let named = RegistrationConfig { template_name: Some("t".to_owned()), ..RegistrationConfig::default() };
    let bad = RegisterCaCertificate { registration_config: Some(named), ..base.clone() };
    assert_eq!(register(&w, bad).expect_err("template").code(), "ResourceNotFoundException");
    let made = register(&w, base).expect("register");
    let update =
        |request: UpdateCaCertificate| run(w.registry.update_ca_certificate(&w.scope, &made.id, request));
    let now = || w.registry.describe_ca_certificate(&w.scope, &made.id).expect("describe");
    update(UpdateCaCertificate {
        auto_registration: Some(true),
        registration_config: Some(config.clone()),
        ..UpdateCaCertificate::default()
    })
    .expect("enable");
    assert!(now().auto_registration);
    assert_eq!(now().registration_config, Some(config));
    update(UpdateCaCertificate { remove_auto_registration: true, ..UpdateCaCertificate::default() })
        .expect("drop");
    assert_eq!(now().registration_config, None);
    assert_eq!(
        run(w.registry.delete_ca_certificate(&w.scope, &made.id)).expect_err("active").code(),
        "CertificateStateException"
    );
    let off = UpdateCaCertificate {
        status: Some(CertificateStatus::Inactive),
        auto_registration: Some(false),
        ..UpdateCaCertificate::default()
    };
    update(off).expect("off");
    assert_eq!(
        update(UpdateCaCertificate { auto_registration: Some(true), ..UpdateCaCertificate::default() }),
        Err(invalid("Auto registration can only be enabled for an ACTIVE CA certificate"))
    );
    let listed =
        w.registry.list_ca_certificates(&w.scope, None, &PageRequest::default(), false).expect("list");
    assert_eq!(listed.items.len(), 1);
    run(w.registry.delete_ca_certificate(&w.scope, &made.id)).expect("delete");
    assert!(matches!(
        run(w.registry.delete_ca_certificate(&w.scope, &made.id)),
        Err(RegistryError::ResourceNotFound(_))
    ));
}
