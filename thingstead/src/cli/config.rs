//! `thingstead config`.

use std::io::Write;

use clap::ArgMatches;

use super::{Failure, arguments};
use crate::config::{Config, Environment};

/// Prints every setting with its value and origin; fails like a start would when a value is not allowed.
pub(super) fn show(
    matches: &ArgMatches,
    environment: Environment<'_>,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let merged = arguments::merged(matches, environment)?;
    let line = |value: &str| if value.is_empty() { "\"\"".to_owned() } else { value.to_owned() };
    let width = |of: &dyn Fn(&crate::config::Raw) -> usize| merged.values().iter().map(of).max().unwrap_or(0);
    let keys = width(&|raw| raw.setting.key.len());
    let values = width(&|raw| shown(raw).len().max(2));
    for raw in merged.values() {
        writeln!(out, "{:keys$} = {:values$}  # {}", raw.setting.key, line(&shown(raw)), raw.origin)?;
    }
    Config::from_merged(&merged)?;
    Ok(())
}

/// Secrets are not printed.
fn shown(raw: &crate::config::Raw) -> String {
    if raw.setting.key != "access_keys" {
        return raw.value.clone();
    }
    let ids = raw.value.split(',').filter(|pair| !pair.is_empty());
    ids.map(|pair| format!("{}:***", pair.split(':').next().unwrap_or_default()))
        .collect::<Vec<_>>()
        .join(",")
}
