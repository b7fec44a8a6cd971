//! Thing types (api.md 4.2).

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use thingstead_core::{Arn, Scope, Timestamp};
use thingstead_store::Table;

use crate::change::Change;
use crate::collection::Resource;
use crate::events::{self, Happened};
use crate::page::{DEFAULT_THINGS, Page, PageRequest};
use crate::state::State;
use crate::{Registry, RegistryError, Result, constraints, tags};

/// A thing type.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ThingType {
    /// Unique in its scope.
    #[serde(rename = "thingTypeName")]
    pub name: String,
    /// A UUID.
    #[serde(rename = "thingTypeId")]
    pub id: String,
    /// What it describes.
    #[serde(flatten)]
    pub properties: ThingTypeProperties,
    /// When it was created.
    #[serde(rename = "creationDate")]
    pub created_at: Timestamp,
    /// When it was deprecated; `None` when it is not.
    #[serde(rename = "deprecationDate", default, skip_serializing_if = "Option::is_none")]
    pub deprecated_at: Option<Timestamp>,
}

/// `thingTypeProperties`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ThingTypeProperties {
    /// At most 2028 printable ASCII characters.
    #[serde(rename = "thingTypeDescription", default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// At most 3 names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub searchable_attributes: Option<Vec<String>>,
    /// `mqtt5Configuration` as it was given: attributes that become user properties.
    #[serde(rename = "mqtt5Configuration", default, skip_serializing_if = "Option::is_none")]
    pub mqtt5_configuration: Option<Value>,
}

/// User properties, name and value, in their order.
pub type Propagated = Arc<[(Arc<str>, Arc<str>)]>;

impl ThingTypeProperties {
    /// The elements of `propagatingAttributes`.
    pub(crate) fn propagating(&self) -> &[Value] {
        let configured = self.mqtt5_configuration.as_ref().and_then(|told| told.get("propagatingAttributes"));
        configured.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
    }

    fn same_as(&self, other: &Self) -> bool {
        let set = |names: &Option<Vec<String>>| {
            names.iter().flatten().cloned().collect::<std::collections::BTreeSet<String>>()
        };
        self.description.as_deref().unwrap_or_default() == other.description.as_deref().unwrap_or_default()
            && set(&self.searchable_attributes) == set(&other.searchable_attributes)
            && self.mqtt5_configuration == other.mqtt5_configuration
    }
}

impl ThingType {
    /// Its ARN.
    pub fn arn(&self, scope: &Scope) -> Arn {
        Arn::iot(scope, format!("thingtype/{}", self.name))
    }
}

impl Resource for ThingType {
    const TABLE: Table = Table::new("thing_types");

    fn key(&self) -> &str {
        &self.name
    }
}

impl Registry {
    /// Creates a thing type, or finds it again with the same properties (API-097, API-098).
    ///
    /// # Errors
    /// `ResourceAlreadyExists` with other properties, `InvalidRequest`.
    pub async fn create_thing_type(
        &self,
        scope: &Scope,
        name: &str,
        properties: ThingTypeProperties,
        tags: &[(String, String)],
    ) -> Result<Arc<ThingType>> {
        self.change(scope, |state, change| {
            constraints::name("thingTypeName", name)?;
            if let Some(found) = state.thing_types.get(name) {
                return if found.properties.same_as(&properties) {
                    Ok(Arc::clone(found))
                } else {
                    Err(RegistryError::exists(
                        format!("Thing type {name} already exists in account with different properties"),
                        name,
                        found.arn(scope).to_string(),
                    ))
                };
            }
            let searchable = properties.searchable_attributes.as_ref().map_or(0, Vec::len);
            if change.limited() && searchable > MOST_SEARCHABLE {
                return Err(RegistryError::invalid(format!(
                    "A thing type can have at most {MOST_SEARCHABLE} searchable attributes, {searchable} were given"
                )));
            }
            let created = ThingType {
                name: name.to_owned(),
                id: change.uuid(),
                properties,
                created_at: change.now,
                deprecated_at: None,
            };
            tags::add(state, change, &created.arn(scope).to_string(), tags)?;
            Ok(put(state, change, created, Happened::Created))
        })
        .await
    }

    /// A thing type.
    ///
    /// # Errors
    /// `ResourceNotFound` (API-099).
    pub fn describe_thing_type(&self, scope: &Scope, name: &str) -> Result<Arc<ThingType>> {
        self.read(scope, |state| thing_type(state, name).cloned())
    }

    /// Thing types in the order of their creation, or the one of that name (API-105).
    ///
    /// # Errors
    /// `InvalidRequest` for an unknown token.
    pub fn list_thing_types(
        &self,
        scope: &Scope,
        name: Option<&str>,
        page: &PageRequest,
    ) -> Result<Page<Arc<ThingType>>> {
        self.read(scope, |state| {
            state.thing_types.page("thing-types", page, DEFAULT_THINGS, false, |found| {
                name.is_none_or(|name| found.name == name)
            })
        })
    }

    /// Changes the MQTT 5 configuration, the only thing that can be changed (API-100).
    ///
    /// # Errors
    /// `ResourceNotFound`, `InvalidRequest`.
    pub async fn update_thing_type(
        &self,
        scope: &Scope,
        name: &str,
        properties: ThingTypeProperties,
    ) -> Result<()> {
        self.change(scope, |state, change| {
            let current = thing_type(state, name)?;
            if properties.description.is_some() || properties.searchable_attributes.is_some() {
                return Err(RegistryError::invalid("Can only update mqtt5Configuration."));
            }
            let mut changed = ThingType::clone(current);
            if properties.mqtt5_configuration.is_some() {
                changed.properties.mqtt5_configuration = properties.mqtt5_configuration;
            }
            // Whoever remembers what is propagated remembers it by generation.
            change.decisions = true;
            put(state, change, changed, Happened::Updated);
            Ok(())
        })
        .await
    }

    /// The propagating attributes of a thing's type, with their values for this thing and client, in the order they were
    /// configured: user properties of what it publishes (MQTT-108). Those without a value are left out.
    pub fn propagating_attributes(&self, scope: &Scope, thing: &str, client: &str) -> Propagated {
        let found = self.read(scope, |state| {
            let thing = state.things.get(thing)?;
            Some((Arc::clone(thing), Arc::clone(state.thing_types.get(thing.type_name.as_deref()?)?)))
        });
        let Some((thing, thing_type)) = found else { return Propagated::default() };
        let value = |attribute: &Value| {
            let member = |name: &str| attribute.get(name).and_then(Value::as_str);
            let key = member("userPropertyKey")?;
            let value = match (member("thingAttribute"), member("connectionAttribute")) {
                (Some(name), _) => thing.attributes.get(name)?.as_str(),
                (None, Some("iot:ClientId")) => client,
                (None, Some("iot:Thing.ThingName")) => &*thing.name,
                (None, _) => return None,
            };
            Some((Arc::from(key), Arc::from(value)))
        };
        thing_type.properties.propagating().iter().filter_map(value).collect()
    }

    /// Deprecates a thing type, or takes that back (API-101).
    ///
    /// # Errors
    /// `ResourceNotFound`.
    pub async fn deprecate_thing_type(&self, scope: &Scope, name: &str, undo: bool) -> Result<()> {
        self.change(scope, |state, change| {
            let current = thing_type(state, name)?;
            let deprecated_at = match (undo, current.deprecated_at) {
                (true, _) => None,
                (false, Some(since)) => Some(since),
                (false, None) => Some(change.now),
            };
            let changed = ThingType { deprecated_at, ..ThingType::clone(current) };
            put(state, change, changed, Happened::Updated);
            Ok(())
        })
        .await
    }

    /// Deletes a thing type that was deprecated long enough ago and is not in use (API-102 to API-104).
    ///
    /// # Errors
    /// `ResourceNotFound`, `InvalidRequest`.
    pub async fn delete_thing_type(&self, scope: &Scope, name: &str) -> Result<()> {
        self.change(scope, |state, change| {
            let current = thing_type(state, name)?;
            let Some(since) = current.deprecated_at else {
                return Err(RegistryError::invalid(format!(
                    "Cannot delete thing type : {name} because it is not deprecated"
                )));
            };
            if change.now.since(since) < change.registry.settings.thing_type_deletion_wait {
                return Err(RegistryError::invalid(format!(
                    "Cannot delete thing type : {name}. Please wait for 5 minutes after deprecation and then retry"
                )));
            }
            if state.things.iter().any(|thing| thing.type_name.as_deref() == Some(name)) {
                return Err(RegistryError::invalid(format!(
                    "Cannot delete thing type : {name} because things are still using it"
                )));
            }
            tags::forget(state, change, &Arn::iot(scope, format!("thingtype/{name}")).to_string());
            if let Some(removed) = change.remove(&mut state.thing_types, name) {
                events::thing_type(state, change, &removed, Happened::Deleted);
            }
            Ok(())
        })
        .await
    }
}

fn put(
    state: &mut State,
    change: &mut Change<'_>,
    thing_type: ThingType,
    happened: Happened,
) -> Arc<ThingType> {
    let thing_type = change.put(&mut state.thing_types, thing_type);
    events::thing_type(state, change, &thing_type, happened);
    thing_type
}

pub(crate) fn thing_type<'a>(state: &'a State, name: &str) -> Result<&'a Arc<ThingType>> {
    state
        .thing_types
        .get(name)
        .ok_or_else(|| RegistryError::not_found(format!("Thing type {name} does not exist")))
}

/// Refuses an unknown type, and a deprecated one with AWS's text before its name (API-075, API-076, API-085).
pub(crate) fn usable_type(state: &State, name: &str, deprecated: &str) -> Result<()> {
    match thing_type(state, name)?.deprecated_at {
        Some(_) => Err(RegistryError::invalid(format!("{deprecated}{name}"))),
        None => Ok(()),
    }
}

const MOST_SEARCHABLE: usize = 3;
