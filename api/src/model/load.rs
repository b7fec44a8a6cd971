//! Reading the committed models.

use std::collections::HashMap;

use serde::Deserialize;

use super::shape::{Constraints, Kind, Member, Place, Shape, ShapeId};
use super::{Model, Operation, Pattern, Service, Template, route};

#[derive(Deserialize)]
struct RawModel {
    errors: HashMap<String, u16>,
    operations: Ordered<RawOperation>,
    shapes: Ordered<RawShape>,
}

#[derive(Deserialize)]
struct RawOperation {
    method: String,
    uri: String,
    input: Option<String>,
    output: Option<String>,
    #[serde(default)]
    errors: Vec<String>,
}

#[derive(Deserialize)]
struct RawShape {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    required: Vec<String>,
    payload: Option<String>,
    members: Option<Ordered<RawMember>>,
    member: Option<String>,
    key: Option<String>,
    value: Option<String>,
    min: Option<f64>,
    max: Option<f64>,
    pattern: Option<String>,
    #[serde(rename = "enum", default)]
    one_of: Vec<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum RawMember {
    Shape(String),
    Placed {
        shape: String,
        #[serde(rename = "in")]
        place: Option<String>,
        #[serde(rename = "as")]
        wire_name: Option<String>,
    },
}

/// A JSON object whose order counts.
struct Ordered<T>(Vec<(String, T)>);

/// The model in a text that was committed with this crate.
///
/// # Panics
/// The text is not what `derive.py` writes; the tests load all three.
#[expect(clippy::panic, reason = "the text is part of the build and loaded by a test")]
pub(super) fn model(service: Service, text: &str) -> Model {
    let raw: RawModel = match serde_json::from_str(text) {
        Ok(raw) => raw,
        Err(error) => panic!("the committed model of {} does not parse: {error}", service.name()),
    };
    let names: HashMap<String, ShapeId> =
        raw.shapes.0.iter().enumerate().map(|(at, (name, _))| (name.clone(), ShapeId(at))).collect();
    let id = |name: &str| match names.get(name) {
        Some(id) => *id,
        None => panic!("the committed model of {} has no shape `{name}`", service.name()),
    };
    let shapes = raw.shapes.0.into_iter().map(|(name, raw)| shape(name, raw, &id)).collect();
    let operations: Vec<Operation> = raw
        .operations
        .0
        .into_iter()
        .map(|(name, raw)| Operation {
            service,
            name,
            method: raw.method,
            template: Template::parse(&raw.uri),
            input: raw.input.as_deref().map(id),
            output: raw.output.as_deref().map(id),
            errors: raw.errors,
        })
        .collect();
    let by_segments = route::Table::new(&operations);
    Model { service, operations, shapes, errors: raw.errors, by_segments }
}

fn shape(name: String, raw: RawShape, id: &dyn Fn(&str) -> ShapeId) -> Shape {
    let inner = |name: &Option<String>| id(name.as_deref().unwrap_or_default());
    let kind = match raw.kind.as_str() {
        "structure" => {
            let members = raw.members.map(|members| members.0).unwrap_or_default();
            let member = |(name, given)| member(name, given, &raw.required, id);
            Kind::Structure { members: members.into_iter().map(member).collect(), payload: raw.payload }
        }
        "list" => Kind::List(inner(&raw.member)),
        "map" => Kind::Map { key: inner(&raw.key), value: inner(&raw.value) },
        "blob" => Kind::Blob,
        "boolean" => Kind::Boolean,
        "integer" | "long" => Kind::Integer,
        "double" | "float" => Kind::Double,
        "timestamp" => Kind::Timestamp,
        _ => Kind::String,
    };
    let constraints = Constraints {
        min: raw.min,
        max: raw.max,
        pattern: raw.pattern.map(Pattern::new),
        one_of: raw.one_of,
    };
    Shape { name, kind, constraints }
}

fn member(name: String, raw: RawMember, required: &[String], id: &dyn Fn(&str) -> ShapeId) -> Member {
    let (shape, place, wire_name) = match raw {
        RawMember::Shape(shape) => (shape, None, None),
        RawMember::Placed { shape, place, wire_name } => (shape, place, wire_name),
    };
    let place = match place.as_deref() {
        Some("uri") => Place::Uri,
        Some("query") => Place::Query,
        Some("header") => Place::Header,
        Some("status") => Place::Status,
        _ => Place::Body,
    };
    let wire_name = wire_name.unwrap_or_else(|| name.clone());
    Member { required: required.contains(&name), shape: id(&shape), name, place, wire_name }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Ordered<T> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Rows<T>(std::marker::PhantomData<T>);

        impl<'de, T: Deserialize<'de>> serde::de::Visitor<'de> for Rows<T> {
            type Value = Vec<(String, T)>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut rows = Vec::new();
                while let Some(row) = map.next_entry()? {
                    rows.push(row);
                }
                Ok(rows)
            }
        }

        deserializer.deserialize_map(Rows(std::marker::PhantomData)).map(Self)
    }
}
