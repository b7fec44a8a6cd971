//! `startswith`: whether the text starts with the part (RULES-210).

use super::{Body, Function, example};
use crate::sql::convert::to_text;
use crate::sql::value::Value;

pub(super) static FUNCTION: Function = Function::new(
    "startswith",
    "startswith(text, part)",
    "Whether the text starts with the part.",
    Body::Pure(startswith),
)
.examples(&[
    example(r#"startswith('cat', 'ca')"#, r#"true"#),
    example(r#"startswith(null, 'a')"#, r#"undefined"#),
]);

fn startswith(arguments: &[Value]) -> Value {
    let [text, part] = arguments else { return Value::Undefined };
    match (to_text(text), to_text(part)) {
        (Some(text), Some(part)) => text.starts_with(&*part).into(),
        _ => Value::Undefined,
    }
}
