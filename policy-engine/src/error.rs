//! Why a text is not a policy document.

use std::fmt;

use thingstead_core::decision::Position;

/// What is wrong with a policy document, and where.
///
/// `Display` is for a person, with line and column. [`PolicyError::aws_message`] is the text of the
/// `MalformedPolicyException` (POLICY-050 to POLICY-053).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyError {
    /// What is wrong.
    pub flaw: Flaw,
    /// Where in the text.
    pub position: Position,
}

/// A way to be malformed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// Not JSON (POLICY-050): what was found and what JSON wants there.
    #[error("{0}")]
    Json(String),
    /// `Resource`/`NotResource` entries that are neither `*` nor an ARN (POLICY-051).
    #[error("{} not `*` and not an ARN (`arn:aws:iot:REGION:ACCOUNT:TYPE/NAME`)", listed(.0))]
    Resources(Vec<String>),
    /// JSON, but not the grammar of a policy (POLICY-052).
    #[error("{0}")]
    Syntax(String),
    /// Over the size limit (POLICY-053); the count leaves white space out.
    #[error("the document has {counted} characters, white space not counted; at most {limit} are allowed")]
    TooLong {
        /// Characters counted.
        counted: usize,
        /// Characters allowed.
        limit: usize,
    },
}

impl PolicyError {
    /// The message of the `MalformedPolicyException` that AWS answers with.
    pub fn aws_message(&self) -> String {
        let detail = match &self.flaw {
            Flaw::Json(_) => self.to_string(),
            Flaw::Resources(entries) => {
                format!("The following resources are invalid : {}", entries.join(", "))
            }
            Flaw::Syntax(_) => "Invalid policy syntax.".to_owned(),
            Flaw::TooLong { .. } => self.flaw.to_string(),
        };
        format!("Policy document is Malformed: {detail}")
    }
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.flaw {
            Flaw::TooLong { .. } => write!(f, "{}", self.flaw),
            _ => write!(f, "line {}, column {}: {}", self.position.line, self.position.column, self.flaw),
        }
    }
}

impl std::error::Error for PolicyError {}

fn listed(entries: &[String]) -> String {
    let quoted: Vec<String> = entries.iter().map(|entry| format!("`{entry}`")).collect();
    let verb = if entries.len() == 1 { "is" } else { "are" };
    format!("{} {verb}", quoted.join(", "))
}
