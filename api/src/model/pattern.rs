//! Patterns of the service models: regular expressions of Java, matched against the whole text.

use std::sync::OnceLock;

use regex::Regex;

/// A pattern, compiled when it is first needed.
#[derive(Debug)]
pub struct Pattern {
    text: String,
    compiled: OnceLock<Option<Regex>>,
}

impl Pattern {
    /// A pattern as the service model writes it.
    pub fn new(text: String) -> Self {
        Self { text, compiled: OnceLock::new() }
    }

    /// As the service model writes it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether the whole of `text` matches. A pattern that does not compile matches nothing; a test sees to it that
    /// all do.
    pub fn matches(&self, text: &str) -> bool {
        self.regex().is_some_and(|regex| regex.is_match(text))
    }

    /// The compiled form; `None` when it does not compile.
    pub fn regex(&self) -> Option<&Regex> {
        self.compiled
            .get_or_init(|| Regex::new(&format!(r"\A(?:{})\z", translated(&self.text))).ok())
            .as_ref()
    }
}

/// The pattern in this crate's syntax: Java's classes are ASCII, and a hyphen may follow a range.
fn translated(java: &str) -> String {
    let mut out = String::with_capacity(java.len() + 16);
    let mut rest = java;
    let mut in_class = false;
    while let Some(first) = rest.chars().next() {
        let known = CLASSES.iter().find(|(java, ..)| rest.starts_with(java));
        if let Some((java, class)) = known {
            let class = if in_class { class.trim_start_matches('[').trim_end_matches(']') } else { class };
            out.push_str(class);
            rest = rest.strip_prefix(java).unwrap_or("");
            continue;
        }
        let mut length = first.len_utf8();
        match first {
            '\\' => {
                out.push(first);
                let next = rest.chars().nth(1);
                out.extend(next);
                length += next.map_or(0, char::len_utf8);
            }
            '[' => {
                in_class = true;
                out.push(first);
            }
            ']' => {
                in_class = false;
                out.push(first);
            }
            // `a-z0-9-_` means a literal hyphen; `&&`, `--` and `~~` would be set operations here.
            '-' if in_class && is_literal_hyphen(&out) => out.push_str(r"\-"),
            other => out.push(other),
        }
        rest = rest.get(length..).unwrap_or("");
    }
    out
}

/// Whether a hyphen at this point of a class follows a complete range.
fn is_literal_hyphen(before: &str) -> bool {
    let mut back = before.chars().rev();
    let (last, dash, first) = (back.next(), back.next(), back.next());
    let ends_range = dash == Some('-') && first.is_some_and(|c| c != '[' && c != '\\') && last != Some('[');
    ends_range || last == Some(':') && before.ends_with(":]")
}

const CLASSES: &[(&str, &str)] = &[
    (r"\w", "[0-9A-Za-z_]"),
    (r"\d", "[0-9]"),
    (r"\p{Graph}", "[!-~]"),
    (r"\p{Upper}", "[A-Z]"),
    (r"\p{Digit}", "[0-9]"),
    (r"\p{Cntrl}", r"[\x00-\x1F\x7F]"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_of_java_match_whole_texts() {
        for (pattern, good, bad) in [
            ("[a-zA-Z0-9:_-]+", &["a", "a:b_c-d"][..], &["", "a b", "ä", "a\n"][..]),
            (r"[\w+=,.@-]+", &["p@+=,.-_9"], &["é", "a/b"]),
            ("[a-zA-Z0-9-_.]+", &["a-b_.c"], &["a b"]),
            ("^[a-zA-Z0-9-_]+$", &["a-b_c"], &["a.c"]),
            (r"[\p{Graph}\x20]*", &["", "a b~!"], &["\u{7f}", "\t"]),
            (r"[\p{Upper}\p{Digit}_]+", &["A_1"], &["a"]),
            ("^[^$].*", &["a$"], &["$a"]),
            (r"[^\p{Cntrl}]*", &["é"], &["\u{1}"]),
            ("[A-Za-z0-9+/]+={0,2}", &["YQ=="], &["Y-Q"]),
            ("[a-zA-Z0-9!_.*'()-\\/]+", &["a!)/"], &["a b"]),
            ("[a-zA-Z0-9_-]+|^\\$next", &["a", "$next"], &["$nexT"]),
        ] {
            let pattern = Pattern::new(pattern.to_owned());
            for text in good {
                assert!(pattern.matches(text), "{} on {text:?}", pattern.text());
            }
            for text in bad {
                assert!(!pattern.matches(text), "{} on {text:?}", pattern.text());
            }
        }
    }
}
