//! Any text as a statement and as a template, any bytes as a payload: never a panic, what parses prints and parses back, and
//! what comes out is JSON.
//!
//! The fuzz target and the seeded tests run the same function.

use thingstead_rules::sql::{
    Answers, Evaluated, Input, Selected, SqlVersion, Template, TemplateKind, json, parse,
};

/// The first byte chooses the version, the first line is the statement, the rest is the payload.
pub(crate) fn any_statement(data: &[u8]) {
    let Some((choice, rest)) = data.split_first() else { return };
    let version = if choice % 2 == 0 { SqlVersion::V2016_03_23 } else { SqlVersion::V2015_10_08 };
    let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
    let (line, payload) = rest.split_at(end);
    let payload = payload.get(1..).unwrap_or_default();
    let Ok(text) = std::str::from_utf8(line) else { return };
    let input = Input::new(payload, "a/b/c", 1_700_000_000_000, 7);
    match parse(text, version) {
        Ok(statement) => {
            let printed = statement.to_string();
            assert_eq!(parse(&printed, version).as_ref(), Ok(&statement), "{printed}");
            let first = statement.evaluate(&input, &Answers::none());
            assert_eq!(first, statement.evaluate(&input, &Answers::none()));
            if let Ok(Evaluated::Output(output)) = first
                && output.result != Selected::Payload
            {
                let bytes = output.bytes(&input);
                assert!(bytes.is_empty() || json::parse(&bytes, false).is_ok());
            }
        }
        Err(error) => assert!(!error.render(text).is_empty()),
    }
    if let Ok(template) = Template::parse(text, version, &[], TemplateKind::Message) {
        assert_eq!(
            Template::parse(&template.to_string(), version, &[], TemplateKind::Message),
            Ok(template.clone())
        );
        let _ = template.render(&input, &[], &Answers::none());
    }
}
