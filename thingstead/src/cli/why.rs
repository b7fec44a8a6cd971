//! `thingstead why [CLIENT]`: what happened, and what would fix it.

use std::io::Write;

use clap::ArgMatches;
use hyper::Method;
use serde_json::Value;

use super::client::Client;
use super::{Failure, explanation};
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
    changes_of_shadows(&answer, out)?;
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
        let text = |name: &str| explanation.get(name).and_then(Value::as_str).unwrap_or("");
        writeln!(out, "{}  {}  {}", text("at"), text("kind"), text("client"))?;
        explanation::print(explanation, out)?;
        writeln!(out)?;
    }
    Ok(())
}

/// Who changed what in the shadows that the client has to do with, oldest first.
fn changes_of_shadows(answer: &Value, out: &mut dyn Write) -> Result<(), Failure> {
    let Some(changes) = answer.get("shadow_changes").and_then(Value::as_array).filter(|it| !it.is_empty())
    else {
        return Ok(());
    };
    writeln!(out, "Shadows, what changed last:")?;
    for change in changes.iter().rev() {
        let text = |name: &str| change.get(name).and_then(Value::as_str);
        let by = text("client").or_else(|| text("principal")).or_else(|| text("via")).unwrap_or("somebody");
        let shadow = match text("name") {
            Some(name) => format!("{}/{name}", text("thing").unwrap_or("")),
            None => text("thing").unwrap_or("").to_owned(),
        };
        let version = change.get("version").unwrap_or(&Value::Null);
        let done = text("change").unwrap_or("updated");
        writeln!(out, "{}  {shadow} version {version} {done} by {by}", text("at").unwrap_or(""))?;
        for member in change.get("changes").and_then(Value::as_array).into_iter().flatten() {
            let path = member.get("path").and_then(Value::as_str).unwrap_or("");
            let value = |name: &str| member.get(name).map_or_else(|| "nothing".to_owned(), Value::to_string);
            writeln!(out, "    {path}: {} -> {}", value("before"), value("after"))?;
        }
    }
    writeln!(out)?;
    Ok(())
}

/// Client ids may hold anything.
fn percent_encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    text.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}
