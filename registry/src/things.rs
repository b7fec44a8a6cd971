//! Things (api.md 4.1).

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thingstead_core::{Arn, Scope, ThingName};
use thingstead_store::Table;

use crate::attributes::{AttributePayload, Attributes, check_counts};
use crate::billing_groups::known_billing_group;
use crate::collection::Resource;
use crate::events::{self, Happened};
use crate::labels::Wanted;
use crate::page::{DEFAULT_THINGS, Page, PageRequest};
use crate::state::State;
use crate::thing_types::usable_type;
use crate::{Registry, RegistryError, Result, constraints};

/// A registered thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Thing {
    /// Unique in its scope.
    #[serde(rename = "thingName")]
    pub name: ThingName,
    /// A UUID, new after delete and re-create (API-060).
    #[serde(rename = "thingId")]
    pub id: String,
    /// 1 at first, one more with every update (API-063).
    pub version: i64,
    /// Its type, if any.
    #[serde(rename = "thingTypeName", default, skip_serializing_if = "Option::is_none")]
    pub type_name: Option<String>,
    /// Its attributes.
    #[serde(default)]
    pub attributes: Attributes,
    /// Its billing group, if any.
    #[serde(rename = "billingGroupName", default, skip_serializing_if = "Option::is_none")]
    pub billing_group: Option<String>,
}

impl Thing {
    /// Its ARN.
    pub fn arn(&self, scope: &Scope) -> Arn {
        Arn::iot(scope, format!("thing/{}", self.name))
    }
}

impl Resource for Thing {
    const TABLE: Table = Table::new("things");

    fn key(&self) -> &str {
        &self.name
    }

    fn indexed_thing(&self) -> Option<&ThingName> {
        Some(&self.name)
    }

    fn label(&self, name: &str) -> Option<&str> {
        match name.strip_prefix(ATTRIBUTE) {
            Some(attribute) => self.attributes.get(attribute).map(String::as_str),
            None if name == TYPE => self.type_name.as_deref(),
            None => None,
        }
    }
}

/// `CreateThing`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CreateThing {
    /// `[a-zA-Z0-9:_-]{1,128}`.
    pub name: String,
    /// An existing type that is not deprecated.
    pub type_name: Option<String>,
    /// At most 3 without a type, 50 with one (API-078).
    pub attributes: Attributes,
    /// An existing billing group.
    pub billing_group: Option<String>,
}

/// `UpdateThing`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UpdateThing {
    /// The thing.
    pub name: String,
    /// The new type; `None` leaves it.
    pub type_name: Option<String>,
    /// The new attributes; `None` leaves them.
    pub attributes: Option<AttributePayload>,
    /// Refuses unless this is the current version.
    pub expected_version: Option<i64>,
    /// Drops the type.
    pub remove_type: bool,
}

/// Which things `ListThings` shows (API-093).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ThingFilter {
    /// Only things that have this attribute.
    pub attribute_name: Option<String>,
    /// Only things whose attribute has this value.
    pub attribute_value: Option<String>,
    /// Takes the value for a prefix.
    pub by_prefix: bool,
    /// Only things of this type.
    pub type_name: Option<String>,
}

impl ThingFilter {
    /// The label and its values that are asked for; `None` for all things.
    fn label(&self) -> Option<(String, Wanted<'_>)> {
        if let Some(type_name) = &self.type_name {
            return Some((TYPE.to_owned(), Wanted::Is(type_name)));
        }
        let wanted = match &self.attribute_value {
            None => Wanted::Begins(""),
            Some(prefix) if self.by_prefix => Wanted::Begins(prefix),
            Some(value) => Wanted::Is(value),
        };
        Some((format!("{ATTRIBUTE}{}", self.attribute_name.as_ref()?), wanted))
    }
}

impl Registry {
    /// Creates a thing, or finds it again when it is there with the same properties (API-072 to API-079).
    ///
    /// # Errors
    /// `ResourceAlreadyExists` with other properties, `ResourceNotFound` for the type or billing group, `InvalidRequest`.
    pub async fn create_thing(&self, scope: &Scope, request: CreateThing) -> Result<Arc<Thing>> {
        self.change(scope, |state, change| {
            constraints::name("thingName", &request.name)?;
            let payload = AttributePayload { attributes: Some(request.attributes), merge: false };
            let attributes = payload.applied_to(&Attributes::new())?;
            if let Some(thing) = state.things.get(&request.name) {
                let same = thing.attributes == attributes
                    && thing.type_name == request.type_name
                    && thing.billing_group == request.billing_group;
                return if same {
                    Ok(Arc::clone(thing))
                } else {
                    Err(RegistryError::exists(
                        format!("Thing {} already exists in account with different attributes", thing.name),
                        &thing.name,
                        thing.arn(scope).to_string(),
                    ))
                };
            }
            if let Some(type_name) = &request.type_name {
                usable_type(state, type_name, "Can not create new thing with depreated thing type:")?;
            }
            if let Some(group) = &request.billing_group {
                known_billing_group(state, group)?;
            }
            if change.limited() {
                check_attributes(&attributes, request.type_name.is_some())?;
            }
            let id = change.uuid();
            let thing = Thing {
                name: request.name.into(),
                id,
                version: 1,
                type_name: request.type_name,
                attributes,
                billing_group: request.billing_group,
            };
            let thing = change.put(&mut state.things, thing);
            if let Some(group) = &thing.billing_group {
                state.billed.insert(group, &thing.name, ());
            }
            events::thing(state, change, &thing, Happened::Created);
            events::thing_type_association(state, change, &thing, None, thing.type_name.as_deref());
            Ok(thing)
        })
        .await
    }

    /// A thing.
    ///
    /// # Errors
    /// `ResourceNotFound` (API-081).
    pub fn describe_thing(&self, scope: &Scope, name: &str) -> Result<Arc<Thing>> {
        self.read(scope, |state| thing(state, name).cloned())
    }

    /// A thing if there is one.
    pub fn thing(&self, scope: &Scope, name: &str) -> Option<Arc<Thing>> {
        self.read(scope, |state| state.things.get(name).cloned())
    }

    /// How many things there are.
    pub fn thing_count(&self, scope: &Scope) -> usize {
        self.read(scope, |state| state.things.len())
    }

    /// Things in the order of their creation (API-092 to API-096).
    ///
    /// # Errors
    /// `InvalidRequest` for an unknown token or when filters by attribute and type come together (API-094).
    pub fn list_things(
        &self,
        scope: &Scope,
        filter: &ThingFilter,
        page: &PageRequest,
    ) -> Result<Page<Arc<Thing>>> {
        if filter.type_name.is_some() && (filter.attribute_name.is_some() || filter.attribute_value.is_some())
        {
            return Err(RegistryError::invalid(
                "Listing things by the combination of attribute and thing type is not supported",
            ));
        }
        self.read(scope, |state| match filter.label() {
            Some((label, wanted)) => {
                state.things.page_labelled("things", page, DEFAULT_THINGS, &label, wanted)
            }
            None => state.things.page("things", page, DEFAULT_THINGS, false, |_| true),
        })
    }

    /// Changes a thing; its version rises by one (API-082 to API-087).
    ///
    /// # Errors
    /// `ResourceNotFound`, `VersionConflict`, `InvalidRequest`.
    pub async fn update_thing(&self, scope: &Scope, request: UpdateThing) -> Result<()> {
        self.change(scope, |state, change| {
            let current = thing(state, &request.name)?;
            check_version(current, request.expected_version)?;
            let type_name = match (&request.type_name, request.remove_type) {
                (Some(_), true) => {
                    return Err(RegistryError::invalid(
                        "The thing type cannot be set and removed in one request: give thingTypeName or removeThingType",
                    ));
                }
                (Some(name), false) => {
                    usable_type(state, name, "Can not update a thing to use deprecated thing type: ")?;
                    Some(name.clone())
                }
                (None, true) => None,
                (None, false) => current.type_name.clone(),
            };
            let attributes = match &request.attributes {
                Some(payload) => payload.applied_to(&current.attributes)?,
                None => current.attributes.clone(),
            };
            if change.limited() {
                check_attributes(&attributes, type_name.is_some())?;
            }
            let updated =
                Thing { version: current.version + 1, type_name, attributes, ..Thing::clone(current) };
            change.decisions = true;
            let before = current.type_name.clone();
            let thing = change.put(&mut state.things, updated);
            events::thing(state, change, &thing, Happened::Updated);
            events::thing_type_association(state, change, &thing, before.as_deref(), thing.type_name.as_deref());
            Ok(())
        })
        .await
    }

    /// Deletes a thing; an unknown one is no error (API-088 to API-091).
    ///
    /// # Errors
    /// `InvalidRequest` while a principal is attached, `VersionConflict`.
    pub async fn delete_thing(&self, scope: &Scope, name: &str, expected_version: Option<i64>) -> Result<()> {
        self.change(scope, |state, change| {
            let Some(current) = state.things.get(name) else { return Ok(()) };
            check_version(current, expected_version)?;
            if state.principals.count_rights(name) > 0 {
                return Err(RegistryError::invalid(format!(
                    "Cannot delete. Thing {name} is still attached to one or more principals"
                )));
            }
            change.decisions = true;
            crate::memberships::leave_all(state, change, name);
            if let Some(thing) = change.remove(&mut state.things, name) {
                if let Some(group) = &thing.billing_group {
                    state.billed.remove(group, name);
                }
                events::thing_type_association(state, change, &thing, thing.type_name.as_deref(), None);
                events::thing(state, change, &thing, Happened::Deleted);
            }
            Ok(())
        })
        .await
    }
}

pub(crate) fn thing<'a>(state: &'a State, name: &str) -> Result<&'a Arc<Thing>> {
    state.things.get(name).ok_or_else(|| RegistryError::not_found(format!("Thing {name} does not exist")))
}

fn check_version(thing: &Thing, expected: Option<i64>) -> Result<()> {
    match expected {
        Some(expected) if expected != thing.version => Err(RegistryError::VersionConflict(format!(
            "The version for thing {} does not match the expected version.",
            thing.name
        ))),
        _ => Ok(()),
    }
}

fn check_attributes(attributes: &Attributes, has_type: bool) -> Result<()> {
    if has_type {
        check_counts(attributes, 50, "a thing with a type")
    } else {
        check_counts(attributes, 3, "a thing without a type")
    }
}

/// The label of a thing's type, and the beginning of those of its attributes.
const TYPE: &str = "type";
const ATTRIBUTE: &str = "attributes.";
