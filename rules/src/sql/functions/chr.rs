//! `chr`: the ASCII character with this code, 0 to 127; fractions are rounded down (RULES-209).

use super::{Body, Function, example};
use crate::sql::convert::to_int;
use crate::sql::value::Value;

pub(super) static FUNCTION: Function = Function::new(
    "chr",
    "chr(code)",
    "The ASCII character with this code, 0 to 127; fractions are rounded down.",
    Body::Pure(chr),
)
.examples(&[
    example(r#"chr(65)"#, r#""A""#),
    example(r#"chr(49.9)"#, r#""1""#),
    example(r#"chr(200)"#, r#"undefined"#),
]);

fn chr(arguments: &[Value]) -> Value {
    let [code] = arguments else { return Value::Undefined };
    match to_int(code).and_then(|code| u8::try_from(code).ok()) {
        Some(code) if code.is_ascii() => char::from(code).to_string().into(),
        _ => Value::Undefined,
    }
}
