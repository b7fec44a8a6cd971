//! `regexp_substr`: the first match (RULES-223, RULES-224).

use super::{Body, Function, example, pattern};
use crate::sql::ast::Call;
use crate::sql::convert::to_text;
use crate::sql::evaluate::Evaluator;
use crate::sql::value::Value;

pub(super) static FUNCTION: Function = Function::new(
    "regexp_substr",
    "regexp_substr(text, pattern)",
    "The first match of the pattern in the text; Undefined without one.",
    Body::Context(regexp_substr),
)
.examples(&[
    example("regexp_substr('hihihello', '(hi)*')", r#""hihi""#),
    example("regexp_substr('abc', 'x')", "undefined"),
]);

fn regexp_substr(_: &mut Evaluator<'_>, call: &Call, arguments: &[Value]) -> Value {
    let [text, pattern] = arguments else { return Value::Undefined };
    match (to_text(text), pattern::of_call(call, pattern)) {
        (Some(text), Some(regex)) => match regex.find(&*text) {
            Ok(Some(found)) => found.as_str().into(),
            _ => Value::Undefined,
        },
        _ => Value::Undefined,
    }
}
