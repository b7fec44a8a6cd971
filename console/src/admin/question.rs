//! Reading questions to the journal from queries and bodies, strictly: an unknown or malformed member is an error.

use std::collections::HashMap;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use serde_json::{Map, Value};
use thingstead_core::journal::{Path, Query};
use thingstead_core::{Kind, Timestamp};

use crate::error::AdminError;

/// A JSON object; an absent body counts as `{}`.
pub(super) struct Body(Map<String, Value>);

impl Body {
    /// A member; `null` counts as absent.
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// Refuses members that are not in the list.
    pub(super) fn only(&self, names: &[&str]) -> Result<(), AdminError> {
        match self.0.keys().find(|key| !names.contains(&key.as_str())) {
            None => Ok(()),
            Some(key) => Err(AdminError::bad_request(format!(
                "`{key}` is no member here; expected {}",
                names.join(", ")
            ))),
        }
    }

    /// A member that is a text.
    pub(super) fn text(&self, name: &str) -> Result<Option<String>, AdminError> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(other) => Err(AdminError::bad_request(format!("`{name}` is `{other}`, expected a text"))),
        }
    }

    /// A member that is a whole number from 0 up.
    pub(super) fn number(&self, name: &str) -> Result<Option<u64>, AdminError> {
        match self.get(name) {
            None => Ok(None),
            Some(value) => value.as_u64().map(Some).ok_or_else(|| {
                AdminError::bad_request(format!("`{name}` is `{value}`, expected a whole number from 0 up"))
            }),
        }
    }

    /// The members a journal question may have.
    pub(super) fn query(&self) -> Result<Query, AdminError> {
        let kind = self.text("kind")?;
        let jsonpath = self.text("jsonpath")?;
        let since = match self.get("since_ms") {
            None => None,
            Some(value) => Some(value.as_i64().map(Timestamp::from_millis).ok_or_else(|| {
                AdminError::bad_request(format!("`since_ms` is `{value}`, expected epoch milliseconds"))
            })?),
        };
        finish(Query {
            kind: kind.as_deref().map(kind_of).transpose()?,
            client: self.text("client")?,
            thing: self.text("thing")?,
            topic: self.text("topic")?,
            jsonpath: jsonpath
                .as_deref()
                .map(str::parse::<Path>)
                .transpose()
                .map_err(AdminError::bad_request)?,
            since,
            after_seq: self.number("after_seq")?,
            principal: self.text("principal")?,
            account: self.text("account")?,
            limit: self.number("limit")?.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX)),
        })
    }
}

/// The members of a journal question.
pub(super) const QUERY_MEMBERS: &[&str] = &[
    "kind",
    "client",
    "thing",
    "topic",
    "jsonpath",
    "since_ms",
    "after_seq",
    "principal",
    "account",
    "limit",
];

impl<S: Send + Sync> FromRequest<S> for Body {
    type Rejection = AdminError;

    async fn from_request(request: Request, state: &S) -> Result<Self, AdminError> {
        let bytes = Bytes::from_request(request, state).await.map_err(AdminError::bad_request)?;
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self(Map::new()));
        }
        match serde_json::from_slice(&bytes) {
            Ok(Value::Object(members)) => Ok(Self(members)),
            Ok(_) => Err(AdminError::bad_request("the body must be a JSON object")),
            Err(error) => Err(AdminError::bad_request(format!("the body is not JSON: {error}"))),
        }
    }
}

/// A journal question from a URL's query.
pub(super) fn from_url(parameters: &HashMap<String, String>) -> Result<Query, AdminError> {
    let mut members = Map::new();
    for (name, text) in parameters {
        let value = match name.as_str() {
            "since_ms" | "limit" | "after_seq" => {
                text.parse::<i64>().map_or_else(|_| text.clone().into(), Value::from)
            }
            _ => Value::from(text.clone()),
        };
        members.insert(name.clone(), value);
    }
    let body = Body(members);
    body.only(QUERY_MEMBERS)?;
    body.query()
}

fn kind_of(name: &str) -> Result<Kind, AdminError> {
    Kind::from_name(name).ok_or_else(|| {
        let names: Vec<_> = Kind::ALL.iter().map(|kind| kind.name()).collect();
        AdminError::bad_request(format!("`kind` is `{name}`, expected one of {}", names.join(", ")))
    })
}

fn finish(query: Query) -> Result<Query, AdminError> {
    query.check().map_err(AdminError::bad_request)?;
    Ok(query)
}
