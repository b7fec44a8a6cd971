//! Which things are in which groups (api.md 4.3).

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use thingstead_core::{Arn, Scope, ThingName, Timestamp};
use thingstead_store::Table;

use crate::change::Change;
use crate::dynamic_memberships::static_groups_of;
use crate::events::{self, Joined};
use crate::page::{self, DEFAULT_ROWS, Page, PageRequest};
use crate::relation::Relation;
use crate::state::State;
use crate::thing_groups::{ThingGroup, ancestors, refuse_dynamic, thing_group};
use crate::things::thing;
use crate::{Registry, RegistryError, Result};

/// A thing's membership in a group.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Member {
    /// A UUID, `membershipId` of the events.
    pub(crate) id: String,
    /// When it began.
    pub(crate) since: Timestamp,
}

impl Registry {
    /// Puts a thing into a static group; twice is as once (API-120 to API-122). Where the thing is in 10 groups, dynamic ones among
    /// them, `override_dynamic_groups` lets it leave the newest of those.
    ///
    /// # Errors
    /// `ResourceNotFound`; `InvalidRequest` for a dynamic group, another group of the same hierarchy, or an 11th group.
    pub async fn add_thing_to_thing_group(
        &self,
        scope: &Scope,
        group: &str,
        thing_name: &str,
        override_dynamic_groups: bool,
    ) -> Result<()> {
        self.change(scope, |state, change| {
            let found = thing_group(state, group)?;
            thing(state, thing_name)?;
            refuse_dynamic(scope, found)?;
            if state.members.get(group, thing_name).is_some() {
                return Ok(());
            }
            check_hierarchy(state, group, thing_name, &BTreeSet::new())?;
            check_count(state, change, thing_name, &BTreeSet::new(), 1, override_dynamic_groups)?;
            join(state, change, group, thing_name);
            Ok(())
        })
        .await
    }

    /// Takes a thing out of a static group; one that is not in it is no error (API-123).
    ///
    /// # Errors
    /// `ResourceNotFound`, `InvalidRequest` for a dynamic group.
    pub async fn remove_thing_from_thing_group(
        &self,
        scope: &Scope,
        group: &str,
        thing_name: &str,
    ) -> Result<()> {
        self.change(scope, |state, change| {
            let found = thing_group(state, group)?;
            thing(state, thing_name)?;
            refuse_dynamic(scope, found)?;
            leave(state, change, group, thing_name);
            Ok(())
        })
        .await
    }

    /// Takes a thing out of groups and puts it into others, all or nothing (API-126).
    ///
    /// # Errors
    /// `ResourceNotFound`, `InvalidRequest`.
    pub async fn update_thing_groups_for_thing(
        &self,
        scope: &Scope,
        thing_name: &str,
        add: &[String],
        remove: &[String],
        override_dynamic_groups: bool,
    ) -> Result<()> {
        self.change(scope, |state, change| {
            thing(state, thing_name)?;
            for name in add.iter().chain(remove) {
                refuse_dynamic(scope, thing_group(state, name)?)?;
            }
            let removed: BTreeSet<&str> = remove.iter().map(String::as_str).collect();
            let added: BTreeSet<&str> = add
                .iter()
                .map(String::as_str)
                .filter(|name| removed.contains(name) || state.members.get(name, thing_name).is_none())
                .collect();
            for name in &added {
                check_hierarchy(state, name, thing_name, &removed)?;
            }
            let roots: BTreeSet<String> = added.iter().map(|name| root(state, name)).collect();
            if roots.len() < added.len() {
                return Err(RegistryError::invalid(format!(
                    "Thing {thing_name} cannot be in two thing groups of the same hierarchy"
                )));
            }
            check_count(state, change, thing_name, &removed, added.len(), override_dynamic_groups)?;
            for name in removed {
                leave(state, change, name, thing_name);
            }
            for name in added {
                join(state, change, name, thing_name);
            }
            Ok(())
        })
        .await
    }

    /// The names of a group's things, with `recursive` those of its descendants too (API-124).
    ///
    /// # Errors
    /// `ResourceNotFound`, `InvalidRequest` for an unknown token.
    pub fn list_things_in_thing_group(
        &self,
        scope: &Scope,
        group: &str,
        recursive: bool,
        page: &PageRequest,
    ) -> Result<Page<ThingName>> {
        self.read(scope, |state| {
            thing_group(state, group)?;
            if !recursive {
                return page_of_members(&state.members, LIST, group, page);
            }
            let below = state.thing_groups.iter().filter(|candidate| {
                candidate.name == group
                    || ancestors(state, &candidate.name).iter().any(|above| above.name == group)
            });
            let names: BTreeSet<&Arc<str>> = below
                .flat_map(|candidate| state.members.rights_of(&candidate.name).map(|(name, _)| name))
                .collect();
            let rows = names.into_iter().map(|name| (name, ThingName::from(Arc::clone(name))));
            page::by_key(LIST, page, DEFAULT_ROWS, rows)
        })
    }

    /// The groups a thing is directly in, dynamic ones included (API-125).
    ///
    /// # Errors
    /// `ResourceNotFound`, `InvalidRequest` for an unknown token.
    pub fn list_thing_groups_for_thing(
        &self,
        scope: &Scope,
        thing_name: &str,
        page: &PageRequest,
    ) -> Result<Page<Arc<ThingGroup>>> {
        self.read(scope, |state| {
            thing(state, thing_name)?;
            let names = state.members.lefts_of(thing_name);
            let rows = names.filter_map(|name| Some((name, Arc::clone(state.thing_groups.get(name)?))));
            page::by_key("thing-groups-for-thing", page, DEFAULT_ROWS, rows)
        })
    }

    /// The static groups that hold a thing, and all their ancestors, each once: those whose policies count for it.
    pub fn groups_with_ancestors(&self, scope: &Scope, thing_name: &str) -> Vec<Arc<str>> {
        self.read(scope, |state| {
            let mut names = BTreeSet::new();
            for name in state.members.lefts_of(thing_name) {
                if state.thing_groups.get(name).is_some_and(|group| group.dynamic.is_none()) {
                    names.extend(
                        ancestors(state, name).into_iter().map(|above| Arc::from(above.name.as_str())),
                    );
                    names.insert(Arc::clone(name));
                }
            }
            names.into_iter().collect()
        })
    }
}

/// A page of a group's things by name: of static, dynamic and billing groups alike. It costs the same wherever it begins.
pub(crate) fn page_of_members<V: Serialize + DeserializeOwned>(
    members: &Relation<V>,
    list: &'static str,
    group: &str,
    page: &PageRequest,
) -> Result<Page<ThingName>> {
    let after = page.position(list)?;
    let rows = members.rights_after(group, after.as_deref());
    page::by_key(list, page, DEFAULT_ROWS, rows.map(|(name, _)| (name, ThingName::from(Arc::clone(name)))))
}

/// Names a group or thing by name or by ARN, as the membership operations do (API-120).
///
/// # Errors
/// `InvalidRequest` when both are missing or contradict each other, or the ARN is of something else; `ResourceNotFound` when
/// it is of another account or Region.
pub fn name_or_arn(scope: &Scope, kind: &str, name: Option<&str>, arn: Option<&str>) -> Result<String> {
    let named = name.filter(|name| !name.is_empty());
    let Some(text) = arn.filter(|arn| !arn.is_empty()) else {
        return named.map(str::to_owned).ok_or_else(|| {
            RegistryError::invalid(match kind {
                "thing" => "Both thingArn and thingName are empty. Need to specify at least one of them",
                "thinggroup" => " Both thingGroupArn and thingGroupName are empty. Need to specify at least one of them",
                _ => " Both billingGroupArn and billingGroupName are empty. Need to specify at least one of them",
            })
        });
    };
    let parsed = Arn::parse(text).filter(|arn| arn.service == "iot");
    let Some((arn, found)) = parsed.as_ref().and_then(|arn| Some((arn, arn.resource_of(kind)?))) else {
        return Err(RegistryError::invalid(format!("`{text}` is no ARN of a {kind}")));
    };
    if arn.account != scope.account() || arn.region != scope.region() {
        return Err(RegistryError::not_found(format!(
            "The resource {text} does not exist in this account and Region"
        )));
    }
    match named {
        Some(name) if name != found => Err(RegistryError::invalid(format!(
            "The name `{name}` and the ARN `{text}` do not name the same {kind}"
        ))),
        _ => Ok(found.to_owned()),
    }
}

pub(crate) fn join(state: &mut State, change: &mut Change<'_>, group: &str, thing: &str) {
    let member = Member { id: change.uuid(), since: change.now };
    change.decisions = true;
    change.things.push(ThingName::from(thing));
    events::membership(state, change, group, thing, &member.id, Joined::Added);
    change.relate(MEMBERSHIPS, &mut state.members, group, thing, member);
}

/// Like [`join`], for a dynamic group: it carries no policies, and no dynamic group depends on it.
pub(crate) fn join_dynamic(state: &mut State, change: &mut Change<'_>, group: &str, thing: &ThingName) {
    let member = Member { id: change.uuid(), since: change.now };
    change.regrouped.push(thing.clone());
    events::membership(state, change, group, thing, &member.id, Joined::Added);
    change.relate(MEMBERSHIPS, &mut state.members, group, thing, member);
}

/// Like [`leave`], for a dynamic group.
pub(crate) fn leave_dynamic(state: &mut State, change: &mut Change<'_>, group: &str, thing: &ThingName) {
    if let Some(member) = change.part(MEMBERSHIPS, &mut state.members, group, thing) {
        change.regrouped.push(thing.clone());
        events::membership(state, change, group, thing, &member.id, Joined::Removed);
    }
}

pub(crate) fn leave(state: &mut State, change: &mut Change<'_>, group: &str, thing: &str) {
    if let Some(member) = change.part(MEMBERSHIPS, &mut state.members, group, thing) {
        change.decisions = true;
        change.things.push(ThingName::from(thing));
        events::membership(state, change, group, thing, &member.id, Joined::Removed);
    }
}

/// Takes a thing out of all its groups, when it is deleted (API-091).
pub(crate) fn leave_all(state: &mut State, change: &mut Change<'_>, thing: &str) {
    let groups: Vec<Arc<str>> = state.members.lefts_of(thing).cloned().collect();
    for group in groups {
        leave(state, change, &group, thing);
    }
}

/// A thing is in one group of a hierarchy at most (API-121).
fn check_hierarchy(state: &State, group: &str, thing: &str, leaving: &BTreeSet<&str>) -> Result<()> {
    let root_of_group = root(state, group);
    let clash = state.members.lefts_of(thing).find(|other| {
        &***other != group && !leaving.contains(&***other) && root(state, other) == root_of_group
    });
    match clash {
        None => Ok(()),
        Some(other) => Err(RegistryError::invalid(format!(
            "Thing {thing} is already in thing group {other} of the same hierarchy as {group}"
        ))),
    }
}

fn root(state: &State, group: &str) -> String {
    ancestors(state, group).last().map_or_else(|| group.to_owned(), |root| root.name.clone())
}

/// A thing is in 10 groups at most; dynamic ones give way where the caller says so (API-122).
fn check_count(
    state: &State,
    change: &Change<'_>,
    thing: &str,
    leaving: &BTreeSet<&str>,
    joining: usize,
    override_dynamic_groups: bool,
) -> Result<()> {
    let staying = if override_dynamic_groups {
        static_groups_of(state, thing).iter().filter(|name| !leaving.contains(name.as_str())).count()
    } else {
        state.members.lefts_of(thing).filter(|name| !leaving.contains(&***name)).count()
    };
    if change.limited() && staying + joining > MOST_GROUPS { Err(too_many(thing)) } else { Ok(()) }
}

fn too_many(thing: &str) -> RegistryError {
    RegistryError::invalid(format!(
        "Thing {thing} is already in the maximum number of thing groups ({MOST_GROUPS})"
    ))
}

/// The name of the list in its tokens.
const LIST: &str = "thing-group-things";
/// Key `GROUP THING`.
pub(crate) const MEMBERSHIPS: Table = Table::new("thing_group_memberships");
pub(crate) const MOST_GROUPS: usize = 10;
