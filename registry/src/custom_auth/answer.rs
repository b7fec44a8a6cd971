//! What the function answers (policy.md 13.5).

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use thingstead_core::PolicyName;
use thingstead_policy_engine::{Applicable, Document};

use super::refusal::AnswerFlaw;

/// An answer, read as far as everybody needs it: of one that does not authenticate nothing else is looked at.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) is_authenticated: bool,
    members: Map<String, Value>,
}

/// The rest of an answer that authenticates.
#[derive(Debug)]
pub(super) struct Granted {
    pub(super) principal_id: Arc<str>,
    /// The texts of the documents, as they were answered.
    pub(super) texts: Vec<String>,
    pub(super) documents: Vec<Applicable>,
    pub(super) disconnect_after: Duration,
    pub(super) refresh_after: Option<Duration>,
}

impl Answer {
    /// Reads the JSON object; only `isAuthenticated` is judged (AUTH-200, AUTH-201).
    pub(super) fn read(body: &[u8]) -> Result<Self, AnswerFlaw> {
        match serde_json::from_slice(body) {
            Ok(Value::Object(members)) => {
                let is_authenticated = members.get("isAuthenticated") == Some(&Value::Bool(true));
                Ok(Self { is_authenticated, members })
            }
            Ok(other) => Err(AnswerFlaw::NoObject(shortened(&other.to_string()))),
            Err(error) => Err(AnswerFlaw::NoJson(error.to_string())),
        }
    }

    /// Reads an answer that authenticates (AUTH-202 to AUTH-207). `certificate` is the id of the certificate that came along.
    pub(super) fn granted(
        &self,
        authorizer: &str,
        certificate: Option<&str>,
        limited: bool,
    ) -> Result<Granted, AnswerFlaw> {
        let principal_id = self.principal(certificate)?;
        let texts = self.policy_texts(certificate.is_some(), limited)?;
        let document = |(index, text): (usize, &String)| {
            let document = Document::parse(text)
                .map_err(|error| AnswerFlaw::Document { index, why: error.to_string() })?;
            let name = PolicyName::from(format!("{authorizer}/policyDocuments[{index}]"));
            Ok(Applicable { name, version: None, document: Arc::new(document) })
        };
        Ok(Granted {
            principal_id,
            documents: texts.iter().enumerate().map(document).collect::<Result<_, AnswerFlaw>>()?,
            texts,
            disconnect_after: self.seconds("disconnectAfterInSeconds")?.unwrap_or(LONGEST),
            refresh_after: self.seconds("refreshAfterInSeconds")?,
        })
    }

    fn principal(&self, certificate: Option<&str>) -> Result<Arc<str>, AnswerFlaw> {
        let given = match self.members.get("principalId") {
            None | Some(Value::Null) => return Err(AnswerFlaw::Missing("principalId")),
            Some(Value::String(given)) => given,
            Some(other) => return Err(AnswerFlaw::Principal(shortened(&other.to_string()))),
        };
        let fits = (1..=128).contains(&given.len()) && given.bytes().all(|b| b.is_ascii_alphanumeric());
        if !fits {
            return Err(AnswerFlaw::Principal(shortened(given)));
        }
        match certificate {
            // AUTH-207
            Some(id) if id != given => {
                Err(AnswerFlaw::OtherPrincipal { given: shortened(given), certificate: id.to_owned() })
            }
            _ => Ok(given.as_str().into()),
        }
    }

    fn policy_texts(&self, optional: bool, limited: bool) -> Result<Vec<String>, AnswerFlaw> {
        let list = match self.members.get("policyDocuments") {
            None | Some(Value::Null) if optional => return Ok(Vec::new()),
            None | Some(Value::Null) => return Err(AnswerFlaw::Missing("policyDocuments")),
            Some(Value::Array(list)) => list,
            Some(_) => return Err(AnswerFlaw::NoArray),
        };
        if limited && list.len() > MOST_DOCUMENTS {
            return Err(AnswerFlaw::TooManyDocuments(list.len()));
        }
        let text = |(index, document): (usize, &Value)| {
            let text = match document {
                Value::String(text) => text.clone(),
                Value::Object(_) => document.to_string(),
                _ => {
                    let why = "it is neither an object nor a string that holds one".to_owned();
                    return Err(AnswerFlaw::Document { index, why });
                }
            };
            let length = text.chars().count();
            if limited && length > MOST_CHARACTERS {
                return Err(AnswerFlaw::DocumentTooLong { index, length });
            }
            Ok(text)
        };
        list.iter().enumerate().map(text).collect()
    }

    /// AUTH-204, AUTH-205.
    fn seconds(&self, member: &'static str) -> Result<Option<Duration>, AnswerFlaw> {
        let given = match self.members.get(member) {
            None | Some(Value::Null) => return Ok(None),
            Some(given) => given,
        };
        match given.as_u64() {
            Some(seconds) if (300..=86_400).contains(&seconds) => Ok(Some(Duration::from_secs(seconds))),
            _ => Err(AnswerFlaw::Seconds { member, given: shortened(&given.to_string()) }),
        }
    }
}

/// What a message repeats of an answer.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(80) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// AUTH-204.
const LONGEST: Duration = Duration::from_secs(86_400);
/// AUTH-203, POLICY-039.
const MOST_DOCUMENTS: usize = 10;
const MOST_CHARACTERS: usize = 2_048;
