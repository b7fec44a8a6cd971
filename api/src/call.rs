//! One call of an operation, as its handler sees it.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;
use thingstead_core::message::Sender;
use thingstead_core::{Origin, Principal, Scope};

use crate::{ApiDeps, ApiError};

/// Who calls, where, and with what: everything but the typed input.
#[derive(Clone)]
pub struct Call {
    /// The rest of the house.
    pub deps: ApiDeps,
    /// The account and Region that the call is about.
    pub scope: Scope,
    /// Who calls.
    pub principal: Principal,
    /// `x-amzn-RequestId`, also `traceId` on the data plane.
    pub request_id: Arc<str>,
    /// The raw body of operations whose payload is a blob; empty for all others.
    pub payload: Bytes,
    /// The `Host` header.
    pub host: Option<String>,
    /// The caller's address, where the door knows it.
    pub remote: Option<SocketAddr>,
}

impl Call {
    /// The origin of messages that this call publishes.
    pub fn origin(&self) -> Origin {
        Origin::Http(Arc::new(Sender {
            client: None,
            principal: self.principal.clone(),
            thing: None,
            address: self.remote,
            session: Arc::clone(&self.request_id),
        }))
    }

    /// Asks the registry something that may take long, on a thread that may wait.
    ///
    /// # Errors
    /// Those of the question; `InternalFailure` where it could not be asked.
    pub async fn aside<T: Send + 'static>(
        self,
        ask: impl FnOnce(Self) -> thingstead_registry::Result<T> + Send + 'static,
    ) -> Result<T, ApiError> {
        match tokio::task::spawn_blocking(move || ask(self)).await {
            Ok(answer) => Ok(answer?),
            Err(error) => Err(ApiError::internal(error.to_string())),
        }
    }
}

/// What an operation answers.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// The members of the output shape.
    Members(Value),
    /// The output's payload: the whole body.
    Payload(Bytes),
}

/// Anything a handler may return.
pub trait IntoReply {
    /// As the gateway wants it.
    ///
    /// # Errors
    /// The output cannot be written as JSON.
    fn into_reply(self) -> Result<Reply, ApiError>;
}

/// A body that is the document itself: shadows (API-028).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document(pub Bytes);

impl<T: Serialize> IntoReply for T {
    fn into_reply(self) -> Result<Reply, ApiError> {
        let value = serde_json::to_value(self)
            .map_err(|error| ApiError::internal(format!("the answer is no JSON: {error}")))?;
        Ok(Reply::Members(value))
    }
}

impl IntoReply for Document {
    fn into_reply(self) -> Result<Reply, ApiError> {
        Ok(Reply::Payload(self.0))
    }
}
