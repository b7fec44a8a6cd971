//! What a policy or a thing is attached to.

use std::fmt;
use std::sync::Arc;

use thingstead_core::{Arn, CertificateId, Scope};

use crate::{RegistryError, Result};

/// A principal or thing group that policies are attached to, or a principal that a thing is attached to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// A device certificate.
    Certificate(CertificateId),
    /// A static thing group.
    ThingGroup(Arc<str>),
    /// An Amazon Cognito identity, `REGION:UUID`; any is taken, since nothing can look it up (API-169).
    Identity(Arc<str>),
}

impl Target {
    /// Reads a certificate ARN, a thing group ARN or a Cognito identity id.
    ///
    /// # Errors
    /// `InvalidRequest` when it is none of them, `ResourceNotFound` when it is of another account or Region.
    pub fn parse(scope: &Scope, text: &str) -> Result<Self> {
        let Some(arn) = Arn::parse(text) else {
            let identity = text
                .split_once(':')
                .is_some_and(|(region, id)| is_word(region) && is_word(id) && id.len() <= 64);
            return if identity { Ok(Self::Identity(Arc::from(text))) } else { Err(unusable(text)) };
        };
        let target = if let Some(id) = arn.resource_of("cert") {
            Self::Certificate(CertificateId::from(id))
        } else if let Some(name) = arn.resource_of("thinggroup") {
            Self::ThingGroup(Arc::from(name))
        } else {
            return Err(unusable(text));
        };
        if arn.service != "iot" || arn.account != scope.account() || arn.region != scope.region() {
            return Err(RegistryError::not_found(format!(
                "The resource {text} does not exist in this account and Region"
            )));
        }
        Ok(target)
    }

    /// The ARN, or the identity id.
    pub fn text(&self, scope: &Scope) -> String {
        match self {
            Self::Certificate(id) => Arn::iot(scope, format!("cert/{id}")).to_string(),
            Self::ThingGroup(name) => Arn::iot(scope, format!("thinggroup/{name}")).to_string(),
            Self::Identity(id) => id.to_string(),
        }
    }

    /// The form in rows: `cert/ID`, `thinggroup/NAME`, `identity/ID`.
    pub(crate) fn key(&self) -> String {
        match self {
            Self::Certificate(id) => format!("cert/{id}"),
            Self::ThingGroup(name) => format!("thinggroup/{name}"),
            Self::Identity(id) => format!("identity/{id}"),
        }
    }

    pub(crate) fn from_key(key: &str) -> Option<Self> {
        let (kind, name) = key.split_once('/')?;
        match kind {
            "cert" => Some(Self::Certificate(CertificateId::from(name))),
            "thinggroup" => Some(Self::ThingGroup(Arc::from(name))),
            "identity" => Some(Self::Identity(Arc::from(name))),
            _ => None,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.key())
    }
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

fn unusable(text: &str) -> RegistryError {
    RegistryError::invalid(format!(
        "`{text}` cannot be attached to; expected the ARN of a certificate or of a thing group, or a Cognito identity id"
    ))
}
