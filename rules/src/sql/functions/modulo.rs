//! `mod` and `remainder`: two names of the operator `%` (RULES-200).

use super::{Body, Function, example};
use crate::sql::operators::ArithmeticOp;
use crate::sql::value::Value;

pub(super) static MOD: Function =
    Function::new("mod", "mod(a, b)", "What remains of `a` divided by `b`, as `a % b`.", Body::Pure(modulo))
        .examples(&[
            example(r#"mod(8, 3)"#, r#"2"#),
            example(r#"mod(-7, 3)"#, r#"-1"#),
            example(r#"mod(1, 0)"#, r#"undefined"#),
        ]);

pub(super) static REMAINDER: Function = Function::new(
    "remainder",
    "remainder(a, b)",
    "What remains of `a` divided by `b`, as `a % b`.",
    Body::Pure(modulo),
)
.examples(&[example(r#"remainder(8, 3)"#, r#"2"#)]);

fn modulo(arguments: &[Value]) -> Value {
    match arguments {
        [a, b] => ArithmeticOp::Remainder.apply(a, b),
        _ => Value::Undefined,
    }
}
