//! The behaviour files: one line a case, each naming the statement of the specification it checks.
//!
//! ```text
//! # a comment
//! topic: a/b                                    what holds for the lines that follow; `reset:` forgets all of it
//! RULES-114: 0.1 + 0.2 -> 0.3                   an expression, as SELECT VALUE
//! RULES-042: SELECT a FROM 'a/b' -> {"a":1}     a statement
//! ```
//!
//! The result is the exact text that comes out, or `undefined` for the empty one, `no match`, `refused` or `fails`.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use thingstead_core::Properties;
use thingstead_rules::sql::{Answers, Evaluated, Input, SqlVersion, Statement, parse};

const FILES: &[(&str, &str)] = &[
    ("lexical.txt", include_str!("../data/sql/lexical.txt")),
    ("clauses.txt", include_str!("../data/sql/clauses.txt")),
    ("types.txt", include_str!("../data/sql/types.txt")),
    ("operators.txt", include_str!("../data/sql/operators.txt")),
    ("numbers.txt", include_str!("../data/sql/numbers.txt")),
    ("text.txt", include_str!("../data/sql/text.txt")),
    ("collections.txt", include_str!("../data/sql/collections.txt")),
    ("coding.txt", include_str!("../data/sql/coding.txt")),
    ("time.txt", include_str!("../data/sql/time.txt")),
    ("context.txt", include_str!("../data/sql/context.txt")),
    ("together.txt", include_str!("../data/sql/together.txt")),
    ("patterns.txt", include_str!("../data/sql/patterns.txt")),
    ("payloads.txt", include_str!("../data/sql/payloads.txt")),
];

#[test]
fn the_behaviour_files_hold() {
    let mut failures = String::new();
    let mut cases = 0;
    for (file, text) in FILES {
        let mut setting = Setting::default();
        for (line, number) in text.lines().zip(1..) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (head, rest) = line.split_once(": ").unwrap_or((line.trim_end_matches(':'), ""));
            if !head.starts_with("RULES-") {
                setting.apply(head, rest, &format!("{file}:{number}"));
                continue;
            }
            let (sql, expected) =
                rest.rsplit_once(" -> ").unwrap_or_else(|| panic!("{file}:{number}: no ` -> `"));
            let got = setting.run(sql.trim());
            cases += 1;
            if got != expected.trim() {
                writeln!(failures, "{file}:{number}: {sql}\n  expected {expected}\n  got      {got}")
                    .unwrap();
            }
        }
    }
    assert!(failures.is_empty(), "{failures}");
    assert!(cases > 500, "only {cases} cases were found");
}

#[test]
fn what_the_behaviour_files_parse_prints_and_parses_back() {
    for (file, text) in FILES {
        for line in text.lines().filter(|line| line.starts_with("RULES-")) {
            let Some((_, rest)) = line.split_once(": ") else { continue };
            let Some((sql, _)) = rest.rsplit_once(" -> ") else { continue };
            if let Ok(statement) = parse(&statement_of(sql.trim()), SqlVersion::V2016_03_23) {
                assert_round_trip(&statement, file);
            }
        }
    }
}

/// The canonical text parses to an equal statement and prints as itself.
pub(super) fn assert_round_trip(statement: &Statement, context: &str) {
    let printed = statement.to_string();
    let again =
        parse(&printed, statement.version()).unwrap_or_else(|error| panic!("{context}: {printed}\n{error}"));
    assert_eq!(&again, statement, "{context}: {printed}");
    assert_eq!(again.to_string(), printed, "{context}");
}

/// What surrounds the lines of a file.
struct Setting {
    version: SqlVersion,
    topic: String,
    payload: Vec<u8>,
    timestamp: i64,
    client: Option<String>,
    account: Option<String>,
    principal: Option<String>,
    trace: Option<String>,
    ip: Option<String>,
    properties: Option<Properties>,
}

impl Default for Setting {
    fn default() -> Self {
        Self {
            version: SqlVersion::V2016_03_23,
            topic: "a/b".to_owned(),
            payload: b"{}".to_vec(),
            timestamp: 1_700_000_000_123,
            client: None,
            account: None,
            principal: None,
            trace: None,
            ip: None,
            properties: None,
        }
    }
}

impl Setting {
    fn apply(&mut self, key: &str, value: &str, place: &str) {
        let properties = || self.properties.clone().unwrap_or_default();
        match key {
            "reset" => *self = Self::default(),
            "version" => self.version = value.parse().expect(place),
            "topic" => self.topic = value.to_owned(),
            "payload" => self.payload = value.as_bytes().to_vec(),
            "payload64" => self.payload = STANDARD.decode(value).expect(place),
            "timestamp" => self.timestamp = value.parse().expect(place),
            "client" => self.client = Some(value.to_owned()),
            "account" => self.account = Some(value.to_owned()),
            "principal" => self.principal = Some(value.to_owned()),
            "trace" => self.trace = Some(value.to_owned()),
            "ip" => self.ip = Some(value.to_owned()),
            "content-type" => {
                self.properties = Some(Properties { content_type: Some(value.into()), ..properties() });
            }
            "format" => {
                let payload_format = Some(value.parse().expect(place));
                self.properties = Some(Properties { payload_format, ..properties() });
            }
            "user" => {
                let (key, value) = value.split_once('=').expect(place);
                let mut properties = properties();
                properties.user.push((key.into(), value.into()));
                self.properties = Some(properties);
            }
            _ => panic!("{place}: unknown setting `{key}`"),
        }
    }

    fn run(&self, sql: &str) -> String {
        let statement = match parse(&statement_of(sql), self.version) {
            Ok(statement) => statement,
            Err(_) => return "refused".to_owned(),
        };
        let whole = sql != statement_of(sql);
        if !whole && statement.topic_filter().is_some() && !statement.matches(&self.topic) {
            return "no match".to_owned();
        }
        let mut input = Input::new(&self.payload, &self.topic, self.timestamp, 42);
        input.client_id = self.client.as_deref();
        input.account_id = self.account.as_deref();
        input.principal = self.principal.as_deref();
        input.trace_id = self.trace.as_deref();
        input.source_ip = self.ip.as_deref();
        input.properties = self.properties.as_ref();
        match statement.evaluate(&input, &Answers::none()) {
            Ok(Evaluated::NoMatch) => "no match".to_owned(),
            Ok(Evaluated::Output(output)) => match &*output.bytes(&input) {
                [] => "undefined".to_owned(),
                bytes => String::from_utf8(bytes.to_vec())
                    .unwrap_or_else(|_| format!("bytes {}", STANDARD.encode(bytes))),
            },
            Ok(Evaluated::Needs(calls)) => format!("needs {}", calls[0]),
            Err(_) => "fails".to_owned(),
        }
    }
}

/// An expression becomes a statement.
fn statement_of(text: &str) -> String {
    let word: String = text.chars().take_while(char::is_ascii_alphabetic).collect();
    if matches!(word.to_uppercase().as_str(), "SELECT" | "SET" | "FROM" | "WHERE") || text.is_empty() {
        return text.to_owned();
    }
    format!("SELECT VALUE {text}")
}
