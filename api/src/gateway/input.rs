//! Reading an operation's input from path, query, headers and body by its shape.

use bytes::Bytes;
use serde_json::{Map, Number, Value};

use super::{Arrived, header, uri};
use crate::ApiError;
use crate::model::{Kind, Model, Operation, Place, ShapeId};

/// What was sent: the members by their AWS names, and the raw body where the payload is a blob.
#[derive(Debug)]
pub(super) struct Input {
    pub(super) members: Map<String, Value>,
    pub(super) payload: Bytes,
}

/// The labels of a routed path, still encoded.
pub(super) type Labels<'a> = [(&'static str, Vec<&'a str>)];

/// Reads the input. Unknown members, parameters and headers are ignored (API-023); absent members stay absent.
pub(super) fn read(
    model: &Model,
    operation: &Operation,
    labels: &Labels<'_>,
    request: &Arrived,
) -> Result<Input, ApiError> {
    let mut input = Input { members: Map::new(), payload: Bytes::new() };
    let Some(shape) = operation.input.map(|id| model.shape(id)) else { return Ok(input) };
    let query = uri::pairs(&request.query)?;
    let mut body = match shape.payload() {
        Some(payload) if matches!(model.shape(payload.shape).kind, Kind::Blob) => {
            input.payload = request.body.clone();
            Map::new()
        }
        Some(payload) => {
            let document = Value::Object(json_object(&request.body)?);
            if !request.body.is_empty() {
                let value = typed(model, payload.shape, document, &payload.name)?;
                input.members.extend(value.map(|value| (payload.name.clone(), value)));
            }
            Map::new()
        }
        None if shape.members().iter().any(|member| member.place == Place::Body) => {
            json_object(&request.body)?
        }
        None => Map::new(),
    };
    for member in shape.members() {
        let value = match member.place {
            Place::Uri => {
                let label = labels.iter().find(|(name, _)| *name == member.wire_name);
                label
                    .map(|(_, parts)| joined(parts))
                    .transpose()?
                    .map(|text| scalar(model, member.shape, text))
            }
            Place::Query => {
                let pair = query.iter().find(|(name, _)| *name == member.wire_name);
                pair.map(|(_, value)| scalar(model, member.shape, value.clone()))
            }
            Place::Header => {
                header(&request.headers, &member.wire_name).map(|text| scalar(model, member.shape, text))
            }
            Place::Body => match body.remove(&member.wire_name) {
                Some(value) => typed(model, member.shape, value, &member.name)?.map(Ok),
                None => None,
            },
            Place::Status => None,
        };
        if let Some(value) = value {
            let value = value.map_err(|expected| {
                ApiError::invalid_request(format!("the member `{}` must be {expected}", member.name))
            })?;
            input.members.insert(member.name.clone(), value);
        }
    }
    Ok(input)
}

/// A label's parts, each decoded once; a greedy label keeps its slashes.
fn joined(parts: &[&str]) -> Result<String, ApiError> {
    let parts: Result<Vec<String>, ApiError> = parts.iter().map(|part| uri::decoded(part)).collect();
    Ok(parts?.join("/"))
}

fn json_object(body: &[u8]) -> Result<Map<String, Value>, ApiError> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Map::new());
    }
    match serde_json::from_slice(body) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) => Err(ApiError::invalid_request("the request body is not a JSON object")),
        Err(error) => Err(ApiError::invalid_request(format!("the request body is not JSON: {error}"))),
    }
}

/// A value from a path, query or header; the error says what it should have been.
fn scalar(model: &Model, shape: ShapeId, text: String) -> Result<Value, &'static str> {
    match &model.shape(shape).kind {
        Kind::Boolean => match text.to_ascii_lowercase().as_str() {
            "true" => Ok(Value::Bool(true)),
            "false" => Ok(Value::Bool(false)),
            _ => Err("`true` or `false`"),
        },
        Kind::Integer => text.parse::<i64>().map(Value::from).map_err(|_| "a whole number"),
        Kind::Double => text.parse().ok().and_then(Number::from_f64).map(Value::Number).ok_or("a number"),
        Kind::Timestamp => timestamp(&text).map(Value::from).ok_or("an ISO 8601 time or epoch seconds"),
        _ => Ok(Value::String(text)),
    }
}

/// Epoch seconds of an ISO 8601 time, or of a number in a text.
fn timestamp(text: &str) -> Option<f64> {
    let seconds = text.parse::<f64>().ok().filter(|seconds| seconds.is_finite());
    seconds.or_else(|| Some(text.parse::<jiff::Timestamp>().ok()?.as_millisecond() as f64 / 1000.0))
}

/// A JSON value checked against its shape; `None` for null. Members that the shape does not have fall away.
fn typed(model: &Model, shape: ShapeId, value: Value, path: &str) -> Result<Option<Value>, ApiError> {
    let wrong = |found: &Value, expected: &str| {
        Err(ApiError::invalid_request(format!(
            "the member `{path}` is {}; expected {expected}",
            kind_of(found)
        )))
    };
    let value = match (&model.shape(shape).kind, value) {
        (_, Value::Null) => return Ok(None),
        (Kind::Structure { members, .. }, Value::Object(mut found)) => {
            let mut out = Map::new();
            for member in members {
                let Some(value) = found.remove(&member.wire_name) else { continue };
                if let Some(value) = typed(model, member.shape, value, &format!("{path}.{}", member.name))? {
                    out.insert(member.name.clone(), value);
                }
            }
            Value::Object(out)
        }
        (Kind::List(member), Value::Array(found)) => {
            let items = found.into_iter().enumerate().map(|(at, value)| {
                typed(model, *member, value, &format!("{path}.{}.member", at + 1))
                    .map(|value| value.unwrap_or(Value::Null))
            });
            Value::Array(items.collect::<Result<_, _>>()?)
        }
        (Kind::Map { value: inner, .. }, Value::Object(found)) => {
            let mut out = Map::new();
            for (key, value) in found {
                if let Some(value) = typed(model, *inner, value, &format!("{path}.{key}"))? {
                    out.insert(key, value);
                }
            }
            Value::Object(out)
        }
        (Kind::String | Kind::Blob, value @ Value::String(_)) => value,
        (Kind::Boolean, value @ Value::Bool(_)) => value,
        (Kind::Integer, Value::Number(number)) => match whole(&number) {
            Some(whole) => Value::from(whole),
            None => return wrong(&Value::Number(number), "a whole number"),
        },
        (Kind::Double | Kind::Timestamp, value @ Value::Number(_)) => value,
        (Kind::Timestamp, Value::String(text)) => match timestamp(&text) {
            Some(seconds) => Value::from(seconds),
            None => return wrong(&Value::String(text), "epoch seconds"),
        },
        (kind, other) => return wrong(&other, expected(kind)),
    };
    Ok(Some(value))
}

/// The whole number that a JSON number is, `5.0` included.
fn whole(number: &Number) -> Option<i64> {
    number.as_i64().or_else(|| {
        let float = number.as_f64()?;
        (float.fract() == 0.0 && float.abs() < 9e15).then_some(float as i64)
    })
}

fn expected(kind: &Kind) -> &'static str {
    match kind {
        Kind::Structure { .. } | Kind::Map { .. } => "an object",
        Kind::List(_) => "a list",
        Kind::String => "a string",
        Kind::Blob => "a string in base64",
        Kind::Boolean => "`true` or `false`",
        Kind::Integer => "a whole number",
        Kind::Double => "a number",
        Kind::Timestamp => "epoch seconds",
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
