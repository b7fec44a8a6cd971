//! The client-certificate callback of a domain configuration (policy.md 10.1).

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};
use thingstead_core::wiring::FunctionError;
use thingstead_core::{CertificateId, Scope};

use super::event::pem;
use crate::Registry;

/// A client whose certificate is registered and active, at an endpoint that asks a function about it (AUTH-060).
#[derive(Clone, Debug)]
pub struct CertificateCallback {
    /// Whose certificate.
    pub scope: Scope,
    /// `clientCertificateCallbackArn`.
    pub function: Arc<str>,
    /// The certificate's id.
    pub certificate: CertificateId,
    /// The host name the client asked for.
    pub server_name: Option<Arc<str>>,
    /// What the client sent, the leaf first, DER.
    pub chain: Vec<Bytes>,
}

/// Why the callback refused a client (AUTH-063, AUTH-064).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallbackRefusal {
    /// There was no answer.
    #[error("the client-certificate callback `{function}` gave no answer: {error}")]
    Failed {
        /// Which function.
        function: Arc<str>,
        /// Why.
        error: FunctionError,
    },
    /// It answered something else than `true`.
    #[error("the client-certificate callback `{function}` answered an `isAuthenticated` that is not true")]
    NotAuthenticated {
        /// Which function.
        function: Arc<str>,
    },
}

impl Registry {
    /// Asks the callback (AUTH-062 to AUTH-064).
    ///
    /// # Errors
    /// Whatever is not an answer with `"isAuthenticated": true`.
    pub async fn call_back(&self, callback: &CertificateCallback) -> Result<(), CallbackRefusal> {
        let event = json!({
            "connectionMetadata": { "id": &*self.connection_id() },
            "principalId": callback.certificate.as_str(),
            "serverName": callback.server_name.as_deref(),
            "clientCertificateChain": callback.chain.iter().map(|der| pem(der)).collect::<Vec<_>>(),
        });
        let function = || Arc::clone(&callback.function);
        let answer = self.call_function(&callback.scope, function(), event.to_string().into()).await;
        let answer = answer.map_err(|error| CallbackRefusal::Failed { function: function(), error })?;
        let answer: Value = serde_json::from_slice(&answer).unwrap_or_default();
        match answer.get("isAuthenticated") {
            Some(Value::Bool(true)) => Ok(()),
            _ => Err(CallbackRefusal::NotAuthenticated { function: function() }),
        }
    }
}

impl CallbackRefusal {
    /// The reason in service logs.
    pub const fn log_reason(&self) -> &'static str {
        match self {
            Self::Failed { .. } => "CUSTOM_AUTHORIZER_LAMBDA_EXECUTION_ERROR",
            Self::NotAuthenticated { .. } => "NOT_AUTHENTICATED",
        }
    }

    /// What would let the client in.
    pub fn fix(&self) -> String {
        match self {
            Self::Failed { .. } => {
                "let the function answer `{\"isAuthenticated\": true}` within 5 s".to_owned()
            }
            Self::NotAuthenticated { .. } => "use a certificate that the function accepts".to_owned(),
        }
    }
}
