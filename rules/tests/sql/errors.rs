//! The whole message of every kind of refusal, pinned.
//!
//! `data/sql/errors.txt` holds blocks: the version, the statement, a line of dashes, the rendered message. Run with
//! `UPDATE_PINNED=1` to write the messages anew, and read them.

use std::path::Path;

use thingstead_rules::sql::{Problem, SqlVersion, functions, parse};

#[test]
fn every_message_is_the_pinned_one() {
    // RULES-025, RULES-138, RULES-181, RULES-182, RULES-326
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/sql/errors.txt");
    let text = std::fs::read_to_string(&path).expect("readable");
    let mut written = String::new();
    for block in text.split("\n========\n") {
        let (head, _) = block.split_once("\n--------\n").unwrap_or((block.trim_end(), ""));
        let (version, sql) = head.split_once('\n').unwrap_or((head, ""));
        let version: SqlVersion = version.trim().parse().expect("a version");
        let message = match parse(sql, version) {
            Ok(_) => "this statement is accepted\n".to_owned(),
            Err(error) => error.render(sql),
        };
        if !written.is_empty() {
            written.push_str("\n========\n");
        }
        written.push_str(&format!("{version}\n{sql}\n--------\n{message}"));
    }
    assert!(!written.contains("this statement is accepted"), "{written}");
    if std::env::var_os("UPDATE_PINNED").is_some() {
        std::fs::write(&path, &written).expect("writable");
        return;
    }
    for (got, pinned) in written.split("\n========\n").zip(text.split("\n========\n")) {
        assert_eq!(got, pinned);
    }
    assert_eq!(written, text);
}

#[test]
fn an_error_says_in_its_parts_what_it_says_in_words() {
    let error = parse("SELECT temperature\n  FORM 'a/b'", SqlVersion::V2016_03_23).expect_err("FORM");
    assert_eq!((error.position().line, error.position().column), (2, 3));
    assert_eq!(error.found(), Some("`FORM`"));
    assert_eq!(error.expected(), Some("`,`, AS, FROM, WHERE or the end of the statement"));
    assert_eq!(error.suggestion(), Some("did you mean FROM?"));
    assert_eq!(
        error.to_string(),
        "expected `,`, AS, FROM, WHERE or the end of the statement, found `FORM` at line 2, column 3; did you mean FROM?"
    );
    let error = parse("SELECT lenght(a)", SqlVersion::V2016_03_23).expect_err("lenght");
    assert_eq!(error.problem(), &Problem::UnknownFunction("lenght".to_owned()));
    assert_eq!(error.expected(), None);
}

#[test]
fn a_misspelt_function_is_recognised() {
    // RULES-181: swapped neighbours in the name of every function lead back to it.
    for function in functions::all().filter(|function| function.name.len() > 5) {
        let mut letters: Vec<char> = function.name.chars().collect();
        letters.swap(2, 3);
        let misspelt: String = letters.iter().collect();
        if functions::find(&misspelt).is_some() {
            continue;
        }
        let error = parse(&format!("SELECT {misspelt}(1)"), SqlVersion::V2016_03_23).expect_err("unknown");
        assert!(error.suggestion().is_some(), "{misspelt}");
    }
}
