//! Custom authentication: a function of the account says who somebody is and what they may do (policy.md section 13).
//!
//! A door collects what a client presented in an [`Attempt`]; [`Registry::authenticate`] chooses the authorizer, checks the
//! token's signature, calls the function and reads its answer. What comes out is an [`Admission`], or a [`Refusal`] that says
//! which step failed and what would mend it. Nothing here knows sockets; time enters as the limit of a call only.

mod answer;
mod attempt;
mod callback;
mod event;
mod kept;
mod refusal;
mod signature;
mod test_invoke;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use thingstead_core::wiring::{FunctionError, Invocation};
use thingstead_core::{CertificateId, Principal, Scope};
use thingstead_policy_engine::Applicable;

pub use attempt::{
    Attempt, AuthorizerChoice, CustomDoor, HttpContext, MqttContext, PresentedCertificate, TlsContext,
    is_custom_request,
};
pub use callback::{CallbackRefusal, CertificateCallback};
pub use kept::KeptAdmissions;
pub use refusal::{AnswerFlaw, Refusal};
pub use test_invoke::{TestInvocation, Tested};

use crate::Registry;
use crate::authorizers::{Authorizer, AuthorizerStatus};
use answer::Answer;

/// What an authorizer answered for somebody it knows.
#[derive(Clone, Debug)]
pub struct Admission {
    /// Which authorizer.
    pub authorizer: Arc<str>,
    /// Who it is.
    pub principal: Principal,
    /// What they may do; next to a certificate's policies where there is one (POLICY-367, POLICY-368).
    pub documents: Vec<Applicable>,
    /// How long the connection may last (AUTH-204).
    pub disconnect_after: Duration,
    /// When the function is asked again (AUTH-205); never when it did not say.
    pub refresh_after: Option<Duration>,
    /// Whether the answer may be kept for further requests of an HTTPS connection (AUTH-219).
    pub cacheable: bool,
}

impl Registry {
    /// Asks the authorizer that is meant (AUTH-165 to AUTH-207).
    ///
    /// # Errors
    /// The first step that failed. Every failure refuses.
    pub async fn authenticate(&self, attempt: &Attempt) -> Result<Admission, Refusal> {
        let authorizer = self.choose(attempt)?;
        let token = attempt.token(&authorizer);
        let verified = signature::check(&authorizer, token.as_deref(), attempt.signature().as_deref())?;
        let event = event::of(attempt, token.as_deref(), verified);
        let answer = self.ask(&attempt.scope, &authorizer, event).await?;
        let name = || authorizer.name.as_str().into();
        if !answer.is_authenticated {
            return Err(Refusal::NotAuthenticated { authorizer: name() });
        }
        let certificate = attempt.certificate().map(|presented| presented.id.clone());
        let limited = self.0.settings.limits.are_aws();
        let granted = answer
            .granted(&authorizer.name, certificate.as_ref().map(CertificateId::as_str), limited)
            .map_err(|flaw| Refusal::AnswerInvalid { authorizer: name(), flaw })?;
        Ok(Admission {
            authorizer: name(),
            principal: Principal::Custom { principal_id: granted.principal_id, certificate },
            documents: granted.documents,
            disconnect_after: granted.disconnect_after,
            refresh_after: granted.refresh_after,
            cacheable: authorizer.enable_caching_for_http,
        })
    }

    /// Whether an upgrade request or HTTPS request speaks to an authorizer: it names one, carries a token's signature, or a
    /// token under the name that the default authorizer expects.
    pub fn is_for_authorizer(&self, door: &CustomDoor, http: &HttpContext) -> bool {
        if is_custom_request(http) {
            return true;
        }
        let key = self.default_authorizer(door).and_then(|authorizer| authorizer.token_key_name.clone());
        key.is_some_and(|key| http.value(&key).is_some())
    }

    /// Whom clients speak to who name nobody: the domain's default, else the account's.
    pub fn default_authorizer(&self, door: &CustomDoor) -> Option<Arc<Authorizer>> {
        let default = match &door.choice.default {
            Some(name) => self.describe_authorizer(&door.scope, name),
            None => self.describe_default_authorizer(&door.scope),
        };
        default.ok()
    }

    /// The one the client names, else the domain's default, else the account's (AUTH-165, AUTH-166, MQTT-020).
    fn choose(&self, attempt: &Attempt) -> Result<Arc<Authorizer>, Refusal> {
        let AuthorizerChoice { default, may_override } = &attempt.choice;
        let scope = &attempt.scope;
        let named = attempt.authorizer_name();
        let authorizer = match (named, default) {
            (Some(named), Some(default)) if !may_override && *named != **default => {
                return Err(Refusal::NoOverride {
                    named: named.as_ref().into(),
                    default: Arc::clone(default),
                });
            }
            (Some(named), _) => self.describe_authorizer(scope, &named).map_err(|_| named.into_owned()),
            (None, Some(default)) => {
                self.describe_authorizer(scope, default).map_err(|_| default.to_string())
            }
            (None, None) => match self.describe_default_authorizer(scope) {
                Ok(default) => Ok(default),
                Err(_) => return Err(Refusal::NoDefault { scope: scope.clone() }),
            },
        };
        match authorizer {
            Ok(authorizer) if authorizer.status == AuthorizerStatus::Active => Ok(authorizer),
            Ok(authorizer) => Err(Refusal::Inactive { authorizer: authorizer.name.as_str().into() }),
            Err(name) => {
                let elsewhere = self.scopes_where(|state| state.authorizers.contains(&name));
                Err(Refusal::Unknown {
                    authorizer: name.into(),
                    scope: scope.clone(),
                    elsewhere: elsewhere.into_iter().next(),
                })
            }
        }
    }

    async fn ask(&self, scope: &Scope, authorizer: &Authorizer, event: Bytes) -> Result<Answer, Refusal> {
        let name: Arc<str> = authorizer.name.as_str().into();
        let answered = self.call_function(scope, Arc::clone(&authorizer.function), event).await;
        let body =
            answered.map_err(|error| Refusal::FunctionFailed { authorizer: Arc::clone(&name), error })?;
        Answer::read(&body).map_err(|flaw| Refusal::AnswerInvalid { authorizer: name, flaw })
    }

    pub(crate) async fn call_function(
        &self,
        scope: &Scope,
        function: Arc<str>,
        event: Bytes,
    ) -> Result<Bytes, FunctionError> {
        let Some(functions) = self.0.functions.get() else {
            return Err(FunctionError::NotConfigured(function));
        };
        functions.invoke(Invocation { scope: scope.clone(), function, event, limit: FUNCTION_LIMIT }).await
    }

    /// A new `connectionMetadata.id` (AUTH-196).
    pub fn connection_id(&self) -> Arc<str> {
        self.0.ids.uuid().to_string().into()
    }
}

/// AUTH-220, MQTT-026.
const FUNCTION_LIMIT: Duration = Duration::from_secs(5);
