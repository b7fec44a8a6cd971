//! `thingstead rule test` and `thingstead rule eval`.

use std::io::{Read, Write};
use std::path::PathBuf;

use clap::ArgMatches;
use thingstead_core::{Clock, Ids};
use thingstead_rules::sql::{Answers, Evaluated, Input, SqlVersion, parse, vectors};

use super::Failure;
use super::policy::read;

/// Runs the subcommand.
pub(super) fn run(sub: &ArgMatches, out: &mut dyn Write) -> Result<(), Failure> {
    match sub.subcommand() {
        Some(("test", sub)) => test(sub, out),
        Some(("eval", sub)) => eval(sub, out),
        _ => Err(Failure::usage("expected test or eval")),
    }
}

fn test(sub: &ArgMatches, out: &mut dyn Write) -> Result<(), Failure> {
    let mut report = vectors::Report::default();
    for path in sub.get_many::<PathBuf>("files").into_iter().flatten() {
        let found = vectors::run(&read(path)?)
            .map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?;
        report.extend(found);
    }
    writeln!(out, "{report}")?;
    if report.failures.is_empty() { Ok(()) } else { Err(Failure::new("not every vector passed")) }
}

/// One statement against one payload, with the same words as the server for what does not work.
fn eval(sub: &ArgMatches, out: &mut dyn Write) -> Result<(), Failure> {
    let text = |name: &str| sub.get_one::<String>(name).map(String::as_str);
    let sql = text("sql").unwrap_or_default();
    let version: SqlVersion = text("sql-version")
        .unwrap_or_default()
        .parse()
        .map_err(|error| Failure::usage(format!("{error}")))?;
    let statement = parse(sql, version).map_err(|error| Failure::usage(error.render(sql)))?;
    let payload = match text("payload") {
        None => b"{}".to_vec(),
        Some("-") => {
            let mut bytes = Vec::new();
            std::io::stdin().read_to_end(&mut bytes)?;
            bytes
        }
        Some(path) => {
            let path = PathBuf::from(path);
            std::fs::read(&path).map_err(|error| Failure::file(&path, &error))?
        }
    };
    let topic = text("topic").or(statement.topic_filter()).unwrap_or("topic").to_owned();
    // Without FROM a rule runs by Basic Ingest, whatever the topic.
    if statement.topic_filter().is_some() && !statement.matches(&topic) {
        return Err(Failure::usage(format!(
            "`{}` does not match the topic `{topic}`; name another with --topic",
            statement.topic_filter().unwrap_or_default()
        )));
    }
    let mut input =
        Input::new(&payload, &topic, Clock::system().now().as_millis(), Ids::random().uuid().as_u128());
    input.client_id = text("client-id");
    match statement.evaluate(&input, &Answers::none()) {
        Ok(Evaluated::NoMatch) => writeln!(out, "no match: WHERE does not hold")?,
        Ok(Evaluated::Output(output)) => {
            out.write_all(&output.bytes(&input))?;
            writeln!(out)?;
        }
        Ok(Evaluated::Needs(calls)) => {
            let targets: Vec<String> = calls.iter().map(thingstead_rules::sql::Call::target).collect();
            return Err(Failure::new(format!(
                "the statement asks {}, which only a server can",
                targets.join(", ")
            )));
        }
        Err(error) => return Err(Failure::new(error.to_string())),
    }
    Ok(())
}
