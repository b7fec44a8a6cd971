//! `get_user_properties`: the user properties of the message (RULES-288, RULES-289).

use super::{Body, Function, example};
use crate::sql::ast::Call;
use crate::sql::evaluate::Evaluator;
use crate::sql::value::{Object, Value};

pub(super) static FUNCTION: Function = Function::new(
    "get_user_properties",
    "get_user_properties([key])",
    "All values of a user property in order; without a key all user properties as Objects of one member.",
    Body::Context(get_user_properties),
)
.examples(&[
    example(r#"get_user_properties('k')"#, r#"["v1","v2"]"#),
    example(r#"get_user_properties()"#, r#"[{"k":"v1"},{"o":"w"},{"k":"v2"}]"#),
    example(r#"get_user_properties('x')"#, r#"undefined"#),
]);

fn get_user_properties(evaluator: &mut Evaluator<'_>, _: &Call, arguments: &[Value]) -> Value {
    let user = evaluator.input.properties.map_or(&[][..], |properties| &properties.user);
    match arguments {
        [] => Value::array(user.iter().map(|(key, value)| {
            let value = Value::Str(value.clone());
            Value::from(std::iter::once((key.clone(), value)).collect::<Object>())
        })),
        [Value::Str(key)] => {
            let values: Vec<_> = user.iter().filter(|(known, _)| known == key).collect();
            if values.is_empty() {
                return Value::Undefined;
            }
            Value::array(values.into_iter().map(|(_, value)| Value::Str(value.clone())))
        }
        _ => Value::Undefined,
    }
}
