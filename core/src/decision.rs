//! A decision of the policy evaluator with its reasons: one type from the evaluator to the console.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// What was decided (API `AuthDecision`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Outcome {
    /// An `Allow` applies and no `Deny` does.
    Allowed,
    /// A `Deny` applies (POLICY-352).
    ExplicitDeny,
    /// No statement applies (POLICY-350).
    ImplicitDeny,
}

impl Outcome {
    /// Whether the request may go on.
    pub const fn is_allowed(self) -> bool {
        matches!(self, Self::Allowed)
    }
}

/// What was asked, why it was decided so, and what would have allowed it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// The request.
    pub asked: Asked,
    /// The verdict.
    pub outcome: Outcome,
    /// The statements that decided: the denying ones, else the allowing ones; empty for an implicit deny.
    pub because: Vec<StatementRef>,
    /// Statements that failed in one element only, or were the closest, nearest first.
    pub near_misses: Vec<NearMiss>,
    /// Every variable and condition key that a considered statement used, with its value or why it has none.
    pub variables: Vec<ResolvedVariable>,
    /// One sentence for a person.
    pub why: String,
    /// The smallest change that would allow it, as text with a statement in JSON; `None` when it was allowed.
    pub fix: Option<String>,
}

impl Decision {
    /// Whether the request may go on.
    pub fn is_allowed(&self) -> bool {
        self.outcome.is_allowed()
    }

    /// The form of the admin API's `explain`: variables as an object of values, `null` where there is none, and the
    /// reasons for those in `unresolved`.
    pub fn to_explanation(&self) -> Map<String, Value> {
        let variables: Map<_, _> = self
            .variables
            .iter()
            .map(|variable| (variable.name.to_string(), json!(variable.value)))
            .collect();
        let unresolved: Map<_, _> = self
            .variables
            .iter()
            .filter_map(|variable| Some((variable.name.to_string(), json!(variable.why_absent.as_ref()?))))
            .collect();
        let members = [
            ("asked", json!(self.asked)),
            ("outcome", json!(self.outcome)),
            ("why", json!(self.why)),
            ("because", json!(self.because)),
            ("near_misses", json!(self.near_misses)),
            ("variables", Value::Object(variables)),
            ("unresolved", Value::Object(unresolved)),
            ("fix", json!(self.fix)),
        ];
        members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

/// An action on a resource.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Asked {
    /// Such as `iot:Publish`.
    pub action: Arc<str>,
    /// A full ARN or `*`.
    pub resource: Arc<str>,
}

/// A statement in a policy.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct StatementRef {
    /// The policy's name, or where an unnamed document came from.
    pub policy: Arc<str>,
    /// The policy version, such as `1`; `None` for documents without versions.
    pub version: Option<Arc<str>>,
    /// Position in `Statement`, counted from 0.
    pub statement: usize,
    /// Its `Sid`, if it has one.
    pub sid: Option<Arc<str>>,
    /// Where the statement begins in the document's text.
    pub position: Position,
}

/// A place in a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Position {
    /// Counted from 1.
    pub line: u32,
    /// Counted from 1, in characters.
    pub column: u32,
}

/// A statement that nearly applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NearMiss {
    /// The statement.
    pub statement: StatementRef,
    /// Which element did not hold: `Action`, `Resource`, `NotAction`, `NotResource`, `Condition`.
    pub element: Arc<str>,
    /// What the element says, variables resolved, against what was asked; one sentence.
    pub why: String,
}

/// A policy variable or condition key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResolvedVariable {
    /// As written in the policy, such as `iot:Connection.Thing.ThingName`.
    pub name: Arc<str>,
    /// Its value; several are joined by a comma and a space.
    pub value: Option<String>,
    /// Why it has no value, for a person; `None` when it has one.
    pub why_absent: Option<String>,
}
