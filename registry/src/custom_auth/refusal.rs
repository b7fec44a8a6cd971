//! Why somebody was not let in, for logs, for clients and for people.

use std::sync::Arc;

use thingstead_core::wiring::FunctionError;
use thingstead_core::{Event, Kind, Scope, Timestamp};

use super::Attempt;

/// The step of custom authentication that failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nobody is named and there is no default (MQTT-020).
    #[error("the client names no custom authorizer, and the account `{scope}` has no default authorizer")]
    NoDefault {
        /// Where one was looked for.
        scope: Scope,
    },
    /// There is no such authorizer.
    #[error("there is no custom authorizer `{authorizer}` in `{scope}`")]
    Unknown {
        /// The name.
        authorizer: Arc<str>,
        /// Where it was looked for.
        scope: Scope,
        /// An account or Region that has one of this name.
        elsewhere: Option<Scope>,
    },
    /// It may not be used (AUTH-154).
    #[error("the custom authorizer `{authorizer}` is INACTIVE")]
    Inactive {
        /// Which.
        authorizer: Arc<str>,
    },
    /// The endpoint allows its default authorizer only (AUTH-166).
    #[error("the client names the custom authorizer `{named}`, and this endpoint allows `{default}` only")]
    NoOverride {
        /// By the client.
        named: Arc<str>,
        /// By the domain configuration.
        default: Arc<str>,
    },
    /// AUTH-182.
    #[error(
        "the custom authorizer `{authorizer}` needs a signed token, and the client sent none under the name `{key}`"
    )]
    NoToken {
        /// Which authorizer.
        authorizer: Arc<str>,
        /// Its `tokenKeyName`.
        key: Arc<str>,
    },
    /// AUTH-181.
    #[error(
        "the custom authorizer `{authorizer}` needs a signed token, and the client sent no \
             `x-amz-customauthorizer-signature`"
    )]
    NoSignature {
        /// Which authorizer.
        authorizer: Arc<str>,
    },
    /// It is no base64.
    #[error("the token's signature for the custom authorizer `{authorizer}` is not base64")]
    SignatureUnreadable {
        /// Which authorizer.
        authorizer: Arc<str>,
    },
    /// AUTH-181.
    #[error("no public key of the custom authorizer `{authorizer}` ({keys}) verifies the token's signature")]
    SignatureWrong {
        /// Which authorizer.
        authorizer: Arc<str>,
        /// The names of its keys.
        keys: String,
    },
    /// The function gave no answer (MQTT-026).
    #[error("the function of the custom authorizer `{authorizer}` gave no answer: {error}")]
    FunctionFailed {
        /// Which authorizer.
        authorizer: Arc<str>,
        /// Why.
        error: FunctionError,
    },
    /// The function's answer is wrong in one of its members (AUTH-206).
    #[error("the answer of the custom authorizer `{authorizer}` is invalid: {flaw}")]
    AnswerInvalid {
        /// Which authorizer.
        authorizer: Arc<str>,
        /// In which.
        flaw: AnswerFlaw,
    },
    /// The function does not know the client (AUTH-201).
    #[error("the custom authorizer `{authorizer}` answered an `isAuthenticated` that is not true")]
    NotAuthenticated {
        /// Which authorizer.
        authorizer: Arc<str>,
    },
}

/// What is wrong in an answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnswerFlaw {
    /// It is no JSON.
    #[error("it is no JSON: {0}")]
    NoJson(String),
    /// It is other JSON.
    #[error("it is `{0}`, and a JSON object is needed")]
    NoObject(String),
    /// A member is missing.
    #[error("it has no `{0}`")]
    Missing(&'static str),
    /// AUTH-202.
    #[error("`principalId` is `{0}`, and 1 to 128 letters and digits are needed")]
    Principal(String),
    /// AUTH-207.
    #[error(
        "`principalId` is `{given}`, and next to a client certificate it must be its id, `{certificate}`"
    )]
    OtherPrincipal {
        /// In the answer.
        given: String,
        /// In the event.
        certificate: String,
    },
    /// AUTH-203.
    #[error("`policyDocuments` is no array")]
    NoArray,
    /// AUTH-203.
    #[error("`policyDocuments` has {0} documents, and at most 10 are allowed")]
    TooManyDocuments(usize),
    /// AUTH-203.
    #[error("`policyDocuments[{index}]` has {length} characters, and at most 2048 are allowed")]
    DocumentTooLong {
        /// Counted from 0.
        index: usize,
        /// Its characters.
        length: usize,
    },
    /// A document is no policy.
    #[error("`policyDocuments[{index}]` is no policy document: {why}")]
    Document {
        /// Counted from 0.
        index: usize,
        /// What the parser says.
        why: String,
    },
    /// AUTH-204, AUTH-205.
    #[error("`{member}` is {given}, and an integer from 300 to 86400 is needed")]
    Seconds {
        /// Which.
        member: &'static str,
        /// Its value.
        given: String,
    },
}

impl Refusal {
    /// The reason in service logs (AUTH-224, MQTT-257).
    pub const fn log_reason(&self) -> &'static str {
        match self {
            Self::NoDefault { .. } | Self::Unknown { .. } | Self::Inactive { .. } => {
                "CUSTOM_AUTHORIZER_NOT_FOUND"
            }
            Self::NoOverride { .. }
            | Self::NoToken { .. }
            | Self::NoSignature { .. }
            | Self::SignatureUnreadable { .. }
            | Self::SignatureWrong { .. } => "CUSTOM_AUTHORIZER_PARAMETER_INVALID",
            Self::FunctionFailed { .. } | Self::AnswerInvalid { .. } => {
                "CUSTOM_AUTHORIZER_LAMBDA_EXECUTION_ERROR"
            }
            Self::NotAuthenticated { .. } => "NOT_AUTHENTICATED",
        }
    }

    /// How the journal, and through it the service log, tells it (AUTH-300).
    pub fn event(&self, attempt: &Attempt, at: Timestamp) -> Event {
        let tls = attempt.tls.as_ref();
        let certificate = attempt.certificate();
        let kind = if certificate.is_some() { "CUSTOM_AUTH_X509" } else { "CUSTOM_AUTH" };
        let event = Event::new(&attempt.scope, at, Kind::AuthenticationRefused)
            .why(self.to_string())
            .client(attempt.mqtt.as_ref().and_then(|mqtt| mqtt.client.clone()))
            .with("reason", self.log_reason())
            .with("authorizer", self.authorizer().map(|name| name.to_string()))
            .with("authentication_type", kind)
            .with("server_name", tls.and_then(|tls| tls.server_name.as_deref()))
            .with("fix", self.fix());
        match certificate {
            Some(certificate) => event.principal(certificate.id.shared()),
            None => event,
        }
    }

    /// Which authorizer it is about.
    pub fn authorizer(&self) -> Option<&Arc<str>> {
        match self {
            Self::NoDefault { .. } => None,
            Self::Unknown { authorizer, .. }
            | Self::Inactive { authorizer }
            | Self::NoOverride { named: authorizer, .. }
            | Self::NoToken { authorizer, .. }
            | Self::NoSignature { authorizer }
            | Self::SignatureUnreadable { authorizer }
            | Self::SignatureWrong { authorizer, .. }
            | Self::FunctionFailed { authorizer, .. }
            | Self::AnswerInvalid { authorizer, .. }
            | Self::NotAuthenticated { authorizer } => Some(authorizer),
        }
    }

    /// What would let the client in.
    pub fn fix(&self) -> String {
        match self {
            Self::NoDefault { .. } => "name an authorizer (`USER?x-amz-customauthorizer-name=NAME` as the MQTT user name, or the \
                                       header `x-amz-customauthorizer-name`), or make one the default: `aws iot \
                                       set-default-authorizer --authorizer-name NAME`"
                .to_owned(),
            Self::Unknown { elsewhere: Some(elsewhere), scope, .. } => format!(
                "there is one of this name in `{elsewhere}`; clients without a certificate belong to `{scope}`, which the \
                 settings `account` and `region` choose"
            ),
            Self::Unknown { authorizer, .. } => {
                format!("create it: `aws iot create-authorizer --authorizer-name {authorizer} --status ACTIVE …`")
            }
            Self::Inactive { authorizer } => {
                format!("activate it: `aws iot update-authorizer --authorizer-name {authorizer} --status ACTIVE`")
            }
            Self::NoOverride { default, .. } => format!(
                "name `{default}` or nobody, or set `allowAuthorizerOverride` of the domain configuration"
            ),
            Self::NoToken { key, .. } => format!(
                "send the token as `{key}` (a parameter of the MQTT user name, a header or a query parameter), or use an \
                 authorizer with signing disabled"
            ),
            Self::NoSignature { .. } | Self::SignatureUnreadable { .. } => {
                "sign the token's bytes with RSASSA-PKCS1-v1_5 and SHA-256 and send the base64 of it, percent-encoded where it \
                 stands in a user name or query: `printf %s TOKEN | openssl dgst -sha256 -sign KEY.pem | base64 -w0`"
                    .to_owned()
            }
            Self::SignatureWrong { .. } => "sign exactly the token's bytes, without a newline at the end, with the private key \
                                            that belongs to one of `tokenSigningPublicKeys`"
                .to_owned(),
            Self::FunctionFailed { error: FunctionError::NotConfigured(function), .. } => format!(
                "start with `--functions {function}=http://127.0.0.1:9000/` and answer there, or set AWS_ENDPOINT_URL_LAMBDA"
            ),
            Self::FunctionFailed { .. } => "let the function answer JSON with status 200 within 5 s".to_owned(),
            Self::AnswerInvalid { authorizer, .. } => format!(
                "mend the function's answer; `aws iot test-invoke-authorizer --authorizer-name {authorizer}` shows it"
            ),
            Self::NotAuthenticated { .. } => {
                "send credentials that the function accepts; it must answer `\"isAuthenticated\": true`".to_owned()
            }
        }
    }
}
