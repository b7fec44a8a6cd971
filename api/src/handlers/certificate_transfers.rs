//! Certificates that go to another account (section 4.4).

use serde::{Deserialize, Serialize};

use super::lists::{Empty, Epoch, MarkerPage};
use crate::{ApiError, Call};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TransferCertificateRequest {
    certificate_id: String,
    target_aws_account: String,
    transfer_message: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TransferCertificateResponse {
    transferred_certificate_arn: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AcceptCertificateTransferRequest {
    certificate_id: String,
    #[serde(default)]
    set_as_active: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RejectCertificateTransferRequest {
    certificate_id: String,
    reject_reason: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CancelCertificateTransferRequest {
    certificate_id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListOutgoingCertificatesResponse {
    outgoing_certificates: Vec<OutgoingCertificate>,
    next_marker: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OutgoingCertificate {
    certificate_arn: String,
    certificate_id: String,
    transferred_to: Option<String>,
    transfer_date: Option<Epoch>,
    transfer_message: Option<String>,
    creation_date: Epoch,
}

pub(crate) async fn transfer_certificate(
    call: Call,
    input: TransferCertificateRequest,
) -> Result<TransferCertificateResponse, ApiError> {
    let registry = &call.deps.registry;
    let (id, target) = (&input.certificate_id, &input.target_aws_account);
    let offered = registry.transfer_certificate(&call.scope, id, target, input.transfer_message).await?;
    Ok(TransferCertificateResponse { transferred_certificate_arn: offered.arn(&call.scope).to_string() })
}

pub(crate) async fn accept_certificate_transfer(
    call: Call,
    input: AcceptCertificateTransferRequest,
) -> Result<Empty, ApiError> {
    let registry = &call.deps.registry;
    registry.accept_certificate_transfer(&call.scope, &input.certificate_id, input.set_as_active).await?;
    Ok(Empty {})
}

pub(crate) async fn reject_certificate_transfer(
    call: Call,
    input: RejectCertificateTransferRequest,
) -> Result<Empty, ApiError> {
    let registry = &call.deps.registry;
    registry.reject_certificate_transfer(&call.scope, &input.certificate_id, input.reject_reason).await?;
    Ok(Empty {})
}

pub(crate) async fn cancel_certificate_transfer(
    call: Call,
    input: CancelCertificateTransferRequest,
) -> Result<Empty, ApiError> {
    call.deps.registry.cancel_certificate_transfer(&call.scope, &input.certificate_id).await?;
    Ok(Empty {})
}

pub(crate) async fn list_outgoing_certificates(
    call: Call,
    input: MarkerPage,
) -> Result<ListOutgoingCertificatesResponse, ApiError> {
    let ascending = input.ascending_order;
    let page = call.deps.registry.list_outgoing_certificates(&call.scope, &input.request(), ascending)?;
    let page = page.map(|certificate| OutgoingCertificate {
        certificate_arn: certificate.arn(&call.scope).to_string(),
        certificate_id: certificate.id.to_string(),
        transferred_to: certificate.transfer_data.target_account.clone(),
        transfer_date: certificate.transfer_data.transfer_date.map(Epoch),
        transfer_message: certificate.transfer_data.transfer_message.clone(),
        creation_date: Epoch(certificate.created_at),
    });
    Ok(ListOutgoingCertificatesResponse { outgoing_certificates: page.items, next_marker: page.next })
}
