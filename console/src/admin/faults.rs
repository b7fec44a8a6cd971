//! Making faults on purpose: the plan is read here and carried out by the broker.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use serde_json::Value;
use thingstead_core::faults::FaultPlan;
use thingstead_core::{Event, Kind, Scope};

use crate::AdminDeps;
use crate::error::AdminError;

/// `GET faults`: the plan in force.
pub(super) async fn show(State(deps): State<AdminDeps>) -> Json<Value> {
    Json(deps.faults.faults().to_json())
}

/// `PUT faults`: replaces the plan; `{"faults":[]}` ends all faults. The whole plan is refused when a member of it is wrong.
pub(super) async fn set(State(deps): State<AdminDeps>, body: Bytes) -> Result<Json<Value>, AdminError> {
    let plan: Value = serde_json::from_slice(&body)
        .map_err(|error| AdminError::bad_request(format!("the body is not JSON: {error}")))?;
    let plan = FaultPlan::read(&plan).map_err(AdminError::bad_request)?;
    let count = plan.faults.len();
    deps.faults.set_faults(plan);
    let why = if count == 0 {
        "all faults were ended".to_owned()
    } else {
        format!("{count} fault(s) were planned")
    };
    let event = Event::new(&Scope::new("", ""), deps.clock.now(), Kind::Admin).why(why);
    deps.journal.record(event);
    Ok(Json(deps.faults.faults().to_json()))
}
