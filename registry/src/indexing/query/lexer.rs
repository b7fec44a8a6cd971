//! Words, quotes, brackets.

use std::iter::Peekable;
use std::str::Chars;

use super::Bound;
use super::pattern::Pattern;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    Open,
    Close,
    And,
    Or,
    Not,
    Minus,
    Colon,
    /// A word: as a name, and as a pattern.
    Word(String, Pattern),
    Phrase(String),
    Range(Bound, Bound),
    /// `<`, `<=`, `>`, `>=`.
    Compare(&'static str),
}

pub(super) fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut chars = text.chars().peekable();
    let mut out = Vec::new();
    while let Some(&c) = chars.peek() {
        match c {
            c if c.is_whitespace() => {
                chars.next();
            }
            '(' => push(&mut chars, &mut out, Token::Open),
            ')' => push(&mut chars, &mut out, Token::Close),
            ':' => push(&mut chars, &mut out, Token::Colon),
            '-' if begins_term(&chars) && !out.last().is_some_and(takes_value) => {
                push(&mut chars, &mut out, Token::Minus);
            }
            '"' => {
                chars.next();
                let phrase = until_quote(&mut chars)?;
                out.push(Token::Phrase(phrase));
            }
            '[' | '{' => {
                chars.next();
                let range = range(&mut chars, c == '[')?;
                out.push(range);
            }
            '<' | '>' => {
                chars.next();
                let equal = chars.next_if_eq(&'=').is_some();
                out.push(Token::Compare(match (c, equal) {
                    ('<', true) => "<=",
                    ('<', false) => "<",
                    (_, true) => ">=",
                    (_, false) => ">",
                }));
            }
            ']' | '}' => return Err(format!("unexpected `{c}`")),
            _ => {
                let word = word(&mut chars)?;
                out.push(word);
            }
        }
    }
    Ok(out)
}

fn push(chars: &mut Peekable<Chars<'_>>, out: &mut Vec<Token>, token: Token) {
    chars.next();
    out.push(token);
}

/// A minus directly before a term excludes it; one that stands alone is a word.
fn begins_term(chars: &Peekable<Chars<'_>>) -> bool {
    chars.clone().nth(1).is_some_and(|next| !next.is_whitespace())
}

/// After these a minus is a sign, not an exclusion.
fn takes_value(token: &Token) -> bool {
    matches!(token, Token::Colon | Token::Compare(_))
}

fn until_quote(chars: &mut Peekable<Chars<'_>>) -> Result<String, String> {
    let mut out = String::new();
    loop {
        match chars.next() {
            None => return Err("a quoted phrase has no end".to_owned()),
            Some('"') => return Ok(out),
            Some('\\') => out.push(chars.next().ok_or("the query ends with `\\`")?),
            Some(c) => out.push(c),
        }
    }
}

fn word(chars: &mut Peekable<Chars<'_>>) -> Result<Token, String> {
    let (mut name, mut pattern) = (String::new(), Pattern::default());
    let mut plain = true;
    while let Some(&c) = chars.peek() {
        match c {
            c if c.is_whitespace()
                || matches!(c, '(' | ')' | ':' | '"' | '[' | ']' | '{' | '}' | '<' | '>') =>
            {
                break;
            }
            '\\' => {
                chars.next();
                let escaped = chars.next().ok_or("the query ends with `\\`")?;
                name.push(escaped);
                pattern.push(escaped);
                plain = false;
                continue;
            }
            '*' => pattern.push_run(),
            '?' => pattern.push_one(),
            c if UNSUPPORTED.contains(c) => return Err(format!("the character `{c}` is not supported")),
            c => pattern.push(c),
        }
        name.push(c);
        chars.next();
    }
    Ok(match name.as_str() {
        "AND" if plain => Token::And,
        "OR" if plain => Token::Or,
        "NOT" if plain => Token::Not,
        _ => Token::Word(name, pattern),
    })
}

/// `low TO high` and the closing bracket.
fn range(chars: &mut Peekable<Chars<'_>>, low_included: bool) -> Result<Token, String> {
    let mut inside = String::new();
    let high_included = loop {
        match chars.next() {
            None => return Err("a range has no end".to_owned()),
            Some(']') => break true,
            Some('}') => break false,
            Some(c) => inside.push(c),
        }
    };
    let ends: Vec<&str> = inside.split_whitespace().collect();
    let &[low, "TO", high] = ends.as_slice() else {
        return Err(format!("`{inside}` is no range; expected `LOW TO HIGH`"));
    };
    let bound = |text: &str, included: bool| match (text.trim_matches('"'), included) {
        ("*", _) => Bound::Open,
        (text, true) => Bound::Including(text.to_owned()),
        (text, false) => Bound::Excluding(text.to_owned()),
    };
    Ok(Token::Range(bound(low, low_included), bound(high, high_included)))
}

/// API-245.
const UNSUPPORTED: &str = "`@#%/';,";
