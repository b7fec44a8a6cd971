//! Statement text to tokens, on demand (section 1 of the rules specification).

use super::error::{Problem, SqlError};

/// A token and the bytes of the source it stands in.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind<'a>,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// What a token is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind<'a> {
    /// A keyword, attribute or function name, as written.
    Word(&'a str),
    /// `@name`, without the `@`.
    Variable(&'a str),
    /// A number literal, as written.
    Number(&'a str),
    /// The content of a string literal.
    Str(String),
    /// An operator or bracket.
    Symbol(&'static str),
    /// Behind the last token.
    End,
}

/// Reads tokens from a place in the source on. Text behind what is asked for is never looked at, so that a template can
/// stand in any surroundings.
#[derive(Clone, Debug)]
pub(super) struct Lexer<'a> {
    source: &'a str,
    at: usize,
}

impl<'a> Lexer<'a> {
    /// Starts at a byte offset.
    pub(super) const fn new(source: &'a str, at: usize) -> Self {
        Self { source, at }
    }

    fn rest(&self) -> &'a str {
        self.source.get(self.at..).unwrap_or_default()
    }

    fn slice(&self, start: usize) -> &'a str {
        self.source.get(start..self.at).unwrap_or_default()
    }

    fn error(&self, problem: Problem, start: usize, end: usize) -> SqlError {
        SqlError::new(problem, self.source, (start, end))
    }

    /// The next token.
    pub(super) fn next(&mut self) -> Result<Token<'a>, SqlError> {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r']).len();
        let start = self.at;
        let kind = self.kind(start)?;
        Ok(Token { kind, start, end: self.at })
    }

    fn kind(&mut self, start: usize) -> Result<Kind<'a>, SqlError> {
        let rest = self.rest();
        let Some(first) = rest.chars().next() else { return Ok(Kind::End) };
        if starts_name(first) {
            self.skip_name();
            return Ok(Kind::Word(self.slice(start)));
        }
        if first.is_ascii_digit() {
            return self.number(start);
        }
        if first == '\'' || first == '"' {
            return self.string(start, first);
        }
        if first == '@' {
            self.at += 1;
            self.skip_name();
            let name = self.slice(start + 1);
            if name.is_empty() {
                let problem = Problem::Unexpected {
                    expected: "a variable name".to_owned(),
                    found: "`@` alone".to_owned(),
                };
                return Err(self.error(problem, start, start + 1));
            }
            return Ok(Kind::Variable(name));
        }
        if rest.starts_with("--") || rest.starts_with("/*") {
            let hint = rest
                .strip_prefix("--")
                .is_some_and(|behind| {
                    behind.starts_with(|c: char| matches!(c, '(' | '@') || continues_name(c))
                })
                .then(|| "to subtract a negative number put a space between the signs: `a - -1`".to_owned());
            return Err(self.error(Problem::Comment, start, start + 2).suggest(hint));
        }
        for (text, instead) in FOREIGN {
            if rest.starts_with(text) {
                let problem = Problem::NotInDialect(instead.0);
                let end = start + text.len();
                return Err(self.error(problem, start, end).suggest(Some(instead.1.to_owned())));
            }
        }
        for symbol in SYMBOLS {
            if rest.starts_with(symbol) {
                self.at += symbol.len();
                return Ok(Kind::Symbol(if *symbol == "!=" { "<>" } else { symbol }));
            }
        }
        Err(self.error(Problem::UnknownCharacter(first), start, start + first.len_utf8()))
    }

    fn skip_name(&mut self) {
        let rest = self.rest();
        self.at += rest.find(|c: char| !continues_name(c)).unwrap_or(rest.len());
    }

    fn skip_digits(&mut self) {
        let rest = self.rest();
        self.at += rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    }

    /// RULES-011.
    fn number(&mut self, start: usize) -> Result<Kind<'a>, SqlError> {
        self.skip_digits();
        let digit_follows = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
        if self.rest().strip_prefix('.').is_some_and(digit_follows) {
            self.at += 1;
            self.skip_digits();
        }
        if let Some(power) = self.rest().strip_prefix(['e', 'E']) {
            let digits = power.strip_prefix('-').unwrap_or(power);
            if digit_follows(digits) {
                self.at += 1 + power.len() - digits.len();
                self.skip_digits();
            }
        }
        if self.rest().starts_with(continues_name) {
            self.skip_name();
            let text = self.slice(start).to_owned();
            let hint = format!("an attribute whose name starts with a digit is read with get(*, \"{text}\")");
            return Err(self.error(Problem::MalformedNumber(text), start, self.at).suggest(Some(hint)));
        }
        Ok(Kind::Number(self.slice(start)))
    }

    /// RULES-004 to RULES-008.
    fn string(&mut self, start: usize, quote: char) -> Result<Kind<'a>, SqlError> {
        self.at += 1;
        let mut content = String::new();
        loop {
            let rest = self.rest();
            let Some(length) = rest.find(quote) else {
                let end = self.source.len();
                return Err(self.error(Problem::UnterminatedString(quote), start, end));
            };
            content.push_str(rest.get(..length).unwrap_or_default());
            self.at += length + 1;
            if !self.rest().starts_with(quote) {
                return Ok(Kind::Str(content));
            }
            content.push(quote);
            self.at += 1;
        }
    }
}

/// RULES-014.
pub(super) fn starts_name(c: char) -> bool {
    c == '_' || c.is_alphabetic()
}

/// RULES-014, RULES-015.
pub(super) fn continues_name(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

/// Longer symbols first.
const SYMBOLS: &[&str] = &[
    "<>", "!=", "<=", ">=", "=", "<", ">", "+", "-", "*", "/", "%", "(", ")", "[", "]", "{", "}", ",", ".",
    ":",
];

/// Operators of other dialects (RULES-022, RULES-024), and what to write instead.
const FOREIGN: &[(&str, (&str, &str))] = &[
    ("==", ("`==`", "write `=`")),
    ("||", ("`||`", "join texts with `+` or concat()")),
    ("&&", ("`&&`", "write AND")),
    ("&", ("`&`", "write AND, or bitand(x, y)")),
    ("|", ("`|`", "write OR, or bitor(x, y)")),
    ("^", ("`^`", "write power(x, y), or bitxor(x, y)")),
    ("?", ("`?`", "write CASE x > 1 WHEN true THEN a ELSE b END")),
    ("${", ("`${`", "templates stand in actions; here the expression stands alone")),
    ("‘", ("`‘`", "a string stands between straight quotes: 'a/b'")),
    ("’", ("`’`", "a string stands between straight quotes: 'a/b'")),
    ("“", ("`“`", "a string stands between straight quotes: 'a/b'")),
    ("”", ("`”`", "a string stands between straight quotes: 'a/b'")),
    (";", ("`;`", "a statement ends without a semicolon")),
    ("`", ("a backquote", "attribute names stand without quotes; get() reaches any name")),
];
