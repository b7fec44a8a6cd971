//! Device certificates (section 4.4).

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thingstead_core::{CertificateId, Scope};
use thingstead_registry::{
    Certificate, CertificateMode, CertificateStatus, Page, RegisterCertificate, TransferData,
};

use super::lists::{Empty, Epoch, MarkerPage};
use crate::{ApiError, Call};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreateKeysAndCertificateRequest {
    #[serde(default)]
    set_as_active: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreateKeysAndCertificateResponse {
    certificate_arn: String,
    certificate_id: CertificateId,
    certificate_pem: Arc<str>,
    key_pair: KeyPair,
}

/// Capitalised on the wire (API-033).
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct KeyPair {
    public_key: String,
    private_key: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreateCertificateFromCsrRequest {
    certificate_signing_request: String,
    #[serde(default)]
    set_as_active: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreateCertificateFromCsrResponse {
    certificate_arn: String,
    certificate_id: CertificateId,
    certificate_pem: Arc<str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RegisterCertificateRequest {
    certificate_pem: String,
    ca_certificate_pem: Option<String>,
    set_as_active: Option<bool>,
    status: Option<CertificateStatus>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RegisterCertificateWithoutCaRequest {
    certificate_pem: String,
    status: Option<CertificateStatus>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RegisteredCertificate {
    certificate_arn: String,
    certificate_id: CertificateId,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DescribeCertificateRequest {
    certificate_id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DescribeCertificateResponse {
    certificate_description: CertificateDescription,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CertificateDescription {
    certificate_arn: String,
    certificate_id: CertificateId,
    ca_certificate_id: Option<CertificateId>,
    status: CertificateStatus,
    certificate_pem: Arc<str>,
    owned_by: String,
    previous_owned_by: Option<String>,
    creation_date: Epoch,
    last_modified_date: Epoch,
    customer_version: i64,
    transfer_data: TransferDescription,
    generation_id: String,
    validity: Validity,
    certificate_mode: CertificateMode,
}

/// `transferData`, empty for a certificate that never moved (API-137).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TransferDescription {
    transfer_message: Option<String>,
    reject_reason: Option<String>,
    transfer_date: Option<Epoch>,
    accept_date: Option<Epoch>,
    reject_date: Option<Epoch>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Validity {
    pub(crate) not_before: Epoch,
    pub(crate) not_after: Epoch,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListCertificatesRequest {
    #[serde(flatten)]
    page: MarkerPage,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListCertificatesByCaRequest {
    ca_certificate_id: String,
    #[serde(flatten)]
    page: MarkerPage,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListCertificatesResponse {
    certificates: Vec<CertificateRow>,
    next_marker: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CertificateRow {
    certificate_arn: String,
    certificate_id: CertificateId,
    status: CertificateStatus,
    certificate_mode: CertificateMode,
    creation_date: Epoch,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UpdateCertificateRequest {
    certificate_id: String,
    new_status: CertificateStatus,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeleteCertificateRequest {
    certificate_id: String,
    #[serde(default)]
    force_delete: bool,
}

pub(crate) async fn create_keys_and_certificate(
    call: Call,
    input: CreateKeysAndCertificateRequest,
) -> Result<CreateKeysAndCertificateResponse, ApiError> {
    let created = call.deps.registry.create_keys_and_certificate(&call.scope, input.set_as_active).await?;
    Ok(CreateKeysAndCertificateResponse {
        certificate_arn: created.certificate.arn(&call.scope).to_string(),
        certificate_id: created.certificate.id.clone(),
        certificate_pem: Arc::clone(&created.certificate.pem),
        key_pair: KeyPair { public_key: created.public_key, private_key: created.private_key },
    })
}

pub(crate) async fn create_certificate_from_csr(
    call: Call,
    input: CreateCertificateFromCsrRequest,
) -> Result<CreateCertificateFromCsrResponse, ApiError> {
    let registry = &call.deps.registry;
    let request = &input.certificate_signing_request;
    let created = registry.create_certificate_from_csr(&call.scope, request, input.set_as_active).await?;
    Ok(CreateCertificateFromCsrResponse {
        certificate_arn: created.arn(&call.scope).to_string(),
        certificate_id: created.id.clone(),
        certificate_pem: Arc::clone(&created.pem),
    })
}

/// The status comes in the body, or from older clients as `setAsActive` in the query (API-133).
pub(crate) async fn register_certificate(
    call: Call,
    input: RegisterCertificateRequest,
) -> Result<RegisteredCertificate, ApiError> {
    let active = input.set_as_active.unwrap_or(false).then_some(CertificateStatus::Active);
    let request = RegisterCertificate {
        certificate_pem: input.certificate_pem,
        ca_certificate_pem: input.ca_certificate_pem,
        status: input.status.or(active),
    };
    let registered = call.deps.registry.register_certificate(&call.scope, request).await?;
    Ok(RegisteredCertificate::of(&call.scope, &registered))
}

pub(crate) async fn register_certificate_without_ca(
    call: Call,
    input: RegisterCertificateWithoutCaRequest,
) -> Result<RegisteredCertificate, ApiError> {
    let registry = &call.deps.registry;
    let pem = &input.certificate_pem;
    let registered = registry.register_certificate_without_ca(&call.scope, pem, input.status).await?;
    Ok(RegisteredCertificate::of(&call.scope, &registered))
}

pub(crate) async fn describe_certificate(
    call: Call,
    input: DescribeCertificateRequest,
) -> Result<DescribeCertificateResponse, ApiError> {
    let found = call.deps.registry.describe_certificate(&call.scope, &input.certificate_id)?;
    Ok(DescribeCertificateResponse {
        certificate_description: CertificateDescription {
            certificate_arn: found.arn(&call.scope).to_string(),
            certificate_id: found.id.clone(),
            ca_certificate_id: found.ca_certificate_id.clone(),
            status: found.status,
            certificate_pem: Arc::clone(&found.pem),
            owned_by: found.owned_by.clone(),
            previous_owned_by: found.previous_owned_by.clone(),
            creation_date: Epoch(found.created_at),
            last_modified_date: Epoch(found.modified_at),
            customer_version: found.customer_version,
            transfer_data: TransferDescription::of(&found.transfer_data),
            generation_id: found.generation_id.clone(),
            validity: Validity { not_before: Epoch(found.not_before), not_after: Epoch(found.not_after) },
            certificate_mode: found.mode,
        },
    })
}

pub(crate) async fn list_certificates(
    call: Call,
    input: ListCertificatesRequest,
) -> Result<ListCertificatesResponse, ApiError> {
    let ascending = input.page.ascending_order;
    let page = call.deps.registry.list_certificates(&call.scope, &input.page.request(), ascending)?;
    Ok(rows(&call.scope, page))
}

pub(crate) async fn list_certificates_by_ca(
    call: Call,
    input: ListCertificatesByCaRequest,
) -> Result<ListCertificatesResponse, ApiError> {
    let (registry, ascending) = (&call.deps.registry, input.page.ascending_order);
    let ca = &input.ca_certificate_id;
    let page = registry.list_certificates_by_ca(&call.scope, ca, &input.page.request(), ascending)?;
    Ok(rows(&call.scope, page))
}

pub(crate) async fn update_certificate(
    call: Call,
    input: UpdateCertificateRequest,
) -> Result<Empty, ApiError> {
    call.deps.registry.update_certificate(&call.scope, &input.certificate_id, input.new_status).await?;
    Ok(Empty {})
}

pub(crate) async fn delete_certificate(
    call: Call,
    input: DeleteCertificateRequest,
) -> Result<Empty, ApiError> {
    call.deps.registry.delete_certificate(&call.scope, &input.certificate_id, input.force_delete).await?;
    Ok(Empty {})
}

impl RegisteredCertificate {
    fn of(scope: &Scope, certificate: &Certificate) -> Self {
        Self { certificate_arn: certificate.arn(scope).to_string(), certificate_id: certificate.id.clone() }
    }
}

impl TransferDescription {
    fn of(data: &TransferData) -> Self {
        Self {
            transfer_message: data.transfer_message.clone(),
            reject_reason: data.reject_reason.clone(),
            transfer_date: data.transfer_date.map(Epoch),
            accept_date: data.accept_date.map(Epoch),
            reject_date: data.reject_date.map(Epoch),
        }
    }
}

fn rows(scope: &Scope, page: Page<Arc<Certificate>>) -> ListCertificatesResponse {
    let page = page.map(|certificate| CertificateRow {
        certificate_arn: certificate.arn(scope).to_string(),
        certificate_id: certificate.id.clone(),
        status: certificate.status,
        certificate_mode: certificate.mode,
        creation_date: Epoch(certificate.created_at),
    });
    ListCertificatesResponse { certificates: page.items, next_marker: page.next }
}
