//! A parsed statement and what can be asked of it.

use std::str::FromStr;
use std::sync::Arc;

use thingstead_core::topic;

use super::ast::{Expr, Selection};
use super::error::SqlError;
use super::evaluate::{EvalError, Evaluator, Stop};
use super::external::{Answers, Call};
use super::input::Input;
use super::output::Output;
use super::parser;
use super::reads::{Reads, passes_through};
use super::template::{Template, TemplateKind};
use super::version::SqlVersion;

/// A rule's SQL statement, parsed. Equal statements do the same; `Display` prints SQL that parses back to an equal statement.
#[derive(Clone, Debug)]
pub struct Statement {
    pub(super) version: SqlVersion,
    /// The names of the variables, in the order of SET.
    pub(super) names: Vec<Arc<str>>,
    /// Their values.
    pub(super) variables: Vec<Expr>,
    pub(super) selection: Selection,
    pub(super) topic_filter: Option<Arc<str>>,
    pub(super) filter: Option<Expr>,
    /// Which members of the payload it reads; follows from the rest.
    pub(super) reads: Reads,
    /// How many bytes the source had.
    pub(super) size: usize,
}

/// Parses a statement of the given version.
///
/// # Errors
/// The statement is not in the dialect; the rule is refused with `SqlParseException` (RULES-326).
pub fn parse(text: &str, version: SqlVersion) -> Result<Statement, SqlError> {
    parser::statement(text, version)
}

/// What an evaluation came to.
#[derive(Clone, Debug, PartialEq)]
pub enum Evaluated {
    /// WHERE did not let the message pass (RULES-081). No failure (RULES-404).
    NoMatch,
    /// The actions run with this.
    Output(Output),
    /// Functions look outward: perform these calls and evaluate again with all answers given so far. Never empty.
    Needs(Vec<Call>),
}

impl Statement {
    /// The version it was parsed for (RULES-309).
    pub const fn version(&self) -> SqlVersion {
        self.version
    }

    /// The text of the FROM clause; `None` when there is none or it is empty (RULES-077, RULES-341).
    pub fn topic_filter(&self) -> Option<&str> {
        self.topic_filter.as_deref()
    }

    /// Whether a message published on `topic` is offered to this rule (RULES-071 to RULES-079). A Basic Ingest topic never
    /// is: it names its rule (RULES-076).
    pub fn matches(&self, topic: &str) -> bool {
        self.topic_filter.as_deref().is_some_and(|filter| topic::matches(filter, topic))
            && topic::basic_ingest(topic).is_none()
    }

    /// The names that SET assigns, without `@`.
    pub fn variables(&self) -> &[Arc<str>] {
        &self.names
    }

    /// Whether the actions receive the payload's bytes as published: `SELECT *` alone (RULES-310).
    pub fn passes_payload_through(&self) -> bool {
        passes_through(&self.selection)
    }

    /// Whether evaluating it may answer [`Evaluated::Needs`].
    pub fn looks_outward(&self) -> bool {
        let mut found = false;
        self.each(&mut |expr| {
            if let Expr::Call(call) = expr {
                found |= call.function.is_external(&call.arguments);
            }
        });
        found
    }

    /// Whether a function works in double precision, so that results may differ in the last digits (RULES-582).
    pub(super) fn uses_doubles(&self) -> bool {
        let mut found = false;
        self.each(&mut |expr| match expr {
            Expr::Call(call) => found |= call.function.double,
            Expr::Cast(_, super::ast::CastType::Double) => found = true,
            _ => {}
        });
        found
    }

    fn each(&self, visit: &mut dyn FnMut(&Expr)) {
        self.variables.iter().for_each(|expr| expr.each(visit));
        self.selection.each(visit);
        self.filter.iter().for_each(|expr| expr.each(visit));
    }

    /// Parses a substitution template of one of this rule's actions: same version, this statement's variables (RULES-380, RULES-383).
    ///
    /// # Errors
    /// The text between `${` and `}` is no expression; the rule is refused (RULES-384).
    pub fn template(&self, text: &str) -> Result<Template, SqlError> {
        Template::parse(text, self.version, &self.names, TemplateKind::Message)
    }

    /// Judges a message: SET first, then WHERE, then SELECT (RULES-026).
    ///
    /// Pure: the same input and answers give the same result. Whether the topic matches is not asked here, because a
    /// Basic Ingest rule runs whatever its filter says (RULES-367).
    ///
    /// # Errors
    /// A function that looks outward failed (RULES-302), or a limit of the dialect is passed. No action runs, nor the
    /// error action (RULES-391).
    pub fn evaluate(&self, input: &Input<'_>, answers: &Answers) -> Result<Evaluated, EvalError> {
        let mut evaluator = Evaluator::new(input, self.version, answers).reading(&self.reads);
        match evaluator.run(self) {
            Ok(evaluated) => Ok(evaluated),
            Err(Stop::Failed(error)) => Err(*error),
            Err(Stop::Pending) => Ok(Evaluated::Needs(evaluator.into_needs())),
        }
    }
}

/// Of the same version and parts, however they were written.
impl PartialEq for Statement {
    fn eq(&self, other: &Self) -> bool {
        self.version == other.version
            && self.names == other.names
            && self.variables == other.variables
            && self.selection == other.selection
            && self.topic_filter == other.topic_filter
            && self.filter == other.filter
    }
}

/// Parses with version 2016-03-23; `version` matters, so rules use [`parse`].
impl FromStr for Statement {
    type Err = SqlError;

    fn from_str(text: &str) -> Result<Self, SqlError> {
        parse(text, SqlVersion::V2016_03_23)
    }
}
