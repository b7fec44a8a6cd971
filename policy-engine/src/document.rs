//! A policy document, compiled.

use std::sync::Arc;

use thingstead_core::PolicyName;
use thingstead_core::decision::Position;

use crate::condition::Test;
use crate::error::PolicyError;
use crate::key::Key;
use crate::template::Template;
use crate::validate;

/// A valid policy document, compiled for evaluation. Cheap to share behind an `Arc`.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    pub(crate) text: Arc<str>,
    pub(crate) language: Language,
    pub(crate) id: Option<Arc<str>>,
    pub(crate) statements: Vec<Statement>,
}

/// The policy language, `Version` (POLICY-002).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Language {
    /// `2008-10-17`, also when the document does not say (POLICY-003): `${…}` is ordinary text (POLICY-004).
    V2008,
    /// `2012-10-17`: with variables (POLICY-204).
    V2012,
}

/// What a statement does when it applies (POLICY-010).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Grants.
    Allow,
    /// Refuses, whatever else grants.
    Deny,
}

/// A policy that applies to a request: a document with the name and version it is known by.
#[derive(Debug, Clone)]
pub struct Applicable {
    /// The policy's name, or where an unnamed document came from.
    pub name: PolicyName,
    /// The version, such as `1`; `None` for documents without versions.
    pub version: Option<Arc<str>>,
    /// The document.
    pub document: Arc<Document>,
}

impl Document {
    /// Parses and validates a document (section 1.1). Its size is not judged: that is [`Document::check_size`]'s, because
    /// the limit may be lifted.
    ///
    /// # Errors
    /// The first flaw, with its place in the text.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        validate::document(text)
    }

    /// Refuses a text over [`MAX_DOCUMENT_CHARACTERS`](crate::MAX_DOCUMENT_CHARACTERS) (POLICY-030, POLICY-053).
    ///
    /// # Errors
    /// [`Flaw::TooLong`](crate::Flaw::TooLong).
    pub fn check_size(text: &str) -> Result<(), PolicyError> {
        validate::size(text)
    }

    /// The text as it was sent, byte for byte (POLICY-023).
    pub fn text(&self) -> &Arc<str> {
        &self.text
    }

    /// The language the document is written in.
    pub fn language(&self) -> Language {
        self.language
    }

    /// Its `Id`, which influences nothing (POLICY-005).
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// Whether its decisions may change with the mere passing of time, so that nobody may remember them.
    pub fn depends_on_time(&self) -> bool {
        self.mentions(|key| matches!(key, Key::CurrentTime | Key::EpochTime))
    }

    /// Whether its decisions may depend on what stands in the client's certificate.
    pub fn depends_on_certificate(&self) -> bool {
        self.mentions(|key| {
            matches!(
                key,
                Key::CertificateId
                    | Key::CertificateSerialNumber
                    | Key::CertificateAvailableKeys
                    | Key::Certificate(..)
            )
        })
    }

    fn mentions(&self, is_meant: impl Fn(&Key) -> bool) -> bool {
        self.statements.iter().any(|statement| {
            let tests = &statement.condition;
            let operands =
                tests.iter().flat_map(|test| &test.operands).flat_map(|operand| operand.templates());
            let mut variables =
                statement.resources.patterns.iter().chain(operands).flat_map(|t| &t.variables);
            tests.iter().any(|test| is_meant(&test.key)) || variables.any(|variable| is_meant(&variable.key))
        })
    }

    /// How many statements it has.
    pub fn statement_count(&self) -> usize {
        self.statements.len()
    }
}

impl Language {
    pub(crate) const fn has_variables(self) -> bool {
        matches!(self, Self::V2012)
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Statement {
    pub(crate) effect: Effect,
    pub(crate) sid: Option<Arc<str>>,
    pub(crate) position: Position,
    pub(crate) actions: Element<ActionPattern>,
    pub(crate) resources: Element<Template>,
    pub(crate) condition: Vec<Test>,
}

/// `Action` or `NotAction`, `Resource` or `NotResource`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Element<P> {
    /// Whether it is the `Not…` form, which holds when no pattern covers (POLICY-173, POLICY-174).
    pub(crate) negated: bool,
    pub(crate) patterns: Vec<P>,
}

/// An action pattern: wildcards, no variables (POLICY-202), any case (POLICY-131).
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ActionPattern {
    /// As written.
    pub(crate) text: Arc<str>,
    pub(crate) lower: Template,
}

impl<P> Element<P> {
    pub(crate) fn holds(&self, covers: impl Fn(&P) -> bool) -> bool {
        self.patterns.iter().any(covers) != self.negated
    }
}
