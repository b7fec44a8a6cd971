//! `get`: an element, a character or a member (RULES-231 to RULES-234).

use super::{Body, Function, example};
use crate::sql::convert::to_int;
use crate::sql::value::Value;

pub(super) static FUNCTION: Function = Function::new(
    "get",
    "get(value, key)",
    "The element of an Array or the character of a String at a position counted from 0, or the member of an Object with that name.",
    Body::Pure(get),
).examples(&[
    example(r#"get(['a', 'b'], 1)"#, r#""b""#),
    example(r#"get({'a': 'b'}, 'a')"#, r#""b""#),
    example(r#"get('abc', 0)"#, r#""a""#),
    example(r#"get(['a'], 7)"#, r#"undefined"#),
]);

fn get(arguments: &[Value]) -> Value {
    let [value, key] = arguments else { return Value::Undefined };
    let position = || to_int(key).and_then(|position| usize::try_from(position).ok());
    let found = match value {
        Value::Array(elements) => position().and_then(|position| elements.get(position).cloned()),
        Value::Str(text) => {
            position().and_then(|position| text.chars().nth(position)).map(|c| c.to_string().into())
        }
        Value::Object(object) => match key {
            Value::Str(name) => object.get(name).cloned(),
            _ => None,
        },
        _ => None,
    };
    found.unwrap_or(Value::Undefined)
}
