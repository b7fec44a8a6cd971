//! The service log.

use std::collections::HashMap;

use axum::Json;
use axum::extract::{Query, State};
use serde_json::{Value, json};

use crate::error::AdminError;
use crate::{AdminDeps, LogQuestion};

/// `GET logs?client=&event_type=&level=&account=&limit=`: entries in the form of `AWSIotLogsV2`, oldest first, with the log
/// group under `logGroup`. There are none until the account's logging options say so.
pub(super) async fn logs(
    State(deps): State<AdminDeps>,
    Query(mut parameters): Query<HashMap<String, String>>,
) -> Result<Json<Value>, AdminError> {
    if let Some(unknown) = parameters.keys().find(|name| !NAMES.contains(&name.as_str())) {
        let expected = NAMES.join(", ");
        return Err(AdminError::bad_request(format!("`{unknown}` is no parameter; expected {expected}")));
    }
    let mut take = |name: &str| parameters.remove(name);
    let level = take("level");
    if let Some(level) = level.as_deref().filter(|level| !LEVELS.contains(level)) {
        let expected = LEVELS.join(", ");
        return Err(AdminError::bad_request(format!("`level` is `{level}`, expected one of {expected}")));
    }
    let limit = take("limit").map(|text| {
        text.parse::<usize>().map_err(|_| {
            AdminError::bad_request(format!("`limit` is `{text}`, expected a whole number from 0 up"))
        })
    });
    let question = LogQuestion {
        client: take("client"),
        event_type: take("event_type"),
        level,
        account: take("account"),
        limit: limit.transpose()?,
    };
    Ok(Json(json!({ "entries": deps.operations.service_log(&question) })))
}

const NAMES: &[&str] = &["client", "event_type", "level", "account", "limit"];
const LEVELS: &[&str] = &["ERROR", "WARN", "INFO", "DEBUG"];
