//! Regular expressions in Java's syntax (RULES-225, RULES-226), on an engine whose own syntax differs in places.

use std::iter::Peekable;
use std::str::Chars;
use std::sync::Arc;

use fancy_regex::{Regex, RegexBuilder};

use crate::sql::ast::{Call, Expr, Prepared};
use crate::sql::convert::to_text;
use crate::sql::value::Value;

/// The compiled pattern of a call; compiled once when it is a literal. `None` when it is no pattern.
pub(super) fn of_call(call: &Call, pattern: &Value) -> Option<Arc<Regex>> {
    let text = to_text(pattern)?;
    if let Some(Expr::Literal(_)) = call.arguments.get(1) {
        let Prepared::Pattern(regex) = call.prepared.get_or_init(|| Prepared::Pattern(compile(&text)));
        return regex.clone();
    }
    compile(&text)
}

fn compile(pattern: &str) -> Option<Arc<Regex>> {
    if pattern.len() > MAX_PATTERN {
        return None;
    }
    let translated = Translation::of(pattern)?;
    let mut builder = RegexBuilder::new(&translated);
    builder.backtrack_limit(BACKTRACK_LIMIT).delegate_size_limit(SIZE_LIMIT);
    builder.build().ok().map(Arc::new)
}

/// Where Java and the engine write things differently.
struct Translation<'p> {
    rest: Peekable<Chars<'p>>,
    out: String,
    /// Depth of brackets.
    class: u32,
    /// An inline flag changes what `.` or `$` mean; they stay as they are.
    flags: bool,
    /// `(?U)`: `\w` and its kin mean all of Unicode.
    unicode: bool,
}

impl<'p> Translation<'p> {
    fn of(pattern: &'p str) -> Option<String> {
        let flags = ["(?s", "(?m", "(?is", "(?im", "(?ms", "(?sm"].iter().any(|flag| pattern.contains(flag));
        let mut translation = Self {
            rest: pattern.chars().peekable(),
            out: String::with_capacity(pattern.len()),
            class: 0,
            flags,
            unicode: false,
        };
        while let Some(c) = translation.rest.next() {
            translation.next(c)?;
        }
        Some(translation.out)
    }

    fn next(&mut self, c: char) -> Option<()> {
        match c {
            '\\' => {
                let escaped = self.rest.next()?;
                return self.escape(escaped);
            }
            '[' => {
                self.class += 1;
                self.out.push('[');
                // `[]a]` and `[^]a]`: a bracket right at the start belongs to the set.
                if self.rest.next_if_eq(&'^').is_some() {
                    self.out.push('^');
                }
                if self.rest.next_if_eq(&']').is_some() {
                    self.out.push_str("\\]");
                }
            }
            ']' if self.class > 0 => {
                self.class -= 1;
                self.out.push(']');
            }
            '(' if self.class == 0 && self.rest.peek() == Some(&'?') => self.inline_flags(),
            '{' if self.class == 0 => return self.repetition(),
            '~' if self.class > 0 => self.out.push_str("\\~"),
            '.' if self.class == 0 && !self.flags => {
                self.out.push_str("[^\\n\\r\\u{85}\\u{2028}\\u{2029}]");
            }
            '$' if self.class == 0 && !self.flags => self.out.push_str(END),
            c => self.out.push(c),
        }
        Some(())
    }

    /// `(?U)` is Java's alone, and in the engine's syntax means something else; the other flags are written alike.
    fn inline_flags(&mut self) {
        self.out.push('(');
        let mut ahead = self.rest.clone();
        ahead.next();
        let flags: String = std::iter::from_fn(|| ahead.next_if(|c| "idmsuxU-".contains(*c))).collect();
        let end = ahead.next();
        if !flags.contains('U') || !matches!(end, Some(':' | ')')) {
            return;
        }
        self.unicode =
            !flags.split('-').next_back().is_some_and(|off| flags.contains('-') && off.contains('U'));
        let others: String = flags.chars().filter(|c| *c != 'U').collect();
        match (others.is_empty(), end) {
            (true, Some(')')) => drop(self.out.pop()),
            (_, end) => {
                self.out.push('?');
                self.out.push_str(&others);
                self.out.extend(end);
            }
        }
        self.rest = ahead;
    }

    /// `{n}`, `{n,}` or `{n,m}`; a brace alone is an error in Java.
    fn repetition(&mut self) -> Option<()> {
        let bounds: String =
            std::iter::from_fn(|| self.rest.next_if(|c| c.is_ascii_digit() || *c == ',')).collect();
        let (low, high) = bounds.split_once(',').unwrap_or((&bounds, ""));
        if low.is_empty() || high.contains(',') || self.rest.next() != Some('}') {
            return None;
        }
        let (low, high) = (low.parse::<u32>().ok()?, high.parse::<u32>());
        if high.is_ok_and(|high| high < low) {
            return None;
        }
        self.out.push_str(&format!("{{{bounds}}}"));
        Some(())
    }

    fn escape(&mut self, c: char) -> Option<()> {
        if self.unicode && matches!(c, 'd' | 'w' | 's' | 'D' | 'W' | 'S') {
            self.out.push('\\');
            self.out.push(c);
            return Some(());
        }
        let set = match c {
            'd' => Some("0-9"),
            'w' => Some("a-zA-Z0-9_"),
            's' => Some(" \\t\\n\\x0B\\f\\r"),
            'h' => Some(" \\t\\u{A0}\\u{1680}\\u{180e}\\u{2000}-\\u{200a}\\u{202f}\\u{205f}\\u{3000}"),
            'v' => Some("\\n\\x0B\\f\\r\\u{85}\\u{2028}\\u{2029}"),
            _ => None,
        };
        if let Some(set) = set {
            self.out.push_str(&format!("[{set}]"));
            return Some(());
        }
        let negated = match c {
            'D' => Some("0-9"),
            'W' => Some("a-zA-Z0-9_"),
            'S' => Some(" \\t\\n\\x0B\\f\\r"),
            _ => None,
        };
        if let Some(set) = negated {
            self.out.push_str(&format!("[^{set}]"));
            return Some(());
        }
        match c {
            'Q' => self.quotation(),
            'E' => {}
            'Z' if self.class == 0 => self.out.push_str(END),
            'p' | 'P' => return self.property(c),
            'x' => {
                let braced = self.rest.next_if_eq(&'{').is_some();
                let digits = if braced { 6 } else { 2 };
                let hex: String =
                    std::iter::from_fn(|| self.rest.next_if(char::is_ascii_hexdigit)).take(digits).collect();
                if braced && self.rest.next() != Some('}') || !braced && hex.len() != 2 {
                    return None;
                }
                self.out.push_str(&format!("\\u{{{hex}}}"));
            }
            'u' => {
                let hex: String = self.rest.by_ref().take(4).collect();
                let code = u32::from_str_radix(&hex, 16).ok().filter(|_| hex.len() == 4)?;
                self.out.push_str(&format!("\\u{{{code:x}}}"));
            }
            '0' => {
                let mut code = 0;
                let mut digits = 0;
                while let Some(digit) = self.rest.next_if(|c| c.is_digit(8) && digits < 3) {
                    code = code * 8 + digit.to_digit(8)?;
                    digits += 1;
                }
                if digits == 0 {
                    return None;
                }
                self.out.push_str(&format!("\\u{{{code:x}}}"));
            }
            'e' => self.out.push_str("\\x1b"),
            'c' => {
                let code = u32::from(self.rest.next()?) ^ 64;
                self.out.push_str(&format!("\\u{{{code:x}}}"));
            }
            // Back-references, anchors and escaped punctuation are written alike; other letters are errors in Java.
            '0'..='9' | 'A' | 'z' | 'b' | 'B' | 'G' | 'R' | 't' | 'n' | 'r' | 'f' | 'a' | 'k' => {
                self.out.push('\\');
                self.out.push(c);
            }
            c if c.is_ascii_alphabetic() => return None,
            c if c.is_ascii_punctuation() => {
                self.out.push('\\');
                self.out.push(c);
            }
            c => self.out.push(c),
        }
        Some(())
    }

    /// `\Q…\E`: everything between is literal.
    fn quotation(&mut self) {
        while let Some(c) = self.rest.next() {
            if c == '\\' && self.rest.next_if_eq(&'E').is_some() {
                return;
            }
            if c.is_ascii_punctuation() {
                self.out.push('\\');
            }
            self.out.push(c);
        }
    }

    /// `\p{…}`: the POSIX classes are ASCII in Java, the rest are Unicode properties.
    fn property(&mut self, c: char) -> Option<()> {
        let name: String = if self.rest.next_if_eq(&'{').is_some() {
            self.rest.by_ref().take_while(|c| *c != '}').collect()
        } else {
            self.rest.next()?.to_string()
        };
        let posix = POSIX.iter().find(|(java, _)| *java == name).map(|(_, set)| *set);
        match (posix, c) {
            (Some(set), 'p') => self.out.push_str(&format!("[[:{set}:]]")),
            (Some(set), _) => self.out.push_str(&format!("[[:^{set}:]]")),
            (None, c) => {
                let name = name.strip_prefix("Is").unwrap_or(&name);
                self.out.push_str(&format!("\\{c}{{{name}}}"));
            }
        }
        Some(())
    }
}

/// The end of the text or of its last line, as `$` and `\Z` mean it.
const END: &str = "(?=(?:\\r\\n|[\\n\\r\\u{85}\\u{2028}\\u{2029}])?\\z)";

const POSIX: &[(&str, &str)] = &[
    ("Lower", "lower"),
    ("Upper", "upper"),
    ("ASCII", "ascii"),
    ("Alpha", "alpha"),
    ("Digit", "digit"),
    ("Alnum", "alnum"),
    ("Punct", "punct"),
    ("Graph", "graph"),
    ("Print", "print"),
    ("Blank", "blank"),
    ("Cntrl", "cntrl"),
    ("XDigit", "xdigit"),
    ("Space", "space"),
];

/// Bytes of a pattern; a guard of this product.
const MAX_PATTERN: usize = 8 * 1024;
/// Steps back before a match is given up as too costly; the result is Undefined then.
const BACKTRACK_LIMIT: usize = 100_000;
/// Bytes of a compiled pattern.
const SIZE_LIMIT: usize = 1024 * 1024;
