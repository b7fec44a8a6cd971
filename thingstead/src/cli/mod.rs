//! The command line. Every command reads its input, asks the crates below or a running server, and prints; no logic of its own.

mod arguments;
mod client;
mod config;
mod device;
mod explanation;
mod failure;
mod kit;
mod mqtt;
mod policy;
mod pubsub;
mod rule;
mod serve;
mod state;
mod why;

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

pub use failure::Failure;

use crate::config::Environment;

/// Runs one command; `environment` is how the process environment is read.
pub fn run(args: impl Iterator<Item = OsString>, environment: Environment<'_>) -> ExitCode {
    let matches = match arguments::command().try_get_matches_from(args) {
        Ok(matches) => matches,
        Err(error) => {
            // Help and version are "errors" of clap with exit code 0.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let mut out = std::io::stdout();
    let result = match matches.subcommand() {
        None | Some(("serve", _)) => serve::serve(&matches, environment, &mut out),
        Some(("config", _)) => config::show(&matches, environment, &mut out),
        Some(("device", sub)) => device::run(&matches, sub, environment, &mut out),

        Some(("pub", sub)) => pubsub::publish(sub),
        Some(("sub", sub)) => pubsub::subscribe(sub, &mut out),
        Some(("policy", sub)) => policy::run(sub, &mut out),
        Some(("rule", sub)) => rule::run(sub, &mut out),
        Some(("why", sub)) => why::why(&matches, sub, environment, &mut out),
        Some((name, sub)) => state::run(name, &matches, sub, environment, &mut out),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let _ = writeln!(std::io::stderr(), "thingstead: {failure}");
            ExitCode::from(failure.code())
        }
    }
}
