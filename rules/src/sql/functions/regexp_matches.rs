//! `regexp_matches`: whether a pattern is found in a text (RULES-221).

use super::{Body, Function, example, pattern};
use crate::sql::ast::Call;
use crate::sql::convert::to_text;
use crate::sql::evaluate::Evaluator;
use crate::sql::value::Value;

pub(super) static FUNCTION: Function = Function::new(
    "regexp_matches",
    "regexp_matches(text, pattern)",
    "Whether the pattern, in Java's syntax, is found anywhere in the text; `^` and `$` anchor it.",
    Body::Context(regexp_matches),
)
.examples(&[
    example("regexp_matches('aaaa', 'a{2,}')", "true"),
    example("regexp_matches('foobar', 'foo(?=bar)')", "true"),
    example("regexp_matches('a', '(')", "undefined"),
]);

fn regexp_matches(_: &mut Evaluator<'_>, call: &Call, arguments: &[Value]) -> Value {
    let [text, pattern] = arguments else { return Value::Undefined };
    match (to_text(text), pattern::of_call(call, pattern)) {
        (Some(text), Some(regex)) => regex.is_match(&*text).map_or(Value::Undefined, Value::Bool),
        _ => Value::Undefined,
    }
}
