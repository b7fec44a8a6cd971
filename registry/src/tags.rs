//! Tags (api.md 3.1).

use std::collections::BTreeMap;

use thingstead_core::{Arn, Scope};
use thingstead_store::Table;

use crate::change::Change;
use crate::state::State;
use crate::{Registry, RegistryError, Result};

/// Keys and values of one resource.
pub type Tags = BTreeMap<String, String>;

impl Registry {
    /// Adds or overwrites tags of a resource (API-066 to API-069).
    ///
    /// # Errors
    /// `ResourceNotFound`, `InvalidRequest`, `LimitExceeded`.
    pub async fn tag_resource(&self, scope: &Scope, arn: &str, tags: &[(String, String)]) -> Result<()> {
        self.change(scope, |state, change| {
            check_taggable(state, scope, arn)?;
            add(state, change, arn, tags)
        })
        .await
    }

    /// Removes tags by key; unknown keys are no error (API-068).
    ///
    /// # Errors
    /// `ResourceNotFound`, `InvalidRequest`.
    pub async fn untag_resource(&self, scope: &Scope, arn: &str, keys: &[String]) -> Result<()> {
        self.change(scope, |state, change| {
            check_taggable(state, scope, arn)?;
            remove(state, change, arn, keys);
            Ok(())
        })
        .await
    }

    /// The tags of a resource (API-070).
    ///
    /// # Errors
    /// `ResourceNotFound`, `InvalidRequest`.
    pub fn list_tags_for_resource(&self, scope: &Scope, arn: &str) -> Result<Tags> {
        self.read(scope, |state| {
            check_taggable(state, scope, arn)?;
            Ok(state.tags.get(arn).cloned().unwrap_or_default())
        })
    }

    /// Adds the tags that came with the creation of a resource which another crate keeps, such as a topic rule; the caller
    /// knows that it exists.
    ///
    /// # Errors
    /// `InvalidRequest`, `LimitExceeded`.
    pub async fn tag_unchecked(&self, scope: &Scope, arn: &str, tags: &[(String, String)]) -> Result<()> {
        self.change(scope, |state, change| add(state, change, arn, tags)).await
    }

    /// Removes tags of a resource which another crate keeps; the caller knows that it exists.
    ///
    /// # Errors
    /// `InternalFailure`.
    pub async fn untag_unchecked(&self, scope: &Scope, arn: &str, keys: &[String]) -> Result<()> {
        self.change(scope, |state, change| {
            remove(state, change, arn, keys);
            Ok(())
        })
        .await
    }

    /// The tags of a resource which another crate keeps; the caller knows that it exists.
    pub fn tags_unchecked(&self, scope: &Scope, arn: &str) -> Tags {
        self.read(scope, |state| state.tags.get(arn).cloned().unwrap_or_default())
    }

    /// Forgets the tags of a resource which another crate keeps and has deleted.
    ///
    /// # Errors
    /// `InternalFailure`.
    pub async fn forget_tags(&self, scope: &Scope, arn: &str) -> Result<()> {
        self.change(scope, |state, change| {
            forget(state, change, arn);
            Ok(())
        })
        .await
    }
}

/// Tags vanish with their resource (API-070).
pub(crate) fn forget(state: &mut State, change: &mut Change<'_>, arn: &str) {
    write(state, change, arn, Tags::new());
}

/// Adds tags after judging all of them.
pub(crate) fn add(
    state: &mut State,
    change: &mut Change<'_>,
    arn: &str,
    tags: &[(String, String)],
) -> Result<()> {
    let mut merged = state.tags.get(arn).cloned().unwrap_or_default();
    for (key, value) in tags {
        let fits = (1..=128).contains(&key.chars().count()) && value.chars().count() <= 256;
        if !fits {
            return Err(RegistryError::invalid(format!(
                "The tag `{key}` is too long or empty; expected a key of 1 to 128 and a value of at most 256 characters"
            )));
        }
        if key.starts_with("aws:") {
            return Err(RegistryError::invalid(format!(
                "The tag key `{key}` begins with the reserved prefix `aws:`"
            )));
        }
        merged.insert(key.clone(), value.clone());
    }
    if change.limited() && merged.len() > MOST_TAGS {
        return Err(RegistryError::LimitExceeded(format!("A resource can have at most {MOST_TAGS} tags")));
    }
    if !tags.is_empty() {
        write(state, change, arn, merged);
    }
    Ok(())
}

fn remove(state: &mut State, change: &mut Change<'_>, arn: &str, keys: &[String]) {
    let mut tags = state.tags.get(arn).cloned().unwrap_or_default();
    tags.retain(|key, _| !keys.contains(key));
    write(state, change, arn, tags);
}

fn write(state: &mut State, change: &mut Change<'_>, arn: &str, tags: Tags) {
    if tags.is_empty() {
        if state.tags.remove(arn).is_some() {
            change.batch.delete(TAGS, change.scope, arn);
        }
    } else {
        let row = serde_json::to_string(&tags).unwrap_or_default();
        change.batch.put(TAGS, change.scope, arn, row);
        state.tags.insert(arn.to_owned(), tags);
    }
}

/// Judges resources that the registry keeps; what lies elsewhere (rules, jobs) is judged by whoever keeps it.
fn check_taggable(state: &State, scope: &Scope, text: &str) -> Result<()> {
    let arn = Arn::parse(text).ok_or_else(|| {
        RegistryError::invalid(format!("`{text}` is no ARN; expected arn:aws:iot:REGION:ACCOUNT:RESOURCE"))
    })?;
    let known = arn.service == "iot"
        && arn.account == scope.account()
        && arn.region == scope.region()
        && match arn.resource.split_once('/') {
            Some(("thingtype", name)) => state.thing_types.contains(name),
            Some(("thinggroup", name)) => state.thing_groups.contains(name),
            Some(("billinggroup", name)) => state.billing_groups.contains(name),
            Some(("policy", name)) => state.policies.contains(name),
            Some(("authorizer", name)) => state.authorizers.contains(name),
            Some(("cacert", id)) => state.ca_certificates.contains(id),
            Some(("rolealias", name)) => state.role_aliases.contains(name),
            Some(("domainconfiguration", name)) => {
                let name = name.split('/').next().unwrap_or(name);
                state.domain_configurations.get(name).is_some_and(|found| found.arn(scope) == arn)
            }
            // Not taggable at all (API-067).
            Some(("thing" | "cert" | "ruledestination", _)) | None => {
                return Err(RegistryError::invalid(format!("The resource {text} cannot be tagged")));
            }
            Some(_) => state.tags.contains_key(text),
        };
    if known { Ok(()) } else { Err(RegistryError::not_found(format!("The resource {text} does not exist"))) }
}

/// Key: the resource's ARN.
pub(crate) const TAGS: Table = Table::new("tags");
const MOST_TAGS: usize = 50;
