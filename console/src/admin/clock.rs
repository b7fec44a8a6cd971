//! Moving time, for tests and labs.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};
use thingstead_core::{Event, Kind, Scope};

use super::question::Body;
use crate::AdminDeps;
use crate::error::AdminError;

/// `GET clock`.
pub(super) async fn show(State(deps): State<AdminDeps>) -> Json<Value> {
    Json(shown(&deps))
}

/// `POST clock`: `{"advance_seconds": n}` moves forward, `{"freeze": bool}` stops or starts; both may be given.
pub(super) async fn set(State(deps): State<AdminDeps>, body: Body) -> Result<Json<Value>, AdminError> {
    body.only(&["advance_seconds", "freeze"])?;
    let freeze = match body.get("freeze") {
        None => None,
        Some(Value::Bool(freeze)) => Some(*freeze),
        Some(other) => {
            return Err(AdminError::bad_request(format!("`freeze` is `{other}`, expected true or false")));
        }
    };
    let advance = match body.get("advance_seconds") {
        None => None,
        Some(value) => match value.as_f64() {
            Some(seconds) if (0.0..=MAX_ADVANCE_SECONDS).contains(&seconds) => {
                Some(Duration::from_secs_f64(seconds))
            }
            _ => {
                return Err(AdminError::bad_request(format!(
                    "`advance_seconds` is `{value}`, expected a number from 0 to {MAX_ADVANCE_SECONDS}"
                )));
            }
        },
    };
    if freeze.is_none() && advance.is_none() {
        return Err(AdminError::bad_request("expected `advance_seconds`, `freeze` or both"));
    }
    if let Some(freeze) = freeze {
        deps.clock.freeze(freeze);
    }
    if let Some(advance) = advance {
        deps.clock.advance(advance);
    }
    let event = Event::new(&Scope::new("", ""), deps.clock.now(), Kind::Admin).why("the clock was set");
    deps.journal.record(event);
    Ok(Json(shown(&deps)))
}

/// A hundred years.
const MAX_ADVANCE_SECONDS: f64 = 3_153_600_000.0;

fn shown(deps: &AdminDeps) -> Value {
    let now = deps.clock.now();
    json!({
        "now": now.to_string(),
        "now_ms": now.as_millis(),
        "offset_ms": deps.clock.offset_ms(),
        "frozen": deps.clock.is_frozen(),
    })
}
