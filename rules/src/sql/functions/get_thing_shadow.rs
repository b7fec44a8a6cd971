//! `get_thing_shadow`: a shadow document (RULES-299).

use super::outside::{document, text};
use super::{Body, Function, Where};
use crate::sql::external::Call;
use crate::sql::value::Value;

pub(super) static FUNCTION: Function = Function::new(
    "get_thing_shadow",
    "get_thing_shadow(thingName[, shadowName], roleArn)",
    "The shadow document of a thing; without a shadow name that of the unnamed shadow.",
    Body::External { ask, read: document },
)
.since_2016()
.fixed(&[Where::Last]);

fn ask(arguments: &[Value]) -> Option<Call> {
    let (thing, shadow, role) = match arguments {
        [thing, role] => (thing, None, role),
        [thing, shadow, role] => (thing, Some(text(shadow)?), role),
        _ => return None,
    };
    Some(Call::GetThingShadow { thing: text(thing)?, shadow, role_arn: text(role)? })
}
