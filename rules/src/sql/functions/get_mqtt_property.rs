//! `get_mqtt_property`: an MQTT 5 property of the message (RULES-284 to RULES-287).

use super::{Body, Function, example};
use crate::sql::ast::Call;
use crate::sql::evaluate::Evaluator;
use crate::sql::value::Value;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

pub(super) static FUNCTION: Function = Function::new(
    "get_mqtt_property",
    "get_mqtt_property(name)",
    "An MQTT 5 property of the message: content_type, format_indicator (UNSPECIFIED_BYTES or UTF8_DATA), response_topic or correlation_data (as base64).",
    Body::Context(get_mqtt_property),
).examples(&[
    example(r#"get_mqtt_property('content_type')"#, r#""application/json""#),
    example(r#"get_mqtt_property('format_indicator')"#, r#""UTF8_DATA""#),
    example(r#"get_mqtt_property('correlation_data')"#, r#""Y2lk""#),
    example(r#"get_mqtt_property('bogus')"#, r#"undefined"#),
]);

fn get_mqtt_property(evaluator: &mut Evaluator<'_>, _: &Call, arguments: &[Value]) -> Value {
    let (Some(properties), [Value::Str(name)]) = (evaluator.input.properties, arguments) else {
        return Value::Undefined;
    };
    let found = match &**name {
        "content_type" => properties.content_type.clone().map(Value::Str),
        "response_topic" => properties.response_topic.clone().map(Value::Str),
        "format_indicator" => properties
            .payload_format
            .map(|format| Value::from(if format == 1 { "UTF8_DATA" } else { "UNSPECIFIED_BYTES" })),
        "correlation_data" => {
            properties.correlation_data.as_ref().map(|data| Value::from(STANDARD.encode(data)))
        }
        _ => None,
    };
    found.unwrap_or(Value::Undefined)
}
