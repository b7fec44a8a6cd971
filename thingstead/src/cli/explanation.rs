//! An explanation as text: the same for `thingstead why` and `thingstead policy explain`.

use std::io::Write;

use serde_json::Value;

use super::Failure;

/// Prints what was asked, what was decided by what, and what would allow it.
pub(super) fn print(explanation: &Value, out: &mut dyn Write) -> Result<(), Failure> {
    let text = |name: &str| explanation.get(name).and_then(Value::as_str).unwrap_or("");
    let asked =
        |name: &str| explanation.pointer(&format!("/asked/{name}")).and_then(Value::as_str).unwrap_or("");
    if !asked("resource").is_empty() {
        writeln!(out, "  asked     {} {}", asked("action"), asked("resource"))?;
    }
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
    // People count from 1; the position in the JSON is an index.
    let index = statement.get("statement").and_then(Value::as_u64).unwrap_or(0);
    name.push_str(&format!(" statement {}", index + 1));
    if let Some(sid) = text("sid") {
        name.push_str(&format!(" ({sid})"));
    }
    if let Some(line) = statement.pointer("/position/line").and_then(Value::as_u64).filter(|line| *line > 0) {
        let column = statement.pointer("/position/column").and_then(Value::as_u64).unwrap_or(1);
        name.push_str(&format!(" at line {line}, column {column}"));
    }
    name
}
