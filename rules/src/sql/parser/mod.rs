//! Tokens to tree: a Pratt parser with a bound on nesting.

mod calls;
mod clauses;
mod expressions;
mod hints;

use std::sync::Arc;

pub(super) use calls::is_proto;

use super::ast::Expr;
use super::error::{Problem, SqlError};
use super::lexer::{Kind, Lexer, Token};
use super::limits::MAX_NESTING;
use super::statement::Statement;
use super::suggest::nearest;
use super::version::SqlVersion;

/// Parses a whole statement.
pub(super) fn statement(source: &str, version: SqlVersion) -> Result<Statement, SqlError> {
    Parser::new(source, 0, version, Vec::new(), false)?.statement()
}

/// Parses the expression of a substitution template that begins at byte `at`, and answers it with the offset of the closing brace.
pub(super) fn template_expression(
    source: &str,
    at: usize,
    version: SqlVersion,
    variables: &[Arc<str>],
) -> Result<(Expr, usize), SqlError> {
    let mut parser = Parser::new(source, at, version, variables.to_vec(), true)?;
    let expr = parser.expression(Rank::Or)?;
    if parser.current.kind != Kind::Symbol("}") {
        return Err(parser.unexpected("an operator or `}`", &INFIX_WORDS));
    }
    Ok((expr, parser.current.start))
}

/// How tightly an operator binds, loosest first (RULES-137).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    Or,
    And,
    Not,
    Comparison,
    Sum,
    Product,
    Unary,
}

struct Parser<'a> {
    source: &'a str,
    lexer: Lexer<'a>,
    current: Token<'a>,
    /// Where the token before the current one ended.
    last_end: usize,
    version: SqlVersion,
    /// Set so far, in order.
    variables: Vec<Arc<str>>,
    in_template: bool,
    depth: u32,
    /// The depth at which `path.*` may stand: that of an item of a SELECT list.
    item_depth: u32,
    /// Where a `path.*` just ended.
    spread_end: Option<usize>,
    proto_decodes: usize,
}

impl<'a> Parser<'a> {
    fn new(
        source: &'a str,
        at: usize,
        version: SqlVersion,
        variables: Vec<Arc<str>>,
        in_template: bool,
    ) -> Result<Self, SqlError> {
        let mut lexer = Lexer::new(source, at);
        let current = lexer.next()?;
        Ok(Self {
            source,
            lexer,
            current,
            last_end: at,
            version,
            variables,
            in_template,
            depth: 0,
            item_depth: 0,
            spread_end: None,
            proto_decodes: 0,
        })
    }

    fn advance(&mut self) -> Result<Token<'a>, SqlError> {
        self.last_end = self.current.end;
        let next = self.lexer.next()?;
        Ok(std::mem::replace(&mut self.current, next))
    }

    /// The token behind the current one; an error there is found later, at its own place.
    fn following(&self) -> Kind<'a> {
        self.lexer.clone().next().map_or(Kind::End, |token| token.kind)
    }

    fn at_symbol(&self, symbol: &str) -> bool {
        matches!(self.current.kind, Kind::Symbol(current) if current == symbol)
    }

    fn at_word(&self, word: &str) -> bool {
        is_word(&self.current.kind, word)
    }

    fn take_symbol(&mut self, symbol: &str) -> Result<bool, SqlError> {
        let found = self.at_symbol(symbol);
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    fn take_word(&mut self, word: &str) -> Result<bool, SqlError> {
        let found = self.at_word(word);
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    fn expect_symbol(&mut self, symbol: &str, expected: &str) -> Result<(), SqlError> {
        if self.take_symbol(symbol)? { Ok(()) } else { Err(self.unexpected(expected, &INFIX_WORDS)) }
    }

    fn expect_word(&mut self, word: &'static str, expected: &str) -> Result<(), SqlError> {
        if self.take_word(word)? { Ok(()) } else { Err(self.unexpected(expected, &[word])) }
    }

    /// Runs `parse` one level deeper.
    fn nested<T>(&mut self, parse: impl FnOnce(&mut Self) -> Result<T, SqlError>) -> Result<T, SqlError> {
        if self.depth >= MAX_NESTING {
            return Err(self.error_here(Problem::TooDeep));
        }
        self.depth += 1;
        let result = parse(self);
        self.depth -= 1;
        result
    }

    fn error_here(&self, problem: Problem) -> SqlError {
        self.error_at(problem, self.current.start, self.current.end)
    }

    fn error_at(&self, problem: Problem, start: usize, end: usize) -> SqlError {
        SqlError::new(problem, self.source, (start, end))
    }

    fn needs_v2(&self, what: &str, start: usize, end: usize) -> Result<(), SqlError> {
        if self.version.is_v2() {
            return Ok(());
        }
        let problem = Problem::NeedsNewerVersion { what: what.to_owned(), version: self.version };
        let hint = "create the rule with awsIotSqlVersion 2016-03-23";
        Err(self.error_at(problem, start, end).suggest(Some(hint.to_owned())))
    }

    /// The current token is out of place; `words` are the keywords that could have been meant.
    fn unexpected(&self, expected: &str, words: &[&'static str]) -> SqlError {
        if let Kind::Word(word) = self.current.kind {
            for (foreign, what, instead) in FOREIGN_WORDS {
                if word.eq_ignore_ascii_case(foreign) {
                    return self.error_here(Problem::NotInDialect(what)).suggest(Some((*instead).to_owned()));
                }
            }
        }
        if self.at_symbol("[") && self.last_end > 0 {
            let hint = "read an element with get(array, index)".to_owned();
            return self.error_here(Problem::NotInDialect("a subscript")).suggest(Some(hint));
        }
        let problem = Problem::Unexpected { expected: expected.to_owned(), found: self.describe() };
        let suggestion = self.hint(expected).or_else(|| match self.current.kind {
            Kind::Word(word) => nearest(word, words.iter().copied())
                .filter(|near| !near.eq_ignore_ascii_case(word))
                .map(|near| format!("did you mean {near}?")),
            _ => None,
        });
        self.error_here(problem).suggest(suggestion)
    }

    fn describe(&self) -> String {
        match &self.current.kind {
            Kind::Word(word) => format!("`{word}`"),
            Kind::Variable(name) => format!("`@{name}`"),
            Kind::Number(number) => format!("the number {number}"),
            Kind::Str(_) => "a string".to_owned(),
            Kind::Symbol(symbol) => format!("`{symbol}`"),
            Kind::End if self.in_template => "the end of the text".to_owned(),
            Kind::End => "the end of the statement".to_owned(),
        }
    }
}

fn is_word(kind: &Kind<'_>, word: &str) -> bool {
    matches!(kind, Kind::Word(current) if current.eq_ignore_ascii_case(word))
}

/// Keywords that may follow an expression.
const INFIX_WORDS: [&str; 11] =
    ["AND", "OR", "IN", "AS", "FROM", "WHERE", "WHEN", "THEN", "ELSE", "END", "SELECT"];

/// Words of other dialects (RULES-022): the word, what it is, what to write instead.
const FOREIGN_WORDS: &[(&str, &str, &str)] = &[
    ("LIKE", "LIKE", "use startswith(), endswith(), indexof() or regexp_matches()"),
    ("BETWEEN", "BETWEEN", "write `x >= 1 AND x <= 2`"),
    ("IS", "IS", "write `= Null`, `<> Null`, isNull() or isUndefined()"),
    ("JOIN", "JOIN", "a rule reads one topic filter"),
    ("GROUP", "GROUP BY", "a rule sees one message at a time"),
    ("ORDER", "ORDER BY", "a rule sees one message at a time"),
    ("LIMIT", "LIMIT", "a rule sees one message at a time"),
];
