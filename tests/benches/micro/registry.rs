//! The registry with 1,000, 10,000 and 100,000 things: what an operation costs must not depend on how many there are.

use std::sync::Arc;

use parking_lot::RwLock;
use serde_json::{Value, json};
use thingstead_core::{Clock, Ids, Journal, Scope, ThingName, Timestamp};
use thingstead_registry::{
    Connectivity, CreateThing, CreateThingGroup, FieldType, FleetSource, IndexField, PageRequest, Registry,
    RegistrySettings, SearchQuery, TABLES, ThingFilter, ThingIndexing, ThingIndexingMode,
};
use thingstead_store::Store;

use crate::table::Table;

/// Every thing has a shadow; one in a thousand is connected.
#[derive(Default)]
struct Fleet(RwLock<()>);

impl FleetSource for Fleet {
    fn shadow(&self, _scope: &Scope, thing: &ThingName, _name: Option<&str>) -> Option<Value> {
        let _read = self.0.read();
        let n = number(thing);
        Some(json!({"state": {"reported": {"battery": n % 1_000}}, "metadata": {}, "version": 1}))
    }

    fn connectivity(&self, _scope: &Scope, client_id: &str) -> Option<Connectivity> {
        let connected = number(client_id).is_multiple_of(1_000);
        Some(Connectivity { connected, at: Timestamp::from_millis(1), ..Connectivity::default() })
    }
}

fn number(name: &str) -> usize {
    name.rsplit('-').next().and_then(|digits| digits.parse().ok()).unwrap_or_default()
}

pub(crate) fn measure(table: &mut Table) {
    if !table.wants("registry:") {
        return;
    }
    for many in [1_000, 10_000, 100_000] {
        let before = resident_kib();
        if let Some(house) = House::with(many) {
            house.measure(table, many, before);
        }
    }
}

struct House {
    registry: Registry,
    scope: Scope,
    runtime: tokio::runtime::Runtime,
}

impl House {
    fn with(many: usize) -> Option<Self> {
        let store = Store::ephemeral(TABLES).ok()?;
        let (clock, journal) = (Clock::frozen_at(Timestamp::from_millis(1)), Journal::default());
        let registry =
            Registry::open(store, clock, Ids::seeded(1), journal, RegistrySettings::default()).ok()?;
        let runtime = tokio::runtime::Builder::new_current_thread().build().ok()?;
        let house = Self { registry, scope: Scope::new("000000000000", "us-east-1"), runtime };
        house.registry.index_fleet_from(Arc::new(Fleet::default()));
        house.furnish(many).ok()?;
        Some(house)
    }

    fn furnish(&self, many: usize) -> thingstead_registry::Result<()> {
        let (registry, scope) = (&self.registry, &self.scope);
        self.runtime.block_on(async {
            let indexing = ThingIndexing {
                mode: ThingIndexingMode::RegistryAndShadow,
                connectivity: true,
                custom_fields: vec![IndexField {
                    name: "attributes.serial".to_owned(),
                    field_type: FieldType::Number,
                }],
                ..ThingIndexing::default()
            };
            registry.update_indexing_configuration(scope, Some(indexing), None).await?;
            let group = CreateThingGroup { name: "pilots".to_owned(), ..CreateThingGroup::default() };
            registry.create_thing_group(scope, group).await?;
            for n in 0..many {
                registry.create_thing(scope, thing(n)).await?;
                if n % 1_000 == 7 {
                    registry.add_thing_to_thing_group(scope, "pilots", &name(n), false).await?;
                }
            }
            Ok(())
        })
    }

    fn measure(&self, table: &mut Table, many: usize, before: u64) {
        let (registry, scope) = (&self.registry, &self.scope);
        let per_thing = |now: u64| now.saturating_sub(before) * 1024 / many as u64;
        table.note(
            &format!("registry: {many} things, bytes a thing without index"),
            per_thing(resident_kib()),
        );
        let mut next = many;
        table.line(&format!("registry: {many} things, create and delete one"), || {
            next += 1;
            self.runtime.block_on(async {
                registry.create_thing(scope, thing(next)).await?;
                registry.delete_thing(scope, &name(next), None).await
            })
        });
        let middle = name(many / 2);
        table.line(&format!("registry: {many} things, describe one"), || {
            registry.describe_thing(scope, &middle)
        });
        let first = PageRequest::first(50);
        let list = |page: &PageRequest| registry.list_things(scope, &ThingFilter::default(), page);
        table.line(&format!("registry: {many} things, first page of 50"), || list(&first));
        let deep = list(&PageRequest::first(many - 100)).ok().and_then(|page| page.next);
        let deep = PageRequest { token: deep, limit: Some(50) };
        table.line(&format!("registry: {many} things, last page but one of 50"), || list(&deep));
        for (what, text) in QUERIES {
            let query = SearchQuery { query_string: (*text).to_owned(), ..SearchQuery::default() };
            let page = PageRequest::first(50);
            table.line(&format!("registry: {many} things, search {what}"), || {
                registry.search_index(scope, &query, &page)
            });
        }
        let query = SearchQuery { query_string: "attributes.batch:7".to_owned(), ..SearchQuery::default() };
        table.line(&format!("registry: {many} things, statistics of a thousandth"), || {
            registry.get_statistics(scope, &query, Some("attributes.serial"))
        });
        table.note(
            &format!("registry: {many} things, bytes a thing, eight fields indexed"),
            per_thing(resident_kib()),
        );
    }
}

fn name(n: usize) -> String {
    format!("device-{n:07}")
}

fn thing(n: usize) -> CreateThing {
    let attributes =
        [("serial", n.to_string()), ("batch", (n % 1_000).to_string()), ("model", "lamp".to_owned())];
    CreateThing {
        name: name(n),
        attributes: attributes.map(|(name, value)| (name.to_owned(), value)).into(),
        ..CreateThing::default()
    }
}

/// Resident memory of this process.
fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}

const QUERIES: &[(&str, &str)] = &[
    ("by name", "thingName:device-0000042"),
    ("by prefix of ten", "thingName:device-000004*"),
    ("by prefix of all", "thingName:device-*"),
    ("by attribute", "attributes.serial:42"),
    ("by range of attribute", "attributes.serial:[40 TO 60]"),
    ("by group", "thingGroupNames:pilots AND attributes.serial:7"),
    ("by connectivity", "connectivity.connected:true AND attributes.batch:0 AND attributes.serial:<1000"),
    ("by shadow", "shadow.reported.battery:42 AND attributes.serial:42"),
    ("by word in any field", "42 AND attributes.serial:42"),
    ("of what two share", "attributes.model:lamp AND attributes.serial:[40 TO 60]"),
    ("of what all but a few have", "attributes.model:lamp AND NOT attributes.batch:3"),
];
