//! What an update costs with more and more shadows stored.

use std::fmt;
use std::time::Duration;

use crate::Outcome;
use crate::broker::Broker;
use crate::report::Spread;
use crate::shadows::{Load, create};

/// What an update costs with so many shadows stored.
struct Stored {
    shadows: usize,
    broker: Broker,
    /// One for each round: microseconds of processor time.
    costs: Vec<f64>,
    /// By what the first size cost in the same round.
    ratios: Vec<f64>,
    per_second: f64,
    p99: Duration,
    /// Resident memory before and after the shadows were made.
    kib: (u64, u64),
}

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
            create(&broker, 0..shadows).await?;
            let kib = (before, broker.resident_kib()?);
            let (costs, ratios) = (Vec::new(), Vec::new());
            let stored = Stored { shadows, broker, costs, ratios, per_second: 0.0, p99: Duration::ZERO, kib };
            stored.settle().await?;
            sizes.push(stored);
        }
        for round in 0..ROUNDS {
            // To and fro, so that a machine that grows slower does so for all.
            let mut order: Vec<_> = sizes.iter_mut().collect();
            if round % 2 == 1 {
                order.reverse();
            }
            for stored in order {
                stored.measure(measure).await?;
            }
            let first = sizes.first().and_then(|first| first.costs.last()).copied().unwrap_or_default();
            for stored in &mut sizes {
                stored.ratios.extend(stored.costs.last().map(|cost| cost / first));
            }
        }
        Ok(Self(sizes))
    }
}

impl Stored {
    /// One window, after which the broker comes to rest.
    async fn measure(&mut self, measure: Duration) -> Outcome<()> {
        let mut load = Load::new();
        load.crowd(&self.broker, self.shadows).await?;
        let (spent, reading) = load.measure(&self.broker, measure).await?;
        self.costs.push(spent.as_secs_f64() * 1e6 / reading.delivered as f64);
        self.per_second = self.per_second.max(reading.delivered as f64 / reading.elapsed.as_secs_f64());
        self.p99 = self.p99.max(reading.p99);
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
            "| shadows stored | µs/update, best | median | by the first, median | from | to | updates/s | p99 ms | bytes/shadow |"
        )?;
        writeln!(
            f,
            "| -------------: | --------------: | -----: | -------------------: | ---: | -: | --------: | -----: | -----------: |"
        )?;
        for stored in &self.0 {
            let (costs, ratios) = (Spread::of(&stored.costs), Spread::of(&stored.ratios));
            let each = match stored.shadows >= 10_000 {
                true => ((stored.kib.1 - stored.kib.0) * 1024 / stored.shadows as u64).to_string(),
                // The process has grown by other things more.
                false => String::new(),
            };
            writeln!(
                f,
                "| {:>14} | {:>15.2} | {:>6.2} | {:>20.2} | {:>4.2} | {:>4.2} | {:>9.0} | {:>6.2} | {each:>12} |",
                stored.shadows,
                costs.least,
                costs.median,
                ratios.median,
                ratios.least,
                ratios.most,
                stored.per_second,
                stored.p99.as_secs_f64() * 1e3,
            )?;
        }
        Ok(())
    }
}

const SIZES: [usize; 4] = [100, 1_000, 10_000, 100_000];
const ROUNDS: usize = 6;
