//! What a subscriber that does not read does to the others.

use std::time::Duration;

use crate::Outcome;
use crate::broker::Broker;
use crate::load::{self, Scenario};
use crate::report::Figure;

pub(crate) const NAME: &str = "one slow subscriber among 150";

/// The p99 of those who read, with and without one who does not: the best of several rounds each, in turns.
pub(crate) async fn measure(broker: &Broker, measure: Duration) -> Outcome<Vec<Figure>> {
    let (mut without, mut with) = (f64::INFINITY, f64::INFINITY);
    for _ in 0..ROUNDS {
        without = without.min(load::run(&Scenario::fan_out(0), broker, measure).await?.p99());
        with = with.min(load::run(&Scenario::fan_out(1), broker, measure).await?.p99());
    }
    Ok(vec![
        Figure::new("1 publisher to 150, 4 KiB: p99", "ms", without),
        Figure::new(format!("{NAME}: p99 of the others"), "ms", with),
        Figure::new(format!("{NAME}: ratio"), "", with / without).at_most(1.2),
    ])
}

const ROUNDS: usize = 3;
