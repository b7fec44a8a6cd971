//! Reading JSON strictly into the document's tree.

use std::collections::HashMap;

use super::node::{Leaf, Member, Node, Object, WIDE};
use super::text::Text;

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

/// Reads one JSON text (RFC 8259); for a repeated key the last member wins, in the place of the first (SHADOW-058).
///
/// Every leaf gets the time `at`, in epoch seconds.
pub(super) fn read(text: &str, at: i64) -> Result<Node, JsonError> {
    let mut reader = Reader { input: text.as_bytes(), place: 0, stamp: at };
    reader.skip_space();
    let node = reader.value(0)?;
    reader.skip_space();
    if reader.peek().is_some() {
        return Err(reader.expected("the end of the text"));
    }
    Ok(node)
}

/// Deeper texts are refused before they are understood.
pub(super) const MAX_NESTING: usize = 128;

struct Reader<'a> {
    input: &'a [u8],
    place: usize,
    stamp: i64,
}

impl Reader<'_> {
    fn value(&mut self, nesting: usize) -> Result<Node, JsonError> {
        if nesting > MAX_NESTING {
            return Err(JsonError::TooDeep { at: self.place });
        }
        match self.peek() {
            Some(b'{') => self.object(nesting),
            Some(b'[') => self.array(nesting),
            Some(b'"') => self.string().map(|token| self.leaf(token)),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true"),
            Some(b'f') => self.word("false"),
            Some(b'n') => self.word("null"),
            _ => Err(self.expected("a value")),
        }
    }

    fn object(&mut self, nesting: usize) -> Result<Node, JsonError> {
        self.place += 1;
        let mut object = Object::default();
        let mut seen = Seen::default();
        self.skip_space();
        if self.take(b'}') {
            return Ok(Node::Object(object));
        }
        loop {
            if self.peek() != Some(b'"') {
                return Err(self.expected("a member's name in double quotes"));
            }
            let key = self.string()?;
            self.skip_space();
            if !self.take(b':') {
                return Err(self.expected("`:`"));
            }
            self.skip_space();
            let node = self.value(nesting + 1)?;
            match seen.earlier(&object.members, &key).and_then(|place| object.members.get_mut(place)) {
                Some(member) => member.node = node,
                None => object.members.push(Member { key, node }),
            }
            self.skip_space();
            if self.take(b'}') {
                return Ok(Node::Object(object));
            }
            if !self.take(b',') {
                return Err(self.expected("`,` or `}`"));
            }
            self.skip_space();
        }
    }

    fn array(&mut self, nesting: usize) -> Result<Node, JsonError> {
        self.place += 1;
        let mut elements = Vec::new();
        self.skip_space();
        if self.take(b']') {
            return Ok(Node::Array(elements));
        }
        loop {
            elements.push(self.value(nesting + 1)?);
            self.skip_space();
            if self.take(b']') {
                return Ok(Node::Array(elements));
            }
            if !self.take(b',') {
                return Err(self.expected("`,` or `]`"));
            }
            self.skip_space();
        }
    }

    /// The token of a string, quotes included, in its shortest spelling.
    fn string(&mut self) -> Result<Text, JsonError> {
        let start = self.place;
        let content = self.input.get(start + 1..).unwrap_or_default();
        let length = content.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20));
        self.place = length.map_or(self.input.len(), |length| start + 1 + length);
        match self.peek() {
            Some(b'"') => {
                self.place += 1;
                Ok(self.token(start))
            }
            Some(b'\\') => self.escaped_string(start),
            Some(_) => Err(self.expected("no control character in a string")),
            None => Err(self.expected("the string's closing `\"`")),
        }
    }

    fn escaped_string(&mut self, start: usize) -> Result<Text, JsonError> {
        let mut token = self.input.get(start..self.place).unwrap_or_default().to_vec();
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.place += 1;
                    token.push(b'"');
                    return Ok(Text::from(token.as_slice()));
                }
                Some(b'\\') => {
                    self.place += 1;
                    let character = self.escape()?;
                    spell(character, &mut token);
                }
                Some(byte @ 0x20..) => {
                    self.place += 1;
                    token.push(byte);
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

    fn number(&mut self) -> Result<Node, JsonError> {
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
        let token = self.token(start);
        Ok(self.leaf(token))
    }

    fn digits(&mut self) -> usize {
        let start = self.place;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.place += 1;
        }
        self.place - start
    }

    fn word(&mut self, word: &'static str) -> Result<Node, JsonError> {
        let rest = self.input.get(self.place..).unwrap_or_default();
        if !rest.starts_with(word.as_bytes()) {
            return Err(self.expected("a value"));
        }
        let start = self.place;
        self.place += word.len();
        let token = self.token(start);
        Ok(self.leaf(token))
    }

    /// What was read since `start`.
    fn token(&self, start: usize) -> Text {
        Text::at_start_of(self.input.get(start..).unwrap_or_default(), self.place - start)
    }

    fn leaf(&self, token: Text) -> Node {
        Node::Leaf(Leaf { token, at: self.stamp })
    }

    fn peek(&self) -> Option<u8> {
        self.input.get(self.place).copied()
    }

    fn take(&mut self, wanted: u8) -> bool {
        let found = self.peek() == Some(wanted);
        self.place += usize::from(found);
        found
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.place += 1;
        }
    }

    const fn expected(&self, expected: &'static str) -> JsonError {
        JsonError::Syntax { at: self.place, expected }
    }
}

/// Which keys an object has already: a small filter answers "surely new" at once, wide objects get an index.
#[derive(Default)]
struct Seen {
    filter: [u64; 8],
    index: Option<HashMap<Box<[u8]>, usize>>,
}

impl Seen {
    /// The place of `key` in `members`; when there is none, the key counts as appended to them.
    fn earlier(&mut self, members: &[Member], key: &Text) -> Option<usize> {
        if members.len() > WIDE {
            let index = self.index.get_or_insert_with(|| {
                members
                    .iter()
                    .enumerate()
                    .map(|(place, member)| (member.key.as_bytes().into(), place))
                    .collect()
            });
            let found = index.get(key.as_bytes()).copied();
            if found.is_none() {
                index.insert(key.as_bytes().into(), members.len());
            }
            return found;
        }
        let mark = mark(key.as_bytes());
        let bit = 1u64 << (mark & 63);
        let word = self.filter.get_mut(((mark >> 6) & 7) as usize)?;
        let surely_new = *word & bit == 0;
        *word |= bit;
        if surely_new {
            return None;
        }
        members.iter().position(|member| member.key == *key)
    }
}

/// A number that differs for most keys that differ, of their length and last eight bytes.
fn mark(key: &[u8]) -> u64 {
    let ending = match key.last_chunk::<9>() {
        Some([ending @ .., _quote]) => u64::from_le_bytes(*ending),
        None => key.iter().fold(0, |ending, byte| ending << 8 | u64::from(*byte)),
    };
    (ending ^ key.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32
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
