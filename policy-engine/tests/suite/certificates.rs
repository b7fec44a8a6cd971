//! Section 4.4: certificate variables.

use std::sync::Arc;

use thingstead_policy_engine::{CertificateFacts, CertificateField, CertificatePart, Context};

use crate::asking::{allow_if, allowed, client, statements};

fn with(facts: CertificateFacts) -> Context {
    Context { certificate: Some(Arc::new(facts)), ..client("c") }
}

fn named(values: &[&str]) -> Context {
    let mut facts = CertificateFacts::new(Some("ab"), Some("4711"));
    for value in values {
        facts.push(CertificatePart::Subject, CertificateField::CommonName, value);
    }
    with(facts)
}

fn inserts(context: &Context, variable: &str, value: &str) -> bool {
    let policy = statements(&format!(
        r#"{{"Effect":"Allow","Action":"*","Resource":"A(topic/${{iot:Certificate.{variable}}})"}}"#
    ));
    allowed(&[policy], "iot:Publish", &format!("A(topic/{value})"), context)
}

fn tests(context: &Context, condition: &str) -> bool {
    allowed(&[allow_if(condition)], "iot:Publish", "A(topic/a)", context)
}

#[test]
fn every_value_has_one_index() {
    // POLICY-252, POLICY-253, POLICY-254, POLICY-260
    let context = named(&["a", "b", "c", "d", "e", "f"]);
    for (variable, value) in [("", "a"), (".0", "a"), (".1", "b"), (".4", "e")] {
        assert!(inserts(&context, &format!("Subject.CommonName{variable}"), value), "{variable}");
    }
    for variable in [".5", ".01", ".", ".-1", ".List", ".1.1", ".99999999999999999999"] {
        for value in ["a", "b", "f", ""] {
            assert!(!inserts(&context, &format!("Subject.CommonName{variable}"), value), "{variable}");
        }
    }
}

#[test]
fn long_and_special_values_are_tested_but_not_inserted() {
    // POLICY-259, POLICY-261, POLICY-265, POLICY-266
    let (long, longer) = ("x".repeat(1024), "x".repeat(1025));
    assert!(inserts(&named(&[&long]), "Subject.CommonName", &long));
    assert!(!inserts(&named(&[&longer]), "Subject.CommonName", &longer));
    for value in [longer.as_str(), "a+b", "a#"] {
        let condition = format!(r#"{{"StringEquals":{{"iot:Certificate.Subject.CommonName":"{value}"}}}}"#);
        assert!(tests(&named(&[value]), &condition));
    }
    // The second value stands on its own.
    let context = named(&["a*", "b"]);
    assert!(!inserts(&context, "Subject.CommonName", "a*"));
    assert!(inserts(&context, "Subject.CommonName.1", "b"));
}

#[test]
fn available_keys_are_the_variables_with_a_value() {
    // POLICY-258
    let context = named(&["a", "b"]);
    for (name, expected) in [
        ("iot:Certificate.Subject.CommonName", true),
        ("iot:Certificate.Subject.CommonName.1", true),
        ("iot:Certificate.Subject.CommonName.2", false),
        ("iot:Certificate.SerialNumber", true),
        ("iot:Certificate.Subject.Country", false),
    ] {
        let condition =
            format!(r#"{{"ForAnyValue:StringEquals":{{"iot:Certificate.AvailableKeys":"{name}"}}}}"#);
        assert_eq!(tests(&context, &condition), expected, "{name}");
    }
    assert!(!inserts(&context, "AvailableKeys", "iot:Certificate.SerialNumber"));
}

#[test]
fn certificate_values_are_written_with_their_escapes() {
    // POLICY-262
    let context = named(&[r#"a,b"c\d=e<f>g;h"#]);
    let escaped = r#"a\\,b\\\"c\\\\d\\=e\\<f\\>g\\;h"#;
    assert!(tests(
        &context,
        &format!(r#"{{"StringEquals":{{"iot:Certificate.Subject.CommonName":"{escaped}"}}}}"#)
    ));
}
