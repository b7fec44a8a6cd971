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
