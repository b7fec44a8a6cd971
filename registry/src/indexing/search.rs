//! `SearchIndex`, and who is in a dynamic group.

use std::collections::BTreeMap;
use std::sync::Arc;

use thingstead_core::{Scope, ThingName};

use super::configuration::{Index, THINGS, ThingIndexing, index};
use super::documents::{Fields, ThingDocument, ThingFacts, ThingGroupDocument};
use super::fleet::FleetSource;
use super::query::Query;
use crate::page::{self, Page, PageRequest};
use crate::state::State;
use crate::thing_groups::{ThingGroup, ancestors};
use crate::things::Thing;
use crate::{Registry, RegistryError, Result};

/// What is searched for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SearchQuery {
    /// `AWS_Things` when `None`.
    pub index_name: Option<String>,
    /// In the query language.
    pub query_string: String,
    /// Only `2017-09-30`.
    pub query_version: Option<String>,
}

/// A page of what was found.
#[derive(Clone, Debug, PartialEq)]
pub enum FoundDocuments {
    /// In `AWS_Things`.
    Things(Page<ThingDocument>),
    /// In `AWS_ThingGroups`.
    ThingGroups(Page<ThingGroupDocument>),
}

impl Registry {
    /// Joins the index with those who know shadows and connections; the second call changes nothing.
    pub fn index_fleet_from(&self, fleet: Arc<dyn FleetSource>) {
        if self.0.fleet.set(fleet).is_err() {
            tracing::warn!("the index was joined with the fleet twice");
        }
    }

    /// Things or groups that fulfil a query, ascending by name (API-238 to API-259).
    ///
    /// # Errors
    /// `ResourceNotFound` for an index that is off, `InvalidQuery`, `InvalidRequest` for an unknown token.
    pub fn search_index(
        &self,
        scope: &Scope,
        query: &SearchQuery,
        page: &PageRequest,
    ) -> Result<FoundDocuments> {
        match self.matching(scope, query)? {
            Matching::Things(indexing, found) => {
                let rows = found.into_iter().map(|(name, (thing, groups))| {
                    let facts = ThingFacts::new(thing, groups, scope, &indexing, self.fleet());
                    (name, facts)
                });
                let found = page::by_key("search", page, DEFAULT_FOUND, rows)?;
                Ok(FoundDocuments::Things(found.map(ThingFacts::document)))
            }
            Matching::Groups(found) => {
                let found = page::by_key("search", page, DEFAULT_FOUND, found.into_iter())?;
                Ok(FoundDocuments::ThingGroups(found))
            }
        }
    }

    /// Everything that fulfils a query.
    pub(super) fn matching(&self, scope: &Scope, query: &SearchQuery) -> Result<Matching> {
        let name = query.index_name.as_deref().unwrap_or(THINGS);
        let which = self.read(scope, |state| index(state, name))?;
        let parsed = parse(query, which)?;
        match which {
            Index::Things => {
                let (indexing, candidates) = self.candidates(scope);
                let mut found = BTreeMap::new();
                for (thing, groups) in candidates {
                    let facts = ThingFacts::new(thing, groups, scope, &indexing, self.fleet());
                    if parsed.matches(&facts) {
                        found.insert(facts.thing.name.to_string(), (facts.thing, facts.group_names));
                    }
                }
                Ok(Matching::Things(indexing, found))
            }
            Index::Groups => {
                let groups: Vec<ThingGroupDocument> = self.read(scope, |state| {
                    let parents = |group: &ThingGroup| {
                        ancestors(state, &group.name).iter().map(|above| above.name.clone()).collect()
                    };
                    let group = |group: &Arc<ThingGroup>| ThingGroupDocument {
                        parent_names: parents(group),
                        group: Arc::clone(group),
                    };
                    state.thing_groups.iter().map(group).collect()
                });
                let found = groups.into_iter().filter(|group| parsed.matches(group));
                Ok(Matching::Groups(found.map(|group| (group.group.name.clone(), group)).collect()))
            }
        }
    }

    /// Every thing with its groups. The state is not held while shadows and connections are asked, which have locks of their
    /// own.
    fn candidates(&self, scope: &Scope) -> (ThingIndexing, Vec<Candidate>) {
        let (indexing, dynamic, mut things) = self.read(scope, |state| {
            let groups =
                |thing: &Thing| state.members.lefts_of(&thing.name).map(ToString::to_string).collect();
            let things: Vec<Candidate> =
                state.things.iter().map(|thing| (Arc::clone(thing), groups(thing))).collect();
            (state.indexing.things.clone(), dynamic_queries(state), things)
        });
        for (thing, groups) in &mut things {
            if !dynamic.is_empty() {
                let facts =
                    ThingFacts::new(Arc::clone(thing), groups.clone(), scope, &indexing, self.fleet());
                groups.extend(
                    dynamic.iter().filter(|query| query.has(&facts)).map(|query| query.group.clone()),
                );
            }
        }
        (indexing, things)
    }

    /// The things in a dynamic group, by name.
    pub(crate) fn things_in_dynamic_group(&self, scope: &Scope, query: &DynamicQuery) -> Vec<ThingName> {
        let (indexing, candidates) = self.candidates(scope);
        let mut names: Vec<ThingName> = candidates
            .into_iter()
            .filter_map(|(thing, groups)| {
                let facts = ThingFacts::new(thing, groups, scope, &indexing, self.fleet());
                query.has(&facts).then(|| facts.thing.name.clone())
            })
            .collect();
        names.sort();
        names
    }

    /// The dynamic groups a thing is in.
    pub(crate) fn dynamic_groups_of(&self, scope: &Scope, thing: &Arc<Thing>) -> Vec<String> {
        let (indexing, dynamic, groups) = self.read(scope, |state| {
            let groups = state.members.lefts_of(&thing.name).map(ToString::to_string).collect();
            (state.indexing.things.clone(), dynamic_queries(state), groups)
        });
        let facts = ThingFacts::new(Arc::clone(thing), groups, scope, &indexing, self.fleet());
        dynamic.iter().filter(|query| query.has(&facts)).map(|query| query.group.clone()).collect()
    }

    pub(super) fn fleet(&self) -> Option<&dyn FleetSource> {
        self.0.fleet.get().map(|fleet| &**fleet)
    }
}

/// A thing with the names of its groups.
type Candidate = (Arc<Thing>, Vec<String>);

/// What fulfils a query, by name.
pub(super) enum Matching {
    Things(ThingIndexing, BTreeMap<String, Candidate>),
    Groups(BTreeMap<String, ThingGroupDocument>),
}

/// A dynamic group's query, parsed.
pub(crate) struct DynamicQuery {
    group: String,
    query: Query,
}

impl DynamicQuery {
    /// The query of a group's definition.
    ///
    /// # Errors
    /// `InvalidQuery`.
    pub(crate) fn new(group: &str, text: &str) -> Result<Self> {
        let query = Query::parse(text, &is_thing_field).map_err(RegistryError::InvalidQuery)?;
        Ok(Self { group: group.to_owned(), query })
    }

    fn has(&self, facts: &dyn Fields) -> bool {
        self.query.matches(facts)
    }
}

/// The query of a dynamic group; `None` for a static one.
pub(crate) fn dynamic_members(group: &ThingGroup) -> Option<Result<DynamicQuery>> {
    group.dynamic.as_ref().map(|definition| DynamicQuery::new(&group.name, &definition.query_string))
}

fn dynamic_queries(state: &State) -> Vec<DynamicQuery> {
    // A definition was parsed when it was made, so each parses again.
    state.thing_groups.iter().filter_map(|group| dynamic_members(group)?.ok()).collect()
}

fn parse(query: &SearchQuery, which: Index) -> Result<Query> {
    if let Some(version) = query.query_version.as_deref().filter(|version| *version != QUERY_VERSION) {
        return Err(RegistryError::InvalidQuery(format!(
            "Unsupported query version: {version}; expected {QUERY_VERSION}"
        )));
    }
    let knows: fn(&str) -> bool = match which {
        Index::Things => is_thing_field,
        Index::Groups => is_group_field,
    };
    Query::parse(&query.query_string, &knows).map_err(RegistryError::InvalidQuery)
}

/// API-250.
fn is_thing_field(name: &str) -> bool {
    let below = |prefix: &str| name.strip_prefix(prefix).is_some_and(|rest| !rest.is_empty());
    let shadow = |rest: &str| {
        rest == "hasDelta"
            || ["desired.", "reported.", "delta.", "metadata."]
                .into_iter()
                .any(|part| rest.strip_prefix(part).is_some_and(|path| !path.is_empty()))
    };
    match name {
        "thingName" | "thingId" | "thingTypeName" | "thingGroupNames" => true,
        "registry.thingTypeName" | "registry.thingGroupNames" => true,
        "connectivity.connected" | "connectivity.timestamp" | "connectivity.disconnectReason" => true,
        _ => match (name.strip_prefix("shadow.name."), name.strip_prefix("shadow.")) {
            (Some(named), _) => named.split_once('.').is_some_and(|(_, rest)| shadow(rest)),
            (None, Some(rest)) => shadow(rest),
            (None, None) => below("attributes.") || below("deviceDefender."),
        },
    }
}

/// API-251.
fn is_group_field(name: &str) -> bool {
    matches!(name, "thingGroupName" | "thingGroupId" | "description" | "parentGroupNames")
        || name.strip_prefix("attributes.").is_some_and(|rest| !rest.is_empty())
}

const QUERY_VERSION: &str = "2017-09-30";
const DEFAULT_FOUND: usize = 100;
