//! Role aliases: names for the roles whose credentials devices get (api.md 5.6, AUTH-239, AUTH-240, AUTH-243).

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thingstead_core::{Arn, Scope, Timestamp};
use thingstead_store::Table;

use crate::collection::Resource;
use crate::page::{DEFAULT_MARKED, Page, PageRequest};
use crate::state::State;
use crate::{Registry, RegistryError, Result, tags};

/// A role alias.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RoleAlias {
    /// Unique in its scope, case-sensitive.
    #[serde(rename = "roleAlias")]
    pub name: String,
    /// The role.
    pub role_arn: String,
    /// How long its credentials are good: 900 to 43,200.
    #[serde(rename = "credentialDurationSeconds")]
    pub duration_seconds: u32,
    /// When it was created.
    #[serde(rename = "creationDate")]
    pub created_at: Timestamp,
    /// When it was last changed.
    #[serde(rename = "lastModifiedDate")]
    pub modified_at: Timestamp,
}

impl RoleAlias {
    /// Its ARN.
    pub fn arn(&self, scope: &Scope) -> Arn {
        Arn::iot(scope, format!("rolealias/{}", self.name))
    }
}

impl Resource for RoleAlias {
    const TABLE: Table = Table::new("role_aliases");

    fn key(&self) -> &str {
        &self.name
    }
}

impl Registry {
    /// Creates a role alias; credentials last an hour unless told (API-326).
    ///
    /// # Errors
    /// `ResourceAlreadyExists`, `LimitExceeded`, `InvalidRequest`.
    pub async fn create_role_alias(
        &self,
        scope: &Scope,
        name: &str,
        role_arn: &str,
        duration_seconds: Option<u32>,
        tags: &[(String, String)],
    ) -> Result<Arc<RoleAlias>> {
        let duration_seconds = duration_seconds.unwrap_or(DEFAULT_DURATION);
        check(role_arn, duration_seconds)?;
        self.change(scope, |state, change| {
            if let Some(found) = state.role_aliases.get(name) {
                return Err(RegistryError::exists(
                    format!("RoleAlias cannot be created - already exists (name={name})"),
                    name,
                    found.arn(scope).to_string(),
                ));
            }
            if change.limited() && state.role_aliases.len() >= MOST {
                return Err(RegistryError::LimitExceeded(format!(
                    "An account can have at most {MOST} role aliases"
                )));
            }
            let alias = RoleAlias {
                name: name.to_owned(),
                role_arn: role_arn.to_owned(),
                duration_seconds,
                created_at: change.now,
                modified_at: change.now,
            };
            tags::add(state, change, &alias.arn(scope).to_string(), tags)?;
            Ok(change.put(&mut state.role_aliases, alias))
        })
        .await
    }

    /// A role alias.
    ///
    /// # Errors
    /// `ResourceNotFound` (API-327).
    pub fn describe_role_alias(&self, scope: &Scope, name: &str) -> Result<Arc<RoleAlias>> {
        self.read(scope, |state| known(state, name).cloned())
    }

    /// Changes role, duration or both; the next request gets the new ones (API-328, AUTH-243).
    ///
    /// # Errors
    /// `ResourceNotFound`, `InvalidRequest`.
    pub async fn update_role_alias(
        &self,
        scope: &Scope,
        name: &str,
        role_arn: Option<String>,
        duration_seconds: Option<u32>,
    ) -> Result<Arc<RoleAlias>> {
        self.change(scope, |state, change| {
            let current = RoleAlias::clone(known(state, name)?);
            let changed = RoleAlias {
                role_arn: role_arn.unwrap_or(current.role_arn),
                duration_seconds: duration_seconds.unwrap_or(current.duration_seconds),
                modified_at: change.now,
                ..current
            };
            check(&changed.role_arn, changed.duration_seconds)?;
            Ok(change.put(&mut state.role_aliases, changed))
        })
        .await
    }

    /// Deletes a role alias (API-328).
    ///
    /// # Errors
    /// `ResourceNotFound`.
    pub async fn delete_role_alias(&self, scope: &Scope, name: &str) -> Result<()> {
        self.change(scope, |state, change| {
            let arn = known(state, name)?.arn(scope).to_string();
            tags::forget(state, change, &arn);
            change.remove(&mut state.role_aliases, name);
            Ok(())
        })
        .await
    }

    /// Role aliases, newest first unless `ascending` (API-328).
    ///
    /// # Errors
    /// `InvalidRequest` for an unknown marker.
    pub fn list_role_aliases(
        &self,
        scope: &Scope,
        page: &PageRequest,
        ascending: bool,
    ) -> Result<Page<Arc<RoleAlias>>> {
        self.read(scope, |state| {
            state.role_aliases.page("role-aliases", page, DEFAULT_MARKED, !ascending, |_| true)
        })
    }
}

fn known<'a>(state: &'a State, name: &str) -> Result<&'a Arc<RoleAlias>> {
    state
        .role_aliases
        .get(name)
        .ok_or_else(|| RegistryError::not_found(format!("RoleAlias not found (name= {name})")))
}

fn check(role_arn: &str, duration_seconds: u32) -> Result<()> {
    let is_role = Arn::parse(role_arn).is_some_and(|arn| {
        arn.service == "iam"
            && Scope::is_account_id(&arn.account)
            && arn.resource_of("role").is_some_and(|name| !name.is_empty())
    });
    if !is_role {
        return Err(RegistryError::invalid(format!(
            "`roleArn` is `{role_arn}`; expected the ARN of a role, arn:aws:iam::ACCOUNT:role/NAME"
        )));
    }
    if !DURATIONS.contains(&duration_seconds) {
        return Err(RegistryError::invalid(format!(
            "`credentialDurationSeconds` is {duration_seconds}; expected 900 to 43200"
        )));
    }
    Ok(())
}

const DEFAULT_DURATION: u32 = 3600;
const DURATIONS: std::ops::RangeInclusive<u32> = 900..=43_200;
const MOST: usize = 100;
