//! One mutation: what it writes, and what follows from it.

use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use thingstead_core::{CertificateId, Scope, ThingName, Timestamp};
use thingstead_store::{Batch, Table};

use crate::collection::{Collection, Resource};
use crate::registry::Inner;
use crate::relation::Relation;

/// What of the definitions behind index and dynamic groups changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Redefined {
    Nothing,
    /// Dynamic groups or their queries.
    Groups,
    /// What is indexed.
    Index,
}

/// Collects the rows of a mutation while it changes memory. A mutation judges everything first and changes only then, so that
/// a refusal leaves nothing behind.
pub(crate) struct Change<'a> {
    pub(crate) registry: &'a Inner,
    pub(crate) scope: &'a Scope,
    pub(crate) now: Timestamp,
    pub(crate) batch: Batch,
    /// Whether a decision may come out differently now.
    pub(crate) decisions: bool,
    pub(crate) left_active: Vec<CertificateId>,
    /// Things whose properties or static groups changed.
    pub(crate) things: Vec<ThingName>,
    /// Things whose dynamic groups changed.
    pub(crate) regrouped: Vec<ThingName>,
    pub(crate) redefined: Redefined,
    /// Topics and payloads to be published once the change is durable.
    pub(crate) events: Vec<(String, Value)>,
}

impl<'a> Change<'a> {
    pub(crate) fn new(registry: &'a Inner, scope: &'a Scope) -> Self {
        Self {
            registry,
            scope,
            now: registry.clock.now(),
            batch: Batch::new(),
            decisions: false,
            left_active: Vec::new(),
            things: Vec::new(),
            regrouped: Vec::new(),
            redefined: Redefined::Nothing,
            events: Vec::new(),
        }
    }

    /// Creates or replaces a resource.
    pub(crate) fn put<T: Resource>(&mut self, collection: &mut Collection<T>, item: T) -> Arc<T> {
        let (item, row) = collection.put(item);
        self.batch.put(T::TABLE, self.scope, item.key(), row);
        self.things.extend(item.indexed_thing().cloned());
        item
    }

    /// Removes a resource.
    pub(crate) fn remove<T: Resource>(
        &mut self,
        collection: &mut Collection<T>,
        key: &str,
    ) -> Option<Arc<T>> {
        let item = collection.remove(key)?;
        self.batch.delete(T::TABLE, self.scope, key);
        self.things.extend(item.indexed_thing().cloned());
        Some(item)
    }

    /// Relates two resources.
    pub(crate) fn relate<V: Serialize + DeserializeOwned>(
        &mut self,
        table: Table,
        relation: &mut Relation<V>,
        left: &str,
        right: &str,
        value: V,
    ) {
        let (key, row) = relation.insert(left, right, value);
        self.batch.put(table, self.scope, key, row);
    }

    /// Parts two resources; what related them.
    pub(crate) fn part<V: Serialize + DeserializeOwned>(
        &mut self,
        table: Table,
        relation: &mut Relation<V>,
        left: &str,
        right: &str,
    ) -> Option<V> {
        let (value, key) = relation.remove(left, right)?;
        self.batch.delete(table, self.scope, key);
        Some(value)
    }

    /// A new identifier such as `thingId`.
    pub(crate) fn uuid(&self) -> String {
        self.registry.ids.uuid().to_string()
    }

    /// Whether AWS's sizes and counts apply.
    pub(crate) fn limited(&self) -> bool {
        self.registry.settings.limits.are_aws()
    }
}
