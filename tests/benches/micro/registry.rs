//! The registry with 1,000, 10,000 and 100,000 things: what an operation costs must not depend on how many there are.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};
use thingstead_core::{Clock, Ids, Journal, Scope, ThingName, Timestamp};
use thingstead_registry::{
    AttributePayload, Connectivity, CreateDynamicThingGroup, CreateThing, CreateThingGroup, FieldType,
    FleetSource, FoundDocuments, IndexField, Page, PageRequest, Registry, RegistrySettings, SearchQuery,
    TABLES, Thing, ThingFilter, ThingIndexing, ThingIndexingMode, UpdateThing,
};
use thingstead_store::Store;

use crate::table::Table;

/// Every thing has a shadow; ten are connected, and the first as it is told.
#[derive(Default)]
struct Fleet {
    told: AtomicU64,
}

impl FleetSource for Fleet {
    fn shadow(&self, _scope: &Scope, thing: &ThingName, _name: Option<&str>) -> Option<Value> {
        let n = number(thing);
        let battery = if n == 0 { self.told.load(Ordering::Relaxed) as usize } else { n % 1_000 };
        Some(json!({"state": {"reported": {"battery": battery}}, "metadata": {}, "version": 1}))
    }

    fn connectivity(&self, _scope: &Scope, client_id: &str) -> Option<Connectivity> {
        let n = number(client_id);
        let connected = if n == 0 { self.told.load(Ordering::Relaxed).is_multiple_of(2) } else { n <= 10 };
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
    let mut houses = Vec::new();
    for many in SIZES {
        let before = resident_kib();
        let Some(house) = House::with(many) else { continue };
        let bytes = resident_kib().saturating_sub(before) * 1024 / many as u64;
        table.note(&format!("registry: {many} things, bytes a thing without index"), bytes);
        houses.push(house);
    }
    measure_all(table, &mut houses);
    table.note("registry: kB of everything, with every index in use", resident_kib());
}

struct House {
    many: usize,
    registry: Registry,
    fleet: Arc<Fleet>,
    scope: Scope,
    runtime: tokio::runtime::Runtime,
    dice: u64,
}

impl House {
    fn with(many: usize) -> Option<Self> {
        let store = Store::ephemeral(TABLES).ok()?;
        let (clock, journal) = (Clock::frozen_at(Timestamp::from_millis(1)), Journal::default());
        let registry =
            Registry::open(store, clock, Ids::seeded(1), journal, RegistrySettings::default()).ok()?;
        let runtime = tokio::runtime::Builder::new_current_thread().build().ok()?;
        let (fleet, scope) = (Arc::new(Fleet::default()), Scope::new("000000000000", "us-east-1"));
        let house = Self { many, registry, fleet: Arc::clone(&fleet), scope, runtime, dice: 1 };
        house.registry.index_fleet_from(fleet);
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

    fn create_and_delete(&self) {
        let (registry, scope) = (&self.registry, &self.scope);
        let _ = self.runtime.block_on(async {
            registry.create_thing(scope, thing(self.many)).await?;
            registry.delete_thing(scope, &name(self.many), None).await
        });
    }

    fn list(&self, filter: &ThingFilter, page: &PageRequest) -> Option<Page<Arc<Thing>>> {
        self.registry.list_things(&self.scope, filter, page).ok()
    }

    /// The page that ends 50 things before the last.
    fn last_page(&self) -> PageRequest {
        let before = self.list(&ThingFilter::default(), &PageRequest::first(self.many - 100));
        PageRequest { token: before.and_then(|page| page.next), limit: Some(50) }
    }

    fn search(&self, text: &str) -> Option<FoundDocuments> {
        let query = SearchQuery { query_string: text.to_owned(), ..SearchQuery::default() };
        self.registry.search_index(&self.scope, &query, &PageRequest::first(50)).ok()
    }

    /// Another thing each time.
    fn any(&mut self) -> usize {
        self.dice = self.dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.dice >> 33) as usize % self.many
    }

    fn group_the_full(&self) {
        let _ = self.runtime.block_on(self.registry.create_dynamic_thing_group(
            &self.scope,
            CreateDynamicThingGroup {
                name: "full".to_owned(),
                query_string: "connectivity.connected:true AND shadow.reported.battery:>5".to_owned(),
                ..CreateDynamicThingGroup::default()
            },
        ));
    }

    fn update(&self) {
        let attributes = BTreeMap::from([("batch".to_owned(), (self.tell() % 7).to_string())]);
        let attributes = Some(AttributePayload { attributes: Some(attributes), merge: true });
        let request = UpdateThing { name: name(0), attributes, ..UpdateThing::default() };
        let _ = self.runtime.block_on(self.registry.update_thing(&self.scope, request));
    }

    fn tell(&self) -> u64 {
        self.fleet.told.fetch_add(1, Ordering::Relaxed)
    }
}

/// A line for a step that every house takes in turns.
fn line(table: &mut Table, houses: &mut [House], what: &str, mut step: impl FnMut(&mut House) + Copy) {
    let mut steps: Vec<Box<dyn FnMut()>> = Vec::new();
    for house in houses {
        steps.push(Box::new(move || step(house)));
    }
    table.compare(&format!("registry: {what}"), 1, &mut steps);
}

fn measure_all(table: &mut Table, houses: &mut [House]) {
    table.sizes(&SIZES);
    let all = ThingFilter::default();
    line(table, houses, "create and delete one", |house| house.create_and_delete());
    line(table, houses, "describe one", |house| {
        drop(black_box(house.registry.describe_thing(&house.scope, &name(500))))
    });
    line(table, houses, "first page of 50", |house| {
        drop(black_box(house.list(&all, &PageRequest::first(50))))
    });
    let mut steps: Vec<Box<dyn FnMut()>> = Vec::new();
    for house in &*houses {
        let (last, all) = (house.last_page(), all.clone());
        steps.push(Box::new(move || drop(black_box(house.list(&all, &last)))));
    }
    table.compare("registry: last page but one of 50", 1, &mut steps);
    drop(steps);
    let of_serial = |value: &str, by_prefix| ThingFilter {
        attribute_name: Some("serial".to_owned()),
        attribute_value: Some(value.to_owned()),
        by_prefix,
        ..ThingFilter::default()
    };
    let (one, few) = (of_serial("0000042", false), of_serial("000004", true));
    let page = PageRequest::first(50);
    line(table, houses, "list by attribute, one found", |house| drop(black_box(house.list(&one, &page))));
    line(table, houses, "list by prefix of an attribute, ten found", |house| {
        drop(black_box(house.list(&few, &page)))
    });
    for (what, text) in QUERIES {
        line(table, houses, &format!("search {what}"), |house| drop(black_box(house.search(text))));
    }
    line(table, houses, "search by name, another each time", |house| {
        let text = format!("thingName:{}", name(house.any()));
        drop(black_box(house.search(&text)));
    });
    line(table, houses, "search by attribute, another each time", |house| {
        let text = format!("attributes.serial:{}", house.any());
        drop(black_box(house.search(&text)));
    });
    line(table, houses, "statistics of one in a thousand", |house| {
        let query = SearchQuery { query_string: "attributes.batch:7".to_owned(), ..SearchQuery::default() };
        drop(black_box(house.registry.get_statistics(&house.scope, &query, Some("attributes.serial"))));
    });
    houses.iter().for_each(House::group_the_full);
    line(table, houses, "update one, a dynamic group looks on", |house| house.update());
    line(table, houses, "update one, then search by name", |house| {
        house.update();
        drop(black_box(house.search("thingName:device-0000000")));
    });
    line(table, houses, "one connects, then search by connectivity", |house| {
        house.tell();
        house.registry.connectivity_changed(&house.scope, &ThingName::from(name(0)));
        drop(black_box(house.search("connectivity.connected:true AND thingName:device-0000000")));
    });
    line(table, houses, "a shadow changes, then search by shadow", |house| {
        house.tell();
        house.registry.shadow_changed(&house.scope, &ThingName::from(name(0)));
        drop(black_box(house.search("shadow.reported.battery:7 AND thingName:device-0000000")));
    });
}

fn name(n: usize) -> String {
    format!("device-{n:07}")
}

fn thing(n: usize) -> CreateThing {
    let attributes =
        [("serial", format!("{n:07}")), ("batch", (n % 1_000).to_string()), ("model", "lamp".to_owned())];
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

const SIZES: [usize; 3] = [1_000, 10_000, 100_000];

/// The last three look at terms that more and more things fulfil.
const QUERIES: &[(&str, &str)] = &[
    ("by name, one found", "thingName:device-0000042"),
    ("by prefix, ten found", "thingName:device-000004*"),
    ("by prefix, page of 50 of all", "thingName:device-*"),
    ("by attribute, one found", "attributes.serial:42"),
    ("by range of an attribute, 21 found", "attributes.serial:[40 TO 60]"),
    ("by connectivity, ten found", "connectivity.connected:true"),
    ("of what two share, 21 found", "attributes.model:lamp AND attributes.serial:[40 TO 60]"),
    ("with NOT, page of 50 of nearly all", "attributes.model:lamp AND NOT attributes.batch:3"),
    ("by group and attribute, one found", "thingGroupNames:pilots AND attributes.serial:7"),
    ("by shadow and attribute, one found", "shadow.reported.battery:42 AND attributes.serial:42"),
    ("by word and attribute, one found", "42 AND attributes.serial:42"),
];
