//! Domain configurations: endpoints of one's own name and one's own rules for authentication (api.md 5.8).

mod defaults;
mod kinds;
mod rules;
mod server_names;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thingstead_core::{Arn, Scope, Timestamp};
use thingstead_store::Table;

pub use defaults::DEFAULT_DOMAIN_CONFIGURATIONS;
pub use kinds::{
    ApplicationProtocol, AuthenticationType, DomainConfigurationStatus, DomainType, SecurityPolicy,
    ServiceType,
};
pub use server_names::Named;

use crate::change::Change;
use crate::collection::Resource;
use crate::page::{self, DEFAULT_MARKED, Page, PageRequest};
use crate::state::State;
use crate::{Registry, RegistryError, Result, tags};

/// An endpoint that SNI chooses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DomainConfiguration {
    /// Unique in its scope; the default endpoints' begin with `iot:`.
    #[serde(rename = "domainConfigurationName")]
    pub name: String,
    /// Five letters or digits at the end of the ARN; none for default endpoints.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub arn_suffix: String,
    /// The host name, in lower case: what clients send as SNI.
    pub domain_name: String,
    /// Whose name it is.
    pub domain_type: DomainType,
    /// Whether it takes connections.
    #[serde(rename = "domainConfigurationStatus")]
    pub status: DomainConfigurationStatus,
    /// When the status was last changed; `None` for default endpoints.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_status_change_date: Option<Timestamp>,
    /// Which service answers there.
    pub service_type: ServiceType,
    /// At most one (AUTH-272). It is kept and shown; the certificate that is presented is the server's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_certificate_arn: Option<String>,
    /// The default authorizer and whether clients may name another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorizer_config: Option<AuthorizerConfig>,
    /// Which versions of TLS are spoken.
    pub security_policy: SecurityPolicy,
    /// OCSP stapling.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_certificate_config: Option<ServerCertificateConfig>,
    /// How clients authenticate; `DEFAULT` leaves it to port and ALPN (AUTH-010).
    pub authentication_type: AuthenticationType,
    /// What they speak.
    pub application_protocol: ApplicationProtocol,
    /// The function that is asked about every client certificate (AUTH-060).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_certificate_callback_arn: Option<String>,
}

/// `authorizerConfig` (AUTH-158).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuthorizerConfig {
    /// The authorizer of clients that name none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_authorizer_name: Option<String>,
    /// Whether clients may name another one (AUTH-166).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow_authorizer_override: Option<bool>,
}

/// `serverCertificateConfig` (AUTH-275).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerCertificateConfig {
    /// Whether an OCSP response for the server certificate is stapled.
    #[serde(rename = "enableOCSPCheck", default, skip_serializing_if = "Option::is_none")]
    pub enable_ocsp_check: Option<bool>,
    /// Who makes it, for private authorities.
    #[serde(rename = "ocspLambdaArn", default, skip_serializing_if = "Option::is_none")]
    pub ocsp_lambda_arn: Option<String>,
    /// Who signs it.
    #[serde(rename = "ocspAuthorizedResponderArn", default, skip_serializing_if = "Option::is_none")]
    pub ocsp_authorized_responder_arn: Option<String>,
}

/// `CreateDomainConfiguration`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CreateDomainConfiguration {
    /// Its name.
    pub name: String,
    /// The host name; `None` lets the service choose one.
    pub domain_name: Option<String>,
    /// At most one.
    pub server_certificate_arns: Vec<String>,
    /// `DATA` when absent.
    pub service_type: ServiceType,
    /// What is set here can be changed later.
    pub settings: DomainSettings,
    /// Tags to begin with.
    pub tags: Vec<(String, String)>,
}

/// What `CreateDomainConfiguration` and `UpdateDomainConfiguration` have in common; `None` leaves a member.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DomainSettings {
    /// Authorizers.
    pub authorizer_config: Option<AuthorizerConfig>,
    /// `tlsConfig.securityPolicy`, by its AWS name.
    pub security_policy: Option<String>,
    /// OCSP stapling.
    pub server_certificate_config: Option<ServerCertificateConfig>,
    /// How clients authenticate.
    pub authentication_type: Option<AuthenticationType>,
    /// What they speak.
    pub application_protocol: Option<ApplicationProtocol>,
    /// `clientCertificateConfig.clientCertificateCallbackArn`; an empty text takes it away.
    pub client_certificate_callback_arn: Option<String>,
}

/// `UpdateDomainConfiguration`; `None` leaves a member.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UpdateDomainConfiguration {
    /// Whether it takes connections.
    pub status: Option<DomainConfigurationStatus>,
    /// Drops the authorizers.
    pub remove_authorizer_config: bool,
    /// The rest.
    pub settings: DomainSettings,
}

impl DomainConfiguration {
    /// Its ARN (API-335).
    pub fn arn(&self, scope: &Scope) -> Arn {
        let Self { name, arn_suffix, .. } = self;
        let resource = if arn_suffix.is_empty() { name.clone() } else { format!("{name}/{arn_suffix}") };
        Arn::iot(scope, format!("domainconfiguration/{resource}"))
    }

    /// Whether port and ALPN decide, as on the default endpoint (AUTH-010).
    pub fn follows_port_and_alpn(&self) -> bool {
        self.authentication_type == AuthenticationType::Default
    }
}

impl Resource for DomainConfiguration {
    const TABLE: Table = Table::new("domain_configurations");

    fn key(&self) -> &str {
        &self.name
    }
}

impl Registry {
    /// Creates a domain configuration, ENABLED (API-335, API-336).
    ///
    /// # Errors
    /// `ResourceAlreadyExists` for a name or host name that is taken, `LimitExceeded`, `InvalidRequest`.
    pub async fn create_domain_configuration(
        &self,
        scope: &Scope,
        request: CreateDomainConfiguration,
    ) -> Result<Arc<DomainConfiguration>> {
        let name = request.name.clone();
        let custom = request.domain_name.as_deref().map(rules::host_name).transpose()?;
        let server_certificate_arn = match request.server_certificate_arns.as_slice() {
            [] => None,
            [one] => Some(one.clone()),
            _ => return Err(RegistryError::invalid("At most one server certificate can be given")),
        };
        self.change(scope, |state, change| {
            if name.starts_with("iot:") {
                return Err(RegistryError::invalid(format!(
                    "The name {name} begins with `iot:`, which is reserved for the default endpoints"
                )));
            }
            if let Some(found) = state.domain_configurations.get(&name) {
                return Err(RegistryError::exists(
                    format!("Domain configuration {name} already exists"),
                    &name,
                    found.arn(scope).to_string(),
                ));
            }
            if change.limited() && state.domain_configurations.len() >= MOST {
                return Err(RegistryError::LimitExceeded(format!(
                    "An account can have at most {MOST} domain configurations"
                )));
            }
            if let Some(host) = &custom {
                refuse_taken(change, host)?;
            }
            let made = DomainConfiguration {
                arn_suffix: change.registry.ids.hex(3).chars().take(5).collect(),
                domain_type: if custom.is_some() {
                    DomainType::CustomerManaged
                } else {
                    DomainType::AwsManaged
                },
                domain_name: custom.unwrap_or_else(|| {
                    format!("d{}-ats.iot.{}.amazonaws.com", change.registry.ids.hex(10), scope.region())
                }),
                name,
                status: DomainConfigurationStatus::Enabled,
                last_status_change_date: Some(change.now),
                service_type: request.service_type,
                server_certificate_arn,
                authorizer_config: None,
                security_policy: SecurityPolicy::default(),
                server_certificate_config: None,
                authentication_type: AuthenticationType::Default,
                application_protocol: ApplicationProtocol::Default,
                client_certificate_callback_arn: None,
            };
            let made = rules::with(made, request.settings)?;
            tags::add(state, change, &made.arn(scope).to_string(), &request.tags)?;
            Ok(put(state, change, made))
        })
        .await
    }

    /// A domain configuration, or one of the default endpoints (API-337).
    ///
    /// # Errors
    /// `ResourceNotFound`.
    pub fn describe_domain_configuration(
        &self,
        scope: &Scope,
        name: &str,
    ) -> Result<Arc<DomainConfiguration>> {
        if let Some(default) = defaults::default_endpoint(name, &self.0.settings.endpoints) {
            return Ok(Arc::new(default));
        }
        self.read(scope, |state| known(state, name).cloned())
    }

    /// Changes a domain configuration (API-338).
    ///
    /// # Errors
    /// `ResourceNotFound`, `InvalidRequest` for a default endpoint and for what does not fit together.
    pub async fn update_domain_configuration(
        &self,
        scope: &Scope,
        name: &str,
        request: UpdateDomainConfiguration,
    ) -> Result<Arc<DomainConfiguration>> {
        refuse_default(name, "updated")?;
        if request.remove_authorizer_config && request.settings.authorizer_config.is_some() {
            return Err(RegistryError::invalid(
                "`authorizerConfig` cannot be given together with `removeAuthorizerConfig`",
            ));
        }
        self.change(scope, |state, change| {
            let mut changed = DomainConfiguration::clone(known(state, name)?);
            if request.remove_authorizer_config {
                changed.authorizer_config = None;
            }
            if let Some(status) = request.status.filter(|status| *status != changed.status) {
                changed.status = status;
                changed.last_status_change_date = Some(change.now);
            }
            let changed = rules::with(changed, request.settings)?;
            Ok(put(state, change, changed))
        })
        .await
    }

    /// Deletes a domain configuration that is DISABLED; one with a host name of the service's must have been so for seven days
    /// (API-338).
    ///
    /// # Errors
    /// `ResourceNotFound`, `InvalidRequest`.
    pub async fn delete_domain_configuration(&self, scope: &Scope, name: &str) -> Result<()> {
        refuse_default(name, "deleted")?;
        self.change(scope, |state, change| {
            let current = known(state, name)?;
            if current.status == DomainConfigurationStatus::Enabled {
                return Err(RegistryError::invalid(format!(
                    "Domain configuration {name} is ENABLED; set it to DISABLED before it is deleted"
                )));
            }
            let disabled_for = current.last_status_change_date.map(|at| change.now.since(at));
            let waits = current.domain_type == DomainType::AwsManaged && change.limited();
            if waits && disabled_for.is_none_or(|time| time < rules::REST_OF_MANAGED_NAMES) {
                return Err(RegistryError::invalid(format!(
                    "Domain configuration {name} is AWS managed and must be DISABLED for 7 days before it is deleted"
                )));
            }
            let (arn, host) = (current.arn(scope).to_string(), current.domain_name.clone());
            tags::forget(state, change, &arn);
            change.remove(&mut state.domain_configurations, name);
            change.registry.domains.remove(&host);
            Ok(())
        })
        .await
    }

    /// Domain configurations and default endpoints by name, those of a service if one is named (API-339).
    ///
    /// # Errors
    /// `InvalidRequest` for an unknown marker.
    pub fn list_domain_configurations(
        &self,
        scope: &Scope,
        service_type: Option<ServiceType>,
        page: &PageRequest,
    ) -> Result<Page<Arc<DomainConfiguration>>> {
        let defaults = DEFAULT_DOMAIN_CONFIGURATIONS
            .iter()
            .filter_map(|name| defaults::default_endpoint(name, &self.0.settings.endpoints))
            .map(Arc::new);
        let mut rows: Vec<Arc<DomainConfiguration>> =
            self.read(scope, |state| state.domain_configurations.iter().cloned().chain(defaults).collect());
        rows.retain(|row| service_type.is_none_or(|wanted| row.service_type == wanted));
        rows.sort_by(|a, b| a.name.cmp(&b.name));
        let rows = rows.into_iter().map(|row| (row.name.clone(), row));
        page::by_key("domain-configurations", page, DEFAULT_MARKED, rows)
    }
}

fn put(
    state: &mut State,
    change: &mut Change<'_>,
    configuration: DomainConfiguration,
) -> Arc<DomainConfiguration> {
    let host = configuration.domain_name.clone();
    let stored = change.put(&mut state.domain_configurations, configuration);
    change.registry.domains.insert(host, (change.scope.clone(), Arc::clone(&stored)));
    stored
}

fn known<'a>(state: &'a State, name: &str) -> Result<&'a Arc<DomainConfiguration>> {
    state
        .domain_configurations
        .get(name)
        .ok_or_else(|| RegistryError::not_found(format!("Domain configuration {name} does not exist")))
}

fn refuse_default(name: &str, what: &str) -> Result<()> {
    if DEFAULT_DOMAIN_CONFIGURATIONS.contains(&name) {
        return Err(RegistryError::invalid(format!("The default endpoint {name} cannot be {what}")));
    }
    Ok(())
}

/// A host name leads to one endpoint of the whole server.
fn refuse_taken(change: &Change<'_>, host: &str) -> Result<()> {
    match change.registry.domains.get(host) {
        None => Ok(()),
        Some(found) => {
            let (owner, configuration) = found.value();
            Err(RegistryError::exists(
                format!("The domain name {host} is already used by a domain configuration"),
                &configuration.name,
                configuration.arn(owner).to_string(),
            ))
        }
    }
}

/// Q38.
const MOST: usize = 10;
