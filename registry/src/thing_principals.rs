//! Which principals are attached to which things (api.md 4.8).

use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thingstead_core::{Scope, ThingName};
use thingstead_store::Table;

use crate::page::{self, DEFAULT_ROWS, Page, PageRequest};
use crate::state::State;
use crate::things::{Thing, thing};
use crate::{Registry, RegistryError, Result, Target, certificates};

/// How a principal belongs to a thing (POLICY-230 to POLICY-232).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ThingPrincipalType {
    /// A connection belongs to the thing when its client id is the thing's name.
    #[default]
    NonExclusiveThing,
    /// Every connection of the principal belongs to the thing.
    ExclusiveThing,
}

impl ThingPrincipalType {
    /// The name in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NonExclusiveThing => "NON_EXCLUSIVE_THING",
            Self::ExclusiveThing => "EXCLUSIVE_THING",
        }
    }
}

impl FromStr for ThingPrincipalType {
    type Err = RegistryError;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "NON_EXCLUSIVE_THING" => Ok(Self::NonExclusiveThing),
            "EXCLUSIVE_THING" => Ok(Self::ExclusiveThing),
            other => Err(RegistryError::invalid(format!(
                "`{other}` is no thingPrincipalType; expected EXCLUSIVE_THING or NON_EXCLUSIVE_THING"
            ))),
        }
    }
}

impl Registry {
    /// Attaches a principal to a thing; twice is as once (API-178, API-179, POLICY-233).
    ///
    /// # Errors
    /// `ResourceNotFound`; `InvalidRequest` when the principal belongs exclusively to another thing, or would.
    pub async fn attach_thing_principal(
        &self,
        scope: &Scope,
        thing_name: &str,
        principal: &Target,
        kind: ThingPrincipalType,
    ) -> Result<()> {
        self.change(scope, |state, change| {
            thing(state, thing_name)?;
            check_principal(state, principal)?;
            let key = principal.key();
            if state.principals.get(thing_name, &key) == Some(&kind) {
                return Ok(());
            }
            let others = state.principals.lefts_of(&key).filter(|other| &***other != thing_name);
            for other in others {
                let exclusively = state.principals.get(other, &key) == Some(&ThingPrincipalType::ExclusiveThing);
                if exclusively || kind == ThingPrincipalType::ExclusiveThing {
                    let how = if exclusively { "exclusively attached" } else { "attached" };
                    return Err(RegistryError::invalid(format!(
                        "The principal {} is {how} to thing {other} and cannot be attached to thing {thing_name}{}",
                        principal.text(scope),
                        if exclusively { "" } else { " exclusively" }
                    )));
                }
            }
            change.decisions = true;
            change.relate(THING_PRINCIPALS, &mut state.principals, thing_name, &key, kind);
            Ok(())
        })
        .await
    }

    /// Detaches a principal from a thing, at once and for open connections too (API-180, POLICY-483).
    ///
    /// # Errors
    /// `ResourceNotFound` for an unknown thing or attachment.
    pub async fn detach_thing_principal(
        &self,
        scope: &Scope,
        thing_name: &str,
        principal: &Target,
    ) -> Result<()> {
        self.change(scope, |state, change| {
            thing(state, thing_name)?;
            let parted = change.part(THING_PRINCIPALS, &mut state.principals, thing_name, &principal.key());
            if parted.is_none() {
                return Err(RegistryError::not_found(format!(
                    "The principal {} is not attached to thing {thing_name}",
                    principal.text(scope)
                )));
            }
            change.decisions = true;
            Ok(())
        })
        .await
    }

    /// The principals of a thing, of one type if that is asked for (API-181).
    ///
    /// # Errors
    /// `ResourceNotFound`, `InvalidRequest` for an unknown token.
    pub fn list_thing_principals(
        &self,
        scope: &Scope,
        thing_name: &str,
        kind: Option<ThingPrincipalType>,
        page: &PageRequest,
    ) -> Result<Page<(Target, ThingPrincipalType)>> {
        self.read(scope, |state| {
            if !state.things.contains(thing_name) {
                return Err(RegistryError::not_found(format!(
                    "Failed to list principals for thing {thing_name} because the thing does not exist in your account"
                )));
            }
            let rows = state.principals.rights_of(thing_name).filter(|(_, found)| kind.is_none_or(|k| k == **found));
            let rows = rows.filter_map(|(key, found)| Some((key, (Target::from_key(key)?, *found))));
            page::by_key("thing-principals", page, DEFAULT_ROWS, rows)
        })
    }

    /// The things of a principal, of one type if that is asked for; none for a known certificate or any identity without
    /// things (API-182).
    ///
    /// # Errors
    /// `ResourceNotFound` for an unknown certificate, `InvalidRequest` for an unknown token.
    pub fn list_principal_things(
        &self,
        scope: &Scope,
        principal: &Target,
        kind: Option<ThingPrincipalType>,
        page: &PageRequest,
    ) -> Result<Page<(ThingName, ThingPrincipalType)>> {
        self.read(scope, |state| {
            check_principal(state, principal)?;
            let key = principal.key();
            let rows = state.principals.lefts_of(&key).filter_map(|name| {
                let found = *state.principals.get(name, &key)?;
                kind.is_none_or(|k| k == found).then(|| (name, (ThingName::from(Arc::clone(name)), found)))
            });
            page::by_key("principal-things", page, DEFAULT_ROWS, rows)
        })
    }

    /// The thing that a connection of the principal belongs to (POLICY-230, POLICY-231): its exclusive thing, else the thing
    /// named like the client id if the principal is attached to it.
    pub fn associated_thing(
        &self,
        scope: &Scope,
        principal: &Target,
        client_id: Option<&str>,
    ) -> Option<Arc<Thing>> {
        self.read(scope, |state| associated_thing(state, principal, client_id))
    }
}

pub(crate) fn associated_thing(
    state: &State,
    principal: &Target,
    client_id: Option<&str>,
) -> Option<Arc<Thing>> {
    let key = principal.key();
    let exclusive = state
        .principals
        .lefts_of(&key)
        .find(|name| state.principals.get(name, &key) == Some(&ThingPrincipalType::ExclusiveThing));
    let name: &str = match exclusive {
        Some(name) => name,
        None => client_id.filter(|client| state.principals.get(client, &key).is_some())?,
    };
    state.things.get(name).cloned()
}

fn check_principal(state: &State, principal: &Target) -> Result<()> {
    match principal {
        Target::Certificate(id) => certificates::certificate(state, id).map(drop),
        Target::Identity(_) => Ok(()),
        Target::ThingGroup(name) => Err(RegistryError::invalid(format!(
            "The thing group {name} is no principal; expected the ARN of a certificate or a Cognito identity id"
        ))),
    }
}

/// Key `THING PRINCIPAL`.
pub(crate) const THING_PRINCIPALS: Table = Table::new("thing_principals");
