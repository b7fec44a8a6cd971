//! `substring`: a part of a text by positions (RULES-228 to RULES-230).

use super::{Body, Function, example};
use crate::sql::convert::{to_int, to_text};
use crate::sql::value::Value;

pub(super) static FUNCTION: Function = Function::new(
    "substring",
    "substring(text, from[, to])",
    "The characters from position `from`, counted from 0, up to but not including `to`. Positions outside the text are moved to its ends.",
    Body::Pure(substring),
).examples(&[
    example(r#"substring('012345', 0)"#, r#""012345""#),
    example(r#"substring('012345', 2, 4)"#, r#""23""#),
    example(r#"substring('012345', 2.745)"#, r#""2345""#),
    example(r#"substring(123, 2)"#, r#""3""#),
    example(r#"substring('abc', 2, 2)"#, r#""""#),
]);

fn substring(arguments: &[Value]) -> Value {
    let (text, from, to) = match arguments {
        [text, from] => (text, from, Some(usize::MAX)),
        [text, from, to] => (text, from, position(to)),
        _ => return Value::Undefined,
    };
    match (to_text(text), position(from), to) {
        (Some(text), Some(from), Some(to)) => {
            text.chars().skip(from).take(to.saturating_sub(from)).collect::<String>().into()
        }
        _ => Value::Undefined,
    }
}

fn position(value: &Value) -> Option<usize> {
    to_int(value).map(|position| usize::try_from(position.max(0)).unwrap_or(usize::MAX))
}
