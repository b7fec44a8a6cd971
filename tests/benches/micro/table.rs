//! A timing harness of one page.

use std::hint::black_box;
use std::time::{Duration, Instant};

/// Prints a line for each thing measured.
pub(crate) struct Table {
    only: Option<String>,
}

impl Table {
    #[expect(clippy::print_stdout, reason = "the table is what this program is for")]
    pub(crate) fn new(only: Option<String>) -> Self {
        println!("| {:58} | {:>10} | {:>12} |", "step", "ns", "per second");
        println!("| {:-<58} | ---------: | -----------: |", "");
        Self { only }
    }

    /// Whether a line of that name could be printed, so that expensive preparations can be left out.
    pub(crate) fn wants(&self, name: &str) -> bool {
        self.only
            .as_ref()
            .is_none_or(|only| name.contains(only.as_str()) || only.contains(name.trim_end_matches(':')))
    }

    /// Prints a number that is no time.
    #[expect(clippy::print_stdout, reason = "the table is what this program is for")]
    pub(crate) fn note(&self, name: &str, number: u64) {
        if self.only.as_ref().is_none_or(|only| name.contains(only.as_str())) {
            println!("| {name:58} | {number:>10} | {:>12} |", "");
        }
    }

    /// Measures one step. `step` is called again and again; what it returns is dropped inside the measured time.
    #[expect(clippy::print_stdout, reason = "the table is what this program is for")]
    pub(crate) fn line<T>(&mut self, name: &str, mut step: impl FnMut() -> T) {
        if self.only.as_ref().is_some_and(|only| !name.contains(only.as_str())) {
            return;
        }
        let mut calls = 1_u64;
        while round(calls, &mut step) < ROUND / 4 {
            calls *= 2;
        }
        let fastest = (0..ROUNDS).map(|_| round(calls, &mut step)).min().unwrap_or_default();
        let nanoseconds = fastest.as_secs_f64() * 1e9 / calls as f64;
        println!("| {name:58} | {nanoseconds:>10.1} | {:>12.0} |", 1e9 / nanoseconds);
    }

    /// Begins a table of [`Table::compare`].
    #[expect(clippy::print_stdout, reason = "the table is what this program is for")]
    pub(crate) fn sizes(&self, sizes: &[usize]) {
        let columns: Vec<String> = sizes.iter().map(|size| format!("{size:>10}")).collect();
        println!("\n| {:58} | {} | {:>6} |", "ns, by size", columns.join(" | "), "ratio");
        println!("| {:-<58} |{} -----: |", "", " ---------: |".repeat(sizes.len()));
    }

    /// Measures the same step in houses of different sizes, in turns, so that all of them meet the same noise; prints nanoseconds for
    /// each of the `parts` of a step, and the last over the first.
    #[expect(clippy::print_stdout, reason = "the table is what this program is for")]
    pub(crate) fn compare(&mut self, name: &str, parts: usize, steps: &mut [Box<dyn FnMut() + '_>]) {
        if self.only.as_ref().is_some_and(|only| !name.contains(only.as_str())) {
            return;
        }
        let mut calls = 1_u64;
        if let Some(first) = steps.first_mut() {
            while round(calls, first) < ROUND / 4 {
                calls *= 2;
            }
        }
        let mut fastest = vec![Duration::MAX; steps.len()];
        for _ in 0..ROUNDS {
            for (step, fastest) in steps.iter_mut().zip(&mut fastest) {
                // What the others threw out of the caches comes back first.
                round(calls / 8 + 1, step);
                *fastest = round(calls, step).min(*fastest);
            }
        }
        let nanoseconds: Vec<f64> =
            fastest.iter().map(|time| time.as_secs_f64() * 1e9 / (calls * parts as u64) as f64).collect();
        let columns: Vec<String> = nanoseconds.iter().map(|time| format!("{time:>10.1}")).collect();
        let ratio = nanoseconds.last().zip(nanoseconds.first()).map_or(1.0, |(last, first)| last / first);
        println!("| {name:58} | {} | {ratio:>6.2} |", columns.join(" | "));
    }
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn round<T>(calls: u64, step: &mut impl FnMut() -> T) -> Duration {
    let start = Instant::now();
    for _ in 0..calls {
        black_box(step());
    }
    start.elapsed()
}

const ROUND: Duration = Duration::from_millis(2);
const ROUNDS: usize = 101;
