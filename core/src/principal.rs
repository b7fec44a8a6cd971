//! Who is asking.

use std::fmt;
use std::sync::Arc;

use crate::CertificateId;

/// An authenticated identity.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Principal {
    /// A registered X.509 client certificate.
    Certificate(CertificateId),
    /// SigV4 credentials: an IAM user or role.
    Iam {
        /// `AIDA…`, `AROA…:session`: what events show (MQTT-206).
        unique_id: Arc<str>,
        /// The caller's ARN.
        arn: Arc<str>,
    },
    /// An Amazon Cognito identity.
    Cognito {
        /// `REGION:UUID`.
        identity_id: Arc<str>,
        /// Whether somebody logged in.
        authenticated: bool,
    },
    /// What a custom authorizer answered.
    Custom {
        /// `principalId` of its answer.
        principal_id: Arc<str>,
        /// The certificate that came with it, if any.
        certificate: Option<CertificateId>,
    },
    /// A client of the plain listener, which authenticates nobody.
    Anonymous,
}

impl Principal {
    /// The certificate that authenticated, alone or next to a custom authorizer.
    pub fn certificate(&self) -> Option<&CertificateId> {
        match self {
            Self::Certificate(id) => Some(id),
            Self::Custom { certificate, .. } => certificate.as_ref(),
            _ => None,
        }
    }
}

/// `principalIdentifier` of the events (MQTT-206) and `principal()` of the SQL.
impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Certificate(id) => id,
            Self::Iam { unique_id, .. } => unique_id,
            Self::Cognito { identity_id, .. } => identity_id,
            Self::Custom { principal_id, .. } => principal_id,
            Self::Anonymous => "anonymous",
        })
    }
}
