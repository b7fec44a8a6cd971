//! Aggregations over what a query finds (api.md 4.17).

use std::collections::{BTreeMap, BTreeSet};

use thingstead_core::Scope;

use super::configuration::{GROUPS, Index, IndexField, THINGS};
use super::documents::{Fields, Scalar};
use super::index::canonical;
use super::search::SearchQuery;
use crate::{FieldType, Registry, RegistryError, Result};

/// `GetStatistics` (API-261). Only `count` where nothing matched or the values are texts.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Statistics {
    /// How many values.
    pub count: u64,
    /// The numbers, where the values are numbers or booleans.
    pub numbers: Option<Numbers>,
}

/// The numbers of [`Statistics`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Numbers {
    /// Arithmetic mean.
    pub average: f64,
    /// Sum.
    pub sum: f64,
    /// Smallest.
    pub minimum: f64,
    /// Largest.
    pub maximum: f64,
    /// Sum of the squares.
    pub sum_of_squares: f64,
    /// Of the population.
    pub variance: f64,
    /// Of the population.
    pub std_deviation: f64,
}

/// A percentile (API-264).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Percentile {
    /// 0 to 100.
    pub percent: f64,
    /// The value below which that part lies, interpolated.
    pub value: f64,
}

/// `GetBucketsAggregation` (API-265).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Buckets {
    /// Things that match the query.
    pub total_count: u64,
    /// Largest first.
    pub buckets: Vec<Bucket>,
}

/// A value and how often it occurs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// The value as text.
    pub key_value: String,
    /// How often.
    pub count: u64,
}

impl Registry {
    /// Statistics of a field, `registry.version` where none is named (API-261, API-262).
    ///
    /// # Errors
    /// `ResourceNotFound`, `InvalidQuery`, `InvalidAggregation`.
    pub fn get_statistics(
        &self,
        scope: &Scope,
        query: &SearchQuery,
        field: Option<&str>,
    ) -> Result<Statistics> {
        let found = self.field_values(scope, query, field.unwrap_or("registry.version"))?;
        let count = found.values.len() as u64;
        if found.field.field_type == FieldType::String {
            return Ok(Statistics { count, numbers: None });
        }
        let numbers: Vec<f64> = found.values.iter().filter_map(as_number).collect();
        Ok(Statistics { count, numbers: numbers_of(&numbers) })
    }

    /// How many different values a field has (API-263).
    ///
    /// # Errors
    /// `ResourceNotFound`, `InvalidQuery`, `InvalidAggregation`.
    pub fn get_cardinality(&self, scope: &Scope, query: &SearchQuery, field: Option<&str>) -> Result<u64> {
        let found = self.field_values(scope, query, field.unwrap_or("registry.version"))?;
        let different: BTreeSet<_> = found.values.iter().map(Scalar::text).collect();
        Ok(different.len() as u64)
    }

    /// Percentiles of a field of numbers; the usual seven where none are named (API-264).
    ///
    /// # Errors
    /// `ResourceNotFound`, `InvalidQuery`, `InvalidAggregation`, `InvalidRequest` for a percentage outside 0 to 100.
    pub fn get_percentiles(
        &self,
        scope: &Scope,
        query: &SearchQuery,
        field: Option<&str>,
        percents: &[f64],
    ) -> Result<Vec<Percentile>> {
        if let Some(outside) = percents.iter().find(|percent| !(0.0..=100.0).contains(*percent)) {
            return Err(RegistryError::invalid(format!("`{outside}` is no percentage; expected 0 to 100")));
        }
        let found = self.field_values(scope, query, field.unwrap_or("registry.version"))?;
        if found.field.field_type != FieldType::Number {
            return Err(RegistryError::InvalidAggregation(format!(
                "Percentiles need a field of type Number, {} has type {}",
                found.field.name,
                found.field.field_type.name()
            )));
        }
        let mut numbers: Vec<f64> = found.values.iter().filter_map(as_number).collect();
        numbers.sort_by(f64::total_cmp);
        let percents = if percents.is_empty() { USUAL } else { percents };
        let percentile =
            |percent: &f64| Some(Percentile { percent: *percent, value: at(&numbers, *percent)? });
        Ok(percents.iter().filter_map(percentile).collect())
    }

    /// The most frequent values of a field, at most `most` (API-265).
    ///
    /// # Errors
    /// `ResourceNotFound`, `InvalidQuery`, `InvalidAggregation`, `InvalidRequest` for an unusable `most`.
    pub fn get_buckets_aggregation(
        &self,
        scope: &Scope,
        query: &SearchQuery,
        field: &str,
        most: Option<usize>,
    ) -> Result<Buckets> {
        let most = most.unwrap_or(10);
        if !(1..=10_000).contains(&most) {
            return Err(RegistryError::invalid(format!(
                "`{most}` is no number of buckets; expected 1 to 10000"
            )));
        }
        let found = self.field_values(scope, query, field)?;
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        for value in &found.values {
            *counts.entry(value.text().into_owned()).or_default() += 1;
        }
        let mut buckets: Vec<Bucket> =
            counts.into_iter().map(|(key_value, count)| Bucket { key_value, count }).collect();
        buckets.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.key_value.cmp(&b.key_value)));
        buckets.truncate(most);
        Ok(Buckets { total_count: found.documents, buckets })
    }

    /// The values of a field, in the documents that fulfil a query; those of the wrong type are left out (API-260, API-261).
    fn field_values(&self, scope: &Scope, query: &SearchQuery, name: &str) -> Result<FieldValues> {
        let configured = self.get_indexing_configuration(scope);
        let fields: Vec<IndexField> = match query.index_name.as_deref().unwrap_or(THINGS) {
            GROUPS => {
                let groups = configured.groups;
                groups.managed_fields().into_iter().chain(groups.custom_fields).collect()
            }
            _ => {
                let things = configured.things;
                things.managed_fields().into_iter().chain(things.custom_fields).collect()
            }
        };
        let (which, parsed) = self.parsed(scope, query)?;
        let field = fields.into_iter().find(|field| is_named(&field.name, name)).ok_or_else(|| {
            RegistryError::InvalidAggregation(format!(
                "The aggregation field {name} is neither a managed field nor a custom field"
            ))
        })?;
        let (documents, mut values) = match which {
            Index::Things => {
                let name = canonical(name);
                self.with_index(scope, &parsed, Some(name), |index| index.values(&parsed, name))
            }
            Index::Groups => {
                let found = self.matching_groups(scope, &parsed);
                (found.len(), found.iter().flat_map(|group| group.values(name)).collect())
            }
        };
        values.retain(|value| match field.field_type {
            FieldType::Number => value.number().is_some(),
            FieldType::String => matches!(value, Scalar::Text(_)),
            FieldType::Boolean => match value {
                Scalar::Bool(_) => true,
                Scalar::Text(text) => matches!(text.as_str(), "true" | "false"),
                Scalar::Number(_) => false,
            },
        });
        Ok(FieldValues { field, values, documents: documents as u64 })
    }
}

struct FieldValues {
    field: IndexField,
    values: Vec<Scalar>,
    documents: u64,
}

/// A managed field of named shadows stands for each of them.
fn is_named(pattern: &str, name: &str) -> bool {
    match pattern.split_once(".*.") {
        None => pattern == name,
        Some((before, after)) => name
            .strip_prefix(before)
            .and_then(|rest| rest.strip_prefix('.'))
            .and_then(|rest| rest.split_once('.'))
            .is_some_and(|(_, rest)| rest == after),
    }
}

fn as_number(value: &Scalar) -> Option<f64> {
    match value {
        Scalar::Bool(value) => Some(f64::from(u8::from(*value))),
        Scalar::Text(text) if text == "true" => Some(1.0),
        Scalar::Text(text) if text == "false" => Some(0.0),
        other => other.number(),
    }
}

fn numbers_of(values: &[f64]) -> Option<Numbers> {
    if values.is_empty() {
        return None;
    }
    let count = values.len() as f64;
    let sum: f64 = values.iter().sum();
    let average = sum / count;
    let variance = values.iter().map(|value| (value - average).powi(2)).sum::<f64>() / count;
    Some(Numbers {
        average,
        sum,
        minimum: values.iter().copied().fold(f64::INFINITY, f64::min),
        maximum: values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        sum_of_squares: values.iter().map(|value| value * value).sum(),
        variance,
        std_deviation: variance.sqrt(),
    })
}

/// Between the two nearest of the sorted values.
fn at(sorted: &[f64], percent: f64) -> Option<f64> {
    let place = percent / 100.0 * sorted.len().checked_sub(1)? as f64;
    let (below, above) = (sorted.get(place.floor() as usize)?, sorted.get(place.ceil() as usize)?);
    Some(below + (above - below) * place.fract())
}

const USUAL: &[f64] = &[1.0, 5.0, 25.0, 50.0, 75.0, 95.0, 99.0];
