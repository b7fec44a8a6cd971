//! Why a client is not let in: the names of `Connection.AuthNError` (MQTT-257, AUTH-301, AUTH-302).

use thingstead_core::{CertificateId, Scope};

use crate::endpoint::Endpoint;

/// Why a certificate, or a host name, was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// Nobody registered it.
    #[error("certificate `{0}` is not registered")]
    NotRegistered(CertificateId),
    /// It is registered but not active.
    #[error("certificate `{id}` is {status}; only an ACTIVE certificate may connect")]
    NotActive {
        /// Which.
        id: CertificateId,
        /// Whose.
        scope: Scope,
        /// Its status.
        status: &'static str,
    },
    /// It is past its expiry (AUTH-030).
    #[error("certificate `{id}` expired at {expired}")]
    Expired {
        /// Which.
        id: CertificateId,
        /// Whose.
        scope: Scope,
        /// Its end, as the certificate says it.
        expired: String,
    },
    /// It is no X.509 certificate.
    #[error("the client's certificate cannot be read")]
    Unreadable,
    /// The host name belongs to another account than the certificate (AUTH-015, AUTH-040).
    #[error("certificate `{id}` is registered in account {}, and the host name is an endpoint of another", scope.account())]
    OtherAccount {
        /// Which.
        id: CertificateId,
        /// Whose.
        scope: Scope,
    },
    /// It was registered without a CA, and the client sent no host name (AUTH-042).
    #[error("certificate `{id}` is SNI_ONLY, and the client sent no host name (SNI)")]
    NeedsName {
        /// Which.
        id: CertificateId,
        /// Whose.
        scope: Scope,
    },
    /// Several accounts have it, and the host name chooses none of them (AUTH-040).
    #[error(
        "certificate `{id}` is active in the accounts {accounts}, and the host name chooses none of them"
    )]
    SeveralAccounts {
        /// Which.
        id: CertificateId,
        /// One of them.
        scope: Scope,
        /// Their ids, separated by commas.
        accounts: String,
    },
    /// Every client must send a host name (MQTT-030).
    #[error("the client sent no host name (SNI), and the setting `sni` requires one")]
    NoName,
    /// The host name is none of this server's (AUTH-015).
    #[error(
        "the host name `{0}` (SNI) is no endpoint of this server, and the setting `sni` requires one that is"
    )]
    UnknownName(String),
    /// The endpoint takes no connections (AUTH-017).
    #[error("domain configuration `{name}` is DISABLED")]
    Disabled {
        /// Whose.
        scope: Scope,
        /// Which.
        name: String,
    },
    /// The endpoint cannot be served, or not what the client wants there.
    #[error("the endpoint cannot be used: {reason}")]
    Unusable {
        /// Which.
        endpoint: Box<Endpoint>,
        /// Why.
        reason: String,
    },
}

impl Refusal {
    /// The reason in service logs.
    pub(crate) const fn log_reason(&self) -> &'static str {
        match self {
            Self::NotRegistered(_) | Self::Unreadable => "DEVICE_CERTIFICATE_NOT_REGISTERED",
            Self::NotActive { status, .. } if matches!(status.as_bytes(), b"REVOKED") => {
                "DEVICE_CERTIFICATE_REVOKED"
            }
            Self::NotActive { .. } | Self::Expired { .. } => "DEVICE_CERTIFICATE_INACTIVE",
            Self::OtherAccount { .. }
            | Self::NeedsName { .. }
            | Self::SeveralAccounts { .. }
            | Self::NoName
            | Self::UnknownName(_) => "SNI_MISUSED",
            Self::Disabled { .. } => "DOMAIN_CONFIGURATION_DISABLED",
            Self::Unusable { .. } => "DOMAIN_CONFIGURATION_INVALID",
        }
    }

    /// What would let the client in.
    pub(crate) fn fix(&self) -> String {
        match self {
            Self::NotRegistered(_) => "register the certificate (`aws iot register-certificate-without-ca \
                                       --certificate-pem file://certificate.pem --status ACTIVE`), or use one that \
                                       `aws iot create-keys-and-certificate --set-as-active` made"
                .to_owned(),
            Self::NotActive { id, status: "INACTIVE" | "PENDING_ACTIVATION" | "REGISTER_INACTIVE", .. } => format!(
                "activate it: `aws iot update-certificate --certificate-id {id} --new-status ACTIVE`"
            ),
            Self::NotActive { status, .. } => {
                format!("use another certificate: one that is {status} does not become ACTIVE from here")
            }
            Self::Expired { .. } => "use a certificate that is valid today".to_owned(),
            Self::Unreadable => "send an X.509 certificate in DER".to_owned(),
            Self::OtherAccount { scope, .. } => format!(
                "connect to an endpoint of account {account}, such as `{account}.localhost`, or register the certificate in the \
                 account of the host name",
                account = scope.account()
            ),
            Self::NeedsName { .. } => "connect to a host name such as `localhost` instead of an address, so that the client \
                                       sends SNI; or start the server with `sni = optional`"
                .to_owned(),
            Self::SeveralAccounts { scope, .. } => format!(
                "put the account into the host name, such as `{}.localhost`; or start the server with `sni = optional`",
                scope.account()
            ),
            Self::NoName => "connect to a host name instead of an address, so that the client sends SNI".to_owned(),
            Self::UnknownName(name) => format!(
                "connect to the host that `aws iot describe-endpoint` answers, start the server with `advertised_host = {name}`, \
                 or make it a custom domain: `aws iot create-domain-configuration --domain-name {name} ...`"
            ),
            Self::Disabled { name, .. } => format!(
                "enable it: `aws iot update-domain-configuration --domain-configuration-name {name} \
                 --domain-configuration-status ENABLED`"
            ),
            Self::Unusable { .. } => "look at `aws iot describe-domain-configuration`".to_owned(),
        }
    }

    /// The certificate's id, where there is one.
    pub(crate) fn certificate(&self) -> Option<&CertificateId> {
        match self {
            Self::NotRegistered(id)
            | Self::NotActive { id, .. }
            | Self::Expired { id, .. }
            | Self::OtherAccount { id, .. }
            | Self::NeedsName { id, .. }
            | Self::SeveralAccounts { id, .. } => Some(id),
            Self::Unreadable
            | Self::NoName
            | Self::UnknownName(_)
            | Self::Disabled { .. }
            | Self::Unusable { .. } => None,
        }
    }

    /// The account it concerns, where that is known.
    pub(crate) fn scope(&self) -> Option<&Scope> {
        match self {
            Self::NotActive { scope, .. }
            | Self::Expired { scope, .. }
            | Self::OtherAccount { scope, .. }
            | Self::NeedsName { scope, .. }
            | Self::SeveralAccounts { scope, .. }
            | Self::Disabled { scope, .. } => Some(scope),
            Self::Unusable { endpoint, .. } => endpoint.scope(),
            Self::NotRegistered(_) | Self::Unreadable | Self::NoName | Self::UnknownName(_) => None,
        }
    }
}
