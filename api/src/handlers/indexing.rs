//! What is indexed (section 4.15).

use serde::{Deserialize, Serialize};
use thingstead_registry::{
    IndexField, IndexingConfiguration, ThingGroupIndexing, ThingIndexing, ThingIndexingMode,
};

use super::lists::{Empty, NoMembers, TokenPage, after, token};
use crate::{ApiError, Call};

/// Both halves, with the fields that are managed without being asked for.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GetIndexingConfigurationResponse {
    thing_indexing_configuration: ThingIndexingMember,
    thing_group_indexing_configuration: ThingGroupIndexingMember,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UpdateIndexingConfigurationRequest {
    thing_indexing_configuration: Option<ThingIndexingMember>,
    thing_group_indexing_configuration: Option<ThingGroupIndexingMember>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct ThingIndexingMember {
    thing_indexing_mode: ThingIndexingMode,
    #[serde(default)]
    thing_connectivity_indexing_mode: Switch,
    #[serde(default)]
    device_defender_indexing_mode: Switch,
    #[serde(default)]
    named_shadow_indexing_mode: Switch,
    /// On input only compared (API-232).
    #[serde(default)]
    managed_fields: Vec<IndexField>,
    #[serde(default)]
    custom_fields: Vec<IndexField>,
    filter: Option<IndexingFilter>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct ThingGroupIndexingMember {
    thing_group_indexing_mode: Switch,
    /// On input only compared (API-232).
    #[serde(default)]
    managed_fields: Vec<IndexField>,
    #[serde(default)]
    custom_fields: Vec<IndexField>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct IndexingFilter {
    #[serde(default)]
    named_shadow_names: Vec<String>,
    #[serde(default, skip_serializing)]
    geo_locations: Vec<serde_json::Value>,
}

/// A source that is off, or on under the word it has (API-230).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "UPPERCASE")]
enum Switch {
    #[default]
    Off,
    On,
    Status,
    Violations,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DescribeIndexRequest {
    index_name: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DescribeIndexResponse {
    index_name: &'static str,
    index_status: &'static str,
    schema: &'static str,
}

#[derive(Deserialize)]
pub(crate) struct ListIndicesRequest {
    #[serde(flatten)]
    page: TokenPage,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListIndicesResponse {
    index_names: Vec<&'static str>,
    next_token: Option<String>,
}

pub(crate) async fn get_indexing_configuration(
    call: Call,
    _input: NoMembers,
) -> Result<GetIndexingConfigurationResponse, ApiError> {
    let IndexingConfiguration { things, groups } = call.deps.registry.get_indexing_configuration(&call.scope);
    let on = |on: bool, word: Switch| if on { word } else { Switch::Off };
    let filter = (!things.named_shadow_names.is_empty()).then(|| IndexingFilter {
        named_shadow_names: things.named_shadow_names.clone(),
        geo_locations: Vec::new(),
    });
    Ok(GetIndexingConfigurationResponse {
        thing_indexing_configuration: ThingIndexingMember {
            thing_indexing_mode: things.mode,
            thing_connectivity_indexing_mode: on(things.connectivity, Switch::Status),
            device_defender_indexing_mode: on(things.device_defender, Switch::Violations),
            named_shadow_indexing_mode: on(things.named_shadows, Switch::On),
            managed_fields: things.managed_fields(),
            custom_fields: things.custom_fields,
            filter,
        },
        thing_group_indexing_configuration: ThingGroupIndexingMember {
            thing_group_indexing_mode: on(groups.on, Switch::On),
            managed_fields: groups.managed_fields(),
            custom_fields: groups.custom_fields,
        },
    })
}

/// The half left out stays; the half given is replaced (API-229).
pub(crate) async fn update_indexing_configuration(
    call: Call,
    input: UpdateIndexingConfigurationRequest,
) -> Result<Empty, ApiError> {
    let things = input.thing_indexing_configuration.map(ThingIndexingMember::indexing).transpose()?;
    let groups = input.thing_group_indexing_configuration;
    let groups = groups.map(ThingGroupIndexingMember::indexing).transpose()?;
    call.deps.registry.update_indexing_configuration(&call.scope, things, groups).await?;
    Ok(Empty {})
}

pub(crate) async fn describe_index(
    call: Call,
    input: DescribeIndexRequest,
) -> Result<DescribeIndexResponse, ApiError> {
    let index = call.deps.registry.describe_index(&call.scope, &input.index_name)?;
    Ok(DescribeIndexResponse { index_name: index.name, index_status: index.status, schema: index.schema })
}

pub(crate) async fn list_indices(
    call: Call,
    input: ListIndicesRequest,
) -> Result<ListIndicesResponse, ApiError> {
    let page = input.page.request();
    let behind = after("indices", page.token.as_deref())?;
    let names = call.deps.registry.list_indices(&call.scope);
    let mut rest =
        names.into_iter().skip_while(|name| behind.as_deref().is_some_and(|behind| *name != behind));
    if behind.is_some() {
        rest.next();
    }
    let index_names: Vec<&str> = rest.by_ref().take(page.limit.unwrap_or(usize::MAX)).collect();
    let more = rest.next().is_some();
    let next_token = index_names.last().filter(|_| more).map(|last| token("indices", last));
    Ok(ListIndicesResponse { index_names, next_token })
}

impl ThingIndexingMember {
    fn indexing(self) -> Result<ThingIndexing, ApiError> {
        ThingIndexing::check_managed(&self.managed_fields)?;
        let filter = self.filter;
        if filter.as_ref().is_some_and(|filter| !filter.geo_locations.is_empty()) {
            let message = "`filter.geoLocations` is not served: queries by place are not understood";
            return Err(ApiError::invalid_request(message));
        }
        Ok(ThingIndexing {
            mode: self.thing_indexing_mode,
            connectivity: self.thing_connectivity_indexing_mode != Switch::Off,
            device_defender: self.device_defender_indexing_mode != Switch::Off,
            named_shadows: self.named_shadow_indexing_mode != Switch::Off,
            named_shadow_names: filter.map(|filter| filter.named_shadow_names).unwrap_or_default(),
            custom_fields: self.custom_fields,
        })
    }
}

impl ThingGroupIndexingMember {
    fn indexing(self) -> Result<ThingGroupIndexing, ApiError> {
        ThingGroupIndexing::check_managed(&self.managed_fields)?;
        let on = self.thing_group_indexing_mode != Switch::Off;
        Ok(ThingGroupIndexing { on, custom_fields: self.custom_fields })
    }
}
