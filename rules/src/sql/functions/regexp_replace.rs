//! `regexp_replace`: every match replaced (RULES-222, RULES-225).

use fancy_regex::Regex;

use super::{Body, Function, example, pattern};
use crate::sql::ast::Call;
use crate::sql::convert::to_text;
use crate::sql::evaluate::Evaluator;
use crate::sql::limits::MAX_MADE;
use crate::sql::value::Value;

pub(super) static FUNCTION: Function = Function::new(
    "regexp_replace",
    "regexp_replace(text, pattern, replacement)",
    "Replaces every match of the pattern. In the replacement `$1` and `${name}` stand for groups, a backslash makes the next character literal.",
    Body::Context(regexp_replace),
)
.examples(&[
    example("regexp_replace('abcd', 'b(.*)d', '$1')", r#""ac""#),
    example("regexp_replace('a1b2', '[0-9]', '#')", r##""a#b#""##),
    example("regexp_replace('a', 'a', '$7')", "undefined"),
]);

fn regexp_replace(_: &mut Evaluator<'_>, call: &Call, arguments: &[Value]) -> Value {
    let [text, pattern, replacement] = arguments else { return Value::Undefined };
    match (to_text(text), pattern::of_call(call, pattern), to_text(replacement)) {
        (Some(text), Some(regex), Some(replacement)) => {
            replace_all(&text, &regex, &replacement).map_or(Value::Undefined, Value::from)
        }
        _ => Value::Undefined,
    }
}

fn replace_all(text: &str, regex: &Regex, replacement: &str) -> Option<String> {
    let parts = parse(replacement, regex)?;
    let mut out = String::new();
    let mut end = 0;
    let mut from = 0;
    // As in Java, an empty match may stand right behind another one.
    while from <= text.len() {
        let Some(captures) = regex.captures_from_pos(text, from).ok()? else { break };
        let whole = captures.get(0)?;
        out.push_str(text.get(end..whole.start())?);
        for part in &parts {
            out.push_str(match part {
                Part::Text(text) => text,
                // A group that took no part in the match leaves nothing.
                Part::Group(group) => captures.get(*group).map_or("", |found| found.as_str()),
            });
        }
        if out.len() > MAX_MADE {
            return None;
        }
        end = whole.end();
        from = match whole.start() == end {
            true => end + text.get(end..)?.chars().next().map_or(1, char::len_utf8),
            false => end,
        };
    }
    out.push_str(text.get(end..)?);
    Some(out)
}

/// A piece of a replacement.
enum Part {
    Text(String),
    Group(usize),
}

/// Java's replacement syntax; `None` when it is malformed or names a group that the pattern lacks.
fn parse(replacement: &str, regex: &Regex) -> Option<Vec<Part>> {
    let groups = regex.captures_len();
    let mut parts = Vec::new();
    let mut text = String::new();
    let mut rest = replacement.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\\' => text.push(rest.next()?),
            '$' => {
                let group = if rest.next_if_eq(&'{').is_some() {
                    let mut name = String::new();
                    loop {
                        match rest.next()? {
                            '}' => break,
                            c => name.push(c),
                        }
                    }
                    regex.capture_names().position(|known| known == Some(&name))?
                } else {
                    let mut group = rest.next()?.to_digit(10)? as usize;
                    // More digits belong to the number as long as there is such a group.
                    while let Some(digit) = rest.peek().and_then(|c| c.to_digit(10)) {
                        let longer = group * 10 + digit as usize;
                        if longer >= groups {
                            break;
                        }
                        group = longer;
                        rest.next();
                    }
                    group
                };
                if group >= groups {
                    return None;
                }
                parts.push(Part::Text(std::mem::take(&mut text)));
                parts.push(Part::Group(group));
            }
            c => text.push(c),
        }
    }
    parts.push(Part::Text(text));
    Some(parts)
}
