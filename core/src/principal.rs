//! Who is asking.

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use crate::{CertificateId, Scope};

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
    /// The user of an access key that nothing more is known about.
    pub fn of_access_key(account: &str, access_key: &str) -> Self {
        let arn = format!("arn:aws:iam::{account}:user/{access_key}");
        Self::Iam { unique_id: access_key.into(), arn: arn.into() }
    }

    /// The certificate that authenticated, alone or next to a custom authorizer.
    pub fn certificate(&self) -> Option<&CertificateId> {
        match self {
            Self::Certificate(id) => Some(id),
            Self::Custom { certificate, .. } => certificate.as_ref(),
            _ => None,
        }
    }

    /// `principalIdentifier` of the events (MQTT-206) and `principal()` of the SQL.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Certificate(id) => id,
            Self::Iam { unique_id, .. } => unique_id,
            Self::Cognito { identity_id, .. } => identity_id,
            Self::Custom { principal_id, .. } => principal_id,
            Self::Anonymous => ANONYMOUS,
        }
    }

    /// The same, shared.
    pub fn shared(&self) -> Arc<str> {
        static SHARED_ANONYMOUS: OnceLock<Arc<str>> = OnceLock::new();
        match self {
            Self::Certificate(id) => id.shared(),
            Self::Iam { unique_id, .. } => Arc::clone(unique_id),
            Self::Cognito { identity_id, .. } => Arc::clone(identity_id),
            Self::Custom { principal_id, .. } => Arc::clone(principal_id),
            Self::Anonymous => Arc::clone(SHARED_ANONYMOUS.get_or_init(|| ANONYMOUS.into())),
        }
    }
}

const ANONYMOUS: &str = "anonymous";

/// [`Principal::as_str`].
impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Who is at the other end of a TLS connection, as its door saw it. The HTTPS door puts it on each request as an
/// extension; the plain API port has none.
#[derive(Clone, Debug)]
pub struct PeerIdentity {
    /// The registered certificate the client showed; `None` when it showed none (AUTH: SigV4 and custom authentication).
    pub certificate: Option<CertificateId>,
    /// The scope that owns the certificate; `None` without one.
    pub scope: Option<Scope>,
    /// The certificate itself, DER.
    pub certificate_der: Option<Bytes>,
    /// The host name the client asked for (SNI).
    pub server_name: Option<Arc<str>>,
    /// The protocol that was agreed on, such as `x-amzn-http-ca`.
    pub alpn: Option<Arc<str>>,
    /// The client's address.
    pub remote: SocketAddr,
}
