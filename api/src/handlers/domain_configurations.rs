//! Domain configurations (section 5.8).

use serde::{Deserialize, Serialize};
use thingstead_core::Scope;
use thingstead_registry::{
    ApplicationProtocol, AuthenticationType, AuthorizerConfig, CreateDomainConfiguration,
    DomainConfiguration, DomainConfigurationStatus, DomainSettings, DomainType, ServerCertificateConfig,
    ServiceType, UpdateDomainConfiguration,
};

use super::endpoint;
use super::lists::{Empty, Epoch, MarkerPage};
use super::tags::{self, Tag};
use crate::{ApiError, Call};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreateDomainConfigurationRequest {
    domain_configuration_name: String,
    domain_name: Option<String>,
    #[serde(default)]
    server_certificate_arns: Vec<String>,
    #[serde(default)]
    service_type: ServiceType,
    #[serde(default)]
    tags: Vec<Tag>,
    #[serde(flatten)]
    settings: SettingsMembers,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UpdateDomainConfigurationRequest {
    domain_configuration_name: String,
    domain_configuration_status: Option<DomainConfigurationStatus>,
    #[serde(default)]
    remove_authorizer_config: bool,
    #[serde(flatten)]
    settings: SettingsMembers,
}

/// What can be set at creation and later.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SettingsMembers {
    authorizer_config: Option<AuthorizerConfig>,
    tls_config: Option<TlsConfig>,
    server_certificate_config: Option<ServerCertificateConfig>,
    authentication_type: Option<AuthenticationType>,
    application_protocol: Option<ApplicationProtocol>,
    client_certificate_config: Option<ClientCertificateConfig>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct TlsConfig {
    security_policy: Option<String>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct ClientCertificateConfig {
    client_certificate_callback_arn: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DomainConfigurationRequest {
    domain_configuration_name: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DomainConfigurationNameAndArn {
    domain_configuration_name: String,
    domain_configuration_arn: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DescribeDomainConfigurationResponse {
    domain_configuration_name: String,
    domain_configuration_arn: String,
    domain_name: String,
    server_certificates: Vec<ServerCertificateSummary>,
    authorizer_config: Option<AuthorizerConfig>,
    domain_configuration_status: DomainConfigurationStatus,
    service_type: ServiceType,
    domain_type: DomainType,
    last_status_change_date: Option<Epoch>,
    tls_config: TlsConfig,
    server_certificate_config: Option<ServerCertificateConfig>,
    authentication_type: AuthenticationType,
    application_protocol: ApplicationProtocol,
    client_certificate_config: Option<ClientCertificateConfig>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ServerCertificateSummary {
    server_certificate_arn: String,
    server_certificate_status: &'static str,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListDomainConfigurationsRequest {
    service_type: Option<ServiceType>,
    #[serde(flatten)]
    page: MarkerPage,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListDomainConfigurationsResponse {
    domain_configurations: Vec<DomainConfigurationSummary>,
    next_marker: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DomainConfigurationSummary {
    domain_configuration_name: String,
    domain_configuration_arn: String,
    service_type: ServiceType,
}

pub(crate) async fn create_domain_configuration(
    call: Call,
    input: CreateDomainConfigurationRequest,
) -> Result<DomainConfigurationNameAndArn, ApiError> {
    let request = CreateDomainConfiguration {
        name: input.domain_configuration_name,
        domain_name: input.domain_name,
        server_certificate_arns: input.server_certificate_arns,
        service_type: input.service_type,
        settings: input.settings.into(),
        tags: tags::checked(input.tags)?,
    };
    let made = call.deps.registry.create_domain_configuration(&call.scope, request).await?;
    Ok(named(&made, &call.scope))
}

pub(crate) async fn describe_domain_configuration(
    call: Call,
    input: DomainConfigurationRequest,
) -> Result<DescribeDomainConfigurationResponse, ApiError> {
    let found =
        call.deps.registry.describe_domain_configuration(&call.scope, &input.domain_configuration_name)?;
    let domain_name = match found.domain_type {
        // What DescribeEndpoint answers the same caller.
        DomainType::Endpoint => endpoint::of_call(&call, &found.name)?,
        _ => found.domain_name.clone(),
    };
    let certificates = found.server_certificate_arn.iter().map(|arn| ServerCertificateSummary {
        server_certificate_arn: arn.clone(),
        server_certificate_status: "VALID",
    });
    Ok(DescribeDomainConfigurationResponse {
        domain_configuration_name: found.name.clone(),
        domain_configuration_arn: found.arn(&call.scope).to_string(),
        domain_name,
        server_certificates: certificates.collect(),
        authorizer_config: found.authorizer_config.clone(),
        domain_configuration_status: found.status,
        service_type: found.service_type,
        domain_type: found.domain_type,
        last_status_change_date: found.last_status_change_date.map(Epoch),
        tls_config: TlsConfig { security_policy: Some(found.security_policy.name().to_owned()) },
        server_certificate_config: found.server_certificate_config.clone(),
        authentication_type: found.authentication_type,
        application_protocol: found.application_protocol,
        client_certificate_config: found
            .client_certificate_callback_arn
            .clone()
            .map(|arn| ClientCertificateConfig { client_certificate_callback_arn: Some(arn) }),
    })
}

pub(crate) async fn update_domain_configuration(
    call: Call,
    input: UpdateDomainConfigurationRequest,
) -> Result<DomainConfigurationNameAndArn, ApiError> {
    let name = input.domain_configuration_name;
    let request = UpdateDomainConfiguration {
        status: input.domain_configuration_status,
        remove_authorizer_config: input.remove_authorizer_config,
        settings: input.settings.into(),
    };
    let changed = call.deps.registry.update_domain_configuration(&call.scope, &name, request).await?;
    Ok(named(&changed, &call.scope))
}

pub(crate) async fn delete_domain_configuration(
    call: Call,
    input: DomainConfigurationRequest,
) -> Result<Empty, ApiError> {
    let name = input.domain_configuration_name;
    call.deps.registry.delete_domain_configuration(&call.scope, &name).await?;
    Ok(Empty {})
}

pub(crate) async fn list_domain_configurations(
    call: Call,
    input: ListDomainConfigurationsRequest,
) -> Result<ListDomainConfigurationsResponse, ApiError> {
    let registry = &call.deps.registry;
    let page = registry.list_domain_configurations(&call.scope, input.service_type, &input.page.request())?;
    let page = page.map(|found| DomainConfigurationSummary {
        domain_configuration_name: found.name.clone(),
        domain_configuration_arn: found.arn(&call.scope).to_string(),
        service_type: found.service_type,
    });
    Ok(ListDomainConfigurationsResponse { domain_configurations: page.items, next_marker: page.next })
}

impl From<SettingsMembers> for DomainSettings {
    fn from(members: SettingsMembers) -> Self {
        Self {
            authorizer_config: members.authorizer_config,
            security_policy: members.tls_config.and_then(|tls| tls.security_policy),
            server_certificate_config: members.server_certificate_config,
            authentication_type: members.authentication_type,
            application_protocol: members.application_protocol,
            client_certificate_callback_arn: members
                .client_certificate_config
                .map(|config| config.client_certificate_callback_arn.unwrap_or_default()),
        }
    }
}

fn named(configuration: &DomainConfiguration, scope: &Scope) -> DomainConfigurationNameAndArn {
    DomainConfigurationNameAndArn {
        domain_configuration_name: configuration.name.clone(),
        domain_configuration_arn: configuration.arn(scope).to_string(),
    }
}
