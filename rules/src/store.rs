//! Rules and destinations in the database.

use serde::Serialize;
use serde::de::DeserializeOwned;
use thingstead_core::Scope;
use thingstead_store::{Batch, Commit, Store, Table};

use crate::RulesError;
use crate::destination::Destination;
use crate::rule::TopicRule;

/// The tables of this crate; hand them to `Store::open`.
pub const TABLES: &[Table] = &[RULES, DESTINATIONS];

/// Rules by name.
const RULES: Table = Table::new("topic_rules");
/// Destinations by ARN.
const DESTINATIONS: Table = Table::new("topic_rule_destinations");

/// Reads and writes rules and destinations as JSON.
#[derive(Clone, Debug)]
pub(crate) struct RuleStore(Store);

/// Changes to write together.
#[derive(Debug, Default)]
pub(crate) struct Changes(Batch);

impl RuleStore {
    pub(crate) fn new(store: Store) -> Self {
        Self(store)
    }

    /// Every rule of every scope.
    pub(crate) fn rules(&self, each: impl FnMut(Scope, TopicRule)) -> Result<(), String> {
        self.load(RULES, each)
    }

    /// Every destination of every scope.
    pub(crate) fn destinations(&self, each: impl FnMut(Scope, Destination)) -> Result<(), String> {
        self.load(DESTINATIONS, each)
    }

    /// Queues the changes; they are durable when the commit resolves.
    pub(crate) fn commit(&self, changes: Changes) -> Commit {
        self.0.commit(changes.0)
    }

    fn load<T: DeserializeOwned>(&self, table: Table, mut each: impl FnMut(Scope, T)) -> Result<(), String> {
        let mut unreadable = Ok(());
        let read = |row: thingstead_store::Row| match serde_json::from_slice(row.document.as_bytes()) {
            Ok(value) => each(row.scope, value),
            Err(error) => {
                unreadable =
                    Err(format!("the row `{}` of table `{}` cannot be read: {error}", row.key, table.name()));
            }
        };
        self.0.rows(table, read).map_err(|error| error.to_string())?;
        unreadable
    }
}

impl Changes {
    pub(crate) fn put_rule(&mut self, scope: &Scope, rule: &TopicRule) -> Result<(), RulesError> {
        self.0.put(RULES, scope, rule.name.as_str(), text(rule)?);
        Ok(())
    }

    pub(crate) fn delete_rule(&mut self, scope: &Scope, name: &str) {
        self.0.delete(RULES, scope, name);
    }

    pub(crate) fn put_destination(
        &mut self,
        scope: &Scope,
        destination: &Destination,
    ) -> Result<(), RulesError> {
        self.0.put(DESTINATIONS, scope, destination.arn.as_str(), text(destination)?);
        Ok(())
    }

    pub(crate) fn delete_destination(&mut self, scope: &Scope, arn: &str) {
        self.0.delete(DESTINATIONS, scope, arn);
    }
}

fn text<T: Serialize>(value: &T) -> Result<String, RulesError> {
    serde_json::to_string(value).map_err(|error| RulesError::Internal(error.to_string()))
}
