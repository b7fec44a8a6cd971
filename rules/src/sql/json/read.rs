//! JSON text to [`Value`]s: strict RFC 8259, exact numbers, bounded depth.

use std::borrow::Cow;
use std::sync::Arc;

use crate::sql::decimal::{BOUND, Decimal};
use crate::sql::value::{Object, Value};

/// Why bytes are not JSON.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not JSON at byte {offset}: {problem}")]
pub struct JsonError {
    /// Where, in bytes from the start.
    pub offset: usize,
    /// What was wrong there.
    pub problem: &'static str,
}

/// Reads one JSON text. With `fold`, decimals without fractional part become Ints (RULES-116).
///
/// # Errors
/// The bytes are not UTF-8, not JSON, or nested deeper than 128 levels.
pub fn parse(bytes: &[u8], fold: bool) -> Result<Value, JsonError> {
    read(bytes, fold, None)
}

/// Reads one JSON text, of an object only the members in `wanted`; all of it is checked.
pub(in crate::sql) fn parse_members(
    bytes: &[u8],
    fold: bool,
    wanted: &[Arc<str>],
) -> Result<Value, JsonError> {
    read(bytes, fold, Some(wanted))
}

fn read(bytes: &[u8], fold: bool, wanted: Option<&[Arc<str>]>) -> Result<Value, JsonError> {
    let text = std::str::from_utf8(bytes)
        .map_err(|error| JsonError { offset: error.valid_up_to(), problem: "not UTF-8" })?;
    let mut reader = Reader { text, bytes, at: 0, fold, wanted, names: Vec::new() };
    reader.skip_space();
    let value = reader.value(0)?;
    reader.skip_space();
    if reader.at < bytes.len() {
        return Err(reader.error("more than one value"));
    }
    Ok(value)
}

struct Reader<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    fold: bool,
    /// The members of the outermost object to keep; all of them without it.
    wanted: Option<&'a [Arc<str>]>,
    /// Member names seen inside arrays, where they repeat.
    names: Vec<Arc<str>>,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    const fn error(&self, problem: &'static str) -> JsonError {
        JsonError { offset: self.at, problem }
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn value(&mut self, depth: u32) -> Result<Value, JsonError> {
        if depth > MAX_DEPTH {
            return Err(self.error("nested too deeply"));
        }
        match self.peek() {
            Some(b'"') => {
                self.at += 1;
                self.string().map(|text| Value::Str(text.into()))
            }
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            Some(b'n') => self.word("null", Value::Null),
            Some(_) => Err(self.error("expected a value")),
            None => Err(self.error("the text ends where a value was expected")),
        }
    }

    fn word(&mut self, word: &str, value: Value) -> Result<Value, JsonError> {
        if !self.rest().starts_with(word.as_bytes()) {
            return Err(self.error("expected a value"));
        }
        self.at += word.len();
        Ok(value)
    }

    fn array(&mut self, depth: u32) -> Result<Value, JsonError> {
        self.at += 1;
        let mut elements = Vec::new();
        self.skip_space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Value::Array(elements.into()));
        }
        loop {
            self.skip_space();
            elements.push(self.value(depth + 1)?);
            self.skip_space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(Value::Array(elements.into()));
                }
                _ => return Err(self.error("expected `,` or `]`")),
            }
        }
    }

    fn object(&mut self, depth: u32) -> Result<Value, JsonError> {
        self.at += 1;
        let mut object = Object::new();
        self.skip_space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(object.into());
        }
        loop {
            self.skip_space();
            let name = self.member_name()?;
            let wanted = match self.wanted {
                Some(wanted) if depth == 0 => wanted.iter().find(|wanted| ***wanted == *name).cloned(),
                _ => Some(self.shared(name, depth)),
            };
            match wanted {
                Some(name) => {
                    let value = self.value(depth + 1)?;
                    object.insert(name, value);
                }
                None => self.skip(depth + 1)?,
            }
            self.skip_space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(object.into());
                }
                _ => return Err(self.error("expected `,` or `}`")),
            }
        }
    }

    /// The name of a member, its colon, and the space around it.
    fn member_name(&mut self) -> Result<Cow<'a, str>, JsonError> {
        if self.peek() != Some(b'"') {
            return Err(self.error("expected a member name in double quotes"));
        }
        self.at += 1;
        let name = self.string()?;
        self.skip_space();
        if self.peek() != Some(b':') {
            return Err(self.error("expected `:`"));
        }
        self.at += 1;
        self.skip_space();
        Ok(name)
    }

    /// The name as shared text; one text for all objects of an array.
    fn shared(&mut self, name: Cow<'_, str>, depth: u32) -> Arc<str> {
        if depth == 0 {
            return name.into();
        }
        if let Some(known) = self.names.iter().find(|known| ***known == *name) {
            return known.clone();
        }
        let name: Arc<str> = name.into();
        if self.names.len() < REMEMBERED {
            self.names.push(name.clone());
        }
        name
    }

    /// Reads a value that nobody wants.
    fn skip(&mut self, depth: u32) -> Result<(), JsonError> {
        if depth > MAX_DEPTH {
            return Err(self.error("nested too deeply"));
        }
        let close = match self.peek() {
            Some(b'"') => {
                self.at += 1;
                return self.string().map(|_| ());
            }
            Some(b'-' | b'0'..=b'9') => return self.number_text().map(|_| ()),
            Some(b'{') => b'}',
            Some(b'[') => b']',
            _ => return self.value(depth).map(|_| ()),
        };
        self.at += 1;
        self.skip_space();
        if self.peek() == Some(close) {
            self.at += 1;
            return Ok(());
        }
        loop {
            self.skip_space();
            if close == b'}' {
                self.member_name()?;
            }
            self.skip(depth + 1)?;
            self.skip_space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(found) if found == close => {
                    self.at += 1;
                    return Ok(());
                }
                _ => {
                    return Err(self.error(if close == b'}' {
                        "expected `,` or `}`"
                    } else {
                        "expected `,` or `]`"
                    }));
                }
            }
        }
    }

    /// Reads on behind the opening quote.
    fn string(&mut self) -> Result<Cow<'a, str>, JsonError> {
        let start = self.at;
        let plain = self.rest().iter().position(|b| matches!(b, b'"' | b'\\' | 0..=0x1f));
        let Some(plain) = plain else {
            self.at = self.bytes.len();
            return Err(self.error("the text ends inside a string"));
        };
        self.at += plain;
        let head = self.text.get(start..self.at).unwrap_or_default();
        if self.peek() == Some(b'"') {
            self.at += 1;
            return Ok(Cow::Borrowed(head));
        }
        let mut out = head.to_owned();
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(Cow::Owned(out));
                }
                Some(b'\\') => {
                    self.at += 1;
                    out.push(self.escape()?);
                }
                Some(0..=0x1f) => return Err(self.error("a control character inside a string")),
                Some(_) => {
                    let start = self.at;
                    while !matches!(self.peek(), None | Some(b'"' | b'\\' | 0..=0x1f)) {
                        self.at += 1;
                    }
                    out.push_str(self.text.get(start..self.at).unwrap_or_default());
                }
                None => return Err(self.error("the text ends inside a string")),
            }
        }
    }

    fn escape(&mut self) -> Result<char, JsonError> {
        let escaped = match self.peek() {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                self.at += 1;
                return self.unicode_escape();
            }
            _ => return Err(self.error("an unknown escape")),
        };
        self.at += 1;
        Ok(escaped)
    }

    fn unicode_escape(&mut self) -> Result<char, JsonError> {
        let first = self.hex4()?;
        if !(0xd800..0xe000).contains(&first) {
            return char::from_u32(first).ok_or_else(|| self.error("not a character"));
        }
        if first >= 0xdc00 || !self.rest().starts_with(b"\\u") {
            return Err(self.error("half of a surrogate pair"));
        }
        self.at += 2;
        let second = self.hex4()?;
        if !(0xdc00..0xe000).contains(&second) {
            return Err(self.error("half of a surrogate pair"));
        }
        let code = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
        char::from_u32(code).ok_or_else(|| self.error("not a character"))
    }

    fn hex4(&mut self) -> Result<u32, JsonError> {
        let digits = self.bytes.get(self.at..self.at + 4).filter(|d| d.iter().all(u8::is_ascii_hexdigit));
        let digits = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        let code = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let code = code.ok_or_else(|| self.error("expected four hexadecimal digits"))?;
        self.at += 4;
        Ok(code)
    }

    /// The text of a number, and whether it is written as an integer.
    fn number_text(&mut self) -> Result<(&'a str, bool), JsonError> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        let first = self.peek();
        let whole = self.at;
        self.digits()?;
        if first == Some(b'0') && self.at - whole > 1 {
            return Err(self.error(MALFORMED));
        }
        let mut integral = true;
        if self.peek() == Some(b'.') {
            integral = false;
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            integral = false;
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok((self.text.get(start..self.at).unwrap_or_default(), integral))
    }

    fn number(&mut self) -> Result<Value, JsonError> {
        let (text, integral) = self.number_text()?;
        if integral {
            let int = match text.len() {
                ..=18 => text.parse::<i64>().ok().map(i128::from),
                _ => text.parse().ok().filter(|int: &i128| int.abs() < BOUND),
            };
            return Ok(int.map_or_else(|| Value::Verbatim(text.into()), Value::Int));
        }
        Ok(match Decimal::parse(text) {
            Some(parsed) if parsed.exact => {
                let value = Value::Decimal(parsed.value);
                if self.fold { value.folded() } else { value }
            }
            _ => Value::Verbatim(text.into()),
        })
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        if self.at == start { Err(self.error(MALFORMED)) } else { Ok(()) }
    }
}

const MALFORMED: &str = "a malformed number";
/// How many member names are remembered.
const REMEMBERED: usize = 16;
/// The deepest nesting that is read.
const MAX_DEPTH: u32 = 127;
