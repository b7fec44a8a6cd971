//! What a domain configuration may be.

use std::time::Duration;

use super::{DomainConfiguration, DomainSettings, SecurityPolicy};
use crate::{RegistryError, Result};

/// The configuration with other settings, if they fit together (AUTH-011, AUTH-061, AUTH-273).
pub(super) fn with(
    mut configuration: DomainConfiguration,
    settings: DomainSettings,
) -> Result<DomainConfiguration> {
    let DomainSettings {
        authorizer_config,
        security_policy,
        server_certificate_config,
        authentication_type,
        application_protocol,
        client_certificate_callback_arn,
    } = settings;
    if let Some(name) = security_policy {
        configuration.security_policy = SecurityPolicy::of(&name).ok_or_else(|| {
            let known: Vec<String> =
                SecurityPolicy::ALL.iter().map(|policy| format!("`{}`", policy.name())).collect();
            RegistryError::invalid(format!(
                "`tlsConfig.securityPolicy` is `{name}`; expected {}",
                known.join(", ")
            ))
        })?;
    }
    if authorizer_config.is_some() {
        configuration.authorizer_config = authorizer_config;
    }
    if server_certificate_config.is_some() {
        configuration.server_certificate_config = server_certificate_config;
    }
    if let Some(how) = authentication_type {
        configuration.authentication_type = how;
    }
    if let Some(what) = application_protocol {
        configuration.application_protocol = what;
    }
    if let Some(arn) = client_certificate_callback_arn {
        configuration.client_certificate_callback_arn = Some(arn).filter(|arn| !arn.is_empty());
    }
    let DomainConfiguration { authentication_type: how, application_protocol: what, .. } = configuration;
    if !how.goes_with(what) {
        return Err(RegistryError::invalid(format!(
            "`authenticationType` {} does not go with `applicationProtocol` {}; expected AWS_X509 or CUSTOM_AUTH_X509 with \
             SECURE_MQTT or HTTPS, AWS_SIGV4 with MQTT_WSS or HTTPS, CUSTOM_AUTH with one of the three, or DEFAULT with DEFAULT",
            how.name(),
            what.name()
        )));
    }
    if configuration.client_certificate_callback_arn.is_some() && !how.needs_certificate() {
        return Err(RegistryError::invalid(format!(
            "`clientCertificateConfig` needs `authenticationType` AWS_X509 or CUSTOM_AUTH_X509, not {}",
            how.name()
        )));
    }
    Ok(configuration)
}

/// A host name as SNI carries it, in lower case.
pub(super) fn host_name(text: &str) -> Result<String> {
    let fits = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    };
    let is_address = text.parse::<std::net::IpAddr>().is_ok();
    if text.len() <= 253 && !is_address && text.split('.').all(fits) {
        return Ok(text.to_ascii_lowercase());
    }
    Err(RegistryError::invalid(format!(
        "`domainName` is `{text}`; expected a host name such as `iot.example.com`"
    )))
}

/// How long a host name of the service's must have been disabled before it goes (API-338).
pub(super) const REST_OF_MANAGED_NAMES: Duration = Duration::from_secs(7 * 24 * 3600);
