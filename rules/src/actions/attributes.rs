//! DynamoDB's attribute values (RULES-507). Numbers travel as texts, so that no digit is lost.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value as Json, json};

use crate::sql::{Value, json as sql_json};

/// A value of the dialect as an attribute value.
pub(crate) fn of(value: &Value) -> Json {
    match value {
        Value::Undefined | Value::Null => json!({"NULL": true}),
        Value::Bool(value) => json!({"BOOL": value}),
        Value::Str(text) => json!({"S": &**text}),
        Value::Array(elements) => json!({"L": elements.iter().map(of).collect::<Vec<_>>()}),
        Value::Object(object) => {
            let members: Map<String, Json> = object
                .iter()
                .filter(|(_, value)| !value.is_undefined())
                .map(|(name, value)| (name.to_string(), of(value)))
                .collect();
            json!({"M": members})
        }
        number => json!({"N": sql_json::text(number)}),
    }
}

/// Bytes as an attribute value.
pub(crate) fn binary(bytes: &[u8]) -> Json {
    json!({"B": STANDARD.encode(bytes)})
}

/// An attribute value as plain JSON text.
pub(crate) fn to_json_text(attribute: &Json) -> String {
    let Some((kind, value)) = attribute.as_object().and_then(|members| members.iter().next()) else {
        return "null".to_owned();
    };
    let list = |each: &dyn Fn(&Json) -> String| {
        let elements: Vec<String> = value.as_array().into_iter().flatten().map(each).collect();
        format!("[{}]", elements.join(","))
    };
    match (kind.as_str(), value) {
        ("N", Json::String(number)) => number.clone(),
        ("S" | "B" | "BOOL", value) => value.to_string(),
        ("L", _) => list(&to_json_text),
        ("NS", _) => list(&|number| number.as_str().unwrap_or("null").to_owned()),
        ("SS" | "BS", _) => list(&Json::to_string),
        ("M", Json::Object(members)) => {
            let members: Vec<String> = members
                .iter()
                .map(|(name, value)| format!("{}:{}", Json::String(name.clone()), to_json_text(value)))
                .collect();
            format!("{{{}}}", members.join(","))
        }
        _ => "null".to_owned(),
    }
}
