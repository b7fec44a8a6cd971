//! `encode`: base64 from a value or the payload (RULES-252 to RULES-254).

use super::{Body, Function, Where, example};
use crate::sql::ast::{Call, Expr};
use crate::sql::convert::to_text;
use crate::sql::evaluate::{Evaluator, Scope, Stop};
use crate::sql::value::Value;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

pub(super) static FUNCTION: Function = Function::new(
    "encode",
    "encode(value, 'base64')",
    "Base64 of the String form of a value; `encode(*, 'base64')` codes the payload's bytes as received, JSON or not.",
    Body::Special(encode),
).since_2016().fixed(&[Where::At(1)]).examples(&[
    example(r#"encode(5, 'base64')"#, r#""NQ==""#),
    example(r#"encode('a', 'hex')"#, r#"undefined"#),
]);

fn encode(evaluator: &mut Evaluator<'_>, call: &Call, scope: Option<&Scope<'_>>) -> Result<Value, Stop> {
    let [data, scheme] = call.arguments.as_slice() else { return Ok(Value::Undefined) };
    let scheme = evaluator.eval(scheme, scope)?;
    if *data == Expr::Star && scope.is_none() {
        return Ok(match is_base64(&scheme) {
            true => STANDARD.encode(evaluator.input.payload).into(),
            false => Value::Undefined,
        });
    }
    let data = evaluator.eval(data, scope)?;
    Ok(match to_text(&data) {
        Some(text) if is_base64(&scheme) => STANDARD.encode(text.as_bytes()).into(),
        _ => Value::Undefined,
    })
}

/// The only scheme there is (RULES-254).
pub(super) fn is_base64(scheme: &Value) -> bool {
    matches!(scheme, Value::Str(name) if &**name == "base64")
}
