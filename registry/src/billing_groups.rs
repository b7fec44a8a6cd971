//! Billing groups (api.md 5.9).

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thingstead_core::{Arn, Scope, ThingName, Timestamp};
use thingstead_store::Table;

use crate::change::Change;
use crate::collection::Resource;
use crate::memberships::page_of_members;
use crate::page::{DEFAULT_ROWS, Page, PageRequest};
use crate::state::State;
use crate::things::{Thing, thing};
use crate::{Registry, RegistryError, Result, constraints, tags};

/// A billing group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BillingGroup {
    /// Unique in its scope.
    #[serde(rename = "billingGroupName")]
    pub name: String,
    /// A UUID.
    #[serde(rename = "billingGroupId")]
    pub id: String,
    /// 1 at first.
    pub version: i64,
    /// Free text.
    #[serde(rename = "billingGroupDescription", default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// When it was created.
    #[serde(rename = "creationDate")]
    pub created_at: Timestamp,
}

impl BillingGroup {
    /// Its ARN.
    pub fn arn(&self, scope: &Scope) -> Arn {
        Arn::iot(scope, format!("billinggroup/{}", self.name))
    }
}

impl Resource for BillingGroup {
    const TABLE: Table = Table::new("billing_groups");

    fn key(&self) -> &str {
        &self.name
    }
}

impl Registry {
    /// Creates a billing group, or finds it again with the same description (API-340).
    ///
    /// # Errors
    /// `ResourceAlreadyExists` with another description, `InvalidRequest`.
    pub async fn create_billing_group(
        &self,
        scope: &Scope,
        name: &str,
        description: Option<String>,
        tags: &[(String, String)],
    ) -> Result<Arc<BillingGroup>> {
        self.change(scope, |state, change| {
            constraints::name("billingGroupName", name)?;
            if let Some(found) = state.billing_groups.get(name) {
                return if found.description == description {
                    Ok(Arc::clone(found))
                } else {
                    Err(RegistryError::exists(
                        format!(
                            "Billing Group {name} already exists in current account with different properties"
                        ),
                        name,
                        found.arn(scope).to_string(),
                    ))
                };
            }
            let group = BillingGroup {
                name: name.to_owned(),
                id: change.uuid(),
                version: 1,
                description,
                created_at: change.now,
            };
            tags::add(state, change, &group.arn(scope).to_string(), tags)?;
            Ok(change.put(&mut state.billing_groups, group))
        })
        .await
    }

    /// A billing group.
    ///
    /// # Errors
    /// `ResourceNotFound` (API-341).
    pub fn describe_billing_group(&self, scope: &Scope, name: &str) -> Result<Arc<BillingGroup>> {
        self.read(scope, |state| known_billing_group(state, name).cloned())
    }

    /// Billing groups whose name begins with `prefix` (API-344).
    ///
    /// # Errors
    /// `InvalidRequest` for an unknown token.
    pub fn list_billing_groups(
        &self,
        scope: &Scope,
        prefix: Option<&str>,
        page: &PageRequest,
    ) -> Result<Page<Arc<BillingGroup>>> {
        self.read(scope, |state| {
            state.billing_groups.page("billing-groups", page, DEFAULT_ROWS, false, |group| {
                prefix.is_none_or(|prefix| group.name.starts_with(prefix))
            })
        })
    }

    /// Replaces the description; the new version (API-341).
    ///
    /// # Errors
    /// `ResourceNotFound`, `VersionConflict`.
    pub async fn update_billing_group(
        &self,
        scope: &Scope,
        name: &str,
        description: Option<String>,
        expected_version: Option<i64>,
    ) -> Result<i64> {
        self.change(scope, |state, change| {
            let current = known_billing_group(state, name)?;
            check_version(current, expected_version)?;
            let changed =
                BillingGroup { description, version: current.version + 1, ..BillingGroup::clone(current) };
            Ok(change.put(&mut state.billing_groups, changed).version)
        })
        .await
    }

    /// Deletes a billing group and releases its things; an unknown one is no error (API-342).
    ///
    /// # Errors
    /// `VersionConflict`.
    pub async fn delete_billing_group(
        &self,
        scope: &Scope,
        name: &str,
        expected_version: Option<i64>,
    ) -> Result<()> {
        self.change(scope, |state, change| {
            let Some(current) = state.billing_groups.get(name) else { return Ok(()) };
            check_version(current, expected_version)?;
            let arn = current.arn(scope).to_string();
            let members =
                state.billed.rights_of(name).filter_map(|(thing, ())| state.things.get(thing).cloned());
            for member in members.collect::<Vec<_>>() {
                bill(state, change, &member, None);
            }
            tags::forget(state, change, &arn);
            change.remove(&mut state.billing_groups, name);
            Ok(())
        })
        .await
    }

    /// Moves a thing into a billing group; a thing is in one at most (API-343).
    ///
    /// # Errors
    /// `ResourceNotFound`.
    pub async fn add_thing_to_billing_group(
        &self,
        scope: &Scope,
        group: &str,
        thing_name: &str,
    ) -> Result<()> {
        self.change(scope, |state, change| {
            known_billing_group(state, group)?;
            let current = Arc::clone(thing(state, thing_name)?);
            bill(state, change, &current, Some(group));
            Ok(())
        })
        .await
    }

    /// Takes a thing out of a billing group; one that is not in it is no error (API-343).
    ///
    /// # Errors
    /// `ResourceNotFound`.
    pub async fn remove_thing_from_billing_group(
        &self,
        scope: &Scope,
        group: &str,
        thing_name: &str,
    ) -> Result<()> {
        self.change(scope, |state, change| {
            known_billing_group(state, group)?;
            let current = Arc::clone(thing(state, thing_name)?);
            if current.billing_group.as_deref() == Some(group) {
                bill(state, change, &current, None);
            }
            Ok(())
        })
        .await
    }

    /// The things in a billing group (API-344).
    ///
    /// # Errors
    /// `ResourceNotFound`, `InvalidRequest` for an unknown token.
    pub fn list_things_in_billing_group(
        &self,
        scope: &Scope,
        name: &str,
        page: &PageRequest,
    ) -> Result<Page<ThingName>> {
        self.read(scope, |state| {
            known_billing_group(state, name)?;
            page_of_members(&state.billed, "billing-group-things", name, page)
        })
    }
}

/// Moves a thing out of its billing group and into another; its version stays.
fn bill(state: &mut State, change: &mut Change<'_>, thing: &Thing, group: Option<&str>) {
    if let Some(before) = &thing.billing_group {
        state.billed.remove(before, &thing.name);
    }
    if let Some(group) = group {
        state.billed.insert(group, &thing.name, ());
    }
    let billed = Thing { billing_group: group.map(str::to_owned), ..thing.clone() };
    change.put(&mut state.things, billed);
}

pub(crate) fn known_billing_group<'a>(state: &'a State, name: &str) -> Result<&'a Arc<BillingGroup>> {
    state
        .billing_groups
        .get(name)
        .ok_or_else(|| RegistryError::not_found(format!("Billing group {name} does not exist")))
}

fn check_version(group: &BillingGroup, expected: Option<i64>) -> Result<()> {
    match expected {
        Some(expected) if expected != group.version => Err(RegistryError::VersionConflict(format!(
            "The version for billing group {} does not match the expected version.",
            group.name
        ))),
        _ => Ok(()),
    }
}
