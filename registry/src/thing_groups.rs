//! Thing groups: hierarchy, properties, deletion (api.md 4.3).

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thingstead_core::{Arn, Scope, Timestamp};
use thingstead_store::Table;

use crate::attributes::{AttributePayload, Attributes, check_counts};
use crate::change::{Change, Redefined};
use crate::collection::Resource;
use crate::events::{self, Happened, Joined};
use crate::page::{DEFAULT_ROWS, Page, PageRequest};
use crate::state::State;
use crate::{Registry, RegistryError, Result, Target, constraints, tags};

/// A static or dynamic thing group. Both share one space of names (API-106).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ThingGroup {
    /// Unique in its scope.
    #[serde(rename = "thingGroupName")]
    pub name: String,
    /// A UUID.
    #[serde(rename = "thingGroupId")]
    pub id: String,
    /// 1 at first.
    pub version: i64,
    /// The group above; given at creation, never changed (API-109).
    #[serde(rename = "parentGroupName", default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// Free text.
    #[serde(rename = "thingGroupDescription", default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Its attributes.
    #[serde(default)]
    pub attributes: Attributes,
    /// When it was created.
    #[serde(rename = "creationDate")]
    pub created_at: Timestamp,
    /// What makes it dynamic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dynamic: Option<DynamicDefinition>,
}

/// Whose things a dynamic group has (api.md 5.10).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DynamicDefinition {
    /// `AWS_Things`.
    pub index_name: String,
    /// In the query language of `SearchIndex`.
    pub query_string: String,
    /// `2017-09-30`.
    pub query_version: String,
}

impl ThingGroup {
    /// Its ARN.
    pub fn arn(&self, scope: &Scope) -> Arn {
        thing_group_arn(scope, &self.name)
    }
}

impl Resource for ThingGroup {
    const TABLE: Table = Table::new("thing_groups");

    fn key(&self) -> &str {
        &self.name
    }
}

/// `CreateThingGroup`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CreateThingGroup {
    /// `[a-zA-Z0-9:_-]{1,128}`.
    pub name: String,
    /// An existing static group.
    pub parent: Option<String>,
    /// Free text.
    pub description: Option<String>,
    /// At most 50.
    pub attributes: Attributes,
    /// Tags to begin with.
    pub tags: Vec<(String, String)>,
}

/// A group with where it hangs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribedThingGroup {
    /// The group.
    pub group: Arc<ThingGroup>,
    /// From the root to its parent; empty for a root (API-110).
    pub ancestors: Vec<Arc<ThingGroup>>,
}

impl Registry {
    /// Creates a static group, or finds it again with the same properties (API-106 to API-109).
    ///
    /// # Errors
    /// `ResourceAlreadyExists` with other properties, `ResourceNotFound` for the parent, `InvalidRequest`.
    pub async fn create_thing_group(
        &self,
        scope: &Scope,
        request: CreateThingGroup,
    ) -> Result<Arc<ThingGroup>> {
        self.change(scope, |state, change| {
            constraints::name("thingGroupName", &request.name)?;
            let payload = AttributePayload { attributes: Some(request.attributes), merge: false };
            let attributes = payload.applied_to(&Attributes::new())?;
            if let Some(found) = state.thing_groups.get(&request.name) {
                let same = found.parent == request.parent
                    && found.description == request.description
                    && found.attributes == attributes
                    && found.dynamic.is_none();
                return if same { Ok(Arc::clone(found)) } else { Err(exists(scope, found)) };
            }
            if let Some(parent) = &request.parent {
                let above = thing_group(state, parent)?;
                refuse_dynamic(scope, above)?;
                if change.limited() {
                    check_place(state, parent)?;
                }
            }
            if change.limited() {
                check_counts(&attributes, MOST_ATTRIBUTES, "a thing group")?;
            }
            let group = ThingGroup {
                name: request.name,
                id: change.uuid(),
                version: 1,
                parent: request.parent,
                description: request.description,
                attributes,
                created_at: change.now,
                dynamic: None,
            };
            tags::add(state, change, &group.arn(scope).to_string(), &request.tags)?;
            Ok(put(state, change, group))
        })
        .await
    }

    /// A group with its ancestors.
    ///
    /// # Errors
    /// `ResourceNotFound` (API-110).
    pub fn describe_thing_group(&self, scope: &Scope, name: &str) -> Result<DescribedThingGroup> {
        self.read(scope, |state| {
            let group = Arc::clone(thing_group(state, name)?);
            let mut ancestors = ancestors(state, name);
            ancestors.reverse();
            Ok(DescribedThingGroup { group, ancestors })
        })
    }

    /// Groups in the order of their creation: all; or below `parent`; only the next level unless `recursive`; of names that
    /// begin with `prefix` (API-118, API-119).
    ///
    /// # Errors
    /// `ResourceNotFound` for the parent, `InvalidRequest` for an unknown token.
    pub fn list_thing_groups(
        &self,
        scope: &Scope,
        parent: Option<&str>,
        prefix: Option<&str>,
        recursive: bool,
        page: &PageRequest,
    ) -> Result<Page<Arc<ThingGroup>>> {
        self.read(scope, |state| {
            if let Some(parent) = parent {
                thing_group(state, parent)?;
            }
            state.thing_groups.page("thing-groups", page, DEFAULT_ROWS, false, |group| {
                let named = prefix.is_none_or(|prefix| group.name.starts_with(prefix));
                named
                    && match (parent, recursive) {
                        (None, true) => true,
                        (None, false) => group.parent.is_none(),
                        (Some(parent), false) => group.parent.as_deref() == Some(parent),
                        (Some(parent), true) => {
                            ancestors(state, &group.name).iter().any(|above| above.name == parent)
                        }
                    }
            })
        })
    }

    /// Changes description and attributes; the new version. A missing description is cleared, missing attributes stay
    /// (API-111 to API-114).
    ///
    /// # Errors
    /// `ResourceNotFound`, `VersionConflict`, `InvalidRequest`.
    pub async fn update_thing_group(
        &self,
        scope: &Scope,
        name: &str,
        description: Option<String>,
        attributes: Option<&AttributePayload>,
        expected_version: Option<i64>,
    ) -> Result<i64> {
        self.change(scope, |state, change| {
            let current = thing_group(state, name)?;
            refuse_dynamic(scope, current)?;
            check_version(current, expected_version)?;
            let attributes = match attributes {
                Some(payload) => payload.applied_to(&current.attributes)?,
                None => current.attributes.clone(),
            };
            if change.limited() {
                check_counts(&attributes, MOST_ATTRIBUTES, "a thing group")?;
            }
            let version = current.version + 1;
            let changed = ThingGroup { description, attributes, version, ..ThingGroup::clone(current) };
            Ok(put(state, change, changed).version)
        })
        .await
    }

    /// Deletes a static group without children and policies; its things are only released; an unknown group is no error
    /// (API-114 to API-117).
    ///
    /// # Errors
    /// `InvalidRequest`, `VersionConflict`.
    pub async fn delete_thing_group(
        &self,
        scope: &Scope,
        name: &str,
        expected_version: Option<i64>,
    ) -> Result<()> {
        self.change(scope, |state, change| {
            let Some(current) = state.thing_groups.get(name) else { return Ok(()) };
            refuse_dynamic(scope, current)?;
            check_version(current, expected_version)?;
            if state.thing_groups.iter().any(|group| group.parent.as_deref() == Some(name)) {
                return Err(RegistryError::invalid(format!(
                    " Cannot delete thing group : {name} when there are still child groups attached to it"
                )));
            }
            if state.attachments.count_lefts(&Target::ThingGroup(Arc::from(name)).key()) > 0 {
                return Err(RegistryError::invalid(format!(
                    "Cannot delete thing group : {name} when there are still policies attached to it"
                )));
            }
            forget(state, change, name);
            Ok(())
        })
        .await
    }
}

/// The ARN of a thing group.
pub fn thing_group_arn(scope: &Scope, name: &str) -> Arn {
    Arn::iot(scope, format!("thinggroup/{name}"))
}

pub(crate) fn thing_group<'a>(state: &'a State, name: &str) -> Result<&'a Arc<ThingGroup>> {
    state
        .thing_groups
        .get(name)
        .ok_or_else(|| RegistryError::not_found(format!("Thing group {name} does not exist")))
}

/// The groups above a group, from its parent to the root.
pub(crate) fn ancestors(state: &State, name: &str) -> Vec<Arc<ThingGroup>> {
    let mut above = Vec::new();
    let mut next = state.thing_groups.get(name).and_then(|group| group.parent.as_deref());
    while let Some(parent) = next.and_then(|parent| state.thing_groups.get(parent)) {
        above.push(Arc::clone(parent));
        next = parent.parent.as_deref();
    }
    above
}

/// What static operations answer for a dynamic group (API-114).
pub(crate) fn refuse_dynamic(scope: &Scope, group: &ThingGroup) -> Result<()> {
    match group.dynamic {
        None => Ok(()),
        Some(_) => Err(RegistryError::invalid(format!(
            "This operation does not support dynamic thing groups. Thing group arn: {}",
            group.arn(scope)
        ))),
    }
}

pub(crate) fn check_version(group: &ThingGroup, expected: Option<i64>) -> Result<()> {
    match expected {
        Some(expected) if expected != group.version => Err(RegistryError::VersionConflict(format!(
            "The version for thing group {} does not match the expected version.",
            group.name
        ))),
        _ => Ok(()),
    }
}

pub(crate) fn exists(scope: &Scope, found: &ThingGroup) -> RegistryError {
    RegistryError::exists(
        format!("Thing Group {} already exists in current account with different properties", found.name),
        &found.name,
        found.arn(scope).to_string(),
    )
}

pub(crate) fn put(state: &mut State, change: &mut Change<'_>, group: ThingGroup) -> Arc<ThingGroup> {
    let known = state.thing_groups.contains(&group.name);
    let group = change.put(&mut state.thing_groups, group);
    if group.dynamic.is_some() {
        state.parse_dynamic_groups();
        change.redefined = Redefined::Groups;
    }
    events::thing_group(state, change, &group, if known { Happened::Updated } else { Happened::Created });
    if !known {
        events::thing_group_hierarchy(state, change, &group, Joined::Added);
    }
    group
}

/// Removes a group with its memberships and tags.
pub(crate) fn forget(state: &mut State, change: &mut Change<'_>, name: &str) {
    let members: Vec<Arc<str>> = state.members.rights_of(name).map(|(thing, _)| Arc::clone(thing)).collect();
    for member in members {
        crate::memberships::leave(state, change, name, &member);
    }
    tags::forget(state, change, &thing_group_arn(change.scope, name).to_string());
    change.decisions = true;
    if let Some(group) = state.thing_groups.get(name).cloned() {
        events::thing_group_hierarchy(state, change, &group, Joined::Removed);
        events::thing_group(state, change, &group, Happened::Deleted);
    }
    if change.remove(&mut state.thing_groups, name).is_some_and(|group| group.dynamic.is_some()) {
        state.parse_dynamic_groups();
        change.redefined = Redefined::Groups;
    }
}

/// Refuses a child too deep or too many (API-108).
fn check_place(state: &State, parent: &str) -> Result<()> {
    // The parent itself, its ancestors, and the new group.
    let depth = ancestors(state, parent).len() + 2;
    if depth > MOST_LEVELS {
        return Err(RegistryError::invalid(format!(
            "The thing group hierarchy can have at most {MOST_LEVELS} levels"
        )));
    }
    let children = state.thing_groups.iter().filter(|group| group.parent.as_deref() == Some(parent)).count();
    if children >= MOST_CHILDREN {
        return Err(RegistryError::invalid(format!(
            "The thing group {parent} already has the maximum number of child groups ({MOST_CHILDREN})"
        )));
    }
    Ok(())
}

const MOST_LEVELS: usize = 7;
const MOST_CHILDREN: usize = 100;
const MOST_ATTRIBUTES: usize = 50;
