//! Dynamic thing groups: a query decides who is in (api.md 5.10).

use std::sync::Arc;

use thingstead_core::Scope;

use crate::attributes::{AttributePayload, Attributes};
use crate::indexing::{DynamicQuery, ThingIndexingMode};
use crate::state::State;
use crate::thing_groups::{DynamicDefinition, ThingGroup, check_version, exists, forget, put, thing_group};
use crate::{Registry, RegistryError, Result, constraints, tags};

/// `CreateDynamicThingGroup`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CreateDynamicThingGroup {
    /// `[a-zA-Z0-9:_-]{1,128}`.
    pub name: String,
    /// `AWS_Things` when `None`.
    pub index_name: Option<String>,
    /// In the query language of `SearchIndex`.
    pub query_string: String,
    /// `2017-09-30` when `None`.
    pub query_version: Option<String>,
    /// Free text.
    pub description: Option<String>,
    /// At most 50.
    pub attributes: Attributes,
    /// Tags to begin with.
    pub tags: Vec<(String, String)>,
}

/// `UpdateDynamicThingGroup`; what is `None` stays, but for the description, which is cleared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UpdateDynamicThingGroup {
    /// The group.
    pub name: String,
    /// Free text.
    pub description: Option<String>,
    /// The new attributes.
    pub attributes: Option<AttributePayload>,
    /// Refuses unless this is the current version.
    pub expected_version: Option<i64>,
    /// The new index.
    pub index_name: Option<String>,
    /// The new query.
    pub query_string: Option<String>,
    /// The new query version.
    pub query_version: Option<String>,
}

impl Registry {
    /// Creates a dynamic group, or finds it again with the same definition (API-345, API-348).
    ///
    /// # Errors
    /// `InvalidRequest` while things are not indexed, `InvalidQuery`, `ResourceAlreadyExists`, `LimitExceeded`.
    pub async fn create_dynamic_thing_group(
        &self,
        scope: &Scope,
        request: CreateDynamicThingGroup,
    ) -> Result<Arc<ThingGroup>> {
        self.change(scope, |state, change| {
            constraints::name("thingGroupName", &request.name)?;
            let definition = definition(
                state,
                &request.name,
                request.index_name.as_deref(),
                &request.query_string,
                request.query_version.as_deref(),
            )?;
            let payload = AttributePayload { attributes: Some(request.attributes), merge: false };
            let attributes = payload.applied_to(&Attributes::new())?;
            if let Some(found) = state.thing_groups.get(&request.name) {
                let same = found.dynamic.as_ref() == Some(&definition)
                    && found.description == request.description
                    && found.attributes == attributes;
                return if same { Ok(Arc::clone(found)) } else { Err(exists(scope, found)) };
            }
            let count = state.thing_groups.iter().filter(|group| group.dynamic.is_some()).count();
            if change.limited() && count >= MOST_DYNAMIC {
                return Err(RegistryError::LimitExceeded(format!(
                    "An account can have at most {MOST_DYNAMIC} dynamic thing groups"
                )));
            }
            let group = ThingGroup {
                name: request.name,
                id: change.uuid(),
                version: 1,
                parent: None,
                description: request.description,
                attributes,
                created_at: change.now,
                dynamic: Some(definition),
            };
            tags::add(state, change, &group.arn(scope).to_string(), &request.tags)?;
            Ok(put(state, change, group))
        })
        .await
    }

    /// Changes a dynamic group; the new version (API-347).
    ///
    /// # Errors
    /// `ResourceNotFound`, `VersionConflict`, `InvalidRequest` for a static group, `InvalidQuery`.
    pub async fn update_dynamic_thing_group(
        &self,
        scope: &Scope,
        request: UpdateDynamicThingGroup,
    ) -> Result<i64> {
        self.change(scope, |state, change| {
            let current = thing_group(state, &request.name)?;
            let before = dynamic(current)?;
            check_version(current, request.expected_version)?;
            let definition = definition(
                state,
                &request.name,
                Some(request.index_name.as_deref().unwrap_or(&before.index_name)),
                request.query_string.as_deref().unwrap_or(&before.query_string),
                Some(request.query_version.as_deref().unwrap_or(&before.query_version)),
            )?;
            let attributes = match &request.attributes {
                Some(payload) => payload.applied_to(&current.attributes)?,
                None => current.attributes.clone(),
            };
            let changed = ThingGroup {
                description: request.description,
                attributes,
                version: current.version + 1,
                dynamic: Some(definition),
                ..ThingGroup::clone(current)
            };
            Ok(put(state, change, changed).version)
        })
        .await
    }

    /// Deletes a dynamic group; an unknown one is no error (API-347).
    ///
    /// # Errors
    /// `InvalidRequest` for a static group, `VersionConflict`.
    pub async fn delete_dynamic_thing_group(
        &self,
        scope: &Scope,
        name: &str,
        expected_version: Option<i64>,
    ) -> Result<()> {
        self.change(scope, |state, change| {
            let Some(current) = state.thing_groups.get(name) else { return Ok(()) };
            dynamic(current)?;
            check_version(current, expected_version)?;
            forget(state, change, name);
            Ok(())
        })
        .await
    }
}

fn dynamic(group: &ThingGroup) -> Result<&DynamicDefinition> {
    group.dynamic.as_ref().ok_or_else(|| {
        RegistryError::invalid(format!("The thing group {} is no dynamic thing group", group.name))
    })
}

fn definition(
    state: &State,
    group: &str,
    index_name: Option<&str>,
    query_string: &str,
    query_version: Option<&str>,
) -> Result<DynamicDefinition> {
    if state.indexing.things.mode == ThingIndexingMode::Off {
        return Err(RegistryError::invalid(
            "Dynamic thing groups need thing indexing: enable it by calling UpdateIndexingConfiguration",
        ));
    }
    let index_name = index_name.unwrap_or(INDEX);
    if index_name != INDEX {
        return Err(RegistryError::invalid(format!(
            "A dynamic thing group cannot use the index {index_name}; expected {INDEX}"
        )));
    }
    let query_version = query_version.unwrap_or(QUERY_VERSION);
    if query_version != QUERY_VERSION {
        return Err(RegistryError::InvalidQuery(format!(
            "Unsupported query version: {query_version}; expected {QUERY_VERSION}"
        )));
    }
    DynamicQuery::new(group, query_string)?;
    Ok(DynamicDefinition {
        index_name: index_name.to_owned(),
        query_string: query_string.to_owned(),
        query_version: query_version.to_owned(),
    })
}

const INDEX: &str = "AWS_Things";
const QUERY_VERSION: &str = "2017-09-30";
const MOST_DYNAMIC: usize = 100;
