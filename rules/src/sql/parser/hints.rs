//! What people mean who write something else: hints for the mistakes of those who come from other dialects.

use super::{Kind, Parser, is_word};
use crate::sql::functions;

impl Parser<'_> {
    /// What is probably wrong where the current token is out of place; `expected` is what would have been right.
    pub(super) fn hint(&self, expected: &str) -> Option<String> {
        let before = self.source.get(..self.last_end).unwrap_or_default().trim_end();
        self.hint_for_word(before, expected)
            .or_else(|| self.hint_for_symbol(before, expected))
            .or_else(|| self.hint_for_literal(before, expected))
    }

    fn hint_for_word(&self, before: &str, expected: &str) -> Option<String> {
        let Kind::Word(word) = self.current.kind else { return None };
        let is = |one_of: &[&str]| one_of.iter().any(|other| word.eq_ignore_ascii_case(other));
        if before.ends_with(',') && is(&["FROM", "WHERE", "AS"]) {
            return Some(format!("take away the comma before {}", word.to_uppercase()));
        }
        if before.is_empty() && is(&["INSERT", "UPDATE", "DELETE", "CREATE", "MERGE"]) {
            return Some("a rule only selects; what happens to the result is said by its actions".to_owned());
        }
        if is(&["NOT"]) && is_word(&self.following(), "IN") {
            return Some("write NOT (x IN [1, 2])".to_owned());
        }
        if is(&["AND", "OR"]) && expected.starts_with("WHERE") {
            return Some("a condition begins with WHERE".to_owned());
        }
        if is(&["AND", "OR"]) && expected.starts_with("an expression") {
            return Some(format!("a condition is missing before {}", word.to_uppercase()));
        }
        if is(&["FROM", "AS", "WHERE"]) && expected.contains("`)`") {
            return Some(format!("a `)` is missing before {}", word.to_uppercase()));
        }
        if self.current.start == self.last_end && before.ends_with(['\'', '"']) {
            return Some(
                "a quote inside a string is written twice, or the string between the other quotes".to_owned(),
            );
        }
        self.hint_for_neighbours(before)
    }

    fn hint_for_symbol(&self, before: &str, expected: &str) -> Option<String> {
        let Kind::Symbol(symbol) = self.current.kind else { return None };
        match symbol {
            ">" | "<" if before.ends_with('=') && self.current.start == self.last_end => {
                Some(format!("write `{symbol}=`"))
            }
            "," if list_in_parentheses(before) => Some("an array stands between `[` and `]`".to_owned()),
            "," if expected.starts_with("WHERE") => Some("a rule reads one topic filter".to_owned()),
            ")" if !expected.contains("`)`") && !expected.starts_with("an expression") => {
                Some("there is a `)` without a `(`".to_owned())
            }
            "." if expected.starts_with("an expression")
                && self
                    .source
                    .get(self.current.end..)
                    .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit())) =>
            {
                Some("write a 0 before the point".to_owned())
            }
            _ => None,
        }
    }

    fn hint_for_literal(&self, before: &str, expected: &str) -> Option<String> {
        match &self.current.kind {
            Kind::Number(_) if before.ends_with("**") => Some("write power(x, y)".to_owned()),
            Kind::Str(_) if is_word(&Kind::Word(last_word(before)), "FROM") && expected.contains("FROM") => {
                Some("FROM was read as a member of what stands before the dot".to_owned())
            }
            Kind::Str(_) if expected.contains("FROM") => Some("a topic filter follows FROM".to_owned()),
            Kind::Number(_) | Kind::Str(_) | Kind::Variable(_) => self.hint_for_neighbours(before),
            Kind::Word(_) | Kind::Symbol(_) | Kind::End => None,
        }
    }

    /// Something stands behind a word that goes with brackets, or not at all.
    fn hint_for_neighbours(&self, before: &str) -> Option<String> {
        let last = last_word(before);
        if ["DISTINCT", "TOP"].iter().any(|foreign| last.eq_ignore_ascii_case(foreign)) {
            return Some(format!("{} is not part of the dialect", last.to_uppercase()));
        }
        // Keywords that may follow an attribute of a function's name are in their place.
        let function = functions::find(last)?;
        Some(format!("the arguments of a function stand in brackets: {}(…)", function.name))
    }
}

/// Whether the text ends within `IN (…`.
fn list_in_parentheses(before: &str) -> bool {
    let opened = before.rsplit_once('(').map(|(before, _)| before.trim_end());
    opened.is_some_and(|before| last_word(before).eq_ignore_ascii_case("IN"))
}

fn last_word(text: &str) -> &str {
    let is_part = |c: char| c == '_' || c.is_alphanumeric();
    let rest = text.trim_end_matches(is_part);
    text.get(rest.len()..).unwrap_or_default()
}

/// What to write instead of a function of another dialect.
pub(super) fn instead_of(function: &str) -> Option<&'static str> {
    let name = function.to_lowercase();
    let found = FOREIGN_FUNCTIONS.iter().find(|(names, _)| names.contains(&name.as_str()));
    found.map(|(_, instead)| *instead)
}

/// Functions of other dialects, and what does the same here.
const FOREIGN_FUNCTIONS: &[(&[&str], &str)] = &[
    (&["count", "sum", "avg", "min", "max"], "a rule sees one message at a time"),
    (&["now", "current_timestamp", "getdate", "sysdate"], "timestamp() is the time in milliseconds"),
    (&["len", "strlen", "char_length", "size"], "length(x) counts characters"),
    (&["substr", "mid"], "did you mean `substring`?"),
    (&["to_upper", "toupper", "ucase", "uppercase"], "did you mean `upper`?"),
    (&["to_lower", "tolower", "lcase", "lowercase"], "did you mean `lower`?"),
    (&["if", "iif"], "write CASE x > 1 WHEN true THEN a ELSE b END"),
    (
        &["coalesce", "ifnull", "isnull_or", "nvl"],
        "get_or_default(x, y) gives `y` where `x` is Null or Undefined",
    ),
    (&["uuid", "gen_random_uuid"], "did you mean `newuuid`?"),
    (&["tostring", "to_string", "str", "convert"], "write cast(x AS String)"),
    (
        &["toint", "to_int", "to_number", "int", "float", "tonumber"],
        "write cast(x AS Int) or cast(x AS Decimal)",
    ),
    (&["date_format", "to_char", "strftime", "format_time"], "did you mean `parse_time`?"),
    (&["to_timestamp", "strptime", "unix_timestamp"], "did you mean `time_to_epoch`?"),
    (
        &["contains", "instr", "position", "locate"],
        "indexof(x, y) is -1 where `x` does not hold `y`; an array is searched with IN",
    ),
    (&["regexp_like", "regex_match", "rlike"], "did you mean `regexp_matches`?"),
    (&["pow"], "did you mean `power`?"),
    (&["json_extract", "json_value"], "members are read by their path: a.b.c"),
    (&["base64", "to_base64"], "write encode(x, 'base64')"),
    (&["from_base64", "unbase64"], "write decode(x, 'base64')"),
];
