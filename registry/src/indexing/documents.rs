//! What is searched: things and groups as flat fields.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::sync::Arc;

use serde_json::{Map, Value, json};
use thingstead_core::Scope;

use super::configuration::{ThingIndexing, ThingIndexingMode};
use super::fleet::{Connectivity, FleetSource};
use crate::thing_groups::ThingGroup;
use crate::things::Thing;

/// A thing as `SearchIndex` answers it (API-239).
#[derive(Clone, Debug, PartialEq)]
pub struct ThingDocument {
    /// The thing: name, id, type, attributes.
    pub thing: Arc<Thing>,
    /// Its static and dynamic groups (API-242).
    pub group_names: Vec<String>,
    /// A JSON text (API-240); `None` when no shadow is indexed.
    pub shadow: Option<String>,
    /// `None` when connectivity is not indexed.
    pub connectivity: Option<Connectivity>,
}

/// A thing group as `SearchIndex` answers it (API-241).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThingGroupDocument {
    /// The group: name, id, description, attributes.
    pub group: Arc<ThingGroup>,
    /// All its ancestors.
    pub parent_names: Vec<String>,
}

/// A value of a field.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Scalar {
    Text(String),
    Number(f64),
    Bool(bool),
}

impl Scalar {
    /// The value as a number, when it is one or looks like one (API-253).
    pub(crate) fn number(&self) -> Option<f64> {
        match self {
            Self::Text(text) => number_of(text),
            Self::Number(number) => Some(*number),
            Self::Bool(_) => None,
        }
    }

    pub(crate) fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Text(text) => Cow::Borrowed(text),
            Self::Number(number) => {
                Cow::Owned(
                    json!(number)
                        .as_f64()
                        .map(|n| {
                            if n.fract() == 0.0 && n.abs() < 1e15 { format!("{n:.0}") } else { n.to_string() }
                        })
                        .unwrap_or_default(),
                )
            }
            Self::Bool(value) => Cow::Borrowed(if *value { "true" } else { "false" }),
        }
    }
}

/// A number in the usual notations; not `inf`, `nan` or hexadecimal.
pub(crate) fn number_of(text: &str) -> Option<f64> {
    let plain = text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'+' | b'e' | b'E'));
    if plain { text.parse().ok() } else { None }
}

/// Something with fields.
pub(crate) trait Fields {
    /// The values of a field; none where the document has no such field.
    fn values(&self, field: &str) -> Vec<Scalar>;

    /// The values of all fields that a term without a field is searched in (API-249).
    fn everything(&self) -> Vec<Scalar>;

    /// Whether a value of the field, or of all fields, holds.
    fn any(&self, field: Option<&str>, holds: &dyn Fn(&Scalar) -> bool) -> bool {
        let values = match field {
            Some(field) => self.values(field),
            None => self.everything(),
        };
        values.iter().any(holds)
    }
}

/// A thing with what is looked up only when it is asked for.
pub(crate) struct ThingFacts<'a> {
    pub(crate) thing: Arc<Thing>,
    pub(crate) group_names: Vec<String>,
    pub(crate) scope: &'a Scope,
    pub(crate) indexing: &'a ThingIndexing,
    pub(crate) fleet: Option<&'a dyn FleetSource>,
    pub(crate) shadow: OnceCell<Option<Value>>,
    pub(crate) connectivity: OnceCell<Option<Connectivity>>,
}

impl<'a> ThingFacts<'a> {
    pub(crate) fn new(
        thing: Arc<Thing>,
        group_names: Vec<String>,
        scope: &'a Scope,
        indexing: &'a ThingIndexing,
        fleet: Option<&'a dyn FleetSource>,
    ) -> Self {
        let (shadow, connectivity) = (OnceCell::new(), OnceCell::new());
        Self { thing, group_names, scope, indexing, fleet, shadow, connectivity }
    }

    pub(crate) fn document(self) -> ThingDocument {
        let shadow = self.shadow().map(Value::to_string);
        let connectivity = self.connectivity().cloned();
        ThingDocument { thing: self.thing, group_names: self.group_names, shadow, connectivity }
    }

    /// Classic and named shadows in the index's form (API-240).
    fn shadow(&self) -> Option<&Value> {
        self.shadow
            .get_or_init(|| {
                let fleet = self.fleet?;
                let mut whole = Map::new();
                if self.indexing.mode == ThingIndexingMode::RegistryAndShadow
                    && let Some(shadow) = fleet.shadow(self.scope, &self.thing.name, None)
                {
                    whole = indexed(&shadow);
                }
                if self.indexing.named_shadows {
                    let mut named = Map::new();
                    for name in &self.indexing.named_shadow_names {
                        if let Some(shadow) = fleet.shadow(self.scope, &self.thing.name, Some(name)) {
                            named.insert(name.clone(), Value::Object(indexed(&shadow)));
                        }
                    }
                    if !named.is_empty() {
                        whole.insert("name".to_owned(), Value::Object(named));
                    }
                }
                (!whole.is_empty()).then_some(Value::Object(whole))
            })
            .as_ref()
    }

    fn connectivity(&self) -> Option<&Connectivity> {
        self.connectivity
            .get_or_init(|| {
                if !self.indexing.connectivity {
                    return None;
                }
                let known = self.fleet.and_then(|fleet| fleet.connectivity(self.scope, &self.thing.name));
                Some(known.unwrap_or_default())
            })
            .as_ref()
    }
}

impl Fields for ThingFacts<'_> {
    fn values(&self, field: &str) -> Vec<Scalar> {
        let text = |text: &str| vec![Scalar::Text(text.to_owned())];
        match field {
            "thingName" => text(&self.thing.name),
            "thingId" => text(&self.thing.id),
            "thingTypeName" | "registry.thingTypeName" => {
                self.thing.type_name.as_deref().map(text).unwrap_or_default()
            }
            "thingGroupNames" | "registry.thingGroupNames" => {
                self.group_names.iter().cloned().map(Scalar::Text).collect()
            }
            "registry.version" => vec![Scalar::Number(self.thing.version as f64)],
            "connectivity.connected" => {
                self.connectivity().map(|c| vec![Scalar::Bool(c.connected)]).unwrap_or_default()
            }
            "connectivity.timestamp" => match self.connectivity() {
                Some(c) if c.at.as_millis() != 0 => vec![Scalar::Number(c.at.as_millis() as f64)],
                _ => Vec::new(),
            },
            "connectivity.disconnectReason" => {
                self.connectivity().and_then(|c| c.disconnect_reason.as_deref()).map(text).unwrap_or_default()
            }
            _ => {
                if let Some(name) = field.strip_prefix("attributes.") {
                    return self.thing.attributes.get(name).map(|value| text(value)).unwrap_or_default();
                }
                let Some(path) = field.strip_prefix("shadow.") else { return Vec::new() };
                let found = path.split('.').try_fold(self.shadow(), |at, key| Some(at?.get(key)));
                found.flatten().map(leaves).unwrap_or_default()
            }
        }
    }

    fn everything(&self) -> Vec<Scalar> {
        let mut all: Vec<Scalar> = ["thingName", "thingId", "thingTypeName", "thingGroupNames"]
            .into_iter()
            .flat_map(|field| self.values(field))
            .collect();
        all.extend(self.thing.attributes.values().cloned().map(Scalar::Text));
        if let Some(shadow) = self.shadow() {
            for part in ["desired", "reported"] {
                collect(shadow.get(part), &mut all);
            }
            for named in shadow.get("name").and_then(Value::as_object).into_iter().flat_map(Map::values) {
                for part in ["desired", "reported"] {
                    collect(named.get(part), &mut all);
                }
            }
        }
        all
    }
}

impl Fields for ThingGroupDocument {
    fn values(&self, field: &str) -> Vec<Scalar> {
        let group = &self.group;
        let text = |text: &str| vec![Scalar::Text(text.to_owned())];
        match field {
            "thingGroupName" => text(&group.name),
            "thingGroupId" => text(&group.id),
            "description" => group.description.as_deref().map(text).unwrap_or_default(),
            "parentGroupNames" => self.parent_names.iter().cloned().map(Scalar::Text).collect(),
            "version" => vec![Scalar::Number(group.version as f64)],
            _ => {
                let attribute = field.strip_prefix("attributes.").and_then(|name| group.attributes.get(name));
                attribute.map(|value| text(value)).unwrap_or_default()
            }
        }
    }

    fn everything(&self) -> Vec<Scalar> {
        let mut all: Vec<Scalar> = ["thingGroupName", "thingGroupId", "description", "parentGroupNames"]
            .into_iter()
            .flat_map(|field| self.values(field))
            .collect();
        all.extend(self.group.attributes.values().cloned().map(Scalar::Text));
        all
    }
}

/// `desired`, `reported`, `delta`, `metadata`, `version`, `hasDelta` out of a `GetThingShadow` answer.
fn indexed(shadow: &Value) -> Map<String, Value> {
    let mut out = Map::new();
    for part in ["desired", "reported", "delta"] {
        if let Some(found) = shadow.pointer(&format!("/state/{part}")) {
            out.insert(part.to_owned(), found.clone());
        }
    }
    for part in ["metadata", "version"] {
        if let Some(found) = shadow.get(part) {
            out.insert(part.to_owned(), found.clone());
        }
    }
    out.insert("hasDelta".to_owned(), json!(shadow.pointer("/state/delta").is_some()));
    out
}

/// A value's scalars: of an array each element that is one; none of null and of arrays of objects (API-254).
fn leaves(value: &Value) -> Vec<Scalar> {
    match value {
        Value::String(text) => vec![Scalar::Text(text.clone())],
        Value::Number(number) => number.as_f64().map(Scalar::Number).into_iter().collect(),
        Value::Bool(value) => vec![Scalar::Bool(*value)],
        Value::Array(items) => {
            items.iter().filter(|item| !item.is_array() && !item.is_object()).flat_map(leaves).collect()
        }
        Value::Null | Value::Object(_) => Vec::new(),
    }
}

fn collect(value: Option<&Value>, into: &mut Vec<Scalar>) {
    match value {
        Some(Value::Object(members)) => members.values().for_each(|member| collect(Some(member), into)),
        Some(value) => into.extend(leaves(value)),
        None => {}
    }
}
