//! Why a statement or template cannot be parsed, and where.

use std::fmt;

use thingstead_core::decision::Position;
use thingstead_core::topic::TopicError;

use super::limits;
use super::version::SqlVersion;

/// A statement or template that is refused: an `SqlParseException` when the rule is created (RULES-326, RULES-384).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqlError {
    problem: Problem,
    position: Position,
    /// In bytes of the source.
    span: (usize, usize),
    suggestion: Option<String>,
}

impl SqlError {
    /// An error about the bytes `span` of `source`.
    pub(super) fn new(problem: Problem, source: &str, span: (usize, usize)) -> Self {
        Self { problem, position: position(source, span.0), span, suggestion: None }
    }

    /// The same error with a hint for the reader.
    #[must_use]
    pub(super) fn suggest(mut self, suggestion: Option<String>) -> Self {
        self.suggestion = suggestion;
        self
    }

    /// What is wrong.
    pub const fn problem(&self) -> &Problem {
        &self.problem
    }

    /// Line and column, both counted from 1.
    pub const fn position(&self) -> Position {
        self.position
    }

    /// What would have been right here, if the problem is a token out of place.
    pub fn expected(&self) -> Option<&str> {
        match &self.problem {
            Problem::Unexpected { expected, .. } => Some(expected),
            _ => None,
        }
    }

    /// What stands there instead.
    pub fn found(&self) -> Option<&str> {
        match &self.problem {
            Problem::Unexpected { found, .. } => Some(found),
            _ => None,
        }
    }

    /// How to repair it.
    pub fn suggestion(&self) -> Option<&str> {
        self.suggestion.as_deref()
    }

    /// The message with the line of `source` it is about and a caret under the place.
    pub fn render(&self, source: &str) -> String {
        let Position { line, column } = self.position;
        let text = source.lines().nth(line.saturating_sub(1) as usize).unwrap_or_default();
        let before: usize = column.saturating_sub(1) as usize;
        // A window of the line around the place, so that a long statement does not fill the screen.
        let from = before.saturating_sub(WINDOW / 2);
        let shown: String = text.chars().skip(from).take(WINDOW).map(plain).collect();
        let cut_left = if from > 0 { "…" } else { "" };
        let cut_right = if text.chars().count() > from + WINDOW { "…" } else { "" };
        let width = source.get(self.span.0..self.span.1).map_or(1, |text| text.chars().count());
        let room = (text.chars().count() + 1).saturating_sub(before).max(1);
        let carets = "^".repeat(width.clamp(1, room).min(WINDOW));
        let number = line.to_string();
        let margin = " ".repeat(number.len());
        let pad = " ".repeat(before - from + cut_left.chars().count());
        let mut out = format!(
            "error: {problem}\n{margin}--> line {line}, column {column}\n{margin} |\n{number} | {cut_left}{shown}{cut_right}\n{margin} | {pad}{carets}\n",
            problem = self.problem,
        );
        if let Some(suggestion) = &self.suggestion {
            out.push_str(&format!("{margin} = help: {suggestion}\n"));
        }
        out
    }
}

impl fmt::Display for SqlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Position { line, column } = self.position;
        write!(f, "{} at line {line}, column {column}", self.problem)?;
        match &self.suggestion {
            Some(suggestion) => write!(f, "; {suggestion}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for SqlError {}

/// What is wrong with a statement.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// A token out of place.
    #[error("expected {expected}, found {found}")]
    Unexpected {
        /// What would have been right.
        expected: String,
        /// What stands there.
        found: String,
    },
    /// A character that begins no token.
    #[error("`{0}` is not part of the dialect")]
    UnknownCharacter(char),
    /// `--` or `/*` (RULES-009).
    #[error("comments are not part of the dialect")]
    Comment,
    /// A literal without its closing quote.
    #[error("the string that begins here has no closing {0}")]
    UnterminatedString(char),
    /// Digits that run into letters, or a number out of bounds.
    #[error("`{0}` is not a number of at most 34 digits between 1E-999 and 9.99E999")]
    MalformedNumber(String),
    /// An operator or clause of other dialects (RULES-021, RULES-022, RULES-024).
    #[error("{0} is not part of the dialect")]
    NotInDialect(&'static str),
    /// RULES-181.
    #[error("unknown function `{0}`")]
    UnknownFunction(String),
    /// RULES-241.
    #[error("`{0}` is not a type that cast knows")]
    UnknownType(String),
    /// RULES-018, RULES-019, RULES-040, RULES-097, RULES-182, RULES-240.
    #[error("{what} needs SQL version 2016-03-23, this rule has {version}")]
    NeedsNewerVersion {
        /// What is too new.
        what: String,
        /// The rule's version.
        version: SqlVersion,
    },
    /// RULES-033.
    #[error("variable `@{0}` is not set before it is read")]
    UnknownVariable(String),
    /// RULES-030.
    #[error("variable `@{0}` is set twice")]
    VariableSetTwice(String),
    /// RULES-036.
    #[error("more than {limit} variables", limit = limits::MAX_VARIABLES)]
    TooManyVariables,
    /// RULES-028.
    #[error("a variable name has at most {limit} characters", limit = limits::MAX_VARIABLE_NAME)]
    VariableNameTooLong,
    /// RULES-078.
    #[error("topic filter `{filter}` {error}")]
    TopicFilter {
        /// As written.
        filter: String,
        /// Why it is none.
        error: TopicError,
    },
    /// RULES-060.
    #[error("SELECT VALUE takes exactly one expression")]
    ValueTakesOneItem,
    /// RULES-094.
    #[error("CASE needs a value to compare: CASE value WHEN … THEN … END")]
    SearchedCase,
    /// An argument that must be a literal or must not read a variable (RULES-035, RULES-258, RULES-300).
    #[error("argument {position} of {function} {rule}")]
    Argument {
        /// The function.
        function: &'static str,
        /// Counted from 1.
        position: usize,
        /// What it must be.
        rule: &'static str,
    },
    /// RULES-260.
    #[error("decode with 'proto' may be used at most {limit} times in a statement", limit = limits::MAX_PROTO_DECODES)]
    TooManyProtoDecodes,
    /// RULES-261, RULES-389.
    #[error("decode with 'proto' is not possible in substitution templates")]
    ProtoInTemplate,
    /// RULES-238.
    #[error("the default of get_or_default may not call `{0}`, which looks outside")]
    ExternalDefault(&'static str),
    /// More nesting than anybody writes.
    #[error("expressions are nested more than {limit} levels deep", limit = limits::MAX_NESTING)]
    TooDeep,
    /// RULES-387, RULES-388.
    #[error("{0}")]
    Template(&'static str),
}

/// Line and column of a byte offset.
fn position(source: &str, offset: usize) -> Position {
    let before = source.get(..offset).unwrap_or(source);
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    Position {
        line: u32::try_from(line).unwrap_or(u32::MAX),
        column: u32::try_from(column).unwrap_or(u32::MAX),
    }
}

/// A character that takes one column.
fn plain(c: char) -> char {
    if c.is_control() { ' ' } else { c }
}

/// How many characters of a line are shown.
const WINDOW: usize = 120;
