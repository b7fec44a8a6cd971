//! The endpoints that every account has (API-336).

use super::{
    ApplicationProtocol, AuthenticationType, DomainConfiguration, DomainConfigurationStatus, DomainType,
    SecurityPolicy, ServiceType,
};
use crate::Endpoints;

/// Their names, in order.
pub const DEFAULT_DOMAIN_CONFIGURATIONS: [&str; 4] =
    ["iot:CredentialProvider", "iot:Data", "iot:Data-ATS", "iot:Jobs"];

/// A default endpoint by its name.
pub(super) fn default_endpoint(name: &str, endpoints: &Endpoints) -> Option<DomainConfiguration> {
    if !DEFAULT_DOMAIN_CONFIGURATIONS.contains(&name) {
        return None;
    }
    let service_type = match name {
        "iot:CredentialProvider" => ServiceType::CredentialProvider,
        "iot:Jobs" => ServiceType::Jobs,
        _ => ServiceType::Data,
    };
    Some(DomainConfiguration {
        name: name.to_owned(),
        arn_suffix: String::new(),
        domain_name: endpoints.of(Some(name)).unwrap_or_default().to_owned(),
        domain_type: DomainType::Endpoint,
        status: DomainConfigurationStatus::Enabled,
        last_status_change_date: None,
        service_type,
        server_certificate_arn: None,
        authorizer_config: None,
        security_policy: SecurityPolicy::default(),
        server_certificate_config: None,
        authentication_type: AuthenticationType::Default,
        application_protocol: ApplicationProtocol::Default,
        client_certificate_callback_arn: None,
    })
}
