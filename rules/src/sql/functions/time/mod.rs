//! What the time functions share: English names, zones, pattern letters.

pub(super) mod format;
pub(super) mod parse;
mod parse_pattern;
mod weeks;
mod zones;

/// Monday first.
const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
/// January first (RULES-267).
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// The first three letters of an English name.
fn short(name: &str) -> &str {
    name.get(..3).unwrap_or(name)
}

/// A piece of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Piece<'p> {
    /// A letter and how often it stands in a row.
    Letter(char, usize),
    /// A character to copy or to expect, unless it means something.
    Literal(&'p str),
    /// Text between apostrophes, which never means anything else.
    Quoted(&'p str),
}

/// Takes a pattern apart; `None` for an unterminated quotation. Two apostrophes are one, within quotations and outside.
fn pieces(pattern: &str) -> Option<Vec<Piece<'_>>> {
    let mut pieces = Vec::new();
    let mut at = 0;
    while let Some(c) = pattern.get(at..).and_then(|rest| rest.chars().next()) {
        if c.is_ascii_alphabetic() {
            let rest = pattern.get(at..)?;
            let count = rest.chars().take_while(|next| *next == c).count();
            pieces.push(Piece::Letter(c, count));
            at += count;
        } else if c == '\'' {
            at = quotation(pattern, at + 1, &mut pieces)?;
        } else {
            let end = at + c.len_utf8();
            pieces.push(Piece::Literal(pattern.get(at..end)?));
            at = end;
        }
    }
    Some(pieces)
}

/// Reads on behind an apostrophe; answers where the pattern goes on.
fn quotation<'p>(pattern: &'p str, start: usize, pieces: &mut Vec<Piece<'p>>) -> Option<usize> {
    let mut at = start;
    if pattern.get(at..)?.starts_with('\'') {
        pieces.push(Piece::Quoted("'"));
        return Some(at + 1);
    }
    loop {
        let length = pattern.get(at..)?.find('\'')?;
        pieces.push(Piece::Quoted(pattern.get(at..at + length)?));
        at += length + 1;
        if !pattern.get(at..)?.starts_with('\'') {
            return Some(at);
        }
        pieces.push(Piece::Quoted("'"));
        at += 1;
    }
}
