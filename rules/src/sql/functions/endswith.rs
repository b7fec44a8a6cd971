//! `endswith`: whether the text ends with the part (RULES-210).

use super::{Body, Function, example};
use crate::sql::convert::to_text;
use crate::sql::value::Value;

pub(super) static FUNCTION: Function = Function::new(
    "endswith",
    "endswith(text, part)",
    "Whether the text ends with the part.",
    Body::Pure(endswith),
)
.examples(&[
    example(r#"endswith('cat', 'at')"#, r#"true"#),
    example(r#"endswith(null, 'a')"#, r#"undefined"#),
]);

fn endswith(arguments: &[Value]) -> Value {
    let [text, part] = arguments else { return Value::Undefined };
    match (to_text(text), to_text(part)) {
        (Some(text), Some(part)) => text.ends_with(&*part).into(),
        _ => Value::Undefined,
    }
}
