use thingstead_core::Scope;
use thingstead_registry::{CertificateStatus, CreateThing, PageRequest, Target, ThingPrincipalType};

use crate::support::{run, self_signed, world};

#[test]
fn a_certificate_changes_hands() {
    // API-143, PROV-015, PROV-022
    let w = world();
    let r = &w.registry;
    let taker = Scope::new("210987654321", w.scope.region());
    let pem = self_signed("dev");
    let made = run(r.register_certificate_without_ca(&w.scope, &pem, Some(CertificateStatus::Active)))
        .expect("register");
    let id = made.id.clone();
    let offer = |to: &str| run(r.transfer_certificate(&w.scope, &id, to, Some("yours".to_owned())));
    assert_eq!(offer(taker.account()).expect_err("active").code(), "CertificateStateException");
    run(r.update_certificate(&w.scope, &id, CertificateStatus::Inactive)).expect("inactive");
    for own in [w.scope.account(), "12"] {
        assert_eq!(offer(own).expect_err("account").code(), "InvalidRequestException");
    }
    let document = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
    let target = Target::Certificate(id.clone());
    run(r.create_policy(&w.scope, "p", document, &[])).expect("policy");
    run(r.attach_policy(&w.scope, "p", &target)).expect("attach");
    assert_eq!(offer(taker.account()).expect_err("policy").code(), "TransferConflictException");
    run(r.detach_policy(&w.scope, "p", &target)).expect("detach");
    run(r.create_thing(&w.scope, CreateThing { name: "t".to_owned(), ..CreateThing::default() }))
        .expect("thing");
    run(r.attach_thing_principal(&w.scope, "t", &target, ThingPrincipalType::default())).expect("attach");

    let accept = |active: bool| run(r.accept_certificate_transfer(&taker, &id, active));
    assert_eq!(accept(true).expect_err("nothing offered").code(), "ResourceNotFoundException");
    let cancel = || run(r.cancel_certificate_transfer(&w.scope, &id));
    assert_eq!(cancel().expect_err("nothing offered").code(), "TransferAlreadyCompletedException");
    offer(taker.account()).expect("offer");
    let outgoing =
        || r.list_outgoing_certificates(&w.scope, &PageRequest::default(), false).expect("list").items;
    assert_eq!(outgoing()[0].transfer_data.target_account.as_deref(), Some(taker.account()));
    assert_eq!(
        run(r.update_certificate(&w.scope, &id, CertificateStatus::Active)).expect_err("pending").code(),
        "CertificateStateException"
    );
    assert_eq!(
        run(r.delete_certificate(&w.scope, &id, true)).expect_err("pending").code(),
        "CertificateStateException"
    );
    let stranger = Scope::new("111111111111", w.scope.region());
    let stolen = run(r.accept_certificate_transfer(&stranger, &id, true));
    assert_eq!(stolen.expect_err("stranger").code(), "ResourceNotFoundException");
    cancel().expect("cancel");
    assert!(outgoing().is_empty());
    offer(taker.account()).expect("offer");
    run(r.reject_certificate_transfer(&taker, &id, Some("no".to_owned()))).expect("reject");
    let back = r.describe_certificate(&w.scope, &id).expect("describe");
    assert_eq!(
        (back.status, back.transfer_data.reject_reason.as_deref()),
        (CertificateStatus::Inactive, Some("no"))
    );
    offer(taker.account()).expect("offer");
    accept(false).expect("accept");
    let theirs = r.describe_certificate(&taker, &id).expect("describe");
    assert_eq!(theirs.status, CertificateStatus::Inactive);
    assert_eq!(
        (theirs.owned_by.as_str(), theirs.previous_owned_by.as_deref()),
        (taker.account(), Some(w.scope.account()))
    );
    assert_eq!(theirs.transfer_data.transfer_message.as_deref(), Some("yours"));
    assert_eq!(r.describe_certificate(&w.scope, &id).expect_err("gone").code(), "ResourceNotFoundException");
    let principals = r.list_thing_principals(&w.scope, "t", None, &PageRequest::default()).expect("list");
    assert!(principals.items.is_empty());
    let fingerprint: [u8; 32] = hex::decode(&*id).expect("hex").try_into().expect("32");
    assert_eq!(r.lookup_all(&fingerprint).len(), 1);
    assert_eq!(r.lookup(&fingerprint).expect("known").scope, taker);
    assert_eq!(accept(true).expect_err("done").code(), "TransferAlreadyCompletedException");
}
