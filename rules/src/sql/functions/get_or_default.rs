//! `get_or_default`: a value or something instead (RULES-237 to RULES-239).

use super::{Body, Function, example};
use crate::sql::ast::Call;
use crate::sql::evaluate::{EvalError, Evaluator, Scope, Stop};
use crate::sql::value::Value;

pub(super) static FUNCTION: Function = Function::new(
    "get_or_default",
    "get_or_default(value, default)",
    "The default when the value is Null or Undefined or a function in it fails, else the value.",
    Body::Special(get_or_default),
)
.since_2016()
.examples(&[
    example(r#"get_or_default(missing, 'd')"#, r#""d""#),
    example(r#"get_or_default(null, 'd')"#, r#""d""#),
    example(r#"get_or_default(0, 'd')"#, r#"0"#),
]);

fn get_or_default(
    evaluator: &mut Evaluator<'_>,
    call: &Call,
    scope: Option<&Scope<'_>>,
) -> Result<Value, Stop> {
    let [value, default] = call.arguments.as_slice() else { return Ok(Value::Undefined) };
    match evaluator.eval(value, scope) {
        Ok(Value::Undefined | Value::Null) => evaluator.eval(default, scope),
        Err(Stop::Failed(error)) if matches!(*error, EvalError::Function { .. }) => {
            evaluator.eval(default, scope)
        }
        other => other,
    }
}
