//! CA certificates and the registration code (section 4.5).

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thingstead_core::CertificateId;
use thingstead_registry::{
    CertificateMode, CertificateStatus, RegisterCaCertificate, RegistrationConfig, UpdateCaCertificate,
};

use super::certificates::Validity;
use super::lists::{Empty, Epoch, MarkerPage, NoMembers};
use super::tags::{self, Tag};
use crate::{ApiError, Call};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GetRegistrationCodeResponse {
    registration_code: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RegisterCaCertificateRequest {
    ca_certificate: String,
    verification_certificate: Option<String>,
    #[serde(default)]
    set_as_active: bool,
    #[serde(default)]
    allow_auto_registration: bool,
    registration_config: Option<RegistrationConfig>,
    #[serde(default)]
    tags: Vec<Tag>,
    certificate_mode: Option<CertificateMode>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RegisterCaCertificateResponse {
    certificate_arn: String,
    certificate_id: CertificateId,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CaCertificateRequest {
    certificate_id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DescribeCaCertificateResponse {
    certificate_description: CaCertificateDescription,
    registration_config: Option<RegistrationConfig>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CaCertificateDescription {
    certificate_arn: String,
    certificate_id: CertificateId,
    status: CertificateStatus,
    certificate_pem: Arc<str>,
    owned_by: String,
    creation_date: Epoch,
    auto_registration_status: &'static str,
    last_modified_date: Epoch,
    customer_version: i64,
    generation_id: String,
    validity: Validity,
    certificate_mode: CertificateMode,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListCaCertificatesRequest {
    template_name: Option<String>,
    #[serde(flatten)]
    page: MarkerPage,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListCaCertificatesResponse {
    certificates: Vec<CaCertificateRow>,
    next_marker: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CaCertificateRow {
    certificate_arn: String,
    certificate_id: CertificateId,
    status: CertificateStatus,
    creation_date: Epoch,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UpdateCaCertificateRequest {
    certificate_id: String,
    new_status: Option<CertificateStatus>,
    new_auto_registration_status: Option<String>,
    registration_config: Option<RegistrationConfig>,
    #[serde(default)]
    remove_auto_registration: bool,
}

pub(crate) async fn get_registration_code(
    call: Call,
    _input: NoMembers,
) -> Result<GetRegistrationCodeResponse, ApiError> {
    let registration_code = call.deps.registry.get_registration_code(&call.scope).await?;
    Ok(GetRegistrationCodeResponse { registration_code })
}

pub(crate) async fn delete_registration_code(call: Call, _input: NoMembers) -> Result<Empty, ApiError> {
    call.deps.registry.delete_registration_code(&call.scope).await?;
    Ok(Empty {})
}

pub(crate) async fn register_ca_certificate(
    call: Call,
    input: RegisterCaCertificateRequest,
) -> Result<RegisterCaCertificateResponse, ApiError> {
    let request = RegisterCaCertificate {
        ca_certificate: input.ca_certificate,
        verification_certificate: input.verification_certificate,
        active: input.set_as_active,
        auto_registration: input.allow_auto_registration,
        registration_config: input.registration_config,
        tags: tags::checked(input.tags)?,
        sni_only: input.certificate_mode == Some(CertificateMode::SniOnly),
    };
    let registered = call.deps.registry.register_ca_certificate(&call.scope, request).await?;
    Ok(RegisterCaCertificateResponse {
        certificate_arn: registered.arn(&call.scope).to_string(),
        certificate_id: registered.id.clone(),
    })
}

pub(crate) async fn describe_ca_certificate(
    call: Call,
    input: CaCertificateRequest,
) -> Result<DescribeCaCertificateResponse, ApiError> {
    let found = call.deps.registry.describe_ca_certificate(&call.scope, &input.certificate_id)?;
    Ok(DescribeCaCertificateResponse {
        certificate_description: CaCertificateDescription {
            certificate_arn: found.arn(&call.scope).to_string(),
            certificate_id: found.id.clone(),
            status: found.status,
            certificate_pem: Arc::clone(&found.pem),
            owned_by: found.owned_by.clone(),
            creation_date: Epoch(found.created_at),
            auto_registration_status: if found.auto_registration { "ENABLE" } else { "DISABLE" },
            last_modified_date: Epoch(found.modified_at),
            customer_version: found.customer_version,
            generation_id: found.generation_id.clone(),
            validity: Validity { not_before: Epoch(found.not_before), not_after: Epoch(found.not_after) },
            certificate_mode: found.mode,
        },
        registration_config: found.registration_config.clone(),
    })
}

pub(crate) async fn list_ca_certificates(
    call: Call,
    input: ListCaCertificatesRequest,
) -> Result<ListCaCertificatesResponse, ApiError> {
    let (template, ascending) = (input.template_name.as_deref(), input.page.ascending_order);
    let registry = &call.deps.registry;
    let page = registry.list_ca_certificates(&call.scope, template, &input.page.request(), ascending)?;
    let page = page.map(|ca| CaCertificateRow {
        certificate_arn: ca.arn(&call.scope).to_string(),
        certificate_id: ca.id.clone(),
        status: ca.status,
        creation_date: Epoch(ca.created_at),
    });
    Ok(ListCaCertificatesResponse { certificates: page.items, next_marker: page.next })
}

pub(crate) async fn update_ca_certificate(
    call: Call,
    input: UpdateCaCertificateRequest,
) -> Result<Empty, ApiError> {
    let request = UpdateCaCertificate {
        status: input.new_status,
        auto_registration: input.new_auto_registration_status.map(|status| status == "ENABLE"),
        registration_config: input.registration_config,
        remove_auto_registration: input.remove_auto_registration,
    };
    call.deps.registry.update_ca_certificate(&call.scope, &input.certificate_id, request).await?;
    Ok(Empty {})
}

pub(crate) async fn delete_ca_certificate(
    call: Call,
    input: CaCertificateRequest,
) -> Result<Empty, ApiError> {
    call.deps.registry.delete_ca_certificate(&call.scope, &input.certificate_id).await?;
    Ok(Empty {})
}
