//! SET, SELECT, FROM, WHERE, at the top and in nested queries (section 2).

use std::sync::Arc;

use thingstead_core::topic;

use super::{INFIX_WORDS, Kind, Parser, Rank, is_word};
use crate::sql::ast::{Expr, Item, Key, Query, Selection};
use crate::sql::error::{Problem, SqlError};
use crate::sql::limits::{MAX_VARIABLE_NAME, MAX_VARIABLES};
use crate::sql::reads::Reads;
use crate::sql::statement::Statement;

impl Parser<'_> {
    /// RULES-025.
    pub(super) fn statement(mut self) -> Result<Statement, SqlError> {
        let variables = self.set()?;
        if !self.take_word("SELECT")? {
            let expected = if variables.is_empty() { "SELECT" } else { "`,` or SELECT" };
            let hint = self
                .at_word("SET")
                .then(|| "SET may appear once; separate the variables by commas".to_owned());
            let error = self.unexpected(expected, &["SELECT", "SET"]);
            return Err(if hint.is_some() { error.suggest(hint) } else { error });
        }
        let selection = self.selection()?;
        let topic_filter = if self.take_word("FROM")? { self.topic_filter()? } else { None };
        let filter = if self.take_word("WHERE")? { Some(self.expression(Rank::Or)?) } else { None };
        if self.current.kind != Kind::End {
            let expected = if filter.is_some() {
                "an operator or the end of the statement"
            } else if topic_filter.is_some() {
                "WHERE or the end of the statement"
            } else if matches!(selection, Selection::Value(_)) {
                "FROM, WHERE or the end of the statement"
            } else {
                "`,`, AS, FROM, WHERE or the end of the statement"
            };
            return Err(self.unexpected(expected, &INFIX_WORDS));
        }
        let reads = Reads::of(variables.iter().chain(&filter), &selection);
        Ok(Statement {
            version: self.version,
            names: self.variables,
            variables,
            selection,
            topic_filter,
            filter,
            reads,
            size: self.source.len(),
        })
    }

    /// `SET @a = expr, …` (RULES-027 to RULES-040); the names go into `self.variables`.
    fn set(&mut self) -> Result<Vec<Expr>, SqlError> {
        let mut values = Vec::new();
        if !self.at_word("SET") {
            return Ok(values);
        }
        self.needs_v2("SET", self.current.start, self.current.end)?;
        self.advance()?;
        loop {
            let Kind::Variable(name) = self.current.kind else {
                let error = self.unexpected("a variable such as `@name`", &[]);
                return Err(match self.current.kind {
                    Kind::Word(word) => error.suggest(Some(format!("write @{word}"))),
                    _ => error,
                });
            };
            if name.chars().count() + 1 > MAX_VARIABLE_NAME {
                return Err(self.error_here(Problem::VariableNameTooLong));
            }
            if self.variables.iter().any(|known| &**known == name) {
                return Err(self.error_here(Problem::VariableSetTwice(name.to_owned())));
            }
            if self.variables.len() == MAX_VARIABLES {
                return Err(self.error_here(Problem::TooManyVariables));
            }
            self.advance()?;
            self.expect_symbol("=", "`=`")?;
            values.push(self.expression(Rank::Or)?);
            self.variables.push(name.into());
            if !self.take_symbol(",")? {
                return Ok(values);
            }
        }
    }

    /// RULES-069, RULES-070, RULES-077, RULES-078.
    fn topic_filter(&mut self) -> Result<Option<Arc<str>>, SqlError> {
        let Kind::Str(filter) = &self.current.kind else {
            let bare = self.source.get(self.current.start..).unwrap_or_default();
            let bare: String =
                bare.chars().take_while(|c| !c.is_whitespace() && !"'\";".contains(*c)).collect();
            let hint =
                (!bare.is_empty()).then(|| format!("put the topic filter in single quotes: FROM '{bare}'"));
            return Err(self.unexpected("the topic filter in single quotes", &[]).suggest(hint));
        };
        let filter: Arc<str> = filter.as_str().into();
        if filter.is_empty() {
            self.advance()?;
            return Ok(None);
        }
        if let Err(error) = topic::check_filter(&filter) {
            return Err(self.error_here(Problem::TopicFilter { filter: filter.to_string(), error }));
        }
        self.advance()?;
        Ok(Some(filter))
    }

    /// What stands behind SELECT.
    fn selection(&mut self) -> Result<Selection, SqlError> {
        if self.at_word("VALUE") && !self.value_is_a_name() {
            self.advance()?;
            let expr = self.expression(Rank::Or)?;
            if self.at_symbol(",") {
                return Err(self.error_here(Problem::ValueTakesOneItem));
            }
            return Ok(Selection::Value(expr));
        }
        let mut items = Vec::new();
        loop {
            items.push(self.nested(Self::item)?);
            if !self.take_symbol(",")? {
                return Ok(Selection::Items(items));
            }
        }
    }

    /// RULES-064.
    fn value_is_a_name(&self) -> bool {
        let next = self.following();
        matches!(next, Kind::Symbol("," | "." | ")") | Kind::End)
            || is_word(&next, "AS")
            || is_word(&next, "FROM")
    }

    fn item(&mut self) -> Result<Item, SqlError> {
        let start = self.current.start;
        let outer = std::mem::replace(&mut self.item_depth, self.depth + 1);
        self.spread_end = None;
        let expr = self.expression(Rank::Or);
        self.item_depth = outer;
        let expr = expr?;
        let spread = self.spread_end.take();
        if let Some(end) = spread
            && (end != self.last_end || !is_postfix(&expr))
        {
            let problem = Problem::Unexpected {
                expected: "`path.*` alone".to_owned(),
                found: "an expression around it".to_owned(),
            };
            return Err(self.error_at(problem, start, self.last_end));
        }
        let source = (start, self.last_end);
        if self.take_word("AS")? {
            return Ok(Item::Keyed(expr, Key::Alias(self.alias()?)));
        }
        if spread.is_some() {
            return Ok(Item::Spread(expr));
        }
        let key = match &expr {
            Expr::Star => return Ok(Item::All),
            Expr::Name(name) | Expr::Member(_, name) | Expr::Variable(_, name) => Key::Implied(name.clone()),
            Expr::Call(call) => Key::Implied(call.name.clone()),
            Expr::Cast(..) => Key::Implied("cast".into()),
            _ => Key::Source(self.source.get(source.0..source.1).unwrap_or_default().into()),
        };
        Ok(Item::Keyed(expr, key))
    }

    /// `a` or `a.b.c`; every word may be an alias.
    fn alias(&mut self) -> Result<Vec<Arc<str>>, SqlError> {
        let mut segments = Vec::new();
        loop {
            segments.push(self.name("a name")?);
            if segments.len() > MAX_ALIAS_SEGMENTS {
                return Err(self.error_here(Problem::TooDeep));
            }
            if !self.take_symbol(".")? {
                return Ok(segments);
            }
        }
    }

    /// Any word, keywords included.
    pub(super) fn name(&mut self, expected: &str) -> Result<Arc<str>, SqlError> {
        let Kind::Word(word) = self.current.kind else {
            let hint = (expected == MEMBER)
                .then(|| "any other name is reached with get(object, \"name\")".to_owned());
            return Err(self.unexpected(expected, &[]).suggest(hint));
        };
        self.advance()?;
        Ok(word.into())
    }

    /// Reads on behind the SELECT of a nested query (section 2.6).
    pub(super) fn query(&mut self, start: usize) -> Result<Query, SqlError> {
        self.needs_v2("a nested query", start, self.last_end)?;
        let selection = self.selection()?;
        self.expect_word("FROM", "`,`, AS or FROM")?;
        if let Kind::Str(_) = self.current.kind {
            let hint = "a nested query reads an attribute, not a topic: FROM readings".to_owned();
            return Err(self.unexpected("an attribute", &[]).suggest(Some(hint)));
        }
        let source = self.expression(Rank::Unary)?;
        let alias = if self.take_word("AS")? { Some(self.name("a name")?) } else { None };
        let filter = if self.take_word("WHERE")? { Some(self.expression(Rank::Or)?) } else { None };
        Ok(Query { selection, source, alias, filter })
    }
}

/// What `.*` may stand behind.
const fn is_postfix(expr: &Expr) -> bool {
    matches!(
        expr,
        Expr::Name(_)
            | Expr::Member(..)
            | Expr::Variable(..)
            | Expr::Star
            | Expr::Call(_)
            | Expr::Query(_)
            | Expr::Object(_)
    )
}

/// What is expected behind a point.
pub(super) const MEMBER: &str = "a member name";

/// Levels of objects that an alias may build; a guard of this product.
const MAX_ALIAS_SEGMENTS: usize = 32;
