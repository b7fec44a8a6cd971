//! `transform`: adds members to every Object of an Array (RULES-247 to RULES-251).

use super::{Body, Function, Where, example};
use crate::sql::json;
use crate::sql::limits::MAX_TRANSFORM_BYTES;
use crate::sql::value::{Object, Value};

pub(super) static FUNCTION: Function = Function::new(
    "transform",
    "transform('enrichArray', object, array)",
    "The Array of Objects with the members of the Object added to each of them; the Object's members win. At most 128 KiB.",
    Body::Pure(transform),
).since_2016().fixed(&[Where::At(0)]).examples(&[
    example(r#"transform('enrichArray', {'k': 1}, [{'a': 3}, {'b': 4}])"#, r#"[{"a":3,"k":1},{"b":4,"k":1}]"#),
    example(r#"transform('other', {'k': 1}, [])"#, r#"undefined"#),
]);

fn transform(arguments: &[Value]) -> Value {
    let [Value::Str(mode), Value::Object(object), Value::Array(array)] = arguments else {
        return Value::Undefined;
    };
    if &**mode != "enrichArray" {
        return Value::Undefined;
    }
    let mut enriched = Vec::new();
    let mut bytes = 2;
    for element in array.iter() {
        let Value::Object(element) = element else { return Value::Undefined };
        let mut members = Object::clone(element);
        for (name, value) in object.iter() {
            members.insert(name.clone(), value.clone());
        }
        let element = Value::from(members);
        bytes += json::bounded_text(&element, MAX_TRANSFORM_BYTES)
            .map_or(MAX_TRANSFORM_BYTES, |text| text.len())
            + 1;
        if bytes > MAX_TRANSFORM_BYTES + 1 {
            return Value::Undefined;
        }
        enriched.push(element);
    }
    Value::array(enriched)
}
