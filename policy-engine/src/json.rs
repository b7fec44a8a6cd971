//! A JSON reader that keeps where every value and member stands, and keeps duplicate members for the validator to refuse.

use thingstead_core::decision::Position;

use crate::error::{Flaw, PolicyError};

/// A JSON value with the byte offset at which it begins.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) at: usize,
    pub(crate) value: Json,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    /// As spelled in the text.
    Number(String),
    Text(String),
    Array(Vec<Node>),
    Object(Vec<Member>),
}

/// A member of an object; `at` is where its name begins.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Member {
    pub(crate) at: usize,
    pub(crate) name: String,
    pub(crate) value: Node,
}

impl Json {
    /// The kind of value, for messages.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::Text(_) => "a string",
            Self::Array(_) => "an array",
            Self::Object(_) => "an object",
        }
    }
}

/// Reads one JSON value that fills the whole text (RFC 8259).
pub(crate) fn read(text: &str) -> Result<Node, PolicyError> {
    let mut reader = Reader { text, at: 0, depth: 0 };
    reader.skip_space();
    let node = reader.value()?;
    reader.skip_space();
    match reader.peek() {
        None => Ok(node),
        Some(found) => Err(reader.wrong(format!("expected the end of the document, found {}", shown(found)))),
    }
}

/// Line and column (in characters, both from 1) of a byte offset.
pub(crate) fn position(text: &str, at: usize) -> Position {
    let before = text.get(..at).unwrap_or(text);
    let line = before.bytes().filter(|b| *b == b'\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or(before).chars().count() + 1;
    Position { line: to_u32(line), column: to_u32(column) }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl Reader<'_> {
    fn value(&mut self) -> Result<Node, PolicyError> {
        let at = self.at;
        let value = match self.peek() {
            Some('{') => self.nested(Self::object)?,
            Some('[') => self.nested(Self::array)?,
            Some('"') => Json::Text(self.string()?),
            Some('-' | '0'..='9') => Json::Number(self.number()?),
            Some('t') => self.word("true", Json::Bool(true))?,
            Some('f') => self.word("false", Json::Bool(false))?,
            Some('n') => self.word("null", Json::Null)?,
            Some(found) => return Err(self.wrong(format!("expected a JSON value, found {}", shown(found)))),
            None => return Err(self.wrong("expected a JSON value, found the end of the document".to_owned())),
        };
        Ok(Node { at, value })
    }

    fn nested(&mut self, read: fn(&mut Self) -> Result<Json, PolicyError>) -> Result<Json, PolicyError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.wrong(format!("arrays and objects are nested deeper than {MAX_DEPTH} levels")));
        }
        let value = read(self);
        self.depth -= 1;
        value
    }

    fn object(&mut self) -> Result<Json, PolicyError> {
        self.at += 1;
        let mut members = Vec::new();
        self.skip_space();
        if self.take('}') {
            return Ok(Json::Object(members));
        }
        loop {
            self.skip_space();
            let at = self.at;
            if self.peek() != Some('"') {
                return Err(self.expected("a member name in double quotes"));
            }
            let name = self.string()?;
            self.skip_space();
            if !self.take(':') {
                return Err(self.expected("`:` after the member name"));
            }
            self.skip_space();
            let value = self.value()?;
            members.push(Member { at, name, value });
            self.skip_space();
            if self.take('}') {
                return Ok(Json::Object(members));
            }
            if !self.take(',') {
                return Err(self.expected("`,` or `}`"));
            }
        }
    }

    fn array(&mut self) -> Result<Json, PolicyError> {
        self.at += 1;
        let mut items = Vec::new();
        self.skip_space();
        if self.take(']') {
            return Ok(Json::Array(items));
        }
        loop {
            self.skip_space();
            items.push(self.value()?);
            self.skip_space();
            if self.take(']') {
                return Ok(Json::Array(items));
            }
            if !self.take(',') {
                return Err(self.expected("`,` or `]`"));
            }
        }
    }

    fn string(&mut self) -> Result<String, PolicyError> {
        self.at += 1;
        let mut out = String::new();
        loop {
            match self.peek() {
                None => return Err(self.wrong("the string is not closed".to_owned())),
                Some('"') => {
                    self.at += 1;
                    return Ok(out);
                }
                Some('\\') => out.push(self.escape()?),
                Some(c) if c < ' ' => {
                    return Err(self.wrong(format!("{} must be escaped inside a string", shown(c))));
                }
                Some(c) => {
                    out.push(c);
                    self.at += c.len_utf8();
                }
            }
        }
    }

    fn escape(&mut self) -> Result<char, PolicyError> {
        let start = self.at;
        self.at += 1;
        let kind = self.peek();
        self.at += kind.map_or(0, char::len_utf8);
        Ok(match kind {
            Some(c @ ('"' | '\\' | '/')) => c,
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some('u') => {
                let code = match self.hex4() {
                    Some(high @ 0xd800..=0xdbff) => {
                        let low = if self.take('\\') && self.take('u') { self.hex4() } else { None };
                        low.filter(|low| (0xdc00..=0xdfff).contains(low))
                            .map(|low| 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00))
                    }
                    code => code,
                };
                match code.and_then(char::from_u32) {
                    Some(c) => c,
                    None => {
                        self.at = start;
                        return Err(self.wrong("`\\u` is not followed by the code of a character".to_owned()));
                    }
                }
            }
            _ => {
                self.at = start;
                return Err(self.wrong("unknown escape after `\\` in a string".to_owned()));
            }
        })
    }

    fn hex4(&mut self) -> Option<u32> {
        let digits = self.text.get(self.at..self.at + 4)?;
        if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        self.at += 4;
        u32::from_str_radix(digits, 16).ok()
    }

    fn number(&mut self) -> Result<String, PolicyError> {
        let start = self.at;
        self.take('-');
        let leading_zero = self.peek() == Some('0');
        let whole = self.digits();
        let mut good = whole > 0 && !(leading_zero && whole > 1);
        if self.take('.') {
            good &= self.digits() > 0;
        }
        if self.take('e') || self.take('E') {
            let _sign = self.take('+') || self.take('-');
            good &= self.digits() > 0;
        }
        if good {
            return Ok(self.text.get(start..self.at).unwrap_or_default().to_owned());
        }
        self.at = start;
        Err(self.wrong("malformed number".to_owned()))
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while matches!(self.peek(), Some('0'..='9')) {
            self.at += 1;
        }
        self.at - start
    }

    fn word(&mut self, word: &str, value: Json) -> Result<Json, PolicyError> {
        if self.rest().starts_with(word) {
            self.at += word.len();
            return Ok(value);
        }
        Err(self.expected("a JSON value"))
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(' ' | '\t' | '\r' | '\n')) {
            self.at += 1;
        }
    }

    fn take(&mut self, c: char) -> bool {
        let found = self.peek() == Some(c);
        if found {
            self.at += c.len_utf8();
        }
        found
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn expected(&self, what: &str) -> PolicyError {
        let found = self.peek().map_or("the end of the document".to_owned(), shown);
        self.wrong(format!("expected {what}, found {found}"))
    }

    fn wrong(&self, message: String) -> PolicyError {
        PolicyError { flaw: Flaw::Json(message), position: position(self.text, self.at) }
    }
}

fn shown(c: char) -> String {
    if c.is_control() { format!("the character U+{:04X}", u32::from(c)) } else { format!("`{c}`") }
}

fn to_u32(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// No policy needs more than six; the rest of the limit is courtesy.
const MAX_DEPTH: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_knows_where_it_stands() {
        let text = "{\n  \"é\": [1.50, \"x\\ud83d\\ude00\\n\"],\n  \"b\": true }";
        let Json::Object(members) = read(text).expect("reads").value else { panic!("object") };
        assert_eq!(position(text, members[0].at), Position { line: 2, column: 3 });
        assert_eq!(position(text, members[0].value.at), Position { line: 2, column: 8 });
        let Json::Array(items) = &members[0].value.value else { panic!("array") };
        assert_eq!(items[0].value, Json::Number("1.50".into()));
        assert_eq!(items[1].value, Json::Text("x😀\n".into()));
        assert_eq!(position(text, members[1].at), Position { line: 3, column: 3 });
    }

    #[test]
    fn what_is_not_json_is_refused_where_it_goes_wrong() {
        // POLICY-050
        for (text, line, column) in [
            ("", 1, 1),
            ("{", 1, 2),
            ("{\"a\" 1}", 1, 6),
            ("{\"a\":1,}", 1, 8),
            ("[1 2]", 1, 4),
            ("{\n\"a\": tru}", 2, 6),
            ("\"\\x\"", 1, 2),
            ("\"\\ud800x\"", 1, 2),
            ("01", 1, 1),
            ("1.", 1, 1),
            ("{} x", 1, 4),
            ("\"a\nb\"", 1, 3),
            ("{a:1}", 1, 2),
            ("'x'", 1, 1),
        ] {
            let error = read(text).expect_err(text);
            assert_eq!(error.position, Position { line, column }, "{text:?}: {error}");
            assert!(error.aws_message().starts_with("Policy document is Malformed"), "{text}");
        }
        assert!(read(&"[".repeat(100_000)).is_err());
    }
}
