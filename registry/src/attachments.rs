//! Which policies are attached to what (api.md 4.7).

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thingstead_core::{Arn, Scope, Timestamp};
use thingstead_store::Table;

use crate::page::{self, DEFAULT_MARKED, DEFAULT_ROWS, Page, PageRequest};
use crate::policies::{Policy, policy};
use crate::state::State;
use crate::{Registry, RegistryError, Result, Target, certificates};

/// When a policy was attached.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Attached {
    pub(crate) attached_at: Timestamp,
}

impl Registry {
    /// Attaches a policy; twice is as once (API-169 to API-171, POLICY-069 to POLICY-072).
    ///
    /// # Errors
    /// `ResourceNotFound`, `LimitExceeded`, `InvalidRequest`.
    pub async fn attach_policy(&self, scope: &Scope, policy_name: &str, target: &Target) -> Result<()> {
        self.change(scope, |state, change| {
            policy(state, policy_name)?;
            check_target(state, scope, target)?;
            let key = target.key();
            if state.attachments.get(policy_name, &key).is_some() {
                return Ok(());
            }
            let most =
                if matches!(target, Target::ThingGroup(_)) { MOST_ON_GROUP } else { MOST_ON_PRINCIPAL };
            if change.limited() && state.attachments.count_lefts(&key) >= most {
                return Err(RegistryError::LimitExceeded(format!(
                    "The maximum number of policies on {} is {most}",
                    target.text(scope)
                )));
            }
            change.decisions = true;
            let attached = Attached { attached_at: change.now };
            change.relate(ATTACHMENTS, &mut state.attachments, policy_name, &key, attached);
            Ok(())
        })
        .await
    }

    /// Detaches a policy; one that is not attached is no error (API-172, POLICY-073).
    ///
    /// # Errors
    /// `ResourceNotFound` for an unknown policy, certificate or group.
    pub async fn detach_policy(&self, scope: &Scope, policy_name: &str, target: &Target) -> Result<()> {
        self.change(scope, |state, change| {
            policy(state, policy_name)?;
            match target {
                Target::ThingGroup(name) => drop(known_group(state, scope, name)?),
                _ => check_target(state, scope, target)?,
            }
            change.decisions = true;
            change.part(ATTACHMENTS, &mut state.attachments, policy_name, &target.key());
            Ok(())
        })
        .await
    }

    /// The policies attached to a target by name; with `recursive` those of a group's ancestors too (API-173, POLICY-075).
    ///
    /// # Errors
    /// `ResourceNotFound` for an unknown target, `InvalidRequest` for an unknown marker.
    pub fn list_attached_policies(
        &self,
        scope: &Scope,
        target: &Target,
        recursive: bool,
        page: &PageRequest,
    ) -> Result<Page<Arc<Policy>>> {
        self.read(scope, |state| {
            let mut keys = vec![target.key()];
            match target {
                Target::ThingGroup(name) => {
                    known_group(state, scope, name)?;
                    if recursive {
                        let ancestors = crate::thing_groups::ancestors(state, name);
                        keys.extend(
                            ancestors
                                .iter()
                                .map(|group| Target::ThingGroup(Arc::from(group.name.as_str())).key()),
                        );
                    }
                }
                _ => check_target(state, scope, target)?,
            }
            let names: std::collections::BTreeSet<&Arc<str>> =
                keys.iter().flat_map(|key| state.attachments.lefts_of(key)).collect();
            let rows =
                names.into_iter().filter_map(|name| Some((name, Arc::clone(state.policies.get(name)?))));
            page::by_key("attached-policies", page, DEFAULT_MARKED, rows)
        })
    }

    /// What a policy is attached to: ARNs and Cognito identity ids (API-174).
    ///
    /// # Errors
    /// `ResourceNotFound` for an unknown policy, `InvalidRequest` for an unknown marker.
    pub fn list_targets_for_policy(
        &self,
        scope: &Scope,
        policy_name: &str,
        page: &PageRequest,
    ) -> Result<Page<Target>> {
        self.read(scope, |state| {
            policy(state, policy_name)?;
            let rows = state.attachments.rights_of(policy_name);
            let rows = rows.filter_map(|(key, _)| Some((key, Target::from_key(key)?)));
            page::by_key("policy-targets", page, DEFAULT_ROWS, rows)
        })
    }

    /// Certificates and Cognito identities that a policy is attached to, newest attachment first unless `ascending`; none for an
    /// unknown policy (API-176).
    ///
    /// # Errors
    /// `InvalidRequest` for an unknown marker.
    pub fn list_policy_principals(
        &self,
        scope: &Scope,
        policy_name: &str,
        page: &PageRequest,
        ascending: bool,
    ) -> Result<Page<Target>> {
        self.read(scope, |state| {
            let attached = state.attachments.rights_of(policy_name).filter_map(|(key, attached)| {
                let target = Target::from_key(key)?;
                let time = attached.attached_at.as_millis();
                let place = if ascending { time } else { i64::MAX - time };
                (!matches!(target, Target::ThingGroup(_))).then(|| (format!("{place:020} {key}"), target))
            });
            let mut rows: Vec<(String, Target)> = attached.collect();
            rows.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
            page::by_key("policy-principals", page, DEFAULT_MARKED, rows.into_iter())
        })
    }

    /// The policies attached to a target, in order of their names; empty for an unknown one. For decisions.
    pub fn policies_of(&self, scope: &Scope, target: &Target) -> Vec<Arc<Policy>> {
        self.read(scope, |state| policies_of(state, target))
    }
}

pub(crate) fn policies_of(state: &State, target: &Target) -> Vec<Arc<Policy>> {
    state.attachments.lefts_of(&target.key()).filter_map(|name| state.policies.get(name).cloned()).collect()
}

/// Refuses a target that is not there or cannot carry policies.
fn check_target(state: &State, scope: &Scope, target: &Target) -> Result<()> {
    match target {
        Target::Certificate(id) => certificates::certificate(state, id).map(drop),
        Target::Identity(_) => Ok(()),
        Target::ThingGroup(name) => {
            let group = known_group(state, scope, name)?;
            crate::thing_groups::refuse_dynamic(scope, group)
        }
    }
}

fn known_group<'a>(state: &'a State, scope: &Scope, name: &str) -> Result<&'a Arc<crate::ThingGroup>> {
    state.thing_groups.get(name).ok_or_else(|| {
        let arn = Arn::iot(scope, format!("thinggroup/{name}"));
        RegistryError::not_found(format!("No thing group with ARN {arn} exists"))
    })
}

/// Key `POLICY TARGET`.
pub(crate) const ATTACHMENTS: Table = Table::new("policy_attachments");
const MOST_ON_PRINCIPAL: usize = 10;
const MOST_ON_GROUP: usize = 2;
