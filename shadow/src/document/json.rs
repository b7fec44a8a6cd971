//! Reading JSON strictly into the document's tree.

use super::build::{Builder, offset};
use super::find::has_repeats;
use super::tree::{Content, Kind, Node};

/// Why bytes are not the JSON text they should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// The grammar is broken.
    #[error("at byte {at}: expected {expected}")]
    Syntax {
        /// Counted from 0.
        at: usize,
        /// What would have been right.
        expected: &'static str,
    },
    /// Containers within containers beyond what is looked at.
    #[error("at byte {at}: nested deeper than {MAX_NESTING} levels")]
    TooDeep {
        /// Counted from 0.
        at: usize,
    },
}

/// Reads one JSON text (RFC 8259) into its compact form; for a repeated key the last member wins, in the place of the
/// first (SHADOW-058).
///
/// Every leaf gets the time `at`, in epoch seconds.
pub(super) fn read(text: &str, at: i64) -> Result<Builder, JsonError> {
    let tree = Builder::with_capacity(text.len(), text.len() / 16 + 8);
    let mut reader = Reader { input: text.as_bytes(), place: 0, copied: 0, tree, at };
    reader.skip_space();
    reader.value(0, 0)?;
    reader.skip_space();
    if reader.peek().is_some() {
        return Err(reader.expected("the end of the text"));
    }
    reader.copy();
    let tree = reader.tree;
    let repeats = tree.tree().values().any(has_repeats);
    Ok(if repeats { tree.distinct() } else { tree })
}

/// Deeper texts are refused before they are understood.
pub(super) const MAX_NESTING: usize = 128;

struct Reader<'a> {
    input: &'a [u8],
    place: usize,
    /// Up to here the input is in the text of the tree, or was left out of it. What follows is copied in one piece when
    /// something is to be left out, or at the end.
    copied: usize,
    tree: Builder,
    at: i64,
}

impl Reader<'_> {
    /// Reads a value whose key begins at `key` of the text.
    fn value(&mut self, nesting: usize, key: u32) -> Result<(Kind, Content), JsonError> {
        if nesting > MAX_NESTING {
            return Err(JsonError::TooDeep { at: self.place });
        }
        let start = self.written();
        let kind = match self.peek() {
            Some(b'{') => return self.container(Kind::Object, nesting, key, start),
            Some(b'[') => return self.container(Kind::Array, nesting, key, start),
            Some(b'"') => self.string().map(|()| Kind::String),
            Some(b'-' | b'0'..=b'9') => self.number().map(|()| Kind::Number),
            Some(b't') => self.word("true").map(|()| Kind::Boolean),
            Some(b'f') => self.word("false").map(|()| Kind::Boolean),
            Some(b'n') => self.word("null").map(|()| Kind::Null),
            _ => Err(self.expected("a value")),
        }?;
        let content = Content { null: kind == Kind::Null, ..Content::default() };
        let (end, next) = (self.written(), offset(self.tree.nodes.len() + 1));
        self.tree.nodes.push(Node { key, start, end, next, children: 0, kind, content, at: self.at });
        Ok((kind, content))
    }

    fn container(
        &mut self,
        kind: Kind,
        nesting: usize,
        key: u32,
        start: u32,
    ) -> Result<(Kind, Content), JsonError> {
        let place = self.tree.nodes.len();
        let (content, at) = (Content::default(), self.at);
        self.tree.nodes.push(Node { key, start, end: start, next: 0, children: 0, kind, content, at });
        self.place += 1;
        self.skip_space();
        let (children, content) = match kind {
            Kind::Object => self.members(nesting),
            _ => self.elements(nesting),
        }?;
        let (end, next) = (self.written(), offset(self.tree.nodes.len()));
        if let Some(node) = self.tree.nodes.get_mut(place) {
            *node = Node { end, next, children, content, ..*node };
        }
        Ok((kind, content))
    }

    fn members(&mut self, nesting: usize) -> Result<(u32, Content), JsonError> {
        let (mut members, mut content) = (0, Content::default());
        if self.take(b'}') {
            return Ok((members, content));
        }
        loop {
            if self.peek() != Some(b'"') {
                return Err(self.expected("a member's name in double quotes"));
            }
            let key = self.written();
            self.string()?;
            self.skip_space();
            if !self.take(b':') {
                return Err(self.expected("`:`"));
            }
            self.skip_space();
            let (kind, below) = self.value(nesting + 1, key)?;
            content.add(below, Kind::Object, kind);
            members += 1;
            self.skip_space();
            if self.take(b'}') {
                return Ok((members, content));
            }
            if !self.take(b',') {
                return Err(self.expected("`,` or `}`"));
            }
            self.skip_space();
        }
    }

    fn elements(&mut self, nesting: usize) -> Result<(u32, Content), JsonError> {
        let (mut elements, mut content) = (0, Content::default());
        if self.take(b']') {
            return Ok((elements, content));
        }
        loop {
            let key = self.written();
            let (kind, below) = self.value(nesting + 1, key)?;
            content.add(below, Kind::Array, kind);
            elements += 1;
            self.skip_space();
            if self.take(b']') {
                return Ok((elements, content));
            }
            if !self.take(b',') {
                return Err(self.expected("`,` or `]`"));
            }
            self.skip_space();
        }
    }

    /// Reads a string; in the text of the tree it is in its shortest spelling.
    fn string(&mut self) -> Result<(), JsonError> {
        self.place += 1;
        loop {
            self.place += plain(self.input.get(self.place..).unwrap_or_default());
            match self.peek() {
                Some(b'"') => {
                    self.place += 1;
                    return Ok(());
                }
                Some(b'\\') => {
                    self.copy();
                    self.place += 1;
                    let character = self.escape()?;
                    spell(character, &mut self.tree.text);
                    self.copied = self.place;
                }
                Some(_) => return Err(self.expected("no control character in a string")),
                None => return Err(self.expected("the string's closing `\"`")),
            }
        }
    }

    fn escape(&mut self) -> Result<char, JsonError> {
        let character = match self.peek() {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                self.place += 1;
                return self.unicode_escape();
            }
            _ => return Err(self.expected("one of `\"\\/bfnrtu` after `\\`")),
        };
        self.place += 1;
        Ok(character)
    }

    fn unicode_escape(&mut self) -> Result<char, JsonError> {
        let first = self.four_digits()?;
        let code = match first {
            0xd800..=0xdbff => {
                if !(self.take(b'\\') && self.take(b'u')) {
                    return Err(self.expected("the second half of a surrogate pair"));
                }
                let second = self.four_digits()?;
                if !(0xdc00..=0xdfff).contains(&second) {
                    return Err(self.expected("the second half of a surrogate pair"));
                }
                0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)
            }
            other => other,
        };
        char::from_u32(code).ok_or_else(|| self.expected("the first half of a surrogate pair"))
    }

    fn four_digits(&mut self) -> Result<u32, JsonError> {
        let mut code = 0;
        for _ in 0..4 {
            let digit = self.peek().and_then(|byte| char::from(byte).to_digit(16));
            code = code * 16 + digit.ok_or_else(|| self.expected("four hexadecimal digits after `\\u`"))?;
            self.place += 1;
        }
        Ok(code)
    }

    fn number(&mut self) -> Result<(), JsonError> {
        let start = self.place;
        self.take(b'-');
        if !self.take(b'0') && self.digits() == 0 {
            return Err(self.expected("a digit"));
        }
        if self.take(b'.') && self.digits() == 0 {
            return Err(self.expected("a digit after the decimal point"));
        }
        let scaled = matches!(self.peek(), Some(b'e' | b'E'));
        if scaled {
            self.place += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.place += 1;
            }
            if self.digits() == 0 {
                return Err(self.expected("a digit in the exponent"));
            }
        }
        let token = self.input.get(start..self.place).unwrap_or_default();
        if (scaled || token.len() > LONGEST_SURELY_FINITE) && !is_finite(token) {
            return Err(JsonError::Syntax { at: start, expected: "a number that a double can hold" });
        }
        Ok(())
    }

    fn digits(&mut self) -> usize {
        let start = self.place;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.place += 1;
        }
        self.place - start
    }

    fn word(&mut self, word: &'static str) -> Result<(), JsonError> {
        let rest = self.input.get(self.place..).unwrap_or_default();
        if !rest.starts_with(word.as_bytes()) {
            return Err(self.expected("a value"));
        }
        self.place += word.len();
        Ok(())
    }

    fn peek(&self) -> Option<u8> {
        self.input.get(self.place).copied()
    }

    fn take(&mut self, wanted: u8) -> bool {
        let found = self.peek() == Some(wanted);
        self.place += usize::from(found);
        found
    }

    /// White space is left out of the text.
    fn skip_space(&mut self) {
        if !matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            return;
        }
        self.copy();
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.place += 1;
        }
        self.copied = self.place;
    }

    /// Copies to the text what was read and not left out.
    fn copy(&mut self) {
        self.tree.text.extend_from_slice(self.input.get(self.copied..self.place).unwrap_or_default());
        self.copied = self.place;
    }

    /// Where the text will end when all that was read is copied.
    fn written(&self) -> u32 {
        offset(self.tree.text.len() + self.place - self.copied)
    }

    const fn expected(&self, expected: &'static str) -> JsonError {
        JsonError::Syntax { at: self.place, expected }
    }
}

/// How many bytes at the beginning are part of a string and stand for themselves.
fn plain(bytes: &[u8]) -> usize {
    const ONES: u64 = u64::MAX / 255;
    const HIGHS: u64 = ONES << 7;
    // Of eight bytes at once: the highest bit of a byte is set when it is one of those looked for. A borrow may set it
    // for a later byte, too, but never for an earlier one.
    let below = |word: u64, bound: u64| word.wrapping_sub(ONES * bound) & !word & HIGHS;
    let is = |word: u64, byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
    let mut place = 0;
    while let Some(chunk) = bytes.get(place..).and_then(|rest| rest.first_chunk::<8>()) {
        let word = u64::from_le_bytes(*chunk);
        let special = below(word, 0x20) | is(word, b'"') | is(word, b'\\');
        if special != 0 {
            return place + (special.trailing_zeros() / 8) as usize;
        }
        place += 8;
    }
    let rest = bytes.get(place..).unwrap_or_default();
    place + rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20)).unwrap_or(rest.len())
}

/// Appends a character as it stands inside a string token.
fn spell(character: char, token: &mut Vec<u8>) {
    let short = match character {
        '"' => b'"',
        '\\' => b'\\',
        '\u{8}' => b'b',
        '\u{c}' => b'f',
        '\n' => b'n',
        '\r' => b'r',
        '\t' => b't',
        control if u32::from(control) < 0x20 => {
            token.extend_from_slice(format!("\\u{:04x}", u32::from(control)).as_bytes());
            return;
        }
        other => {
            token.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes());
            return;
        }
    };
    token.extend_from_slice(&[b'\\', short]);
}

/// The text that a string token spells.
pub(super) fn unquote(token: &[u8]) -> String {
    serde_json::from_slice(token).unwrap_or_default()
}

/// The string token of a text.
pub(super) fn quote(text: &str) -> Vec<u8> {
    let mut token = vec![b'"'];
    for character in text.chars() {
        spell(character, &mut token);
    }
    token.push(b'"');
    token
}

fn is_finite(token: &[u8]) -> bool {
    std::str::from_utf8(token).ok().and_then(|text| text.parse::<f64>().ok()).is_some_and(f64::is_finite)
}

const LONGEST_SURELY_FINITE: usize = 300;
