//! The table.

use std::fmt;
use std::time::Duration;

use crate::meter::Reading;

/// One line: what is measured, and which ratio to mosquitto it should have.
#[derive(Clone, Copy)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) must: f64,
    pub(crate) aim: f64,
}

/// What one broker did.
#[derive(Clone, Copy)]
pub(crate) struct Measured {
    /// In the unit of the row; less is better.
    cost: f64,
    /// Deliveries per second, latencies in milliseconds.
    traffic: Option<(f64, f64, f64)>,
}

/// What several rounds said.
#[derive(Clone, Copy, Default)]
pub(crate) struct Spread {
    pub(crate) least: f64,
    pub(crate) median: f64,
    pub(crate) most: f64,
}

impl Spread {
    /// Zeros of no rounds.
    pub(crate) fn of(rounds: &[f64]) -> Self {
        let mut sorted = rounds.to_vec();
        sorted.sort_by(f64::total_cmp);
        let at = |place: usize| sorted.get(place).copied().unwrap_or_default();
        let count = sorted.len();
        let median = f64::midpoint(at(count / 2), at(count.saturating_sub(1) / 2));
        Self { least: at(0), median, most: at(count.saturating_sub(1)) }
    }
}

impl Measured {
    /// In the unit of the row.
    pub(crate) const fn cost(&self) -> f64 {
        self.cost
    }

    /// Milliseconds; zero without traffic.
    pub(crate) fn p99(&self) -> f64 {
        self.traffic.map_or(0.0, |(_, _, p99)| p99)
    }

    /// Deliveries per second; zero without traffic.
    pub(crate) fn rate(&self) -> f64 {
        self.traffic.map_or(0.0, |(rate, _, _)| rate)
    }

    /// The cheapest of each broker's rounds, where the rounds of so many brokers alternate: whatever disturbs makes dearer.
    pub(crate) fn best(rounds: &[Self], brokers: usize) -> Vec<Self> {
        let of = |broker| {
            let rounds = rounds.iter().skip(broker).step_by(brokers).copied();
            rounds.min_by(|one, other| one.cost.total_cmp(&other.cost))
        };
        (0..brokers).filter_map(of).collect()
    }

    /// A cost without traffic.
    pub(crate) const fn plain(cost: f64) -> Self {
        Self { cost, traffic: None }
    }

    /// Microseconds of the broker's processor time for each delivery.
    pub(crate) fn per_delivery(spent: Duration, reading: &Reading) -> Self {
        let delivered = reading.delivered as f64;
        let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
        Self {
            cost: spent.as_secs_f64() * 1e6 / delivered,
            traffic: Some((
                delivered / reading.elapsed.as_secs_f64(),
                milliseconds(reading.p50),
                milliseconds(reading.p99),
            )),
        }
    }
}

/// Something about Thingstead alone.
pub(crate) struct Figure {
    name: String,
    unit: &'static str,
    value: f64,
    must: Option<f64>,
}

impl Figure {
    /// Told, not judged.
    pub(crate) fn new(name: impl Into<String>, unit: &'static str, value: f64) -> Self {
        Self { name: name.into(), unit, value, must: None }
    }

    /// Has to be at most this.
    pub(crate) fn at_most(self, must: f64) -> Self {
        Self { must: Some(must), ..self }
    }
}

/// All lines, for one broker or two, and Thingstead's own figures.
pub(crate) struct Report {
    brokers: Vec<&'static str>,
    rows: Vec<(Row, Vec<Measured>)>,
    figures: Vec<Figure>,
}

impl Report {
    pub(crate) fn new(brokers: impl IntoIterator<Item = &'static str>) -> Self {
        Self { brokers: brokers.into_iter().collect(), rows: Vec::new(), figures: Vec::new() }
    }

    pub(crate) fn add_figures(&mut self, figures: Vec<Figure>) {
        self.figures.extend(figures);
    }

    pub(crate) fn add(&mut self, row: Row, measured: Vec<Measured>) {
        self.rows.push((row, measured));
    }
}

/// Markdown, padded so that it also reads well in a terminal.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.rows.is_empty() {
            self.write_rows(f)?;
        }
        if !self.rows.is_empty() && !self.figures.is_empty() {
            writeln!(f)?;
        }
        if !self.figures.is_empty() {
            writeln!(f, "| {:58} | {:>12} | {:13} | must |", "thingstead alone", "value", "unit")?;
            writeln!(f, "| {:-<58} | {:->11}: | {:-<13} | ---: |", "", "", "")?;
        }
        for Figure { name, unit, value, must } in &self.figures {
            let must = must.map(|must| must.to_string()).unwrap_or_default();
            writeln!(f, "| {name:58} | {value:>12.3} | {unit:13} | {must:>4} |")?;
        }
        Ok(())
    }
}

impl Report {
    fn write_rows(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "| {:38} | {:13} ", "scenario", "unit")?;
        for broker in &self.brokers {
            write!(f, "| {broker:>10} | {:>9} | {:>7} | {:>7} ", "per s", "p50 ms", "p99 ms")?;
        }
        writeln!(f, "| ratio | must |  aim |")?;
        write!(f, "| {:-<38} | {:-<13} ", "", "")?;
        for _ in &self.brokers {
            write!(f, "| ---------: | --------: | ------: | ------: ")?;
        }
        writeln!(f, "| ----: | ---: | ---: |")?;
        for (row, measured) in &self.rows {
            write!(f, "| {:38} | {:13} ", row.name, row.unit)?;
            for measured in measured {
                write!(f, "| {:>10.2} ", measured.cost)?;
                match measured.traffic {
                    Some((rate, p50, p99)) => write!(f, "| {rate:>9.0} | {p50:>7.2} | {p99:>7.2} ")?,
                    None => write!(f, "| {:>9} | {:>7} | {:>7} ", "", "", "")?,
                }
            }
            let ratio = match measured.as_slice() {
                [ours, yardstick] => format!("{:.3}", ours.cost / yardstick.cost),
                _ => String::new(),
            };
            writeln!(f, "| {ratio:>5} | {:>4} | {:>4} |", row.must, row.aim)?;
        }
        Ok(())
    }
}
