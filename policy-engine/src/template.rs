//! Policy strings: wildcards and variables, compiled when the document is parsed.

use std::borrow::Cow;
use std::sync::Arc;

use smallvec::SmallVec;

use crate::context::{Absent, Context};
use crate::document::Language;
use crate::glob::{self, Atom};
use crate::key::Key;

/// A compiled string of a policy. `*`, `?` in inserted text are never wildcards (POLICY-205), because a pattern is a
/// list of pieces and not a text.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Template {
    /// As written.
    pub(crate) text: Arc<str>,
    pieces: Vec<Piece>,
    pub(crate) variables: Vec<Variable>,
}

#[derive(Debug, Clone, PartialEq)]
enum Piece {
    Literal(Box<str>),
    AnyChar,
    AnyRun,
    /// Index into `variables`.
    Variable(usize),
}

/// A `${…}` of a policy string.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Variable {
    pub(crate) key: Key,
    /// As written, without `${}`.
    pub(crate) name: Arc<str>,
}

/// What `*` and `?` mean in a string.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wildcards {
    Match,
    Ordinary,
}

type Values<'a> = SmallVec<[Cow<'a, str>; 4]>;

impl Template {
    pub(crate) fn compile(text: &str, language: Language, wildcards: Wildcards) -> Self {
        let mut builder = Builder { wildcards, ..Builder::default() };
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            rest = match rest.strip_prefix("${") {
                Some(after) if language.has_variables() => builder.variable(after),
                _ => {
                    builder.character(c);
                    rest.get(c.len_utf8()..).unwrap_or_default()
                }
            };
        }
        builder.finish(text)
    }

    /// An ARN pattern as six templates, cut at the first five colons outside of variables; `None` with fewer fields.
    ///
    /// Cut before substitution, so a colon in an inserted value cannot shift the fields.
    pub(crate) fn compile_arn(text: &str, language: Language) -> Option<Vec<Self>> {
        let mut fields = Vec::with_capacity(6);
        let (mut start, mut at, mut in_variable) = (0, 0, false);
        for c in text.chars() {
            let here = text.get(at..).unwrap_or_default();
            match c {
                '$' if language.has_variables() && here.starts_with("${") => in_variable = true,
                '}' => in_variable = false,
                ':' if !in_variable && fields.len() < 5 => {
                    fields.push(Self::compile(text.get(start..at)?, language, Wildcards::Match));
                    start = at + 1;
                }
                _ => {}
            }
            at += c.len_utf8();
        }
        fields.push(Self::compile(text.get(start..)?, language, Wildcards::Match));
        (fields.len() == 6).then_some(fields)
    }

    /// Whether the string, variables inserted, covers the whole `text`. A variable without value covers nothing
    /// (POLICY-207, POLICY-208, POLICY-209).
    pub(crate) fn covers(&self, text: &str, context: &Context, action: &str) -> bool {
        if let Some(Piece::Literal(first)) = self.pieces.first()
            && !text.starts_with(first.as_ref())
        {
            return false;
        }
        self.values(context, action).is_ok_and(|values| glob::covers(|i| self.atom(i, &values), text))
    }

    /// The string with its variables inserted and its wildcards left, for comparison ignoring case and for people.
    pub(crate) fn rendered(&self, context: &Context, action: &str) -> Result<String, (&Variable, Absent)> {
        let values = self.values(context, action)?;
        Ok((0..).map_while(|i| self.atom(i, &values)).fold(String::new(), |mut out, atom| {
            out.push_str(match atom {
                Atom::Literal(text) => text,
                Atom::AnyChar => "?",
                Atom::AnyRun => "*",
            });
            out
        }))
    }

    fn values<'a>(&self, context: &'a Context, action: &str) -> Result<Values<'a>, (&Variable, Absent)> {
        self.variables
            .iter()
            .map(|variable| context.inserted(&variable.key, action).map_err(|absent| (variable, absent)))
            .collect()
    }

    fn atom<'a>(&'a self, index: usize, values: &'a Values<'_>) -> Option<Atom<'a>> {
        Some(match self.pieces.get(index)? {
            Piece::Literal(text) => Atom::Literal(text),
            Piece::AnyChar => Atom::AnyChar,
            Piece::AnyRun => Atom::AnyRun,
            Piece::Variable(slot) => Atom::Literal(values.get(*slot)?),
        })
    }
}

struct Builder {
    wildcards: Wildcards,
    literal: String,
    pieces: Vec<Piece>,
    variables: Vec<Variable>,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            wildcards: Wildcards::Match,
            literal: String::new(),
            pieces: Vec::new(),
            variables: Vec::new(),
        }
    }
}

impl Builder {
    fn character(&mut self, c: char) {
        match (c, self.wildcards) {
            ('*', Wildcards::Match) => self.piece(Piece::AnyRun),
            ('?', Wildcards::Match) => self.piece(Piece::AnyChar),
            _ => self.literal.push(c),
        }
    }

    /// Takes the variable or escape behind `${` and returns what follows it.
    fn variable<'a>(&mut self, after: &'a str) -> &'a str {
        let Some((name, rest)) = after.split_once('}') else {
            self.insert(Key::Unclosed, after);
            return "";
        };
        match name {
            "*" | "?" | "$" => self.literal.push_str(name),
            _ => self.insert(Key::named(name), name),
        }
        rest
    }

    fn insert(&mut self, key: Key, name: &str) {
        let slot = self.variables.len();
        self.piece(Piece::Variable(slot));
        self.variables.push(Variable { key, name: name.into() });
    }

    fn piece(&mut self, piece: Piece) {
        if !self.literal.is_empty() {
            self.pieces.push(Piece::Literal(std::mem::take(&mut self.literal).into()));
        }
        // `**` says no more than `*`.
        if piece != Piece::AnyRun || self.pieces.last() != Some(&Piece::AnyRun) {
            self.pieces.push(piece);
        }
    }

    fn finish(mut self, text: &str) -> Template {
        if !self.literal.is_empty() {
            self.pieces.push(Piece::Literal(self.literal.into()));
        }
        Template { text: text.into(), pieces: self.pieces, variables: self.variables }
    }
}
