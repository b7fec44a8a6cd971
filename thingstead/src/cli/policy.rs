//! `thingstead policy test`, `thingstead policy check` and `thingstead policy explain`.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use clap::ArgMatches;
use serde_json::{Value, json};
use thingstead_policy_engine::Document;
use thingstead_policy_engine::vectors::{self, Report};

use super::{Failure, explanation};

/// Runs the subcommand.
pub(super) fn run(sub: &ArgMatches, out: &mut dyn Write) -> Result<(), Failure> {
    match sub.subcommand() {
        Some(("test", sub)) => test(sub, out),
        Some(("check", sub)) => check(sub, out),
        Some(("explain", sub)) => explain(sub, out),
        _ => Err(Failure::usage("expected test, check or explain")),
    }
}

fn test(sub: &ArgMatches, out: &mut dyn Write) -> Result<(), Failure> {
    let mut report = Report::default();
    for path in sub.get_many::<PathBuf>("files").into_iter().flatten() {
        let vectors = vectors::parse(&read(path)?)
            .map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?;
        report.merge(vectors::run(&vectors));
    }
    writeln!(out, "{report}")?;
    if report.differences.is_empty() { Ok(()) } else { Err(Failure::new("not every vector passed")) }
}

/// A line for every flaw and remark, each with its file, line and column.
fn check(sub: &ArgMatches, out: &mut dyn Write) -> Result<(), Failure> {
    let mut malformed = false;
    for path in sub.get_many::<PathBuf>("files").into_iter().flatten() {
        let text = read(path)?;
        let name = path.display();
        match Document::check_size(&text).and_then(|()| Document::parse(&text)) {
            Err(error) => {
                malformed = true;
                writeln!(out, "{name}: malformed: {error}")?;
            }
            Ok(document) => {
                let advice = document.advice();
                for remark in &advice {
                    writeln!(out, "{name}: {remark}")?;
                }
                if advice.is_empty() {
                    writeln!(
                        out,
                        "{name}: nothing to remark on {} statement(s)",
                        document.statement_count()
                    )?;
                }
            }
        }
    }
    if malformed { Err(Failure::new("not every document is a policy")) } else { Ok(()) }
}

/// One decision. The facts come in the form of the vectors, so a vector that fails can be explained as it stands.
fn explain(sub: &ArgMatches, out: &mut dyn Write) -> Result<(), Failure> {
    let text = |name: &str| sub.get_one::<String>(name).map_or("", String::as_str);
    let context: Value = serde_json::from_str(text("context"))
        .map_err(|error| Failure::usage(format!("`--context` is not JSON: {error}")))?;
    let files: Vec<&PathBuf> = sub.get_many::<PathBuf>("document").into_iter().flatten().collect();
    let documents = files.iter().map(|path| read(path)).collect::<Result<Vec<_>, _>>()?;
    let vector = json!([{
        "id": "asked",
        "policies": documents,
        "context": context,
        "action": text("action"),
        "resource": text("resource"),
        "expect": "ALLOWED",
    }]);
    let parsed = vectors::parse(&vector.to_string()).map_err(|error| Failure::usage(error.to_string()))?;
    for mut vector in parsed {
        for (policy, path) in vector.policies.iter_mut().zip(&files) {
            policy.name = path.display().to_string().into();
        }
        explanation::print(&Value::Object(vector.decide().to_explanation()), out)?;
    }
    Ok(())
}

/// A file's text; `-` is standard input.
pub(super) fn read(path: &Path) -> Result<String, Failure> {
    if path == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text)?;
        return Ok(text);
    }
    std::fs::read_to_string(path).map_err(|error| Failure::file(path, &error))
}
