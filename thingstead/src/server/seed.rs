//! Seeds: resources to create at start, from files in the words of the AWS APIs.
//!
//! Every entry becomes the API call it stands for, sent through the same router that serves clients, so a seed is checked
//! like any request. `docs/seed.md` describes the format.

use std::path::{Path, PathBuf};

use axum::Router;
use axum::body::Body;
use http_body_util::BodyExt;
use hyper::{Method, Request};
use serde_json::{Map, Value, json};
use tower::ServiceExt;

/// A seed that cannot be planted; it stops the start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SeedError {
    /// A file or directory that cannot be read.
    #[error("the seed {file} cannot be read: {reason}")]
    Unreadable {
        /// Which.
        file: PathBuf,
        /// The system's words.
        reason: String,
    },
    /// Not what `docs/seed.md` describes.
    #[error("the seed {file} is malformed: {reason}")]
    Malformed {
        /// Which.
        file: PathBuf,
        /// What is wrong and where.
        reason: String,
    },
    /// The API refused an entry.
    #[error("the seed {file} was refused at {entry}: {reason}")]
    Refused {
        /// Which.
        file: PathBuf,
        /// `things[0]`
        entry: String,
        /// The API's words.
        reason: String,
    },
}

/// Plants a file, or every `*.json` of a directory in the order of their names.
///
/// # Errors
/// The first entry that cannot be planted.
pub(super) async fn plant(path: &Path, api: &Router) -> Result<usize, SeedError> {
    let mut planted = 0;
    for file in files(path)? {
        let text = std::fs::read_to_string(&file).map_err(|error| unreadable(&file, &error))?;
        let malformed = |reason: String| SeedError::Malformed { file: file.clone(), reason };
        let seed: Map<String, Value> =
            serde_json::from_str(&text).map_err(|error| malformed(format!("not a JSON object: {error}")))?;
        if let Some(unknown) = seed.keys().find(|key| !SECTIONS.iter().any(|(name, _)| name == key)) {
            let names: Vec<_> = SECTIONS.iter().map(|(name, _)| *name).collect();
            return Err(malformed(format!("`{unknown}` is no section; expected {}", names.join(", "))));
        }
        for (section, calls_of) in SECTIONS {
            let entries = match seed.get(*section) {
                None => continue,
                Some(Value::Array(entries)) => entries,
                Some(_) => return Err(malformed(format!("`{section}` is not an array"))),
            };
            for (index, entry) in entries.iter().enumerate() {
                let name = format!("{section}[{index}]");
                let entry = entry.as_object().ok_or_else(|| malformed(format!("{name} is not an object")))?;
                let directory = file.parent().unwrap_or(Path::new("."));
                let calls =
                    calls_of(entry, directory).map_err(|reason| malformed(format!("{name}: {reason}")))?;
                let mut certificate = None;
                for call in calls {
                    let answer = send(api, call, certificate.as_deref()).await.map_err(|reason| {
                        SeedError::Refused { file: file.clone(), entry: name.clone(), reason }
                    })?;
                    let arn = answer.get("certificateArn").and_then(Value::as_str).map(str::to_owned);
                    certificate = arn.or(certificate);
                }
                planted += 1;
            }
        }
    }
    Ok(planted)
}

/// An API call; `{certificate}` in its body or principal header is the certificate that the entry registered.
struct Call {
    method: Method,
    path: String,
    body: Value,
    principal: bool,
}

type CallsOf = fn(&Map<String, Value>, &Path) -> Result<Vec<Call>, String>;

/// The sections of a seed in the order in which they are planted: what is named comes before what names it.
const SECTIONS: &[(&str, CallsOf)] = &[
    ("things", thing),
    ("policies", policy),
    ("certificates", certificate),
    ("topicRules", topic_rule),
    ("shadows", shadow),
];

const CERTIFICATE: &str = "{certificate}";

fn thing(entry: &Map<String, Value>, _: &Path) -> Result<Vec<Call>, String> {
    let name = text(entry, "thingName")?;
    Ok(vec![post(format!("/things/{}", encoded(name)), without(entry, &["thingName"]))])
}

fn policy(entry: &Map<String, Value>, _: &Path) -> Result<Vec<Call>, String> {
    let name = text(entry, "policyName")?;
    let document = match entry.get("policyDocument") {
        Some(Value::String(text)) => text.clone(),
        Some(document @ Value::Object(_)) => format!("{document:#}"),
        _ => return Err("`policyDocument` is missing; expected an object or a text".to_owned()),
    };
    Ok(vec![post(format!("/policies/{}", encoded(name)), json!({ "policyDocument": document }))])
}

fn certificate(entry: &Map<String, Value>, directory: &Path) -> Result<Vec<Call>, String> {
    let pem = match (entry.get("certificatePem"), entry.get("certificateFile")) {
        (Some(Value::String(pem)), None) => pem.clone(),
        (None, Some(Value::String(file))) => {
            let path = directory.join(file);
            std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?
        }
        _ => return Err("expected either `certificatePem` or `certificateFile`, a text".to_owned()),
    };
    let status = entry.get("status").and_then(Value::as_str).unwrap_or("ACTIVE");
    let register = json!({ "certificatePem": pem, "status": status });
    let mut calls = vec![post("/certificate/register-no-ca".to_owned(), register)];
    for policy in names(entry, "policies")? {
        calls.push(Call {
            method: Method::PUT,
            path: format!("/target-policies/{}", encoded(policy)),
            body: json!({ "target": CERTIFICATE }),
            principal: false,
        });
    }
    for thing in names(entry, "things")? {
        let path = format!("/things/{}/principals", encoded(thing));
        calls.push(Call { method: Method::PUT, path, body: json!({}), principal: true });
    }
    Ok(calls)
}

fn topic_rule(entry: &Map<String, Value>, _: &Path) -> Result<Vec<Call>, String> {
    let name = text(entry, "ruleName")?;
    let payload = entry.get("topicRulePayload").cloned().ok_or("`topicRulePayload` is missing")?;
    Ok(vec![post(format!("/rules/{}", encoded(name)), payload)])
}

fn shadow(entry: &Map<String, Value>, _: &Path) -> Result<Vec<Call>, String> {
    let name = encoded(text(entry, "thingName")?);
    let state = entry.get("state").cloned().ok_or("`state` is missing")?;
    let query = match entry.get("shadowName") {
        None => String::new(),
        Some(Value::String(shadow)) => format!("?name={}", encoded(shadow)),
        Some(_) => return Err("`shadowName` is not a text".to_owned()),
    };
    Ok(vec![post(format!("/things/{name}/shadow{query}"), json!({ "state": state }))])
}

fn post(path: String, body: Value) -> Call {
    Call { method: Method::POST, path, body, principal: false }
}

async fn send(api: &Router, call: Call, certificate: Option<&str>) -> Result<Value, String> {
    let certificate = certificate.unwrap_or_default();
    let mut request = Request::builder().method(call.method).uri(&call.path).header("host", "localhost");
    if call.principal {
        request = request.header("x-amzn-principal", certificate);
    }
    let body = call.body.to_string().replace(CERTIFICATE, certificate);
    let request = request
        .header("content-type", "application/json")
        .body(Body::from(body))
        .map_err(|error| format!("{}: {error}", call.path))?;
    let response = match api.clone().oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    let status = response.status();
    let bytes = response.into_body().collect().await.map_err(|error| error.to_string())?.to_bytes();
    let answer: Value = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    if status.is_success() {
        return Ok(answer);
    }
    let words = answer.get("message").and_then(Value::as_str).map(str::to_owned);
    Err(words.unwrap_or_else(|| format!("{status} {}", String::from_utf8_lossy(&bytes))))
}

fn files(path: &Path) -> Result<Vec<PathBuf>, SeedError> {
    if !path.is_dir() {
        return Ok(vec![path.to_path_buf()]);
    }
    let entries = std::fs::read_dir(path).map_err(|error| unreadable(path, &error))?;
    let mut found = Vec::new();
    for entry in entries {
        let file = entry.map_err(|error| unreadable(path, &error))?.path();
        if file.extension().is_some_and(|extension| extension == "json") {
            found.push(file);
        }
    }
    found.sort();
    Ok(found)
}

fn unreadable(file: &Path, error: &std::io::Error) -> SeedError {
    SeedError::Unreadable { file: file.to_path_buf(), reason: error.to_string() }
}

fn text<'a>(entry: &'a Map<String, Value>, name: &str) -> Result<&'a str, String> {
    entry.get(name).and_then(Value::as_str).ok_or_else(|| format!("`{name}` is missing or no text"))
}

fn names<'a>(entry: &'a Map<String, Value>, name: &str) -> Result<Vec<&'a str>, String> {
    let wrong = || format!("`{name}` is not an array of texts");
    match entry.get(name) {
        None => Ok(Vec::new()),
        Some(Value::Array(items)) => items.iter().map(|item| item.as_str().ok_or_else(wrong)).collect(),
        Some(_) => Err(wrong()),
    }
}

fn without(entry: &Map<String, Value>, names: &[&str]) -> Value {
    let kept = entry.iter().filter(|(name, _)| !names.contains(&name.as_str()));
    Value::Object(kept.map(|(name, value)| (name.clone(), value.clone())).collect())
}

fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    text.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}
