//! What the control plane of rules refuses, as AWS's exceptions.

use thingstead_core::decision::Position;

/// Why an operation on rules or destinations was refused. Each variant is an exception of the API model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RulesError {
    /// The statement, or a template, does not parse (RULES-326, RULES-384).
    #[error("{message}")]
    SqlParse {
        /// What is wrong and where: line and column are in it.
        message: String,
        /// Where in the text.
        position: Position,
    },
    /// Other invalid input (RULES-327).
    #[error("{0}")]
    InvalidRequest(String),
    /// A rule or destination of that name or URL exists (RULES-328, RULES-466).
    #[error("{message}")]
    ResourceAlreadyExists {
        /// The sentence.
        message: String,
        /// The rule's name or the destination's id.
        resource_id: String,
        /// Its ARN.
        resource_arn: String,
    },
    /// What the model says instead of not found (RULES-333).
    #[error("{0}")]
    Unauthorized(String),
    /// Another change of the same resource is under way (RULES-329).
    #[error("{0}")]
    ConflictingResourceUpdate(String),
    /// The database did not take the change.
    #[error("{0}")]
    Internal(String),
    /// The request is valid, this server does not serve it.
    #[error("{0}")]
    NotImplemented(String),
}

impl RulesError {
    /// The exception's name in the API model.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::SqlParse { .. } => "SqlParseException",
            Self::InvalidRequest(_) => "InvalidRequestException",
            Self::ResourceAlreadyExists { .. } => "ResourceAlreadyExistsException",
            Self::Unauthorized(_) => "UnauthorizedException",
            Self::ConflictingResourceUpdate(_) => "ConflictingResourceUpdateException",
            Self::Internal(_) => "InternalException",
            Self::NotImplemented(_) => "NotImplementedException",
        }
    }

    /// The HTTP status of the exception.
    pub const fn status(&self) -> u16 {
        match self {
            Self::SqlParse { .. } | Self::InvalidRequest(_) => 400,
            Self::Unauthorized(_) => 401,
            Self::ResourceAlreadyExists { .. } | Self::ConflictingResourceUpdate(_) => 409,
            Self::Internal(_) => 500,
            Self::NotImplemented(_) => 501,
        }
    }

    /// Rule `name` does not exist, in the model's words (RULES-333).
    pub(crate) fn no_rule(name: &str) -> Self {
        Self::Unauthorized(format!("Access to topic rule '{name}' was denied"))
    }

    /// Destination `arn` does not exist, in the model's words (API-206).
    pub(crate) fn no_destination(arn: &str) -> Self {
        Self::Unauthorized(format!("Access to TopicRuleDestination '{arn}' was denied"))
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::InvalidRequest(message.into())
    }
}
