//! What a handler answers when it does not answer.

use serde_json::{Map, Value};

use crate::model::{Operation, Service};

/// An AWS exception: its name decides the status, as the service model has it (API-038 – API-040).
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{name}: {message}")]
pub struct ApiError {
    name: &'static str,
    message: Box<str>,
    members: Map<String, Value>,
    // Rare, so that every result is not larger for it.
    aside: Option<Box<Aside>>,
}

/// What few errors have.
#[derive(Clone, Debug, Default, PartialEq)]
struct Aside {
    log_reason: Option<&'static str>,
    silent: bool,
}

impl ApiError {
    /// An exception by its AWS name, suffix included.
    pub fn new(name: &'static str, message: impl Into<String>) -> Self {
        Self { name, message: message.into().into(), members: Map::new(), aside: None }
    }

    /// 400: the request makes no sense.
    pub fn invalid_request(message: impl Into<String>) -> Self {
        Self::new("InvalidRequestException", message)
    }

    /// 404: there is no such resource.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new("ResourceNotFoundException", message)
    }

    /// 409: a resource of that name is there already; its id and ARN go into the body (API-037).
    pub fn already_exists(message: impl Into<String>, id: impl Into<String>, arn: impl Into<String>) -> Self {
        Self::new("ResourceAlreadyExistsException", message)
            .with("resourceId", id.into())
            .with("resourceArn", arn.into())
    }

    /// 500: our fault. SDKs repeat such a request (API-043).
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new("InternalFailureException", message)
    }

    /// 501: the operation is known and not built (API-371).
    pub fn not_implemented(operation: &Operation) -> Self {
        let message = format!(
            "the operation `{}` of `{}` is not implemented",
            operation.name,
            operation.service.name()
        );
        Self::new("NotImplementedException", message)
    }

    /// The same error with one more member in its body.
    pub fn with(mut self, member: &str, value: impl Into<Value>) -> Self {
        self.members.insert(member.to_owned(), value.into());
        self
    }

    /// The same error with its reason in service logs, which callers do not see.
    pub fn logged_as(mut self, reason: &'static str) -> Self {
        self.aside.get_or_insert_default().log_reason = Some(reason);
        self
    }

    /// The same error answered without a body; logs and the journal keep its words (POLICY-467).
    pub fn without_body(mut self) -> Self {
        self.aside.get_or_insert_default().silent = true;
        self
    }

    /// Whether the answer has a body.
    pub fn has_body(&self) -> bool {
        !self.aside.as_ref().is_some_and(|aside| aside.silent)
    }

    /// The reason in service logs, where the error has one of its own.
    pub fn log_reason(&self) -> Option<&'static str> {
        self.aside.as_ref().and_then(|aside| aside.log_reason)
    }

    /// The AWS name, suffix included.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// For a person.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What the journal says: the member `why` where the AWS message leaves it open, else the message.
    pub fn why(&self) -> &str {
        self.members.get("why").and_then(Value::as_str).unwrap_or(&self.message)
    }

    /// Members of the body next to `message`.
    pub fn members(&self) -> &Map<String, Value> {
        &self.members
    }

    /// The HTTP status in this API: the model's, else that of the other APIs, else one of the names every AWS API knows.
    pub fn status(&self, service: Service) -> u16 {
        let own = service.model().status(self.name);
        own.or_else(|| {
            let common = COMMON.iter().find(|(name, _)| *name == self.name).map(|(_, status)| *status);
            common.or_else(|| Service::ALL.into_iter().find_map(|other| other.model().status(self.name)))
        })
        .unwrap_or(400)
    }
}

/// Names that no model lists, or not every one of the three.
const COMMON: &[(&str, u16)] = &[
    ("AccessDeniedException", 403),
    ("ExpiredTokenException", 403),
    ("ForbiddenException", 403),
    ("IncompleteSignatureException", 403),
    ("InvalidSignatureException", 403),
    ("MethodNotAllowedException", 405),
    ("MissingAuthenticationTokenException", 403),
    ("NotImplementedException", 501),
    ("RequestEntityTooLargeException", 413),
    ("UnknownOperationException", 404),
    ("UnrecognizedClientException", 403),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_those_of_the_model() {
        for (service, name, status) in [
            // API-038
            (Service::Iot, "CertificateStateException", 406),
            (Service::Iot, "DeleteConflictException", 409),
            (Service::Iot, "LimitExceededException", 410),
            (Service::Iot, "MalformedPolicyException", 400),
            (Service::Iot, "NotConfiguredException", 404),
            (Service::Iot, "ServiceQuotaExceededException", 402),
            (Service::Iot, "SqlParseException", 400),
            (Service::Iot, "ThrottlingException", 400),
            (Service::Iot, "TransferAlreadyCompletedException", 410),
            (Service::Iot, "UnauthorizedException", 401),
            (Service::Iot, "VersionsLimitExceededException", 409),
            // API-039
            (Service::IotData, "ThrottlingException", 429),
            (Service::IotData, "RequestEntityTooLargeException", 413),
            (Service::IotData, "MethodNotAllowedException", 405),
            (Service::IotData, "GatewayTimeoutException", 504),
            (Service::IotData, "UnsupportedDocumentEncodingException", 415),
            // API-040
            (Service::IotJobsData, "TerminalStateException", 410),
            (Service::IotJobsData, "InvalidStateTransitionException", 409),
            // MQTT-228, API-043
            (Service::IotData, "ForbiddenException", 403),
            (Service::Iot, "NotImplementedException", 501),
        ] {
            assert_eq!(ApiError::new(name, "").status(service), status, "{name}");
        }
    }
}
