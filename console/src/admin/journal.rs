//! Asking the journal what happened.

use std::collections::HashMap;
use std::convert::Infallible;
use std::time::Duration;

use axum::Json;
use axum::extract::{Query as Parameters, State};
use axum::http::{HeaderMap, header};
use axum::response::sse::{KeepAlive, Sse};
use axum::response::{IntoResponse, Response, sse};
use futures_util::Stream;
use serde_json::{Value, json};
use thingstead_core::Journal;
use thingstead_core::journal::Query;

use super::question::{Body, QUERY_MEMBERS, from_url};
use crate::AdminDeps;
use crate::error::AdminError;

/// `GET journal`: the events that match, oldest first; with `Accept: text/event-stream` it goes on live.
pub(super) async fn read(
    State(deps): State<AdminDeps>,
    Parameters(parameters): Parameters<HashMap<String, String>>,
    headers: HeaderMap,
) -> Result<Response, AdminError> {
    let query = from_url(&parameters)?;
    let live = headers
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("text/event-stream"));
    if live {
        return Ok(Sse::new(follow(deps.journal, query)).keep_alive(KeepAlive::default()).into_response());
    }
    Ok(Json(events(&deps.journal, &query)).into_response())
}

/// `POST journal/find`.
pub(super) async fn find(State(deps): State<AdminDeps>, body: Body) -> Result<Json<Value>, AdminError> {
    body.only(QUERY_MEMBERS)?;
    Ok(Json(events(&deps.journal, &body.query()?)))
}

/// `POST journal/count`.
pub(super) async fn count(State(deps): State<AdminDeps>, body: Body) -> Result<Json<Value>, AdminError> {
    body.only(QUERY_MEMBERS)?;
    Ok(Json(json!({ "count": deps.journal.count(&body.query()?) })))
}

/// `POST journal/wait`: answers as soon as `count` events match, or after `timeout_ms` of real time.
pub(super) async fn wait(State(deps): State<AdminDeps>, body: Body) -> Result<Json<Value>, AdminError> {
    body.only(&[QUERY_MEMBERS, &["count", "timeout_ms"]].concat())?;
    let query = body.query()?;
    let wanted = usize::try_from(body.number("count")?.unwrap_or(1)).unwrap_or(usize::MAX);
    let timeout = body.number("timeout_ms")?.unwrap_or(DEFAULT_TIMEOUT_MS);
    if timeout > MAX_TIMEOUT_MS {
        return Err(AdminError::bad_request(format!(
            "`timeout_ms` is `{timeout}`, expected at most {MAX_TIMEOUT_MS}"
        )));
    }
    let mut newest = deps.journal.watch();
    let enough = async {
        while deps.journal.count(&query) < wanted {
            if newest.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    };
    let satisfied = tokio::time::timeout(Duration::from_millis(timeout), enough).await.is_ok();
    let mut answer = events(&deps.journal, &query);
    if let Value::Object(members) = &mut answer {
        members.shift_insert(0, "satisfied".to_owned(), json!(satisfied));
    }
    Ok(Json(answer))
}

/// `POST journal/near-misses`: what almost matched, and the one thing that differs.
pub(super) async fn near_misses(
    State(deps): State<AdminDeps>,
    body: Body,
) -> Result<Json<Value>, AdminError> {
    body.only(QUERY_MEMBERS)?;
    let query = body.query()?;
    let misses: Vec<_> = query
        .near_misses(deps.journal.after(0))
        .into_iter()
        .rev()
        .take(query.limit.unwrap_or(MAX_NEAR_MISSES))
        .map(|miss| json!({ "event": miss.event.to_json(), "differs": miss.differs, "why": miss.why }))
        .collect();
    Ok(Json(json!({ "near_misses": misses })))
}

const DEFAULT_TIMEOUT_MS: u64 = 5_000;
const MAX_TIMEOUT_MS: u64 = 600_000;
const MAX_NEAR_MISSES: usize = 50;

fn events(journal: &Journal, query: &Query) -> Value {
    json!({ "events": journal.find(query).iter().map(thingstead_core::Event::to_json).collect::<Vec<_>>() })
}

/// What is there, then what comes, until the client goes away.
fn follow(journal: Journal, query: Query) -> impl Stream<Item = Result<sse::Event, Infallible>> {
    let newest = journal.watch();
    let start = (journal, query, newest, 0u64, std::collections::VecDeque::new());
    futures_util::stream::unfold(start, |(journal, query, mut newest, mut seen, mut ready)| async move {
        loop {
            if let Some(event) = ready.pop_front() {
                let event: thingstead_core::Event = event;
                let message = sse::Event::default()
                    .id(event.seq.to_string())
                    .event(event.kind.name())
                    .data(event.to_json().to_string());
                return Some((Ok(message), (journal, query, newest, seen, ready)));
            }
            let up_to = *newest.borrow_and_update();
            let fresh = journal.after(seen);
            seen = fresh.last().map_or(seen.max(up_to), |event| event.seq);
            ready.extend(fresh.into_iter().filter(|event| query.accepts(event)));
            if ready.is_empty() {
                newest.changed().await.ok()?;
            }
        }
    })
}
