//! The same load on Thingstead and on mosquitto, in one run: what a delivered message costs the broker, and how long it takes.
//!
//! `tests/bench` builds and starts it; docs/benchmarks.md explains the scenarios and columns. Linux only: it reads `/proc`.

mod broker;
mod certificates;
mod client;
mod connections;
mod growth;
mod http;
mod load;
mod meter;
mod mosquitto;
mod policies;
mod process;
mod receivers;
mod report;
mod scale;
mod shadows;
mod slow;
mod thingstead;

use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;

use crate::broker::Broker;
use crate::certificates::Certificates;
use crate::growth::Growth;
use crate::load::Scenario;
use crate::report::{Measured, Report, Row};

/// What goes wrong here ends the run, with one message.
type Outcome<T> = Result<T, Box<dyn Error>>;

struct Options {
    thingstead: Option<PathBuf>,
    mosquitto: Option<PathBuf>,
    only: Option<String>,
    measure: Duration,
}

fn main() -> Outcome<()> {
    let options = Options::read(std::env::args().skip(1))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (report, growth) = runtime.block_on(tokio::task::LocalSet::new().run_until(run(&options)))?;
    #[expect(clippy::print_stdout, reason = "the table is what this program is for")]
    {
        println!("{report}");
        if let Some(growth) = growth {
            println!("{growth}");
        }
    }
    Ok(())
}

/// Every scenario on one broker, then the same on the other, before the next scenario: a noisy machine disturbs both.
async fn run(options: &Options) -> Outcome<(Report, Option<Growth>)> {
    let certificates = Certificates::generate()?;
    let directory = std::env::temp_dir().join(format!("thingstead-bench-{}", std::process::id()));
    let mut brokers = Vec::new();
    if let Some(program) = &options.thingstead {
        brokers.push(Broker::thingstead(program, &directory.join("thingstead"), &certificates).await?);
    }
    if let Some(program) = &options.mosquitto {
        brokers.push(Broker::mosquitto(program, &directory.join("mosquitto"), &certificates)?);
    }
    let wanted = |name: &str| options.only.as_ref().is_none_or(|only| name.contains(only.as_str()));
    let mut report = Report::new(brokers.iter().map(Broker::name));
    for row in connections::START.into_iter().filter(|row| wanted(row.name)) {
        report.add(row, connections::start_to_first_connack(&mut brokers).await?);
    }
    for row in connections::IDLE.into_iter().filter(|row| wanted(row.name)) {
        let mut results = Vec::new();
        for broker in &mut brokers {
            results.push(connections::memory_per_idle_connection(broker).await?);
        }
        report.add(row, results);
    }
    for broker in &mut brokers {
        broker.restart().await?;
    }
    for row in connections::HANDSHAKE.into_iter().filter(|row| wanted(row.name)) {
        let mut rounds = Vec::new();
        for _ in 0..ROUNDS {
            for broker in &brokers {
                rounds.push(connections::handshakes(broker, options.measure / 2).await?);
            }
        }
        report.add(row, Measured::best(&rounds, brokers.len()));
    }
    for scenario in Scenario::all().iter().filter(|scenario| wanted(scenario.row.name)) {
        let mut rounds = Vec::new();
        for _ in 0..ROUNDS {
            for broker in &brokers {
                rounds.push(load::run(scenario, broker, options.measure / 2).await?);
            }
        }
        report.add(scenario.row, Measured::best(&rounds, brokers.len()));
    }
    for row in [shadows::ACCEPTED].into_iter().filter(|row| wanted(row.name)) {
        let mut rounds = Vec::new();
        for _ in 0..ROUNDS {
            for broker in &brokers {
                rounds.push(shadows::update_to_accepted(broker, options.measure / 2).await?);
            }
        }
        report.add(row, Measured::best(&rounds, brokers.len()));
    }
    let mut growth = None;
    if wanted("stored shadows")
        && let Some(program) = &options.thingstead
    {
        let start =
            async |name: &str| Broker::thingstead(program, &directory.join(name), &certificates).await;
        growth = Some(Growth::measure(start, options.measure / 2).await?);
    }
    if let Some(broker) = brokers.first_mut().filter(|_| options.thingstead.is_some()) {
        if wanted(slow::NAME) {
            report.add_figures(slow::measure(broker, options.measure).await?);
        }
        if wanted(policies::NAME) {
            report.add_figures(policies::measure(broker).await?);
        }
        // Take minutes and are asked for by name.
        if options.only.as_deref() == Some(receivers::NAME) {
            report.add_figures(receivers::measure(broker).await?);
        }
        if options.only.as_deref() == Some(scale::NAME) {
            report.add_figures(scale::measure(broker).await?);
        }
    }
    drop(brokers);
    std::fs::remove_dir_all(&directory)?;
    Ok((report, growth))
}

impl Options {
    fn read(mut arguments: impl Iterator<Item = String>) -> Outcome<Self> {
        let mut options =
            Self { thingstead: None, mosquitto: None, only: None, measure: Duration::from_millis(2500) };
        while let Some(flag) = arguments.next() {
            let value = arguments.next().ok_or_else(|| format!("{flag} needs a value; {USAGE}"))?;
            match flag.as_str() {
                "--thingstead" => options.thingstead = Some(value.into()),
                "--mosquitto" => options.mosquitto = Some(value.into()),
                "--only" => options.only = Some(value),
                "--milliseconds" => options.measure = Duration::from_millis(value.parse()?),
                _ => return Err(format!("`{flag}` is no option; {USAGE}").into()),
            }
        }
        if options.thingstead.is_none() && options.mosquitto.is_none() {
            return Err(format!("there is no broker to measure; {USAGE}").into());
        }
        Ok(options)
    }
}

/// A machine is now a third faster and now slower, for seconds at a time; both brokers get so many windows in turns.
const ROUNDS: usize = 5;

const USAGE: &str =
    "usage: thingstead-bench [--thingstead PROGRAM] [--mosquitto PROGRAM] [--only TEXT] [--milliseconds N]";

impl Row {
    const fn new(name: &'static str, unit: &'static str, must: f64, aim: f64) -> Self {
        Self { name, unit, must, aim }
    }
}
