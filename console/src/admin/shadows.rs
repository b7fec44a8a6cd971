//! Shadows and who changed what in them.

use std::collections::HashMap;

use axum::Json;
use axum::extract::{Path, Query as Parameters, State};
use serde_json::{Value, json};

use crate::error::AdminError;
use crate::{AdminDeps, ShadowQuestion};

/// `GET shadows`: the shadows that exist, in alphabetical order. `thing` takes those of one thing, `find` those whose
/// thing has the text in its name.
pub(super) async fn list(
    State(deps): State<AdminDeps>,
    Parameters(parameters): Parameters<HashMap<String, String>>,
) -> Result<Json<Value>, AdminError> {
    only(&parameters, &["thing", "find", "account", "limit"])?;
    let limit = limit(&parameters, LISTED)?;
    let given = |name: &str| parameters.get(name).map(String::as_str);
    let accepts = |account: &str, thing: &str| {
        given("account").is_none_or(|wanted| wanted == account)
            && given("thing").is_none_or(|wanted| wanted == thing)
            && given("find").is_none_or(|text| thing.contains(text))
    };
    Ok(Json(json!({ "shadows": deps.operations.shadows(&accepts, limit) })))
}

/// `GET shadows/THING`: the document and its last versions, newest first; 404 when there is neither.
pub(super) async fn one(
    State(deps): State<AdminDeps>,
    Path(thing): Path<String>,
    Parameters(parameters): Parameters<HashMap<String, String>>,
) -> Result<Json<Value>, AdminError> {
    only(&parameters, &["name", "account", "region", "limit"])?;
    let given = |name: &str| parameters.get(name).filter(|text| !text.is_empty()).cloned();
    let limit = limit(&parameters, usize::MAX)?;
    let name = given("name");
    let question = ShadowQuestion { account: given("account"), region: given("region"), thing, name, limit };
    deps.operations.shadow(&question).map(Json).ok_or_else(|| {
        let (thing, name) = (&question.thing, &question.name);
        let shadow = name.as_ref().map_or("classic shadow".to_owned(), |name| format!("shadow `{name}`"));
        AdminError::not_found(format!("the thing `{thing}` has no {shadow}, and none was deleted lately"))
    })
}

fn only(parameters: &HashMap<String, String>, known: &[&str]) -> Result<(), AdminError> {
    match parameters.keys().find(|name| !known.contains(&name.as_str())) {
        None => Ok(()),
        Some(unknown) => Err(AdminError::bad_request(format!(
            "`{unknown}` is no parameter; expected {}",
            known.join(", ")
        ))),
    }
}

fn limit(parameters: &HashMap<String, String>, default: usize) -> Result<usize, AdminError> {
    parameters.get("limit").map_or(Ok(default), |text| {
        text.parse().map_err(|_| {
            AdminError::bad_request(format!("`limit` is `{text}`, expected a whole number from 0 up"))
        })
    })
}

const LISTED: usize = 1000;
