//! `concat`: joins texts or Arrays (RULES-204 to RULES-208).

use super::text::bounded;
use super::{Body, Function, example};
use crate::sql::convert::to_text;
use crate::sql::limits::MAX_MADE;
use crate::sql::value::Value;

pub(super) static FUNCTION: Function = Function::new(
    "concat",
    "concat(value, ...)",
    "Joins Arrays and single values into one Array if there is an Array among the arguments, else texts into one String if there is a String. A single argument comes back unmodified.",
    Body::Pure(concat),
).examples(&[
    example(r#"concat()"#, r#"undefined"#),
    example(r#"concat(1)"#, r#"1"#),
    example(r#"concat([1, 2], 'a', [3])"#, r#"[1,2,"a",3]"#),
    example(r#"concat(1, 'hello')"#, r#""1hello""#),
    example(r#"concat(1, 2)"#, r#"undefined"#),
]);

fn concat(arguments: &[Value]) -> Value {
    if let [only] = arguments {
        return only.clone();
    }
    if arguments.iter().any(|argument| matches!(argument, Value::Array(_))) {
        return splice(arguments);
    }
    if !arguments.iter().any(|argument| matches!(argument, Value::Str(_))) {
        return Value::Undefined;
    }
    let texts: Option<Vec<_>> = arguments.iter().map(to_text).collect();
    texts.map_or(Value::Undefined, |texts| bounded(texts.iter().map(|text| &**text)))
}

fn splice(arguments: &[Value]) -> Value {
    let mut elements = Vec::new();
    for argument in arguments {
        match argument {
            Value::Array(inner) => elements.extend(inner.iter().cloned()),
            single => elements.push(single.clone()),
        }
        if elements.len() > MAX_MADE {
            return Value::Undefined;
        }
    }
    Value::array(elements)
}
