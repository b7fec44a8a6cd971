//! Runs files of test vectors (section 12): `thingstead rule test FILE...`.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use thingstead_core::Properties;

use super::decimal::Decimal;
use super::{Answers, Evaluated, Input, Output, SqlVersion, Value, json, parse, to_decimal};

/// One vector.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Vector {
    /// Unique in its file.
    pub id: String,
    /// The statement of the specification it checks.
    pub spec: String,
    /// The statement under test.
    pub sql: String,
    /// Its version.
    pub sql_version: String,
    /// Where the message is published.
    pub topic: String,
    /// A JSON payload; its text is kept as it stands in the file.
    payload: Option<Box<RawValue>>,
    /// Raw payload bytes.
    payload_base64: Option<String>,
    client_id: Option<String>,
    account_id: Option<String>,
    principal: Option<String>,
    trace_id: Option<String>,
    source_ip: Option<String>,
    /// Engine time in milliseconds.
    timestamp: Option<i64>,
    mqtt5: Option<Mqtt5>,
    /// The rule's name, when the topic is a Basic Ingest topic.
    basic_ingest_rule: Option<String>,
    /// For people.
    #[serde(rename = "note")]
    _note: Option<String>,
    expect: Option<Box<RawValue>>,
    expect_raw: Option<String>,
    expect_raw_base64: Option<String>,
    expect_match: Option<serde_json::Map<String, serde_json::Value>>,
    #[serde(default)]
    expect_no_match: bool,
    expect_error: Option<String>,
    #[serde(rename = "confidence")]
    _confidence: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Mqtt5 {
    content_type: Option<String>,
    response_topic: Option<String>,
    correlation_data: Option<String>,
    payload_format_indicator: Option<String>,
    #[serde(default)]
    user_properties: Vec<UserProperty>,
}

#[derive(Debug, Deserialize)]
struct UserProperty {
    key: String,
    value: String,
}

/// What running a file came to. `Display` prints every failure and then `360 passed, 0 failed`.
#[derive(Debug, Default)]
pub struct Report {
    /// How many vectors held.
    pub passed: usize,
    /// Those that did not.
    pub failures: Vec<Failure>,
}

/// A vector that did not hold.
#[derive(Debug)]
pub struct Failure {
    /// The vector.
    pub id: String,
    /// The statement of the specification.
    pub spec: String,
    /// The SQL.
    pub sql: String,
    /// What was to come out.
    pub expected: String,
    /// What came out.
    pub got: String,
}

/// A file that holds no vectors.
#[derive(Debug, thiserror::Error)]
#[error("not a file of rules-SQL vectors: {0}")]
pub struct VectorError(#[from] serde_json::Error);

impl Report {
    /// Adds what another file came to.
    pub fn extend(&mut self, other: Self) {
        self.passed += other.passed;
        self.failures.extend(other.failures);
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Failure { id, spec, sql, expected, got } in &self.failures {
            writeln!(f, "{id} ({spec})\n  {sql}\n  expected {expected}\n  got      {got}")?;
        }
        write!(f, "{} passed, {} failed", self.passed, self.failures.len())
    }
}

/// Runs every vector of a file's text.
///
/// # Errors
/// The text is not an array of vectors.
pub fn run(text: &str) -> Result<Report, VectorError> {
    let mut report = Report::default();
    for vector in serde_json::from_str::<Vec<Vector>>(text)? {
        match vector.check() {
            Ok(()) => report.passed += 1,
            Err((expected, got)) => report.failures.push(Failure {
                id: vector.id,
                spec: vector.spec,
                sql: vector.sql,
                expected,
                got,
            }),
        }
    }
    Ok(report)
}

/// What a statement did to a message.
enum Outcome {
    Refused(&'static str, String),
    NoMatch,
    Failed(String),
    Output { bytes: Vec<u8>, doubles: bool },
}

impl Vector {
    fn check(&self) -> Result<(), (String, String)> {
        let outcome = self.outcome();
        let holds = match (&outcome, self) {
            (Outcome::Refused(exception, _), Self { expect_error: Some(expected), .. }) => {
                exception == expected
            }
            (Outcome::NoMatch, Self { expect_no_match, .. }) => *expect_no_match,
            (Outcome::Output { bytes, doubles }, Self { expect: Some(expected), .. }) => {
                same(bytes, expected.get().as_bytes(), *doubles)
            }
            (Outcome::Output { bytes, .. }, Self { expect_raw: Some(expected), .. }) => {
                bytes == expected.as_bytes()
            }
            (Outcome::Output { bytes, .. }, Self { expect_raw_base64: Some(expected), .. }) => {
                STANDARD.encode(bytes) == *expected
            }
            (Outcome::Output { bytes, .. }, Self { expect_match: Some(expected), .. }) => {
                expected.iter().all(|(key, pattern)| member_matches(bytes, key, pattern))
            }
            _ => false,
        };
        if holds { Ok(()) } else { Err((self.expected(), outcome.to_string())) }
    }

    fn outcome(&self) -> Outcome {
        let version = match SqlVersion::from_str(&self.sql_version) {
            Ok(version) => version,
            Err(error) => return Outcome::Refused("InvalidRequestException", error.to_string()),
        };
        let statement = match parse(&self.sql, version) {
            Ok(statement) => statement,
            Err(error) => return Outcome::Refused("SqlParseException", error.to_string()),
        };
        if self.basic_ingest_rule.is_none() && !statement.matches(&self.topic) {
            return Outcome::NoMatch;
        }
        let payload = match (&self.payload, &self.payload_base64) {
            (Some(payload), _) => payload.get().as_bytes().to_vec(),
            (None, Some(coded)) => STANDARD.decode(coded).unwrap_or_default(),
            (None, None) => Vec::new(),
        };
        let properties = self.mqtt5.as_ref().map(Mqtt5::properties);
        let mut input = Input::new(&payload, &self.topic, self.timestamp.unwrap_or_default(), SEED);
        input.client_id = self.client_id.as_deref();
        input.account_id = self.account_id.as_deref();
        input.principal = self.principal.as_deref();
        input.trace_id = self.trace_id.as_deref();
        input.source_ip = self.source_ip.as_deref();
        input.properties = properties.as_ref();
        match statement.evaluate(&input, &Answers::none()) {
            Ok(Evaluated::NoMatch) => Outcome::NoMatch,
            Ok(Evaluated::Output(output)) => Outcome::Output {
                bytes: Output::bytes(&output, &input).into_owned(),
                doubles: statement.uses_doubles(),
            },
            Ok(Evaluated::Needs(calls)) => {
                let calls: Vec<_> = calls.iter().map(ToString::to_string).collect();
                Outcome::Failed(format!("a vector cannot look outward: {}", calls.join(", ")))
            }
            Err(error) => Outcome::Failed(error.to_string()),
        }
    }

    fn expected(&self) -> String {
        if self.expect_no_match {
            return "no match".to_owned();
        }
        if let Some(exception) = &self.expect_error {
            return exception.clone();
        }
        let patterns = self.expect_match.as_ref().and_then(|patterns| serde_json::to_string(patterns).ok());
        let json = self.expect.as_ref().map(|json| json.get().to_owned());
        let raw = self.expect_raw.as_ref().map(|raw| format!("the text `{raw}`"));
        let coded = self.expect_raw_base64.as_ref().map(|coded| format!("the bytes {coded}"));
        json.or(raw)
            .or(coded)
            .or(patterns)
            .unwrap_or_else(|| "nothing: the vector has no expectation".to_owned())
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(exception, why) => write!(f, "{exception}: {why}"),
            Self::NoMatch => f.write_str("no match"),
            Self::Failed(why) => write!(f, "a failure: {why}"),
            Self::Output { bytes, .. } => match std::str::from_utf8(bytes) {
                Ok("") => f.write_str("the empty text"),
                Ok(text) => f.write_str(text),
                Err(_) => write!(f, "the bytes {}", STANDARD.encode(bytes)),
            },
        }
    }
}

impl Mqtt5 {
    fn properties(&self) -> Properties {
        let correlation = self.correlation_data.as_ref().and_then(|coded| STANDARD.decode(coded).ok());
        let user = self.user_properties.iter();
        Properties {
            payload_format: self
                .payload_format_indicator
                .as_ref()
                .map(|indicator| u8::from(indicator == "UTF8_DATA")),
            expires_at: None,
            content_type: self.content_type.as_deref().map(Into::into),
            response_topic: self.response_topic.as_deref().map(Into::into),
            correlation_data: correlation.map(Bytes::from),
            user: user.map(|pair| (pair.key.as_str().into(), pair.value.as_str().into())).collect(),
        }
    }
}

/// Compares JSON: numbers by value, objects without regard to order (RULES-581 to RULES-583).
fn same(got: &[u8], expected: &[u8], doubles: bool) -> bool {
    match (json::parse(got, false), json::parse(expected, false)) {
        (Ok(got), Ok(expected)) => same_value(&got, &expected, doubles),
        _ => false,
    }
}

fn same_value(got: &Value, expected: &Value, doubles: bool) -> bool {
    match (got, expected) {
        (Value::Array(got), Value::Array(expected)) => {
            got.len() == expected.len()
                && got.iter().zip(expected.iter()).all(|(got, expected)| same_value(got, expected, doubles))
        }
        (Value::Object(got), Value::Object(expected)) => {
            got.len() == expected.len()
                && got.iter().all(|(name, value)| {
                    expected.get(name).is_some_and(|other| same_value(value, other, doubles))
                })
        }
        _ => super::equal(got, expected) || doubles && nearly_equal(got, expected),
    }
}

fn nearly_equal(got: &Value, expected: &Value) -> bool {
    let number = |value: &Value| match value {
        Value::Str(_) => None,
        value => to_decimal(value).map(Decimal::to_f64),
    };
    match (number(got), number(expected)) {
        (Some(got), Some(expected)) => (got - expected).abs() <= TOLERANCE * got.abs().max(expected.abs()),
        _ => false,
    }
}

fn member_matches(bytes: &[u8], key: &str, pattern: &serde_json::Value) -> bool {
    let Ok(result) = json::parse(bytes, false) else { return false };
    let pattern = pattern.as_str().and_then(|pattern| regex::Regex::new(pattern).ok());
    match (pattern, super::to_text(result.member(key))) {
        (Some(pattern), Some(text)) => pattern.is_match(&text),
        _ => false,
    }
}

/// RULES-582.
const TOLERANCE: f64 = 1e-12;
/// Vectors do not name a seed; any will do.
const SEED: u128 = 0x7468_696e_6773_7465_6164;
