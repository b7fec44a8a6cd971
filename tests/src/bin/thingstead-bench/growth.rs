//! What an update costs with more and more shadows stored.

use std::fmt;
use std::time::Duration;

use crate::Outcome;
use crate::broker::Broker;
use crate::report::Spread;
use crate::shadows::{Load, update_once};

/// What an update costs with so many shadows stored.
struct Stored {
    shadows: usize,
    broker: Broker,
    costs: [Costs; LOADS.len()],
    /// Resident memory before and after the shadows were made.
    kib: (u64, u64),
}

/// Of one load, one for each round.
#[derive(Default)]
struct Costs {
    /// Microseconds of processor time.
    each: Vec<f64>,
    /// By what the first size cost in the same round.
    ratios: Vec<f64>,
    per_second: f64,
    p99: Duration,
}

/// Which of the shadows are updated, each as often as the next.
#[derive(Clone, Copy)]
enum Updated {
    /// A hundred, however many are stored: what it costs that the others are there.
    Hundred,
    /// Whoever is updated has not been visited since all others were: what it costs, too, that nothing of it is in the processor's caches.
    All,
}

const LOADS: [(Updated, &str); 2] = [(Updated::Hundred, "a hundred of them"), (Updated::All, "all in turn")];

/// Several sizes, each in a broker of its own, measured in turns. One after the other they would tell most of all how the machine is
/// now faster and now slower: what 100 shadows cost has been seen to double within a minute of the same load.
pub(crate) struct Growth(Vec<Stored>);

impl Growth {
    /// `start` makes a broker of that name.
    pub(crate) async fn measure(
        start: impl AsyncFn(&str) -> Outcome<Broker>,
        measure: Duration,
    ) -> Outcome<Self> {
        let mut sizes = Vec::new();
        for shadows in SIZES {
            let broker = start(&format!("stored-{shadows}")).await?;
            let before = broker.resident_kib()?;
            update_once(&broker, 0..shadows).await?;
            let kib = (before, broker.resident_kib()?);
            // A shadow remembers ten versions. Until it has them each update takes new memory, which a hundred have behind them at once.
            for _ in 0..VERSIONS {
                update_once(&broker, 0..shadows).await?;
            }
            let stored = Stored { shadows, broker, costs: Default::default(), kib };
            stored.settle().await?;
            sizes.push(stored);
        }
        for round in 0..ROUNDS {
            for (load, (updated, _)) in LOADS.into_iter().enumerate() {
                // To and fro, so that a machine that grows slower does so for all.
                let mut order: Vec<_> = sizes.iter_mut().collect();
                if round % 2 == 1 {
                    order.reverse();
                }
                for stored in order {
                    stored.measure(load, updated, measure).await?;
                }
                let mut costs = sizes.iter_mut().filter_map(|stored| stored.costs.get_mut(load)).peekable();
                let first = costs.peek().and_then(|costs| costs.each.last()).copied().unwrap_or_default();
                for costs in costs {
                    costs.ratios.extend(costs.each.last().map(|cost| cost / first));
                }
            }
        }
        Ok(Self(sizes))
    }
}

impl Stored {
    /// One window, after which the broker comes to rest.
    async fn measure(&mut self, load: usize, updated: Updated, measure: Duration) -> Outcome<()> {
        let updated = match updated {
            Updated::Hundred => HUNDRED,
            Updated::All => self.shadows,
        };
        let mut crowd = Load::new();
        crowd.crowd(&self.broker, self.shadows, updated).await?;
        let (spent, reading) = crowd.measure(&self.broker, measure).await?;
        if let Some(costs) = self.costs.get_mut(load) {
            costs.each.push(spent.as_secs_f64() * 1e6 / reading.delivered as f64);
            costs.per_second = costs.per_second.max(reading.delivered as f64 / reading.elapsed.as_secs_f64());
            costs.p99 = costs.p99.max(reading.p99);
        }
        self.settle().await
    }

    /// Rows are moved from the log to their tables when nothing came for a second. The next broker shall not be measured beside that.
    async fn settle(&self) -> Outcome<()> {
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        for _ in 0..100 {
            let before = self.broker.cpu_time()?;
            tokio::time::sleep(Duration::from_millis(200)).await;
            if self.broker.cpu_time()?.saturating_sub(before) < Duration::from_millis(20) {
                break;
            }
        }
        Ok(())
    }
}

/// Markdown.
impl fmt::Display for Growth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "| updated | shadows stored | µs/update, best | median | by the first, median | from | to | updates/s | p99 ms | bytes/shadow |"
        )?;
        writeln!(
            f,
            "| ------- | -------------: | --------------: | -----: | -------------------: | ---: | -: | --------: | -----: | -----------: |"
        )?;
        for (load, (_, updated)) in LOADS.into_iter().enumerate() {
            for stored in &self.0 {
                let Some(costs) = stored.costs.get(load) else { continue };
                let (each, ratios) = (Spread::of(&costs.each), Spread::of(&costs.ratios));
                let bytes = match stored.shadows >= 10_000 {
                    true => ((stored.kib.1 - stored.kib.0) * 1024 / stored.shadows as u64).to_string(),
                    // The process has grown by other things more.
                    false => String::new(),
                };
                writeln!(
                    f,
                    "| {updated} | {:>14} | {:>15.2} | {:>6.2} | {:>20.2} | {:>4.2} | {:>4.2} | {:>9.0} | {:>6.2} | {bytes:>12} |",
                    stored.shadows,
                    each.least,
                    each.median,
                    ratios.median,
                    ratios.least,
                    ratios.most,
                    costs.per_second,
                    costs.p99.as_secs_f64() * 1e3,
                )?;
            }
        }
        Ok(())
    }
}

const SIZES: [usize; 4] = [100, 1_000, 10_000, 100_000];
const HUNDRED: usize = 100;
const VERSIONS: usize = 10;
const ROUNDS: usize = 5;
