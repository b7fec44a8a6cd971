//! From tokens to a query: OR binds weaker than AND, which may be left out, and NOT binds strongest (API-243, API-244).

use super::lexer::{Token, tokens};
use super::pattern::Pattern;
use super::{Bound, Query, Term, Test};

pub(super) fn parse(text: &str, knows: &dyn Fn(&str) -> bool) -> Result<Query, String> {
    if text.len() > MOST_BYTES {
        return Err(format!("the query has {} bytes, at most {MOST_BYTES} are allowed", text.len()));
    }
    let tokens = tokens(text)?;
    let mut parser = Parser { tokens: &tokens, at: 0, knows, terms: 0, leading: 0, depth: 0 };
    let query = parser.or(None)?;
    if parser.at < tokens.len() {
        return Err("unbalanced parenthesis".to_owned());
    }
    if parser.terms > MOST_TERMS {
        return Err(format!("the query has {} terms, at most {MOST_TERMS} are allowed", parser.terms));
    }
    let long = text.chars().count() > MOST_WITH_LEADING_WILDCARD;
    if parser.leading > 1 || parser.leading == 1 && long {
        return Err(format!(
            "a leading wildcard is allowed in one term of a query of up to {MOST_WITH_LEADING_WILDCARD} characters"
        ));
    }
    Ok(query)
}

struct Parser<'a> {
    tokens: &'a [Token],
    at: usize,
    knows: &'a dyn Fn(&str) -> bool,
    terms: usize,
    /// Terms that begin with a wildcard.
    leading: usize,
    depth: usize,
}

impl Parser<'_> {
    fn or(&mut self, field: Option<&str>) -> Result<Query, String> {
        let mut parts = vec![self.and(field)?];
        while self.peek() == Some(&Token::Or) {
            self.at += 1;
            parts.push(self.and(field)?);
        }
        Ok(one_or(parts, Query::Or))
    }

    fn and(&mut self, field: Option<&str>) -> Result<Query, String> {
        let mut parts = vec![self.unary(field)?];
        loop {
            match self.peek() {
                None | Some(Token::Or | Token::Close) => return Ok(one_or(parts, Query::And)),
                Some(Token::And) => self.at += 1,
                Some(_) => {}
            }
            parts.push(self.unary(field)?);
        }
    }

    fn unary(&mut self, field: Option<&str>) -> Result<Query, String> {
        match self.peek() {
            Some(Token::Not | Token::Minus) => {
                self.at += 1;
                self.deeper()?;
                let inner = self.unary(field)?;
                self.depth -= 1;
                Ok(Query::Not(Box::new(inner)))
            }
            _ => self.primary(field),
        }
    }

    fn primary(&mut self, field: Option<&str>) -> Result<Query, String> {
        match self.next()? {
            Token::Open => self.group(field),
            Token::Word(name, pattern) => {
                if self.peek() != Some(&Token::Colon) {
                    return self.word(field, pattern);
                }
                self.at += 1;
                if !(self.knows)(&name) {
                    return Err(format!("invalid field name, field name: {name}"));
                }
                self.value(&name)
            }
            Token::Phrase(text) => self.phrase(field, &text),
            Token::Range(low, high) => match field {
                Some(_) => self.term(field, Test::Range { low, high }),
                None => Err("a range needs a field".to_owned()),
            },
            Token::Compare(_) => Err("a comparison needs a field".to_owned()),
            other => Err(format!("unexpected {}", shown(&other))),
        }
    }

    /// What follows `field:`.
    fn value(&mut self, field: &str) -> Result<Query, String> {
        match self.next()? {
            Token::Open => self.group(Some(field)),
            Token::Word(_, pattern) => self.word(Some(field), pattern),
            Token::Phrase(text) => self.phrase(Some(field), &text),
            Token::Range(low, high) => self.term(Some(field), Test::Range { low, high }),
            Token::Compare(operator) => {
                let bound = match self.next()? {
                    Token::Word(text, _) | Token::Phrase(text) => text,
                    other => return Err(format!("unexpected {} after `{operator}`", shown(&other))),
                };
                let (low, high) = match operator {
                    "<" => (Bound::Open, Bound::Excluding(bound)),
                    "<=" => (Bound::Open, Bound::Including(bound)),
                    ">" => (Bound::Excluding(bound), Bound::Open),
                    _ => (Bound::Including(bound), Bound::Open),
                };
                self.term(Some(field), Test::Range { low, high })
            }
            other => Err(format!("unexpected {} after `{field}:`", shown(&other))),
        }
    }

    fn group(&mut self, field: Option<&str>) -> Result<Query, String> {
        self.deeper()?;
        let inner = self.or(field)?;
        self.depth -= 1;
        match self.next()? {
            Token::Close => Ok(inner),
            other => Err(format!("unexpected {}, a parenthesis is open", shown(&other))),
        }
    }

    fn word(&mut self, field: Option<&str>, pattern: Pattern) -> Result<Query, String> {
        let (runs, ones) = pattern.wildcards();
        if runs > MOST_RUNS || ones > MOST_ONES {
            return Err(format!("a term can have at most {MOST_RUNS} `*` and {MOST_ONES} `?`"));
        }
        if pattern.is_only_run() {
            return match field {
                Some(_) => self.term(field, Test::Exists),
                None => {
                    self.terms += 1;
                    Ok(Query::All)
                }
            };
        }
        if pattern.is_empty() {
            return Err("a term is empty".to_owned());
        }
        if pattern.begins_with_wildcard() {
            self.leading += 1;
        }
        self.term(field, Test::Word(pattern))
    }

    fn phrase(&mut self, field: Option<&str>, text: &str) -> Result<Query, String> {
        let words = super::words(text);
        if words.is_empty() {
            return Err("a quoted phrase is empty".to_owned());
        }
        self.term(field, Test::Phrase(words))
    }

    fn term(&mut self, field: Option<&str>, test: Test) -> Result<Query, String> {
        self.terms += 1;
        Ok(Query::Term(Term { field: field.map(str::to_owned), test }))
    }

    fn deeper(&mut self) -> Result<(), String> {
        self.depth += 1;
        if self.depth > MOST_LEVELS { Err("the query is nested too deeply".to_owned()) } else { Ok(()) }
    }

    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn next(&mut self) -> Result<Token, String> {
        let token = self.tokens.get(self.at).cloned().ok_or("the query ends too early")?;
        self.at += 1;
        Ok(token)
    }
}

fn one_or(mut parts: Vec<Query>, join: impl Fn(Vec<Query>) -> Query) -> Query {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        Some(last) => {
            parts.push(last);
            join(parts)
        }
        None => Query::All,
    }
}

fn shown(token: &Token) -> String {
    match token {
        Token::Open => "`(`".to_owned(),
        Token::Close => "`)`".to_owned(),
        Token::And => "`AND`".to_owned(),
        Token::Or => "`OR`".to_owned(),
        Token::Not => "`NOT`".to_owned(),
        Token::Minus => "`-`".to_owned(),
        Token::Colon => "`:`".to_owned(),
        Token::Word(text, _) => format!("`{text}`"),
        Token::Phrase(text) => format!("`\"{text}\"`"),
        Token::Range(..) => "a range".to_owned(),
        Token::Compare(operator) => format!("`{operator}`"),
    }
}

/// API-247.
const MOST_BYTES: usize = 1000;
const MOST_TERMS: usize = 12;
const MOST_RUNS: usize = 2;
const MOST_ONES: usize = 5;
/// API-246.
const MOST_WITH_LEADING_WILDCARD: usize = 100;
const MOST_LEVELS: usize = 32;
