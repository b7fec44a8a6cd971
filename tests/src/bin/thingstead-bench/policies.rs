//! What permissions cost: a fleet's policy against one statement that allows everything.

use std::time::Duration;

use crate::Outcome;
use crate::broker::{Broker, Door};
use crate::load::{self, Scenario};
use crate::report::{Figure, Measured, Spread};

pub(crate) const NAME: &str = "policies against allow-all";

/// The cost of a message with either policy. Under one load the policies take turns, many times, so that whatever else the
/// machine does disturbs both alike; the median of the ratios of neighbours is told.
pub(crate) async fn measure(broker: &Broker) -> Outcome<Vec<Figure>> {
    let admin = broker.admin()?;
    admin.allow_all().await?;
    let scenario = Scenario::busy_pairs(Door::MutualTls);
    let (mut fleet, mut open, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    load::under(&scenario, broker, async |meter| {
        let cost = async || {
            tokio::time::sleep(Duration::from_millis(50)).await;
            let before = broker.cpu_time()?;
            let reading = meter.window(WINDOW).await;
            let spent = broker.cpu_time()?.saturating_sub(before);
            Outcome::Ok(Measured::per_delivery(spent, &reading).cost())
        };
        for _ in 0..ROUNDS {
            let with = cost().await?;
            admin.switch_policy("allow-all", "bench").await?;
            let without = cost().await?;
            admin.switch_policy("bench", "allow-all").await?;
            fleet.push(with);
            open.push(without);
            ratios.push(with / without);
        }
        Ok(())
    })
    .await?;
    Ok(vec![
        Figure::new(
            "16 pairs, QoS 0, 32 in flight: four statements, one variable",
            "µs/message",
            Spread::of(&fleet).median,
        ),
        Figure::new("the same with one allow-all statement", "µs/message", Spread::of(&open).median),
        Figure::new(format!("{NAME}: ratio"), "", Spread::of(&ratios).median).at_most(1.03),
    ])
}

const WINDOW: Duration = Duration::from_millis(1_000);
const ROUNDS: usize = 11;
