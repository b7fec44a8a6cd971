//! The vectors of the specification, and that the runner tells a failing one.

use thingstead_rules::sql::vectors;

#[test]
fn every_vector_of_the_specification_holds() {
    // RULES-581, RULES-582, RULES-583, RULES-584
    let report = vectors::run(include_str!("../data/rules-vectors.json")).expect("readable");
    assert_eq!(report.to_string(), "360 passed, 0 failed");
}

#[test]
fn vectors_written_from_the_statements_without_looking_at_the_code_hold_as_well() {
    let report = vectors::run(include_str!("../data/further-vectors.json")).expect("readable");
    assert_eq!(report.to_string(), "311 passed, 0 failed");
}

#[test]
fn a_vector_that_does_not_hold_is_reported_with_what_came_out() {
    let vector = |rest: &str| {
        format!(
            r#"{{"id":"v","spec":"RULES-042","sql":"SELECT a FROM 't'","sqlVersion":"2016-03-23","topic":"t","payload":{{"a":1.50}},{rest}}}"#
        )
    };
    let run = |rest: &str| vectors::run(&format!("[{}]", vector(rest))).expect("readable").to_string();
    // RULES-581: by value, except for raw expectations.
    assert_eq!(run(r#""expect":{"a":1.5}"#), "1 passed, 0 failed");
    assert_eq!(run(r#""expectRaw":"{\"a\":1.50}""#), "1 passed, 0 failed");
    assert_eq!(
        run(r#""expectRaw":"{\"a\":1.5}""#),
        "v (RULES-042)\n  SELECT a FROM 't'\n  expected the text `{\"a\":1.5}`\n  got      {\"a\":1.50}\n0 passed, 1 failed"
    );
    for wrong in [
        r#""expect":{"a":2}"#,
        r#""expect":{"a":"1.5"}"#,
        r#""expect":{}"#,
        r#""expectNoMatch":true"#,
        r#""expectError":"SqlParseException""#,
        r#""expectMatch":{"a":"^x$"}"#,
        r#""note":"no expectation""#,
    ] {
        assert!(run(wrong).ends_with("0 passed, 1 failed"), "{wrong}");
    }
    // RULES-582: the tolerance is for functions in double precision only.
    let near = |sql: &str, expected: &str| {
        let text = format!(
            r#"[{{"id":"v","spec":"s","sql":"SELECT VALUE {sql}","sqlVersion":"2016-03-23","topic":"$aws/rules/r/t","basicIngestRule":"r","payload":{{}},"expect":{expected}}}]"#
        );
        vectors::run(&text).expect("readable").passed == 1
    };
    assert!(near("tan(3)", "-0.14254654307427781"));
    assert!(!near("tan(3)", "-0.1425465430"));
    assert!(!near("0.1 + 0.2", "0.30000000000000001"));
    assert!(vectors::run("{}").is_err());
}

#[test]
fn a_vector_may_name_an_unknown_version() {
    // RULES-306, RULES-584
    let text = r#"[{"id":"v","spec":"RULES-306","sql":"SELECT 1 AS a FROM 't'","sqlVersion":"2017-01-01","topic":"t","expectError":"InvalidRequestException"}]"#;
    assert_eq!(vectors::run(text).expect("readable").to_string(), "1 passed, 0 failed");
}
