//! `thingstead why [CLIENT]`: what happened, and what would fix it.

use std::io::Write;

use clap::ArgMatches;
use hyper::Method;
use serde_json::Value;

use super::Failure;
use super::client::Client;
use crate::config::Environment;

/// Prints the explanations of a running server, oldest first, so that the newest stands next to the prompt.
pub(super) fn why(
    matches: &ArgMatches,
    sub: &ArgMatches,
    environment: Environment<'_>,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let client = Client::find(matches, environment)?;
    let mut path = "/_thingstead/explain?limit=20".to_owned();
    if !sub.get_flag("all") {
        path.push_str("&outcome=denied");
    }
    let asked = sub.get_one::<String>("client");
    if let Some(asked) = asked {
        path.push_str("&client=");
        path.push_str(&percent_encoded(asked));
    }
    let answer = client.must(Method::GET, &path, None)?;
    let explanations = answer.get("explanations").and_then(Value::as_array).cloned().unwrap_or_default();
    if explanations.is_empty() {
        match asked {
            Some(asked) => writeln!(out, "Nothing was refused to `{asked}`.")?,
            None => writeln!(out, "Nothing was refused.")?,
        }
        let hint = "A certificate that is refused inside the TLS handshake has no client id yet: `thingstead why` without a name shows it.";
        if asked.is_some() {
            writeln!(out, "{hint}")?;
        }
        return Ok(());
    }
    for explanation in explanations.iter().rev() {
        print(explanation, out)?;
    }
    Ok(())
}

fn print(explanation: &Value, out: &mut dyn Write) -> Result<(), Failure> {
    let text = |name: &str| explanation.get(name).and_then(Value::as_str).unwrap_or("");
    let asked =
        |name: &str| explanation.pointer(&format!("/asked/{name}")).and_then(Value::as_str).unwrap_or("");
    writeln!(out, "{}  {}  {}", text("at"), text("kind"), text("client"))?;
    writeln!(out, "  asked     {} {}", asked("action"), asked("resource"))?;
    writeln!(out, "  outcome   {}: {}", text("outcome"), text("why"))?;
    for statement in list(explanation, "because") {
        writeln!(out, "  because   {}", statement_name(statement))?;
    }
    for miss in list(explanation, "near_misses") {
        let statement = miss.get("statement").map(statement_name).unwrap_or_default();
        let why = miss.get("why").and_then(Value::as_str).unwrap_or("");
        writeln!(out, "  nearly    {statement}: {why}")?;
    }
    for (name, value) in explanation.get("variables").and_then(Value::as_object).into_iter().flatten() {
        match value.as_str() {
            Some(value) => writeln!(out, "  variable  ${{{name}}} = {value}")?,
            None => {
                let why = explanation.get("unresolved").and_then(|all| all.get(name)).and_then(Value::as_str);
                writeln!(out, "  variable  ${{{name}}} has no value: {}", why.unwrap_or("not known"))?;
            }
        }
    }
    let fix = text("fix");
    if !fix.is_empty() {
        writeln!(out, "  fix       {}", fix.replace('\n', "\n            "))?;
    }
    writeln!(out)?;
    Ok(())
}

fn list<'a>(explanation: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    explanation.get(name).and_then(Value::as_array).into_iter().flatten()
}

fn statement_name(statement: &Value) -> String {
    let text = |name: &str| statement.get(name).and_then(Value::as_str);
    let mut name = format!("policy {}", text("policy").unwrap_or("?"));
    if let Some(version) = text("version") {
        name.push_str(&format!(" version {version}"));
    }
    let index = statement.get("statement").and_then(Value::as_u64).unwrap_or(0);
    name.push_str(&format!(" statement {index}"));
    if let Some(sid) = text("sid") {
        name.push_str(&format!(" ({sid})"));
    }
    if let Some(line) = statement.pointer("/position/line").and_then(Value::as_u64).filter(|line| *line > 0) {
        let column = statement.pointer("/position/column").and_then(Value::as_u64).unwrap_or(1);
        name.push_str(&format!(" at line {line}, column {column}"));
    }
    name
}

/// Client ids may hold anything.
fn percent_encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    text.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}
