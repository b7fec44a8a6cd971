//! `TestInvokeAuthorizer` (policy.md 13.7, API-334).

use std::sync::Arc;
use std::time::Duration;

use thingstead_core::Scope;

use super::attempt::{Attempt, AuthorizerChoice, HttpContext, MqttContext, TlsContext};
use super::{Refusal, event, signature};
use crate::{Registry, RegistryError};

/// What the caller wants the function to be told.
#[derive(Clone, Debug, Default)]
pub struct TestInvocation {
    /// Which authorizer; it need not be ACTIVE.
    pub authorizer: String,
    /// The token.
    pub token: Option<String>,
    /// Its signature, base64.
    pub signature: Option<String>,
    /// `tlsContext`.
    pub tls: Option<TlsContext>,
    /// `httpContext`.
    pub http: Option<HttpContext>,
    /// `mqttContext`.
    pub mqtt: Option<MqttContext>,
}

/// What it answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tested {
    /// It does not know the client, or was not even asked; why.
    NotAuthenticated(Refusal),
    /// It knows the client.
    Authenticated {
        /// `principalId`.
        principal_id: Arc<str>,
        /// The documents' texts.
        policy_documents: Vec<String>,
        /// `refreshAfterInSeconds`.
        refresh_after: Option<Duration>,
        /// `disconnectAfterInSeconds`, or its default.
        disconnect_after: Duration,
    },
}

impl Registry {
    /// Runs the function as for a client that presents this (AUTH-225 to AUTH-228).
    ///
    /// # Errors
    /// `ResourceNotFound`; `InvalidResponse` when the function gives no valid answer.
    pub async fn test_invoke_authorizer(
        &self,
        scope: &Scope,
        test: TestInvocation,
    ) -> Result<Tested, RegistryError> {
        let authorizer = self.describe_authorizer(scope, &test.authorizer)?;
        let TestInvocation { token, signature, tls, http, mqtt, .. } = test;
        let http = http.map(|mut http| {
            // It is given as the event has it.
            http.query = http.query.map(|query| query.trim_start_matches('?').to_owned());
            Arc::new(http)
        });
        let choice = AuthorizerChoice::default();
        let attempt =
            Attempt { scope: scope.clone(), connection: self.connection_id(), choice, tls, http, mqtt };
        let token = token.or_else(|| attempt.token(&authorizer).map(std::borrow::Cow::into_owned));
        let signed = signature.or_else(|| attempt.signature().map(std::borrow::Cow::into_owned));
        let verified = match signature::check(&authorizer, token.as_deref(), signed.as_deref()) {
            Ok(verified) => verified,
            Err(refusal) => return Ok(Tested::NotAuthenticated(refusal)),
        };
        let invalid = |refusal: Refusal| RegistryError::InvalidResponse(refusal.to_string());
        let event = event::of(&attempt, token.as_deref(), verified);
        let answer = self.ask(scope, &authorizer, event).await.map_err(invalid)?;
        let name = || authorizer.name.as_str().into();
        if !answer.is_authenticated {
            return Ok(Tested::NotAuthenticated(Refusal::NotAuthenticated { authorizer: name() }));
        }
        let limited = self.0.settings.limits.are_aws();
        let granted = answer
            .granted(&authorizer.name, None, limited)
            .map_err(|flaw| invalid(Refusal::AnswerInvalid { authorizer: name(), flaw }))?;
        Ok(Tested::Authenticated {
            principal_id: granted.principal_id,
            policy_documents: granted.texts,
            refresh_after: granted.refresh_after,
            disconnect_after: granted.disconnect_after,
        })
    }
}
