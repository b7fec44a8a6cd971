//! Searching the fleet, counting in it, and asking whether a thing is connected (sections 4.16 to 4.18).

use serde::{Deserialize, Serialize};
use thingstead_registry::{
    Attributes, Connectivity, FoundDocuments, RegistryError, SearchQuery, ThingDocument, ThingGroupDocument,
};

use super::lists::{Epoch, TokenPage};
use crate::{ApiError, Call};

/// The members that every query has.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Query {
    index_name: Option<String>,
    query_string: String,
    query_version: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct SearchIndexRequest {
    #[serde(flatten)]
    query: Query,
    #[serde(flatten)]
    page: TokenPage,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SearchIndexResponse {
    things: Option<Vec<ThingRow>>,
    thing_groups: Option<Vec<ThingGroupRow>>,
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ThingRow {
    thing_name: String,
    thing_id: String,
    thing_type_name: Option<String>,
    thing_group_names: Option<Vec<String>>,
    attributes: Option<Attributes>,
    /// A JSON text (API-240).
    shadow: Option<String>,
    connectivity: Option<ConnectivityMember>,
}

/// The time is in epoch milliseconds here (API-032).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ConnectivityMember {
    connected: bool,
    timestamp: Option<i64>,
    disconnect_reason: Option<String>,
    keep_alive_duration: Option<u32>,
    clean_session: Option<bool>,
    session_expiry: Option<u64>,
    client_id: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ThingGroupRow {
    thing_group_name: String,
    thing_group_id: String,
    thing_group_description: Option<String>,
    attributes: Option<Attributes>,
    parent_group_names: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AggregationRequest {
    #[serde(flatten)]
    query: Query,
    aggregation_field: Option<String>,
    #[serde(default)]
    percents: Vec<f64>,
}

#[derive(Serialize)]
pub(crate) struct GetStatisticsResponse {
    statistics: StatisticsMember,
}

/// Only the count where there are no numbers (API-261, API-262).
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct StatisticsMember {
    count: u64,
    average: Option<f64>,
    sum: Option<f64>,
    minimum: Option<f64>,
    maximum: Option<f64>,
    sum_of_squares: Option<f64>,
    variance: Option<f64>,
    std_deviation: Option<f64>,
}

#[derive(Serialize)]
pub(crate) struct GetCardinalityResponse {
    cardinality: u64,
}

#[derive(Serialize)]
pub(crate) struct GetPercentilesResponse {
    percentiles: Vec<PercentPair>,
}

#[derive(Serialize)]
struct PercentPair {
    percent: f64,
    value: f64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GetBucketsAggregationRequest {
    #[serde(flatten)]
    query: Query,
    aggregation_field: String,
    buckets_aggregation_type: BucketsAggregationType,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BucketsAggregationType {
    terms_aggregation: Option<TermsAggregation>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TermsAggregation {
    max_buckets: Option<usize>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GetBucketsAggregationResponse {
    total_count: u64,
    buckets: Vec<BucketMember>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BucketMember {
    key_value: String,
    count: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GetThingConnectivityDataRequest {
    thing_name: String,
    #[serde(default)]
    include_socket_information: bool,
}

/// The time is in epoch seconds here (API-266).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GetThingConnectivityDataResponse {
    thing_name: String,
    connected: bool,
    timestamp: Option<Epoch>,
    disconnect_reason: Option<&'static str>,
    keep_alive_duration: Option<u16>,
    clean_session: Option<bool>,
    session_expiry: Option<u32>,
    client_id: Option<String>,
    source_ip: Option<String>,
    source_port: Option<u16>,
    target_ip: Option<String>,
    target_port: Option<u16>,
}

/// Things, or groups from their index; ascending by name (API-238 – API-242).
pub(crate) async fn search_index(
    call: Call,
    input: SearchIndexRequest,
) -> Result<SearchIndexResponse, ApiError> {
    let (query, page) = (input.query.query(), input.page.request());
    // The model names no upper bound (API-053).
    if let Some(rows) = page.limit.filter(|rows| *rows > MOST_FOUND)
        && call.deps.settings.limits.are_aws()
    {
        return Err(ApiError::invalid_request(format!(
            "1 validation error detected: Value '{rows}' at 'maxResults' failed to satisfy constraint: Member must have \
             value less than or equal to {MOST_FOUND}"
        )));
    }
    let found = call.aside(move |call| call.deps.registry.search_index(&call.scope, &query, &page)).await?;
    let (things, thing_groups, next_token) = match found {
        FoundDocuments::Things(page) => {
            let page = page.map(ThingRow::of);
            (Some(page.items), None, page.next)
        }
        FoundDocuments::ThingGroups(page) => {
            let page = page.map(ThingGroupRow::of);
            (None, Some(page.items), page.next)
        }
    };
    Ok(SearchIndexResponse { things, thing_groups, next_token })
}

pub(crate) async fn get_statistics(
    call: Call,
    input: AggregationRequest,
) -> Result<GetStatisticsResponse, ApiError> {
    let (query, field) = (input.query.query(), input.aggregation_field);
    let found = call
        .aside(move |call| call.deps.registry.get_statistics(&call.scope, &query, field.as_deref()))
        .await?;
    let statistics = match found.numbers {
        None => StatisticsMember { count: found.count, ..StatisticsMember::default() },
        Some(numbers) => StatisticsMember {
            count: found.count,
            average: Some(numbers.average),
            sum: Some(numbers.sum),
            minimum: Some(numbers.minimum),
            maximum: Some(numbers.maximum),
            sum_of_squares: Some(numbers.sum_of_squares),
            variance: Some(numbers.variance),
            std_deviation: Some(numbers.std_deviation),
        },
    };
    Ok(GetStatisticsResponse { statistics })
}

pub(crate) async fn get_cardinality(
    call: Call,
    input: AggregationRequest,
) -> Result<GetCardinalityResponse, ApiError> {
    let (query, field) = (input.query.query(), input.aggregation_field);
    let cardinality = call
        .aside(move |call| call.deps.registry.get_cardinality(&call.scope, &query, field.as_deref()))
        .await?;
    Ok(GetCardinalityResponse { cardinality })
}

pub(crate) async fn get_percentiles(
    call: Call,
    input: AggregationRequest,
) -> Result<GetPercentilesResponse, ApiError> {
    let (query, field, percents) = (input.query.query(), input.aggregation_field, input.percents);
    let ask = move |call: Call| {
        call.deps.registry.get_percentiles(&call.scope, &query, field.as_deref(), &percents)
    };
    let found = call.aside(ask).await?;
    let pairs = found.into_iter().map(|one| PercentPair { percent: one.percent, value: one.value });
    Ok(GetPercentilesResponse { percentiles: pairs.collect() })
}

pub(crate) async fn get_buckets_aggregation(
    call: Call,
    input: GetBucketsAggregationRequest,
) -> Result<GetBucketsAggregationResponse, ApiError> {
    let most = input.buckets_aggregation_type.terms_aggregation.and_then(|terms| terms.max_buckets);
    let (query, field) = (input.query.query(), input.aggregation_field);
    let ask = move |call: Call| call.deps.registry.get_buckets_aggregation(&call.scope, &query, &field, most);
    let found = call.aside(ask).await?;
    let buckets = found.buckets.into_iter();
    Ok(GetBucketsAggregationResponse {
        total_count: found.total_count,
        buckets: buckets
            .map(|bucket| BucketMember { key_value: bucket.key_value, count: bucket.count })
            .collect(),
    })
}

/// Only while connectivity is indexed, and only of things (API-267).
pub(crate) async fn get_thing_connectivity_data(
    call: Call,
    input: GetThingConnectivityDataRequest,
) -> Result<GetThingConnectivityDataResponse, ApiError> {
    let registry = &call.deps.registry;
    registry.describe_thing(&call.scope, &input.thing_name)?;
    if !registry.get_indexing_configuration(&call.scope).things.connectivity {
        let message =
            "Index AWS_Things does not exist. Please enable index by calling UpdateIndexingConfiguration";
        return Err(RegistryError::ResourceNotFound(message.to_owned()).into());
    }
    let known = call.deps.broker.connection(&call.scope, &input.thing_name).await;
    let known = known.as_ref();
    let socket = known.and_then(|known| known.socket).filter(|_| input.include_socket_information);
    let reason = known.and_then(|known| known.disconnect_reason);
    Ok(GetThingConnectivityDataResponse {
        connected: known.is_some_and(|known| known.connected),
        timestamp: known.and_then(|known| known.connected_since.or(known.disconnected_since)).map(Epoch),
        disconnect_reason: reason.map(|reason| reason.name()),
        keep_alive_duration: known.map(|known| known.keep_alive),
        clean_session: known.map(|known| known.clean_session),
        session_expiry: known.map(|known| known.session_expiry),
        client_id: known.map(|_| input.thing_name.clone()),
        source_ip: socket.map(|socket| socket.source.ip().to_string()),
        source_port: socket.map(|socket| socket.source.port()),
        target_ip: socket.map(|socket| socket.target.ip().to_string()),
        target_port: socket.map(|socket| socket.target.port()),
        thing_name: input.thing_name,
    })
}

impl Query {
    fn query(self) -> SearchQuery {
        SearchQuery {
            index_name: self.index_name,
            query_string: self.query_string,
            query_version: self.query_version,
        }
    }
}

impl ThingRow {
    fn of(found: ThingDocument) -> Self {
        let thing = found.thing;
        Self {
            thing_name: thing.name.to_string(),
            thing_id: thing.id.clone(),
            thing_type_name: thing.type_name.clone(),
            thing_group_names: some(found.group_names),
            attributes: (!thing.attributes.is_empty()).then(|| thing.attributes.clone()),
            shadow: found.shadow,
            connectivity: found.connectivity.map(ConnectivityMember::of),
        }
    }
}

impl ConnectivityMember {
    fn of(known: Connectivity) -> Self {
        // A thing that never connected has nothing but `connected: false` (API-256).
        let seen = known.connected || known.at.as_millis() > 0;
        Self {
            connected: known.connected,
            timestamp: seen.then(|| known.at.as_millis()),
            disconnect_reason: known.disconnect_reason,
            keep_alive_duration: known.keep_alive_duration,
            clean_session: known.clean_session,
            session_expiry: known.session_expiry,
            client_id: known.client_id,
        }
    }
}

impl ThingGroupRow {
    fn of(found: ThingGroupDocument) -> Self {
        let group = found.group;
        Self {
            thing_group_name: group.name.clone(),
            thing_group_id: group.id.clone(),
            thing_group_description: group.description.clone(),
            attributes: (!group.attributes.is_empty()).then(|| group.attributes.clone()),
            parent_group_names: some(found.parent_names),
        }
    }
}

/// Parts that are empty are absent (API-239).
fn some<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}

/// Rows of a page of `SearchIndex` (API-053, API-238).
const MOST_FOUND: usize = 100;
