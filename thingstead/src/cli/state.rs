//! Commands about the whole server: reset, snapshot, endpoints, readyz.

use std::io::Write;
use std::time::Duration;

use clap::ArgMatches;
use hyper::{Method, StatusCode};

use super::Failure;
use super::client::Client;
use crate::config::Environment;

/// Runs the command called `name`.
pub(super) fn run(
    name: &str,
    matches: &ArgMatches,
    sub: &ArgMatches,
    environment: Environment<'_>,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let client = Client::find(matches, environment)?;
    match name {
        "reset" => {
            client.must(Method::POST, "/_thingstead/reset", None)?;
            writeln!(out, "reset to the seeded state")?;
        }
        "endpoints" => {
            let endpoints = client.must(Method::GET, "/_thingstead/endpoints", None)?;
            writeln!(out, "{endpoints:#}")?;
        }
        "readyz" => readyz(&client, sub.get_flag("wait"))?,
        "snapshot" => snapshot(&client, sub, out)?,
        other => return Err(Failure::usage(format!("`{other}` is no command"))),
    }
    Ok(())
}

fn readyz(client: &Client, wait: bool) -> Result<(), Failure> {
    let mut tries = if wait { WAIT_TRIES } else { 1 };
    loop {
        let answer = client.call(Method::GET, "/_thingstead/readyz", None);
        tries -= 1;
        match answer {
            Ok(answer) if answer.status == StatusCode::OK => return Ok(()),
            Ok(_) if tries == 0 => return Err(Failure::new("the server is not ready")),
            Err(failure) if tries == 0 => return Err(failure),
            _ => std::thread::sleep(WAIT_STEP),
        }
    }
}

const WAIT_STEP: Duration = Duration::from_millis(100);
const WAIT_TRIES: u32 = 600;

fn snapshot(client: &Client, sub: &ArgMatches, out: &mut dyn Write) -> Result<(), Failure> {
    let Some((command, sub)) = sub.subcommand() else {
        return Err(Failure::usage("expected list, save, restore or delete"));
    };
    let path = |suffix: &str| {
        let name = sub.get_one::<String>("name").map_or("", String::as_str);
        format!("/_thingstead/snapshots/{name}{suffix}")
    };
    match command {
        "list" => {
            let answer = client.must(Method::GET, "/_thingstead/snapshots", None)?;
            let names =
                answer.get("snapshots").and_then(|names| names.as_array()).cloned().unwrap_or_default();
            for name in names.iter().filter_map(|name| name.as_str()) {
                writeln!(out, "{name}")?;
            }
        }
        "save" => {
            client.must(Method::POST, &path(""), None)?;
            writeln!(out, "saved")?;
        }
        "restore" => {
            client.must(Method::POST, &path("/restore"), None)?;
            writeln!(out, "restored")?;
        }
        "delete" => {
            client.must(Method::DELETE, &path(""), None)?;
            writeln!(out, "deleted")?;
        }
        other => return Err(Failure::usage(format!("`{other}` is no command of snapshot"))),
    }
    Ok(())
}
