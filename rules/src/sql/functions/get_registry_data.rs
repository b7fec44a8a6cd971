//! `get_registry_data`: what the registry knows of a thing (RULES-300).

use super::outside::{document, text};
use super::{Body, Function, Where};
use crate::sql::external::Call;
use crate::sql::value::Value;

pub(super) static FUNCTION: Function = Function::new(
    "get_registry_data",
    "get_registry_data('DescribeThing' | 'ListThingGroupsForThing', thingName, roleArn)",
    "What that registry API returns for a thing. The name of the API is a literal.",
    Body::External { ask, read: document },
)
.since_2016()
.fixed(&[Where::At(0), Where::Last]);

fn ask(arguments: &[Value]) -> Option<Call> {
    let [api, thing, role] = arguments else { return None };
    let (thing, role_arn) = (text(thing)?, text(role)?);
    match api {
        Value::Str(api) if &**api == "DescribeThing" => Some(Call::DescribeThing { thing, role_arn }),
        Value::Str(api) if &**api == "ListThingGroupsForThing" => {
            Some(Call::ListThingGroupsForThing { thing, role_arn })
        }
        _ => None,
    }
}
