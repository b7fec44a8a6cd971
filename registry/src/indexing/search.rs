//! `SearchIndex`, and who is in a dynamic group.

use std::sync::Arc;

use thingstead_core::Scope;

use super::configuration::{Index, THINGS, index};
use super::documents::{ThingDocument, ThingFacts, ThingGroupDocument};
use super::fleet::FleetSource;
use super::following::candidate;
use super::query::Query;
use crate::page::{self, Page, PageRequest};
use crate::thing_groups::{ThingGroup, ancestors};
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
    /// Joins the index with those who know shadows and connections; the second call changes nothing. From then on dynamic groups
    /// follow [`Registry::shadow_changed`] and [`Registry::connectivity_changed`].
    pub fn index_fleet_from(&self, fleet: Arc<dyn FleetSource>) {
        if self.0.fleet.set(fleet).is_err() {
            tracing::warn!("the index was joined with the fleet twice");
            return;
        }
        self.settle_in_the_background();
    }

    /// Things or groups that fulfil a query, ascending by name (API-238 to API-259). The first query for a field reads every
    /// thing, later ones the index: not for a thread that serves connections.
    ///
    /// # Errors
    /// `ResourceNotFound` for an index that is off, `InvalidQuery`, `InvalidRequest` for an unknown token.
    pub fn search_index(
        &self,
        scope: &Scope,
        query: &SearchQuery,
        page: &PageRequest,
    ) -> Result<FoundDocuments> {
        let (which, parsed) = self.parsed(scope, query)?;
        match which {
            Index::Things => {
                let after = page.position(LIST)?;
                let limit = page.limit_or(DEFAULT_FOUND);
                let mut names = self.with_index(scope, &parsed, None, |index| {
                    index.page(&parsed, after.as_deref(), limit + 1)
                });
                let more = names.len() > limit;
                names.truncate(limit);
                let next = names.last().filter(|_| more).map(|last| page::token(LIST, last));
                let (indexing, found) = self.read(scope, |state| {
                    let found: Vec<_> = names.iter().filter_map(|name| candidate(state, name)).collect();
                    (state.indexing.things.clone(), found)
                });
                let documents = found.into_iter().map(|found| self.facts(scope, &indexing, found).document());
                Ok(FoundDocuments::Things(Page { items: documents.collect(), next }))
            }
            Index::Groups => {
                let found = self.matching_groups(scope, &parsed).into_iter();
                let rows = found.map(|group| (group.group.name.clone(), group));
                Ok(FoundDocuments::ThingGroups(page::by_key(LIST, page, DEFAULT_FOUND, rows)?))
            }
        }
    }

    /// Which index a query is for, and the query parsed.
    pub(super) fn parsed(&self, scope: &Scope, query: &SearchQuery) -> Result<(Index, Query)> {
        let name = query.index_name.as_deref().unwrap_or(THINGS);
        let which = self.read(scope, |state| index(state, name))?;
        Ok((which, parse(query, which)?))
    }

    /// The groups that fulfil a query, by name.
    pub(super) fn matching_groups(&self, scope: &Scope, query: &Query) -> Vec<ThingGroupDocument> {
        let mut groups: Vec<ThingGroupDocument> = self.read(scope, |state| {
            let document = |group: &Arc<ThingGroup>| ThingGroupDocument {
                parent_names: ancestors(state, &group.name).iter().map(|above| above.name.clone()).collect(),
                group: Arc::clone(group),
            };
            state.thing_groups.iter().map(document).filter(|group| query.matches(group)).collect()
        });
        groups.sort_by(|a, b| a.group.name.cmp(&b.group.name));
        groups
    }
}

/// A dynamic group's query, parsed.
#[derive(Debug)]
pub(crate) struct DynamicQuery {
    group: Arc<str>,
    query: Query,
}

impl DynamicQuery {
    /// The query of a group's definition.
    ///
    /// # Errors
    /// `InvalidQuery`.
    pub(crate) fn new(group: &str, text: &str) -> Result<Self> {
        let query = Query::parse(text, &is_thing_field).map_err(RegistryError::InvalidQuery)?;
        Ok(Self { group: Arc::from(group), query })
    }

    /// The query of a dynamic group; `None` for a static one. A definition was parsed when it was made, so it parses again.
    pub(crate) fn of(group: &ThingGroup) -> Option<Self> {
        Self::new(&group.name, &group.dynamic.as_ref()?.query_string).ok()
    }

    pub(crate) fn group(&self) -> Arc<str> {
        Arc::clone(&self.group)
    }

    pub(crate) fn has(&self, facts: &ThingFacts<'_>) -> bool {
        self.query.matches(facts)
    }
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

/// The name of the list in its tokens.
const LIST: &str = "search";
const QUERY_VERSION: &str = "2017-09-30";
const DEFAULT_FOUND: usize = 100;
