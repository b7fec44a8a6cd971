use std::sync::Arc;

use rcgen::{DnType, KeyPair, PKCS_ECDSA_P384_SHA384, PKCS_ED25519};
use sha2::{Digest, Sha256};
use thingstead_core::{Scope, Timestamp};
use thingstead_registry::{
    CertificateMode, CertificateStatus, CreateThing, PageRequest, RegisterCertificate, RegistryError, Target,
    ThingPrincipalType,
};
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::support::{Ca, Closed, World, named, run, self_signed, shared, world};

const ALLOW_ALL: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iot:*","Resource":"*"}]}"#;

fn register(w: &World, name: &str, status: CertificateStatus) -> Arc<thingstead_registry::Certificate> {
    run(w.registry.register_certificate_without_ca(&w.scope, &self_signed(name), Some(status)))
        .expect("register")
}

fn fingerprint(id: &str) -> [u8; 32] {
    hex::decode(id).expect("hex").try_into().expect("32 bytes")
}

#[test]
fn created_keys_are_rsa_and_the_id_is_the_fingerprint() {
    // API-127, API-129, API-130, API-137, PROV-001, PROV-003, PROV-015, PROV-016, PROV-023, PROV-024, PROV-025,
    // AUTH-039, AUTH-043
    let w = world();
    let active = run(w.registry.create_keys_and_certificate(&w.scope, true)).expect("create");
    let inactive = run(w.registry.create_keys_and_certificate(&w.scope, false)).expect("create");
    assert_eq!(active.certificate.status, CertificateStatus::Active);
    assert_eq!(inactive.certificate.status, CertificateStatus::Inactive);
    let der = active.certificate.der().expect("der");
    assert_eq!(&*active.certificate.id, hex::encode(Sha256::digest(&der)).as_str());
    let described = w.registry.describe_certificate(&w.scope, &active.certificate.id).expect("describe");
    assert_eq!(
        described.arn(&w.scope).to_string(),
        format!("arn:aws:iot:eu-west-1:123456789012:cert/{}", described.id)
    );
    assert_eq!(described.owned_by, "123456789012");
    assert_eq!(described.mode, CertificateMode::Default);
    assert_eq!(described.customer_version, 1);
    assert_eq!(described.not_after, Timestamp::from_millis(2_524_607_999_000));
    assert_eq!(described.created_at, w.clock.now());
    assert!(active.private_key.contains("BEGIN RSA PRIVATE KEY"));
    assert!(active.public_key.contains("BEGIN PUBLIC KEY"));
    assert!(!format!("{active:?}").contains("PRIVATE"));
    assert_eq!(
        w.registry.describe_certificate(&w.scope, &"0".repeat(64)).expect_err("unknown").code(),
        "ResourceNotFoundException" // PROV-014
    );
}

#[test]
fn requests_keep_key_and_subject_and_twice_gives_two() {
    // API-128, API-131, PROV-026, PROV-027, PROV-028
    let w = world();
    let key = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).expect("key");
    let mut params = named("dev-7");
    params.distinguished_name.push(DnType::OrganizationalUnitName, "lab");
    let csr = params.serialize_request(&key).expect("request").pem().expect("pem");
    let first = run(w.registry.create_certificate_from_csr(&w.scope, &csr, true)).expect("create");
    let second = run(w.registry.create_certificate_from_csr(&w.scope, &csr, false)).expect("create");
    assert_ne!(first.id, second.id);
    let der = first.der().expect("der");
    let (_, parsed) = X509Certificate::from_der(&der).expect("certificate");
    assert_eq!(parsed.subject().to_string(), "CN=dev-7, OU=lab");
    assert_eq!(parsed.public_key().subject_public_key.data.as_ref(), key.public_key_raw());
    assert_eq!(parsed.validity().not_after.timestamp(), 2_524_607_999);

    let weak = KeyPair::generate_for(&PKCS_ED25519).expect("key");
    let weak = named("x").serialize_request(&weak).expect("request").pem().expect("pem");
    let mut broken: Vec<String> = csr.lines().map(str::to_owned).collect();
    broken[4] = broken[4].chars().rev().collect();
    for bad in [
        "",
        "no pem",
        "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n",
        &weak,
        &broken.join("\n"),
    ] {
        let error =
            run(w.registry.create_certificate_from_csr(&w.scope, bad, true)).expect_err("bad request");
        assert_eq!(error.code(), "InvalidRequestException", "{bad}");
    }
}

#[test]
fn certificates_are_registered_once_a_scope() {
    // API-133, API-134, API-135, API-136, PROV-002, PROV-019, PROV-020, PROV-033, PROV-034, AUTH-033, AUTH-040
    let w = world();
    let pem = self_signed("dev");
    let register =
        |scope: &Scope, pem: &str| run(w.registry.register_certificate_without_ca(scope, pem, None));
    let first = register(&w.scope, &pem).expect("register");
    assert_eq!((first.status, first.mode), (CertificateStatus::Inactive, CertificateMode::SniOnly));
    let dressed = format!("subject: x\n{}\n{}", pem.replace('\n', "\r\n"), self_signed("other"));
    assert_eq!(
        register(&w.scope, &dressed),
        Err(RegistryError::ResourceAlreadyExists {
            message: "The certificate is already provisioned or registered".to_owned(),
            resource_id: Some(first.id.to_string()),
            resource_arn: Some(first.arn(&w.scope).to_string()),
        })
    );
    let elsewhere = Scope::new("210987654321", "eu-west-1");
    register(&elsewhere, &pem).expect("another account");
    run(w.registry.update_certificate(&elsewhere, &first.id, CertificateStatus::Active)).expect("activate");
    let print = fingerprint(&first.id);
    assert_eq!(w.registry.lookup_all(&print).len(), 2);
    assert_eq!(w.registry.lookup(&print).expect("known").scope, elsewhere);
    for bad in ["", "text", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        assert_eq!(register(&w.scope, bad).expect_err("bad").code(), "CertificateValidationException");
    }
    for status in [CertificateStatus::PendingActivation, CertificateStatus::PendingTransfer] {
        let answer =
            run(w.registry.register_certificate_without_ca(&w.scope, &self_signed("x"), Some(status)));
        assert_eq!(answer.expect_err("status").code(), "InvalidRequestException");
    }
}

#[test]
fn the_status_moves_and_connections_are_told() {
    // API-138, API-139, PROV-004, PROV-005, PROV-006, PROV-007, PROV-008, PROV-009, POLICY-480, AUTH-030, AUTH-031,
    // AUTH-046, AUTH-047
    let w = world();
    let closed = Arc::new(Closed::default());
    w.registry.follow_connections(shared(&closed));
    let id = register(&w, "dev", CertificateStatus::Active).id.clone();
    let set = |status: CertificateStatus| run(w.registry.update_certificate(&w.scope, &id, status));
    let may_connect =
        || w.registry.lookup(&fingerprint(&id)).is_some_and(|known| known.may_connect(w.clock.now()));
    assert!(may_connect());
    let before = w.registry.generation(&w.scope);
    set(CertificateStatus::Active).expect("again");
    assert_eq!(closed.0.lock().len(), 0);
    set(CertificateStatus::Inactive).expect("inactive");
    assert_eq!(*closed.0.lock(), [id.to_string()]);
    assert!(!may_connect());
    assert!(w.registry.generation(&w.scope) > before);
    set(CertificateStatus::Active).expect("active");
    for status in [
        CertificateStatus::PendingTransfer,
        CertificateStatus::PendingActivation,
        CertificateStatus::RegisterInactive,
    ] {
        assert_eq!(set(status).expect_err("status").code(), "InvalidRequestException");
    }
    set(CertificateStatus::Revoked).expect("revoked");
    assert_eq!(closed.0.lock().len(), 2);
    assert_eq!(set(CertificateStatus::Active).expect_err("revoked").code(), "CertificateStateException");
    let unknown = run(w.registry.update_certificate(&w.scope, "none", CertificateStatus::Active));
    assert_eq!(unknown.expect_err("unknown").code(), "ResourceNotFoundException");
    // An expired certificate may not connect either.
    let late = register(&w, "late", CertificateStatus::Active);
    let known = w.registry.lookup(&fingerprint(&late.id)).expect("known");
    assert!(!known.may_connect(Timestamp::from_millis(late.not_after.as_millis() + 1)));
}

#[test]
fn only_loose_inactive_certificates_can_be_deleted() {
    // API-140, API-141, PROV-011, PROV-012, PROV-013, POLICY-076, AUTH-049
    let w = world();
    let certificate = register(&w, "dev", CertificateStatus::Active);
    let (id, arn) = (certificate.id.clone(), certificate.arn(&w.scope).to_string());
    let target = Target::Certificate(id.clone());
    let delete = |force: bool| run(w.registry.delete_certificate(&w.scope, &id, force));
    assert_eq!(
        delete(true),
        Err(RegistryError::CertificateState(format!(
            "Certificate must be deactivated (not ACTIVE) before deletion. Id: {id}"
        )))
    );
    run(w.registry.update_certificate(&w.scope, &id, CertificateStatus::Inactive)).expect("inactive");
    let thing = CreateThing { name: "t".to_owned(), ..CreateThing::default() };
    run(w.registry.create_thing(&w.scope, thing)).expect("thing");
    run(w.registry.create_policy(&w.scope, "p", ALLOW_ALL, &[])).expect("policy");
    run(w.registry.attach_policy(&w.scope, "p", &target)).expect("attach");
    let kind = ThingPrincipalType::default();
    run(w.registry.attach_thing_principal(&w.scope, "t", &target, kind)).expect("attach");
    let things =
        RegistryError::DeleteConflict(format!("Things must be detached before deletion (arn: {arn})"));
    assert_eq!(delete(false), Err(things.clone()));
    assert_eq!(delete(true), Err(things));
    run(w.registry.detach_thing_principal(&w.scope, "t", &target)).expect("detach");
    assert_eq!(
        delete(false),
        Err(RegistryError::DeleteConflict(format!(
            "Certificate policies must be detached before deletion (arn: {arn})"
        )))
    );
    delete(true).expect("forced");
    assert!(w.registry.lookup(&fingerprint(&id)).is_none());
    let targets =
        w.registry.list_targets_for_policy(&w.scope, "p", &PageRequest::default()).expect("targets");
    assert!(targets.items.is_empty());
    assert_eq!(delete(false).expect_err("gone").code(), "ResourceNotFoundException");
}

#[test]
fn lists_are_newest_first_and_by_ca() {
    // API-054, API-142, PROV-051
    let w = world();
    let made: Vec<_> =
        (0..30).map(|n| register(&w, &format!("d{n}"), CertificateStatus::Inactive).id.clone()).collect();
    let page = w.registry.list_certificates(&w.scope, &PageRequest::default(), false).expect("list");
    assert_eq!((page.items.len(), &page.items[0].id), (25, &made[29]));
    let next = PageRequest { token: page.next, limit: None };
    let rest = w.registry.list_certificates(&w.scope, &next, false).expect("list");
    assert_eq!((rest.items.len(), &rest.items[4].id, rest.next), (5, &made[0], None));
    let ascending = w.registry.list_certificates(&w.scope, &PageRequest::first(1), true).expect("list");
    assert_eq!(&ascending.items[0].id, &made[0]);
    let by_ca = w.registry.list_certificates_by_ca(&w.scope, "none", &PageRequest::default(), false);
    assert!(by_ca.expect("list").items.is_empty());
}

#[test]
fn a_certificate_of_a_registered_ca_is_registered_under_it() {
    // API-132, API-136, PROV-029, PROV-030, PROV-031, PROV-032, PROV-035, PROV-046, PROV-050, PROV-051
    let w = world();
    let ca = Ca::new("factory");
    let register = |pem: String, ca: Option<&Ca>, status: Option<CertificateStatus>| {
        run(w.registry.register_certificate(
            &w.scope,
            RegisterCertificate {
                certificate_pem: pem,
                ca_certificate_pem: ca.map(|ca| ca.pem.clone()),
                status,
            },
        ))
    };
    let error = register(ca.signs("early"), None, None).expect_err("no CA");
    assert_eq!(error.code(), "CertificateValidationException");
    let registered = |ca: &Ca, active: bool| {
        let request = thingstead_registry::RegisterCaCertificate {
            ca_certificate: ca.pem.clone(),
            active,
            sni_only: true,
            ..Default::default()
        };
        run(w.registry.register_ca_certificate(&w.scope, request)).expect("ca")
    };
    let record = registered(&ca, true);
    let first = register(ca.signs("d1"), None, None).expect("register");
    assert_eq!((first.status, first.mode), (CertificateStatus::Inactive, CertificateMode::SniOnly));
    assert_eq!(first.ca_certificate_id.as_ref(), Some(&record.id));
    let second = register(ca.signs("d2"), Some(&ca), Some(CertificateStatus::Revoked)).expect("register");
    assert_eq!(second.status, CertificateStatus::Revoked);
    let listed = w.registry.list_certificates_by_ca(&w.scope, &record.id, &PageRequest::default(), true);
    assert_eq!(listed.expect("list").items.len(), 2);
    // Same name, other key: not signed by it.
    let impostor = Ca::new("factory");
    assert_eq!(
        register(impostor.signs("d3"), None, None).expect_err("impostor").code(),
        "CertificateValidationException"
    );
    let twin = ca.again();
    registered(&twin, true);
    assert_eq!(register(ca.signs("d4"), None, None).expect_err("two").code(), "CertificateConflictException");
    register(ca.signs("d5"), Some(&twin), None).expect("named");
    let off = thingstead_registry::UpdateCaCertificate {
        status: Some(CertificateStatus::Inactive),
        ..Default::default()
    };
    run(w.registry.update_ca_certificate(&w.scope, &record.id, off)).expect("off");
    assert_eq!(
        register(ca.signs("d6"), Some(&ca), None).expect_err("inactive").code(),
        "CertificateValidationException"
    );
    assert_eq!(w.registry.describe_certificate(&w.scope, &first.id).expect("stays").id, first.id);
}
