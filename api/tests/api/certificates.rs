//! Certificates and what they are attached to.

use serde_json::{Value, json};

use crate::fixture::Server;

const NONE: Value = Value::Null;

async fn certificate(server: &Server, active: bool) -> Value {
    server.call("POST", &format!("/keys-and-certificate?setAsActive={active}"), NONE).await.ok()
}

fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value[member].as_str().unwrap_or_else(|| panic!("no {member} in {value}"))
}

#[tokio::test]
async fn keys_and_certificate_come_with_their_names_and_forms() {
    // API-033, API-127, API-129, API-130, API-137, API-389
    let server = Server::new();
    let created = certificate(&server, true).await;
    assert!(text(&created["keyPair"], "PublicKey").starts_with("-----BEGIN PUBLIC KEY-----"));
    assert!(text(&created["keyPair"], "PrivateKey").starts_with("-----BEGIN RSA PRIVATE KEY-----"));
    let id = text(&created, "certificateId");
    assert_eq!(text(&created, "certificateArn"), format!("arn:aws:iot:us-east-1:000000000000:cert/{id}"));
    let described = server.call("GET", &format!("/certificates/{id}"), NONE).await.ok();
    let described = &described["certificateDescription"];
    assert_eq!(described["certificatePem"], created["certificatePem"]);
    assert_eq!((text(described, "status"), text(described, "ownedBy")), ("ACTIVE", "000000000000"));
    assert_eq!((&described["customerVersion"], &described["transferData"]), (&json!(1), &json!({})));
    assert_eq!(text(described, "certificateMode"), "DEFAULT");
    assert!(described["validity"]["notAfter"].as_f64().expect("seconds") > 2.5e9);
    assert!(described["creationDate"].is_f64() && described["generationId"].is_string());
    // API-062
    let short = server.call("GET", "/certificates/abc", NONE).await;
    assert_eq!((short.status.as_u16(), short.error()), (400, "InvalidRequestException"));
    assert_eq!(server.call("GET", &format!("/certificates/{}", "0a".repeat(32)), NONE).await.status, 404);
}

#[tokio::test]
async fn a_certificate_is_deactivated_and_detached_before_it_goes() {
    // API-139, API-140, API-141, API-178, API-180, API-181
    let server = Server::new();
    let created = certificate(&server, true).await;
    let (id, arn) = (text(&created, "certificateId"), text(&created, "certificateArn"));
    server.call("POST", "/things/lamp", json!({})).await.ok();
    let attach = |method: &str| {
        let request = http::Request::builder().method(method).uri("/things/lamp/principals");
        request.header("x-amzn-principal", arn).body(axum::body::Body::empty()).expect("a request")
    };
    server.send(attach("PUT")).await.ok();
    server.send(attach("PUT")).await.ok();
    let principals = server.call("GET", "/things/lamp/principals", NONE).await.ok();
    assert_eq!(principals["principals"], json!([arn]));
    let objects = server.call("GET", "/things/lamp/principals-v2", NONE).await.ok();
    let expected = json!([{ "principal": arn, "thingPrincipalType": "NON_EXCLUSIVE_THING" }]);
    assert_eq!(objects["thingPrincipalObjects"], expected);

    let delete = format!("/certificates/{id}");
    let active = server.call("DELETE", &delete, NONE).await;
    assert_eq!((active.status.as_u16(), active.error()), (406, "CertificateStateException"));
    assert_eq!(
        active.message(),
        format!("Certificate must be deactivated (not ACTIVE) before deletion. Id: {id}")
    );
    server.call("PUT", &format!("{delete}?newStatus=INACTIVE"), NONE).await.ok();
    let attached = server.call("DELETE", &format!("{delete}?forceDelete=true"), NONE).await;
    assert_eq!((attached.status.as_u16(), attached.error()), (409, "DeleteConflictException"));
    assert_eq!(attached.message(), format!("Things must be detached before deletion (arn: {arn})"));
    let refused = server.call("DELETE", "/things/lamp", NONE).await;
    // API-089
    assert_eq!(refused.message(), "Cannot delete. Thing lamp is still attached to one or more principals");
    server.send(attach("DELETE")).await.ok();
    assert_eq!(server.send(attach("DELETE")).await.status, 404);
    server.call("DELETE", &delete, NONE).await.ok();
    assert_eq!(server.call("GET", &delete, NONE).await.status, 404);
}

#[tokio::test]
async fn certificates_are_listed_newest_first_with_markers() {
    // API-050, API-051, API-142
    let server = Server::new();
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(text(&certificate(&server, false).await, "certificateId").to_owned());
    }
    let first = server.call("GET", "/certificates?pageSize=2", NONE).await.ok();
    let listed: Vec<_> = first["certificates"]
        .as_array()
        .expect("rows")
        .iter()
        .map(|row| text(row, "certificateId"))
        .collect();
    assert_eq!(listed, [&ids[2], &ids[1]]);
    let marker = text(&first, "nextMarker").replace('+', "%2B").replace('=', "%3D");
    let second = server.call("GET", &format!("/certificates?pageSize=2&marker={marker}"), NONE).await.ok();
    assert_eq!(text(&second["certificates"][0], "certificateId"), ids[0]);
    assert!(second.get("nextMarker").is_none());
    let ascending = server.call("GET", "/certificates?isAscendingOrder=true", NONE).await.ok();
    assert_eq!(text(&ascending["certificates"][0], "certificateId"), ids[0]);
    assert_eq!(text(&ascending["certificates"][0], "status"), "INACTIVE");
}

#[tokio::test]
async fn a_foreign_certificate_is_registered_once_and_the_code_stays() {
    // API-134, API-135, API-136, API-144, API-145
    let (here, there) = (Server::new(), Server::new());
    let foreign = certificate(&there, false).await;
    let body = json!({ "certificatePem": foreign["certificatePem"], "status": "ACTIVE" });
    let registered = here.call("POST", "/certificate/register-no-ca", body.clone()).await.ok();
    assert_eq!(registered["certificateId"], foreign["certificateId"]);
    let described =
        here.call("GET", &format!("/certificates/{}", text(&foreign, "certificateId")), NONE).await.ok();
    assert_eq!(text(&described["certificateDescription"], "certificateMode"), "SNI_ONLY");
    let again = here.call("POST", "/certificate/register-no-ca", body).await;
    assert_eq!((again.status.as_u16(), again.error()), (409, "ResourceAlreadyExistsException"));
    assert_eq!(again.json()["resourceId"], foreign["certificateId"]);
    assert_eq!(again.json()["resourceArn"], registered["certificateArn"]);
    let bad = here.call("POST", "/certificate/register-no-ca", json!({ "certificatePem": "nonsense" })).await;
    assert_eq!((bad.status.as_u16(), bad.error()), (400, "CertificateValidationException"));

    let code = here.call("GET", "/registrationcode", NONE).await.ok();
    assert_eq!(text(&code, "registrationCode").len(), 64);
    assert_eq!(here.call("GET", "/registrationcode", NONE).await.ok(), code);
    here.call("DELETE", "/registrationcode", NONE).await.ok();
    assert_eq!(here.call("DELETE", "/registrationcode", NONE).await.status, 404);
}

#[tokio::test]
async fn a_certificate_is_offered_to_another_account_and_taken_back() {
    // API-038, API-143, PROV-022
    let server = Server::new();
    let created = certificate(&server, false).await;
    let id = text(&created, "certificateId");
    let offer = format!("/transfer-certificate/{id}?targetAwsAccount=210987654321");
    let offered = server.call("PATCH", &offer, json!({ "transferMessage": "yours" })).await.ok();
    assert_eq!(offered["transferredCertificateArn"], created["certificateArn"]);
    let listed = server.call("GET", "/certificates-out-going", NONE).await.ok();
    let row = &listed["outgoingCertificates"][0];
    assert_eq!((text(row, "transferredTo"), text(row, "transferMessage")), ("210987654321", "yours"));
    let described = server.call("GET", &format!("/certificates/{id}"), NONE).await.ok();
    assert_eq!(described["certificateDescription"]["status"], "PENDING_TRANSFER");
    let own = server.call("PATCH", &format!("/accept-certificate-transfer/{id}"), NONE).await;
    assert_eq!((own.status.as_u16(), own.error()), (410, "TransferAlreadyCompletedException"));
    server.call("PATCH", &format!("/cancel-certificate-transfer/{id}"), NONE).await.ok();
    let again = server.call("PATCH", &format!("/cancel-certificate-transfer/{id}"), NONE).await;
    assert_eq!(again.status, 410);
    let listed = server.call("GET", "/certificates-out-going", NONE).await.ok();
    assert_eq!(listed["outgoingCertificates"], json!([]));
}
