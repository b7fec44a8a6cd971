use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use sha2::{Digest, Sha256};
use thingstead_registry::{
    CertificateStatus, KnownCertificate, RegisterCaCertificate, RegistrationConfig, UpdateCaCertificate,
};

use crate::support::{Ca, Heard, NOW, World, run, world};

fn present(w: &World, pem: &str) -> Option<KnownCertificate> {
    let der = CertificateDer::from_pem_slice(pem.as_bytes()).expect("der");
    w.registry.presented(&Sha256::digest(&der).into(), &der)
}

#[test]
fn a_ca_with_a_template_registers_a_certificate_and_does_not_activate_it() {
    // MQTT-039: the first attempt fails. The template is kept, not run, so that the certificate waits to be activated.
    let w = world();
    let heard = Heard::from(&w);
    let ca = Ca::new("factory");
    let device = ca.signs("dev");
    let template = RegistrationConfig {
        template_body: Some("{}".to_owned()),
        role_arn: Some("arn:aws:iam::123456789012:role/r".to_owned()),
        template_name: None,
    };
    let request = RegisterCaCertificate {
        ca_certificate: ca.pem.clone(),
        sni_only: true,
        active: true,
        auto_registration: true,
        registration_config: Some(template),
        ..RegisterCaCertificate::default()
    };
    run(w.registry.register_ca_certificate(&w.scope, request)).expect("ca");
    let known = present(&w, &device).expect("registered");
    assert_eq!(known.status, CertificateStatus::PendingActivation);
    assert!(!known.may_connect(NOW));
    assert_eq!(heard.take()[0].1["certificateStatus"], "PENDING_ACTIVATION");
    assert!(!present(&w, &device).expect("still there").may_connect(NOW));
}

#[test]
fn a_certificate_registers_itself_by_connecting() {
    // API-155, PROV-010, PROV-052, PROV-055, PROV-056, PROV-057, PROV-059, PROV-060, PROV-061, PROV-062, AUTH-034,
    // AUTH-035, AUTH-036, AUTH-038
    let w = world();
    let heard = Heard::from(&w);
    let ca = Ca::new("factory");
    let device = ca.signs("dev");
    assert_eq!(present(&w, &device), None);
    let request = RegisterCaCertificate {
        ca_certificate: ca.pem.clone(),
        sni_only: true,
        active: true,
        ..RegisterCaCertificate::default()
    };
    let registered = run(w.registry.register_ca_certificate(&w.scope, request)).expect("ca");
    assert_eq!(present(&w, &device), None);
    let update = |request: UpdateCaCertificate| {
        run(w.registry.update_ca_certificate(&w.scope, &registered.id, request)).expect("update");
    };
    update(UpdateCaCertificate { auto_registration: Some(true), ..UpdateCaCertificate::default() });
    assert_eq!(present(&w, &Ca::new("factory").signs("dev")), None);
    assert!(heard.take().is_empty());

    let known = present(&w, &device).expect("registered");
    assert_eq!((known.status, &known.scope), (CertificateStatus::PendingActivation, &w.scope));
    assert!(!known.may_connect(NOW));
    w.clock.advance(std::time::Duration::from_secs(60));
    present(&w, &device).expect("still pending");
    let told = heard.take();
    assert_eq!(told.len(), 2);
    assert_eq!(told[0].0, format!("$aws/events/certificates/registered/{}", registered.id));
    assert_eq!(
        told[1].1,
        serde_json::json!({
            "certificateId": known.id, "caCertificateId": registered.id,
            "timestamp": NOW.as_millis() + 60_000, "certificateStatus": "PENDING_ACTIVATION",
            "awsAccountId": "123456789012", "certificateRegistrationTimestamp": NOW.as_millis().to_string()
        })
    );
    run(w.registry.update_certificate(&w.scope, &known.id, CertificateStatus::Active)).expect("activate");
    assert!(present(&w, &device).expect("active").may_connect(w.clock.now()));
    assert!(heard.take().is_empty());

    update(UpdateCaCertificate {
        status: Some(CertificateStatus::Inactive),
        ..UpdateCaCertificate::default()
    });
    assert_eq!(present(&w, &ca.signs("late")), None);
    assert!(heard.take().is_empty());
}
