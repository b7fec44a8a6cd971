//! Who wants a topic: the broker's subscription index with 100,000 filters, a tenth with `+`, a tenth with `#`.

use thingstead_broker::SubscriptionIndex;

use crate::table::Table;

pub(crate) fn measure(table: &mut Table) {
    let mut index = SubscriptionIndex::default();
    for number in 0..FILTERS {
        let (plant, sensor) = (number % PLANTS, number / PLANTS);
        index.subscribe(
            &match number % 10 {
                3 => format!("dt/plant-{plant}/+/temperature"),
                7 => format!("dt/plant-{plant}/sensor-{sensor}/#"),
                _ => format!("dt/plant-{plant}/sensor-{sensor}/temperature"),
            },
            number,
        );
    }
    let topics = |sensor: u32| {
        (0..64)
            .map(|n| format!("dt/plant-{}/sensor-{}/temperature", n * 15 % PLANTS, sensor + n))
            .collect::<Vec<_>>()
    };
    let (many, none) = (topics(7), topics(FILTERS));
    let mut turn = 0;
    for (name, topics) in [("known sensors", many), ("unknown sensors", none)] {
        let hits: usize = topics.iter().map(|topic| index.matches(topic)).sum();
        let name =
            format!("topic in 100,000 filters, {name} ({:.1} hits)", hits as f64 / topics.len() as f64);
        table.line(&name, || {
            turn = (turn + 1) % topics.len();
            topics.get(turn).map_or(0, |topic| index.matches(topic))
        });
    }
}

const FILTERS: u32 = 100_000;
const PLANTS: u32 = 1_009;
