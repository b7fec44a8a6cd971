use std::time::Duration;

use thingstead_core::{Ids, Timestamp};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::*;

const NOW: Timestamp = Timestamp::from_millis(1_763_700_000_000);

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("thingstead-ca-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn the_root_stays_and_the_server_certificates_follow_the_names() {
    // AUTH-270, AUTH-271
    let folder = Folder::new("stays");
    let ids = Ids::seeded(1);
    let ca = ServerCa::open(&folder.0, NOW).expect("open");
    let root = ca.root_pem(NOW).expect("root");
    let names =
        ServerNames::new(&["us-east-1"], &["lab.example".to_owned(), "*".to_owned(), "LOCALHOST".to_owned()]);
    assert!(names.as_slice().contains(&"*.iot.us-east-1.amazonaws.com".to_owned()));
    assert_eq!(names.as_slice().len(), 8);
    let first = ca.server_certificates(&names, NOW, &ids).expect("certificates");

    let again = ServerCa::open(&folder.0, NOW).expect("open again");
    assert_eq!(again.root_pem(NOW).expect("root"), root);
    let same = again.server_certificates(&names, NOW, &ids).expect("certificates");
    assert_eq!(same.ecdsa.chain, first.ecdsa.chain);
    assert_eq!(same.rsa.chain, first.rsa.chain);

    let other = ServerNames::new(&["us-east-1"], &["other.example".to_owned()]);
    let changed = again.server_certificates(&other, NOW, &ids).expect("certificates");
    assert_ne!(changed.ecdsa.chain, first.ecdsa.chain);
    let late = NOW.plus(Duration::from_secs(800 * 24 * 3600));
    let renewed = again.server_certificates(&other, late, &ids).expect("certificates");
    assert_ne!(renewed.rsa.chain, changed.rsa.chain);

    let authority = Parsed::from_pem(&root).expect("root");
    for certificate in [&renewed.ecdsa, &renewed.rsa] {
        let leaf = certificate.chain.first().expect("leaf");
        assert!(crate::x509::is_signed_by(leaf, &authority.public_key));
        let (_, parsed) = X509Certificate::from_der(leaf).expect("leaf");
        assert_eq!(parsed.issuer().as_raw(), authority.subject.as_slice());
    }
    #[cfg(unix)]
    for file in ["ca.key", "server-ecdsa.key", "server-rsa.key"] {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(folder.0.join(file)).expect("file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
}

#[test]
fn a_root_that_lost_its_key_is_not_replaced() {
    let folder = Folder::new("lost");
    ServerCa::open(&folder.0, NOW).expect("open");
    std::fs::remove_file(folder.0.join("ca.key")).expect("remove");
    let error = ServerCa::open(&folder.0, NOW).expect_err("key is missing").to_string();
    assert!(error.contains("ca.key` is missing although"), "{error}");
    std::fs::write(folder.0.join("ca.key"), "no key").expect("write");
    let error = ServerCa::open(&folder.0, NOW).expect_err("key is bad").to_string();
    assert!(error.contains("ca.key` cannot be used"), "{error}");
}

#[test]
fn names_that_cannot_stand_in_a_certificate_are_refused() {
    let names = ServerNames::new(&[], &["a b".to_owned()]);
    let error = ServerCa::in_memory().server_certificates(&names, NOW, &Ids::seeded(1)).expect_err("name");
    assert!(matches!(error, CaError::Name(name) if name == "a b"));
}

#[test]
fn device_certificates_look_like_those_of_aws() {
    // API-127, API-131, PROV-023, PROV-025
    let ca = ServerCa::in_memory();
    let ids = Ids::seeded(1);
    let issued = ca.issue_with_key(NOW, &ids).expect("issue");
    let (_, certificate) = X509Certificate::from_der(&issued.der).expect("certificate");
    assert_eq!(certificate.subject().to_string(), "CN=AWS IoT Certificate");
    assert_eq!(
        certificate.issuer().to_string(),
        "OU=Amazon Web Services, O=Amazon.com Inc., L=Seattle, ST=Washington, C=US"
    );
    assert_eq!(certificate.validity().not_after.timestamp(), 2_524_607_999);
    assert_eq!(certificate.validity().not_before.timestamp(), NOW.as_secs());
    assert!(!certificate.is_ca());
    let authority = Parsed::from_pem(&ca.root_pem(NOW).expect("root")).expect("root");
    assert!(crate::x509::is_signed_by(&issued.der, &authority.public_key));
    assert!(issued.public_key.replace('\r', "").starts_with("-----BEGIN PUBLIC KEY-----\n"));
    assert!(issued.private_key.starts_with("-----BEGIN RSA PRIVATE KEY-----\n"));
    let key = PrivateKeyPem::from_pem_slice(issued.private_key.as_bytes()).expect("PKCS#1");
    assert!(aws_lc_rs::rsa::KeyPair::from_der(key.secret_pkcs1_der()).is_ok());
}

use rustls_pki_types::PrivatePkcs1KeyDer as PrivateKeyPem;
use rustls_pki_types::pem::PemObject;
