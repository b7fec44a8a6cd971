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

/// Client ids may hold anything.
fn percent_encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    text.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}
