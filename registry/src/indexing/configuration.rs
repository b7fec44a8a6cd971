//! What is indexed (api.md 4.15).

use serde::{Deserialize, Serialize};
use thingstead_core::Scope;
use thingstead_store::Table;

use crate::change::Redefined;
use crate::state::State;
use crate::{Registry, RegistryError, Result};

/// Which data of things are indexed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ThingIndexingMode {
    /// None.
    #[default]
    Off,
    /// Names, types, groups, attributes.
    Registry,
    /// And the classic shadow.
    RegistryAndShadow,
}

impl ThingIndexingMode {
    /// The name in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Off => "OFF",
            Self::Registry => "REGISTRY",
            Self::RegistryAndShadow => "REGISTRY_AND_SHADOW",
        }
    }
}

/// The type of an aggregated field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each is the word of the API")]
pub enum FieldType {
    Number,
    String,
    Boolean,
}

impl FieldType {
    /// The name in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Number => "Number",
            Self::String => "String",
            Self::Boolean => "Boolean",
        }
    }
}

/// A field that can be aggregated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IndexField {
    /// Such as `attributes.room`.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub field_type: FieldType,
}

/// `thingIndexingConfiguration`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ThingIndexing {
    /// `thingIndexingMode`.
    pub mode: ThingIndexingMode,
    /// `thingConnectivityIndexingMode` is STATUS.
    pub connectivity: bool,
    /// `deviceDefenderIndexingMode` is VIOLATIONS.
    pub device_defender: bool,
    /// `namedShadowIndexingMode` is ON.
    pub named_shadows: bool,
    /// `filter.namedShadowNames`.
    pub named_shadow_names: Vec<String>,
    /// `customFields`.
    pub custom_fields: Vec<IndexField>,
}

/// `thingGroupIndexingConfiguration`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ThingGroupIndexing {
    /// `thingGroupIndexingMode` is ON.
    pub on: bool,
    /// `customFields`.
    pub custom_fields: Vec<IndexField>,
}

/// Everything about indexing that was set in a scope; all OFF at first (API-228).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct IndexingConfiguration {
    /// Things.
    pub things: ThingIndexing,
    /// Thing groups.
    pub groups: ThingGroupIndexing,
}

/// `DescribeIndex`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DescribedIndex {
    /// `AWS_Things` or `AWS_ThingGroups`.
    pub name: &'static str,
    /// ACTIVE: a query sees every change, so an index is never being built.
    pub status: &'static str,
    /// Such as `REGISTRY_AND_SHADOW`.
    pub schema: &'static str,
}

impl ThingIndexing {
    /// Fields that are aggregated without being asked for (API-232).
    pub fn managed_fields(&self) -> Vec<IndexField> {
        let mut fields = Vec::new();
        let mut add = |names: &[(&str, FieldType)]| {
            let named =
                names.iter().map(|(name, kind)| IndexField { name: (*name).to_owned(), field_type: *kind });
            fields.extend(named);
        };
        if self.mode != ThingIndexingMode::Off {
            add(REGISTRY_FIELDS);
        }
        if self.mode == ThingIndexingMode::RegistryAndShadow {
            add(&[("shadow.version", FieldType::Number), ("shadow.hasDelta", FieldType::Boolean)]);
        }
        if self.named_shadows {
            add(&[
                ("shadow.name.*.version", FieldType::Number),
                ("shadow.name.*.hasDelta", FieldType::Boolean),
            ]);
        }
        if self.connectivity {
            add(CONNECTIVITY_FIELDS);
        }
        if self.device_defender {
            add(&[("deviceDefender.violationCount", FieldType::Number)]);
        }
        fields
    }

    /// Refuses managed fields that are given with another type than they have. Fields of sources that are off may be repeated, as
    /// whoever read them before does (API-232).
    ///
    /// # Errors
    /// `InvalidRequest`.
    pub fn check_managed(given: &[IndexField]) -> Result<()> {
        let everything = Self {
            mode: ThingIndexingMode::RegistryAndShadow,
            connectivity: true,
            device_defender: true,
            named_shadows: true,
            ..Self::default()
        };
        check_types(given, &everything.managed_fields())
    }

    fn check(&self) -> Result<()> {
        if self.mode == ThingIndexingMode::Off
            && (self.connectivity || self.device_defender || self.named_shadows)
        {
            return Err(RegistryError::invalid(
                "Connectivity, Device Defender and named shadow indexing need thingIndexingMode REGISTRY or REGISTRY_AND_SHADOW",
            ));
        }
        if self.named_shadow_names.len() > MOST_NAMED_SHADOWS {
            return Err(RegistryError::invalid(format!(
                "At most {MOST_NAMED_SHADOWS} named shadows can be indexed, {} were given",
                self.named_shadow_names.len()
            )));
        }
        check_fields(&self.custom_fields, |name| {
            let shadow = self.mode == ThingIndexingMode::RegistryAndShadow;
            let named = name.strip_prefix("shadow.name.").and_then(|rest| rest.split_once('.'));
            match named {
                Some((shadow, rest)) => {
                    self.named_shadows
                        && self.named_shadow_names.iter().any(|known| known == shadow)
                        && (rest.starts_with("desired.") || rest.starts_with("reported."))
                }
                None => {
                    name.starts_with("attributes.") && self.mode != ThingIndexingMode::Off
                        || shadow
                            && (name.starts_with("shadow.desired.") || name.starts_with("shadow.reported."))
                        || self.device_defender && name.starts_with("deviceDefender.")
                }
            }
        })
    }

    fn schema(&self) -> &'static str {
        if self.named_shadows || self.device_defender {
            return "MULTI_INDEXING_MODE";
        }
        match (self.mode, self.connectivity) {
            (ThingIndexingMode::RegistryAndShadow, true) => "REGISTRY_AND_SHADOW_AND_CONNECTIVITY_STATUS",
            (ThingIndexingMode::RegistryAndShadow, false) => "REGISTRY_AND_SHADOW",
            (_, true) => "REGISTRY_AND_CONNECTIVITY_STATUS",
            (_, false) => "REGISTRY",
        }
    }
}

impl ThingGroupIndexing {
    /// Fields that are aggregated without being asked for (API-232).
    pub fn managed_fields(&self) -> Vec<IndexField> {
        let named =
            |(name, kind): &(&str, FieldType)| IndexField { name: (*name).to_owned(), field_type: *kind };
        if self.on { GROUP_FIELDS.iter().map(named).collect() } else { Vec::new() }
    }

    /// The same as [`ThingIndexing::check_managed`].
    ///
    /// # Errors
    /// `InvalidRequest`.
    pub fn check_managed(given: &[IndexField]) -> Result<()> {
        check_types(given, &Self { on: true, ..Self::default() }.managed_fields())
    }
}

impl Registry {
    /// What is indexed (API-228).
    pub fn get_indexing_configuration(&self, scope: &Scope) -> IndexingConfiguration {
        self.read(scope, |state| state.indexing.clone())
    }

    /// Changes what is indexed; the half left out stays, the half given is replaced (API-229 to API-232, API-237).
    ///
    /// # Errors
    /// `InvalidRequest`.
    pub async fn update_indexing_configuration(
        &self,
        scope: &Scope,
        things: Option<ThingIndexing>,
        groups: Option<ThingGroupIndexing>,
    ) -> Result<()> {
        self.change(scope, |state, change| {
            if let Some(things) = &things {
                things.check()?;
                let dynamic = state.thing_groups.iter().any(|group| group.dynamic.is_some());
                if things.mode == ThingIndexingMode::Off && dynamic {
                    return Err(RegistryError::invalid(
                        "Thing indexing cannot be switched off while dynamic thing groups exist",
                    ));
                }
            }
            if let Some(groups) = &groups {
                check_fields(&groups.custom_fields, |name| groups.on && name.starts_with("attributes."))?;
            }
            if let Some(things) = things {
                state.indexing.things = things;
                change.redefined = Redefined::Index;
            }
            if let Some(groups) = groups {
                state.indexing.groups = groups;
            }
            let row = serde_json::to_string(&state.indexing).unwrap_or_default();
            change.batch.put(INDEXING, scope, ROW, row);
            Ok(())
        })
        .await
    }

    /// An index (API-233).
    ///
    /// # Errors
    /// `ResourceNotFound` for one that is off or unknown (API-234).
    pub fn describe_index(&self, scope: &Scope, name: &str) -> Result<DescribedIndex> {
        self.read(scope, |state| match index(state, name)? {
            Index::Things => {
                Ok(DescribedIndex { name: THINGS, status: "ACTIVE", schema: state.indexing.things.schema() })
            }
            Index::Groups => Ok(DescribedIndex { name: GROUPS, status: "ACTIVE", schema: "THING_GROUPS" }),
        })
    }

    /// The names of the indices that are on (API-236).
    pub fn list_indices(&self, scope: &Scope) -> Vec<&'static str> {
        self.read(scope, |state| {
            [THINGS, GROUPS].into_iter().filter(|name| index(state, name).is_ok()).collect()
        })
    }
}

/// One of the two indices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Index {
    Things,
    Groups,
}

/// The index of a name, if it is on (API-234).
pub(crate) fn index(state: &State, name: &str) -> Result<Index> {
    match name {
        THINGS if state.indexing.things.mode != ThingIndexingMode::Off => Ok(Index::Things),
        GROUPS if state.indexing.groups.on => Ok(Index::Groups),
        _ => Err(RegistryError::not_found(format!(
            "Index {name} does not exist. Please enable index by calling UpdateIndexingConfiguration"
        ))),
    }
}

fn check_types(given: &[IndexField], known: &[IndexField]) -> Result<()> {
    let other = |given: &&IndexField| {
        known.iter().any(|known| known.name == given.name && known.field_type != given.field_type)
    };
    match given.iter().find(other) {
        None => Ok(()),
        Some(field) => Err(RegistryError::invalid(format!(
            "The managed field {} is not of type {}; managed fields cannot be changed",
            field.name,
            field.field_type.name()
        ))),
    }
}

fn check_fields(fields: &[IndexField], indexed: impl Fn(&str) -> bool) -> Result<()> {
    if fields.len() > MOST_CUSTOM_FIELDS {
        return Err(RegistryError::invalid(format!(
            "At most {MOST_CUSTOM_FIELDS} custom fields can be indexed, {} were given",
            fields.len()
        )));
    }
    match fields.iter().find(|field| !indexed(&field.name)) {
        None => Ok(()),
        Some(field) => Err(RegistryError::invalid(format!(
            "The custom field {} does not belong to an indexed data source",
            field.name
        ))),
    }
}

const REGISTRY_FIELDS: &[(&str, FieldType)] = &[
    ("thingId", FieldType::String),
    ("thingName", FieldType::String),
    ("registry.version", FieldType::Number),
    ("registry.thingTypeName", FieldType::String),
    ("registry.thingGroupNames", FieldType::String),
];
const CONNECTIVITY_FIELDS: &[(&str, FieldType)] = &[
    ("connectivity.timestamp", FieldType::Number),
    ("connectivity.version", FieldType::Number),
    ("connectivity.connected", FieldType::Boolean),
    ("connectivity.disconnectReason", FieldType::String),
];
const GROUP_FIELDS: &[(&str, FieldType)] = &[
    ("description", FieldType::String),
    ("parentGroupNames", FieldType::String),
    ("thingGroupId", FieldType::String),
    ("thingGroupName", FieldType::String),
    ("version", FieldType::Number),
];
pub(crate) const THINGS: &str = "AWS_Things";
pub(crate) const GROUPS: &str = "AWS_ThingGroups";
const MOST_CUSTOM_FIELDS: usize = 5;
const MOST_NAMED_SHADOWS: usize = 10;
/// One row a scope.
pub(crate) const INDEXING: Table = Table::new("indexing_configurations");
const ROW: &str = "configuration";
