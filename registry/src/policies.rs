//! Policies and their versions (api.md 4.6, policy.md 1.3).

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thingstead_core::{Arn, PolicyName, Scope, Timestamp};
use thingstead_policy_engine::Document;
use thingstead_store::Table;

use crate::change::Change;
use crate::collection::Resource;
use crate::page::{DEFAULT_MARKED, Page, PageRequest};
use crate::state::State;
use crate::{Registry, RegistryError, Result, constraints, tags};

/// A policy with all its versions.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Policy {
    /// Unique in its scope.
    #[serde(rename = "policyName")]
    pub name: PolicyName,
    /// The number of the version that counts (POLICY-065).
    #[serde(rename = "defaultVersionId")]
    pub default_version: u32,
    /// The number of the last version made; never used again (POLICY-062).
    pub last_version: u32,
    /// Oldest first; at most 5 (POLICY-034).
    pub versions: Vec<PolicyVersion>,
    /// When it was created.
    #[serde(rename = "creationDate")]
    pub created_at: Timestamp,
    /// When a version was made or the default changed.
    #[serde(rename = "lastModifiedDate")]
    pub modified_at: Timestamp,
    /// A UUID of this state of it.
    pub generation_id: String,
}

/// A version of a policy.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyVersion {
    /// Counted up from 1.
    #[serde(rename = "versionId")]
    pub number: u32,
    /// The number as text.
    #[serde(skip)]
    id: std::sync::OnceLock<Arc<str>>,
    /// The document, parsed once and kept.
    #[serde(rename = "policyDocument", with = "document_text")]
    pub document: Arc<Document>,
    /// When it was made.
    #[serde(rename = "createDate")]
    pub created_at: Timestamp,
}

impl PolicyVersion {
    /// The number as text.
    pub fn id(&self) -> Arc<str> {
        Arc::clone(self.id.get_or_init(|| Arc::from(self.number.to_string())))
    }

    /// The document as it was given, byte for byte (API-156).
    pub fn text(&self) -> &Arc<str> {
        self.document.text()
    }
}

impl Policy {
    /// Its ARN (POLICY-038).
    pub fn arn(&self, scope: &Scope) -> Arn {
        Arn::iot(scope, format!("policy/{}", self.name))
    }

    /// A version by its number as text.
    pub fn version(&self, id: &str) -> Option<&PolicyVersion> {
        let number: u32 = id.parse().ok()?;
        // `01` or `+1` would parse as well.
        self.versions.iter().find(|version| version.number == number && &*version.id() == id)
    }

    /// The version that counts.
    pub fn default(&self) -> Option<&PolicyVersion> {
        self.versions.iter().find(|version| version.number == self.default_version)
    }
}

impl Resource for Policy {
    const TABLE: Table = Table::new("policies");

    fn key(&self) -> &str {
        &self.name
    }
}

impl Registry {
    /// Creates a policy with version 1 (API-156 to API-158, POLICY-050 to POLICY-060).
    ///
    /// # Errors
    /// `MalformedPolicy`, `ResourceAlreadyExists`, `InvalidRequest`.
    pub async fn create_policy(
        &self,
        scope: &Scope,
        name: &str,
        document: &str,
        tags: &[(String, String)],
    ) -> Result<Arc<Policy>> {
        let parsed = self.parse_document(document)?;
        self.change(scope, |state, change| {
            constraints::policy_name(name)?;
            if let Some(existing) = state.policies.get(name) {
                return Err(RegistryError::exists(
                    format!("Policy cannot be created - name already exists (name={name})"),
                    name,
                    existing.arn(scope).to_string(),
                ));
            }
            let policy = Policy {
                name: PolicyName::from(name),
                default_version: 1,
                last_version: 1,
                versions: vec![version(1, parsed, change.now)],
                created_at: change.now,
                modified_at: change.now,
                generation_id: change.uuid(),
            };
            tags::add(state, change, &policy.arn(scope).to_string(), tags)?;
            Ok(put(state, change, policy))
        })
        .await
    }

    /// A policy with all its versions.
    ///
    /// # Errors
    /// `ResourceNotFound` (API-159).
    pub fn get_policy(&self, scope: &Scope, name: &str) -> Result<Arc<Policy>> {
        self.read(scope, |state| policy(state, name).cloned())
    }

    /// Policies, newest first unless `ascending` (API-160).
    ///
    /// # Errors
    /// `InvalidRequest` for an unknown marker.
    pub fn list_policies(
        &self,
        scope: &Scope,
        page: &PageRequest,
        ascending: bool,
    ) -> Result<Page<Arc<Policy>>> {
        self.read(scope, |state| state.policies.page("policies", page, DEFAULT_MARKED, !ascending, |_| true))
    }

    /// Deletes a policy that has one version and is attached nowhere (API-161 to API-163, POLICY-068).
    ///
    /// # Errors
    /// `ResourceNotFound`, `DeleteConflict`.
    pub async fn delete_policy(&self, scope: &Scope, name: &str) -> Result<()> {
        self.change(scope, |state, change| {
            let current = policy(state, name)?;
            if state.attachments.count_rights(name) > 0 {
                return Err(RegistryError::DeleteConflict(format!(
                    "The policy cannot be deleted as the policy is attached to one or more principals (name={name})"
                )));
            }
            if current.versions.len() > 1 {
                return Err(RegistryError::DeleteConflict(
                    "The policy cannot be deleted as versions other than than default version exist".to_owned(),
                ));
            }
            let arn = current.arn(scope).to_string();
            change.decisions = true;
            tags::forget(state, change, &arn);
            change.remove(&mut state.policies, name);
            Ok(())
        })
        .await
    }

    /// Adds a version (API-164, API-165, POLICY-061 to POLICY-064); the policy as it is then, the new version last.
    ///
    /// # Errors
    /// `ResourceNotFound`, `MalformedPolicy`, `VersionsLimitExceeded`.
    pub async fn create_policy_version(
        &self,
        scope: &Scope,
        name: &str,
        document: &str,
        set_as_default: bool,
    ) -> Result<Arc<Policy>> {
        let parsed = self.parse_document(document);
        self.change(scope, |state, change| {
            let current = policy(state, name)?;
            let parsed = parsed?;
            if current.versions.len() >= MOST_VERSIONS {
                return Err(RegistryError::VersionsLimitExceeded(format!(
                    "The policy {name} already has the maximum number of versions ({MOST_VERSIONS})"
                )));
            }
            let mut changed = Policy::clone(current);
            changed.last_version += 1;
            changed.versions.push(version(changed.last_version, parsed, change.now));
            if set_as_default {
                changed.default_version = changed.last_version;
            }
            Ok(touch(state, change, changed))
        })
        .await
    }

    /// Makes a version the one that counts, at once and for open connections too (API-168, POLICY-066).
    ///
    /// # Errors
    /// `ResourceNotFound`.
    pub async fn set_default_policy_version(
        &self,
        scope: &Scope,
        name: &str,
        version_id: &str,
    ) -> Result<()> {
        self.change(scope, |state, change| {
            let current = policy(state, name)?;
            let number = version_of(current, version_id)?.number;
            let mut changed = Policy::clone(current);
            changed.default_version = number;
            touch(state, change, changed);
            Ok(())
        })
        .await
    }

    /// Deletes a version that is not the default (API-167, POLICY-067).
    ///
    /// # Errors
    /// `ResourceNotFound`, `DeleteConflict`.
    pub async fn delete_policy_version(&self, scope: &Scope, name: &str, version_id: &str) -> Result<()> {
        self.change(scope, |state, change| {
            let current = policy(state, name)?;
            let number = version_of(current, version_id)?.number;
            if number == current.default_version {
                return Err(RegistryError::DeleteConflict(
                    "Cannot delete the default version of a policy".to_owned(),
                ));
            }
            let mut changed = Policy::clone(current);
            changed.versions.retain(|version| version.number != number);
            touch(state, change, changed);
            Ok(())
        })
        .await
    }

    fn parse_document(&self, text: &str) -> Result<Arc<Document>> {
        let malformed = |error: thingstead_policy_engine::PolicyError| RegistryError::MalformedPolicy {
            message: error.aws_message(),
            why: error.to_string(),
        };
        if text.chars().count() > MOST_CHARACTERS {
            return Err(RegistryError::invalid(format!(
                "1 validation error detected: Value at 'policyDocument' failed to satisfy constraint: Member must have \
                 length less than or equal to {MOST_CHARACTERS}"
            )));
        }
        if self.0.settings.limits.are_aws() {
            Document::check_size(text).map_err(malformed)?;
        }
        Document::parse(text).map(Arc::new).map_err(malformed)
    }
}

pub(crate) fn policy<'a>(state: &'a State, name: &str) -> Result<&'a Arc<Policy>> {
    state.policies.get(name).ok_or_else(|| RegistryError::not_found("Policy not found"))
}

fn version_of<'a>(policy: &'a Policy, id: &str) -> Result<&'a PolicyVersion> {
    policy.version(id).ok_or_else(|| {
        RegistryError::not_found(format!("The policy {} does not have version {id}", policy.name))
    })
}

fn version(number: u32, document: Arc<Document>, now: Timestamp) -> PolicyVersion {
    PolicyVersion { number, id: std::sync::OnceLock::new(), document, created_at: now }
}

fn touch(state: &mut State, change: &mut Change<'_>, policy: Policy) -> Arc<Policy> {
    let touched = Policy { modified_at: change.now, generation_id: change.uuid(), ..policy };
    put(state, change, touched)
}

fn put(state: &mut State, change: &mut Change<'_>, policy: Policy) -> Arc<Policy> {
    change.decisions = true;
    change.put(&mut state.policies, policy)
}

/// Documents are stored as their text and parsed when they are loaded.
mod document_text {
    use std::borrow::Cow;
    use std::sync::Arc;

    use serde::{Deserialize, Deserializer, Serializer};
    use thingstead_policy_engine::Document;

    pub(super) fn serialize<S: Serializer>(document: &Arc<Document>, out: S) -> Result<S::Ok, S::Error> {
        out.serialize_str(document.text())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<Arc<Document>, D::Error> {
        let text = Cow::<str>::deserialize(input)?;
        Document::parse(&text).map(Arc::new).map_err(serde::de::Error::custom)
    }
}

const MOST_VERSIONS: usize = 5;
/// POLICY-032.
const MOST_CHARACTERS: usize = 404_600;
