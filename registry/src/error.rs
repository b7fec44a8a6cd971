//! What the registry refuses, as AWS exceptions.

use thingstead_store::StoreError;

/// An operation's refusal. Each variant is the AWS exception of that name; the text is AWS's where it is known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.message())]
pub enum RegistryError {
    /// 404.
    ResourceNotFound(String),
    /// 409, with what is there already (API-037).
    ResourceAlreadyExists {
        /// AWS's text.
        message: String,
        /// `resourceId` of the answer.
        resource_id: Option<String>,
        /// `resourceArn` of the answer.
        resource_arn: Option<String>,
    },
    /// 400.
    InvalidRequest(String),
    /// 409: `expectedVersion` is not the current one (API-064).
    VersionConflict(String),
    /// 409.
    ConflictingResourceUpdate(String),
    /// 409.
    DeleteConflict(String),
    /// 406.
    CertificateState(String),
    /// 409.
    CertificateConflict(String),
    /// 400.
    CertificateValidation(String),
    /// 400.
    RegistrationCodeValidation(String),
    /// 400, with AWS's text and with ours, which has line and column (POLICY-050 to POLICY-053).
    MalformedPolicy {
        /// AWS's text.
        message: String,
        /// What is wrong where.
        why: String,
    },
    /// 410.
    LimitExceeded(String),
    /// 409.
    VersionsLimitExceeded(String),
    /// 409.
    TransferConflict(String),
    /// 410.
    TransferAlreadyCompleted(String),
    /// 401: what topic rules answer for an unknown rule (API-194).
    Unauthorized(String),
    /// 404.
    NotConfigured(String),
    /// 400.
    InvalidQuery(String),
    /// 400.
    InvalidAggregation(String),
    /// 400.
    IndexNotReady(String),
    /// 400: a custom authorizer's function gave no valid answer (API-334).
    InvalidResponse(String),
    /// 500: the database or the key generator failed.
    InternalFailure(String),
    /// 503: the database failed, and memory is ahead of it.
    ServiceUnavailable(String),
}

impl RegistryError {
    /// The exception's name, such as `ResourceNotFoundException`.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::ResourceNotFound(_) => "ResourceNotFoundException",
            Self::ResourceAlreadyExists { .. } => "ResourceAlreadyExistsException",
            Self::InvalidRequest(_) => "InvalidRequestException",
            Self::VersionConflict(_) => "VersionConflictException",
            Self::ConflictingResourceUpdate(_) => "ConflictingResourceUpdateException",
            Self::DeleteConflict(_) => "DeleteConflictException",
            Self::CertificateState(_) => "CertificateStateException",
            Self::CertificateConflict(_) => "CertificateConflictException",
            Self::CertificateValidation(_) => "CertificateValidationException",
            Self::RegistrationCodeValidation(_) => "RegistrationCodeValidationException",
            Self::MalformedPolicy { .. } => "MalformedPolicyException",
            Self::LimitExceeded(_) => "LimitExceededException",
            Self::VersionsLimitExceeded(_) => "VersionsLimitExceededException",
            Self::TransferConflict(_) => "TransferConflictException",
            Self::TransferAlreadyCompleted(_) => "TransferAlreadyCompletedException",
            Self::Unauthorized(_) => "UnauthorizedException",
            Self::NotConfigured(_) => "NotConfiguredException",
            Self::InvalidQuery(_) => "InvalidQueryException",
            Self::InvalidAggregation(_) => "InvalidAggregationException",
            Self::IndexNotReady(_) => "IndexNotReadyException",
            Self::InvalidResponse(_) => "InvalidResponseException",
            Self::InternalFailure(_) => "InternalFailureException",
            Self::ServiceUnavailable(_) => "ServiceUnavailableException",
        }
    }

    /// The HTTP status of the exception on the control plane (API-038).
    pub const fn status(&self) -> u16 {
        match self {
            Self::InvalidRequest(_)
            | Self::CertificateValidation(_)
            | Self::RegistrationCodeValidation(_)
            | Self::MalformedPolicy { .. }
            | Self::InvalidQuery(_)
            | Self::InvalidAggregation(_)
            | Self::IndexNotReady(_)
            | Self::InvalidResponse(_) => 400,
            Self::Unauthorized(_) => 401,
            Self::ResourceNotFound(_) | Self::NotConfigured(_) => 404,
            Self::CertificateState(_) => 406,
            Self::ResourceAlreadyExists { .. }
            | Self::VersionConflict(_)
            | Self::ConflictingResourceUpdate(_)
            | Self::DeleteConflict(_)
            | Self::CertificateConflict(_)
            | Self::VersionsLimitExceeded(_)
            | Self::TransferConflict(_) => 409,
            Self::LimitExceeded(_) | Self::TransferAlreadyCompleted(_) => 410,
            Self::InternalFailure(_) => 500,
            Self::ServiceUnavailable(_) => 503,
        }
    }

    /// The text of the answer.
    pub fn message(&self) -> &str {
        match self {
            Self::ResourceNotFound(message)
            | Self::ResourceAlreadyExists { message, .. }
            | Self::InvalidRequest(message)
            | Self::VersionConflict(message)
            | Self::ConflictingResourceUpdate(message)
            | Self::DeleteConflict(message)
            | Self::CertificateState(message)
            | Self::CertificateConflict(message)
            | Self::CertificateValidation(message)
            | Self::RegistrationCodeValidation(message)
            | Self::MalformedPolicy { message, .. }
            | Self::LimitExceeded(message)
            | Self::VersionsLimitExceeded(message)
            | Self::TransferConflict(message)
            | Self::TransferAlreadyCompleted(message)
            | Self::Unauthorized(message)
            | Self::NotConfigured(message)
            | Self::InvalidQuery(message)
            | Self::InvalidAggregation(message)
            | Self::IndexNotReady(message)
            | Self::InvalidResponse(message)
            | Self::InternalFailure(message)
            | Self::ServiceUnavailable(message) => message,
        }
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::ResourceNotFound(message.into())
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::InvalidRequest(message.into())
    }

    pub(crate) fn exists(message: impl Into<String>, id: &str, arn: String) -> Self {
        Self::ResourceAlreadyExists {
            message: message.into(),
            resource_id: Some(id.to_owned()),
            resource_arn: Some(arn),
        }
    }
}

impl From<StoreError> for RegistryError {
    fn from(error: StoreError) -> Self {
        Self::InternalFailure(error.to_string())
    }
}

/// What every operation answers.
pub type Result<T, E = RegistryError> = std::result::Result<T, E>;
