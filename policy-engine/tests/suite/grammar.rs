//! Section 1: what is a policy document, and what is said when a text is none.

use thingstead_core::decision::Position;
use thingstead_policy_engine::{Document, Flaw, Language, MAX_DOCUMENT_CHARACTERS, counted_characters};

use crate::asking::{allowed, client, policy};

const GOOD: &str = r#""Effect":"Allow","Action":"iot:Connect","Resource":"*""#;

fn syntax(text: &str, line: u32, column: u32, says: &str) {
    let error = Document::parse(text).expect_err(text);
    assert!(matches!(error.flaw, Flaw::Syntax(_)), "{text}: {error}");
    assert_eq!(error.position, Position { line, column }, "{text}: {error}");
    assert!(error.to_string().contains(says), "{text}: {error}");
    assert_eq!(error.aws_message(), "Policy document is Malformed: Invalid policy syntax.");
}

#[test]
fn the_members_of_a_document() {
    // POLICY-001, POLICY-002, POLICY-005, POLICY-006, POLICY-007, POLICY-019, POLICY-020, POLICY-052
    syntax("[]", 1, 1, "must be an object, found an array");
    syntax("{}", 1, 1, "no `Statement`");
    syntax(r#"{"Statement":[]}"#, 1, 14, "at least one statement");
    syntax(r#"{"Statement":"x"}"#, 1, 14, "found a string");
    syntax(r#"{"Statement":[7]}"#, 1, 15, "found a number");
    for version in [r#""2012-10-18""#, r#""2012""#, "2012", r#""""#, "null"] {
        syntax(
            &format!(r#"{{"Version":{version},"Statement":{{{GOOD}}}}}"#),
            1,
            12,
            "`2012-10-17` or `2008-10-17`",
        );
    }
    syntax(&format!(r#"{{"Id":1,"Statement":{{{GOOD}}}}}"#), 1, 7, "`Id` must be a string");
    syntax(&format!("{{\n \"statement\":{{{GOOD}}}}}"), 2, 2, "must be written `Statement`");
    syntax(&format!(r#"{{"Statement":{{{GOOD}}},"Comment":""}}"#), 1, 71, "`Comment` is not a member");
    let document = Document::parse(&format!(r#"{{"Id":"x","Statement":{{{GOOD}}}}}"#)).expect("valid");
    assert_eq!(
        (document.id(), document.language(), document.statement_count()),
        (Some("x"), Language::V2008, 1)
    );
}

#[test]
fn the_members_of_a_statement() {
    // POLICY-009, POLICY-010, POLICY-011, POLICY-012, POLICY-018, POLICY-019, POLICY-020
    let statement = |text: &str| format!(r#"{{"Statement":{{{text}}}}}"#);
    for (text, column, says) in [
        (r#""Action":"a","Resource":"*""#, 14, "no `Effect`"),
        (r#""Effect":"allow","Action":"a","Resource":"*""#, 24, "`Allow` or `Deny`"),
        (r#""Effect":true,"Action":"a","Resource":"*""#, 24, "`Allow` or `Deny`"),
        (r#""Effect":"Deny","Resource":"*""#, 14, "neither `Action` nor `NotAction`"),
        (r#""Effect":"Deny","Action":"a""#, 14, "neither `Resource` nor `NotResource`"),
        (
            r#""Effect":"Deny","Action":"a","NotAction":"b","Resource":"*""#,
            44,
            "both `Action` and `NotAction`",
        ),
        (
            r#""Effect":"Deny","Action":"a","NotResource":"*","Resource":"*""#,
            44,
            "both `Resource` and `NotResource`",
        ),
        (r#""Effect":"Deny","Action":[],"Resource":"*""#, 40, "at least one string"),
        (r#""Effect":"Deny","Action":["a",1],"Resource":"*""#, 45, "must be a string, found a number"),
        (r#""Effect":"Deny","Action":"a","Resource":{}"#, 55, "string or an array of strings"),
        (r#""Effect":"Deny","Action":"a","Resource":[]"#, 55, "at least one string"),
        (
            r#""Principal":"*","Effect":"Deny","Action":"a","Resource":"*""#,
            15,
            "principals it is attached to",
        ),
        (
            r#""NotPrincipal":"*","Effect":"Deny","Action":"a","Resource":"*""#,
            15,
            "principals it is attached to",
        ),
        (r#""effect":"Deny","Action":"a","Resource":"*""#, 15, "must be written `Effect`"),
        (r#""Effects":"Deny","Action":"a","Resource":"*""#, 15, "not a member"),
        (r#""Sid":1,"Effect":"Deny","Action":"a","Resource":"*""#, 21, "`Sid` must be a string"),
    ] {
        syntax(&statement(text), 1, column, says);
    }
}

#[test]
fn duplicates_are_refused_wherever_they_stand() {
    // POLICY-016, POLICY-017
    for (text, column, name) in [
        (format!(r#"{{"Statement":{{{GOOD}}},"Statement":{{{GOOD}}}}}"#), 71, "Statement"),
        (format!(r#"{{"Statement":{{{GOOD},"Effect":"Deny"}}}}"#), 70, "Effect"),
        (format!(r#"{{"Statement":{{{GOOD},"Condition":{{"Bool":{{"a":1}},"Bool":{{}}}}}}}}"#), 98, "Bool"),
        (format!(r#"{{"Statement":{{{GOOD},"Condition":{{"Bool":{{"a":1,"a":2}}}}}}}}"#), 97, "a"),
        // An escape spells the same name.
        (format!(r#"{{"Statement":{{{GOOD}}},"St\u0061tement":1}}"#), 71, "Statement"),
    ] {
        syntax(&text, 1, column, &format!("`{name}` is there twice"));
    }
    let two = |a: &str, b: &str| {
        format!("{{\"Statement\":[{{\"Sid\":\"{a}\",{GOOD}}},\n{{\"Sid\":\"{b}\",{GOOD}}}]}}")
    };
    syntax(&two("x", "x"), 2, 1, "two statements have the `Sid` `x`");
    assert!(Document::parse(&two("x", "X")).is_ok());
}

#[test]
fn conditions_are_operators_of_keys_of_scalars() {
    // POLICY-013, POLICY-014, POLICY-015, POLICY-021, POLICY-022
    let condition = |text: &str| format!("{{\"Statement\":{{{GOOD},\n\"Condition\":{text}}}}}");
    for (text, column, says) in [
        ("[]", 13, "`Condition` must be an object"),
        (r#"{"StringEqual":{}}"#, 14, "unknown condition operator `StringEqual`"),
        (r#"{"stringequals":{}}"#, 14, "unknown condition operator"),
        (r#"{"NullIfExists":{}}"#, 14, "unknown condition operator"),
        (r#"{"Bool":"x"}"#, 21, "must be an object"),
        (r#"{"Bool":{"k":null}}"#, 26, "string, number or boolean, found null"),
        (r#"{"Bool":{"k":[["x"]]}}"#, 27, "found an array"),
        (r#"{"Bool":{"k":{}}}"#, 26, "found an object"),
    ] {
        syntax(&condition(text), 2, column, says);
    }
    for text in [
        "{}",
        r#"{"Bool":{}}"#,
        r#"{"StringEquals":{"iot:ConnectAttributes":[]}}"#,
        r#"{"NumericEquals":{"x:unknown":[1,"2",true]}}"#,
    ] {
        assert!(Document::parse(&condition(text)).is_ok(), "{text}");
    }
}

#[test]
fn resources_are_a_star_or_arns() {
    // POLICY-051, POLICY-054, POLICY-055, POLICY-056, POLICY-057
    let text = "{\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"a\",\"Resource\":[\"*\",\n\"topic/x\"]},\n{\"Effect\":\"Deny\",\"Action\":\"a\",\"NotResource\":\"**\"}]}";
    let error = Document::parse(text).expect_err("two entries are no resources");
    assert_eq!(error.flaw, Flaw::Resources(vec!["topic/x".into(), "**".into()]));
    assert_eq!(error.position, Position { line: 2, column: 1 });
    assert_eq!(
        error.aws_message(),
        "Policy document is Malformed: The following resources are invalid : topic/x, **"
    );
    for (action, resource) in [
        ("iot:Subscribe", "A(topic/x)"),
        ("greengrass:Discover", "*"),
        ("iotjobsdata:*", "arn:aws:iot:*:*:thing/*"),
        ("iot:NoSuchAction", "arn:aws:iot:eu-west-1:999999999999:topic/x"),
    ] {
        policy(
            "p",
            &format!(r#"{{"Statement":{{"Effect":"Allow","Action":"{action}","Resource":"{resource}"}}}}"#),
        );
    }
}

#[test]
fn what_is_stored_is_what_was_sent() {
    // POLICY-023
    let text = format!("\n{{ \"Statement\" :\t{{{GOOD}}} }}\r\n");
    assert_eq!(&**Document::parse(&text).expect("valid").text(), text);
}

#[test]
fn the_size_counts_characters_but_no_white_space() {
    // POLICY-030, POLICY-031, POLICY-053
    let sized = |id: &str| format!("{{\"Id\":\"{id}\",\"Statement\":{{{GOOD}}}}}");
    let overhead = counted_characters(&sized(""));
    let fits = sized(&"é".repeat(MAX_DOCUMENT_CHARACTERS - overhead));
    assert_eq!(Document::check_size(&fits), Ok(()));
    assert_eq!(Document::check_size(&format!("{fits} \t\r\n{}", " ".repeat(9999))), Ok(()));
    assert_eq!(Document::check_size(&fits.replace("é\",", "é    \",")), Ok(()));
    let over = sized(&"é".repeat(MAX_DOCUMENT_CHARACTERS - overhead + 1));
    let error = Document::check_size(&over).expect_err("one too many");
    assert_eq!(error.flaw, Flaw::TooLong { counted: 2049, limit: 2048 });
    assert!(error.aws_message().starts_with("Policy document is Malformed: "), "{}", error.aws_message());
    // A no-break space is a character like any other.
    assert_eq!(counted_characters("a\u{a0}b c"), 4);
}

#[test]
fn order_of_members_makes_no_difference_and_control_plane_actions_grant_no_data_plane() {
    // POLICY-008, POLICY-058
    let shuffled = policy(
        "p",
        r#"{"Statement":[{"Resource":"A(topic/${iot:ClientId})","Action":["iot:CreateThing","iot:Publish"],"Effect":"Allow"}],"Version":"2012-10-17"}"#,
    );
    assert!(allowed(std::slice::from_ref(&shuffled), "iot:Publish", "A(topic/c)", &client("c")));
    let control =
        policy("p", r#"{"Statement":{"Effect":"Allow","Action":"iot:CreateThing","Resource":"*"}}"#);
    assert!(!allowed(&[control], "iot:Publish", "A(topic/c)", &client("c")));
}
