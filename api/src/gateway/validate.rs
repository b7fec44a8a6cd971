//! Checking an input against the constraints of the service model, in AWS's words (API-041).

use std::fmt::Write as _;

use serde_json::{Map, Value};
use thingstead_core::Limits;

use crate::ApiError;
use crate::model::{Constraints, Kind, Model, Operation, Shape, ShapeId};

/// Checks every member. Under relaxed limits upper bounds are lifted, except where a length is fixed.
pub(super) fn check(
    model: &Model,
    operation: &Operation,
    members: &Map<String, Value>,
    limits: Limits,
) -> Result<(), ApiError> {
    let Some(shape) = operation.input else { return Ok(()) };
    let mut checker = Checker { model, limits, found: Vec::new() };
    checker.structure(model.shape(shape), members, "");
    let found = checker.found;
    if found.is_empty() {
        return Ok(());
    }
    let plural = if found.len() == 1 { "error" } else { "errors" };
    let message = format!("{} validation {plural} detected: {}", found.len(), found.join("; "));
    let models = |name: &str| operation.errors.iter().any(|error| error == name);
    let validates = !models("InvalidRequestException") && models("ValidationException");
    Err(ApiError::new(if validates { "ValidationException" } else { "InvalidRequestException" }, message))
}

struct Checker<'a> {
    model: &'a Model,
    limits: Limits,
    found: Vec<String>,
}

impl Checker<'_> {
    fn structure(&mut self, shape: &Shape, members: &Map<String, Value>, path: &str) {
        for member in shape.members() {
            let path = if path.is_empty() { member.name.clone() } else { format!("{path}.{}", member.name) };
            match members.get(&member.name) {
                Some(value) => self.value(member.shape, value, &path),
                // A blob payload never appears among the members.
                None if member.required && !matches!(self.model.shape(member.shape).kind, Kind::Blob) => {
                    self.found.push(format!(
                        "Value null at '{path}' failed to satisfy constraint: Member must not be null"
                    ));
                }
                None => {}
            }
        }
    }

    fn value(&mut self, id: ShapeId, value: &Value, path: &str) {
        let shape = self.model.shape(id);
        for broken in self.broken(shape, value) {
            self.report(value, path, &broken);
        }
        match (&shape.kind, value) {
            (Kind::Structure { .. }, Value::Object(members)) => self.structure(shape, members, path),
            (Kind::List(inner), Value::Array(items)) => self.items(*inner, value, items, path),
            (Kind::Map { key, value: inner }, Value::Object(entries)) => {
                self.entries(*key, *inner, value, entries, path);
            }
            _ => {}
        }
    }

    fn items(&mut self, inner: ShapeId, list: &Value, items: &[Value], path: &str) {
        let shape = self.model.shape(inner);
        if is_scalar(shape) {
            if items.iter().any(|item| !self.broken(shape, item).is_empty()) {
                let all = self.all(shape).join(", ");
                self.report(list, path, &format!("Member must satisfy constraint: [{all}]"));
            }
        } else {
            for (at, item) in items.iter().enumerate() {
                self.value(inner, item, &format!("{path}.{}.member", at + 1));
            }
        }
    }

    fn entries(
        &mut self,
        key: ShapeId,
        inner: ShapeId,
        map: &Value,
        entries: &Map<String, Value>,
        path: &str,
    ) {
        let (key, shape) = (self.model.shape(key), self.model.shape(inner));
        if entries.keys().any(|name| !self.broken(key, &Value::String(name.clone())).is_empty()) {
            let all = self.all(key).join(", ");
            self.report(map, path, &format!("Map keys must satisfy constraint: [{all}]"));
        }
        if is_scalar(shape) {
            if entries.values().any(|value| !self.broken(shape, value).is_empty()) {
                let all = self.all(shape).join(", ");
                self.report(map, path, &format!("Map value must satisfy constraint: [{all}]"));
            }
        } else {
            for (name, value) in entries {
                self.value(inner, value, &format!("{path}.{name}.member"));
            }
        }
    }

    fn report(&mut self, value: &Value, path: &str, constraint: &str) {
        self.found
            .push(format!("Value '{}' at '{path}' failed to satisfy constraint: {constraint}", shown(value)));
    }

    /// The constraints of a shape that a value breaks.
    fn broken(&self, shape: &Shape, value: &Value) -> Vec<String> {
        let constraints = &shape.constraints;
        let mut broken = Vec::new();
        if let (Value::String(text), Kind::String) = (value, &shape.kind) {
            if constraints.pattern.as_ref().is_some_and(|pattern| !pattern.matches(text)) {
                broken.extend(self.pattern(shape));
            }
            if !constraints.one_of.is_empty() && !constraints.one_of.contains(text) {
                broken.extend(one_of(shape));
            }
        }
        let Some(size) = size(&shape.kind, value) else { return broken };
        if self.max(shape).is_some_and(|max| size > max) {
            broken.extend(self.upper(shape));
        }
        if constraints.min.is_some_and(|min| size < min) {
            broken.extend(lower(shape));
        }
        broken
    }

    /// All constraints of a shape in words.
    fn all(&self, shape: &Shape) -> Vec<String> {
        [self.upper(shape), lower(shape), self.pattern(shape), one_of(shape)].into_iter().flatten().collect()
    }

    fn pattern(&self, shape: &Shape) -> Option<String> {
        let pattern = shape.constraints.pattern.as_ref()?;
        Some(format!("Member must satisfy regular expression pattern: {}", pattern.text()))
    }

    fn upper(&self, shape: &Shape) -> Option<String> {
        let max = self.max(shape)?;
        Some(format!("Member must have {} less than or equal to {max}", measure(&shape.kind)))
    }

    fn max(&self, shape: &Shape) -> Option<f64> {
        let Constraints { min, max, .. } = &shape.constraints;
        let fixed = min == max;
        max.filter(|_| self.limits.are_aws() || fixed)
    }
}

fn lower(shape: &Shape) -> Option<String> {
    let min = shape.constraints.min?;
    Some(format!("Member must have {} greater than or equal to {min}", measure(&shape.kind)))
}

fn one_of(shape: &Shape) -> Option<String> {
    let allowed = &shape.constraints.one_of;
    (!allowed.is_empty()).then(|| format!("Member must satisfy enum value set: [{}]", allowed.join(", ")))
}

fn is_scalar(shape: &Shape) -> bool {
    !matches!(shape.kind, Kind::Structure { .. } | Kind::List(_) | Kind::Map { .. })
}

fn measure(kind: &Kind) -> &'static str {
    match kind {
        Kind::Integer | Kind::Double | Kind::Timestamp => "value",
        _ => "length",
    }
}

/// What a bound is compared with.
fn size(kind: &Kind, value: &Value) -> Option<f64> {
    let length = match (kind, value) {
        (Kind::Integer | Kind::Double, Value::Number(number)) => return number.as_f64(),
        (Kind::Blob, Value::String(text)) => text.trim_end_matches('=').len() * 3 / 4,
        (_, Value::String(text)) => text.encode_utf16().count(),
        (_, Value::Array(items)) => items.len(),
        (_, Value::Object(entries)) => entries.len(),
        _ => return None,
    };
    Some(length as f64)
}

/// A value as AWS prints it: `{a=b}` for maps, `[a, b]` for lists; long ones are cut.
fn shown(value: &Value) -> String {
    let mut out = String::new();
    show(value, &mut out);
    match out.char_indices().nth(MAX_SHOWN) {
        Some((at, _)) => format!("{}…", out.get(..at).unwrap_or_default()),
        None => out,
    }
}

fn show(value: &Value, out: &mut String) {
    match value {
        Value::String(text) => out.push_str(text),
        Value::Array(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                out.push_str(if at == 0 { "" } else { ", " });
                show(item, out);
            }
            out.push(']');
        }
        Value::Object(entries) => {
            out.push('{');
            for (at, (name, value)) in entries.iter().enumerate() {
                out.push_str(if at == 0 { "" } else { ", " });
                let _ = write!(out, "{name}=");
                show(value, out);
            }
            out.push('}');
        }
        other => {
            let _ = write!(out, "{other}");
        }
    }
}

const MAX_SHOWN: usize = 1024;
